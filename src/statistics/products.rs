//! Sums of products of features: what a linear model learns from, as integers that add up in any order.

use serde::{Deserialize, Serialize};

use crate::arm::ArmId;
use crate::features::{Features, ONE, Quantised};
use crate::reward::Quantity;
use crate::segment::SegmentId;
use crate::sync::{AtomicU64, Ordering, SetOnce};

use super::table::{Blank, Table};
use super::turns::{Adding, Addition, Turns};

/// Of an arm in a segment, over its decisions with x the constant 1 and the features, each in [0, 1]: Σ x xᵀ, added when the
/// decision is made; and over those whose reward r is known how many they are, Σ r² and Σ r x.
///
/// Where decisions without a reward get a default one, r is the difference from that, which may be negative: a reward that is the
/// default adds nothing, and whoever reads the sums adds the default to every decision that has had its time.
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
    pub(crate) rewards: Vec<i64>,
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

    /// Whether an arm with so few decisions that a cell can count them may have these sums; only differences from a default
    /// reward may be negative.
    pub(crate) fn is_possible(&self, dimensions: usize, differences: bool) -> bool {
        self.rewards.len() == dimensions
            && self.products.len() == triangle(dimensions)
            && self.returned <= super::ArmStatistics::MAX_COUNT
            && self.products.iter().chain([&self.squares]).all(|&sum| sum <= MOST)
            && self.rewards.iter().all(|&sum| sum.unsigned_abs() <= MOST && (differences || sum >= 0))
    }

    /// Whether nothing was added, or all of it taken back.
    pub(crate) fn is_empty(&self) -> bool {
        self.returned == 0
            && self.products.iter().chain([&self.squares]).all(|&sum| sum == 0)
            && self.rewards.iter().all(|&sum| sum == 0)
    }

    /// Adds others of as many dimensions. What is more than any decisions can lead to, by a snapshot from anywhere, stays at the most.
    pub(crate) fn merge(&mut self, other: &Self) {
        let sum = |mine: &mut u64, theirs: &u64, most| *mine = mine.saturating_add(*theirs).min(most);
        sum(&mut self.returned, &other.returned, super::ArmStatistics::MAX_COUNT);
        sum(&mut self.squares, &other.squares, MOST);
        self.products.iter_mut().zip(&other.products).for_each(|(mine, theirs)| sum(mine, theirs, MOST));
        for (mine, theirs) in self.rewards.iter_mut().zip(&other.rewards) {
            *mine = mine.saturating_add(*theirs).clamp(-(MOST as i64), MOST as i64);
        }
    }
}

/// The sums of all arms in all segments, made on first touch.
#[derive(Debug)]
pub(crate) struct ProductCells {
    dimensions: usize,
    table: Table<ProductCell>,
}

/// The sums of an arm in a segment.
#[derive(Debug)]
struct ProductCell {
    /// How many threads are about to add to the sums, or to be refused.
    busy: AtomicU64,
    /// The words of [`Products`]: count, squares, rewards, products.
    words: SetOnce<Turns>,
}

impl Blank for ProductCell {
    fn blank() -> Self {
        Self { busy: AtomicU64::new(0), words: SetOnce::new() }
    }
}

/// Words before the rewards.
const BEFORE: usize = 2;

impl ProductCells {
    pub(crate) fn new(segments: usize, arms: usize, dimensions: usize) -> Self {
        Self { dimensions, table: Table::new(segments, arms) }
    }

    /// The same for a cohort that will close, of which there may be thousands: next to no memory until it is touched.
    pub(crate) fn later(segments: usize, arms: usize, dimensions: usize) -> Self {
        Self { dimensions, table: Table::later(segments, arms) }
    }

    /// The constant and the features.
    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn touch(&self, segment: SegmentId, arm: ArmId) -> Sums<'_> {
        self.sums(self.table.touch(segment, arm))
    }

    fn sums<'a>(&self, cell: &'a ProductCell) -> Sums<'a> {
        let words = BEFORE + self.dimensions + triangle(self.dimensions);
        Sums { words: cell.words.get_or_set(|| Turns::new(words)), dimensions: self.dimensions }
    }

    /// Adds the features of a decision.
    #[inline]
    pub(crate) fn issue(&self, segment: SegmentId, arm: ArmId, features: &Quantised) {
        self.touch(segment, arm).issue(features);
    }

    /// Takes the features of a decision back that were added before.
    pub(crate) fn withdraw(&self, segment: SegmentId, arm: ArmId, features: &Quantised) {
        self.touch(segment, arm).withdraw(features);
    }

    /// Adds the reward of a decision.
    pub(crate) fn reward(&self, segment: SegmentId, arm: ArmId, features: &Quantised, quantity: Quantity) {
        self.touch(segment, arm).reward(features, quantity.get() as i64);
    }

    /// Counts something in a cohort that may be sealed, and adds to the sums if it was counted. Whoever seals and then finds
    /// [nobody busy](ProductCells::is_idle) has all sums of what was counted before.
    #[inline]
    pub(crate) fn with<E>(
        &self,
        (segment, arm): (SegmentId, ArmId),
        count: impl FnOnce() -> Result<(), E>,
        add: impl FnOnce(Sums<'_>),
    ) -> Result<(), E> {
        let cell = self.table.touch(segment, arm);
        // Relaxed: counting, which only what comes before the seal can do, releases it to the one who seals.
        cell.busy.fetch_add(1, Ordering::Relaxed);
        let counted = count();
        if counted.is_ok() {
            add(self.sums(cell));
        }
        // Release: who sees that nobody is busy sees what was added.
        cell.busy.fetch_sub(1, Ordering::Release);
        counted
    }

    /// Whether nobody is between counting and adding, asked after the counters were sealed.
    pub(crate) fn is_idle(&self) -> bool {
        // Acquire: see `with`. A page that is not there yet is made by those who will be refused.
        let mut cells = self.table.pages().flat_map(|(_, first, page)| page.cells(first));
        cells.all(|(_, cell)| cell.busy.load(Ordering::Acquire) == 0)
    }

    /// The sums of all arms of a segment that have any, by arm.
    pub(crate) fn of(&self, segment: SegmentId) -> Vec<(ArmId, Products)> {
        let cells = self.table.pages_of(segment).flat_map(|(first, page)| page.cells(first));
        cells.filter_map(|(arm, cell)| Some((arm, self.read_words(cell.words.get()?)))).collect()
    }

    fn read_words(&self, words: &Turns) -> Products {
        // First: what is counted here comes with what it added.
        let returned = words.read(0).min(super::ArmStatistics::MAX_COUNT);
        let mut sums = words.read_all().skip(1);
        Products {
            returned,
            squares: sane(sums.next().unwrap_or(0)),
            rewards: sums
                .by_ref()
                .take(self.dimensions)
                .map(|sum| sane_difference(sum.cast_signed()))
                .collect(),
            products: sums.map(sane).collect(),
        }
    }

    /// All sums there are, by segment and arm.
    pub(crate) fn each_touched(&self, mut visit: impl FnMut(SegmentId, ArmId, Products)) {
        for (segment, first, page) in self.table.pages() {
            for (arm, cell) in page.cells(first) {
                if let Some(words) = cell.words.get() {
                    visit(segment, arm, self.read_words(words));
                }
            }
        }
    }

    /// Adds what was counted elsewhere, of as many dimensions; the caller has made sure that it fits.
    pub(crate) fn add(&self, segment: SegmentId, arm: ArmId, sums: &Products) {
        self.touch(segment, arm).words.add(sums);
    }
}

impl Addition for Products {
    fn to<A: Adding>(&self, words: &[AtomicU64]) {
        let rewards = self.rewards.iter().map(|sum| sum.cast_unsigned());
        let rest = std::iter::once(self.squares).chain(rewards).chain(self.products.iter().copied());
        words[1..].iter().zip(rest).for_each(|(word, sum)| A::add(word, sum));
        A::add_last(&words[0], self.returned);
    }
}

/// The sums of an arm in a segment, to be added to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sums<'a> {
    words: &'a Turns,
    dimensions: usize,
}

/// The products of a decision, to be added or, with the other sign, taken back.
struct Issued<'a> {
    features: &'a Quantised,
    dimensions: usize,
    back: bool,
}

/// A reward of these features, or by how much it differs from the default one, in units of 2⁻²⁴.
struct Rewarded<'a> {
    features: &'a Quantised,
    dimensions: usize,
    reward: i64,
}

impl Sums<'_> {
    /// Adds the features of a decision.
    #[inline]
    pub(crate) fn issue(self, features: &Quantised) {
        self.words.add(&Issued { features, dimensions: self.dimensions, back: false });
    }

    /// Takes the features of a decision back that were added before.
    pub(crate) fn withdraw(self, features: &Quantised) {
        self.words.add(&Issued { features, dimensions: self.dimensions, back: true });
    }

    /// Adds a reward, or by how much it differs from the default one, in units of 2⁻²⁴.
    pub(crate) fn reward(self, features: &Quantised, reward: i64) {
        self.words.add(&Rewarded { features, dimensions: self.dimensions, reward });
    }
}

impl Addition for Issued<'_> {
    /// A reader that meets half of a decision sees a matrix that cannot be, or hardly differs.
    #[inline(always)]
    fn to<A: Adding>(&self, words: &[AtomicU64]) {
        let mut left = &words[BEFORE + self.dimensions..];
        let mut values = [0; Features::MOST + 1];
        values
            .iter_mut()
            .zip(with_constant(self.features))
            .for_each(|(place, value)| *place = u64::from(value));
        for (row, &value) in values[..self.dimensions].iter().enumerate() {
            let places;
            (places, left) = left.split_at(row + 1);
            if value == 0 {
                continue;
            }
            // The sign once a row.
            let value = if self.back { value.wrapping_neg() } else { value };
            for (word, other) in places.iter().zip(&values) {
                A::add(word, value.wrapping_mul(*other));
            }
        }
    }
}

impl Addition for Rewarded<'_> {
    #[inline(always)]
    fn to<A: Adding>(&self, words: &[AtomicU64]) {
        let rewards = &words[BEFORE..BEFORE + self.dimensions];
        for (word, value) in rewards.iter().zip(with_constant(self.features)) {
            // 24 and 15 digits after the point make 39: nine are rounded away, none of a reward of 0 or 1.
            let product = (self.reward * i64::from(value) + (1 << 8)) >> 9;
            // Two's complement: differences add up whatever their sign.
            A::add(word, product.cast_unsigned());
        }
        let square = (self.reward * self.reward + (1 << 17)) >> 18;
        A::add(&words[1], square.cast_unsigned());
        // Last: who counts this reward sees what it added, and its decision's features.
        A::add_last(&words[0], 1);
    }
}

/// A sum that can be. Tokens forged under the public key may take back what was never added: what is read stays possible, and can
/// be restored.
fn sane(sum: u64) -> u64 {
    if sum <= MOST { sum } else { 0 }
}

fn sane_difference(sum: i64) -> i64 {
    if sum.unsigned_abs() <= MOST { sum } else { 0 }
}

/// The constant and the features.
fn with_constant(features: &Quantised) -> impl Iterator<Item = u16> + Clone {
    std::iter::once(ONE).chain(features.values().iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
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
            rewards: vec![unit(0.5) as i64, unit(0.125) as i64],
            products: vec![unit(2.0), unit(0.75), unit(0.3125)],
        };
        assert_eq!(cells.of(segment), [(arm, found.clone())]);
        // Taken back with features that were never added, by a forged token.
        (0..3).for_each(|_| cells.withdraw(segment, arm, &of(1.0)));
        let [(_, left)] = &cells.of(segment)[..] else { panic!("one arm") };
        assert!(left.is_possible(2, false) && left.products == [0, 0, 0], "{left:?}");
        // The bits are still those of a sum: it comes right again.
        (0..3).for_each(|_| cells.issue(segment, arm, &of(1.0)));
        assert_eq!(cells.of(segment), [(arm, found)]);
    }
}
