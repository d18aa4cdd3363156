//! Index policies: a number for each arm from its own counters, and the arms with the largest are selected.

use std::cmp::Ordering;
use std::fmt;

use crate::belief::Beta;
use crate::statistics::ArmStatistics;

use super::{Probabilities, View};

/// A policy that selects the arms with the largest index, where an arm's index depends on its own counters and on one
/// number that all arms share: the *clock*, which only advances.
///
/// An index like x̄_j + √(2 ln n / n_j) grows for every arm whenever any arm is selected, so that a loop over all arms
/// seems due at each event. But the *order* of two arms which were not selected changes seldom, and it can be told
/// beforehand when: that is what [`Index::holds_until`] is for. A bandit whose policy says
/// [`as_index`](super::Policy::as_index) keeps the arms in a tournament, replays the matches of the arms that changed and
/// those whose time has come, and so finds the best in a number of steps that grows with the logarithm of the arms.
///
/// An index never decreases as the clock advances and is not NaN. Arms with equal counters have equal indices. A policy
/// that reads the clock, or counts selections, must [observe selections](super::Observes::Selections); for one that
/// observes outcomes only, counters may be as old as the arm's last outcome.
pub trait Index: fmt::Debug + Send + Sync {
    /// The clock after so many selections of the eligible arms, of which there are `arms`; never decreases as they are
    /// selected.
    fn clock(&self, selections: u64, arms: usize) -> f64;

    /// The index of an arm with these counters.
    fn value(&self, arm: ArmStatistics, clock: f64) -> f64;

    /// The share of decisions, in [0, 1], for the arms with the largest index, split evenly; the rest is spread over all
    /// eligible arms, of which there are `arms`.
    fn share(&self, selections: u64, arms: usize) -> f64 {
        let _ = (selections, arms);
        1.0
    }

    /// A clock up to which the order of two arms whose counters stay the same is certainly what it is now: an arm ahead
    /// stays strictly ahead, arms with the same index keep the same index.
    ///
    /// `value(ahead, clock) >= value(behind, clock)`. Too early a clock costs time, too late a one costs correctness.
    /// The default is right for every index: `ahead` does not fall, so it stays ahead at least until `behind` has risen to
    /// where `ahead` is now, which is looked for in doubling steps. An index that knows its crossings should say so: where
    /// the indices of many arms are close together, as they are under such policies, the default looks too often.
    fn holds_until(&self, ahead: ArmStatistics, behind: ArmStatistics, clock: f64) -> f64 {
        if ahead == behind {
            return f64::INFINITY;
        }
        let height = self.value(ahead, clock);
        let mut until = clock;
        let mut step = f64::EPSILON * clock.abs().max(1.0);
        // 2⁻⁵² doubled a hundred times is beyond any clock that counts can reach.
        for _ in 0..100 {
            if !(self.value(behind, clock + step) < height) {
                return until;
            }
            until = clock + step;
            step *= 2.0;
        }
        f64::INFINITY
    }
}

/// The probabilities under an index by a loop over all arms: the definition.
pub(super) fn by_index(index: &dyn Index, view: &View<'_>) -> Probabilities {
    let selections = view.selections();
    let clock = index.clock(selections, view.len());
    let best = leaders(view.statistics().iter().map(|&arm| index.value(arm, clock)));
    shared(&best, index.share(selections, view.len()), view.len())
}

/// All on the arms whose posterior has the largest score; untried arms come first, ties are split evenly.
pub(super) fn by_belief(view: &View<'_>, score: impl Fn(&Beta) -> f64) -> Probabilities {
    // Arms believed to be like the one before need no second look: scores are dear, and many arms look the same.
    let mut last: Option<(&Beta, f64)> = None;
    let scores = view.statistics().iter().zip(view.posteriors()).map(|(arm, posterior)| match last {
        _ if arm.issued() == 0 => f64::INFINITY,
        Some((same, score)) if same == posterior => score,
        _ => {
            let score = score(posterior);
            last = Some((posterior, score));
            score
        }
    });
    Probabilities::shared(&leaders(scores), 1.0)
}

/// A share for the leaders, the rest for all.
pub(crate) fn shared(leaders: &[u32], share: f64, arms: usize) -> Probabilities {
    // All lead, and all share what is left: one even part.
    if leaders.len() == arms && share < 1.0 {
        return Probabilities::uniform();
    }
    Probabilities::shared(leaders, share)
}

/// Positions of the largest score, ascending: all of them, since ties are split evenly. NaN never wins.
pub(super) fn leaders(scores: impl Iterator<Item = f64>) -> Vec<u32> {
    let mut best = f64::NEG_INFINITY;
    let mut positions = Vec::new();
    for (position, score) in scores.enumerate() {
        match score.partial_cmp(&best) {
            Some(Ordering::Greater) => {
                best = score;
                positions.clear();
                positions.push(position as u32);
            }
            Some(Ordering::Equal) => positions.push(position as u32),
            Some(Ordering::Less) | None => {}
        }
    }
    positions
}

/// The mean of what has returned, 0 before the first: nothing is known in favour of the arm.
pub(super) fn mean(arm: ArmStatistics) -> f64 {
    arm.mean().unwrap_or(0.0)
}

/// The empirical variance of what has returned, Σx²/n − x̄², 0 before the first.
pub(super) fn variance(arm: ArmStatistics) -> f64 {
    match arm.returned() {
        0 => 0.0,
        // Sums are read one after the other: what is negative is a rounding or a read in between.
        returned => (arm.sum_of_squares() / returned as f64 - mean(arm) * mean(arm)).max(0.0),
    }
}

/// How far apart, relative to the larger of one and the index, two indices must be for their order to be beyond rounding,
/// and how much earlier than computed a crossing may come.
const MARGIN: f64 = 1e-12;

/// [`Index::holds_until`] for an index that is infinite for an untried arm, and of which it is known at which clock the arm
/// behind `reaches` a height: the arm ahead does not fall, so until the other is where it is now nothing changes.
pub(super) fn order_until(
    index: &impl Index,
    [ahead, behind]: [ArmStatistics; 2],
    clock: f64,
    reaches: impl FnOnce(f64) -> f64,
) -> f64 {
    if ahead == behind || ahead.issued() == 0 {
        return f64::INFINITY;
    }
    let height = index.value(ahead, clock);
    let height = height - MARGIN * height.max(1.0);
    if !(height > index.value(behind, clock)) {
        return clock;
    }
    let crossing = (1.0 - MARGIN) * reaches(height);
    if crossing > clock { crossing } else { clock }
}
