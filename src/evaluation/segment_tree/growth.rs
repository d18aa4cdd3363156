//! Growing a tree of segments: the split by which arms differ most, and what it is worth.

use std::collections::BTreeMap;

use crate::arm::ArmId;

use super::arms::{Half, Sums, best, interaction};
use super::{Children, Node, Worth};

/// The deepest leaf.
const DEPTH: usize = 8;

/// Chance of a split where nothing differs, for each node.
const FALSE_ALARM: f64 = 0.05;

/// Standard errors that a split's worth has to be above: 5 % one-sided.
const PRICE: f64 = 1.645;

/// What trees are grown from.
pub(super) struct Growth {
    pub(super) sizes: Vec<usize>,
    pub(super) arms: usize,
    /// By segment and arm, of those the log shows: the half that prices and the half that grows.
    pub(super) cells: BTreeMap<(usize, usize), [Sums; 2]>,
}

impl Growth {
    fn half(&self, segments: &[usize], half: usize) -> Half {
        let mut sums = vec![Sums::default(); self.arms];
        for &segment in segments {
            let cells = self.cells.range((segment, 0)..(segment, self.arms));
            cells.for_each(|(&(_, arm), cell)| sums[arm].join(&cell[half]));
        }
        sums
    }

    pub(super) fn node(&self, segments: &[usize], depth: usize) -> Node {
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
            // In one pass: an attribute may have as many levels as there are segments.
            let mut by_level = vec![Vec::new(); size];
            for &segment in segments {
                by_level[self::level(&self.sizes, segment, attribute)].push(segment);
            }
            for (level, of) in by_level.into_iter().enumerate() {
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

/// The level of an attribute in a segment: mixed radix, the last attribute fastest.
pub(super) fn level(sizes: &[usize], segment: usize, attribute: usize) -> usize {
    let stride: usize = sizes[attribute + 1..].iter().product();
    segment / stride % sizes[attribute]
}

fn normal_quantile(probability: f64) -> f64 {
    std::f64::consts::SQRT_2 * statrs::function::erf::erf_inv(2.0 * probability - 1.0)
}
