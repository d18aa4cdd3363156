//! The bootstrap: the value again and again, of rounds or clusters drawn with replacement.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use rand_distr::{Binomial, Distribution};

use super::super::estimate::EstimateError;
use super::facts::Source;
use super::units::{self, Parts};
use super::{Asked, Settings};

/// Units at a time, few enough for their terms to stay in the nearest cache; a power of two, so that a part of a
/// random word is an index.
const BLOCK: usize = 1 << BLOCK_BITS;
const BLOCK_BITS: u32 = 10;

/// For each estimator the interval between the quantiles (1 ± confidence) / 2 of the resampled values.
///
/// How many of a resample's n draws fall into each block of units is drawn first, from a binomial law given what the
/// blocks before took; within the block each draw is even. That is the multinomial law of n draws among n, without jumps
/// all over the memory; and a block can be drawn from in all resamples and then be forgotten, so that memory does not
/// grow with the log.
pub(super) fn percentiles(
    source: &dyn Source,
    asked: &[Asked],
    rounds: usize,
    resamples: u32,
    settings: Settings,
) -> Result<Vec<(f64, f64)>, EstimateError> {
    let units = source.clusters().map_or(rounds, |(_, clusters)| clusters);
    let has_sizes = source.clusters().is_some();
    let mut drawers: Vec<Box<dyn Draws>> =
        asked.iter().map(|asked| drawer(asked, has_sizes, units, resamples, settings.seed)).collect();
    units::each(source, asked, |number, parts| drawers[number].feed(parts))?;
    let (lower, upper) = (0.5 - settings.confidence / 2.0, 0.5 + settings.confidence / 2.0);
    Ok(drawers
        .into_iter()
        .map(|mut drawer| {
            let mut values = drawer.values();
            // A resample without any weight has no ratio.
            values.retain(|value| !value.is_nan());
            values.sort_unstable_by(f64::total_cmp);
            (quantile(&values, lower), quantile(&values, upper))
        })
        .collect())
}

/// Between the order statistics, as R's default (R. J. Hyndman, Y. Fan, 1996, *Sample Quantiles in Statistical
/// Packages*, type 7).
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = probability * last as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    sorted[below] + part * (sorted[(below + 1).min(last)] - sorted[below])
}

/// All resamples of one estimator.
trait Draws {
    /// Takes the next units.
    fn feed(&mut self, parts: Parts<'_>);

    /// The value of each resample, once all units were fed.
    fn values(&mut self) -> Vec<f64>;
}

fn drawer(asked: &Asked, sizes: bool, units: usize, resamples: u32, seed: u64) -> Box<dyn Draws> {
    let (added, ratio) = (asked.estimator.has_added(), asked.estimator.is_ratio());
    let there = [added, ratio, ratio, sizes];
    match there.iter().filter(|&&there| there).count() {
        1 => Box::new(Drawer::<1>::new(there, units, resamples, seed)),
        2 => Box::new(Drawer::<2>::new(there, units, resamples, seed)),
        3 => Box::new(Drawer::<3>::new(there, units, resamples, seed)),
        _ => Box::new(Drawer::<4>::new(there, units, resamples, seed)),
    }
}

/// Resamples of units with `P` parts, side by side so that one look takes them all.
struct Drawer<const P: usize> {
    /// Which of the four parts there are.
    there: [bool; 4],
    units: usize,
    /// Units in the blocks that were drawn from.
    done: usize,
    block: Vec<[f64; P]>,
    resamples: Vec<Resample<P>>,
}

struct Resample<const P: usize> {
    rng: Xoshiro256PlusPlus,
    /// Draws made.
    drawn: usize,
    sums: [f64; P],
}

impl<const P: usize> Drawer<P> {
    fn new(there: [bool; 4], units: usize, resamples: u32, seed: u64) -> Self {
        let resample = |number: u32| Resample {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed ^ u64::from(number).rotate_left(32)),
            drawn: 0,
            sums: [0.0; P],
        };
        let resamples = (0..resamples.max(1)).map(resample).collect();
        Self { there, units, done: 0, block: Vec::with_capacity(BLOCK), resamples }
    }

    /// Draws from the block in all resamples.
    fn flush(&mut self) {
        let (length, left) = (self.block.len(), self.units - self.done);
        let share = length as f64 / left as f64;
        for Resample { rng, drawn, sums } in &mut self.resamples {
            // Never out of range: a share of what is left.
            let draws = match Binomial::new((self.units - *drawn) as u64, share.min(1.0)) {
                Ok(law) if length < left => law.sample(rng) as usize,
                _ => self.units - *drawn,
            };
            *drawn += draws;
            draw(&self.block, draws, rng, sums);
        }
        self.done += length;
        self.block.clear();
    }
}

impl<const P: usize> Draws for Drawer<P> {
    fn feed(&mut self, parts: Parts<'_>) {
        let mut there = parts.iter().zip(self.there).filter(|&(_, there)| there).map(|(part, _)| *part);
        let columns: [&[f64]; P] = std::array::from_fn(|_| there.next().unwrap_or(&[]));
        let units = columns.first().map_or(0, |column| column.len());
        for unit in 0..units {
            self.block.push(columns.map(|column| column[unit]));
            if self.block.len() == BLOCK {
                self.flush();
            }
        }
    }

    fn values(&mut self) -> Vec<f64> {
        if !self.block.is_empty() {
            self.flush();
        }
        let (there, units) = (self.there, self.units as f64);
        let value = |resample: &Resample<P>| {
            let mut sums = resample.sums.iter();
            let [added, numerator, denominator, sizes] =
                there.map(|there| if there { sums.next().copied() } else { None });
            let ratio = numerator.zip(denominator).map_or(0.0, |(b, c)| b / c);
            added.map_or(0.0, |added| added / sizes.unwrap_or(units)) + ratio
        };
        self.resamples.iter().map(value).collect()
    }
}

/// Indices in a word.
const EACH: usize = 64 / BLOCK_BITS as usize;

/// Adds up `draws` units of a block.
fn draw<const P: usize>(block: &[[f64; P]], draws: usize, rng: &mut Xoshiro256PlusPlus, sums: &mut [f64; P]) {
    // Two sums in turn: one addition need not wait for the other.
    let mut lanes = [[0.0; P]; 2];
    let mut add = |turn: usize, unit: &[f64; P]| {
        lanes[turn % 2].iter_mut().zip(unit).for_each(|(lane, part)| *lane += part);
    };
    match <&[[f64; P]; BLOCK]>::try_from(block) {
        Ok(block) => {
            for _ in 0..draws / EACH {
                let word = rng.next_u64();
                for turn in 0..EACH {
                    add(turn, &block[(word >> (turn as u32 * BLOCK_BITS)) as usize % BLOCK]);
                }
            }
            let word = rng.next_u64();
            for turn in 0..draws % EACH {
                add(turn, &block[(word >> (turn as u32 * BLOCK_BITS)) as usize % BLOCK]);
            }
        }
        // The last block, which may be shorter.
        Err(_) => (0..draws).for_each(|turn| add(turn, &block[below(rng, block.len())])),
    }
    let [one, other] = lanes;
    sums.iter_mut().zip(one).zip(other).for_each(|((sum, one), other)| *sum += one + other);
}

/// An index below a length that is no power of two: even but for less than one part in 2⁵⁰.
fn below(rng: &mut Xoshiro256PlusPlus, length: usize) -> usize {
    ((u128::from(rng.next_u64()) * length as u128) >> 64) as usize
}
