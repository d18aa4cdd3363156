//! Rows: arms that differ in their last dimension only, whose logits are one vector.

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
    rows: Vec<Row>,
    /// Levels in the last dimension, arm by arm.
    last: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Row {
    /// Levels in the other dimensions.
    levels: Vec<usize>,
    /// In how many of the first it is like the row before.
    like: usize,
    from: usize,
    to: usize,
}

impl Rows {
    /// Of these arms, which ascend.
    pub(super) fn of(factors: &Factors, space: &ArmSpace, segment: usize, arms: &[ArmId]) -> Self {
        let sizes = factors.sizes()[..factors.dimensions()].to_vec();
        let last_size = sizes[sizes.len() - 1] as u32;
        // Where nothing is forbidden, the next number is the next level.
        let whole = sizes.iter().product::<usize>() == space.len();
        let (mut rows, mut last): (Vec<Row>, Vec<u32>) = (Vec::new(), Vec::with_capacity(arms.len()));
        for (position, &arm) in arms.iter().enumerate() {
            if whole && position > 0 && arm.index() == arms[position - 1].index() + 1 {
                let before = last[position - 1];
                if before + 1 < last_size {
                    last.push(before + 1);
                    continue;
                }
            }
            let mut levels: Vec<usize> = space.arm(arm).level_indices().collect();
            last.push(levels.pop().unwrap_or_default() as u32);
            let before = rows.last().map(|row| row.levels.as_slice()).unwrap_or_default();
            if position > 0 && levels == before {
                continue;
            }
            let like = levels.iter().zip(before).take_while(|(a, b)| a == b).count();
            if let Some(row) = rows.last_mut() {
                row.to = position;
            }
            rows.push(Row { levels, like, from: position, to: arms.len() });
        }
        Self { sizes, segment: factors.is_segmented().then_some(segment), rows, last }
    }

    /// The sums of these effects for each arm, less what arms have of their own: one addition each, and a few for each row.
    pub(super) fn sums(&self, base: f64, tables: &Tables, effects: &Effects, into: &mut Vec<f64>) {
        let dimensions = self.sizes.len();
        let last = dimensions - 1;
        let main = |factor: usize, level: usize| match tables.offsets[factor] {
            Some(offset) => effects.joint[offset + level],
            None => self.table(tables, effects, Kind::Main(factor)).map_or(0.0, |table| table[level]),
        };
        let pair = |f: usize, g: usize| self.table(tables, effects, Kind::Pair(f, g));
        let mut constant = base + effects.joint[0];
        let mut own: Vec<Vec<f64>> =
            (0..dimensions).map(|f| (0..self.sizes[f]).map(|level| main(f, level)).collect()).collect();
        if let Some(segment) = self.segment {
            constant += main(dimensions, segment);
            // The segment is given: its pairs are part of the other factor's levels.
            for (f, own) in own.iter_mut().enumerate() {
                if let Some(table) = pair(f, dimensions) {
                    let segments = table.len() / self.sizes[f];
                    own.iter_mut()
                        .enumerate()
                        .for_each(|(level, own)| *own += table[level * segments + segment]);
                }
            }
        }
        let pairs: Vec<Vec<Option<&[f64]>>> =
            (0..dimensions).map(|g| (0..g).map(|f| pair(f, g)).collect()).collect();

        // Sums over the first dimensions, and what these add to each level of the last.
        let mut heads = vec![constant; dimensions];
        let width = self.sizes[last];
        let mut tails = vec![0.0; width * dimensions];
        tails[..width].copy_from_slice(&own[last]);
        into.clear();
        into.resize(self.last.len(), 0.0);
        for row in &self.rows {
            for f in row.like..last {
                let level = row.levels[f];
                let met = pairs[f]
                    .iter()
                    .zip(&row.levels)
                    .filter_map(|(table, &other)| Some((*table)?[other * self.sizes[f] + level]));
                heads[f + 1] = heads[f] + own[f][level] + met.sum::<f64>();
                let (before, after) = tails.split_at_mut(width * (f + 1));
                let (before, after) = (&before[width * f..], &mut after[..width]);
                match pairs[last][f] {
                    None => after.copy_from_slice(before),
                    Some(table) => {
                        let added = before.iter().zip(&table[level * width..]);
                        after.iter_mut().zip(added).for_each(|(after, (before, own))| *after = before + own);
                    }
                }
            }
            let (head, tail) = (heads[last], &tails[width * last..][..width]);
            let out = &mut into[row.from..row.to];
            if out.len() == width {
                out.iter_mut().zip(tail).for_each(|(out, tail)| *out = head + tail);
            } else {
                let levels = &self.last[row.from..row.to];
                out.iter_mut().zip(levels).for_each(|(out, &level)| *out = head + tail[level as usize]);
            }
        }
    }

    fn table<'e>(&self, tables: &Tables, effects: &'e Effects, kind: Kind) -> Option<&'e [f64]> {
        let index = tables.others.iter().position(|table| table.kind == kind)?;
        Some(&effects.others[index])
    }
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
            let mut sums = Vec::new();
            Rows::of(&factors, &space, segment.index(), &arms).sums(-3.0, &tables, &effects, &mut sums);
            assert_eq!(sums.len(), arms.len());
            for (cell, sum) in sums.into_iter().enumerate() {
                let joint = effects.joint[0]
                    + tables.of_cell(cell).iter().map(|&e| effects.joint[e as usize]).sum::<f64>();
                let others = tables.others.iter().zip(&effects.others);
                let expected = joint - 3.0 + others.map(|(t, own)| own[t.entry[cell] as usize]).sum::<f64>();
                assert!((sum - expected).abs() < 1e-12, "arm {}: {sum} against {expected}", arms[cell]);
            }
        }
    }
}
