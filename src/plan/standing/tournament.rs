//! A kinetic tournament: who is ahead of all others, replayed only where it may have changed.
//!
//! The leaves of a binary tree are entrants, every inner node is the match of the winners below it, with the clock up to
//! which its result, and all results below, hold for certain. Who changed has the matches on its path to the root
//! replayed; as the clock advances, so are the matches whose time has come. (J. Basch, L. J. Guibas, J. Hershberger
//! (1997), *Data structures for mobile data*.)

use std::cmp::Ordering;

/// No entrant.
const NOBODY: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The clock up to which this match and those below it hold.
    until: f64,
    winner: u32,
    /// Whether both sides are as good.
    tied: bool,
}

const EMPTY: Node = Node { until: f64::INFINITY, winner: NOBODY, tied: false };

/// Between whom a match is, and how it ends.
pub(super) trait Match {
    /// How the first compares with the second at this clock.
    fn compare(&self, first: u32, second: u32, clock: f64) -> Ordering;

    /// A clock up to which that comparison keeps its result; the first is not behind.
    fn holds_until(&self, ahead: u32, behind: u32, clock: f64) -> f64;
}

#[derive(Debug)]
pub(super) struct Tournament {
    /// The root at 1, the children of node i at 2i and 2i + 1, entrant e at half of the length + e.
    nodes: Vec<Node>,
    clock: f64,
}

impl Tournament {
    pub(super) fn new() -> Self {
        Self { nodes: vec![EMPTY; 2], clock: f64::NEG_INFINITY }
    }

    /// An entrant joins, has changed, or (`present` being false) leaves.
    pub(super) fn set(&mut self, entrant: u32, present: bool) {
        while entrant as usize >= self.nodes.len() / 2 {
            self.grow();
        }
        let leaf = self.nodes.len() / 2 + entrant as usize;
        self.nodes[leaf].winner = if present { entrant } else { NOBODY };
        let mut node = leaf / 2;
        // Above a match that is to be replayed all are.
        while node > 0 && self.nodes[node].until > f64::NEG_INFINITY {
            self.nodes[node].until = f64::NEG_INFINITY;
            node /= 2;
        }
    }

    /// Replays what may have changed until this clock.
    pub(super) fn settle(&mut self, matches: &impl Match, clock: f64) {
        if clock < self.clock {
            // The past is nothing that results were kept for.
            self.forget();
        }
        self.clock = clock;
        self.replay(1, matches, clock);
    }

    /// The entrants nobody is ahead of, once settled.
    pub(super) fn leaders(&self, mut visit: impl FnMut(u32)) {
        self.descend(1, &mut visit);
    }

    /// Twice the room: all matches are replayed next time.
    fn grow(&mut self) {
        let entrants = self.nodes.split_off(self.nodes.len() / 2);
        let room = 2 * entrants.len();
        self.nodes = vec![EMPTY; room];
        self.nodes.extend(entrants);
        self.nodes.resize(2 * room, EMPTY);
        self.forget();
    }

    fn forget(&mut self) {
        let room = self.nodes.len() / 2;
        self.nodes[..room].iter_mut().for_each(|node| node.until = f64::NEG_INFINITY);
    }

    fn replay(&mut self, node: usize, matches: &impl Match, clock: f64) {
        if self.nodes[node].until >= clock {
            return;
        }
        let sides = [2 * node, 2 * node + 1];
        sides.iter().for_each(|&side| self.replay(side, matches, clock));
        let [left, right] = sides.map(|side| self.nodes[side]);
        let below = left.until.min(right.until);
        self.nodes[node] = match (left.winner, right.winner) {
            (NOBODY, winner) | (winner, NOBODY) => Node { until: below, winner, tied: false },
            (left, right) => {
                let result = matches.compare(left, right, clock);
                let (ahead, behind) = if result.is_lt() { (right, left) } else { (left, right) };
                // Not below the clock, or this match would be replayed for ever; NaN is no promise.
                let until = matches.holds_until(ahead, behind, clock).max(clock);
                Node { until: below.min(until), winner: ahead, tied: result.is_eq() }
            }
        };
    }

    fn descend(&self, node: usize, visit: &mut impl FnMut(u32)) {
        let Node { winner, tied, .. } = self.nodes[node];
        if winner == NOBODY {
            return;
        }
        if node >= self.nodes.len() / 2 {
            return visit(winner);
        }
        for side in [2 * node, 2 * node + 1] {
            if tied || self.nodes[side].winner == winner {
                self.descend(side, visit);
            }
        }
    }
}
