//! What a policy loses by not knowing the best arm from the start.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use crate::bandit::Bandit;
use crate::belief::Beta;
use crate::plan::Cadence;
use crate::policy::Policy;
use crate::segment::{SegmentId, Segments};

use super::BernoulliArms;

/// A run of the production loop in a known world: select, pay, reward, `horizon` times.
///
/// The cumulative pseudo-regret is Σ_t (μ* − μ of the arm selected at t). By default the plan is refreshed at every
/// event and there is no exploration share, which makes the sequential policies of the textbooks.
///
/// ```
/// use tactful::policy::Thompson;
/// use tactful::simulation::{BernoulliArms, Trial};
///
/// let world = BernoulliArms::new(vec![0.9, 0.8])?;
/// let regret = Trial::new(&world, 500).regret(|| Box::new(Thompson::default()), 20, 1);
/// assert!(regret.mean < 0.05 * 500.0, "half of what drawing at random loses: {regret:?}");
/// # Ok::<(), tactful::simulation::MeansError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    world: &'a BernoulliArms,
    horizon: u64,
    cadence: Cadence,
    exploration: f64,
}

/// Cumulative pseudo-regret at the horizon, over independent runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regret {
    /// Mean over the runs.
    pub mean: f64,
    /// Standard error of that mean.
    pub standard_error: f64,
    /// Number of runs.
    pub runs: u64,
}

impl<'a> Trial<'a> {
    /// A trial of so many decisions.
    #[must_use]
    pub fn new(world: &'a BernoulliArms, horizon: u64) -> Self {
        Self { world, horizon, cadence: Cadence::EVERY_EVENT, exploration: 0.0 }
    }

    /// The same trial with plans refreshed less often.
    #[must_use]
    pub fn cadence(self, cadence: Cadence) -> Self {
        Self { cadence, ..self }
    }

    /// The same trial with an exploration share, in [0, 1].
    ///
    /// # Panics
    ///
    /// If the share is not in [0, 1].
    #[must_use]
    pub fn exploration(self, exploration: f64) -> Self {
        assert!((0.0..=1.0).contains(&exploration), "exploration share {exploration} is not in [0, 1]");
        Self { exploration, ..self }
    }

    /// Mean regret over `runs` runs, the i-th seeded by `seed + i`.
    ///
    /// # Panics
    ///
    /// If there are no runs, or a policy selects an arm 2³² times.
    pub fn regret(&self, policy: impl Fn() -> Box<dyn Policy>, runs: u64, seed: u64) -> Regret {
        assert!(runs > 0, "no runs, no regret");
        let regrets: Vec<f64> = (0..runs).map(|run| self.run(policy(), seed.wrapping_add(run))).collect();
        let mean = regrets.iter().sum::<f64>() / runs as f64;
        let squares: f64 = regrets.iter().map(|regret| (regret - mean).powi(2)).sum();
        let standard_error = (squares / (runs as f64 - 1.0).max(1.0) / runs as f64).sqrt();
        Regret { mean, standard_error, runs }
    }

    /// The regret of one run.
    fn run(&self, policy: Box<dyn Policy>, seed: u64) -> f64 {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let bandit = Bandit::builder(self.world.arms().clone(), Segments::single())
            .boxed_policy(policy)
            .prior(Beta::UNIFORM)
            .exploration(self.exploration)
            .cadence(self.cadence)
            .incarnation(seed >> 16)
            .build()
            .expect("a share in [0, 1] and an incarnation below 2^48");
        let (everyone, all) = (SegmentId::new(0), bandit.arms().all());
        let best = self.world.best();
        let mut regret = 0.0;
        for _ in 0..self.horizon {
            let decision = bandit.select(everyone, &all, &mut rng).expect("all arms are eligible");
            regret += best - self.world.mean(decision.arm());
            let reward = self.world.pay(decision.arm(), &mut rng);
            bandit.reward(&decision, reward).expect("a fresh decision");
        }
        regret
    }
}
