//! The means that make a value, and the spread about them: in one pass over the rounds, or in two.

use super::super::estimate::EstimateError;
use super::Asked;
use super::estimator::{Estimator, Terms};
use super::facts::{Facts, Source, Survey, Wanted};
use super::moments::Moments;
use super::one_pass::Guessed;

/// Sums of what the rounds add.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    rounds: usize,
    added: f64,
    numerator: f64,
    denominator: f64,
    /// Whether there is a ratio.
    ratio: bool,
    /// Rounds that count: those with a weight, in a replay those kept.
    pub(super) used: usize,
    /// Whether `used` are rounds kept.
    kept: bool,
    guessed: Guessed,
}

impl Totals {
    /// Of an estimator that has nothing but a mean, by the moments of what its rounds add.
    fn of_moments(moments: &Moments, survey: &Survey) -> Self {
        Self {
            rounds: survey.rounds,
            added: moments.mean * survey.rounds as f64,
            used: survey.used,
            guessed: Guessed::of_moments(moments),
            ..Self::default()
        }
    }

    /// Σ φ², as far as one pass tells.
    pub(super) fn spread(&self) -> Option<Spread> {
        // What rounding has put below 0 a second pass tells better.
        let squares = self.guessed.squares(self.rounds, self.ratio).filter(|&squares| squares >= 0.0)?;
        Some(Spread::Rounds { rounds: self.rounds, squares })
    }

    /// The same where there is no second pass: what rounding has put below 0 is 0, and squares beyond the numbers there are
    /// leave none.
    pub(super) fn spread_or_none(&self) -> Spread {
        let squares = self.guessed.squares(self.rounds, self.ratio);
        Spread::Rounds { rounds: self.rounds, squares: squares.map_or(f64::NAN, |squares| squares.max(0.0)) }
    }

    /// mean(a) + Σ b / Σ c.
    pub(super) fn value(&self) -> f64 {
        self.mean_added() + if self.ratio { self.numerator / self.denominator } else { 0.0 }
    }

    pub(super) fn mean_added(&self) -> f64 {
        self.added / self.rounds as f64
    }

    /// Rounds kept count alike, all others by their weights.
    pub(super) fn effective_sample_size(&self, survey: &Survey) -> f64 {
        if self.kept { self.used as f64 } else { survey.effective_sample_size }
    }

    /// φ of each round whose terms these are.
    fn linearise(&self, terms: &Terms, phi: &mut Vec<f64>) {
        phi.clear();
        let mean = self.mean_added();
        phi.extend(terms.added.iter().map(|a| a - mean));
        if !self.ratio {
            return;
        }
        let ratio = self.numerator / self.denominator;
        let scale = self.rounds as f64 / self.denominator;
        let of = |(b, c): (&f64, &f64)| (b - ratio * c) * scale;
        let parts = terms.numerator.iter().zip(&terms.denominator).map(of);
        if phi.is_empty() {
            phi.extend(parts);
        } else {
            phi.iter_mut().zip(parts).for_each(|(phi, part)| *phi += part);
        }
    }
}

/// Whether the sums make a value.
pub(super) fn check(asked: &Asked, totals: &Totals, survey: &Survey) -> Result<(), EstimateError> {
    if asked.estimator.needs_propensities() && totals.used == 0 {
        return Err(EstimateError::NoOverlap { rounds: survey.rounds });
    }
    Ok(())
}

/// Asks all estimators about each chunk of rounds.
pub(super) fn each(
    source: &dyn Source,
    asked: &[Asked],
    mut visit: impl FnMut(usize, usize, &Terms),
) -> Result<(), EstimateError> {
    let estimators: Vec<Estimator> = asked.iter().map(|asked| asked.estimator).collect();
    let mut terms = Terms::default();
    source.each(Wanted::by(&estimators), &mut |facts| {
        for (number, asked) in asked.iter().enumerate() {
            asked.estimator.terms(facts, asked.level, asked.seed, &mut terms);
            visit(number, facts.first, &terms);
        }
    })
}

/// The totals of several estimators, chunk by chunk.
#[derive(Debug)]
pub(super) struct Tally {
    asked: Vec<(Asked, Totals)>,
    terms: Terms,
}

impl Tally {
    pub(super) fn of(asked: impl IntoIterator<Item = Asked>) -> Self {
        let empty = |asked: Asked| {
            let (ratio, kept) = (asked.estimator.is_ratio(), asked.estimator == Estimator::Replay);
            (asked, Totals { ratio, kept, ..Totals::default() })
        };
        Self { asked: asked.into_iter().map(empty).collect(), terms: Terms::default() }
    }

    /// What moments say of estimators that have nothing but a mean.
    pub(super) fn of_moments<'a>(
        asked: impl IntoIterator<Item = (Asked, &'a Moments)>,
        survey: &Survey,
    ) -> Self {
        let told = |(asked, moments): (Asked, &Moments)| (asked, Totals::of_moments(moments, survey));
        Self { asked: asked.into_iter().map(told).collect(), terms: Terms::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// Takes over what another tally says.
    pub(super) fn learn(&mut self, other: Self) {
        self.asked.extend(other.asked);
    }

    /// What is known of one.
    pub(super) fn find(&self, wanted: &Asked) -> Option<Totals> {
        self.asked.iter().find(|(asked, _)| asked.is(wanted)).map(|known| known.1)
    }

    pub(super) fn wanted(&self) -> Wanted {
        let estimators: Vec<Estimator> = self.asked.iter().map(|(asked, _)| asked.estimator).collect();
        Wanted::by(&estimators)
    }

    pub(super) fn add(&mut self, facts: Facts<'_>) {
        let Self { asked, terms } = self;
        let used = facts.weight.iter().filter(|&&weight| weight > 0.0).count();
        for (asked, totals) in asked {
            asked.estimator.terms(facts, asked.level, asked.seed, terms);
            let sums = [&terms.added, &terms.numerator, &terms.denominator].map(|terms| sum(terms));
            totals.guessed.add(terms, sums);
            let [added, numerator, denominator] = sums;
            totals.rounds += facts.reward.len();
            totals.added += added;
            totals.numerator += numerator;
            totals.denominator += denominator;
            totals.used += match asked.estimator {
                // Of zeros and ones.
                Estimator::Replay => denominator as usize,
                Estimator::Mips => facts.marginal.iter().filter(|&&weight| weight > 0.0).count(),
                _ => used,
            };
        }
    }

    /// Takes over what another tally says of those asked here; the rest is one pass over the rounds.
    pub(super) fn complete(
        source: &dyn Source,
        asked: &[Asked],
        other: &Self,
    ) -> Result<Vec<Totals>, EstimateError> {
        let known = |asked: &Asked| other.find(asked);
        let mut rest = Self::of(asked.iter().filter(|asked| known(asked).is_none()).copied());
        if !rest.asked.is_empty() {
            source.each(rest.wanted(), &mut |facts| rest.add(facts))?;
        }
        let mut rest = rest.asked.iter().map(|(_, totals)| *totals);
        Ok(asked.iter().filter_map(|asked| known(asked).or_else(|| rest.next())).collect())
    }
}

/// How far the φ lie from 0, round by round or cluster by cluster.
#[derive(Clone, Debug)]
pub(super) enum Spread {
    Rounds { rounds: usize, squares: f64 },
    Clusters { rounds: usize, sums: Vec<f64> },
}

impl Spread {
    /// √(Σ φ² / (n (n − 1))); with clusters, of the sums within G clusters, √(G / (G − 1) Σ (Σ φ)²) / n: K.-Y. Liang,
    /// S. L. Zeger (1986), *Longitudinal Data Analysis Using Generalized Linear Models*. Infinite for one round or
    /// cluster, which says nothing of the spread.
    pub(super) fn standard_error(&self) -> f64 {
        let (rounds, units, squares) = match self {
            Self::Rounds { rounds, squares } => (*rounds as f64, *rounds as f64, *squares),
            Self::Clusters { rounds, sums } => {
                (*rounds as f64, sums.len() as f64, sums.iter().map(|sum| sum * sum).sum())
            }
        };
        if units < 2.0 { f64::INFINITY } else { (squares * (units / (units - 1.0))).sqrt() / rounds }
    }
}

/// By the totals where they tell, else by a second pass.
pub(super) fn spreads(
    source: &dyn Source,
    asked: &[Asked],
    totals: &[Totals],
) -> Result<Vec<Spread>, EstimateError> {
    let clusters = source.clusters();
    if clusters.is_none()
        && let Some(told) = totals.iter().map(Totals::spread).collect()
    {
        return Ok(told);
    }
    let empty = |totals: &Totals| match clusters {
        Some((_, clusters)) => Spread::Clusters { rounds: totals.rounds, sums: vec![0.0; clusters] },
        None => Spread::Rounds { rounds: totals.rounds, squares: 0.0 },
    };
    let mut spreads: Vec<Spread> = totals.iter().map(empty).collect();
    let mut phi = Vec::new();
    each(source, asked, |number, first, terms| {
        totals[number].linearise(terms, &mut phi);
        match (&mut spreads[number], clusters) {
            (Spread::Clusters { sums, .. }, Some((clusters, _))) => {
                phi.iter().zip(&clusters[first..]).for_each(|(phi, &cluster)| sums[cluster as usize] += phi);
            }
            (Spread::Rounds { squares, .. }, _) => *squares += sum_of_squares(&phi),
            (Spread::Clusters { .. }, None) => {}
        }
    })?;
    Ok(spreads)
}

/// The spread of these φ.
pub(super) fn spread_of(phi: &[f64], clusters: Option<(&[u32], usize)>) -> Spread {
    let Some((clusters, count)) = clusters else {
        return Spread::Rounds { rounds: phi.len(), squares: sum_of_squares(phi) };
    };
    let mut sums = vec![0.0; count];
    phi.iter().zip(clusters).for_each(|(phi, &cluster)| sums[cluster as usize] += phi);
    Spread::Clusters { rounds: phi.len(), sums }
}

/// φ of every round.
pub(super) fn linearised(
    source: &dyn Source,
    asked: Asked,
    totals: &Totals,
) -> Result<Vec<f64>, EstimateError> {
    let (mut all, mut phi) = (Vec::with_capacity(totals.rounds), Vec::new());
    each(source, &[asked], |_, _, terms| {
        totals.linearise(terms, &mut phi);
        all.extend_from_slice(&phi);
    })?;
    Ok(all)
}

/// Sums side by side: an order that vector units can keep, and a smaller error than one after the other.
pub(super) const LANES: usize = 8;

pub(super) fn sum(values: &[f64]) -> f64 {
    folded(values, |value| value)
}

fn sum_of_squares(values: &[f64]) -> f64 {
    folded(values, |value| value * value)
}

pub(super) fn folded(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += of(value);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&value| of(value)).sum::<f64>()
}
