//! The plan of a smaller set out of that of a larger one, where those who are not eligible would hardly ever have been
//! selected.
//!
//! Let p be the probabilities of a set, E the arms of it that are not eligible, ε = Σ_E p_k, and q the probabilities of
//! the arms that stay, S. Where taking arms away never lowers the probability of one that stays (the policy is
//! [regular](crate::policy::Policy::is_regular)), q_k ≥ p_k; and Σ_S (q_k − p_k) = 1 − (1 − ε) = ε. For r_k = p_k / (1 − ε),
//! which is what a plan gives when p is cut to S and scaled up again, Σ_S |r_k − p_k| = ε too, so the total variation
//!
//! ½ Σ_S |r_k − q_k| ≤ ½ Σ_S |r_k − p_k| + ½ Σ_S |p_k − q_k| = ε.
//!
//! If p̃ is known instead of p, with total variation δ = ½ Σ |p̃_k − p_k|, then the true ε is at most ε̃ + Σ_E |p̃_k − p_k|,
//! and in the same way ½ Σ_S |r̃_k − q_k| ≤ ½ (ε̃ + Σ_S |p̃_k − p_k| + ε̃ + Σ_E |p̃_k − p_k|) = ε̃ + δ. So a restriction adds
//! at most ε̃ to the error of the plan it is taken from, and ε̃ ≤ [`MOST`]; it is never taken from another restriction,
//! so that this is added once. The largest δ found is 4·10⁻⁷ (see [`belief::best`](crate::belief::best)), which leaves
//! the sum within the 10⁻⁶ that are promised.
//!
//! The work follows the contenders. A set without the leaders is another matter, and is computed afresh.

use crate::arm::Eligibility;
use crate::policy::Probabilities;
use crate::sync::Arc;

use super::ranks::Ranks;
use super::table::Table;
use super::{Law, Plan};

/// The greatest probability, exploration apart, that those who are not eligible may have had.
const MOST: f64 = 1e-7;

impl Plan {
    /// This plan cut to a smaller set, with the same exploration share and due when this one is; none if that would
    /// not be right.
    pub(super) fn restricted(&self, eligible: &Eligibility, exploration: f64) -> Option<Plan> {
        let Law::Table(table) = &self.law else { return None };
        if !self.restrictable || !eligible.is_subset(&self.eligible) {
            return None;
        }
        let even = table.even_units();
        let words = eligible.words();
        // Arms come ascending, so that their positions are counted on the way.
        let (mut word, mut rank) = (0, 0);
        let (mut contenders, mut stay, mut go) = (Vec::new(), 0.0, 0.0);
        for (position, units) in table.contenders() {
            let (arm, own) = (self.arm(position), (units - even) as f64);
            if !eligible.contains(arm) {
                go += own;
                continue;
            }
            let (at, bit) = (arm.index() / 64, arm.index() % 64);
            rank += words[word..at].iter().map(|bits| bits.count_ones()).sum::<u32>();
            word = at;
            contenders.push((rank + (words[at] & ((1 << bit) - 1)).count_ones(), own));
            stay += own;
        }
        if !(go <= MOST * (stay + go)) || contenders.is_empty() {
            return None;
        }
        let probabilities = Probabilities { uniform: 0.0, contenders };
        let table = Table::new(eligible.len() as u32, &probabilities, exploration);
        let ranks = Arc::new(Ranks::of(words));
        let plan = Self::of(eligible.clone(), Some(ranks), Law::Table(table));
        Some(plan.scheduled(self.due_at).knowing(self.known))
    }
}
