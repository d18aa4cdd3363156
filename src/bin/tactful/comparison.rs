//! What is compared: policies that learn, uniform, and every arm held fixed.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use tactful::evaluation::{
    Estimate, Log, Rejection, ReplayError, replay_watched, self_normalised, self_normalised_arms_watched,
};
use tactful::policy::{Policy, Uniform, named};
use tactful::{Arm, Bandit};

use crate::Failure;
use crate::arguments::{Replay, split};
use crate::learning::Life;
use crate::progress::Progress;

/// What each policy would have earned.
pub(crate) struct Comparison {
    /// The learning policies and uniform.
    pub(crate) policies: Vec<Valued>,
    /// The fixed arms, in the order of the arms.
    pub(crate) arms: Vec<Valued>,
    /// How many of the first learn.
    pub(crate) learning: usize,
    /// How these did, where a page is wanted.
    pub(crate) lives: Vec<Life>,
}

/// A policy with its value, or why there is none.
pub(crate) struct Valued {
    /// For programs.
    pub(crate) name: String,
    /// For people: arms by their levels alone.
    pub(crate) label: String,
    /// The estimate, or why there is none.
    pub(crate) estimate: Result<Estimate, String>,
}

impl Valued {
    /// The estimate if its interval has ends: no value is told without one.
    pub(crate) fn bounded(&self) -> Option<&Estimate> {
        let ends = |estimate: &&Estimate| estimate.interval.0.is_finite() && estimate.interval.1.is_finite();
        self.estimate.as_ref().ok().filter(ends)
    }

    fn policy(name: String, estimate: Result<Estimate, impl ToString>) -> Self {
        Self { label: name.clone(), name, estimate: estimate.map_err(|error| error.to_string()) }
    }

    /// A fixed arm, by its one level, or by all its dimensions with their levels.
    fn arm(arm: Arm<'_>, estimate: Result<Estimate, impl ToString>) -> Self {
        let levels: Vec<&str> = arm.levels().map(|(_, level)| level).collect();
        let name = if levels.len() == 1 { format!("arm:{}", levels[0]) } else { format!("arm:{arm}") };
        let estimate = estimate.map_err(|error| error.to_string());
        Self { name, label: format!("arm:{}", levels.join(" · ")), estimate }
    }
}

/// Replays and estimates all of them.
pub(crate) fn compare(log: &Log, replay: &Replay) -> Result<Comparison, Failure> {
    let learners = split(&replay.policies).into_iter().map(|name| named(&name, log.rounds().len() as u64));
    let learners: Vec<Box<dyn Policy>> = learners.collect::<Result<_, _>>().map_err(Failure::new)?;
    let (mut policies, mut lives) = (Vec::new(), Vec::new());
    let learning = learners.len();
    for policy in learners {
        let mut life = replay.report.as_ref().and_then(|_| Life::new(log));
        policies.push(learn(log, policy, replay, &mut life)?);
        lives.extend(life);
    }
    policies.push(Valued::policy(Uniform.name(), self_normalised(log, &Uniform)));
    /// Parts of the work that the bar tells apart.
    const PARTS: u64 = 1000;
    let mut progress = Progress::new("fixed arms", PARTS);
    let fixed = self_normalised_arms_watched(log, |share| progress.at((share * PARTS as f64) as u64));
    let fixed = log.arms().iter().zip(fixed);
    let arms = fixed.map(|(arm, estimate)| Valued::arm(arm, estimate)).collect();
    Ok(Comparison { policies, arms, learning, lives })
}

/// Replays one learning policy. Every policy meets the same random words, which makes their differences less a
/// matter of chance.
fn learn(
    log: &Log,
    policy: Box<dyn Policy>,
    replay: &Replay,
    life: &mut Option<Life>,
) -> Result<Valued, Failure> {
    let name = policy.name();
    let bandit = Bandit::builder(log.arms().clone(), log.segments().clone())
        .reward(log.reward_kind())
        .boxed_policy(policy)
        .exploration(replay.exploration)
        .prior(replay.prior)
        .shares(replay.bounds.shares())
        .incarnation(0)
        .build()
        .map_err(Failure::new)?;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(replay.seed);
    let mut progress = Progress::new(&name, log.rounds().len() as u64);
    let estimate = replay_watched(&bandit, log, Rejection::default(), &mut rng, |done| {
        // Often enough to look at, seldom enough to cost nothing.
        if done % 1024 == 0 {
            progress.at(done as u64);
        }
        if let Some(life) = life {
            life.watch(&bandit, log, done);
        }
    });
    match estimate {
        Ok(_) | Err(ReplayError::Estimate(_)) => Ok(Valued::policy(name, estimate)),
        Err(error) => Err(Failure::new(format_args!("{name}: {error}"))),
    }
}
