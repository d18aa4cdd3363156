//! Rows: arms that differ in their last dimension only, whose logits are one vector.

use std::ops::Range;

use crate::arm::{ArmId, ArmSpace};

use super::Factors;
use super::collapsed::Effects;
use super::tables::{Kind, Tables};

/// Arms of a segment in rows.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    sizes: Vec<usize>,
    /// The segment, where it is a factor.
    segment: Option<usize>,
    groups: Vec<Group>,
    /// Level of each row in the dimension before the last; 0 where there is one dimension only.
    near: Vec<usize>,
    /// Where the arms of each row begin, and where the last end.
    starts: Vec<usize>,
    /// Levels in the last dimension, arm by arm.
    last: Vec<u32>,
}

/// Rows that differ in the dimension before the last only.
#[derive(Clone, Debug)]
struct Group {
    /// Levels in the dimensions before that.
    levels: Vec<usize>,
    /// In how many of the first it is like the group before.
    like: usize,
    rows: Range<usize>,
}

impl Rows {
    /// Of these arms, which ascend.
    pub(super) fn of(factors: &Factors, space: &ArmSpace, segment: usize, arms: &[ArmId]) -> Self {
        let sizes = factors.sizes()[..factors.dimensions()].to_vec();
        let last_size = sizes[sizes.len() - 1];
        // Where nothing is forbidden, the next number is the next level.
        let whole = sizes.iter().product::<usize>() == space.len();
        let (mut groups, mut near, mut starts): (Vec<Group>, Vec<usize>, Vec<usize>) = Default::default();
        let (mut last, mut before): (Vec<u32>, Vec<usize>) = (Vec::with_capacity(arms.len()), Vec::new());
        let mut position = 0;
        while position < arms.len() {
            let arm = arms[position];
            let mut levels: Vec<usize> = space.arm(arm).level_indices().collect();
            let level = levels.pop().unwrap_or_default();
            let left = last_size - 1 - level;
            let end = arms.get(position + left).filter(|end| whole && end.index() == arm.index() + left);
            let run = if end.is_some() { left + 1 } else { 1 };
            last.extend(level as u32..(level + run) as u32);
            if position == 0 || levels != before {
                let own = levels.len().saturating_sub(1);
                let like = levels[..own].iter().zip(&before).take_while(|(a, b)| a == b).count();
                match groups.last_mut() {
                    Some(group) if like == own => group.rows.end += 1,
                    _ => {
                        let rows = near.len()..near.len() + 1;
                        groups.push(Group { levels: levels[..own].to_vec(), like, rows });
                    }
                }
                near.push(levels.last().copied().unwrap_or_default());
                starts.push(position);
                before = levels;
            }
            position += run;
        }
        starts.push(arms.len());
        Self { sizes, segment: factors.is_segmented().then_some(segment), groups, near, starts, last }
    }

    /// The sums of these effects for the arms, less what arms have of their own.
    pub(super) fn sums<'a>(&'a self, base: f64, tables: &Tables, effects: &'a Effects) -> Sums<'a> {
        let last = self.sizes.len() - 1;
        let table = |kind: Kind| {
            let index = tables.others.iter().position(|table| table.kind == kind)?;
            Some(&effects.others[index][..])
        };
        let main = |factor: usize, level: usize| match tables.offsets[factor] {
            Some(offset) => effects.joint[offset + level],
            None => table(Kind::Main(factor)).map_or(0.0, |table| table[level]),
        };
        let mut constant = base + effects.joint[0];
        let mut own: Vec<Vec<f64>> =
            (0..=last).map(|f| (0..self.sizes[f]).map(|level| main(f, level)).collect()).collect();
        if let Some(segment) = self.segment {
            constant += main(last + 1, segment);
            // The segment is given: its pairs are part of the other factor's levels.
            for (f, own) in own.iter_mut().enumerate() {
                if let Some(table) = table(Kind::Pair(f, last + 1)) {
                    let segments = table.len() / self.sizes[f];
                    own.iter_mut()
                        .enumerate()
                        .for_each(|(level, own)| *own += table[level * segments + segment]);
                }
            }
        }
        let with = |g: usize| (0..g).filter_map(|f| Some((f, table(Kind::Pair(f, g))?))).collect();
        let groups = self.groups.len();
        let (heads, most) = (Vec::with_capacity(groups), Vec::with_capacity(groups));
        let pairs = (0..=last).map(with).collect();
        let mut sums = Sums { rows: self, own, pairs, heads, most, nearest: Vec::new(), highest: Vec::new() };
        sums.look_ahead(constant);
        sums
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.near.len()
    }

    /// The groups of rows.
    pub(super) fn groups(&self) -> impl Iterator<Item = Range<usize>> {
        self.groups.iter().map(|group| group.rows.clone())
    }

    /// The positions of a row's arms.
    pub(super) fn positions(&self, row: usize) -> Range<usize> {
        self.starts[row]..self.starts[row + 1]
    }
}

/// Sums of effects for the arms of each row, found when they are asked for.
#[derive(Clone, Debug)]
pub(super) struct Sums<'a> {
    rows: &'a Rows,
    /// Of the levels of each dimension, what is given included.
    own: Vec<Vec<f64>>,
    /// Of the pairs of each dimension with some before it, which runs slower.
    pairs: Vec<Vec<(usize, &'a [f64])>>,
    /// What the levels that a group has in common add up to.
    heads: Vec<f64>,
    /// What the last dimension adds at most in each group, but for its pairs with the dimension before it.
    highest: Vec<f64>,
    /// The most that those add, for each level of the dimension before the last.
    nearest: Vec<f64>,
    /// What the sums of each group do not exceed.
    pub(super) most: Vec<f64>,
}

impl Sums<'_> {
    /// Finds heads, and what sums do not exceed: what the last dimension adds is found for all rows that are alike but for the
    /// dimension before it, whose own part is taken for its largest.
    fn look_ahead(&mut self, constant: f64) {
        let last = self.own.len() - 1;
        let width = self.own[last].len();
        let before = last.saturating_sub(1);
        let mut heads = vec![constant; last + 1];
        let mut tails = vec![self.own[last].clone(); last + 1];
        let mut highest = vec![largest(&self.own[last]); last + 1];
        let with_last = |f: usize| self.pairs[last].iter().find(|pair| pair.0 == f).map(|pair| pair.1);
        let tables: Vec<Option<&[f64]>> = (0..last).map(with_last).collect();
        self.nearest = match tables.get(before) {
            Some(Some(table)) => table.chunks_exact(width).map(largest).collect(),
            _ => vec![0.0; self.rows.sizes[before]],
        };
        let mut near = if last > 0 { self.own[before].clone() } else { vec![0.0] };
        let of_near = |near: &[f64], nearest: &[f64]| {
            let sums = near.iter().zip(nearest).map(|(near, nearest)| near + nearest);
            sums.fold(f64::NEG_INFINITY, |most, sum| if sum > most { sum } else { most })
        };
        let mut most_near = of_near(&near, &self.nearest);
        for Group { levels, like, .. } in &self.rows.groups {
            for f in *like..levels.len() {
                let (own, level) = (&self.own[f], levels[f]);
                let mut head = heads[f] + own[level];
                for &(other, table) in &self.pairs[f] {
                    head += table[levels[other] * own.len() + level];
                }
                heads[f + 1] = head;
                // Where the last dimension has no pairs it adds the same everywhere.
                if !self.pairs[last].is_empty() {
                    let (before, after) = tails.split_at_mut(f + 1);
                    after[0].copy_from_slice(&before[f]);
                    highest[f + 1] = match tables[f] {
                        None => highest[f],
                        Some(table) => {
                            super::dense::add_scaled(&mut after[0], 1.0, &table[level * width..]);
                            largest(&after[0])
                        }
                    };
                }
            }
            if last > 0 && !self.pairs[before].is_empty() {
                near.copy_from_slice(&self.own[before]);
                for &(other, table) in &self.pairs[before] {
                    let from = levels[other] * near.len();
                    super::dense::add_scaled(&mut near, 1.0, &table[from..]);
                }
                most_near = of_near(&near, &self.nearest);
            }
            let (head, highest) = (heads[levels.len()], highest[before]);
            self.heads.push(head);
            self.highest.push(highest);
            self.most.push(head + highest + most_near);
        }
    }

    /// Of a row of a group: what the levels before the last dimension add up to, and what its sums do not exceed.
    pub(super) fn of_group(&self, group: usize, row: usize) -> (f64, f64) {
        let last = self.own.len() - 1;
        if last == 0 {
            return (self.heads[group], self.most[group]);
        }
        let (own, level) = (&self.own[last - 1], self.rows.near[row]);
        let mut head = self.heads[group] + own[level];
        for &(other, table) in &self.pairs[last - 1] {
            head += table[self.rows.groups[group].levels[other] * own.len() + level];
        }
        (head, head + self.highest[group] + self.nearest[level])
    }

    /// The sums of a row of a group, arm by arm.
    pub(super) fn of_row(&self, group: usize, row: usize, into: &mut Vec<f64>) {
        let last = self.own.len() - 1;
        let width = self.own[last].len();
        let levels = &self.rows.groups[group].levels;
        let level_in = |f: usize| if f + 1 == last { self.rows.near[row] } else { levels[f] };
        let (head, _) = self.of_group(group, row);
        into.clear();
        into.extend_from_slice(&self.own[last]);
        for &(other, table) in &self.pairs[last] {
            super::dense::add_scaled(into, 1.0, &table[level_in(other) * width..]);
        }
        into.iter_mut().for_each(|sum| *sum += head);
        let arms = self.rows.positions(row);
        if arms.len() < width {
            // Levels ascend, so that none is written to before it is read.
            let kept = arms.len();
            for (index, &level) in self.rows.last[arms].iter().enumerate() {
                into[index] = into[level as usize];
            }
            into.truncate(kept);
        }
    }
}

/// The largest, found in lanes, which is vector code.
pub(super) fn largest(values: &[f64]) -> f64 {
    let mut lanes = [f64::NEG_INFINITY; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::super::{Cells, ScalePrior};
    use super::*;
    use crate::segment::{SegmentId, Segments};

    /// Nested sums are those of each arm's own entries, for all arms, some, and where combinations are forbidden.
    #[test]
    fn sums_are_those_of_the_entries() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        let names = |count: usize| (0..count).map(|number| number.to_string());
        for (forbidden, segments, share) in [(false, 1, 1.0), (true, 1, 1.0), (false, 3, 0.4), (true, 3, 0.7)]
        {
            let space = ArmSpace::builder()
                .dimension("a", names(5))
                .dimension("b", names(3))
                .dimension("c", names(7));
            let space = if forbidden { space.forbid([("a", "1"), ("c", "2")]) } else { space };
            let space = space.build().unwrap();
            let segments = Segments::builder().attribute("s", names(segments)).build().unwrap();
            let factors = Factors::of(&space, &segments);
            let segment = SegmentId::new(segments.len() as u32 - 1);
            let arms: Vec<ArmId> =
                space.iter().map(|arm| arm.id()).filter(|_| rng.random_bool(share)).collect();
            // What is not yet tried has no table of arms.
            let places = Cells::places(&factors, &space, segment, &arms);
            let mut scales = ScalePrior::default().scales(&factors);
            scales.arm = 0.0;
            let tables = Tables::of(&places, &scales);
            let effects = Effects {
                joint: (0..tables.joint).map(|_| rng.random_range(-1.0..1.0)).collect(),
                others: tables
                    .others
                    .iter()
                    .map(|t| (0..t.size).map(|_| rng.random_range(-1.0..1.0)).collect())
                    .collect(),
            };
            let rows = Rows::of(&factors, &space, segment.index(), &arms);
            let sums = rows.sums(-3.0, &tables, &effects);
            let (mut all, mut own) = (Vec::new(), Vec::new());
            for (group, of_group) in rows.groups().enumerate() {
                for row in of_group {
                    sums.of_row(group, row, &mut own);
                    let (_, most) = sums.of_group(group, row);
                    assert!(largest(&own) <= most + 1e-12 && most <= sums.most[group] + 1e-12);
                    assert_eq!(all.len()..all.len() + own.len(), rows.positions(row));
                    all.extend_from_slice(&own);
                }
            }
            assert_eq!(all.len(), arms.len());
            for (cell, sum) in all.into_iter().enumerate() {
                let joint = tables
                    .offsets
                    .iter()
                    .zip(places.levels(cell))
                    .fold(effects.joint[0], |sum, (offset, &level)| {
                        sum + effects.joint[offset.unwrap() + level as usize]
                    });
                let others = tables.others.iter().zip(&effects.others);
                let expected = joint - 3.0 + others.map(|(t, own)| own[t.entry[cell] as usize]).sum::<f64>();
                assert!((sum - expected).abs() < 1e-12, "arm {}: {sum} against {expected}", arms[cell]);
            }
        }
    }
}
