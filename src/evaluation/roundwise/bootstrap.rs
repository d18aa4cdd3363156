//! The bootstrap: the value again and again, of rounds or clusters drawn with replacement.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use rand_distr::{Binomial, Distribution};

use super::super::estimate::EstimateError;
use super::Asked;
use super::facts::Source;
use super::sums;

/// What is drawn: the terms of each round, or the sums of a cluster's. A part that the estimator does not have is
/// empty.
#[derive(Debug, Default)]
pub(super) struct Units {
    /// So scaled that their mean over the units is that over the rounds.
    added: Vec<f64>,
    numerator: Vec<f64>,
    denominator: Vec<f64>,
    /// Rounds in each cluster, scaled likewise; empty where each is one.
    sizes: Vec<f64>,
}

impl Units {
    pub(super) fn of(source: &dyn Source, asked: Asked) -> Result<Self, EstimateError> {
        let mut units = Self::default();
        sums::each(source, &[asked], |_, _, terms| {
            units.added.extend_from_slice(&terms.added);
            units.numerator.extend_from_slice(&terms.numerator);
            units.denominator.extend_from_slice(&terms.denominator);
        })?;
        let Some((clusters, count)) = source.clusters() else { return Ok(units) };
        let scale = count as f64 / clusters.len() as f64;
        let gather = |values: Vec<f64>| {
            let mut sums = if values.is_empty() { Vec::new() } else { vec![0.0; count] };
            values.iter().zip(clusters).for_each(|(value, &cluster)| sums[cluster as usize] += value * scale);
            sums
        };
        let sizes = gather(vec![1.0; clusters.len()]);
        let Self { added, numerator, denominator, .. } = units;
        Ok(Self {
            added: gather(added),
            numerator: gather(numerator),
            denominator: gather(denominator),
            sizes,
        })
    }

    /// How many rounds' worth the largest unit is, scaled as the units are.
    pub(super) fn largest_share(&self) -> f64 {
        if self.sizes.is_empty() { 1.0 } else { self.sizes.iter().copied().fold(0.0, f64::max) }
    }

    /// The added parts, numerators and denominators, by their number.
    pub(super) fn parts(&self, mut visit: impl FnMut(usize, &[f64])) {
        visit(0, &self.added);
        visit(1, &self.numerator);
        visit(2, &self.denominator);
    }

    fn len(&self) -> usize {
        self.added.len().max(self.denominator.len())
    }
}

/// Units at a time, few enough for their terms to stay in the nearest cache; a power of two, so that a part of a
/// random word is an index.
const BLOCK: usize = 1 << BLOCK_BITS;
const BLOCK_BITS: u32 = 10;

/// The interval between the quantiles (1 ± confidence) / 2 of the resampled values.
///
/// How many of a resample's n draws fall into each block is drawn first, from a binomial law given what the blocks
/// before took; within the block each draw is even. That is the multinomial law of n draws among n, without jumps all
/// over the memory.
pub(super) fn percentiles(units: &Units, resamples: u32, confidence: f64, seed: u64) -> (f64, f64) {
    let mut values: Vec<f64> = (0..resamples.max(1)).map(|number| resampled(units, seed, number)).collect();
    // A resample without any weight has no ratio.
    values.retain(|value| !value.is_nan());
    values.sort_unstable_by(f64::total_cmp);
    (quantile(&values, 0.5 - confidence / 2.0), quantile(&values, 0.5 + confidence / 2.0))
}

/// Between the order statistics, as R's default (R. J. Hyndman, Y. Fan, 1996, *Sample Quantiles in Statistical
/// Packages*, type 7).
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = probability * last as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    sorted[below] + part * (sorted[(below + 1).min(last)] - sorted[below])
}

fn resampled(units: &Units, seed: u64, number: u32) -> f64 {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ u64::from(number).rotate_left(32));
    let total = units.len();
    let mut sums = [0.0; 4];
    let (mut left, mut drawn) = (total, 0);
    for start in (0..total).step_by(BLOCK) {
        let length = BLOCK.min(total - start);
        let share = length as f64 / left as f64;
        // Never out of range: a share of what is left.
        let draws = match Binomial::new((total - drawn) as u64, share.min(1.0)) {
            Ok(law) if length < left => law.sample(&mut rng) as usize,
            _ => total - drawn,
        };
        left -= length;
        drawn += draws;
        draw(units, start..start + length, draws, &mut rng, &mut sums);
    }
    let [added, numerator, denominator, sizes] = sums;
    let rounds = if units.sizes.is_empty() { total as f64 } else { sizes };
    added / rounds + if units.denominator.is_empty() { 0.0 } else { numerator / denominator }
}

/// Adds up `draws` units of a block.
fn draw(
    units: &Units,
    block: std::ops::Range<usize>,
    draws: usize,
    rng: &mut Xoshiro256PlusPlus,
    sums: &mut [f64; 4],
) {
    /// Indices in a word.
    const EACH: usize = 64 / BLOCK_BITS as usize;
    let length = block.len();
    let columns = [&units.added, &units.numerator, &units.denominator, &units.sizes];
    let columns = columns.map(|column| column.get(block.clone()).unwrap_or(&[]));
    let mut indices = [0_usize; EACH];
    let mut remaining = draws;
    // All columns must meet the same draws, and a few indices at a time stay in registers.
    while remaining > 0 {
        let mut word = rng.next_u64();
        let now = remaining.min(EACH);
        for index in &mut indices {
            let bits = word as usize % BLOCK;
            // In the last, shorter block: even but for one part in a million.
            *index = if length == BLOCK { bits } else { short(rng, length) };
            word >>= BLOCK_BITS;
        }
        for (sum, column) in sums.iter_mut().zip(columns).filter(|(_, column)| !column.is_empty()) {
            *sum += indices[..now].iter().map(|&index| column[index]).sum::<f64>();
        }
        remaining -= now;
    }
}

/// An index below a length that is no power of two.
fn short(rng: &mut Xoshiro256PlusPlus, length: usize) -> usize {
    ((u128::from(rng.next_u64()) * length as u128) >> 64) as usize
}
