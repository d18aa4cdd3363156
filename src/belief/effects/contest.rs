//! Contests among many arms: which of them is the best in each draw.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use crate::arm::ArmId;
use crate::segment::SegmentId;

use super::collapsed::{Collapsed, Effects};
use super::normal::standard;
use super::rows::Rows;
use super::sweeps::Sweeps;
use super::tables::Kind;

/// Sweeps before the first draw: the chain begins at the mode, from which it must come away.
const BURNT: usize = 8;

/// A residual is drawn only if it would have to be no more than so many standard deviations for the arm to win.
const HOPELESS: f64 = 5.0;

/// Of the draws, one in so many is never tempered; a quarter of all is drawn for these and to see how open the contest is.
const PLAIN: f64 = 1.0 / 8.0;

/// How many deviations, about, the best of all arms may lie above the mode in a tempered draw.
const TEMPER: f64 = 0.8;

/// Trials of each arm after which draws are tempered by no more than half.
const PATIENCE: f64 = 10.0;

/// An arm that has something of its own.
#[derive(Clone, Copy, Debug)]
struct Own {
    position: usize,
    /// Its cell in the segment, if it was tried there.
    cell: Option<usize>,
    /// Its entry in the table of arms, if there is one.
    arm: Option<usize>,
}

/// What is drawn again and again.
#[derive(Debug)]
struct Contest<'a> {
    mode: &'a Collapsed,
    rows: &'a Rows,
    own: Vec<Own>,
    /// The table of arms.
    arms: Option<usize>,
    sums: Vec<f64>,
}

/// How often each of the arms, which ascend, is the best in a segment: (position, share), ascending.
///
/// The maximum of m equal Gaussians lies √(2 ln m) deviations above their mean, so that of very many arms each draw finds another
/// one best, and Thompson sampling tries all before it uses what it knows. So where draws are `tempered`, deviations from the
/// mode are multiplied by α = min(1, 0.8 / √(2 H)) in seven draws of eight, for the entropy H of the frequencies in the draws
/// that are not: a contest that is decided is left alone. What that saves early is lost by holding to the second best late; so α is
/// at least n / (n + 10 K), for n trials of K arms.
pub(super) fn best(
    mode: &Collapsed,
    rows: &Rows,
    (segment, arms): (SegmentId, &[ArmId]),
    draws: usize,
    tempered: bool,
    seed: u64,
) -> Vec<(u32, f64)> {
    let table = mode.tables.others.iter().position(|table| table.kind == Kind::Arm);
    let mut own: Vec<Own> = Vec::new();
    for (cell, &(of, arm)) in mode.cells.places_of().iter().enumerate() {
        let entry = table.map(|table| mode.tables.others[table].entry[cell] as usize);
        if of != segment && entry.is_none() {
            continue;
        }
        if let Ok(position) = arms.binary_search(&arm) {
            own.push(Own { position, cell: (of == segment).then_some(cell), arm: entry });
        }
    }
    // The cell of the segment itself comes first, and stays.
    own.sort_by_key(|own| (own.position, own.cell.is_none()));
    own.dedup_by_key(|own| own.position);

    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut sweeps = Sweeps::from(mode);
    (0..BURNT).for_each(|_| sweeps.sweep(&mut rng));
    let mut contest = Contest { mode, rows, own, arms: table, sums: Vec::new() };
    let mut wins: Vec<(u32, f64)> = Vec::with_capacity(draws);
    let pilots = if tempered { draws.div_ceil(4) } else { draws };
    let each = if pilots < draws { PLAIN } else { 1.0 } / pilots as f64;
    for _ in 0..pilots {
        sweeps.sweep(&mut rng);
        wins.push((contest.winner(&sweeps, 1.0, &mut rng), each));
    }
    let wins_so_far = gathered(wins.clone());
    let mass: f64 = wins_so_far.iter().map(|win| win.1).sum();
    let entropy: f64 =
        wins_so_far.iter().map(|win| win.1 / mass).map(|share| -share * libm::log(share)).sum();
    let part = part(entropy, mode.cells.trials(), arms.len());
    let each = (1.0 - PLAIN) / (draws - pilots).max(1) as f64;
    for _ in pilots..draws {
        sweeps.sweep(&mut rng);
        wins.push((contest.winner(&sweeps, part, &mut rng), each));
    }
    gathered(wins)
}

/// What deviations are multiplied by, at this entropy of a contest of so many arms after so many trials.
fn part(entropy: f64, trials: f64, arms: usize) -> f64 {
    let late = trials / (trials + PATIENCE * arms as f64);
    if entropy > 0.0 { (TEMPER / (2.0 * entropy).sqrt()).max(late).min(1.0) } else { 1.0 }
}

/// Shares by position, ascending.
fn gathered(mut wins: Vec<(u32, f64)>) -> Vec<(u32, f64)> {
    wins.sort_by_key(|&(position, _)| position);
    wins.dedup_by(|next, first| {
        let same = next.0 == first.0;
        first.1 += if same { next.1 } else { 0.0 };
        same
    });
    wins
}

impl Contest<'_> {
    /// The best arm, with deviations from the mode multiplied by a factor.
    fn winner<R: Rng + ?Sized>(&mut self, sweeps: &Sweeps<'_>, part: f64, rng: &mut R) -> u32 {
        let mode = self.mode;
        let tempered;
        let effects = if part < 1.0 {
            tempered = between(&mode.effects, &sweeps.effects, part);
            &tempered
        } else {
            &sweeps.effects
        };
        self.rows.sums(mode.base, &mode.tables, effects, &mut self.sums);
        // Arms that were never tried have nothing of their own: the best of them is found first.
        let shared: Vec<f64> = self
            .own
            .iter()
            .map(|own| std::mem::replace(&mut self.sums[own.position], f64::NEG_INFINITY))
            .collect();
        let mut best = largest(&self.sums);
        for (own, shared) in self.own.iter().zip(shared) {
            let arm = self.arms.zip(own.arm).map_or(0.0, |(table, entry)| effects.others[table][entry]);
            let sum = shared + arm;
            let logit = match own.cell {
                None => sum,
                Some(cell) => {
                    let expected = mode.residuals[cell];
                    let drawn = mode.scales.residual * sweeps.errors[cell];
                    let middle = sum + expected + part * (drawn - expected);
                    let deviation = part * mode.spread[cell].sqrt();
                    if !(middle + HOPELESS * deviation > best.1) {
                        continue;
                    }
                    middle + deviation * standard(rng)
                }
            };
            if logit > best.1 {
                best = (own.position, logit);
            }
        }
        best.0 as u32
    }
}

/// Effects on the way from one to the other.
fn between(from: &Effects, to: &Effects, part: f64) -> Effects {
    let mix = |from: &[f64], to: &[f64]| from.iter().zip(to).map(|(a, b)| a + part * (b - a)).collect();
    let others = from.others.iter().zip(&to.others);
    Effects { joint: mix(&from.joint, &to.joint), others: others.map(|(from, to)| mix(from, to)).collect() }
}

/// The first of the largest, with its place.
fn largest(values: &[f64]) -> (usize, f64) {
    // The maximum of each lane first, which is vector code; then its place.
    let mut lanes = [f64::NEG_INFINITY; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    let most = lanes.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max);
    (values.iter().position(|value| *value >= most).unwrap_or_default(), most)
}
