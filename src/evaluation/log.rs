//! The log: rounds that are known to be possible before anything is computed from them, in columns.

use std::collections::HashMap;
use std::ops::Range;

use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::reward::{Reward, RewardKind};
use crate::segment::{SegmentId, Segments};

use super::columns::{Codes, Numbers};
use super::round::{LogError, Round, RoundError};
use super::rounds::Rounds;
use super::shown::{Seen, Shown};
use super::weighted::binade;

/// Rounds over named arms and segments, in the order in which they happened, each checked.
///
/// Held in columns as narrow as their numbers allow: a round of 16 arms in 8 segments with a binary reward and one of a
/// few propensities takes 4 bytes, one with a propensity of its own 11.
#[derive(Clone, Debug)]
pub struct Log {
    arms: ArmSpace,
    segments: Segments,
    reward: RewardKind,
    columns: Columns,
    /// The sets that rounds name, by number; the first is all arms, for the rounds that name none.
    sets: Vec<Eligibility>,
    shown: Shown,
    least_propensity: f64,
    uniform: bool,
    has_propensities: bool,
    observational: bool,
    adaptive: bool,
}

/// The rounds, column by column.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub(super) segments: Codes,
    pub(super) arms: Codes,
    /// The number of the set of eligible arms; 0 where none is named.
    pub(super) sets: Codes,
    pub(super) propensities: Numbers,
    pub(super) rewards: Numbers,
}

/// A round by numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    pub(super) segment: SegmentId,
    pub(super) arm: ArmId,
    /// The number of the set, for [`Log::set`].
    pub(super) set: u32,
    pub(super) propensity: f64,
    pub(super) reward: f64,
}

/// Consecutive rounds, unpacked.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) segments: Vec<SegmentId>,
    pub(super) arms: Vec<ArmId>,
    /// The numbers of the sets, for [`Log::set`].
    pub(super) sets: Vec<u32>,
    pub(super) propensities: Vec<f64>,
    pub(super) rewards: Vec<f64>,
    /// Whether none of the rounds names a set, so that all of them allow all arms.
    pub(super) allows_all: bool,
}

impl Chunk {
    pub(super) fn plain(&self) -> impl Iterator<Item = Plain> + '_ {
        (0..self.arms.len()).map(|offset| Plain {
            segment: self.segments[offset],
            arm: self.arms[offset],
            set: self.sets[offset],
            propensity: self.propensities[offset],
            reward: self.rewards[offset],
        })
    }
}

impl Log {
    /// Checks every round.
    ///
    /// # Errors
    ///
    /// [`LogError`] with the first round that cannot be, and the value that says so.
    pub fn new(
        arms: ArmSpace,
        segments: Segments,
        reward: RewardKind,
        rounds: impl IntoIterator<Item = Round>,
    ) -> Result<Self, LogError> {
        reward.validate().map_err(LogError::RewardKind)?;
        let mut sets = Sets::new(arms.all());
        let mut columns = Columns::default();
        for (number, round) in rounds.into_iter().enumerate() {
            check(&arms, &segments, reward, &round)
                .map_err(|error| LogError::Round { round: number, error })?;
            columns.segments.push(round.segment.index() as u32);
            columns.arms.push(round.arm.index() as u32);
            columns.sets.push(round.eligible.map_or(0, |set| sets.number(set)));
            columns.propensities.push(round.propensity);
            columns.rewards.push(round.reward.value());
        }
        Ok(Self::assembled(arms, segments, reward, columns, sets.sets))
    }

    /// A log of columns whose rounds were checked where line and column of the file are known; the first set is all arms.
    #[cfg(feature = "csv")]
    pub(super) fn from_columns(
        arms: ArmSpace,
        segments: Segments,
        reward: RewardKind,
        columns: Columns,
        sets: Vec<Eligibility>,
    ) -> Result<Self, LogError> {
        reward.validate().map_err(LogError::RewardKind)?;
        Ok(Self::assembled(arms, segments, reward, columns, sets))
    }

    fn assembled(
        arms: ArmSpace,
        segments: Segments,
        reward: RewardKind,
        columns: Columns,
        sets: Vec<Eligibility>,
    ) -> Self {
        let mut seen = Seen::new(segments.len(), arms.len());
        let mut places = Vec::new();
        for rounds in ranges(columns.arms.len()) {
            places.clear();
            columns.segments.each(rounds.clone(), |segment| places.push(segment));
            let mut places = places.iter();
            columns.arms.each(rounds, |arm| {
                places.next().into_iter().for_each(|&segment| seen.add(segment, arm));
            });
        }
        let least_propensity = columns.propensities.values().iter().copied().fold(1.0, f64::min);
        Self {
            arms,
            segments,
            reward,
            columns,
            sets,
            shown: seen.shown(),
            least_propensity,
            uniform: false,
            has_propensities: true,
            observational: false,
            adaptive: false,
        }
    }

    /// Declares that in every round each eligible arm was as likely as any other, so that an arm which a segment
    /// happens never to show could have been shown all the same.
    ///
    /// # Errors
    ///
    /// [`LogError`] with the first round whose propensity is not, to one part in a million, one over the number
    /// of its eligible arms.
    pub fn declare_uniform(mut self) -> Result<Self, LogError> {
        let mut chunk = Chunk::default();
        for rounds in ranges(self.columns.arms.len()) {
            self.unpack(rounds.clone(), &mut chunk);
            for ((round, &propensity), &set) in rounds.zip(&chunk.propensities).zip(&chunk.sets) {
                let eligible = self.set(set).len();
                // Logs carry decimal fractions of finitely many digits.
                if (propensity * eligible as f64 - 1.0).abs() > 1e-6 {
                    let error = RoundError::NotUniform { propensity, eligible };
                    return Err(LogError::Round { round, error });
                }
            }
        }
        self.uniform = true;
        Ok(self)
    }

    /// Declares that nobody knows with what probabilities arms were sent: the propensities of the rounds are fillers,
    /// best the share of the arm among the rounds of its segment, which the interval of a fitted reward model goes by. Only
    /// a reward model can be asked about such a log, and what it says may be due to who was sent what.
    #[must_use]
    pub fn declare_no_propensities(mut self) -> Self {
        self.has_propensities = false;
        self.uniform = false;
        self
    }

    /// Whether the propensities are known, as they are unless declared [otherwise](Log::declare_no_propensities).
    #[must_use]
    pub fn has_propensities(&self) -> bool {
        self.has_propensities
    }

    /// Declares that arms were not sent at random: the propensities are somebody's estimate of what habit or rules made of
    /// it. Everything is computed as ever, with a [warning](super::Warning).
    #[must_use]
    pub fn declare_observational(mut self) -> Self {
        self.observational = true;
        self
    }

    /// Whether the log was [declared observational](Log::declare_observational).
    #[must_use]
    pub fn is_observational(&self) -> bool {
        self.observational
    }

    /// Declares that whoever wrote the log learnt from its rewards meanwhile, as a bandit does. Everything is computed as
    /// ever, with a [warning](super::Warning): the intervals of a fixed sample do not hold there.
    #[must_use]
    pub fn declare_adaptive(mut self) -> Self {
        self.adaptive = true;
        self
    }

    /// Whether the log was [declared adaptive](Log::declare_adaptive).
    #[must_use]
    pub fn is_adaptive(&self) -> bool {
        self.adaptive
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

    /// The rounds, in order.
    #[must_use]
    pub fn rounds(&self) -> Rounds<'_> {
        Rounds::new(self)
    }

    /// Whether the log was [declared uniform](Log::declare_uniform).
    #[must_use]
    pub fn is_uniform(&self) -> bool {
        self.uniform
    }

    /// The arms that could have been drawn in a round of this log.
    #[must_use]
    pub fn eligible<'a>(&'a self, round: &'a Round) -> &'a Eligibility {
        round.eligible.as_ref().unwrap_or(&self.sets[0])
    }

    /// The arms that rounds of this segment show, ascending.
    #[must_use]
    pub fn shown(&self, segment: SegmentId) -> &[ArmId] {
        self.shown.of(segment)
    }

    /// A power of two near the largest reward, to compute with rewards whose squares are finite and not 0.
    pub(super) fn unit(&self) -> f64 {
        let (minimum, maximum) = self.reward.range();
        binade(minimum.abs().max(maximum.abs()))
    }

    /// Each segment with each arm that it shows.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (SegmentId, ArmId)> + '_ {
        self.shown.pairs()
    }

    /// The least propensity of all rounds, in (0, 1]; 1 where there are none.
    #[must_use]
    pub fn least_propensity(&self) -> f64 {
        self.least_propensity
    }

    /// The mean reward of the policy that wrote the log; `None` without rounds.
    #[must_use]
    pub fn mean_reward(&self) -> Option<f64> {
        let (rounds, mut sum) = (self.columns.rewards.len(), 0.0);
        self.columns.rewards.each(0..rounds, |reward| sum += reward);
        (rounds > 0).then(|| sum / rounds as f64)
    }

    /// A set of eligible arms, by its number; 0 is all arms.
    pub(super) fn set(&self, number: u32) -> &Eligibility {
        &self.sets[number as usize]
    }

    /// How many sets there are, that of all arms included.
    pub(super) fn sets(&self) -> usize {
        self.sets.len()
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Unpacks consecutive rounds.
    pub(super) fn unpack(&self, rounds: Range<usize>, chunk: &mut Chunk) {
        let Chunk { segments, arms, sets, propensities, rewards, allows_all } = chunk;
        *allows_all = self.columns.sets.are_zeros(rounds.clone());
        segments.clear();
        arms.clear();
        sets.clear();
        propensities.clear();
        rewards.clear();
        self.columns.segments.append(rounds.clone(), segments, SegmentId::new);
        self.columns.arms.append(rounds.clone(), arms, ArmId::new);
        self.columns.sets.append(rounds.clone(), sets, |set| set);
        self.columns.propensities.append(rounds.clone(), propensities);
        self.columns.rewards.append(rounds, rewards);
    }

    /// All rounds in order, without a look at their sets.
    pub(super) fn plain(&self) -> impl Iterator<Item = Plain> + '_ {
        (0..self.columns.arms.len()).map(|number| Plain {
            segment: SegmentId::new(self.columns.segments.get(number)),
            arm: ArmId::new(self.columns.arms.get(number)),
            set: self.columns.sets.get(number),
            propensity: self.columns.propensities.get(number),
            reward: self.columns.rewards.get(number),
        })
    }

    /// A round, which there is.
    pub(super) fn at(&self, number: usize) -> Round {
        let set = self.columns.sets.get(number);
        Round {
            segment: SegmentId::new(self.columns.segments.get(number)),
            arm: ArmId::new(self.columns.arms.get(number)),
            propensity: self.columns.propensities.get(number),
            reward: Reward::new(self.columns.rewards.get(number)),
            eligible: (set > 0).then(|| self.set(set).clone()),
        }
    }
}

/// Rounds unpacked at a time: few enough for every column to stay in the nearest cache.
pub(super) const CHUNK: usize = 512;

/// All rounds, a chunk at a time.
pub(super) fn ranges(rounds: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rounds).step_by(CHUNK).map(move |first| first..rounds.min(first + CHUNK))
}

/// The different sets of a log, numbered as they appear.
struct Sets {
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

fn check(arms: &ArmSpace, segments: &Segments, kind: RewardKind, round: &Round) -> Result<(), RoundError> {
    let Round { segment, arm, propensity, reward, ref eligible } = *round;
    if segment.index() >= segments.len() {
        return Err(RoundError::UnknownSegment { segment, segments: segments.len() });
    }
    if arm.index() >= arms.len() {
        return Err(RoundError::UnknownArm { arm, arms: arms.len() });
    }
    if !(propensity > 0.0 && propensity <= 1.0) {
        return Err(RoundError::Propensity { propensity });
    }
    kind.quantity(reward).map_err(RoundError::Reward)?;
    if let Some(eligible) = eligible {
        let (theirs, ours) = (eligible.space(), arms.fingerprint());
        if theirs != ours {
            return Err(RoundError::ForeignEligibility { eligibility: theirs, arms: ours });
        }
        if !eligible.contains(arm) {
            return Err(RoundError::NotEligible { arm });
        }
    }
    Ok(())
}
