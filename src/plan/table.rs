//! The table behind a plan: Walker's alias method in whole numbers, so that the law of a draw *is* the number
//! that is logged.
//!
//! The unit interval is cut into 2⁵³ units, laid out as N = 2ᵐ columns of H = 2⁵³⁻ᵐ. The lowest h units of every
//! column belong to the even part, shared by all K eligible arms; h is a multiple of K / gcd(K, N), so that each
//! arm gets the same whole number of units, N·h / K. The rest of each column belongs to at most two contenders,
//! as in A. J. Walker (1977), *An Efficient Method for Generating Discrete Random Variables with General
//! Distributions*, filled in linear time after M. D. Vose (1991). One random word picks a column by its upper
//! bits and a height in it by the lower ones.
//!
//! Rounding moves the even part by at most K·N units, relative to all: 2⁻¹³ for 2²⁰ arms that all contend, below
//! 10⁻⁷ for 30,000.

use std::borrow::Cow;

use crate::policy::Probabilities;

/// Units, as a power of two: as many as an `f64` tells apart in [0, 1].
pub(crate) const UNIT_BITS: u32 = 53;
const UNITS: u64 = 1 << UNIT_BITS;

/// Whom a part of a column belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The even part: all eligible arms alike.
    Even,
    /// One eligible arm, by its position among them.
    Arm(u32),
}

/// One column of a plan's table: who owns it and with how much probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Up to three owners, each with a probability that is a multiple of 2⁻⁵³; unused entries have probability 0.
    pub parts: [(Outcome, f64); 3],
}

/// A column: from the even part up to `split` it is the first contender's, from there the second's.
#[derive(Clone, Copy, Debug)]
struct Cell {
    split: u64,
    first: u32,
    second: u32,
    /// Whole probability of the first contender, in units, even share included.
    first_units: u64,
    second_units: u64,
}

#[derive(Debug)]
pub(super) struct Table {
    cells: Box<[Cell]>,
    /// Height of a column, as a power of two.
    height_bits: u32,
    /// Units of each column that belong to the even part.
    even_height: u64,
    /// Units of each eligible arm in the even part of the whole table.
    even_units: u64,
    /// (position, own units) of the contenders, ascending by position.
    contenders: Box<[(u32, u64)]>,
}

impl Table {
    /// A table for `arms` eligible arms: probabilities scaled to sum to one, and of the exploration share (in
    /// [0, 1]) an even part for each.
    pub(super) fn new(arms: u32, probabilities: &Probabilities, exploration: f64) -> Self {
        let contenders = sane_contenders(arms, &probabilities.contenders);
        let even = sane(probabilities.uniform);
        let own_shares = contenders.iter().map(|&(_, share)| share).sum::<f64>();
        let total = even + own_shares;
        if contenders.is_empty() || !(total < f64::INFINITY) {
            return Self::even(arms);
        }

        let columns_bits = (contenders.len() as u64).next_power_of_two().trailing_zeros();
        let height_bits = UNIT_BITS - columns_bits;
        let height = 1_u64 << height_bits;
        let even_share = (1.0 - exploration) * (even / total) + exploration;
        let even_height = even_height(arms, columns_bits, height, even_share);
        let even_units = (even_height << columns_bits) / u64::from(arms);

        let own = height - even_height;
        let weights = apportion(&contenders, own_shares, own << columns_bits);
        Self {
            cells: fill(&weights, own, even_height, even_units, 1 << columns_bits),
            height_bits,
            even_height,
            even_units,
            contenders: weights.into(),
        }
    }

    /// All arms alike. The units left over by the division, fewer than arms, go to the first.
    fn even(arms: u32) -> Self {
        let even_units = UNITS / u64::from(arms);
        let left = UNITS % u64::from(arms);
        let first_units = even_units + left;
        Self {
            cells: [Cell { split: UNITS, first: 0, second: 0, first_units, second_units: first_units }]
                .into(),
            height_bits: UNIT_BITS,
            even_height: UNITS - left,
            even_units,
            contenders: (left > 0).then_some((0, left)).into_iter().collect(),
        }
    }

    /// A position and its whole probability in units, from the upper 53 bits of a random word.
    #[inline]
    pub(super) fn draw(&self, word: u64) -> (u32, u64) {
        let point = word >> (64 - UNIT_BITS);
        let column = point >> self.height_bits;
        let height = point & ((1 << self.height_bits) - 1);
        let cell = &self.cells[column as usize];
        if height < self.even_height {
            let position = ((column * self.even_height + height) / self.even_units) as u32;
            (position, self.units(position))
        } else if height < cell.split {
            (cell.first, cell.first_units)
        } else {
            (cell.second, cell.second_units)
        }
    }

    /// The whole probability of the arm at a position, in units.
    pub(super) fn units(&self, position: u32) -> u64 {
        let own = self.contenders.binary_search_by_key(&position, |&(position, _)| position);
        self.even_units + own.map_or(0, |found| self.contenders[found].1)
    }

    pub(super) fn even_units(&self) -> u64 {
        self.even_units
    }

    pub(super) fn contenders(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.contenders.iter().map(|&(position, own)| (position, own + self.even_units))
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = Column> + '_ {
        let height = 1 << self.height_bits;
        let unit = 1.0 / UNITS as f64;
        self.cells.iter().map(move |cell| Column {
            parts: [
                (Outcome::Even, self.even_height as f64 * unit),
                (Outcome::Arm(cell.first), (cell.split.min(height) - self.even_height) as f64 * unit),
                (Outcome::Arm(cell.second), (height - cell.split.min(height)) as f64 * unit),
            ],
        })
    }
}

/// Units of each column for the even part: the nearest to the share that every arm can have alike, and not
/// nothing unless the share is.
fn even_height(arms: u32, columns_bits: u32, height: u64, share: f64) -> u64 {
    // K / gcd(K, 2ᵐ) divides by the common powers of two only.
    let step = u64::from(arms >> arms.trailing_zeros().min(columns_bits));
    if !(share > 0.0) {
        return 0;
    }
    let steps = (share * height as f64 / step as f64).round() as u64;
    steps.clamp(1, height / step) * step
}

/// A share, or nothing where it is none.
fn sane(share: f64) -> f64 {
    if share > 0.0 && share < f64::INFINITY { share } else { 0.0 }
}

/// Contenders with a positive share each, each once, ascending. A policy's own mistakes must not turn into a wrong
/// propensity; where it made none, nothing is copied.
fn sane_contenders(arms: u32, contenders: &[(u32, f64)]) -> Cow<'_, [(u32, f64)]> {
    let ascending = contenders.is_sorted_by(|(before, _), (after, _)| before < after);
    let in_range = contenders.last().is_none_or(|&(position, _)| position < arms);
    if ascending && in_range && contenders.iter().all(|&(_, share)| share > 0.0 && share < f64::INFINITY) {
        return Cow::Borrowed(contenders);
    }
    let mut contenders: Vec<(u32, f64)> = contenders
        .iter()
        .map(|&(position, share)| (position, sane(share)))
        .filter(|&(position, share)| share > 0.0 && position < arms)
        .collect();
    contenders.sort_by_key(|&(position, _)| position);
    contenders.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 += later.1;
        }
        same
    });
    Cow::Owned(contenders)
}

/// Shares, which sum to `total`, of a whole number of units, in proportion: each rounded down, the rest to the largest.
fn apportion(contenders: &[(u32, f64)], total: f64, units: u64) -> Vec<(u32, u64)> {
    // One division for all; but for tiny totals, whose quotient would overflow, by the greatest that does not.
    let scale = (units as f64 / total).min(f64::MAX);
    let mut left = units;
    let (mut largest, mut largest_share) = (0, 0.0);
    let mut weights = Vec::with_capacity(contenders.len());
    for (number, &(position, share)) in contenders.iter().enumerate() {
        // Rounding could add up to a few units too many: never more than are left.
        let weight = ((share * scale) as u64).min(left);
        left -= weight;
        weights.push((position, weight));
        if share > largest_share {
            (largest, largest_share) = (number, share);
        }
    }
    weights[largest].1 += left;
    weights.retain(|&(_, weight)| weight > 0);
    weights
}

/// Vose's filling: a column that is short of `own` units is topped up by a contender that has more.
fn fill(weights: &[(u32, u64)], own: u64, even_height: u64, even_units: u64, columns: usize) -> Box<[Cell]> {
    // Columns beyond the contenders have nothing of their own, and are topped up to the brim.
    let mut left: Vec<u64> = Vec::with_capacity(columns);
    left.extend(weights.iter().map(|&(_, weight)| weight));
    left.resize(columns, 0);
    let mut cells: Vec<Cell> = Vec::with_capacity(columns);
    let contenders = weights.iter().copied().chain(std::iter::repeat_n((0, 0), columns - weights.len()));
    cells.extend(contenders.map(|(position, weight)| Cell {
        split: even_height + own,
        first: position,
        second: position,
        first_units: weight + even_units,
        second_units: weight + even_units,
    }));

    let (order, first_rich) = short_before_rich(&left, own);
    let (short, mut rich) = (&order[..first_rich], order[first_rich..].iter().map(|&column| column as usize));
    let mut top_up = |left: &mut [u64], taker: usize, giver: usize| {
        let (second, weight) = weights[giver];
        let cell = &mut cells[taker];
        (cell.split, cell.second, cell.second_units) =
            (even_height + left[taker], second, weight + even_units);
        left[giver] -= own - left[taker];
    };
    let mut next_rich = || {
        let Some(column) = rich.next() else {
            unreachable!("columns × own units are given out, so a short column means a rich one")
        };
        column
    };
    if !short.is_empty() {
        let mut giver = next_rich();
        for &taker in short {
            top_up(&mut left, taker as usize, giver);
            // Who has given too much is short itself.
            while left[giver] < own {
                let taker = giver;
                giver = next_rich();
                top_up(&mut left, taker, giver);
            }
        }
    }
    cells.into()
}

/// The columns, those that are short of `own` units before those that are not, and the number of the former.
///
/// Without a branch: which column is short is a coin toss, and a wrong guess would cost more than all the rest.
fn short_before_rich(left: &[u64], own: u64) -> (Vec<u32>, usize) {
    let mut order = vec![0; left.len()];
    let (mut front, mut back) = (0, left.len());
    for (column, &left) in left.iter().enumerate() {
        let short = left < own;
        back -= usize::from(!short);
        order[if short { front } else { back }] = column as u32;
        front += usize::from(short);
    }
    (order, front)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_up(table: &Table, arms: u32) -> Vec<u64> {
        let mut units = vec![0; arms as usize];
        let mut even = 0;
        for column in table.columns() {
            for (outcome, probability) in column.parts {
                let part = (probability * UNITS as f64) as u64;
                match outcome {
                    Outcome::Even => even += part,
                    Outcome::Arm(position) => units[position as usize] += part,
                }
            }
        }
        assert_eq!(even % u64::from(arms) % table.even_units.max(1), 0);
        units.iter().map(|own| own + even / u64::from(arms)).collect()
    }

    #[test]
    fn columns_add_up_to_the_units_of_each_arm() {
        let shares = [0.5, 0.0, 0.25, 0.125, 0.1, 1e-30, 0.025];
        for exploration in [0.0, 1e-15, 0.01, 0.3, 1.0] {
            let probabilities = Probabilities { uniform: 0.2, ..Probabilities::dense(&shares) };
            let table = Table::new(7, &probabilities, exploration);
            let units = add_up(&table, 7);
            assert_eq!(units.iter().sum::<u64>(), UNITS);
            for (position, &units) in units.iter().enumerate() {
                assert_eq!(units, table.units(position as u32));
            }
        }
    }

    #[test]
    fn every_height_of_every_column_is_drawn_with_the_units_it_carries() {
        // Three arms and two columns: walk the borders of each column rather than 2⁵³ points.
        let table = Table::new(3, &Probabilities::dense(&[0.75, 0.0, 0.25]), 0.3);
        let mut drawn = [0_u64; 3];
        let height = 1_u64 << table.height_bits;
        for column in 0..table.cells.len() as u64 {
            let split = table.cells[column as usize].split;
            let mut borders = vec![0, table.even_height, split, height];
            borders.extend(
                (0..=3).map(|arm| (arm * table.even_units).saturating_sub(column * table.even_height)),
            );
            borders.retain(|&border| border <= height);
            borders.sort_unstable();
            for pair in borders.windows(2).filter(|pair| pair[0] < pair[1]) {
                let point = column * height + pair[0];
                let (position, units) = table.draw(point << (64 - UNIT_BITS));
                drawn[position as usize] += pair[1] - pair[0];
                assert_eq!(units, table.units(position));
            }
        }
        assert_eq!(drawn.to_vec(), (0..3).map(|p| table.units(p)).collect::<Vec<_>>());
    }

    #[test]
    fn an_even_table_is_even_to_the_unit_but_for_the_remainder() {
        let table = Table::new(30_000, &Probabilities::uniform(), 0.0);
        assert_eq!(add_up(&table, 30_000).iter().sum::<u64>(), UNITS);
        assert_eq!(table.units(1), UNITS / 30_000);
        assert!(table.units(0) - table.units(1) < 30_000);
    }

    #[test]
    fn a_policys_mistakes_are_put_right() {
        let wrong = Probabilities { uniform: f64::NAN, contenders: vec![(2, f64::NAN), (9, 1.0), (1, -1.0)] };
        assert_eq!(Table::new(3, &wrong, 0.0).units(2), UNITS / 3);
        let twice = Probabilities { uniform: 0.0, contenders: vec![(2, 1.0), (1, 1.0), (2, 2.0)] };
        let table = Table::new(3, &twice, 0.0);
        assert_eq!([table.units(0), table.units(1), table.units(2)], [0, UNITS / 4, UNITS / 4 * 3]);
    }
}
