//! The plan of one request with one leader: what a [`Plan`] would give, without a table.

use crate::arm::{ArmId, Eligibility};

use super::table::sole_even_height;
use super::{Drawn, UNIT_BITS};

/// All but the exploration share for one arm. The table of a [`Plan`](super::Plan) would have one column: the even part at the bottom,
/// the leader's above it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sole {
    /// The eligible arms.
    arms: u32,
    even_height: u64,
    even_units: u64,
}

impl Sole {
    /// Of so many arms, at least one, with this exploration share below 1; none where nothing would be the leader's own.
    pub(crate) fn new(arms: u32, exploration: f64) -> Option<Self> {
        let even_height = sole_even_height(arms, exploration);
        (even_height < 1 << UNIT_BITS).then(|| Self {
            arms,
            even_height,
            even_units: even_height / u64::from(arms),
        })
    }

    /// Whether it is of so many arms.
    pub(crate) fn is_of(&self, arms: usize) -> bool {
        self.arms as usize == arms
    }

    /// The arm at a point: the upper 53 bits of a random word decide.
    #[inline]
    pub(crate) fn at(&self, word: u64, leader: ArmId, eligible: &Eligibility) -> Drawn {
        let height = word >> (64 - UNIT_BITS);
        let own = (1 << UNIT_BITS) - self.even_height + self.even_units;
        if height >= self.even_height {
            return Drawn { arm: leader, units: own };
        }
        let arm = nth(eligible, (height / self.even_units) as u32);
        Drawn { arm, units: if arm == leader { own } else { self.even_units } }
    }
}

/// The eligible arm at this position.
fn nth(eligible: &Eligibility, position: u32) -> ArmId {
    if eligible.is_all() {
        return ArmId::new(position);
    }
    let mut left = position;
    for (number, &word) in (0..).zip(eligible.words()) {
        if left < word.count_ones() {
            // The lowest of those that are left, as often as it takes.
            let rest = (0..left).fold(word, |bits, _| bits & (bits - 1));
            return ArmId::new(number * 64 + rest.trailing_zeros());
        }
        left -= word.count_ones();
    }
    unreachable!("position {position} is below the size of the set")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::ArmSpace;
    use crate::plan::Plan;
    use crate::policy::Probabilities;

    #[test]
    fn exact_propensity_it_draws_what_the_table_draws() {
        let arms = ArmSpace::builder().dimension("arm", (0..150).map(|arm| arm.to_string())).build();
        let arms = arms.expect("150 arms");
        let odd = arms.eligible(|arm| arm.id().index() % 3 == 1);
        for (eligible, position) in [(arms.all(), 149), (odd.clone(), 0), (odd, 31)] {
            let leader = eligible.to_vec()[position as usize];
            for exploration in [0.0, 1e-15, 0.01, 0.5, 0.999] {
                let probabilities = Probabilities::shared(&[position], 1.0);
                let plan = Plan::new(eligible.clone(), &probabilities, exploration);
                let sole = Sole::new(eligible.len() as u32, exploration).expect("something is the leader's");
                let borders = [0, sole.even_height, sole.even_height.saturating_sub(1), (1 << 53) - 1];
                let steps = (0..1_000).map(|step| step * (sole.even_height / 1_000));
                for point in borders.into_iter().chain(steps) {
                    let word = point << 11 | 7;
                    assert_eq!(sole.at(word, leader, &eligible), plan.at(word), "{exploration} {point}");
                }
            }
        }
        assert!(Sole::new(3, 1.0).is_none_or(|sole| sole.even_height < 1 << 53));
    }
}
