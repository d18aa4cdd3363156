//! What a policy says of a parameter it cannot take.

use std::error::Error;
use std::fmt;

/// A parameter of a policy outside its range.
///
/// ```
/// use tactful::policy::EpsilonGreedy;
///
/// let error = EpsilonGreedy::constant(1.5).unwrap_err();
/// assert_eq!(error.to_string(), "epsilon is 1.5, not in [0, 1]");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ParameterError {
    /// The name of the parameter.
    pub name: &'static str,
    /// The value that was given.
    pub value: f64,
    /// What it should be, as in "not …".
    pub wanted: &'static str,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, not {}", self.name, self.value, self.wanted)
    }
}

impl Error for ParameterError {}

/// A share or probability in [0, 1].
pub(super) fn share(name: &'static str, value: f64) -> Result<f64, ParameterError> {
    let wanted = "in [0, 1]";
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(ParameterError { name, value, wanted }) }
}

/// A positive finite number.
pub(super) fn positive(name: &'static str, value: f64) -> Result<f64, ParameterError> {
    let wanted = "a positive number";
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(ParameterError { name, value, wanted }) }
}

/// A finite number, zero or more.
pub(super) fn not_negative(name: &'static str, value: f64) -> Result<f64, ParameterError> {
    let wanted = "a number, zero or more";
    if value >= 0.0 && value.is_finite() { Ok(value) } else { Err(ParameterError { name, value, wanted }) }
}
