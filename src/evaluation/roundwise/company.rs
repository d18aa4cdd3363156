//! Who is asked so that every estimator has a value, and whatever moves it a spread.

use super::super::estimate::{Estimate, EstimateError};
use super::Asked;
use super::facts::Survey;
use super::sums::{self, Spread, Totals};

/// The estimators asked, each once, and those whose chance moves their values: of a fitted model, that of the rounds it was
/// fitted to.
pub(super) struct Company {
    /// Those that move come first, and only they are asked how far.
    pub(super) all: Vec<Asked>,
    /// The places among all, in the order asked.
    asked: Vec<usize>,
    moved: Vec<usize>,
}

impl Company {
    pub(super) fn of(asked: &[Asked], is_fitted: bool) -> Self {
        let mut all: Vec<Asked> = Vec::new();
        let mut place_of = |wanted: &Asked| {
            all.iter().position(|asked| asked.is(wanted)).unwrap_or_else(|| {
                all.push(*wanted);
                all.len() - 1
            })
        };
        let moved = asked.iter().map(|asked| place_of(&asked.with_the_fit(is_fitted))).collect();
        let asked = asked.iter().map(&mut place_of).collect();
        Self { all, asked, moved }
    }

    pub(super) fn movers(&self) -> &[Asked] {
        let movers = self.moved.iter().max().map_or(0, |&last| last + 1);
        &self.all[..movers]
    }

    /// The estimates, from the totals of all, and of the movers the spreads and the intervals in the unit.
    pub(super) fn say(
        &self,
        unit: f64,
        survey: &Survey,
        totals: &[Totals],
        spreads: &[Spread],
        around: &[(f64, f64)],
    ) -> Vec<Result<Estimate, EstimateError>> {
        let one = |(&asked, &moved): (&usize, &usize)| {
            let (estimator, totals, by) = (self.all[asked].estimator, &totals[asked], &totals[moved]);
            sums::check(&self.all[asked], totals, survey)?;
            let value = unit * totals.value();
            let error = unit * spreads[moved].standard_error();
            // Nothing is known of the spread of what counts once.
            let once = estimator.needs_propensities() && totals.used < 2;
            let standard_error = if once { f64::INFINITY } else { error };
            if !value.is_finite() || (!once && error.is_nan()) {
                return Err(EstimateError::Overflow);
            }
            let (lower, upper) = match standard_error < f64::INFINITY {
                true => around[moved],
                false => (f64::NEG_INFINITY, f64::INFINITY),
            };
            let off = value - unit * by.value();
            Ok(Estimate {
                value,
                standard_error,
                interval: (unit * lower + off, unit * upper + off),
                rounds: survey.rounds,
                used: totals.used,
                effective_sample_size: totals.effective_sample_size(survey),
                largest_weight: survey.largest,
                outside_support: survey.outside_support,
            })
        };
        self.asked.iter().zip(&self.moved).map(one).collect()
    }
}
