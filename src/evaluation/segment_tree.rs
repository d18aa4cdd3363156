//! A tree of segments: which attributes of customers matter for what to send them, told from a log.

use std::fmt;

use crate::arm::ArmId;
use crate::segment::{SegmentId, Segments, SegmentsError};

use super::log::Log;
use super::roundwise::lots::lot;

/// Groups of customers, found by splitting them where the arms' rewards differ: grown on one half of a log, priced on the other.
///
/// A node is split into the customers with one level of an attribute and the others, where the differences of the arms' mean
/// rewards between the two differ most among the arms: with d_k the difference of arm k (means weighted by one over the
/// propensity) and V_k its variance, Q = Σ (d_k − d̄)² / V_k against χ² with one degree of freedom less than there are arms. That
/// customers of one kind pay more whatever they are sent is no reason for a split. A node is left whole if the best split is
/// one that chance gives with more than 5 % probability, the number of candidates reckoned with.
///
/// A split is then worth what the other half of the log says: what customers earn if each child gets the arm that looked best
/// for it in the first half, less what they earn by the arm that looked best for the node. Subtrees whose worth is not above
/// 1.645 standard errors are cut off, from the leaves upwards. So the tree is no larger than it pays, and what it promises is
/// not what it was chosen for.
///
/// S. Athey, G. Imbens (2016), *Recursive partitioning for heterogeneous causal effects*, for honesty by two halves.
///
/// ```
/// # use tactful::evaluation::{Log, Round, SegmentTree};
/// # use tactful::{ArmId, ArmSpace, Reward, RewardKind, SegmentId, Segments};
/// # let arms = ArmSpace::builder().dimension("template", ["fees", "peers"]).build()?;
/// # let segments = Segments::builder().attribute("age", ["young", "old"]).attribute("region", ["n", "s"]).build()?;
/// # let rounds = (0..40_000_u32).map(|n| {
/// #     let (segment, arm) = (n % 4, n / 4 % 2);
/// #     let rate = if (segment < 2) == (arm == 0) { 12 } else { 4 };
/// #     let reward = Reward::new(if n / 8 * 37 % 100 < rate { 1.0 } else { 0.0 });
/// #     Round { segment: SegmentId::new(segment), arm: ArmId::new(arm), propensity: 0.5, reward, eligible: None }
/// # });
/// # let log = Log::new(arms, segments, RewardKind::Binary, rounds)?;
/// let tree = SegmentTree::grow(&log, 1); // of a log with the attributes age and region, where only age matters
/// let groups = tree.segments()?; // for a bandit of its own
/// let names: Vec<String> = groups.iter().map(|group| group.to_string()).collect();
/// assert_eq!(names, ["group=age is young", "group=age is not young"]);
/// let old_south = log.segments().find([("age", "old"), ("region", "s")])?;
/// assert_eq!(groups.segment(tree.group(old_south)).to_string(), "group=age is not young");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SegmentTree {
    attributes: Segments,
    root: Node,
}

/// One group of customers, by what they have in common.
#[derive(Clone, Debug)]
pub struct Group {
    /// What its customers have in common, such as `age is young, region is not s`; empty of the whole.
    pub name: String,
    /// The arm that earned most with them in the half on which the tree was grown; none if nothing was sent.
    pub best: Option<ArmId>,
    /// What that arm earned with them in the other half; none if it was sent to too few.
    pub value: Option<Worth>,
    /// Rounds of the group in both halves.
    pub rounds: u64,
}

/// A split of a node: the attribute and level that the first child has, and what it was priced at.
#[derive(Clone, Debug)]
pub struct Split {
    /// Which customers were split, as [`Group::name`].
    pub of: String,
    /// The attribute.
    pub attribute: String,
    /// The level that sets the first child's customers apart.
    pub level: String,
    /// How unlikely chance is to make arms differ so, in standard deviations, in the half on which it was grown.
    pub evidence: f64,
    /// What this split and those below it add to the mean reward of the node's customers, in the other half, in the unit of the
    /// rewards.
    pub worth: Worth,
}

/// A mean reward, or a difference of such, in the unit of the log's rewards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worth {
    /// The estimate, self-normalised.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
}

#[derive(Clone, Debug)]
struct Node {
    rounds: u64,
    best: Option<ArmId>,
    value: Option<Worth>,
    split: Option<Box<Children>>,
}

#[derive(Clone, Debug)]
struct Children {
    attribute: usize,
    level: usize,
    evidence: f64,
    worth: Worth,
    with: Node,
    without: Node,
}

/// Weighted rewards of some customers who were sent one arm.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    rounds: u64,
    /// Σ w, Σ w r, Σ w r², Σ w², Σ w² r, Σ w² r² for w = 1 / propensity over the largest.
    moments: [f64; 6],
}

/// Of each arm, in one half of the log.
type Half = Vec<Sums>;

/// How many decisions an arm needs on both sides of a split to be compared, after weighting.
const ENOUGH: f64 = 50.0;

/// The deepest leaf.
const DEPTH: usize = 8;

/// Chance of a split where nothing differs, for each node.
const FALSE_ALARM: f64 = 0.05;

/// Standard errors that a split's worth has to be above: 5 % one-sided.
const PRICE: f64 = 1.645;

impl SegmentTree {
    /// Grows and prices a tree over the attributes of the log's segments. The seed deals the rounds into halves.
    #[must_use]
    pub fn grow(log: &Log, seed: u64) -> Self {
        let arms = log.arms().len();
        let mut cells =
            vec![[vec![Sums::default(); arms], vec![Sums::default(); arms]]; log.segments().len()];
        // Over the least, no weight overflows.
        let least = log.least_propensity();
        for (number, round) in (0..).zip(log.rounds().iter()) {
            let half = usize::from(lot(seed, number) < 0.5);
            let weight = least / round.propensity;
            cells[round.segment.index()][half][round.arm.index()].add(weight, round.reward.value());
        }
        let attributes = log.segments().clone();
        let sizes: Vec<usize> = attributes.attributes().map(|(_, levels)| levels.len()).collect();
        let growth = Growth { sizes, cells };
        let everybody: Vec<usize> = (0..attributes.len()).collect();
        Self { root: growth.node(&everybody, 0), attributes }
    }

    /// The groups as the segments of a bandit: one attribute, `group`, with a level for each leaf.
    ///
    /// # Errors
    ///
    /// [`SegmentsError`] if names that contain "is" make two groups read alike.
    pub fn segments(&self) -> Result<Segments, SegmentsError> {
        let groups = self.groups();
        if groups.len() == 1 {
            return Ok(Segments::single());
        }
        Segments::builder().attribute("group", groups.into_iter().map(|group| group.name)).build()
    }

    /// The group of the customers of one of the log's segments, as a segment of [`SegmentTree::segments`].
    ///
    /// # Panics
    ///
    /// If the log had no such segment.
    #[must_use]
    #[track_caller]
    pub fn group(&self, segment: SegmentId) -> SegmentId {
        let (segments, index) = (self.attributes.len(), segment.index());
        assert!(index < segments, "no segment {segment}; there are {segments}");
        let sizes: Vec<usize> = self.attributes.attributes().map(|(_, levels)| levels.len()).collect();
        let (mut node, mut before) = (&self.root, 0);
        while let Some(children) = &node.split {
            node = match level(&sizes, index, children.attribute) == children.level {
                true => &children.with,
                false => {
                    before += children.with.leaves();
                    &children.without
                }
            };
        }
        SegmentId::new(before)
    }

    /// The groups, in the order of their segments.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let mut groups = Vec::new();
        self.walk(&self.root, &mut Vec::new(), &mut |node, name| {
            if node.split.is_none() {
                let Node { best, value, rounds, .. } = *node;
                groups.push(Group { name, best, value: value, rounds });
            }
        });
        groups
    }

    /// The splits that were worth it, from the root down.
    #[must_use]
    pub fn splits(&self) -> Vec<Split> {
        let mut splits = Vec::new();
        self.walk(&self.root, &mut Vec::new(), &mut |node, of| {
            if let Some(children) = &node.split {
                let (attribute, level) = self.names(children);
                let (evidence, worth) = (children.evidence, children.worth);
                splits.push(Split {
                    of,
                    attribute: attribute.to_owned(),
                    level: level.to_owned(),
                    evidence,
                    worth,
                });
            }
        });
        splits
    }

    fn names(&self, children: &Children) -> (&str, &str) {
        let mut attributes = self.attributes.attributes().skip(children.attribute);
        attributes.next().map_or(("", ""), |(name, levels)| (name, levels[children.level].as_str()))
    }

    fn walk(&self, node: &Node, path: &mut Vec<String>, visit: &mut impl FnMut(&Node, String)) {
        visit(node, path.join(", "));
        let Some(children) = &node.split else { return };
        let (attribute, level) = self.names(children);
        for (child, is) in [(&children.with, "is"), (&children.without, "is not")] {
            path.push(format!("{attribute} {is} {level}"));
            self.walk(child, path, visit);
            path.pop();
        }
    }
}

/// The level of an attribute in a segment: mixed radix, the last attribute fastest.
fn level(sizes: &[usize], segment: usize, attribute: usize) -> usize {
    let stride: usize = sizes[attribute + 1..].iter().product();
    segment / stride % sizes[attribute]
}

impl Node {
    fn leaves(&self) -> u32 {
        self.split.as_ref().map_or(1, |children| children.with.leaves() + children.without.leaves())
    }
}

/// What trees are grown from.
struct Growth {
    sizes: Vec<usize>,
    /// For each segment the half that prices and the half that grows.
    cells: Vec<[Half; 2]>,
}

impl Growth {
    fn half(&self, segments: &[usize], half: usize) -> Half {
        let mut sums = vec![Sums::default(); self.cells.first().map_or(0, |cell| cell[0].len())];
        for &segment in segments {
            sums.iter_mut().zip(&self.cells[segment][half]).for_each(|(sum, cell)| sum.join(cell));
        }
        sums
    }

    fn node(&self, segments: &[usize], depth: usize) -> Node {
        let (priced, grown) = (self.half(segments, 0), self.half(segments, 1));
        let best = best(&grown);
        let node = Node {
            rounds: priced.iter().chain(&grown).map(|sums| sums.rounds).sum(),
            best,
            value: best.and_then(|arm| priced[arm.index()].estimate()),
            split: None,
        };
        if depth == DEPTH {
            return node;
        }
        let Some((attribute, level, evidence)) = self.split(segments, &grown) else { return node };
        let (with, without): (Vec<usize>, Vec<usize>) =
            segments.iter().partition(|&&segment| self::level(&self.sizes, segment, attribute) == level);
        let children = [self.node(&with, depth + 1), self.node(&without, depth + 1)];
        let Some(worth) = self.worth([(&with, &children[0]), (&without, &children[1])], &node) else {
            return node;
        };
        if !(worth.mean > PRICE * worth.standard_error) {
            return node;
        }
        let [with, without] = children;
        Node { split: Some(Box::new(Children { attribute, level, evidence, worth, with, without })), ..node }
    }

    /// The split by which arms differ most, if by more than chance: attribute, level, evidence.
    fn split(&self, segments: &[usize], grown: &Half) -> Option<(usize, usize, f64)> {
        let mut candidates = 0_u32;
        let mut most: Option<(usize, usize, f64)> = None;
        for (attribute, &size) in self.sizes.iter().enumerate() {
            for level in 0..size {
                let of: Vec<usize> = segments
                    .iter()
                    .copied()
                    .filter(|&segment| self::level(&self.sizes, segment, attribute) == level)
                    .collect();
                if of.is_empty() || of.len() == segments.len() {
                    continue;
                }
                let with = self.half(&of, 1);
                let Some(evidence) = interaction(&with, grown) else { continue };
                candidates += 1;
                if most.is_none_or(|(.., before)| evidence > before) {
                    most = Some((attribute, level, evidence));
                }
            }
        }
        let threshold = normal_quantile(1.0 - FALSE_ALARM / f64::from(candidates.max(1)));
        most.filter(|&(.., evidence)| evidence > threshold)
    }

    /// What the leaves below earn by their own best arms beside the node's, in the half that prices.
    fn worth(&self, children: [(&Vec<usize>, &Node); 2], node: &Node) -> Option<Worth> {
        let arm = node.best?;
        let mut leaves = Vec::new();
        for (segments, child) in children {
            self.leaves(segments, child, &mut leaves);
        }
        let rounds = |half: &Half| half.iter().map(|sums| sums.rounds).sum::<u64>();
        let all: u64 = leaves.iter().map(|(half, _)| rounds(half)).sum();
        let (mut mean, mut variance) = (0.0, 0.0);
        for (half, best) in leaves {
            if best == arm {
                continue;
            }
            let share = rounds(&half) as f64 / all as f64;
            let (own, other) = (half[best.index()].estimate()?, half[arm.index()].estimate()?);
            mean += share * (own.mean - other.mean);
            variance += share * share * (own.standard_error.powi(2) + other.standard_error.powi(2));
        }
        Some(Worth { mean, standard_error: variance.sqrt() })
    }

    fn leaves(&self, segments: &[usize], node: &Node, leaves: &mut Vec<(Half, ArmId)>) {
        match (&node.split, node.best) {
            (Some(children), _) => {
                let is =
                    |segment: &&usize| level(&self.sizes, **segment, children.attribute) == children.level;
                let (with, without): (Vec<usize>, Vec<usize>) = segments.iter().partition(is);
                self.leaves(&with, &children.with, leaves);
                self.leaves(&without, &children.without, leaves);
            }
            (None, Some(best)) => leaves.push((self.half(segments, 0), best)),
            (None, None) => {}
        }
    }
}

impl Sums {
    fn add(&mut self, w: f64, r: f64) {
        self.rounds += 1;
        let terms = [w, w * r, w * r * r, w * w, w * w * r, w * w * r * r];
        self.moments.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }

    fn join(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.moments.iter_mut().zip(other.moments).for_each(|(sum, term)| *sum += term);
    }

    fn less(&self, other: &Self) -> Self {
        let mut rest = *self;
        rest.rounds -= other.rounds;
        rest.moments.iter_mut().zip(other.moments).for_each(|(sum, term)| *sum -= term);
        rest
    }

    fn mean(&self) -> f64 {
        self.moments[1] / self.moments[0]
    }

    /// Rounds of equal weight that say as much: (Σ w)² / Σ w².
    fn effective(&self) -> f64 {
        match self.rounds {
            0 => 0.0,
            _ => self.moments[0] * self.moments[0] / self.moments[3],
        }
    }

    fn variance(&self) -> f64 {
        (self.moments[2] / self.moments[0] - self.mean().powi(2)).max(0.0)
    }

    /// The weighted mean, and its standard error Σ w² (r − mean)² / (Σ w)², to the power of one half; of enough rounds.
    fn estimate(&self) -> Option<Worth> {
        if !(self.effective() >= ENOUGH) {
            return None;
        }
        let (mean, [w, .., w2, w2r, w2rr]) = (self.mean(), self.moments);
        let squares = (w2rr - 2.0 * mean * w2r + mean * mean * w2).max(0.0);
        Some(Worth { mean, standard_error: squares.sqrt() / w })
    }
}

/// The arm with the highest mean among those sent often enough.
fn best(half: &Half) -> Option<ArmId> {
    let tried = (0..).map(ArmId::new).zip(half).filter(|(_, sums)| sums.effective() >= ENOUGH);
    tried
        .map(|(arm, sums)| (arm, sums.mean()))
        .reduce(|a, b| if b.1 > a.1 { b } else { a })
        .map(|(arm, _)| arm)
}

/// How much more than by chance the arms differ in what sets two kinds of customers apart, as a normal variate (E. B. Wilson,
/// M. M. Hilferty 1931, *The Distribution of Chi-Square*); none if fewer than two arms can be compared.
fn interaction(with: &Half, all: &Half) -> Option<f64> {
    let compared = with.iter().zip(all).filter_map(|(with, all)| {
        let without = all.less(with);
        let (n, m) = (with.effective(), without.effective());
        // The variance of both sides together is that of each where nothing differs.
        let variance = all.variance() * (1.0 / n + 1.0 / m);
        (n >= ENOUGH && m >= ENOUGH && variance > 0.0).then(|| (with.mean() - without.mean(), variance))
    });
    let compared: Vec<(f64, f64)> = compared.collect();
    let freedom = compared.len().checked_sub(1).filter(|&freedom| freedom > 0)? as f64;
    let weights: f64 = compared.iter().map(|(_, variance)| 1.0 / variance).sum();
    let centre = compared.iter().map(|(difference, variance)| difference / variance).sum::<f64>() / weights;
    let squares: f64 =
        compared.iter().map(|(difference, variance)| (difference - centre).powi(2) / variance).sum();
    let part = 2.0 / (9.0 * freedom);
    Some(((squares / freedom).cbrt() - (1.0 - part)) / part.sqrt())
}

fn normal_quantile(probability: f64) -> f64 {
    std::f64::consts::SQRT_2 * statrs::function::erf::erf_inv(2.0 * probability - 1.0)
}

impl fmt::Display for SegmentTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let splits = self.splits();
        if splits.is_empty() {
            return f.write_str("no attribute is worth a segment of its own");
        }
        for Split { of, attribute, level, evidence, worth } in splits {
            let of = if of.is_empty() { "everybody".to_owned() } else { of };
            writeln!(
                f,
                "{of}: by whether {attribute} is {level} ({evidence:.1} standard deviations), worth {:+.5} ± {:.5}",
                worth.mean, worth.standard_error
            )?;
        }
        Ok(())
    }
}
