//! How a bandit is put together.

use crate::arm::{Arm, ArmSpace};
use crate::belief::{Beta, Forgetting, Linear, Pending, WarmStart};
use crate::decision::{Keyring, TokenKey};
use crate::features::Features;
use crate::plan::{Cadence, Shares};
use crate::policy::{Policy, Thompson};
use crate::reward::{Reward, RewardKind, RewardRule};
use crate::segment::{Segment, Segments};
use crate::time::Window;

use super::goals::Declared;
use super::priors::Priors;
use super::{Bandit, DelaysBy, Refresh};

/// Collects the settings of a [`Bandit`]; see [`Bandit::builder`].
#[derive(Debug)]
pub struct BanditBuilder {
    pub(super) arms: ArmSpace,
    pub(super) segments: Segments,
    pub(super) reward: RewardKind,
    pub(super) priors: Priors,
    pub(super) policy: Box<dyn Policy>,
    pub(super) exploration: f64,
    pub(super) shares: Shares,
    pub(super) cadence: Cadence,
    pub(super) refresh: Refresh,
    pub(super) keys: Keyring,
    pub(super) replica: u16,
    pub(super) incarnation: Option<u64>,
    pub(super) window: Option<Window>,
    pub(super) default: Option<Reward>,
    pub(super) stages: Option<RewardRule>,
    pub(super) goals: Vec<Declared>,
    pub(super) pending: Pending,
    pub(super) delays_by: DelaysBy,
    pub(super) forgetting: Forgetting,
    pub(super) replicated: bool,
    pub(super) heir: Option<u16>,
    pub(super) features: Option<Features>,
    pub(super) linear: Linear,
}

impl Bandit {
    /// Starts a bandit over these arms and segments.
    pub fn builder(arms: ArmSpace, segments: Segments) -> BanditBuilder {
        BanditBuilder {
            arms,
            segments,
            reward: RewardKind::Binary,
            priors: Priors::Alike(Beta::UNIFORM),
            policy: Box::new(Thompson::default()),
            exploration: 0.01,
            shares: Shares::new(),
            cadence: Cadence::default(),
            refresh: Refresh::default(),
            keys: Keyring::default(),
            replica: 0,
            incarnation: None,
            window: None,
            default: None,
            stages: None,
            goals: Vec::new(),
            pending: Pending::default(),
            delays_by: DelaysBy::default(),
            forgetting: Forgetting::default(),
            replicated: false,
            heir: None,
            features: None,
            linear: Linear::default(),
        }
    }
}

impl BanditBuilder {
    /// Which rewards the bandit takes. Default: [`RewardKind::Binary`].
    #[must_use]
    pub fn reward(mut self, kind: RewardKind) -> Self {
        self.reward = kind;
        self
    }

    /// The policy. Default: [`Thompson`].
    #[must_use]
    pub fn policy(self, policy: impl Policy + 'static) -> Self {
        self.boxed_policy(Box::new(policy))
    }

    /// The policy, where it comes from configuration.
    #[must_use]
    pub fn boxed_policy(mut self, policy: Box<dyn Policy>) -> Self {
        self.policy = policy;
        self
    }

    /// What is believed of every arm's mean reward before its first outcome. Default: Beta(1, 1).
    ///
    /// Where rewards are rare, a prior that says so (such as Beta(1, 20)) learns faster: fewer trials go into
    /// finding out that no arm earns half of the time.
    #[must_use]
    pub fn prior(mut self, prior: Beta) -> Self {
        self.priors = Priors::Alike(prior);
        self
    }

    /// The same for each arm in each segment, where they differ: by [recency](crate::belief::Recovery), by channel. Called for each
    /// eligible arm whenever a plan is made: it always has to say the same.
    #[must_use]
    pub fn prior_by(mut self, prior: impl Fn(Segment<'_>, Arm<'_>) -> Beta + Send + Sync + 'static) -> Self {
        self.priors = Priors::By(Box::new(prior));
        self
    }

    /// The same by what was learnt elsewhere: priors for policies that go by beliefs, and for [those that pool](WarmStart) results
    /// that count beside those of the bandit's own decisions. It is in no counter and no snapshot: give it again after a restart.
    #[must_use]
    pub fn warm_start(mut self, start: WarmStart) -> Self {
        self.priors = Priors::Warm(Box::new(start));
        self
    }

    /// The share of decisions, in [0, 1], that is spread evenly over the eligible arms whatever the policy says.
    /// Default: 0.01. With 0 a policy may give arms no probability at all, and the log says nothing about them.
    #[must_use]
    pub fn exploration(mut self, share: f64) -> Self {
        self.exploration = share;
        self
    }

    /// Floors and caps of the shares of arms and levels. Default: none.
    ///
    /// They come after the exploration share: a cap of 0 keeps an arm from being explored, too.
    #[must_use]
    pub fn shares(mut self, shares: Shares) -> Self {
        self.shares = shares;
        self
    }

    /// When a plan is due. Default: [`Cadence::default`], growth by 1 %.
    #[must_use]
    pub fn cadence(mut self, cadence: Cadence) -> Self {
        self.cadence = cadence;
        self
    }

    /// Who computes a plan that is due. Default: [`Refresh::Inline`].
    #[must_use]
    pub fn refresh(mut self, refresh: Refresh) -> Self {
        self.refresh = refresh;
        self
    }

    /// What is told of a customer beside the segment, by [`Bandit::select_with`]. Default: nothing.
    ///
    /// Together with a [window](BanditBuilder::window), its [pending decisions](BanditBuilder::pending), any
    /// [default reward](BanditBuilder::default_reward) and [forgetting](BanditBuilder::forgetting), and with an
    /// [exchange](BanditBuilder::replicated), whose deltas then carry the sums; not, so far, with
    /// [stages](BanditBuilder::stages).
    ///
    /// Each arm that was selected takes up 8 (d + 1)(d + 2)/2 + 8 (d + 1) + 24 bytes in its segment, with d features, and
    /// about as much for the fit. With a window it does so for each bucket of time in which it was selected, until
    /// buckets fall together with age: of d days some 32 + 16 log₂(d/32) are told apart, and the open ones. In a snapshot
    /// it is half as many characters again.
    #[must_use]
    pub fn features(mut self, features: Features) -> Self {
        self.features = Some(features);
        self
    }

    /// How features bear on the rewards of an arm. Default: [`Linear::disjoint`].
    #[must_use]
    pub fn linear(mut self, linear: Linear) -> Self {
        self.linear = linear;
        self
    }

    /// The key that new tokens are sealed with. Default: a public one, which detects damage but not forgery.
    #[must_use]
    pub fn token_key(mut self, key: TokenKey) -> Self {
        self.keys.current = key;
        self
    }

    /// A further key under which tokens are accepted: the one before, while its tokens are about.
    #[must_use]
    pub fn accept_key(mut self, key: TokenKey) -> Self {
        self.keys.accepted.push(key);
        self
    }

    /// The number of this process among those that serve one portfolio. Default: 0.
    #[must_use]
    pub fn replica(mut self, replica: u16) -> Self {
        self.replica = replica;
        self
    }

    /// Several processes serve one portfolio: each has a [number](BanditBuilder::replica) of its own, they exchange
    /// [deltas](Bandit::delta), and the rewards of another's decisions are accepted here and forwarded to it.
    ///
    /// With a [window](BanditBuilder::window), each process refuses what is late by its own time, and what it has accepted
    /// in time is counted though it reaches the issuer after that: cohorts, and with them the proof of what has been
    /// counted, are kept for window and grace once more. So they take up memory for twice their time. What has not reached
    /// the issuer even then is refused and [reported](crate::delta::Merged::refused): exchange more often than that, and
    /// adopt within it who is gone.
    #[must_use]
    pub fn replicated(mut self) -> Self {
        self.replicated = true;
        self
    }

    /// The replica that may [adopt](Bandit::adopt) this one when it is gone for good. Implies
    /// [replicated](BanditBuilder::replicated).
    #[must_use]
    pub fn heir(mut self, replica: u16) -> Self {
        self.heir = Some(replica);
        self.replicated()
    }

    /// The number of this life of the process, below 2⁴⁸: one that this replica has never used before, so that
    /// decisions of different lives cannot be mistaken for each other. The seconds since 1970 at start will do.
    ///
    /// Default: a number from the operating system's entropy, the only thing the crate ever takes from outside.
    /// Give a number where tokens must be reproducible.
    #[must_use]
    pub fn incarnation(mut self, incarnation: u64) -> Self {
        self.incarnation = Some(incarnation);
        self
    }

    /// How long decisions wait for their reward. Default: for ever, and the host reports failures itself.
    ///
    /// With a window the host must tell the time, by [`Bandit::advance_to`], and reports no failures: decisions without
    /// a reward get the [default](BanditBuilder::default_reward) when it is over. Tell it before the first decision:
    /// decisions made earlier belong to the beginning of time, and are over as soon as it is told.
    ///
    /// Requests may have [features](BanditBuilder::features): of them the same decisions count, from the same time on, each
    /// once.
    #[must_use]
    pub fn window(mut self, window: Window) -> Self {
        self.window = Some(window);
        self
    }

    /// What a decision has earned whose window has passed without a reward. Default: 0, or the reward next
    /// to it where 0 is out of range.
    #[must_use]
    pub fn default_reward(mut self, reward: Reward) -> Self {
        self.default = Some(reward);
        self
    }

    /// That outcomes come in stages, of which this rule makes the reward: they are reported by [`Bandit::observe`], and
    /// none by [`Bandit::reward`]. Default: rewards come whole.
    ///
    /// The reward kind is then the rule's, and a decision of which nothing comes earns what its arm starts from, the
    /// rule's baseline less costs. Needs a [window](BanditBuilder::window), at whose end the total is final. Until then
    /// [`Pending::Corrected`] counts each decision for the part of a trial by which its payment would have come by now,
    /// and adds what has come so far, the worth of receipts that come at once included: those lift young arms a little
    /// until the payments follow.
    ///
    /// The delays that are [learnt](BanditBuilder::delays_by) are those of payments or, by a rule to which payments are
    /// worth nothing, of the first outcome.
    ///
    /// Each decision with an outcome takes 8.5 bytes more until its window and time of grace are over, if most have one.
    /// A later build may give stages other weights: what has arrived keeps what it contributed. Range, baseline and costs
    /// have to stay as they are, or [`Bandit::restore`] refuses.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    /// use tactful::time::Window;
    /// use tactful::{ArmSpace, Bandit, Outcome, RewardRule, Segments, Stage, Timestamp};
    ///
    /// let rule = RewardRule::builder(-1.0, 1.0)
    ///     .weight(Stage::Promised, 0.25)
    ///     .payment(500.0, 1000.0) // up to 500 euros, which are worth a half
    ///     .penalty(Stage::OptedOut, 1.0)
    ///     .cost("channel", "letter", 0.125)
    ///     .build()?;
    /// let day = Duration::from_secs(86_400);
    /// let arms = ArmSpace::builder().dimension("channel", ["letter"]).build()?;
    /// let bandit =
    ///     Bandit::builder(arms, Segments::single()).window(Window::new(14 * day, day)?).stages(rule).build()?;
    ///
    /// let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    /// let everyone = bandit.segment([("", ""); 0])?;
    /// let decision = bandit.select(everyone, &bandit.arms().all(), &mut rng)?;
    /// bandit.observe(&decision, Outcome::paid(500.0))?; // in any order, from any thread
    /// bandit.observe(&decision, Stage::Promised)?;
    /// assert!(bandit.observe(&decision, Stage::Promised).is_err()); // each stage once
    ///
    /// let earned = bandit.statistics(everyone, decision.arm());
    /// assert_eq!(bandit.reward_kind().unscale(earned.sum()), 0.5 + 0.25 - 0.125);
    /// bandit.advance_to(Timestamp::from_millis(15 * 86_400_000))?;
    /// assert!(bandit.observe(&decision, Stage::OptedOut).is_err()); // too late
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stages(mut self, rule: RewardRule) -> Self {
        self.stages = Some(rule);
        self
    }

    /// How decisions count whose window is still open. Default: [`Pending::Corrected`].
    #[must_use]
    pub fn pending(mut self, pending: Pending) -> Self {
        self.pending = pending;
        self
    }

    /// By what the delays of rewards are told apart. Default: one law for all.
    #[must_use]
    pub fn delays_by(mut self, delays_by: DelaysBy) -> Self {
        self.delays_by = delays_by;
        self
    }

    /// How much a decision counts by its age. Default: [`Forgetting::Never`]. Needs a window, whose buckets tell ages
    /// apart.
    #[must_use]
    pub fn forgetting(mut self, forgetting: Forgetting) -> Self {
        self.forgetting = forgetting;
        self
    }
}
