//! The posteriors of a segment laid out for requests: eight arms side by side, so that one instruction does for several.

use crate::arm::{ArmId, Eligibility};
use crate::statistics::triangle;

use super::solve::Solved;
use super::told::Told;
use super::{Kind, Linear, LinearBelief};

/// Arms in a block: a byte of a set of arms.
const LANES: usize = 8;

/// The posteriors of all arms of a segment.
#[derive(Debug)]
pub(crate) struct Fit {
    dimensions: usize,
    noise: f64,
    logistic: bool,
    /// None where no arm of the block was ever selected.
    blocks: Box<[Option<Block>]>,
    untouched: Solved,
}

/// Coefficients, then the triangle: a row for each entry, in which each arm has its column.
#[derive(Clone, Debug)]
struct Block(Box<[[f64; LANES]]>);

/// Who has the largest upper bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    One(ArmId),
    /// Several, or nobody that can be told.
    Several,
}

impl Fit {
    /// The fit to what is known of these arms; of one whose sums cannot be, as when they were read in the middle of an addition, what was
    /// believed before.
    pub(crate) fn new(
        linear: Linear,
        (arms, dimensions): (usize, usize),
        told: Vec<(ArmId, Told)>,
        before: Option<&Fit>,
    ) -> Self {
        let (known, told): (Vec<ArmId>, Vec<Told>) = told.into_iter().unzip();
        let posteriors = linear.solve(&told, dimensions);
        let mut blocks: Box<[Option<Block>]> = vec![None; arms.div_ceil(LANES)].into();
        let untouched = posteriors.untouched;
        for (arm, solved) in known.into_iter().zip(posteriors.arms) {
            let solved = solved.or_else(|| before?.solved(arm));
            let Some(solved) = solved else { continue };
            let block = blocks[arm.index() / LANES].get_or_insert_with(|| Block::of(&untouched));
            block.set(arm.index() % LANES, &solved);
        }
        let logistic = linear.kind == Kind::Logistic;
        Self { dimensions, noise: posteriors.noise, logistic, blocks, untouched }
    }

    /// What the model says of an arm; none if nothing but what it says of all that were never selected.
    fn solved(&self, arm: ArmId) -> Option<Solved> {
        let (rows, lane) = (&self.blocks[arm.index() / LANES].as_ref()?.0, arm.index() % LANES);
        let column: Vec<f64> = rows.iter().map(|row| row[lane]).collect();
        let (coefficients, triangle) = column.split_at(self.dimensions);
        Some(Solved { coefficients: coefficients.to_vec(), triangle: triangle.to_vec() })
    }

    /// The eligible arm with the largest mean + α × width at a point. Allocates nothing.
    pub(crate) fn lead(&self, point: &[f64], alpha: f64, eligible: &Eligibility) -> Lead {
        let value = |mean: f64, square: f64| mean + alpha * square.sqrt();
        // Once, and only where somebody is: it is a long chain of additions.
        let mut untouched = None;
        let of_untouched = || {
            let [mean, square] = one(&self.untouched, point);
            value(mean, square)
        };
        let (mut best, mut leader, mut alone) = (f64::NEG_INFINITY, 0, false);
        let mut consider = |first: usize, among: u8, value: f64| {
            if value > best {
                let one = first + among.trailing_zeros() as usize;
                (best, leader, alone) = (value, one, among.is_power_of_two());
            } else if value >= best {
                alone = false;
            }
        };
        for (number, block) in self.blocks.iter().enumerate() {
            let first = number * LANES;
            let members = (eligible.words()[first / 64] >> (first % 64)) as u8;
            match block {
                _ if members == 0 => {}
                None => consider(first, members, *untouched.get_or_insert_with(of_untouched)),
                Some(block) => {
                    let (means, squares) = block.at(point);
                    // All eight roots at once, whoever is eligible.
                    let mut values: [f64; LANES] =
                        std::array::from_fn(|lane| value(means[lane], squares[lane]));
                    if members != u8::MAX {
                        for (lane, value) in values.iter_mut().enumerate() {
                            *value = if members >> lane & 1 == 1 { *value } else { f64::NEG_INFINITY };
                        }
                    }
                    // The best of the block first: whether it leads is asked once, since the answer is hard to guess.
                    let [a, b, c, d, e, f, g, h] = values;
                    let halves = [greater(a, e), greater(b, f), greater(c, g), greater(d, h)];
                    let most = greater(greater(halves[0], halves[1]), greater(halves[2], halves[3]));
                    let among = |bits: u8, lane: usize| bits | u8::from(values[lane] >= most) << lane;
                    consider(first, (0..LANES).fold(0, among), most);
                }
            }
        }
        if alone { Lead::One(ArmId::new(leader as u32)) } else { Lead::Several }
    }

    /// What is believed at a point of each of these arms.
    pub(crate) fn beliefs(&self, point: &[f64], arms: &[ArmId]) -> Vec<LinearBelief> {
        let belief = |[mean, square]: [f64; 2]| LinearBelief {
            mean,
            width: square.sqrt(),
            noise: self.noise,
            logistic: self.logistic,
        };
        let mut untouched = None;
        let mut beliefs = Vec::with_capacity(arms.len());
        let (mut at_hand, mut means, mut squares) = (usize::MAX, [0.0; LANES], [0.0; LANES]);
        for arm in arms {
            let Some(block) = &self.blocks[arm.index() / LANES] else {
                beliefs.push(belief(*untouched.get_or_insert_with(|| one(&self.untouched, point))));
                continue;
            };
            if at_hand != arm.index() / LANES {
                at_hand = arm.index() / LANES;
                (means, squares) = block.at(point);
            }
            beliefs.push(belief([means[arm.index() % LANES], squares[arm.index() % LANES]]));
        }
        beliefs
    }
}

impl Block {
    /// Eight arms alike.
    fn of(solved: &Solved) -> Self {
        Self(solved.coefficients.iter().chain(&solved.triangle).map(|&entry| [entry; LANES]).collect())
    }

    fn set(&mut self, lane: usize, solved: &Solved) {
        let entries = solved.coefficients.iter().chain(&solved.triangle);
        self.0.iter_mut().zip(entries).for_each(|(row, &entry)| row[lane] = entry);
    }

    /// The means and the squares of the widths at a point.
    #[inline]
    fn at(&self, point: &[f64]) -> ([f64; LANES], [f64; LANES]) {
        let (coefficients, mut left) = self.0.split_at(point.len());
        let means = combined(coefficients, point);
        let mut squares = [0.0; LANES];
        let mut add = |sums: [f64; LANES]| {
            for (square, sum) in squares.iter_mut().zip(sums) {
                *square += sum * sum;
            }
        };
        let mut length = 1;
        while length < point.len() {
            let (row, next);
            (row, left) = left.split_at(length);
            (next, left) = left.split_at(length + 1);
            let [row, next] = both_combined(row, next, point);
            add(row);
            add(next);
            length += 2;
        }
        if length == point.len() {
            add(combined(left, point));
        }
        (means, squares)
    }
}

/// The greater of two numbers; one instruction, where `f64::max` cares for what is none.
#[inline(always)]
fn greater(one: f64, other: f64) -> f64 {
    if one > other { one } else { other }
}

/// Σ x_j row_j, lane by lane.
#[inline]
fn combined(rows: &[[f64; LANES]], point: &[f64]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (row, &coordinate) in rows.iter().zip(point) {
        for (sum, entry) in sums.iter_mut().zip(row) {
            *sum += entry * coordinate;
        }
    }
    sums
}

/// The same of two rows, of which the second is longer by one: twice the sums in flight, and coordinates loaded once.
#[inline]
fn both_combined(row: &[[f64; LANES]], next: &[[f64; LANES]], point: &[f64]) -> [[f64; LANES]; 2] {
    let mut sums = [[0.0; LANES]; 2];
    for ((one, other), &coordinate) in row.iter().zip(next).zip(point) {
        for lane in 0..LANES {
            sums[0][lane] += one[lane] * coordinate;
            sums[1][lane] += other[lane] * coordinate;
        }
    }
    if let (Some(last), Some(&coordinate)) = (next.get(row.len()), point.get(row.len())) {
        for (sum, entry) in sums[1].iter_mut().zip(last) {
            *sum += entry * coordinate;
        }
    }
    sums
}

/// The mean and the square of the width of one arm, in the same order of operations as for eight.
fn one(solved: &Solved, point: &[f64]) -> [f64; 2] {
    let product =
        |row: &[f64]| row.iter().zip(point).fold(0.0, |sum, (entry, coordinate)| sum + entry * coordinate);
    let row = |row: usize| product(&solved.triangle[triangle(row)..triangle(row + 1)]);
    let square = (0..point.len()).map(row).fold(0.0, |sum, entry| sum + entry * entry);
    [product(&solved.coefficients), square]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::ArmSpace;
    use crate::statistics::{Products, UNITS};

    /// Ten decisions in two dimensions, with such an entry beside the diagonal.
    fn sums(beside: f64) -> Told {
        let units = |entry: f64| (entry * UNITS) as u64;
        let sums = Products {
            returned: 10,
            squares: 0,
            rewards: [5.0, 2.0].map(|entry| units(entry) as i64).to_vec(),
            products: [10.0, beside, 4.0].map(units).to_vec(),
        };
        Told::new(&sums, true)
    }

    #[test]
    fn sums_that_cannot_be_leave_what_was_believed_before() {
        let arms = [ArmId::new(0), ArmId::new(9)];
        for linear in [Linear::disjoint(), Linear::hybrid(), Linear::logistic()] {
            let fit = |sums: [Told; 2], before| {
                Fit::new(linear, (11, 2), arms.into_iter().zip(sums).collect(), before)
            };
            let whole = fit([sums(6.0), sums(5.0)], None);
            // Read between two additions: 100 beside a diagonal of 10 and 4.
            let torn = fit([sums(100.0), sums(5.0)], Some(&whole));
            assert_eq!(torn.solved(arms[0]), whole.solved(arms[0]), "{linear:?}");
            assert!(torn.solved(arms[1]).is_some());
            let first = fit([sums(100.0), sums(5.0)], None);
            assert_eq!(first.beliefs(&[1.0, 0.5], &arms)[0], first.beliefs(&[1.0, 0.5], &[ArmId::new(5)])[0]);
        }
    }

    #[test]
    fn the_leader_is_that_of_the_beliefs() {
        let space = ArmSpace::builder().dimension("arm", (0..20).map(|arm| arm.to_string())).build();
        let space = space.expect("20 arms");
        let sums = vec![(ArmId::new(3), sums(6.0)), (ArmId::new(17), sums(2.0)), (ArmId::new(18), sums(2.0))];
        let fit = Fit::new(Linear::disjoint(), (20, 2), sums, None);
        let lead = |arms: &[u32], alpha| {
            let set = space.eligible(|arm| arms.contains(&arm.id().get()));
            let beliefs = fit.beliefs(&[1.0, 0.25], &set.to_vec());
            let value = |arm: usize| beliefs[arm].mean() + alpha * beliefs[arm].width();
            let most = (0..arms.len()).map(value).fold(f64::NEG_INFINITY, f64::max);
            let mut best = (0..arms.len()).filter(|&arm| value(arm) >= most);
            let expected = match (best.next(), best.next()) {
                (Some(one), None) => Lead::One(ArmId::new(arms[one])),
                _ => Lead::Several,
            };
            assert_eq!(fit.lead(&[1.0, 0.25], alpha, &set), expected, "{arms:?} {alpha}");
            expected
        };
        assert_eq!(lead(&[3, 17, 18], 0.0), lead(&[3, 17], 0.0));
        assert_eq!(lead(&[17, 18], 1.0), Lead::Several);
        assert_eq!(lead(&[0, 1, 3], 5.0), Lead::Several);
        assert_eq!(lead(&[3, 12], 5.0), Lead::One(ArmId::new(12)));
        assert_eq!(lead(&[4, 12], 0.0), Lead::Several);
    }
}
