//! What closed cohorts have left: totals by segment and arm, in layers that grow wider as they age.
//!
//! A history is immutable and published whole. Nothing in it is weighted: forgetting is a weight that beliefs give to a
//! layer, and a layer is narrow enough for its age that all of it may have the same.

use std::collections::BTreeMap;

use crate::arm::ArmId;
use crate::segment::SegmentId;
use crate::sync::Arc;

use super::{ArmStatistics, Featured};

/// A layer of 2ʲ buckets is made of two of half the width once it is this many times its width old.
///
/// A layer is weighted by its middle, w/2 from its ends. A weight that halves every H is then wrong by at most
/// 2^(−16w/H) · (1 − 2^(−w/2H)) ≤ 1.2 % of that of a fresh outcome, whatever the width w.
const AGE: u64 = 16;

/// The counters of an arm in a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settled {
    pub(crate) arm: ArmId,
    pub(crate) statistics: ArmStatistics,
}

/// Counters by segment, then by arm, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
struct Totals(BTreeMap<SegmentId, Vec<Settled>>);

/// What the cohorts of some buckets have left.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layer {
    /// The first and the last bucket that it may hold.
    pub(crate) buckets: (u32, u32),
    totals: Totals,
    /// The same by each of the further goals, of those decisions of which it is known; none at all where there are none.
    goals: Vec<Totals>,
    /// Where requests have features: their sums.
    pub(crate) featured: Featured,
    /// Conversions by group and delay.
    pub(crate) delays: Vec<u64>,
}

impl Totals {
    /// Adds counters; false, and nothing added, if there would be more than can be counted.
    fn add(&mut self, segment: SegmentId, arm: ArmId, statistics: ArmStatistics) -> bool {
        let settled = self.0.entry(segment).or_default();
        match settled.binary_search_by_key(&arm, |settled| settled.arm) {
            Ok(found) => match settled[found].statistics.merge(statistics) {
                Ok(sum) => settled[found].statistics = sum,
                Err(_) => return false,
            },
            Err(place) => settled.insert(place, Settled { arm, statistics }),
        }
        true
    }

    /// Adds others; nothing is worth anything any more if that is more than can be counted.
    fn merge(&mut self, others: &Self) -> Option<()> {
        for (&segment, settled) in &others.0 {
            let mine = self.0.entry(segment).or_default();
            *mine = merged(mine, settled)?;
        }
        Some(())
    }

    /// Visits what is known of these arms, which ascend, with their positions among them.
    fn visit(&self, segment: SegmentId, arms: &[ArmId], mut visit: impl FnMut(usize, ArmStatistics)) {
        let settled = self.0.get(&segment).map_or(&[][..], Vec::as_slice);
        let mut position = 0;
        for &Settled { arm, statistics } in settled {
            // In steps where the arms are as dense as these, by bisection where most are left out.
            position += match arms.get(position) {
                Some(&at) if at == arm => 0,
                _ => arms[position..].partition_point(|&before| before < arm),
            };
            match arms.get(position) {
                Some(&at) if at == arm => visit(position, statistics),
                Some(_) => {}
                None => return,
            }
        }
    }

    fn each(&self) -> impl Iterator<Item = (SegmentId, Settled)> + '_ {
        self.0.iter().flat_map(|(&segment, settled)| settled.iter().map(move |&one| (segment, one)))
    }
}

impl Layer {
    pub(crate) fn new(buckets: (u32, u32), delays: Vec<u64>) -> Self {
        Self { buckets, delays, ..Self::default() }
    }

    /// Adds counters; false, and nothing added, if there would be more than can be counted.
    pub(crate) fn add(&mut self, segment: SegmentId, arm: ArmId, statistics: ArmStatistics) -> bool {
        self.totals.add(segment, arm, statistics)
    }

    /// The same by a further goal; what would be more than can be counted is left out.
    pub(crate) fn add_goal(
        &mut self,
        goal: usize,
        segment: SegmentId,
        arm: ArmId,
        statistics: ArmStatistics,
    ) {
        if self.goals.len() <= goal {
            self.goals.resize_with(goal + 1, Totals::default);
        }
        self.goals[goal].add(segment, arm, statistics);
    }

    /// The two added up, or `None` if that is more than can be counted.
    fn merge(&self, other: &Self) -> Option<Self> {
        let mut sum = self.clone();
        sum.totals.merge(&other.totals)?;
        sum.goals.resize_with(self.goals.len().max(other.goals.len()), Totals::default);
        sum.goals.iter_mut().zip(&other.goals).try_for_each(|(sum, other)| sum.merge(other))?;
        sum.featured.merge(&other.featured);
        sum.delays.resize(self.delays.len().max(other.delays.len()), 0);
        sum.delays.iter_mut().zip(&other.delays).for_each(|(sum, &count)| *sum = sum.saturating_add(count));
        sum.buckets = (self.buckets.0.min(other.buckets.0), self.buckets.1.max(other.buckets.1));
        Some(sum)
    }

    /// Visits what is known of these arms, which ascend, with their positions among them.
    pub(crate) fn visit(&self, segment: SegmentId, arms: &[ArmId], visit: impl FnMut(usize, ArmStatistics)) {
        self.totals.visit(segment, arms, visit);
    }

    /// The same by a further goal.
    pub(crate) fn visit_goal(
        &self,
        goal: usize,
        segment: SegmentId,
        arms: &[ArmId],
        visit: impl FnMut(usize, ArmStatistics),
    ) {
        if let Some(totals) = self.goals.get(goal) {
            totals.visit(segment, arms, visit);
        }
    }

    /// All counters, by segment and arm.
    pub(crate) fn each(&self) -> impl Iterator<Item = (SegmentId, Settled)> + '_ {
        self.totals.each()
    }

    /// The same by a further goal.
    pub(crate) fn each_of_goal(&self, goal: usize) -> impl Iterator<Item = (SegmentId, Settled)> + '_ {
        self.goals.get(goal).into_iter().flat_map(Totals::each)
    }

    /// Whether it holds nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.totals.0.is_empty() && self.delays.iter().all(|&count| count == 0)
    }
}

/// Two ascending lists added up, or `None` if that is more than can be counted.
fn merged(mine: &[Settled], others: &[Settled]) -> Option<Vec<Settled>> {
    let mut sum = Vec::with_capacity(mine.len() + others.len());
    let (mut mine, mut others) = (mine.iter().peekable(), others.iter().peekable());
    while let (Some(&&here), Some(&&there)) = (mine.peek(), others.peek()) {
        if here.arm == there.arm {
            sum.push(Settled { arm: here.arm, statistics: here.statistics.merge(there.statistics).ok()? });
        } else {
            sum.push(if here.arm < there.arm { here } else { there });
        }
        if here.arm <= there.arm {
            mine.next();
        }
        if there.arm <= here.arm {
            others.next();
        }
    }
    sum.extend(mine.chain(others));
    Some(sum)
}

/// The layers, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    layers: Vec<Arc<Layer>>,
}

impl History {
    pub(crate) fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
    }

    /// The history with further layers, at a later bucket.
    pub(crate) fn with(&self, layers: impl IntoIterator<Item = Layer>, now: u32) -> Self {
        let layers = layers.into_iter().filter(|layer| !layer.is_empty()).map(Arc::new);
        Self { layers: self.layers.iter().cloned().chain(layers).collect() }.aged(now)
    }

    /// Merges the layers that fall together at this bucket. Boundaries are fixed, so the same cohorts lead to the
    /// same layers in whatever order they came.
    fn aged(mut self, now: u32) -> Self {
        self.layers.sort_by_key(|layer| layer.buckets);
        let mut layers: Vec<Arc<Layer>> = Vec::with_capacity(self.layers.len());
        for layer in self.layers {
            let (width, place) = width(layer.buckets.0, now);
            // Its buckets are those of the place from here on, whichever of them it has seen.
            let buckets = (place << width, ((place + 1) << width) - 1);
            let buckets = (buckets.0 as u32, buckets.1.min(u64::from(u32::MAX)) as u32);
            let buckets = (buckets.0.min(layer.buckets.0), buckets.1.max(layer.buckets.1));
            let merged = layers.last().filter(|last| last.buckets.1 >= buckets.0);
            match merged.and_then(|last| last.merge(&layer)) {
                Some(sum) => {
                    layers.pop();
                    layers.push(Arc::new(Layer { buckets, ..sum }));
                }
                None if layer.buckets == buckets => layers.push(layer),
                None => layers.push(Arc::new(Layer { buckets, ..Layer::clone(&layer) })),
            }
        }
        Self { layers }
    }
}

/// The width of the layer that a bucket belongs to now, as a power of two, and its place among those of this width.
fn width(bucket: u32, now: u32) -> (u32, u64) {
    let (bucket, now) = (u64::from(bucket), u64::from(now));
    let old_enough = |width: u32| (((bucket >> width) + 1) << width) + (AGE << width) <= now;
    let width = (1..32).take_while(|&width| old_enough(width)).last().unwrap_or(0);
    (width, bucket >> width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_grow_wider_with_age_and_lose_nothing() {
        let segment = SegmentId::new(0);
        let mut history = History::default();
        for now in 1..3000_u32 {
            let mut layer = Layer::new((now, now), vec![1]);
            let one = ArmStatistics::binary(1, 0, 1).expect("possible");
            assert!(layer.add(segment, ArmId::new(now % 7), one));
            history = history.with([layer], now + 1);
            let last = history.layers().last().expect("just added");
            assert_eq!(last.buckets, (now, now));
        }
        let counted: u64 = history
            .layers()
            .iter()
            .flat_map(|layer| layer.each())
            .map(|(_, one)| one.statistics.issued())
            .sum();
        assert_eq!(counted, 2999);
        assert_eq!(history.layers().iter().map(|layer| layer.delays[0]).sum::<u64>(), 2999);
        for pair in history.layers().windows(2) {
            assert!(pair[0].buckets.1 < pair[1].buckets.0, "layers overlap");
        }
        for layer in history.layers() {
            let width = u64::from(layer.buckets.1 - layer.buckets.0) + 1;
            let age = 3000 - u64::from(layer.buckets.1) - 1;
            assert!(width == 1 || width * AGE <= age, "{:?} is too wide", layer.buckets);
        }
        assert!(history.layers().len() < 160, "{} layers", history.layers().len());
    }
}
