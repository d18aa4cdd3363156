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

/// A column in one word: how far up it is the first contender's, in the upper bits, and the number of the second, whose
/// the rest is, in the lowest m. The number of the first is that of the column.
///
/// As small as can be: a table of 30,000 columns is drawn from at random, and then a draw is what its cache misses are.
#[derive(Clone, Copy, Debug)]
struct Cell(u64);

impl Cell {
    /// `split` is at most 2⁵³⁻ᵐ and `second` below 2ᵐ: together at most 54 bits.
    fn new(split: u64, second: u32, columns_bits: u32) -> Self {
        Self(split << columns_bits | u64::from(second))
    }

    fn split(self, columns_bits: u32) -> u64 {
        self.0 >> columns_bits
    }

    fn second(self, columns_bits: u32) -> usize {
        (self.0 & ((1 << columns_bits) - 1)) as usize
    }
}

#[derive(Debug)]
pub(super) struct Table {
    cells: Box<[Cell]>,
    /// Number of columns, as a power of two.
    columns_bits: u32,
    /// Units of each column that belong to the even part.
    even_height: u64,
    /// Units of each eligible arm in the even part of the whole table.
    even_units: u64,
    /// Positions of the contenders, ascending; empty where every eligible arm contends, and positions are numbers.
    positions: Box<[u32]>,
    /// Whole probability of each contender, in units, even share included.
    units: Box<[u64]>,
}

impl Table {
    /// A table for `arms` eligible arms: probabilities scaled to sum to one, and of the exploration share (in
    /// [0, 1]) an even part for each.
    pub(super) fn new(arms: u32, probabilities: &Probabilities, exploration: f64) -> Self {
        let shares = Shares::new(arms, &probabilities.contenders);
        let even = sane(probabilities.uniform);
        let total = even + shares.total;
        if shares.contenders.is_empty() || !(total < f64::INFINITY) {
            return Self::even(arms);
        }

        let columns_bits = (shares.contenders.len() as u64).next_power_of_two().trailing_zeros();
        let height = 1_u64 << (UNIT_BITS - columns_bits);
        let even_share = (1.0 - exploration) * (even / total) + exploration;
        let even_height = even_height(arms, columns_bits, height, even_share);
        let even_units = (even_height << columns_bits) / u64::from(arms);

        let own = height - even_height;
        let mut weights = shares.apportion(own << columns_bits);
        let all = weights.len() == arms as usize;
        let mut positions = Vec::new();
        if weights.contains(&0) {
            let mut weighty = weights.iter().map(|&weight| weight > 0);
            let kept = shares.contenders.iter().filter(|_| weighty.next() == Some(true));
            positions = kept.map(|&(position, _)| position).collect();
            weights.retain(|&weight| weight > 0);
        } else if !all {
            positions = shares.contenders.iter().map(|&(position, _)| position).collect();
        }
        let contenders = weights.len();
        let cells = fill(&mut weights, own, even_height, columns_bits);
        weights.truncate(contenders);
        for weight in &mut weights {
            *weight += even_units;
        }
        Self {
            cells,
            columns_bits,
            even_height,
            even_units,
            positions: positions.into(),
            units: weights.into(),
        }
    }

    /// All arms alike. The units left over by the division, fewer than arms, go to the first.
    fn even(arms: u32) -> Self {
        let even_units = UNITS / u64::from(arms);
        let left = UNITS % u64::from(arms);
        Self {
            cells: [Cell::new(UNITS, 0, 0)].into(),
            columns_bits: 0,
            even_height: UNITS - left,
            even_units,
            positions: (left > 0).then_some(0).into_iter().collect(),
            units: (left > 0).then_some(even_units + left).into_iter().collect(),
        }
    }

    /// A position and its whole probability in units, from the upper 53 bits of a random word.
    #[inline]
    pub(super) fn draw(&self, word: u64) -> (u32, u64) {
        let point = word >> (64 - UNIT_BITS);
        let height_bits = UNIT_BITS - self.columns_bits;
        let column = (point >> height_bits) as usize;
        let height = point & ((1 << height_bits) - 1);
        let cell = self.cells[column];
        if height < self.even_height {
            let position = ((column as u64 * self.even_height + height) / self.even_units) as u32;
            return (position, self.units(position));
        }
        // Chosen first and looked up then: a look-up in either arm would be a branch, and a coin toss is badly guessed.
        let first = height < cell.split(self.columns_bits);
        let contender = if first { column } else { cell.second(self.columns_bits) };
        (self.position(contender), self.units[contender])
    }

    /// The whole probability of the arm at a position, in units.
    pub(super) fn units(&self, position: u32) -> u64 {
        let contender = match self.positions.is_empty() {
            true => position as usize,
            false => self.positions.binary_search(&position).unwrap_or(usize::MAX),
        };
        self.units.get(contender).copied().unwrap_or(self.even_units)
    }

    /// The position of a contender, by its number.
    #[inline]
    fn position(&self, contender: usize) -> u32 {
        self.positions.get(contender).copied().unwrap_or(contender as u32)
    }

    pub(super) fn even_units(&self) -> u64 {
        self.even_units
    }

    pub(super) fn contenders(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.units.iter().enumerate().map(|(contender, &units)| (self.position(contender), units))
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = Column> + '_ {
        let height = 1 << (UNIT_BITS - self.columns_bits);
        let unit = 1.0 / UNITS as f64;
        // A column beyond the contenders has no first, and nothing is the first's.
        let arm =
            |contender| Outcome::Arm(if contender < self.units.len() { self.position(contender) } else { 0 });
        self.cells.iter().enumerate().map(move |(column, cell)| {
            let split = cell.split(self.columns_bits).min(height);
            Column {
                parts: [
                    (Outcome::Even, self.even_height as f64 * unit),
                    (arm(column), (split - self.even_height) as f64 * unit),
                    (arm(cell.second(self.columns_bits)), (height - split) as f64 * unit),
                ],
            }
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

/// The even part of a table with one contender, who asks for all: with one column, as high as all units.
pub(super) fn sole_even_height(arms: u32, exploration: f64) -> u64 {
    even_height(arms, 0, UNITS, exploration)
}

/// A share, or nothing where it is none.
fn sane(share: f64) -> f64 {
    if share > 0.0 && share < f64::INFINITY { share } else { 0.0 }
}

/// What the contenders ask for.
struct Shares<'a> {
    /// With a positive share each, each once, ascending.
    contenders: Cow<'a, [(u32, f64)]>,
    /// Sum of the shares.
    total: f64,
    /// The number of the first that has the largest share.
    largest: usize,
}

impl<'a> Shares<'a> {
    /// A policy's own mistakes must not turn into a wrong propensity; where it made none, nothing is copied.
    fn new(arms: u32, contenders: &'a [(u32, f64)]) -> Self {
        // All questions in one pass, each answered without a branch.
        let (mut right, mut least) = (true, 0);
        let (mut total, mut largest, mut largest_share) = (0.0, 0, 0.0);
        for (number, &(position, share)) in contenders.iter().enumerate() {
            right &= (u64::from(position) >= least) & (share > 0.0) & (share < f64::INFINITY);
            least = u64::from(position) + 1;
            total += share;
            if share > largest_share {
                (largest, largest_share) = (number, share);
            }
        }
        if right && least <= u64::from(arms) {
            return Self { contenders: Cow::Borrowed(contenders), total, largest };
        }
        let contenders = put_right(arms, contenders);
        // Backwards, as of equal ones the last is taken.
        let numbered = contenders.iter().enumerate().rev();
        let largest =
            numbered.max_by(|(_, one), (_, other)| one.1.total_cmp(&other.1)).map_or(0, |(number, _)| number);
        let total = contenders.iter().map(|&(_, share)| share).sum();
        Self { contenders: Cow::Owned(contenders), total, largest }
    }

    /// A whole number of units in proportion: each rounded down, the rest to the largest.
    fn apportion(&self, units: u64) -> Vec<u64> {
        // One division for all; but for tiny totals, whose quotient would overflow, by the greatest that does not.
        let scale = (units as f64 / self.total).min(f64::MAX);
        let mut left = units;
        let mut weights = Vec::with_capacity(self.contenders.len().next_power_of_two());
        weights.extend(self.contenders.iter().map(|&(_, share)| {
            // Rounding could add up to a few units too many: never more than are left. By way of a signed number,
            // which is one instruction; both casts saturate, far above what is left.
            let weight = ((share * scale) as i64 as u64).min(left);
            left -= weight;
            weight
        }));
        weights[self.largest] += left;
        weights
    }
}

/// The contenders as the policy must have meant them.
fn put_right(arms: u32, contenders: &[(u32, f64)]) -> Vec<(u32, f64)> {
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
    contenders
}

/// Vose's filling: a column that is short of `own` units is topped up by a contender that has more.
fn fill(weights: &mut Vec<u64>, own: u64, even_height: u64, columns_bits: u32) -> Box<[Cell]> {
    let columns = 1 << columns_bits;
    let mut cells: Vec<Cell> =
        (0..columns as u32).map(|column| Cell::new(even_height + own, column, columns_bits)).collect();
    // Columns beyond the contenders have nothing of their own, and are topped up to the brim.
    weights.resize(columns, 0);
    let (order, first_rich) = short_before_rich(weights, own);
    let (short, rich) = order.split_at(first_rich);
    if let ([_, ..], &[mut giver, ref rich @ ..]) = (short, rich) {
        let mut rich = rich.iter();
        let mut left = weights[giver as usize];
        for &taker in short {
            let has = weights[taker as usize];
            cells[taker as usize] = Cell::new(even_height + has, giver, columns_bits);
            left -= own - has;
            // Who has given too much is short itself.
            while left < own {
                let Some(&next) = rich.next() else {
                    unreachable!("columns × own units are given out, so a short column means a rich one")
                };
                cells[giver as usize] = Cell::new(even_height + left, next, columns_bits);
                left = weights[next as usize] - (own - left);
                giver = next;
            }
        }
    }
    cells.into()
}

/// The numbers of the weights, those below `own` before those that are not, and how many the former are.
///
/// Without a branch: which column is short is a coin toss, and a wrong guess would cost more than all the rest.
fn short_before_rich(weights: &[u64], own: u64) -> (Vec<u32>, usize) {
    let mut order = vec![0; weights.len()];
    let (mut front, mut back) = (0, weights.len());
    for (column, &weight) in weights.iter().enumerate() {
        let short = weight < own;
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
        // Some contend, one for too little to get a unit; and all contend.
        let some = [0.5, 0.0, 0.25, 0.125, 0.1, 1e-30, 0.025];
        let all = [0.5, 0.01, 0.25, 0.1, 0.09, 0.03, 0.02];
        for (shares, exploration) in [some, all]
            .into_iter()
            .flat_map(|shares| [0.0, 1e-15, 0.01, 0.3, 1.0].map(|share| (shares, share)))
        {
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
        let height = 1_u64 << (UNIT_BITS - table.columns_bits);
        for column in 0..table.cells.len() as u64 {
            let split = table.cells[column as usize].split(table.columns_bits);
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
