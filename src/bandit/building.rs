//! Building a bandit: the settings are checked, each against the others, and the parts put together.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use crate::belief::{Forgetting, ForgettingError};
use crate::decision::{Issuer, fingerprint};
use crate::plan::Book;
use crate::reward::{Reward, RewardRule};
use crate::statistics::{Cells, Cohort, Defaults, Goals, ImportanceCells, Ledger, Shape};
use crate::sync::AtomicU64;

use super::contextual::Contextual;
use super::delays_by::Groups;
use super::exchange::Exchange;
use super::observing::Stages;
use super::priors::Priors;
use super::waiting::Waiting;
use super::{Bandit, BanditBuilder, BuildError};

impl BanditBuilder {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`BuildError`] carries the setting that cannot be.
    ///
    /// # Panics
    ///
    /// If delays are told apart by a dimension or an attribute that is not there.
    #[track_caller]
    pub fn build(mut self) -> Result<Bandit, BuildError> {
        self.reward = self.stages.as_ref().map_or(self.reward, RewardRule::kind);
        self.reward.validate().map_err(BuildError::RewardKind)?;
        if !(0.0..=1.0).contains(&self.exploration) {
            return Err(BuildError::Exploration { share: self.exploration });
        }
        if let Priors::Warm(start) = &self.priors
            && !start.fits(&self.arms, &self.segments)
        {
            return Err(BuildError::WarmStart);
        }
        let goals = Goals::from(self.goal_totals()?);
        let mut numbers = vec![self.keys.current.id()];
        for key in &self.keys.accepted {
            if numbers.contains(&key.id()) {
                return Err(BuildError::DuplicateKey { key: key.id() });
            }
            numbers.push(key.id());
        }
        let incarnation = match self.incarnation {
            Some(incarnation) if incarnation >> Issuer::INCARNATION_BITS != 0 => {
                return Err(BuildError::Incarnation { incarnation });
            }
            Some(incarnation) => incarnation,
            // std seeds its hashers from the operating system: entropy without a dependency.
            None => RandomState::new().build_hasher().finish() >> (64 - Issuer::INCARNATION_BITS),
        };
        if let Some(window) = self.window.filter(|window| window.checked().is_none()) {
            return Err(BuildError::Window { window });
        }
        let forgetting = self.forgetting.checked().map_err(BuildError::Forgetting)?;
        if self.window.is_none() && forgetting != Forgetting::Never {
            return Err(BuildError::Forgetting(ForgettingError { forgetting }));
        }
        let defaults = self.defaults()?;
        let issuer = Issuer { replica: self.replica, incarnation };
        let has_stages = self.stages.is_some();
        let waiting = self.window.map(|window| {
            let (groups, levels) = Groups::new(&self.delays_by, &self.arms, &self.segments);
            let shape = Shape {
                kind: self.reward,
                defaults,
                goals: Goals::clone(&goals),
                segments: self.segments.len(),
                arms: self.arms.len(),
                groups: levels.len() * (1 + goals.len()),
                window,
                dimensions: self.features.as_ref().map(|features| features.len() + 1),
            };
            let ledger = Ledger::new(shape, issuer);
            let stages = self.stages.map(Stages::new);
            let mut waiting = Waiting::new(ledger, self.pending, forgetting, groups, levels, stages);
            waiting.goals = self.goals;
            waiting.delays_by = self.delays_by;
            waiting.learn_delays();
            waiting
        });
        let importance = self.policy.importance(self.arms.len());
        if importance.is_some() && (waiting.is_some() || self.replicated) {
            return Err(BuildError::Weighted { policy: self.policy.name() });
        }
        if self.features.is_some() {
            let against = [
                (has_stages, "outcomes in stages"),
                (importance.is_some(), "a policy that needs importance-weighted sums"),
            ];
            if let Some((_, with)) = against.into_iter().find(|(is_set, _)| *is_set) {
                return Err(BuildError::Features { with });
            }
        }
        let sums = |importance| (importance, ImportanceCells::new(self.segments.len(), self.arms.len()));
        let importance = importance.map(sums);
        let shares = self.shares.of(&self.arms).map_err(BuildError::Shares)?;
        // Standings are of counters that are read where they are counted, and say who leads, which bounds may forbid.
        let plain = waiting.is_none() && !self.replicated && shares.is_none();
        let index = self.policy.as_index().filter(|_| plain);
        let book = Book::new(self.segments.len(), index.map(|_| self.arms.len()));
        let counts = (self.segments.len(), self.arms.len());
        let contextual = self.features.map(|features| {
            Box::new(Contextual::new(features, self.linear, &*self.policy, counts, self.exploration))
        });
        let mut bandit = Bandit {
            contextual,
            clock: AtomicU64::new(0),
            #[cfg(feature = "journal")]
            journaling: None,
            exchange: self.replicated.then(|| Exchange::new(issuer, self.heir)),
            waiting,
            fingerprint: fingerprint(&self.arms, &self.segments),
            cells: Cells::new(self.reward, self.segments.len(), self.arms.len()),
            book,
            cohort: Cohort::new(),
            past: BTreeMap::new(),
            ancestors: Vec::new(),
            issuer,
            arms: self.arms,
            segments: self.segments,
            reward: self.reward,
            priors: self.priors,
            observes: self.policy.observes(),
            importance,
            regular: self.policy.is_regular() && shares.is_none(),
            shares,
            policy: self.policy,
            exploration: self.exploration,
            cadence: self.cadence,
            refresh: self.refresh,
            keys: self.keys,
        };
        bandit.hold(0);
        Ok(bandit)
    }

    /// What becomes of decisions of which nothing comes.
    fn defaults(&self) -> Result<Defaults, BuildError> {
        if let Some(rule) = &self.stages {
            return match (self.window, self.default) {
                (None, _) => Err(BuildError::StagesWithoutWindow),
                (_, Some(default)) => Err(BuildError::StagesWithDefault { default }),
                _ => Ok(Defaults::ByArm(rule.baselines(&self.arms).map_err(BuildError::Cost)?.into())),
            };
        }
        let (minimum, maximum) = self.reward.range();
        let default = self.default.unwrap_or(Reward::new(0.0_f64.clamp(minimum, maximum)));
        self.reward.quantity(default).map(Defaults::Alike).map_err(BuildError::DefaultReward)
    }
}
