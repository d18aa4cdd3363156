//! The declared rule by which the stages of a decision become one number.

mod builder;

pub use builder::{RewardRuleBuilder, RuleError};

use std::error::Error;
use std::fmt;

#[cfg(feature = "journal")]
use crate::arm::Arm;
use crate::arm::{ArmSpace, Fingerprint, NameError};

use super::by_stages::{ByStages, GoalError};
use super::staged::{Baseline, Contribution};
use super::{Outcome, Quantity, RewardKind, Short, Stage};

/// How outcomes in stages become a reward:
///
/// ```text
/// total = clip(baseline − cost of the arm + Σ contributions of the stages that arrived)
/// contribution = (weight of the stage + min(amount, cap) / scale) · e^(−ρ · days)
/// ```
///
/// clipped to the declared range, in whose unit weights, costs and penalties are. The amount counts for payments, the
/// discount (for "as soon as possible") for the stages it is declared for, with the days from the decision to the
/// arrival. Each contribution is rounded to 2⁻²⁴ of the range when its stage arrives, and each stage counts once; so
/// the total is exact, and the same in any order of arrival.
///
/// ```
/// use tactful::ArmSpace;
/// use tactful::reward::{Outcome, RewardRule, Stage, StagedReward};
///
/// let rule = RewardRule::builder(-1.0, 1.0)
///     .weight(Stage::Opened, 0.05)
///     .weight(Stage::Promised, 0.25)
///     .payment(500.0, 1000.0) // up to 500 euros, which are worth a half
///     .discount(0.1, [Stage::Paid]) // ten per cent a day
///     .penalty(Stage::Complained, 0.5)
///     .penalty(Stage::OptedOut, 1.0)
///     .cost("channel", "letter", 0.125)
///     .build()?;
/// let arms = ArmSpace::builder().dimension("channel", ["email", "letter"]).build()?;
/// let baselines = rule.baselines(&arms)?; // by arm
///
/// let day = 86_400_000; // milliseconds
/// let promise = rule.contribution(&Outcome::new(Stage::Promised), 2 * day)?;
/// let payment = rule.contribution(&Outcome::paid(740.0), 9 * day)?;
/// let letter = baselines[1];
/// let promised = StagedReward::default().join(letter, promise)?;
/// let paid = promised.state.join(letter, payment)?;
/// assert_eq!(rule.kind().unscale(promised.after.scaled()), 0.125);
/// let total = -0.125 + 0.25 + 0.5 * (-0.9_f64).exp();
/// assert!((rule.kind().unscale(paid.after.scaled()) - total).abs() < 1e-6);
/// assert!(paid.state.join(letter, promise).is_err()); // a stage counts once
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RewardRule {
    kind: RewardKind,
    baseline: f64,
    terms: [Term; Stage::ALL.len()],
    payment: Option<Payment>,
    costs: Vec<Cost>,
}

/// What one stage contributes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Term {
    weight: f64,
    /// ρ, per day.
    discount: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Payment {
    cap: f64,
    scale: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct Cost {
    dimension: String,
    level: String,
    cost: f64,
}

/// Why an outcome is not accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum OutcomeError {
    /// The amount is negative, infinite or not a number.
    Amount {
        /// The stage.
        stage: Stage,
        /// The amount.
        amount: f64,
    },
    /// An amount where there is nothing to pay.
    Unexpected {
        /// The stage.
        stage: Stage,
        /// The amount.
        amount: f64,
    },
    /// No amount where the rule counts it.
    Missing {
        /// The stage.
        stage: Stage,
    },
}

impl fmt::Display for OutcomeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount { stage, amount } => {
                write!(f, "amount {} of {stage} is not finite and >= 0", Short(*amount))
            }
            Self::Unexpected { stage, amount } => {
                write!(f, "amount {} of {stage}, which has none", Short(*amount))
            }
            Self::Missing { stage } => write!(f, "{stage} without the amount, which counts"),
        }
    }
}

impl Error for OutcomeError {}

impl RewardRule {
    /// Starts a rule whose totals lie between these bounds, both included.
    #[must_use]
    pub fn builder(minimum: f64, maximum: f64) -> RewardRuleBuilder {
        RewardRuleBuilder::new(RewardKind::Real { minimum, maximum })
    }

    /// The rewards it makes: real ones, from the declared minimum to the declared maximum.
    #[must_use]
    pub fn kind(&self) -> RewardKind {
        self.kind
    }

    /// What each arm starts from, baseline less costs; index: arm.
    ///
    /// # Errors
    ///
    /// [`NameError`] if a cost is of a dimension or level that the arms do not have.
    pub fn baselines(&self, arms: &ArmSpace) -> Result<Vec<Baseline>, NameError> {
        let mut costs = vec![0.0; arms.len()];
        for Cost { dimension, level, cost } in &self.costs {
            for arm in arms.with_levels(dimension, [level])?.iter() {
                costs[arm.index()] += cost;
            }
        }
        Ok(costs.into_iter().map(|cost| self.starting_from(cost)).collect())
    }

    /// What an arm of another build starts from: a level that the rule knows nothing of costs nothing.
    #[cfg(feature = "journal")]
    pub(crate) fn baseline_of(&self, arm: Arm<'_>) -> Baseline {
        let costs = self.costs.iter().filter(|cost| {
            arm.levels().any(|(dimension, level)| (dimension, level) == (&*cost.dimension, &*cost.level))
        });
        self.starting_from(costs.map(|cost| cost.cost).fold(0.0, |sum, cost| sum + cost))
    }

    fn starting_from(&self, cost: f64) -> Baseline {
        Baseline { units: self.units(self.baseline - self.kind.range().0) - self.units(cost) }
    }

    /// What an outcome adds to the total of its decision when it arrives so many milliseconds after it.
    ///
    /// # Errors
    ///
    /// [`OutcomeError`] if its amount is not finite and ≥ 0, is missing where the rule counts it, or belongs to a stage
    /// other than [`Stage::Paid`].
    pub fn contribution(&self, outcome: &Outcome, elapsed: u64) -> Result<Contribution, OutcomeError> {
        let stage = outcome.stage();
        if let Some(amount) = outcome.amount() {
            if !(amount >= 0.0 && amount.is_finite()) {
                return Err(OutcomeError::Amount { stage, amount });
            }
            if stage != Stage::Paid {
                return Err(OutcomeError::Unexpected { stage, amount });
            }
        }
        let Term { weight, discount } = self.terms[stage.index()];
        let payment = match self.payment {
            Some(Payment { cap, scale }) if stage == Stage::Paid => {
                let amount = outcome.amount().ok_or(OutcomeError::Missing { stage })?;
                amount.min(cap) / scale
            }
            _ => 0.0,
        };
        let days = elapsed as f64 / MILLISECONDS_A_DAY;
        Ok(Contribution { stage, units: self.units((weight + payment) * libm::exp(-discount * days)) })
    }

    /// The rule for a further goal, which goes by stages alone.
    pub(crate) fn by_stages(&self) -> Result<ByStages, GoalError> {
        if self.payment.is_some() {
            return Err(GoalError::Payment);
        }
        let late = |stage: &Stage| self.terms[stage.index()].discount > 0.0;
        match Stage::ALL.into_iter().find(late) {
            Some(stage) => Err(GoalError::Discount { stage }),
            None => Ok(ByStages { units: self.terms.map(|term| self.units(term.weight)) }),
        }
    }

    /// What a rule by stages makes of them, as a number, but for what arms start from: equal rules have equal numbers.
    pub(crate) fn meaning(&self) -> u64 {
        let mut meaning = Fingerprint::of("goal");
        let (minimum, maximum) = self.kind.range();
        let weights = self.terms.iter().map(|term| term.weight);
        [minimum, maximum].into_iter().chain(weights).for_each(|number| meaning.number(number.to_bits()));
        meaning.finish()
    }

    /// Whether an outcome is the conversion of its decision, whose delay is learnt: the payment, or where payments are worth
    /// nothing whatever comes first.
    pub(crate) fn is_conversion(&self, stage: Stage, first: bool) -> bool {
        // A weight of 0 is what stages have that were not declared.
        let pays = self.payment.is_some() || self.terms[Stage::Paid.index()].weight.abs() > 0.0;
        if pays { stage == Stage::Paid } else { first }
    }

    /// A difference of totals in units of 2⁻²⁴ of the range. The builder has seen to it that it fits.
    fn units(&self, value: f64) -> i64 {
        let (minimum, maximum) = self.kind.range();
        (value / (maximum - minimum) * Quantity::ONE as f64).round() as i64
    }
}

const MILLISECONDS_A_DAY: f64 = 86_400_000.0;
