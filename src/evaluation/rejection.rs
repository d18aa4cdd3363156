//! Which rounds of a log a learning policy keeps, so that what is kept looks as if the policy had drawn it.
//!
//! A round whose arm was drawn with probability b, and which the policy would draw with probability π, is kept
//! with probability min(1, c·π/b). As long as c·π/b stays within 1, each arm is kept in proportion to π, and every
//! customer with the same probability c, whatever the segment. That is why c must not depend on the customer.

use std::error::Error;
use std::fmt;

use super::log::Log;

/// How the c of a replay is chosen. See the [default](Rejection::default) for which one to take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rejection(Rule);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    ByLog,
    Exact,
    Adaptive { quantile: f64 },
}

/// A quantile that is not in [0, 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RejectionError {
    /// The quantile given.
    pub quantile: f64,
}

impl fmt::Display for RejectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "quantile {} is not at least 0 and below 1", self.quantile)
    }
}

impl Error for RejectionError {}

impl Default for Rejection {
    /// [Exact](Rejection::exact) for a log that was [declared uniform](Log::declare_uniform),
    /// [adaptive](Rejection::adaptive) with 5 % for every other.
    ///
    /// The least propensity of a uniform log is one over the number of arms, and nothing is lost by going down to
    /// it. The log of a policy that has learnt, with an exploration share of 1 % over a hundred arms, has
    /// propensities of 10⁻⁴ and would keep one customer in ten thousand. Yet a policy that wants much the same as
    /// the log could keep nearly all of them; the adaptive c finds that out, and pays with a bias that is known.
    fn default() -> Self {
        Self(Rule::ByLog)
    }
}

impl Rejection {
    /// c is the least propensity of the log: nothing is ever cut off, so the policy learns and earns exactly as
    /// if it had been live.
    ///
    /// Of a log that is uniform over K arms this keeps each round with probability π, which is the law of L. Li,
    /// W. Chu, J. Langford, X. Wang (2011), *Unbiased Offline Evaluation of Contextual-bandit-based News Article
    /// Recommendation Algorithms*, and keeps one round in K. Where K changes from round to round, c is 1 over the
    /// largest: with the K of each round, customers with few eligible arms would be kept more often than others.
    #[must_use]
    pub const fn exact() -> Self {
        Self(Rule::Exact)
    }

    /// c follows the ratios b/π seen so far, so that about this share of what the policy wants to send, in
    /// [0, 1), is cut off.
    ///
    /// After M. Dudík, D. Erhan, J. Langford, L. Li (2012), *Sample-efficient Nonstationary Policy Evaluation for
    /// Contextual Bandits*, who take a low quantile of the ratios of the log's rounds. Here each round counts with
    /// π/b, so the quantile is one of the *policy's* decisions, and bounds the bias: as far as earlier rounds tell,
    /// the arms kept differ from those the policy would have drawn by at most the quantile, in total variation.
    /// (Unweighted, a policy that wants what the log shows once in a hundred rounds would be cut off nearly
    /// always.)
    ///
    /// A round kept although c·π/b > 1 counts c·π/b times in the value. So the value is that of the policy with
    /// the history it was given; the history itself shows the cut-off arms too rarely, which is the small bias
    /// that remains. c comes from earlier rounds only; the first hundredth of the log, at most a hundred rounds,
    /// is only measured and never kept.
    ///
    /// # Errors
    ///
    /// [`RejectionError`] for any other number.
    pub fn adaptive(quantile: f64) -> Result<Self, RejectionError> {
        if !(0.0..1.0).contains(&quantile) {
            return Err(RejectionError { quantile });
        }
        Ok(Self(Rule::Adaptive { quantile }))
    }

    /// The envelope for one replay of a log.
    pub(super) fn envelope(self, log: &Log) -> Envelope {
        /// The quantile of Dudík et al. is a tuning constant; theirs are 0 to 10 %.
        const QUANTILE: f64 = 0.05;
        match self.0 {
            Rule::Adaptive { quantile } => Envelope::measuring(quantile, log.rounds().len()),
            Rule::ByLog if !log.is_uniform() => Envelope::measuring(QUANTILE, log.rounds().len()),
            Rule::ByLog | Rule::Exact => Envelope { c: log.least_propensity(), measured: None },
        }
    }
}

/// c as it is now.
#[derive(Debug)]
pub(super) struct Envelope {
    /// In [0, 1]; 0 keeps nothing.
    c: f64,
    measured: Option<Measured>,
}

/// The policy's decisions by the ratio π/b, in bins of 64 to an octave.
#[derive(Debug)]
struct Measured {
    quantile: f64,
    /// Rounds seen, and the number at which c is computed again.
    seen: usize,
    due: usize,
    /// Sum of π/b in each bin, from π/b ≤ 1 up.
    mass: Vec<f64>,
}

/// Binary digits of the significand that tell bins apart: a bin is at most 1/64 wide, so c is at most that much
/// smaller than it could be.
const BIN_BITS: u32 = 6;
/// A ratio of 2⁴⁰ means a weight of 10¹²: beyond, ratios share a bin.
const OCTAVES: usize = 40;

impl Envelope {
    fn measuring(quantile: f64, rounds: usize) -> Self {
        let due = (rounds / 100).clamp(1, 100);
        Self {
            c: 0.0,
            measured: Some(Measured { quantile, seen: 0, due, mass: vec![0.0; OCTAVES << BIN_BITS] }),
        }
    }

    /// c·π/b for the next round: the probability to keep it if within 1, else the weight it then has.
    pub(super) fn scaled(&self, probability: f64, propensity: f64) -> f64 {
        // c / b first: 1 exactly for a uniform log.
        self.c / propensity * probability
    }

    /// Takes note of a round after it was kept or not.
    pub(super) fn observe(&mut self, probability: f64, propensity: f64) {
        let Some(measured) = &mut self.measured else { return };
        measured.add(probability / propensity);
        if measured.seen == measured.due {
            self.c = measured.c();
            measured.due = measured.seen + 1 + measured.seen / 32;
        }
    }
}

impl Measured {
    fn add(&mut self, ratio: f64) {
        /// The bits of 1.0, cut off below the bins.
        const ONE: u64 = 1023 << BIN_BITS;
        self.seen += 1;
        if self.seen.is_power_of_two() {
            // What the policy wanted long ago says little of what it wants now.
            self.mass.iter_mut().for_each(|mass| *mass *= 0.5);
        }
        // The propensity may be so small that the ratio is infinite; nothing could be added up then.
        let ratio = ratio.min((1_u64 << OCTAVES) as f64);
        let bin = (ratio.to_bits() >> (52 - BIN_BITS)).saturating_sub(ONE) as usize;
        let last = self.mass.len() - 1;
        self.mass[bin.min(last)] += ratio;
    }

    /// The largest c, up to 1, that cuts off no more than the quantile.
    fn c(&self) -> f64 {
        let total: f64 = self.mass.iter().sum();
        let mut cut = 0.0;
        for (bin, mass) in self.mass.iter().enumerate().rev() {
            cut += mass;
            if cut > self.quantile * total && bin > 0 {
                let upper = f64::from_bits((bin as u64 + 1 + (1023 << BIN_BITS)) << (52 - BIN_BITS));
                return 1.0 / upper;
            }
        }
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log that draws three arms with 0.9, 0.08, 0.02, and a policy that wants 0.5, 0.46, 0.04 of them: π/b is
    /// 0.56, 5.75 and 2.
    fn c_after_a_thousand_rounds(quantile: f64) -> f64 {
        let mut envelope = Envelope::measuring(quantile, 1000);
        for round in 0..1000 {
            let (probability, propensity) = match round % 50 {
                0..45 => (0.5, 0.9),
                45..49 => (0.46, 0.08),
                _ => (0.04, 0.02),
            };
            envelope.observe(probability, propensity);
        }
        envelope.c
    }

    #[test]
    fn c_cuts_off_no_more_than_the_quantile_of_the_policys_decisions() {
        let within_a_bin = |c: f64, limit: f64| assert!(c <= limit && c > limit / (1.0 + 1.0 / 32.0), "{c}");
        // Of the log's rounds 8 % have the ratio 5.75, of the policy's decisions 46 %.
        within_a_bin(c_after_a_thousand_rounds(0.05), 1.0 / 5.75);
        within_a_bin(c_after_a_thousand_rounds(0.4), 1.0 / 5.75);
        within_a_bin(c_after_a_thousand_rounds(0.48), 1.0 / 2.0);
        within_a_bin(c_after_a_thousand_rounds(0.55), 1.0);
    }

    #[test]
    fn a_ratio_within_one_never_lowers_c() {
        let mut envelope = Envelope::measuring(0.0, 100);
        envelope.observe(0.3, 0.3);
        envelope.observe(0.1, 0.3);
        assert!((envelope.c - 1.0).abs() < 1e-12);
        envelope.observe(0.6, 0.3);
        assert!(envelope.c <= 0.5 && envelope.c >= 0.49);
    }
}
