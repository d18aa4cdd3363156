//! Warm start: what was learnt elsewhere as the start of another portfolio, at a discount.

use std::error::Error;
use std::f64::consts::PI;
use std::fmt;

use crate::arm::{Arm, ArmId, ArmSpace};
use crate::segment::{Segment, SegmentId, Segments};

use super::effects::{Cells, Factors, ScalePrior, marginals};
use super::namesakes::Namesakes;
use super::{Beta, Tried};

/// Results of other arms and segments as a start for these, by names.
///
/// An arm that was tried there, in segments that agree with one here in all its attributes, starts from its results there, each trial
/// counting for the discounted part of one, after Beta(1, 1). One that was not (a new template, a new segment, one that is told
/// apart by an attribute that is new) inherits from its levels: from a [model of their effects](super::effects), fitted to all
/// discounted results of all segments, it gets the Beta of the mean and variance that the model gives its rate. A level that is
/// new itself adds nothing but doubt.
///
/// Policies that pool set priors aside and go by results: they take the discounted trials [as tried here](Self::tried), and what is new
/// inherits by their own models. So they are in no counter, no [`Bandit::tried`](crate::Bandit::tried) and no snapshot: they are part
/// of how the bandit is built, after a restart as before it, and neither age nor fade where a window
/// [forgets](crate::BanditBuilder::forgetting).
///
/// The discount is for what was true there and then and may not be here and now: at 0.1, a thousand trials there are
/// worth a hundred here. It keeps learning possible where the old results mislead.
///
/// Names are those of the dimensions too: results of arms that have no namesake here, as where a dimension was added, count for
/// nothing. [`matched`](Self::matched) says how many did.
///
/// ```
/// use tactful::belief::{Beta, Tried, WarmStart};
/// use tactful::{ArmId, ArmSpace, Bandit, SegmentId, Segments};
///
/// let old = ArmSpace::builder().dimension("template", ["fees", "peers"]).build()?;
/// let told = |arm, trials, earned| Tried { arm: ArmId::new(arm), trials, earned };
/// let results = vec![(SegmentId::new(0), vec![told(0, 2_000.0, 80.0), told(1, 2_000.0, 160.0)])];
/// let new = ArmSpace::builder().dimension("template", ["peers", "fees", "deadline"]).build()?;
/// let start = WarmStart::new((&old, &Segments::single()), &results, 0.1, (&new, &Segments::single()))?;
/// assert_eq!(start.matched().segments, 4_000.0); // of 4,000
///
/// let bandit = Bandit::builder(new, Segments::single())
///     .warm_start(start)
///     .build()?;
/// let belief = |arm| bandit.posterior(SegmentId::new(0), ArmId::new(arm));
/// assert_eq!(belief(0), Beta::new(17.0, 185.0)?); // peers: 200 trials, 16 paid, after Beta(1, 1)
/// assert!((0.03..0.10).contains(&belief(2).mean())); // deadline: as templates go
/// assert!(belief(2).variance() > belief(0).variance());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct WarmStart {
    arms: usize,
    /// Of the arms and of the segments.
    fingerprints: (u64, u64),
    /// By segment, then arm.
    priors: Vec<Beta>,
    /// By segment.
    tried: Vec<Vec<Tried>>,
    matched: Matched,
}

/// How much of what was given is of arms and segments that are here: trials, before the discount.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Matched {
    /// Trials given. Numbers that no results can be are not among them.
    pub given: f64,
    /// Of these, trials of arms that have a namesake here: what is new inherits from them.
    pub arms: f64,
    /// Of these, trials in segments that agree with some here: they count there.
    pub segments: f64,
}

/// Why nothing can be started from.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum WarmStartError {
    /// The discount is not in [0, 1].
    Discount {
        /// What was given.
        discount: f64,
    },
    /// There are more pairs of segments and arms than priors are kept for.
    TooMany {
        /// Pairs.
        pairs: u64,
        /// The most there may be.
        most: u64,
    },
    /// Results are of an arm or a segment that is not among those they are said to be of.
    Unknown {
        /// The segment.
        segment: SegmentId,
        /// The arm.
        arm: ArmId,
    },
}

impl WarmStart {
    /// The most pairs of segments and arms, 2²².
    pub const MOST_PAIRS: u64 = 1 << 22;

    /// Starts from these results of some arms and segments, at a discount in [0, 1], for others.
    ///
    /// # Errors
    ///
    /// [`WarmStartError`] for another discount, for results of nobody, and for too many arms and segments. Numbers that no results
    /// can be count for nothing.
    pub fn new(
        (old_arms, old_segments): (&ArmSpace, &Segments),
        results: &[(SegmentId, Vec<Tried>)],
        discount: f64,
        (arms, segments): (&ArmSpace, &Segments),
    ) -> Result<Self, WarmStartError> {
        if !(0.0..=1.0).contains(&discount) {
            return Err(WarmStartError::Discount { discount });
        }
        let pairs = arms.len() as u64 * segments.len() as u64;
        if pairs > Self::MOST_PAIRS {
            return Err(WarmStartError::TooMany { pairs, most: Self::MOST_PAIRS });
        }
        let namesakes = Namesakes::of(old_segments, segments);
        let mut own: Vec<(f64, f64)> = vec![(0.0, 0.0); namesakes.len() * arms.len()];
        let mut all: Vec<(f64, f64)> = vec![(0.0, 0.0); arms.len()];
        let mut matched = Matched::default();
        for (segment, tried) in results {
            let of = tried.first().map_or(ArmId::new(0), |told| told.arm);
            let unknown = |arm| WarmStartError::Unknown { segment: *segment, arm };
            let there = old_segments.get(*segment).ok_or(unknown(of))?;
            let group = namesakes.told_by(there);
            for told in tried {
                let arm = old_arms.get(told.arm).ok_or(unknown(told.arm))?;
                let possible = told.trials > 0.0
                    && told.trials < Beta::MAX_SHAPE
                    && (0.0..=told.trials).contains(&told.earned);
                if !possible {
                    continue;
                }
                matched.given += told.trials;
                let Ok(arm) = arms.find(arm.levels()) else { continue };
                matched.arms += told.trials;
                let add = |sum: &mut (f64, f64)| {
                    *sum = (sum.0 + discount * told.trials, sum.1 + discount * told.earned);
                };
                add(&mut all[arm.index()]);
                if let Some(group) = group {
                    matched.segments += told.trials;
                    add(&mut own[group * arms.len() + arm.index()]);
                }
            }
        }
        let inherited = inherited(arms, &all);
        let mut priors = Vec::with_capacity(pairs as usize);
        let mut tried = Vec::with_capacity(segments.len());
        for segment in segments.iter() {
            let (group, sharing) = namesakes.group(segment.id());
            let own = &own[group * arms.len()..][..arms.len()];
            priors.extend(own.iter().zip(&inherited).map(|(&(trials, earned), &inherited)| {
                match sharing == 1 && trials > 0.0 {
                    true => Beta::UNIFORM.updated(earned, (trials - earned).max(0.0)),
                    false => inherited,
                }
            }));
            let parts = sharing as f64;
            let part = own.iter().map(|&(trials, earned)| (trials / parts, earned / parts));
            tried.push(Tried::those(arms.iter().map(|arm| arm.id()).zip(part)));
        }
        let fingerprints = (arms.fingerprint(), segments.fingerprint());
        Ok(Self { arms: arms.len(), fingerprints, priors, tried, matched })
    }

    /// How many of the trials that were given are of arms and segments that are here. Held against each other before the first
    /// decision, they tell a name that was misspelt, and a dimension that was added, for which all is lost.
    #[must_use]
    pub fn matched(&self) -> Matched {
        self.matched
    }

    /// What policies that go by results take as tried in a segment beside what is counted there: the discounted trials, of arms that
    /// ascend. Where an attribute is new, each of the segments that it tells apart has an equal part of what they earned together.
    ///
    /// # Panics
    ///
    /// If the segment is not of those the start was made for.
    #[must_use]
    #[track_caller]
    pub fn tried(&self, segment: SegmentId) -> &[Tried] {
        &self.tried[segment.index()]
    }

    /// Whether the start was made for these.
    pub(crate) fn fits(&self, arms: &ArmSpace, segments: &Segments) -> bool {
        self.fingerprints == (arms.fingerprint(), segments.fingerprint())
    }

    /// The prior of an arm in a segment, as [`BanditBuilder::warm_start`](crate::BanditBuilder::warm_start) takes it; or for
    /// [`prior_by`](crate::BanditBuilder::prior_by), to make another of it, which policies that go by results do not see.
    ///
    /// # Panics
    ///
    /// If they are not of those the start was made for.
    #[must_use]
    #[track_caller]
    pub fn prior(&self, segment: Segment<'_>, arm: Arm<'_>) -> Beta {
        self.of(segment.id(), arm.id())
    }

    /// The same by numbers.
    #[inline]
    #[track_caller]
    pub(crate) fn of(&self, segment: SegmentId, arm: ArmId) -> Beta {
        self.priors[segment.index() * self.arms + arm.index()]
    }
}

impl fmt::Display for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { given, arms, segments } = self;
        write!(
            f,
            "of {given:.0} trials {arms:.0} are of arms that are here, {segments:.0} of those in segments that are"
        )
    }
}

/// What each arm inherits from its levels.
fn inherited(arms: &ArmSpace, all: &[(f64, f64)]) -> Vec<Beta> {
    let ids: Vec<ArmId> = arms.iter().map(|arm| arm.id()).collect();
    let tried = Tried::those(ids.iter().copied().zip(all.iter().copied()));
    if tried.is_empty() {
        return vec![Beta::UNIFORM; ids.len()];
    }
    let mut cells = Cells::new(Factors::of(arms, &Segments::single()));
    let first = SegmentId::new(0);
    cells.add(arms, first, &tried);
    let beliefs = marginals(&cells, &ScalePrior::default(), arms, (first, &ids));
    beliefs.into_iter().map(rate).collect()
}

/// The Beta of the mean and variance that a rate has whose logit is Gaussian: E σ(x) ≈ σ(m / √(1 + π v / 8)) (D. J. C. MacKay 1992,
/// *The Evidence Framework Applied to Classification Networks*), Var ≈ (p (1 − p))² v to first order, never more than a rate
/// can have.
fn rate((mean, variance): (f64, f64)) -> Beta {
    let scaled = mean / (1.0 + PI * variance / 8.0).sqrt();
    let rate = (1.0 / (1.0 + libm::exp(-scaled))).clamp(1e-9, 1.0 - 1e-9);
    // 1 / (p (1 − p) v) − 1 trials; at least two, as the uniform prior has.
    let strength = (1.0 / (rate * (1.0 - rate) * variance) - 1.0).clamp(2.0, Beta::MAX_SHAPE);
    let shape = |part: f64| (part * strength).clamp(Beta::MIN_SHAPE, Beta::MAX_SHAPE);
    Beta { alpha: shape(rate), beta: shape(1.0 - rate) }
}

impl fmt::Display for WarmStartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discount { discount } => write!(f, "discount is {discount}, not in [0, 1]"),
            Self::TooMany { pairs, most } => {
                write!(f, "{pairs} pairs of segments and arms, at most {most} can have priors of their own")
            }
            Self::Unknown { segment, arm } => {
                write!(f, "results of arm {arm} in segment {segment}, of which there is none")
            }
        }
    }
}

impl Error for WarmStartError {}
