//! Arms whose rates change: at once at known times, or a little with every customer.

use rand::distr::Distribution;
use rand_distr::StandardNormal;

use crate::arm::ArmId;
use crate::segment::SegmentId;

use super::bernoulli::{MeansError, check, largest, toss};
use super::scene::{Scene, scenery};
use super::{Generator, Life, Request, Response, World};

/// Bernoulli arms whose means change abruptly at given times.
///
/// ```
/// use tactful::policy::Uniform;
/// use tactful::simulation::{ChangingArms, Experiment};
///
/// // For the first 100 customers the one arm pays, for the others the other.
/// let world = ChangingArms::new(vec![(100, vec![1.0, 0.0]), (1, vec![0.0, 1.0])])?;
/// let curve = Experiment::new(&world, 200).run(&Uniform, 50, 1);
/// assert!((curve.regret.last().expect("at the horizon").mean - 100.0).abs() < 5.0);
/// # Ok::<(), tactful::simulation::MeansError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ChangingArms {
    /// For so many customers these means; the last for all others.
    phases: Vec<(u64, Vec<f64>)>,
    scene: Scene,
}

impl ChangingArms {
    /// Phases, each as the number of customers it lasts for and the arms' means in it; the last one goes on for ever.
    ///
    /// # Errors
    ///
    /// [`MeansError`] for a mean outside [0, 1], no or too many arms, or phases with different numbers of them.
    pub fn new(phases: Vec<(u64, Vec<f64>)>) -> Result<Self, MeansError> {
        let arms = phases.first().map_or(0, |(_, means)| means.len());
        for (_, means) in &phases {
            check(means)?;
            if means.len() != arms {
                return Err(MeansError::Count { means: means.len(), arms });
            }
        }
        let scene = Scene::numbered(arms).map_err(|_| MeansError::Arms { arms })?;
        Ok(Self { phases, scene })
    }
}

impl World for ChangingArms {
    scenery!(scene);

    fn begin(&self, _: &mut Generator) -> Box<dyn Life + '_> {
        let ends = self.phases.iter().scan(0_u64, |end, (customers, means)| {
            *end = end.saturating_add(*customers);
            Some((*end, largest(means), &means[..]))
        });
        Box::new(Phases { ends: ends.collect(), now: 0, customers: 0 })
    }
}

struct Phases<'a> {
    /// After how many customers each phase ends, its largest mean, its means.
    ends: Vec<(u64, f64, &'a [f64])>,
    now: usize,
    customers: u64,
}

impl Life for Phases<'_> {
    fn next(&mut self, _: &mut Generator) -> Request {
        if self.customers >= self.ends[self.now].0 && self.now + 1 < self.ends.len() {
            self.now += 1;
        }
        self.customers += 1;
        Request { segment: SegmentId::new(0), eligible: 0 }
    }

    fn mean(&self, arm: ArmId) -> f64 {
        self.ends[self.now].2[arm.index()]
    }

    fn best(&self) -> f64 {
        self.ends[self.now].1
    }

    fn respond(&mut self, arm: ArmId, rng: &mut Generator) -> Response {
        Response::at_once(toss(self.mean(arm), rng))
    }
}

/// Bernoulli arms that start from given means and drift: the logit of each goes on a random walk of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftingArms {
    logits: Vec<f64>,
    deviation: f64,
    scene: Scene,
}

/// Customers between two steps of the walk.
const STRIDE: u64 = 16;

impl DriftingArms {
    /// Arms that start from these means, in (0, 1), whose logits move by so many standard deviations (of a walk of
    /// independent normal steps) per 1,000 customers.
    ///
    /// # Errors
    ///
    /// [`MeansError`] for a mean outside (0, 1), or no or too many arms.
    ///
    /// # Panics
    ///
    /// If the deviation is negative or not finite.
    pub fn new(means: &[f64], deviation: f64) -> Result<Self, MeansError> {
        assert!(deviation >= 0.0 && deviation.is_finite(), "a deviation of {deviation}");
        if let Some(arm) = means.iter().position(|&mean| !(mean > 0.0 && mean < 1.0)) {
            return Err(MeansError::Edge { arm, mean: means[arm] });
        }
        let scene = Scene::numbered(means.len()).map_err(|_| MeansError::Arms { arms: means.len() })?;
        let logits = means.iter().map(|mean| libm::log(mean / (1.0 - mean))).collect();
        Ok(Self { logits, deviation: deviation * (STRIDE as f64 / 1_000.0).sqrt(), scene })
    }
}

impl World for DriftingArms {
    scenery!(scene);

    fn begin(&self, _: &mut Generator) -> Box<dyn Life + '_> {
        let mut walk = Walk {
            logits: self.logits.clone(),
            deviation: self.deviation,
            means: Vec::new(),
            best: 0.0,
            customers: 0,
        };
        walk.arrive();
        Box::new(walk)
    }
}

struct Walk {
    logits: Vec<f64>,
    deviation: f64,
    means: Vec<f64>,
    best: f64,
    customers: u64,
}

impl Walk {
    /// The means where the logits now are.
    fn arrive(&mut self) {
        self.means.clear();
        self.means.extend(self.logits.iter().map(|&logit| logistic(logit)));
        self.best = largest(&self.means);
    }
}

impl Life for Walk {
    fn next(&mut self, rng: &mut Generator) -> Request {
        self.customers += 1;
        if self.customers.is_multiple_of(STRIDE) {
            for logit in &mut self.logits {
                let step: f64 = StandardNormal.sample(rng);
                *logit += self.deviation * step;
            }
            self.arrive();
        }
        Request { segment: SegmentId::new(0), eligible: 0 }
    }

    fn mean(&self, arm: ArmId) -> f64 {
        self.means[arm.index()]
    }

    fn best(&self) -> f64 {
        self.best
    }

    fn respond(&mut self, arm: ArmId, rng: &mut Generator) -> Response {
        Response::at_once(toss(self.means[arm.index()], rng))
    }
}

/// The rate with this logit.
pub(super) fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-logit))
}
