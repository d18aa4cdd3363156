//! The difference of two targets' values, paired by round.

use super::super::estimate::EstimateError;
use super::facts::Source;
use super::interval::normal_quantile;
use super::sums::{self, Totals};

/// By how much one target earns more than another per round.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The one value less the other.
    pub value: f64,
    /// The standard error of the difference: that of the differences round by round, or cluster by cluster.
    pub standard_error: f64,
    /// The normal interval at the evaluator's confidence.
    pub interval: (f64, f64),
    /// Rounds looked at.
    pub rounds: usize,
}

/// From the linearised values of both: the chance that moves both alike is not in their differences.
pub(super) fn paired(
    of: &dyn Source,
    to: &dyn Source,
    linearised: impl Fn(&dyn Source) -> Result<(Totals, Vec<f64>), EstimateError>,
    confidence: f64,
) -> Result<Difference, EstimateError> {
    let (one, mut phi) = linearised(of)?;
    let (other, others) = linearised(to)?;
    if phi.len() != others.len() {
        return Err(EstimateError::OtherRounds { rounds: phi.len(), others: others.len() });
    }
    let (unit, other_unit) = (of.unit(), to.unit());
    phi.iter_mut().zip(&others).for_each(|(phi, other)| *phi = unit * *phi - other_unit * other);
    let value = unit * one.value() - other_unit * other.value();
    let standard_error = sums::spread_of(&phi, of.clusters()).standard_error();
    if !value.is_finite() || standard_error.is_nan() {
        return Err(EstimateError::Overflow);
    }
    let reach = normal_quantile(confidence) * standard_error;
    Ok(Difference { value, standard_error, interval: (value - reach, value + reach), rounds: phi.len() })
}
