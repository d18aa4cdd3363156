//! Worst off: one mix of arms for all segments, for the sake of the one that gets least from it.

use crate::belief::Beta;

use super::game::worst_off_mix;
use super::parameter::share;
use super::{Observes, ParameterError, Policy, Probabilities, View};

/// Gives all segments the same mix p over their eligible arms, the one with the greatest min_s Σ_k p_k m_sk, where m_sk is the
/// posterior mean of arm k in segment s, or its quantile δ: a lower bound.
///
/// J. von Neumann (1928), *Zur Theorie der Gesellschaftsspiele*: no other mix does better in its worst segment, and where segments
/// differ a mix does better than any single arm. The game is solved to 10⁻¹² by the simplex method. Segments in which all
/// arms are believed alike, untried ones above all, say nothing and are left out; if no others are left, all arms are alike.
///
/// [`WorstOff::robustness`] tells the price: what each segment gets, and what its own best arm would give it.
///
/// A plan is due by the events of its own segment; what others have learnt shows in it from then on. The work follows segments
/// × arms, twice that for each exchange of the simplex method: meant for up to some hundred of each.
///
/// **When**: the same rule has to go for everyone and nobody is to be left behind, or the shares of the segments in days to come
/// are not known. There has to be an exploration share or a [`BurnIn`](super::BurnIn) to learn by. **When not**: segments may be
/// treated each as is best for it, which earns more in every one of them; then any other policy does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WorstOff {
    delta: Option<f64>,
}

/// What one mix for all costs each segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Robustness {
    /// The mix over the eligible arms, one share for each; it sums to one.
    pub mix: Vec<f64>,
    /// What the mix gives each segment of the portfolio, in its order, in the [0, 1] of scaled rewards.
    pub values: Vec<f64>,
    /// What the best arm of each segment would give it.
    pub best: Vec<f64>,
}

impl Robustness {
    /// What the segment gets that gets least; 0 of none.
    #[must_use]
    pub fn worst(&self) -> f64 {
        self.values.iter().copied().reduce(f64::min).unwrap_or(0.0)
    }

    /// What each segment gives up.
    pub fn prices(&self) -> impl Iterator<Item = f64> + '_ {
        self.best.iter().zip(&self.values).map(|(best, value)| best - value)
    }
}

impl WorstOff {
    /// By the quantile δ in [0, 1] of each posterior; [`WorstOff::default`] goes by the means.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn new(delta: f64) -> Result<Self, ParameterError> {
        Ok(Self { delta: Some(share("delta", delta)?) })
    }

    /// The mix, and what it costs. Without a [portfolio](View::portfolio) the view's own segment is the only one.
    #[must_use]
    pub fn robustness(&self, view: &View<'_>) -> Robustness {
        let score = |posterior: &Beta| match self.delta {
            None => posterior.mean(),
            Some(delta) => posterior.quantile(delta),
        };
        let scores = |posteriors: &[Beta]| -> Vec<f64> { posteriors.iter().map(score).collect() };
        let all: Vec<Vec<f64>> = match view.portfolio() {
            None => vec![scores(view.posteriors())],
            Some(portfolio) => {
                let segments = portfolio.segments().into_iter();
                segments.map(|segment| scores(&portfolio.posteriors(segment, view.arms()))).collect()
            }
        };
        // Compared bit by bit: alike are arms of which nothing is known, whose scores are computed alike.
        let differ = |scores: &&Vec<f64>| scores.iter().any(|score| score.to_bits() != scores[0].to_bits());
        let telling: Vec<Vec<f64>> = all.iter().filter(differ).cloned().collect();
        let mix = match telling.is_empty() {
            true => vec![1.0 / view.len() as f64; view.len()],
            false => worst_off_mix(&telling),
        };
        let value = |scores: &Vec<f64>| scores.iter().zip(&mix).map(|(score, share)| score * share).sum();
        let best = |scores: &Vec<f64>| scores.iter().copied().fold(0.0, f64::max);
        Robustness { values: all.iter().map(value).collect(), best: all.iter().map(best).collect(), mix }
    }
}

impl Policy for WorstOff {
    fn name(&self) -> String {
        match self.delta {
            None => "worst-off".to_owned(),
            Some(delta) => format!("worst-off({delta})"),
        }
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let mix = self.robustness(view).mix;
        match mix.iter().all(|share| share.to_bits() == mix[0].to_bits()) {
            true => Probabilities::uniform(),
            false => Probabilities::dense(&mix),
        }
    }
}
