//! Sums of products of features: what a linear model learns from, as integers that add up in any order.

use serde::{Deserialize, Serialize};

use crate::arm::ArmId;
use crate::features::{ONE, Quantised};
use crate::reward::Quantity;
use crate::segment::SegmentId;
use crate::sync::{AtomicU64, Ordering, SetOnce};

use super::table::{Blank, Table};

/// Of an arm in a segment, over its decisions with x the constant 1 and the features, each in [0, 1]: Σ x xᵀ, added when the
/// decision is made; and over those whose reward r is known how many they are, Σ r² and Σ r x.
///
/// In units of 2⁻³⁰, in which products of quantised features are whole; r² and r x are rounded, each by half a unit at most. An
/// addend is one at most, and an arm in a segment has fewer than 2³² decisions
/// ([`ArmStatistics::MAX_COUNT`](super::ArmStatistics::MAX_COUNT), beyond which selection refuses): no sum passes 2⁶².
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Products {
    /// Decisions whose reward is known.
    pub(crate) returned: u64,
    /// Σ r².
    pub(crate) squares: u64,
    /// Σ r x: a row for the constant and each feature.
    pub(crate) rewards: Vec<u64>,
    /// Σ x xᵀ: the lower triangle, row by row.
    pub(crate) products: Vec<u64>,
}

/// One, in units.
pub(crate) const UNITS: f64 = (1_u64 << 30) as f64;

/// No sum is more.
const MOST: u64 = super::ArmStatistics::MAX_COUNT << 30;

/// Entries of the lower triangle of a square of so many rows.
pub(crate) const fn triangle(dimensions: usize) -> usize {
    dimensions * (dimensions + 1) / 2
}

impl Products {
    /// Of nothing, in so many dimensions.
    pub(crate) fn new(dimensions: usize) -> Self {
        let (rewards, products) = (vec![0; dimensions], vec![0; triangle(dimensions)]);
        Self { returned: 0, squares: 0, rewards, products }
    }

    /// Whether an arm with so few decisions that a cell can count them may have these sums.
    pub(crate) fn is_possible(&self, dimensions: usize) -> bool {
        let all = self.rewards.iter().chain(&self.products).chain([&self.squares]);
        self.rewards.len() == dimensions
            && self.products.len() == triangle(dimensions)
            && self.returned <= super::ArmStatistics::MAX_COUNT
            && all.into_iter().all(|&sum| sum <= MOST)
    }
}

/// The sums of all arms in all segments, made on first touch.
#[derive(Debug)]
pub(crate) struct ProductCells {
    dimensions: usize,
    table: Table<ProductCell>,
}

/// The words of [`Products`]: count, squares, rewards, products.
#[derive(Debug)]
struct ProductCell(SetOnce<Box<[AtomicU64]>>);

impl Blank for ProductCell {
    fn blank() -> Self {
        Self(SetOnce::new())
    }
}

/// Words before the rewards.
const BEFORE: usize = 2;

impl ProductCells {
    pub(crate) fn new(segments: usize, arms: usize, dimensions: usize) -> Self {
        Self { dimensions, table: Table::new(segments, arms) }
    }

    /// The constant and the features.
    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn touch(&self, segment: SegmentId, arm: ArmId) -> &[AtomicU64] {
        let words = BEFORE + self.dimensions + triangle(self.dimensions);
        self.table.touch(segment, arm).0.get_or_set(|| (0..words).map(|_| AtomicU64::new(0)).collect())
    }

    /// Adds the features of a decision.
    #[inline]
    pub(crate) fn issue(&self, segment: SegmentId, arm: ArmId, features: &Quantised) {
        let words = &self.touch(segment, arm)[BEFORE + self.dimensions..];
        each_product(features, |place, product| {
            // Relaxed: a reader that meets half of a decision sees a matrix that cannot be, or hardly differs.
            words[place].fetch_add(product, Ordering::Relaxed);
        });
    }

    /// Takes the features of a decision back that were added before.
    pub(crate) fn withdraw(&self, segment: SegmentId, arm: ArmId, features: &Quantised) {
        let words = &self.touch(segment, arm)[BEFORE + self.dimensions..];
        each_product(features, |place, product| {
            words[place].fetch_sub(product, Ordering::Relaxed);
        });
    }

    /// Adds the reward of a decision.
    pub(crate) fn reward(&self, segment: SegmentId, arm: ArmId, features: &Quantised, quantity: Quantity) {
        let words = self.touch(segment, arm);
        let rewards = &words[BEFORE..BEFORE + self.dimensions];
        for (word, value) in rewards.iter().zip(with_constant(features)) {
            // 24 and 15 digits after the point make 39: nine are rounded away, none of a reward of 0 or 1.
            let product = (quantity.get() * u64::from(value) + (1 << 8)) >> 9;
            word.fetch_add(product, Ordering::Relaxed);
        }
        let square = (quantity.get() * quantity.get() + (1 << 17)) >> 18;
        words[1].fetch_add(square, Ordering::Relaxed);
        // Release, and last: who counts this reward sees what it added, and its decision's features.
        words[0].fetch_add(1, Ordering::Release);
    }

    /// The sums of all arms of a segment that have any, by arm.
    pub(crate) fn of(&self, segment: SegmentId) -> Vec<(ArmId, Products)> {
        let cells = self.table.pages_of(segment).flat_map(|(first, page)| page.cells(first));
        cells.filter_map(|(arm, cell)| Some((arm, self.read_words(cell.0.get()?)))).collect()
    }

    fn read_words(&self, words: &[AtomicU64]) -> Products {
        // Acquire: see `reward`.
        let returned = words[0].load(Ordering::Acquire).min(super::ArmStatistics::MAX_COUNT);
        let read =
            |words: &[AtomicU64]| words.iter().map(|word| sane(word.load(Ordering::Relaxed))).collect();
        let (rewards, products) = words[BEFORE..].split_at(self.dimensions);
        Products {
            returned,
            squares: sane(words[1].load(Ordering::Relaxed)),
            rewards: read(rewards),
            products: read(products),
        }
    }

    /// All sums there are, by segment and arm.
    pub(crate) fn each_touched(&self, mut visit: impl FnMut(SegmentId, ArmId, Products)) {
        for (segment, first, page) in self.table.pages() {
            for (arm, cell) in page.cells(first) {
                if let Some(words) = cell.0.get() {
                    visit(segment, arm, self.read_words(words));
                }
            }
        }
    }

    /// Adds what was counted elsewhere, of as many dimensions; the caller has made sure that it fits.
    pub(crate) fn add(&self, segment: SegmentId, arm: ArmId, sums: &Products) {
        let words = self.touch(segment, arm);
        let all = [sums.returned, sums.squares].into_iter();
        let all = all.chain(sums.rewards.iter().copied()).chain(sums.products.iter().copied());
        for (word, sum) in words.iter().zip(all) {
            word.fetch_add(sum, Ordering::Release);
        }
    }
}

/// A sum that can be. Tokens forged under the public key may take back what was never added: what is read stays possible, and can
/// be restored.
fn sane(sum: u64) -> u64 {
    if sum <= MOST { sum } else { 0 }
}

/// The constant and the features.
fn with_constant(features: &Quantised) -> impl Iterator<Item = u16> + Clone {
    std::iter::once(ONE).chain(features.values().iter().copied())
}

/// The products of a lower triangle that are not 0, with their places.
#[inline]
fn each_product(features: &Quantised, mut add: impl FnMut(usize, u64)) {
    let mut place = 0;
    for (row, value) in with_constant(features).enumerate() {
        if value == 0 {
            place += row + 1;
            continue;
        }
        for other in with_constant(features).take(row + 1) {
            let product = u64::from(value) * u64::from(other);
            if product != 0 {
                add(place, product);
            }
            place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Features;
    use crate::reward::{Reward, RewardKind};

    #[test]
    fn sums_are_those_of_the_products_and_stay_possible() {
        let features = Features::builder().feature("x", 0.0..=1.0).build().expect("a range");
        let of = |x: f64| features.quantise(&[x]).expect("in range");
        let cells = ProductCells::new(1, 9, 2);
        let (segment, arm) = (SegmentId::new(0), ArmId::new(8));
        let unit = |x: f64| (x * UNITS) as u64;
        cells.issue(segment, arm, &of(0.5));
        cells.issue(segment, arm, &of(0.25));
        let kind = RewardKind::Real { minimum: 0.0, maximum: 2.0 };
        let half = kind.quantity(Reward::new(1.0)).expect("in range");
        cells.reward(segment, arm, &of(0.25), half);
        let found = Products {
            returned: 1,
            squares: unit(0.25),
            rewards: vec![unit(0.5), unit(0.125)],
            products: vec![unit(2.0), unit(0.75), unit(0.3125)],
        };
        assert_eq!(cells.of(segment), [(arm, found.clone())]);
        // Taken back with features that were never added, by a forged token.
        (0..3).for_each(|_| cells.withdraw(segment, arm, &of(1.0)));
        let [(_, left)] = &cells.of(segment)[..] else { panic!("one arm") };
        assert!(left.is_possible(2) && left.products == [0, 0, 0], "{left:?}");
        // The bits are still those of a sum: it comes right again.
        (0..3).for_each(|_| cells.issue(segment, arm, &of(1.0)));
        assert_eq!(cells.of(segment), [(arm, found)]);
    }
}
