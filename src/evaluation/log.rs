//! The log: rounds that are known to be possible before anything is computed from them, in columns.

use std::ops::Range;

use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::reward::{Reward, RewardKind};
use crate::segment::{SegmentId, Segments};

use super::columns::{Codes, Numbers};
use super::outline::Outline;
use super::round::{LogError, Round};
use super::rounds::Rounds;
use super::shown::Seen;

/// Rounds over named arms and segments, in the order in which they happened, each checked.
///
/// Held in columns as narrow as their numbers allow: a round of 16 arms in 8 segments with a binary reward and one of a
/// few propensities takes 4 bytes, one with a propensity of its own 11.
#[derive(Clone, Debug)]
pub struct Log {
    outline: Outline,
    columns: Columns,
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
    pub(super) fn clear(&mut self) {
        let Self { segments, arms, sets, propensities, rewards, .. } = self;
        segments.clear();
        arms.clear();
        sets.clear();
        propensities.clear();
        rewards.clear();
    }

    /// Puts the rewards into a unit, a power of two: the product is what the quotient would be.
    pub(super) fn scale(&mut self, unit: f64) {
        let smaller = 1.0 / unit;
        self.rewards.iter_mut().for_each(|reward| *reward *= smaller);
    }

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
        let mut outline = Outline::new(arms, segments, reward).map_err(LogError::RewardKind)?;
        let mut columns = Columns::default();
        for (number, round) in rounds.into_iter().enumerate() {
            outline.check(&round).map_err(|error| LogError::Round { round: number, error })?;
            columns.segments.push(round.segment.index() as u32);
            columns.arms.push(round.arm.index() as u32);
            columns.sets.push(round.eligible.map_or(0, |set| outline.number(set)));
            columns.propensities.push(round.propensity);
            columns.rewards.push(round.reward.value());
        }
        Ok(Self::assembled(outline, columns))
    }

    /// A log of columns whose rounds were checked where line and column of the file are known.
    #[cfg(feature = "csv")]
    pub(super) fn from_columns(outline: Outline, columns: Columns) -> Self {
        Self::assembled(outline, columns)
    }

    fn assembled(mut outline: Outline, columns: Columns) -> Self {
        let mut seen = Seen::new(outline.segments().len(), outline.arms().len());
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
        outline.holds(columns.arms.len(), &seen, least_propensity);
        Self { outline, columns }
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
                let uniform = self.outline.check_uniform(propensity, set);
                uniform.map_err(|error| LogError::Round { round, error })?;
            }
        }
        self.outline = self.outline.declare_uniform();
        Ok(self)
    }

    /// Declares that nobody knows with what probabilities arms were sent: the propensities of the rounds are fillers,
    /// best the share of the arm among the rounds of its segment, which the interval of a fitted reward model goes by. Only
    /// a reward model can be asked about such a log, and what it says may be due to who was sent what.
    #[must_use]
    pub fn declare_no_propensities(mut self) -> Self {
        self.outline = self.outline.declare_no_propensities();
        self
    }

    /// Whether the propensities are known, as they are unless declared [otherwise](Log::declare_no_propensities).
    #[must_use]
    pub fn has_propensities(&self) -> bool {
        self.outline.has_propensities()
    }

    /// Declares that arms were not sent at random: the propensities are somebody's estimate of what habit or rules made of
    /// it. Everything is computed as ever, with a [warning](super::Warning).
    #[must_use]
    pub fn declare_observational(mut self) -> Self {
        self.outline = self.outline.declare_observational();
        self
    }

    /// Whether the log was [declared observational](Log::declare_observational).
    #[must_use]
    pub fn is_observational(&self) -> bool {
        self.outline.is_observational()
    }

    /// Declares that whoever wrote the log learnt from its rewards meanwhile, as a bandit does. Everything is computed as
    /// ever, with a [warning](super::Warning): the intervals of a fixed sample do not hold there.
    #[must_use]
    pub fn declare_adaptive(mut self) -> Self {
        self.outline = self.outline.declare_adaptive();
        self
    }

    /// Whether the log was [declared adaptive](Log::declare_adaptive).
    #[must_use]
    pub fn is_adaptive(&self) -> bool {
        self.outline.is_adaptive()
    }

    /// The arms.
    #[must_use]
    pub fn arms(&self) -> &ArmSpace {
        self.outline.arms()
    }

    /// The segments.
    #[must_use]
    pub fn segments(&self) -> &Segments {
        self.outline.segments()
    }

    /// The kind and range of the rewards.
    #[must_use]
    pub fn reward_kind(&self) -> RewardKind {
        self.outline.reward_kind()
    }

    /// The rounds, in order.
    #[must_use]
    pub fn rounds(&self) -> Rounds<'_> {
        Rounds::new(self)
    }

    /// Whether the log was [declared uniform](Log::declare_uniform).
    #[must_use]
    pub fn is_uniform(&self) -> bool {
        self.outline.is_uniform()
    }

    /// The arms that could have been drawn in a round of this log.
    #[must_use]
    pub fn eligible<'a>(&'a self, round: &'a Round) -> &'a Eligibility {
        round.eligible.as_ref().unwrap_or(self.outline.set(0))
    }

    /// The arms that rounds of this segment show, ascending.
    #[must_use]
    pub fn shown(&self, segment: SegmentId) -> &[ArmId] {
        self.outline.shown(segment)
    }

    /// A power of two near the largest reward, to compute with rewards whose squares are finite and not 0.
    pub(super) fn unit(&self) -> f64 {
        self.outline.unit()
    }

    /// Each segment with each arm that it shows.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (SegmentId, ArmId)> + '_ {
        self.outline.pairs()
    }

    /// The least propensity of all rounds, in (0, 1]; 1 where there are none.
    #[must_use]
    pub fn least_propensity(&self) -> f64 {
        self.outline.least_propensity()
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
        self.outline.set(number)
    }

    /// How many sets there are, that of all arms included.
    pub(super) fn sets(&self) -> usize {
        self.outline.sets()
    }

    /// What it is about, without its rounds.
    #[must_use]
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Unpacks consecutive rounds.
    pub(super) fn unpack(&self, rounds: Range<usize>, chunk: &mut Chunk) {
        chunk.clear();
        let Chunk { segments, arms, sets, propensities, rewards, allows_all } = chunk;
        *allows_all = self.columns.sets.are_zeros(rounds.clone());
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
