//! What is believed of the arms: from counters to posteriors of the mean reward, and from posteriors to the
//! probability that an arm is the best one.
//!
//! Everything here is pure: the same counters give the same beliefs, bit for bit, on every platform. Nothing draws a
//! random number, nothing reads a clock.

pub mod best;
mod beta;
mod change;
mod confidence_sequence;
pub mod delay;
pub mod effects;
mod evidence;
mod forgetting;
mod gamma;
mod gaussian;
mod hierarchy;
mod importance;
pub mod linear;
mod logarithm;
mod marginal;
mod namesakes;
mod normal_inverse_gamma;
mod pooling;
mod recovery;
mod student;
mod tail;
mod tried;
mod typical;
mod value;
mod warm_start;
mod zero_inflated;

pub use beta::{Beta, BetaError};
pub use change::{Change, Stretch, change};
pub use confidence_sequence::{ConfidenceSequence, ConfidenceSequenceError};
pub use evidence::Pending;
pub use forgetting::{Forgetting, ForgettingError};
pub use gamma::{Gamma, GammaError};
pub use gaussian::Gaussian;
pub use hierarchy::{Borrowed, borrow};
pub use importance::{Baseline, Importance, Losses};
pub use linear::{Linear, LinearBelief, RidgeError};
pub use marginal::Marginal;
pub use normal_inverse_gamma::{NormalInverseGamma, NormalInverseGammaError};
pub use pooling::{Pooled, pool};
pub use recovery::{Recovery, RecoveryError};
pub use student::StudentT;
pub use tried::Tried;
pub use value::{expected_maximum, value_remaining};
pub use warm_start::{Matched, WarmStart, WarmStartError};
pub use zero_inflated::{AmountPerMessage, ZeroInflated, ZeroInflatedError, payments};

pub(crate) use confidence_sequence::normal_mixture;
pub(crate) use evidence::Evidence;
pub(crate) use logarithm::log_shortfall;
pub(crate) use typical::typical_rate;
