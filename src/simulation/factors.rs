//! Arms and segments that are made of levels: rates from effects of levels, their pairs, and what each arm has of its own.

use rand::RngExt;
use rand::distr::Distribution;
use rand_distr::StandardNormal;

use crate::arm::{ArmId, ArmSpace};
use crate::segment::{SegmentId, Segments};

use super::bernoulli::{largest, toss};
use super::changing::logistic;
use super::scene::{Scene, scenery};
use super::{Generator, Life, Request, Response, World};

/// A world of factors, drawn anew for each run: the logit of the rate of arm a in segment s is
///
/// mean + Σ_f u_f(level of a) + Σ_{f<g} v_fg(pair of levels of a) + e_a + c_s + Σ_f t_f(s, level of a) + d_s,a,
///
/// all effects independent and normal. Customers fall into the segments with equal probability.
#[derive(Clone, Debug, PartialEq)]
pub struct FactorWorld {
    scene: Scene,
    effects: Effects,
}

/// How much the effects of a [`FactorWorld`] vary, as standard deviations on the logit; all finite, none negative but the
/// mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effects {
    /// Logit of the rate of an average arm.
    pub mean: f64,
    /// Of one level of a dimension.
    pub main: f64,
    /// Of one pair of levels of two dimensions.
    pub pair: f64,
    /// Of an arm.
    pub residual: f64,
    /// Of a segment as a whole.
    pub customers: f64,
    /// Of one level of a dimension in a segment.
    pub taste: f64,
    /// Of an arm in a segment.
    pub segment: f64,
}

impl Effects {
    /// A standard deviation of the arms' logits, split by these shares of their *variance*: of the levels of all
    /// `dimensions` together, of all their pairs, and the rest of the arms.
    #[must_use]
    pub fn split(mean: f64, deviation: f64, dimensions: usize, main: f64, pair: f64) -> Self {
        let pairs = dimensions * dimensions.saturating_sub(1) / 2;
        let each = |share: f64, of: usize| deviation * (share.max(0.0) / of.max(1) as f64).sqrt();
        Self {
            mean,
            main: each(main, dimensions),
            pair: each(pair, pairs),
            residual: each(1.0 - main - pair, 1),
            customers: 0.0,
            taste: 0.0,
            segment: 0.0,
        }
    }
}

impl FactorWorld {
    /// Such a world with these arms and segments.
    #[must_use]
    pub fn new(arms: ArmSpace, segments: Segments, effects: Effects) -> Self {
        Self { scene: Scene::segmented(arms, segments), effects }
    }
}

impl World for FactorWorld {
    scenery!(scene);

    fn begin(&self, rng: &mut Generator) -> Box<dyn Life + '_> {
        let Effects { mean, main, pair, residual, customers, taste, segment } = self.effects;
        let mut draw = |deviation: f64| {
            let standard: f64 = StandardNormal.sample(rng);
            deviation * standard
        };
        let sizes: Vec<usize> = self.scene.arms.dimensions().map(|(_, levels)| levels.len()).collect();
        let main: Vec<Vec<f64>> = sizes.iter().map(|&size| (0..size).map(|_| draw(main)).collect()).collect();
        let mut pairs = Vec::new();
        for f in 0..sizes.len() {
            for g in f + 1..sizes.len() {
                let effects: Vec<f64> = (0..sizes[f] * sizes[g]).map(|_| draw(pair)).collect();
                pairs.push((f, g, effects));
            }
        }
        let shared = self.scene.arms.iter().map(|arm| {
            let levels: Vec<usize> = arm.level_indices().collect();
            let mains: f64 = main.iter().zip(&levels).map(|(effects, &level)| effects[level]).sum();
            let pairs: f64 =
                pairs.iter().map(|(f, g, effects)| effects[levels[*f] * sizes[*g] + levels[*g]]).sum();
            mean + mains + pairs
        });
        let shared: Vec<f64> = shared.collect();
        let shared: Vec<f64> = shared.into_iter().map(|logit| logit + draw(residual)).collect();
        let rates = (0..self.scene.segments.len()).map(|_| {
            let customers = draw(customers);
            let tastes: Vec<Vec<f64>> =
                sizes.iter().map(|&size| (0..size).map(|_| draw(taste)).collect()).collect();
            let rates = self.scene.arms.iter().zip(&shared).map(|(arm, logit)| {
                let tastes: f64 = tastes.iter().zip(arm.level_indices()).map(|(own, level)| own[level]).sum();
                logistic(logit + customers + tastes + draw(segment))
            });
            let rates: Vec<f64> = rates.collect();
            (largest(&rates), rates)
        });
        Box::new(Drawn { rates: rates.collect(), now: 0 })
    }
}

struct Drawn {
    /// For each segment, the largest rate and the rates.
    rates: Vec<(f64, Vec<f64>)>,
    now: usize,
}

impl Life for Drawn {
    fn next(&mut self, rng: &mut Generator) -> Request {
        self.now = if self.rates.len() == 1 { 0 } else { rng.random_range(0..self.rates.len()) };
        Request { segment: SegmentId::new(self.now as u32), eligible: 0 }
    }

    fn mean(&self, arm: ArmId) -> f64 {
        self.rates[self.now].1[arm.index()]
    }

    fn best(&self) -> f64 {
        self.rates[self.now].0
    }

    fn respond(&mut self, arm: ArmId, rng: &mut Generator) -> Response {
        Response::at_once(toss(self.mean(arm), rng))
    }
}
