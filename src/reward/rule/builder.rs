//! How a rule is put together, and what is refused.

use std::error::Error;
use std::fmt;

use crate::reward::staged::Contribution;
use crate::reward::{Quantity, RewardKind, RewardKindError, Short, Stage};

use super::{Cost, Payment, RewardRule, Term};

/// Collects the parts of a [`RewardRule`]; see [`RewardRule::builder`].
#[derive(Clone, Debug)]
pub struct RewardRuleBuilder {
    kind: RewardKind,
    baseline: Option<f64>,
    weights: Vec<(Stage, f64)>,
    penalties: Vec<(Stage, f64)>,
    discounts: Vec<(Stage, f64)>,
    payments: Vec<Payment>,
    costs: Vec<Cost>,
}

/// Why a [`RewardRule`] cannot be.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RuleError {
    /// The declared range is none.
    Range(RewardKindError),
    /// The baseline is not within the declared range.
    Baseline {
        /// The baseline.
        baseline: f64,
        /// The least total.
        minimum: f64,
        /// The greatest total.
        maximum: f64,
    },
    /// The weight of a stage is infinite or not a number.
    Weight {
        /// The stage.
        stage: Stage,
        /// Its weight.
        weight: f64,
    },
    /// A penalty is negative, infinite or not a number.
    Penalty {
        /// The stage.
        stage: Stage,
        /// Its penalty.
        penalty: f64,
    },
    /// The cap of payments or what they are divided by is not above 0 and finite.
    Payment {
        /// The amount above which more does not count.
        cap: f64,
        /// The amount that is worth 1.
        scale: f64,
    },
    /// A discount is negative, infinite or not a number.
    Discount {
        /// The stage.
        stage: Stage,
        /// The rate, per day.
        rate: f64,
    },
    /// A cost is negative, infinite or not a number.
    Cost {
        /// The dimension.
        dimension: String,
        /// The level.
        level: String,
        /// Its cost.
        cost: f64,
    },
    /// A stage has two weights or penalties, two discounts, or payments are declared twice.
    StageTwice {
        /// The stage.
        stage: Stage,
    },
    /// A level has two costs.
    CostTwice {
        /// The dimension.
        dimension: String,
        /// The level.
        level: String,
    },
    /// No stage contributes anything.
    NoStage,
    /// Contributions or costs can add up to more than fixed point holds.
    TooLarge {
        /// What they can add up to, as a multiple of the declared range.
        ranges: f64,
        /// The greatest multiple that is accepted.
        limit: f64,
    },
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(error) => error.fmt(f),
            Self::Baseline { baseline, minimum, maximum } => {
                let [baseline, minimum, maximum] = [baseline, minimum, maximum].map(|&number| Short(number));
                write!(f, "baseline {baseline} is outside the declared range {minimum} to {maximum}")
            }
            Self::Weight { stage, weight } => write!(f, "weight {weight} of {stage} is not finite"),
            Self::Penalty { stage, penalty } => {
                write!(f, "penalty {} of {stage} is not finite and >= 0", Short(*penalty))
            }
            Self::Payment { cap, scale } => {
                write!(
                    f,
                    "payments up to {}, divided by {}: both must be finite and > 0",
                    Short(*cap),
                    Short(*scale)
                )
            }
            Self::Discount { stage, rate } => {
                write!(f, "discount {} a day of {stage} is not finite and >= 0", Short(*rate))
            }
            Self::Cost { dimension, level, cost } => {
                write!(f, "cost {} of {dimension}={level} is not finite and >= 0", Short(*cost))
            }
            Self::StageTwice { stage } => write!(f, "{stage} is declared twice"),
            Self::CostTwice { dimension, level } => {
                write!(f, "the cost of {dimension}={level} is declared twice")
            }
            Self::NoStage => f.write_str("no stage has a weight or a payment"),
            Self::TooLarge { ranges, limit } => {
                write!(
                    f,
                    "what is added up can reach {} times the declared range, at most {limit} fit",
                    Short(*ranges)
                )
            }
        }
    }
}

impl Error for RuleError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Range(error) => Some(error),
            _ => None,
        }
    }
}

impl RewardRuleBuilder {
    pub(super) fn new(kind: RewardKind) -> Self {
        Self {
            kind,
            baseline: None,
            weights: Vec::new(),
            penalties: Vec::new(),
            discounts: Vec::new(),
            payments: Vec::new(),
            costs: Vec::new(),
        }
    }

    /// The total before costs while nothing has arrived. Default: 0, or the bound of the range nearest to it.
    #[must_use]
    pub fn baseline(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// What a stage is worth, of either sign.
    #[must_use]
    pub fn weight(mut self, stage: Stage, weight: f64) -> Self {
        self.weights.push((stage, weight));
        self
    }

    /// What a stage costs in esteem, such as a complaint: a weight of the opposite sign.
    #[must_use]
    pub fn penalty(mut self, stage: Stage, penalty: f64) -> Self {
        self.penalties.push((stage, penalty));
        self
    }

    /// That a payment of an amount is worth min(amount, cap) / scale, on top of the weight of [`Stage::Paid`] if it has
    /// one. Without this the amount of a payment does not count.
    #[must_use]
    pub fn payment(mut self, cap: f64, scale: f64) -> Self {
        self.payments.push(Payment { cap, scale });
        self
    }

    /// That these stages are worth less the later they arrive, by the factor e^(−ρ · days) with ρ this rate.
    #[must_use]
    pub fn discount(mut self, rate: f64, stages: impl IntoIterator<Item = Stage>) -> Self {
        self.discounts.extend(stages.into_iter().map(|stage| (stage, rate)));
        self
    }

    /// What it costs to use a level of a dimension: the postage of a channel, the discount of an offer. An arm costs
    /// the sum over its levels.
    #[must_use]
    pub fn cost(mut self, dimension: impl Into<String>, level: impl Into<String>, cost: f64) -> Self {
        self.costs.push(Cost { dimension: dimension.into(), level: level.into(), cost });
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    ///
    /// [`RuleError`] carries what cannot be, or could not be represented: contributions and costs may each add up to
    /// at most 2¹⁹ times the declared range.
    pub fn build(self) -> Result<RewardRule, RuleError> {
        self.kind.validate().map_err(RuleError::Range)?;
        let (minimum, maximum) = self.kind.range();
        let baseline = self.baseline.unwrap_or(0.0_f64.clamp(minimum, maximum));
        if !(minimum..=maximum).contains(&baseline) {
            return Err(RuleError::Baseline { baseline, minimum, maximum });
        }
        let terms = self.terms()?;
        let payment = self.payments.first().copied();
        if self.payments.len() > 1 {
            return Err(RuleError::StageTwice { stage: Stage::Paid });
        }
        if let Some(Payment { cap, scale }) = payment
            && !(cap > 0.0 && cap.is_finite() && scale > 0.0 && scale.is_finite())
        {
            return Err(RuleError::Payment { cap, scale });
        }
        if self.weights.is_empty() && self.penalties.is_empty() && payment.is_none() {
            return Err(RuleError::NoStage);
        }
        for (position, Cost { dimension, level, cost }) in self.costs.iter().enumerate() {
            let (dimension, level) = (dimension.clone(), level.clone());
            if !(*cost >= 0.0 && cost.is_finite()) {
                return Err(RuleError::Cost { dimension, level, cost: *cost });
            }
            if self.costs[..position]
                .iter()
                .any(|other| (&other.dimension, &other.level) == (&dimension, &level))
            {
                return Err(RuleError::CostTwice { dimension, level });
            }
        }

        let most: f64 = terms.iter().map(|term| term.weight.abs()).sum();
        let most = most + payment.map_or(0.0, |payment| payment.cap / payment.scale);
        let costs: f64 = self.costs.iter().map(|cost| cost.cost).sum();
        let limit = (Contribution::LIMIT >> Quantity::DIGITS) as f64 - 1.0;
        for sum in [most, costs] {
            let ranges = sum / (maximum - minimum);
            if !(ranges <= limit) {
                return Err(RuleError::TooLarge { ranges, limit });
            }
        }
        Ok(RewardRule { kind: self.kind, baseline, terms, payment, costs: self.costs })
    }

    /// Weight and discount of each stage.
    fn terms(&self) -> Result<[Term; Stage::ALL.len()], RuleError> {
        let (mut weights, mut discounts) = ([None; Stage::ALL.len()], [None; Stage::ALL.len()]);
        let mut once = |stage: Stage, weight: f64| match weights[stage.index()].replace(weight) {
            Some(_) => Err(RuleError::StageTwice { stage }),
            None => Ok(()),
        };
        for &(stage, weight) in &self.weights {
            if !weight.is_finite() {
                return Err(RuleError::Weight { stage, weight });
            }
            once(stage, weight)?;
        }
        for &(stage, penalty) in &self.penalties {
            if !(penalty >= 0.0 && penalty.is_finite()) {
                return Err(RuleError::Penalty { stage, penalty });
            }
            once(stage, -penalty)?;
        }
        for &(stage, rate) in &self.discounts {
            if !(rate >= 0.0 && rate.is_finite()) {
                return Err(RuleError::Discount { stage, rate });
            }
            if discounts[stage.index()].replace(rate).is_some() {
                return Err(RuleError::StageTwice { stage });
            }
        }
        Ok(std::array::from_fn(|index| Term {
            weight: weights[index].unwrap_or(0.0),
            discount: discounts[index].unwrap_or(0.0),
        }))
    }
}
