//! Scales: how much effects vary, by order, and the step that learns it.

use super::{Factors, Outliers};

/// Variances of the effects on the logit, by order.
#[derive(Clone, Debug, PartialEq)]
pub struct Scales {
    /// Of the logit of an average cell about the rate of all results.
    pub intercept: f64,
    /// Of the effect of a level, for each factor.
    pub main: Vec<f64>,
    /// Of the effect of a pair of levels of two factors.
    pub pair: f64,
    /// Of what an arm has of its own in all segments; 0 where there is one segment only.
    pub arm: f64,
    /// Of what a cell has of its own.
    pub residual: f64,
    /// The share of cells that are [`Outliers`], in [0, 1].
    pub outliers: f64,
}

impl Scales {
    /// The share of what single arms and cells have of their own in the variance between logits, in [0, 1].
    pub(super) fn own(&self) -> f64 {
        let own = self.arm + self.residual;
        let pairs = self.main.len() * self.main.len().saturating_sub(1) / 2;
        let shared: f64 = self.main.iter().sum::<f64>() + pairs as f64 * self.pair;
        if own > 0.0 { own / (own + shared) } else { 0.0 }
    }
}

/// What is expected of the [`Scales`] before any result: standard deviations, each worth so many levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScalePrior {
    /// Of main effects.
    pub main: Expected,
    /// Of pair effects.
    pub pair: Expected,
    /// Of residuals.
    pub residual: Expected,
    /// Of cells that have much more of their own than others.
    pub outliers: Outliers,
}

/// A standard deviation that is expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// The standard deviation on the logit; where it is 0 there are no such effects.
    pub deviation: f64,
    /// How many levels, whose effects were known, it is worth.
    pub weight: f64,
}

impl Expected {
    fn variance(self) -> f64 {
        self.deviation * self.deviation
    }

    /// A step towards the most probable variance: of levels whose effects have this sum of squares and are known as well as
    /// so many exact ones.
    ///
    /// The expectation-maximisation step s² ← (Σ (u² + v) + ν s₀²) / (L + ν), for L effects u of posterior variance v, rests
    /// where s² (γ + ν) = Σ u² + ν s₀² with γ = L − Σ v / s², the effects that the data determine. To set s² from that equation
    /// outright rests at the same place and gets there in a few steps, also where data say little. D. J. C. MacKay (1992),
    /// *Bayesian Interpolation*.
    pub(super) fn step(self, squares: f64, determined: f64) -> f64 {
        if self.deviation > 0.0 {
            (squares + self.weight * self.variance()) / (determined.max(0.0) + self.weight)
        } else {
            0.0
        }
    }
}

impl Default for ScalePrior {
    /// Main effects of 0.3 with the weight of 3 levels; pairs of 0.1 with that of 8, residuals of 0.1 with that of 14; one cell in fifty
    /// an outlier, by 0.7, with the weight of 50.
    fn default() -> Self {
        Self {
            main: Expected { deviation: 0.3, weight: 3.0 },
            pair: Expected { deviation: 0.1, weight: 8.0 },
            residual: Expected { deviation: 0.1, weight: 14.0 },
            outliers: Outliers { share: 0.02, weight: 50.0, deviation: 0.7 },
        }
    }
}

/// The standard deviation of the intercept.
const INTERCEPT: f64 = 0.5;

impl ScalePrior {
    /// The same where next to nothing is expected of pairs and residuals, 0.05 each, and no outliers.
    #[must_use]
    pub fn structured() -> Self {
        let Self { main, pair, residual, .. } = Self::default();
        let small = |expected| Expected { deviation: 0.05, ..expected };
        Self { main, pair: small(pair), residual: small(residual), outliers: Outliers::NONE }
    }

    /// The same without effects of pairs.
    #[must_use]
    pub fn without_pairs(self) -> Self {
        Self { pair: Expected { deviation: 0.0, ..self.pair }, ..self }
    }

    /// The scales that are expected.
    pub(super) fn scales(&self, factors: &Factors) -> Scales {
        // One factor alone: its levels are the arms, so that neither pairs nor arms have anything left for them.
        let several = factors.sizes().len() > 1;
        let crossed = factors.is_segmented() && factors.dimensions() > 1;
        Scales {
            intercept: INTERCEPT * INTERCEPT,
            main: vec![self.main.variance(); factors.sizes().len()],
            pair: if several { self.pair.variance() } else { 0.0 },
            arm: if crossed { self.residual.variance() } else { 0.0 },
            residual: if several { self.residual.variance() } else { 0.0 },
            outliers: self.outliers.share,
        }
    }
}
