//! Whether arms were sent as often as their propensities say, propensity by propensity.

use super::log::Log;
use super::log_sums::LogSums;
use super::outline::Outline;

/// What was sent with propensities in a range, beside what these propensities make likely.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Calibration {
    /// The range of propensities, its lower end not included.
    pub range: (f64, f64),
    /// Rounds whose arm was sent with such a propensity.
    pub sent: usize,
    /// The share of arm and round together that was to be sent, by the propensities.
    pub logged: f64,
    /// The share that was sent.
    pub realised: f64,
    /// By how many standard errors Σ 1/b over those rounds differs from what it counts, the rounds that could have sent
    /// them.
    pub z: f64,
}

/// Upper ends of the ranges.
const ENDS: [f64; 10] = [0.001, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0];

/// Fewer rounds in a range have no law that a normal one comes near.
const FEW: usize = 25;

/// Rounds that an arm is to be expected in, in a segment, to be looked at there: it is then missing one time in 20,000.
const EXPECTED: f64 = 10.0;

/// The calibration of a log, by ascending ranges of propensities; those in which hardly anything was sent are left out.
///
/// Of every arm in every segment that shows it, Σ 1/b over the rounds that sent it has the mean n, the number of the
/// segment's rounds, whatever the policy looked at besides, as long as it could send the arm in each. Arms are put in a
/// range by the propensity that they had on (harmonic) average. Empty for logs that say nothing of this: without
/// propensities, or with rounds that allow only some arms.
#[must_use]
pub fn calibration(log: &Log) -> Vec<Calibration> {
    calibrated(log.outline(), &LogSums::of(log))
}

/// The same by the sums of a log.
pub(super) fn calibrated(outline: &Outline, sums: &LogSums) -> Vec<Calibration> {
    if !outline.has_propensities() || outline.sets() > 1 {
        return Vec::new();
    }
    let mut ranges = [Range::default(); ENDS.len()];
    let mut members = [0.0; ENDS.len()];
    let cells = sums.cells();
    let mut cells = cells.iter().peekable();
    while let Some(&(segment, _, cell)) = cells.next() {
        let rounds = sums.of_segment(segment);
        let mean = cell.sent / cell.weights;
        let place = ENDS.iter().position(|&end| mean <= end).unwrap_or(ENDS.len() - 1);
        // Of arms that are expected this seldom the log shows those that came more often than expected.
        if rounds * mean >= EXPECTED {
            let range = &mut ranges[place];
            range.sent += cell.sent;
            range.pairs += rounds;
            range.logged += rounds * mean;
            range.weights += cell.weights;
            // E[w²] per round is E[1/b]: by the mean over what was sent, which is surer than the sum of squares.
            range.variance += rounds * cell.squares / cell.weights;
            members[place] += 1.0;
        }
        // Of arms of one segment that share a range, a round sends one: their weights are not independent.
        if cells.peek().is_none_or(|(next, ..)| *next != segment) {
            for (range, members) in ranges.iter_mut().zip(&mut members) {
                range.variance -= rounds * *members * *members;
                *members = 0.0;
            }
        }
    }
    let lower = std::iter::once(0.0).chain(ENDS);
    let told = lower.zip(ENDS).zip(ranges).filter(|(_, range)| range.sent >= FEW as f64);
    told.map(|(ends, range)| range.told(ends)).collect()
}

/// Sums over the arms and segments of a range.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    sent: f64,
    /// Rounds of the segments, once for each arm.
    pairs: f64,
    logged: f64,
    weights: f64,
    variance: f64,
}

impl Range {
    fn told(&self, range: (f64, f64)) -> Calibration {
        let distance = self.weights - self.pairs;
        // All arms of a uniform log in one range: there is nothing to vary, nor anything to differ but rounding.
        let z = match self.variance > 1e-6 * self.pairs {
            true => distance / self.variance.sqrt(),
            false if distance.abs() <= 1e-6 * self.pairs => 0.0,
            false => distance.signum() * f64::INFINITY,
        };
        Calibration {
            range,
            sent: self.sent as usize,
            logged: self.logged / self.pairs,
            realised: self.sent / self.pairs,
            z,
        }
    }
}
