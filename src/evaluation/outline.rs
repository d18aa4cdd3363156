//! What a log is about, without its rounds: what every estimate of it needs to know, whether the rounds are kept or not.

use std::collections::HashMap;

use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::reward::{RewardKind, RewardKindError};
use crate::segment::{SegmentId, Segments};

use super::round::{Round, RoundError};
use super::shown::{Seen, Shown};
use super::weighted::binade;

/// Arms, segments, rewards, the sets of arms that rounds allow, what was declared, and what the rounds showed: all that a
/// [`Log`](super::Log) has besides its rounds.
///
/// ```
/// use tactful::evaluation::Outline;
/// use tactful::{ArmSpace, RewardKind, Segments};
///
/// let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
/// let outline = Outline::new(arms, Segments::single(), RewardKind::Binary)?.declare_uniform();
/// assert!(outline.is_uniform() && outline.rounds() == 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Outline {
    arms: ArmSpace,
    segments: Segments,
    reward: RewardKind,
    sets: Sets,
    rounds: usize,
    shown: Shown,
    least_propensity: f64,
    uniform: bool,
    has_propensities: bool,
    observational: bool,
    adaptive: bool,
    bounds_seen: bool,
}

impl Outline {
    /// Of no rounds yet.
    ///
    /// # Errors
    ///
    /// [`RewardKindError`] if the range of the rewards is none.
    pub fn new(arms: ArmSpace, segments: Segments, reward: RewardKind) -> Result<Self, RewardKindError> {
        reward.validate()?;
        let sets = Sets::new(arms.all());
        Ok(Self {
            arms,
            segments,
            reward,
            sets,
            rounds: 0,
            shown: Shown::default(),
            least_propensity: 1.0,
            uniform: false,
            has_propensities: true,
            observational: false,
            adaptive: false,
            bounds_seen: false,
        })
    }

    /// Declares that in every round each eligible arm is as likely as any other; a round of which that is not true is then
    /// refused.
    #[must_use]
    pub fn declare_uniform(mut self) -> Self {
        self.uniform = true;
        self
    }

    /// Declares that nobody knows with what probabilities arms were sent: see
    /// [`Log::declare_no_propensities`](super::Log::declare_no_propensities).
    #[must_use]
    pub fn declare_no_propensities(mut self) -> Self {
        self.has_propensities = false;
        self.uniform = false;
        self
    }

    /// Declares that arms were not sent at random: see [`Log::declare_observational`](super::Log::declare_observational).
    #[must_use]
    pub fn declare_observational(mut self) -> Self {
        self.observational = true;
        self
    }

    /// Declares that whoever writes the log learns meanwhile: see [`Log::declare_adaptive`](super::Log::declare_adaptive).
    #[must_use]
    pub fn declare_adaptive(mut self) -> Self {
        self.adaptive = true;
        self
    }

    /// Declares that nobody knows how small or large a reward can be: the bounds are those of the rewards that there are.
    /// Intervals by bounds, empirical Bernstein and those for all times, then promise more than they can keep.
    #[must_use]
    pub fn declare_bounds_seen(mut self) -> Self {
        self.bounds_seen = true;
        self
    }

    /// The arms.
    #[must_use]
    pub fn arms(&self) -> &ArmSpace {
        &self.arms
    }

    /// The segments.
    #[must_use]
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// The kind and range of the rewards.
    #[must_use]
    pub fn reward_kind(&self) -> RewardKind {
        self.reward
    }

    /// How many rounds there were.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// The arms that rounds of this segment showed, ascending.
    #[must_use]
    pub fn shown(&self, segment: SegmentId) -> &[ArmId] {
        self.shown.of(segment)
    }

    /// The least propensity of all rounds, in (0, 1]; 1 where there were none.
    #[must_use]
    pub fn least_propensity(&self) -> f64 {
        self.least_propensity
    }

    /// Whether the log was [declared uniform](Outline::declare_uniform).
    #[must_use]
    pub fn is_uniform(&self) -> bool {
        self.uniform
    }

    /// Whether the propensities are known.
    #[must_use]
    pub fn has_propensities(&self) -> bool {
        self.has_propensities
    }

    /// Whether the log was [declared observational](Outline::declare_observational).
    #[must_use]
    pub fn is_observational(&self) -> bool {
        self.observational
    }

    /// Whether the log was [declared adaptive](Outline::declare_adaptive).
    #[must_use]
    pub fn is_adaptive(&self) -> bool {
        self.adaptive
    }

    /// Whether the bounds of the rewards are only [those seen](Outline::declare_bounds_seen).
    #[must_use]
    pub fn are_bounds_seen(&self) -> bool {
        self.bounds_seen
    }

    /// A power of two near the largest reward, to compute with rewards whose squares are finite and not 0.
    pub(super) fn unit(&self) -> f64 {
        let (minimum, maximum) = self.reward.range();
        binade(minimum.abs().max(maximum.abs()))
    }

    /// Each segment with each arm that it showed.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (SegmentId, ArmId)> + '_ {
        self.shown.pairs()
    }

    /// A set of eligible arms, by its number; 0 is all arms.
    pub(super) fn set(&self, number: u32) -> &Eligibility {
        &self.sets.sets[number as usize]
    }

    /// How many sets there are, that of all arms included.
    pub(super) fn sets(&self) -> usize {
        self.sets.sets.len()
    }

    /// The number of a set.
    pub(super) fn number(&mut self, set: Eligibility) -> u32 {
        self.sets.number(set)
    }

    /// Takes these sets, numbered elsewhere, of which the first is all arms.
    #[cfg(feature = "csv")]
    pub(super) fn with_sets(mut self, sets: Vec<Eligibility>) -> Self {
        self.sets.sets = sets;
        self
    }

    /// Takes note of what the rounds showed.
    pub(super) fn holds(&mut self, rounds: usize, seen: &Seen, least_propensity: f64) {
        self.told(rounds, seen.shown(), least_propensity);
    }

    pub(super) fn told(&mut self, rounds: usize, shown: Shown, least_propensity: f64) {
        self.rounds = rounds;
        self.shown = shown;
        self.least_propensity = least_propensity;
    }

    /// Whether a round is possible here.
    pub(super) fn check(&self, round: &Round) -> Result<(), RoundError> {
        let Round { segment, arm, propensity, reward, ref eligible } = *round;
        if segment.index() >= self.segments.len() {
            return Err(RoundError::UnknownSegment { segment, segments: self.segments.len() });
        }
        if arm.index() >= self.arms.len() {
            return Err(RoundError::UnknownArm { arm, arms: self.arms.len() });
        }
        if !(propensity > 0.0 && propensity <= 1.0) {
            return Err(RoundError::Propensity { propensity });
        }
        self.reward.quantity(reward).map_err(RoundError::Reward)?;
        if let Some(eligible) = eligible {
            let (theirs, ours) = (eligible.space(), self.arms.fingerprint());
            if theirs != ours {
                return Err(RoundError::ForeignEligibility { eligibility: theirs, arms: ours });
            }
            if !eligible.contains(arm) {
                return Err(RoundError::NotEligible { arm });
            }
        }
        Ok(())
    }

    /// Whether every arm of this set was as likely as the one that was sent.
    pub(super) fn check_uniform(&self, propensity: f64, set: u32) -> Result<(), RoundError> {
        let eligible = self.set(set).len();
        // Logs carry decimal fractions of finitely many digits.
        match (propensity * eligible as f64 - 1.0).abs() > 1e-6 {
            true => Err(RoundError::NotUniform { propensity, eligible }),
            false => Ok(()),
        }
    }
}

/// The different sets of a log, numbered as they appear.
#[derive(Clone, Debug)]
struct Sets {
    /// The first is all arms, for the rounds that name none.
    sets: Vec<Eligibility>,
    /// By digest; more than one only where digests collide.
    numbers: HashMap<u64, Vec<u32>>,
}

impl Sets {
    fn new(everything: Eligibility) -> Self {
        Self { sets: vec![everything], numbers: HashMap::new() }
    }

    /// A set that names all arms keeps a number of its own, so that the round comes back as it was given.
    fn number(&mut self, set: Eligibility) -> u32 {
        let alike = self.numbers.entry(set.digest()).or_default();
        let known = alike.iter().copied().find(|&number| self.sets[number as usize] == set);
        known.unwrap_or_else(|| {
            let number = self.sets.len() as u32;
            alike.push(number);
            self.sets.push(set);
            number
        })
    }
}
