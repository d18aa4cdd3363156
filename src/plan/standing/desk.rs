//! The desk of a segment: the standings of its sets, which one thread at a time has in hand.
//!
//! Whoever computes a plan takes the standings away by one swap, brings them up to date with the changes noted since,
//! and puts them back by another. Who finds them gone does not wait: it makes a standing of its own from the counters,
//! and drops it afterwards.

use crate::arm::{ArmId, Eligibility};
use crate::policy::Index;
use crate::statistics::SegmentCells;
use crate::sync::{Arc, Published};

use super::changes::Changes;
use super::{Standing, Top};

/// Sets whose standings are kept, at most: as many as a segment has places for plans.
const KEPT: usize = if cfg!(loom) { 2 } else { 64 };

/// Uses of the desk after which a standing that nobody asked for is dropped, at the latest after twice as many. While it lies there each change costs it a
/// few steps, and making it anew costs a look at every touched arm.
const IDLE: u64 = 1024;

#[derive(Debug)]
pub(crate) struct Desk {
    changes: Changes,
    /// Empty while somebody has them in hand.
    standings: Published<Standings>,
}

#[derive(Debug, Default)]
struct Standings {
    kept: Vec<Kept>,
    uses: u64,
}

#[derive(Debug)]
struct Kept {
    standing: Standing,
    last_use: u64,
}

/// The standings in hand. They are put back also when the policy panics, but then empty: the changes that were taken
/// may not have come to all of them.
struct InHand<'a> {
    desk: &'a Desk,
    standings: Option<Arc<Standings>>,
    complete: bool,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        if !self.complete {
            self.standings = Some(Arc::default());
        }
        drop(self.desk.standings.replace(self.standings.take()));
    }
}

impl Desk {
    pub(crate) fn new(arms: usize) -> Self {
        let standings = Published::empty();
        drop(standings.replace(Some(Arc::default())));
        Self { changes: Changes::new(arms), standings }
    }

    /// Notes that an arm's counters have changed, after they have, and before the event is counted.
    #[inline]
    pub(crate) fn mark(&self, arm: ArmId) {
        self.changes.mark(arm);
    }

    /// Who leads a set under an index, by counters that hold at least every change noted before the call.
    pub(crate) fn top(&self, index: &dyn Index, eligible: &Eligibility, cells: SegmentCells<'_>) -> Top {
        let Some(standings) = self.standings.replace(None) else {
            return Standing::new(eligible, cells).top(index);
        };
        let mut hand = InHand { desk: self, standings: Some(standings), complete: false };
        // Nobody else has it: it is only ever swapped in and out, never looked at in its place.
        let Some(standings) = hand.standings.as_mut().and_then(Arc::get_mut) else {
            return Standing::new(eligible, cells).top(index);
        };
        self.changes.take(&mut |arm| {
            let counters = cells.read(arm);
            standings.kept.iter_mut().for_each(|kept| kept.standing.update(arm, counters));
        });
        let top = standings.of(eligible, cells).top(index);
        hand.complete = true;
        top
    }
}

impl Standings {
    /// The standing of a set, made if there is none.
    fn of(&mut self, eligible: &Eligibility, cells: SegmentCells<'_>) -> &mut Standing {
        self.uses += 1;
        let last_use = self.uses;
        // Now and then, and not only where a further set comes: there may never be one.
        if last_use.is_multiple_of(IDLE) {
            self.kept.retain(|kept| last_use - kept.last_use <= IDLE);
        }
        let found = self.kept.iter().position(|kept| kept.standing.eligible == *eligible);
        let place = found.unwrap_or_else(|| {
            if self.kept.len() == KEPT {
                let oldest = self.kept.iter().enumerate().min_by_key(|(_, kept)| kept.last_use);
                oldest
                    .map(|(place, _)| place)
                    .into_iter()
                    .for_each(|place| drop(self.kept.swap_remove(place)));
            }
            self.kept.push(Kept { standing: Standing::new(eligible, cells), last_use });
            self.kept.len() - 1
        });
        let kept = &mut self.kept[place];
        kept.last_use = last_use;
        &mut kept.standing
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::arm::ArmSpace;
    use crate::policy::Ucb1;
    use crate::reward::RewardKind;
    use crate::segment::SegmentId;
    use crate::statistics::Cells;

    use super::*;

    #[test]
    fn a_standing_nobody_asks_for_is_dropped_though_no_further_set_comes() {
        let arms = ArmSpace::builder().dimension("arm", ["0", "1", "2"]).build().expect("three names");
        let cells = Cells::new(RewardKind::Binary, 1, arms.len());
        let desk = Desk::new(arms.len());
        let ask = |set: &Eligibility| drop(desk.top(&Ucb1::default(), set, cells.of(SegmentId::new(0))));
        let kept = || desk.standings.load().as_ref().map_or(0, |standings| standings.kept.len());

        let (all, without_first) = (arms.all(), arms.eligible(|arm| arm.id().index() > 0));
        ask(&without_first);
        ask(&all);
        assert_eq!(kept(), 2);
        (0..2 * IDLE).for_each(|_| ask(&all));
        assert_eq!(kept(), 1);
    }
}
