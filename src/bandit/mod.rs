//! The bandit: the only place where the parts meet.

mod ancestor;
mod build_error;
mod builder;
mod building;
mod context_record;
mod contextual;
mod delays_by;
mod exchange;
mod fitting;
mod goals;
mod inheriting;
#[cfg(feature = "journal")]
mod journaling;
mod knowing;
mod lifting;
#[cfg(feature = "journal")]
mod nameless;
mod observing;
mod priors;
mod refreshing;
#[cfg(feature = "journal")]
mod replaying;
mod restoring;
mod rewarding;
mod selecting;
mod selector;
mod snapshotting;
#[cfg(not(feature = "journal"))]
mod unrecorded;
mod waiting;

pub use build_error::BuildError;
pub use builder::BanditBuilder;
pub use delays_by::DelaysBy;
pub use refreshing::Refresh;
#[cfg(feature = "journal")]
pub use replaying::{Recovered, ReplayError};
pub use rewarding::{ParseError, RewardError, SpaceError};
pub use selecting::SelectError;
pub use selector::{CacheUse, Selector};
pub use waiting::{Late, TimeError};

use std::collections::BTreeMap;

use crate::arm::{ArmSpace, NameError};
use crate::belief::Importance;
use crate::decision::{Issuer, Keyring};
use crate::plan::{Book, Bounds, Cadence};
use crate::policy::{Observes, Policy};
use crate::reward::RewardKind;
use crate::segment::{SegmentId, Segments};
use crate::statistics::{Cells, Cohort, ImportanceCells};
use crate::sync::AtomicU64;

use ancestor::Ancestor;
use contextual::Contextual;
use exchange::Exchange;
#[cfg(feature = "journal")]
use journaling::Place;
use priors::Priors;
#[cfg(not(feature = "journal"))]
use unrecorded::Place;
use waiting::Waiting;

/// Learns which arm to select in each segment.
///
/// All methods but [`restore`](Bandit::restore) take `&self`; a bandit is shared between threads by reference or
/// in an `Arc`, and none of them waits for another.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use tactful::{ArmSpace, Bandit, Reward, Segments};
///
/// let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
/// let bandit = Bandit::builder(arms, Segments::single()).build()?;
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
///
/// let everyone = bandit.segment([("", ""); 0])?;
/// let decision = bandit.select(everyone, &bandit.arms().all(), &mut rng)?;
/// assert_eq!(decision.propensity(), 0.5);
///
/// bandit.reward(&decision, Reward::SUCCESS)?;
/// assert!(bandit.reward(&decision, Reward::SUCCESS).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Bandit {
    arms: ArmSpace,
    segments: Segments,
    /// Of arms and segments together; part of every token.
    fingerprint: u64,
    reward: RewardKind,
    priors: Priors,
    policy: Box<dyn Policy>,
    /// What the policy observes, asked once.
    observes: Observes,
    /// How outcomes are weighted, and what they add up to then, where the policy needs to know.
    importance: Option<(Importance, ImportanceCells)>,
    /// Where requests have features: what is learnt of them.
    contextual: Option<Box<Contextual>>,
    /// Whether the policy is regular, asked once.
    regular: bool,
    /// Share of decisions spread evenly over the eligible arms, in [0, 1].
    exploration: f64,
    /// Floors and caps, if there are any.
    shares: Option<Bounds>,
    cadence: Cadence,
    refresh: Refresh,
    keys: Keyring,
    issuer: Issuer,
    /// The latest time the host told, in milliseconds.
    clock: AtomicU64,
    /// Where what happens is recorded.
    #[cfg(feature = "journal")]
    journaling: Option<journaling::Journaling>,
    /// Where several processes serve one portfolio.
    exchange: Option<Exchange>,
    /// Where there is a window: cohorts, and all that is counted.
    waiting: Option<Waiting>,
    /// Where there is none: what is counted,
    cells: Cells,
    /// the decisions of this life,
    cohort: Cohort,
    /// and those of earlier lives that a snapshot told of.
    past: BTreeMap<Issuer, Cohort>,
    /// Names of earlier builds that tokens may still mean.
    ancestors: Vec<Ancestor>,
    book: Book,
}

impl Bandit {
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

    /// The segment of these (attribute, level) pairs, one for each attribute, in any order.
    ///
    /// # Errors
    ///
    /// [`NameError`] if a name is unknown, missing or repeated.
    pub fn segment<A: AsRef<str>, L: AsRef<str>>(
        &self,
        levels: impl IntoIterator<Item = (A, L)>,
    ) -> Result<SegmentId, NameError> {
        self.segments.find(levels)
    }

    /// The rewards this bandit takes.
    #[must_use]
    pub fn reward_kind(&self) -> RewardKind {
        self.reward
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &dyn Policy {
        &*self.policy
    }

    /// A book without plans.
    fn empty_book(&self) -> Book {
        // Standings are of counters that are read where they are counted, and say who leads, which bounds may forbid.
        let plain = self.waiting.is_none() && self.exchange.is_none() && self.shares.is_none();
        let index = self.policy.as_index().filter(|_| plain);
        Book::new(self.segments.len(), index.map(|_| self.arms.len()))
    }
}
