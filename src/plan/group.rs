//! A plan in which many arms lead alike: a set of bits instead of a column for each.
//!
//! Where thousands of arms are untried, or have failed once each, an index policy gives all of them the same share. The
//! 2⁵³ units are then cut into three stretches: whole units for each leader, whole units for each eligible arm, and the
//! few that are left over, which the first leader gets.

use crate::arm::ArmId;
use crate::sync::Arc;

use super::ranks::Ranks;
use super::table::UNIT_BITS;

#[derive(Debug)]
pub(super) struct Group {
    /// The leaders, a bit each.
    words: Arc<[u64]>,
    ranks: Ranks,
    leaders: u64,
    /// Units of each leader on top of the even part.
    own_units: u64,
    /// Units of each eligible arm in the even part.
    even_units: u64,
    first: ArmId,
    /// Units of the first leader on top of that.
    left: u64,
}

/// Whom a point belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stretch {
    /// A leader.
    Leader(ArmId),
    /// The eligible arm at this position.
    Even(u32),
}

impl Group {
    /// An even part of `even` (in [0, 1]) over `arms` eligible arms, the rest over the leaders, who are some of them.
    pub(super) fn new(words: Arc<[u64]>, leaders: u32, arms: u32, even: f64) -> Self {
        const UNITS: u64 = 1 << UNIT_BITS;
        let most = UNITS / u64::from(arms);
        // An even part that is not nothing leaves no arm without a unit.
        let even_units = match even > 0.0 {
            true => ((even * UNITS as f64 / f64::from(arms)).round() as u64).clamp(1, most),
            false => 0,
        };
        let own = UNITS - even_units * u64::from(arms);
        let leaders = u64::from(leaders);
        let ranks = Ranks::of(&words);
        let first = ranks.arm(&words, 0);
        Self { words, ranks, leaders, own_units: own / leaders, even_units, first, left: own % leaders }
    }

    /// Whom the upper 53 bits of a random word hit.
    pub(super) fn draw(&self, word: u64) -> Stretch {
        let point = word >> (64 - UNIT_BITS);
        let own = self.own_units * self.leaders;
        if point < own {
            return Stretch::Leader(self.leader((point / self.own_units) as u32));
        }
        // Above the leaders' units and those left over there is only the even part, so that it has units.
        match (point - own).checked_sub(self.left) {
            Some(point) => Stretch::Even((point / self.even_units) as u32),
            None => Stretch::Leader(self.first),
        }
    }

    /// The whole probability of an eligible arm, in units.
    pub(super) fn units(&self, arm: ArmId) -> u64 {
        let leads = self.words[arm.index() / 64] >> (arm.index() % 64) & 1;
        self.even_units + leads * self.own_units + if arm == self.first { self.left } else { 0 }
    }

    pub(super) fn even_units(&self) -> u64 {
        self.even_units
    }

    /// The leaders, ascending.
    pub(super) fn leaders(&self) -> impl Iterator<Item = ArmId> + '_ {
        (0..self.leaders as u32).map(|position| self.leader(position))
    }

    fn leader(&self, position: u32) -> ArmId {
        self.ranks.arm(&self.words, position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_has_one_owner() {
        // Leaders 1, 3 and 64 of 70 arms; a tenth for all.
        let words: Arc<[u64]> = [0b1010, 1].into();
        let group = Group::new(words, 3, 70, 0.1);
        let leaders: Vec<usize> = group.leaders().map(ArmId::index).collect();
        assert_eq!(leaders, [1, 3, 64]);
        assert_eq!((0..70).map(|arm| group.units(ArmId::new(arm))).sum::<u64>(), 1 << UNIT_BITS);
        // The borders of the stretches, by the point before and after.
        let owner = |point: u64| match group.draw(point << (64 - UNIT_BITS)) {
            Stretch::Leader(arm) => (arm.index(), group.units(arm)),
            Stretch::Even(position) => (1000 + position as usize, 0),
        };
        let own = group.own_units;
        let points = [0, own - 1, own, 3 * own - 1, 3 * own + group.left];
        assert_eq!(points.map(|point| owner(point).0), [1, 1, 3, 64, 1000]);
        assert_eq!(owner((1 << UNIT_BITS) - 1).0, 1069);
        assert_eq!(group.left, ((1 << UNIT_BITS) - 70 * group.even_units) % 3);
        if group.left > 0 {
            assert_eq!(owner(3 * own).0, 1);
        }
    }

    #[test]
    fn without_an_even_part_nobody_else_is_drawn() {
        let group = Group::new([0b101].into(), 2, 3, 0.0);
        assert_eq!((group.units(ArmId::new(0)), group.units(ArmId::new(1))), (1 << 52, 0));
        assert!(matches!(group.draw(u64::MAX), Stretch::Leader(arm) if arm == ArmId::new(2)));
    }
}
