//! A tree of segments: which attributes of customers matter for what to send them, told from a log.

mod arms;
mod growth;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::arm::ArmId;
use crate::segment::{SegmentId, Segments, SegmentsError};

use super::log::Log;
use super::roundwise::lots::lot;

use arms::Sums;
use growth::{Growth, level};

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
#[derive(Clone, Debug, Serialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
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

impl SegmentTree {
    /// Grows and prices a tree over the attributes of the log's segments. The seed deals the rounds into halves.
    #[must_use]
    pub fn grow(log: &Log, seed: u64) -> Self {
        let mut cells = BTreeMap::new();
        // Over the least, no weight overflows.
        let least = log.least_propensity();
        for (number, round) in (0..).zip(log.rounds().iter()) {
            let half = usize::from(lot(seed, number) < 0.5);
            let halves: &mut [Sums; 2] = cells.entry((round.segment.index(), round.arm.index())).or_default();
            halves[half].add(least / round.propensity, round.reward.value());
        }
        let attributes = log.segments().clone();
        let sizes: Vec<usize> = attributes.attributes().map(|(_, levels)| levels.len()).collect();
        let mut everybody: Vec<usize> = cells.keys().map(|&(segment, _)| segment).collect();
        everybody.dedup();
        let growth = Growth { sizes, arms: log.arms().len(), cells };
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
                groups.push(Group { name, best, value, rounds });
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

impl Node {
    fn leaves(&self) -> u32 {
        self.split.as_ref().map_or(1, |children| children.with.leaves() + children.without.leaves())
    }
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
