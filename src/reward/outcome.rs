//! What can come of one decision, piece by piece.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What has happened to a message, or because of it.
///
/// The numbers are part of stored state and never change; further stages get further numbers, 15 at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[repr(u8)]
pub enum Stage {
    /// It reached the customer's device or letter box.
    Delivered = 0,
    /// The customer opened it.
    Opened = 1,
    /// The customer followed a link in it.
    Clicked = 2,
    /// The customer promised to pay.
    Promised = 3,
    /// The customer paid.
    Paid = 4,
    /// The customer disputes the claim.
    Disputed = 5,
    /// The customer complained about being contacted.
    Complained = 6,
    /// The customer wants no more messages.
    OptedOut = 7,
}

impl Stage {
    /// All stages, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Delivered,
        Self::Opened,
        Self::Clicked,
        Self::Promised,
        Self::Paid,
        Self::Disputed,
        Self::Complained,
        Self::OptedOut,
    ];

    /// The number, from 0 to 15.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The stage of this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The name, as in logs: `opted_out`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Promised => "promised",
            Self::Paid => "paid",
            Self::Disputed => "disputed",
            Self::Complained => "complained",
            Self::OptedOut => "opted_out",
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One piece of what came of a decision: a stage, and for a payment how much.
///
/// Any amount can be wrapped; whether it is admissible is decided by the [`RewardRule`](super::RewardRule) when it
/// arrives. When that was is said by who hands it over: an outcome reads no clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    stage: Stage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<f64>,
}

impl Outcome {
    /// That a stage was reached.
    #[must_use]
    pub const fn new(stage: Stage) -> Self {
        Self { stage, amount: None }
    }

    /// That the customer paid so much, in the host's unit of currency.
    #[must_use]
    pub const fn paid(amount: f64) -> Self {
        Self { stage: Stage::Paid, amount: Some(amount) }
    }

    /// The stage.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// The amount, in the host's unit of currency.
    #[must_use]
    pub const fn amount(&self) -> Option<f64> {
        self.amount
    }
}

impl From<Stage> for Outcome {
    fn from(stage: Stage) -> Self {
        Self::new(stage)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.amount {
            Some(amount) => write!(f, "{} {}", self.stage, super::Short(amount)),
            None => self.stage.fmt(f),
        }
    }
}
