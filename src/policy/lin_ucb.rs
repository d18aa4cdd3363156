//! LinUCB: the arm with the largest upper confidence bound for this very request.

use super::index::leaders;
use super::{Observes, ParameterError, Policy, Probabilities, View};

/// Selects the arm with the largest θ̂_aᵀx + α √(xᵀA_a⁻¹x), where x is the constant 1 and the
/// [features](crate::Features) of the request; ties are split evenly.
///
/// L. Li, W. Chu, J. Langford, R. E. Schapire (2010), *A Contextual-Bandit Approach to Personalized News Article Recommendation*;
/// disjoint or hybrid as the bandit's [`Linear`](crate::belief::Linear) says. Their α = 1 + √(ln(2/δ)/2) bounds the mean with
/// probability 1 − δ for rewards in [0, 1]; smaller ones do better in practice. A is that of *selections*, so that outcomes which come late
/// do not make it pour everything into one arm. With a logistic model the bound is on the logit.
///
/// **When**: outcomes come soon, and a request must be answered in a microsecond. **When not**: outcomes are late or come in
/// batches: between two outcomes it sends all customers who are alike the same, and [`Thompson`](super::Thompson) does not. It
/// gives a point mass, so without an exploration share its log cannot be evaluated.
///
/// For a request without features x is the constant alone, with λ = 1: the mean is the sum of rewards / (1 + outcomes), the width
/// 1 / √(1 + selections).
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use tactful::policy::LinUcb;
/// use tactful::{ArmSpace, Bandit, Features, Reward, SegmentId, Segments};
///
/// let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
/// let features = Features::builder().feature("balance", 0.0..=5_000.0).feature("days", 0.0..=90.0).build()?;
/// let bandit = Bandit::builder(arms, Segments::single()).features(features).policy(LinUcb::new(0.5)?).build()?;
///
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
/// let decision = bandit.select_with(SegmentId::new(0), &bandit.arms().all(), &[120.0, 14.0], &mut rng)?;
/// let token = decision.token(); // 76 characters: it knows the features
/// bandit.reward(&bandit.parse(token)?, Reward::SUCCESS)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinUcb {
    alpha: f64,
}

impl LinUcb {
    /// LinUCB with this α, from 0 to 1,000.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn new(alpha: f64) -> Result<Self, ParameterError> {
        match (0.0..=1_000.0).contains(&alpha) {
            true => Ok(Self { alpha }),
            false => Err(ParameterError { name: "alpha", value: alpha, wanted: "from 0 to 1000" }),
        }
    }
}

impl Default for LinUcb {
    /// α = 1.
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Policy for LinUcb {
    fn name(&self) -> String {
        match self {
            _ if *self == Self::default() => "lin-ucb".to_owned(),
            Self { alpha } => format!("lin-ucb({alpha})"),
        }
    }

    fn observes(&self) -> Observes {
        Observes::Selections
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let best = match view.linear() {
            Some(linear) => leaders(linear.iter().map(|belief| belief.mean() + self.alpha * belief.width())),
            None => leaders(view.statistics().iter().map(|arm| {
                let (outcomes, selections) = (arm.returned() as f64, arm.issued() as f64);
                arm.sum() / (1.0 + outcomes) + self.alpha / (1.0 + selections).sqrt()
            })),
        };
        Probabilities::shared(&best, 1.0)
    }

    fn as_upper_bound(&self) -> Option<f64> {
        Some(self.alpha)
    }
}
