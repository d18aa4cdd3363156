//! An evaluation as the rounds go by: everything that one pass can tell, and nothing kept of a round.

use super::super::estimate::EstimateError;
use super::super::stream::{Cannot, StreamError};
use super::company::Company;
use super::estimator::{Estimator, Terms};
use super::facts::{Facts, Survey, Wanted, WeightSums};
use super::interval::{self, Interval, PartMoments};
use super::moments::Moments;
use super::shrinkage::Trials;
use super::sums::{Spread, Tally, Totals};
use super::{Asked, Evaluation, Evaluator, evaluation};

pub(in super::super) use super::interval::Limits;

/// Sums over the rounds so far.
#[derive(Debug)]
pub(in super::super) struct Running {
    evaluator: Evaluator,
    estimators: Vec<Estimator>,
    is_fitted: bool,
    largest: Option<f64>,
    weights: WeightSums,
    tally: Tally,
    trials: Trials,
    /// Of whoever has an interval by moments.
    parts: Vec<(Asked, PartMoments)>,
    terms: Terms,
}

impl Running {
    /// `largest` is the largest weight there will be, if it is known.
    pub(in super::super) fn new(
        evaluator: &Evaluator,
        allows: &dyn Fn(Estimator) -> bool,
        is_fitted: bool,
        largest: Option<f64>,
    ) -> Result<Self, StreamError> {
        evaluator.check()?;
        let estimators = evaluator.wanted(allows);
        if let Some(&estimator) = estimators.iter().find(|&&estimator| !allows(estimator)) {
            return Err(EstimateError::Missing { estimator }.into());
        }
        if matches!(evaluator.interval, Interval::Bootstrap { .. }) {
            return Err(Cannot::Bootstrap.into());
        }
        let leveled = estimators.iter().copied().find(|estimator| estimator.has_lambda());
        match (leveled, largest) {
            (Some(estimator), None) if evaluator.lambda.is_none() => {
                return Err(Cannot::ChooseLambda { estimator }.into());
            }
            (_, None) if estimators.contains(&Estimator::Replay) => return Err(Cannot::Replay.into()),
            _ => {}
        }
        let mut asked = evaluator.early(is_fitted, estimators.iter().copied());
        asked.extend(largest.and_then(|largest| evaluator.late(&estimators, largest)));
        let trials = largest.map_or_else(Trials::default, |largest| evaluator.trials(&estimators, largest));
        let bounded = evaluator.interval == Interval::EmpiricalBernstein;
        let parts = if bounded { asked.clone() } else { Vec::new() };
        Ok(Self {
            evaluator: evaluator.clone(),
            estimators,
            is_fitted,
            largest,
            weights: WeightSums::default(),
            tally: Tally::of(asked),
            trials,
            parts: parts.into_iter().map(|asked| (asked, PartMoments::default())).collect(),
            terms: Terms::default(),
        })
    }

    pub(in super::super) fn wanted(&self) -> Wanted {
        self.tally.wanted().and(self.trials.wanted())
    }

    pub(in super::super) fn add(&mut self, facts: Facts<'_>) {
        self.weights.add(facts.weight);
        self.tally.add(facts);
        self.trials.add(facts);
        for (asked, parts) in &mut self.parts {
            asked.estimator.terms(facts, asked.level, asked.seed, &mut self.terms);
            let Terms { added, numerator, denominator } = &self.terms;
            let all = parts.iter_mut().zip([added, numerator, denominator]);
            all.for_each(|(moments, values)| moments.merge(&Moments::of(values)));
        }
    }

    /// The weights so far.
    pub(in super::super) fn survey(&self, outside_support: usize) -> Survey {
        self.weights.survey(outside_support)
    }

    /// What was asked, after the last round.
    pub(in super::super) fn finish(
        self,
        survey: &Survey,
        limits: &Limits,
    ) -> Result<Evaluation, EstimateError> {
        if survey.rounds == 0 {
            return Err(EstimateError::NoRounds);
        }
        if let Some(limit) = self.largest.filter(|&limit| !(survey.largest <= limit)) {
            return Err(EstimateError::WeightLimit { weight: survey.largest, limit });
        }
        let Self { evaluator, trials, mut tally, parts, .. } = self;
        let largest = self.largest.unwrap_or(survey.largest);
        let asked = evaluator.asked(&self.estimators, survey, &trials, largest);
        tally.learn(trials.totals(evaluator.seed, survey));
        let possible: Vec<Asked> = asked.iter().filter_map(|asked| asked.as_ref().ok().copied()).collect();
        let company = Company::of(&possible, self.is_fitted);
        let totals: Vec<Totals> =
            company.all.iter().map(|asked| tally.find(asked).unwrap_or_default()).collect();
        let movers = company.movers();
        let spreads: Vec<Spread> = totals[..movers.len()].iter().map(Totals::spread_or_none).collect();
        let around = match evaluator.interval {
            Interval::EmpiricalBernstein => {
                let of = |asked: &Asked| {
                    let known = parts.iter().find(|(other, _)| other.is(asked)).map(|known| known.1);
                    let chosen = trials.best(asked.estimator, survey).map(|(_, moments)| *moments);
                    known.or(chosen.map(|added| [added, Moments::default(), Moments::default()]))
                };
                let one = |asked: &Asked| {
                    limits.around(asked, of(asked).unwrap_or_default(), 1.0, evaluator.confidence)
                };
                movers.iter().map(one).collect()
            }
            _ => interval::normal(&totals[..movers.len()], &spreads, evaluator.confidence),
        };
        let said = company.say(limits.unit, survey, &totals, &spreads, &around);
        Ok(evaluation(survey, &asked, said))
    }
}
