//! From counters to beliefs: what is read, how it is weighted, what is believed after it.

use crate::arm::{ArmId, ArmSpace};
use crate::belief::{Beta, Evidence, Pending, Tried};
use crate::policy::Portfolio;
use crate::reward::Quantity;
use crate::segment::{SegmentId, Segments};
use crate::statistics::{ArmStatistics, Entry, Layer, State};

use super::Bandit;
use super::exchange::Peers;
use super::priors::Priors;
use super::waiting::Waiting;

/// All segments of a bandit, for policies that look beyond their own.
#[derive(Debug)]
pub(super) struct Everyone<'a>(pub(super) &'a Bandit);

impl Portfolio for Everyone<'_> {
    fn segments(&self) -> Vec<SegmentId> {
        self.0.segments.iter().map(|segment| segment.id()).collect()
    }

    fn posteriors(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<Beta> {
        self.0.known(segment, arms).posteriors
    }

    fn space(&self) -> &ArmSpace {
        &self.0.arms
    }

    fn segmentation(&self) -> &Segments {
        &self.0.segments
    }

    fn tried(&self, segment: SegmentId) -> Vec<Tried> {
        let counted = self.0.tried(segment);
        match &self.0.priors {
            Priors::Warm(start) => Tried::together(counted, start.tried(segment)),
            _ => counted,
        }
    }
}

/// By what it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// The reward.
    Reward,
    /// A further goal, by its number.
    Goal(usize),
}

/// What is known of some arms in a segment, one entry for each.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) statistics: Vec<ArmStatistics>,
    pub(super) posteriors: Vec<Beta>,
    /// How many events have told it: outcomes, or with a window the rewards other than the default one, which no call
    /// reports.
    pub(super) told: u64,
}

impl Bandit {
    /// What is known of these arms, which ascend.
    pub(super) fn known(&self, segment: SegmentId, arms: &[ArmId]) -> Known {
        let Some(waiting) = &self.waiting else {
            let statistics = self.counts(segment, arms);
            let untold = statistics.iter().all(|arm| arm.returned() == 0);
            let posteriors = match self.priors {
                Priors::Alike(prior) if untold => vec![prior; arms.len()],
                _ => statistics
                    .iter()
                    .zip(arms)
                    .map(|(&statistics, &arm)| self.prior(segment, arm).after(statistics))
                    .collect(),
            };
            let told = statistics.iter().map(|arm| arm.returned()).sum();
            return Known { statistics, posteriors, told };
        };
        let evidence =
            waiting.ledger.with(|state| self.evidence(waiting, state, Measure::Reward, segment, arms));
        let defaults = arms.iter().map(|&arm| waiting.default_reward(arm));
        let with_default = || evidence.iter().zip(defaults.clone());
        let posterior = |((evidence, default), &arm): ((&Evidence, _), &ArmId)| {
            let (trials, sum) = evidence.earned(default);
            self.prior(segment, arm).updated(sum, (trials - sum).max(0.0))
        };
        Known {
            posteriors: with_default().zip(arms).map(posterior).collect(),
            statistics: with_default().map(|(arm, default)| arm.rounded(default)).collect(),
            told: with_default().map(|(arm, default)| arm.told(default)).sum::<f64>() as u64,
        }
    }

    /// The counts of a bandit without a window, those of others included.
    fn counts(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<ArmStatistics> {
        let mut statistics = self.cells.read_each(segment, arms);
        for (_, estate) in self.peers().estates() {
            let add = |position: usize, theirs| statistics[position] = statistics[position].plus(theirs);
            estate.endless.visit(segment, arms, add);
        }
        statistics
    }

    /// What is believed of the mean of a further goal with each of these arms, which ascend.
    pub(super) fn believed_of_goal(&self, goal: usize, segment: SegmentId, arms: &[ArmId]) -> Vec<Beta> {
        let Some(waiting) = &self.waiting else { unreachable!("goals are counted where there is a window") };
        let (measure, prior) = (Measure::Goal(goal), waiting.goals[goal].prior);
        let evidence = waiting.ledger.with(|state| self.evidence(waiting, state, measure, segment, arms));
        let posterior = |(evidence, &arm): (&Evidence, &ArmId)| {
            let (trials, sum) = evidence.earned(waiting.default_of(measure, arm));
            prior.updated(sum, (trials - sum).max(0.0))
        };
        evidence.iter().zip(arms).map(posterior).collect()
    }

    /// The weighted counts, layer by layer and cohort by cohort in the order of their time and owners: the same counters
    /// and the same time give the same sums, bit for bit.
    fn evidence(
        &self,
        waiting: &Waiting,
        state: &State,
        measure: Measure,
        segment: SegmentId,
        arms: &[ArmId],
    ) -> Vec<Evidence> {
        let window = waiting.window();
        let mut evidence = vec![Evidence::default(); arms.len()];
        let now = self.now_in_buckets(waiting, state);
        let weight = |buckets| waiting.weight(now, buckets);
        let peers = self.peers();
        for layer in self.closed(state, &peers) {
            let weight = weight(layer.buckets);
            let add = |position: usize, statistics| evidence[position].add(statistics, weight, 1.0);
            match measure {
                Measure::Reward => layer.visit(segment, arms, add),
                Measure::Goal(goal) => layer.visit_goal(goal, segment, arms, add),
            }
        }
        let laws = waiting.laws();
        for (entry, told, until) in open(state, &peers, now) {
            let bucket = entry.id.bucket();
            let weight = weight((bucket, bucket));
            let counted = match measure {
                Measure::Reward => entry.cells.read_each(segment, arms),
                Measure::Goal(goal) => {
                    arms.iter().map(|&arm| entry.cells.read_goal(goal, segment, arm)).collect()
                }
            };
            let counted = evidence.iter_mut().zip(counted).zip(arms);
            let counted = counted.filter(|((_, statistics), _)| *statistics != ArmStatistics::default());
            if entry.id.is_closed(told, window) {
                for ((evidence, statistics), &arm) in counted {
                    evidence.add(statistics.settled(waiting.default_of(measure, arm)), weight, 1.0);
                }
                continue;
            }
            for ((evidence, statistics), &arm) in counted {
                match waiting.pending {
                    Pending::ClosedOnly => evidence.add(statistics.only_issued(), weight, 0.0),
                    Pending::AsDefault => evidence.add(statistics, weight, 1.0),
                    Pending::Corrected => {
                        let law = laws.get(waiting.law_of(measure, segment, arm));
                        let share = law.map_or(1.0, |law| law.cdf(until - f64::from(bucket)));
                        match waiting.stages {
                            None => evidence.add(statistics, weight, share),
                            Some(_) => {
                                let default = waiting.default_of(measure, arm);
                                evidence.add_stages(statistics, weight, share, default);
                            }
                        }
                    }
                }
            }
        }
        evidence
    }

    /// What is closed, of ours and of the others, in the order of time and owners.
    pub(super) fn closed<'a>(&self, state: &'a State, peers: &'a Peers) -> Vec<&'a Layer> {
        let own = self.exchange.as_ref().map(|exchange| exchange.sender);
        let own = state.history.layers().iter().map(|layer| (own, &**layer));
        let theirs = peers.estates();
        let theirs =
            theirs.flat_map(|(sender, estate)| estate.layers.iter().map(move |layer| (Some(sender), layer)));
        let mut layers: Vec<_> = own.chain(theirs).collect();
        layers.sort_by_key(|&(sender, layer)| (layer.buckets, sender));
        layers.into_iter().map(|(_, layer)| layer).collect()
    }

    /// The time that it is, in buckets. Time within the bucket counts only while it is the state's own.
    pub(super) fn now_in_buckets(&self, waiting: &Waiting, state: &State) -> f64 {
        let window = waiting.window();
        let part = match window.bucket_of(self.now()) {
            Some(bucket) if bucket == state.now => window.part_of_bucket(self.now()),
            _ => 0.0,
        };
        f64::from(state.now) + part
    }

    /// What has been counted of an arm in a segment: of decisions whose window is over with the default reward where
    /// nothing came, of the others what has come so far.
    ///
    /// # Panics
    ///
    /// If the bandit has no such segment or arm.
    #[must_use]
    #[track_caller]
    pub fn statistics(&self, segment: SegmentId, arm: ArmId) -> ArmStatistics {
        self.check(segment, arm);
        self.counted(Measure::Reward, segment, arm, true)
    }

    /// The same of decisions that have had their time, as all have where there is no window.
    pub(super) fn settled(&self, segment: SegmentId, arm: ArmId) -> ArmStatistics {
        self.counted(Measure::Reward, segment, arm, false)
    }

    /// What has been counted of an arm, of decisions whose window is open too or not.
    pub(super) fn counted(
        &self,
        measure: Measure,
        segment: SegmentId,
        arm: ArmId,
        open: bool,
    ) -> ArmStatistics {
        let peers = self.peers();
        let mut sum = ArmStatistics::default();
        let mut add = |statistics| sum = sum.plus(statistics);
        let Some(waiting) = &self.waiting else {
            add(self.cells.read(segment, arm));
            peers
                .estates()
                .for_each(|(_, estate)| estate.endless.visit(segment, &[arm], |_, theirs| add(theirs)));
            return sum;
        };
        let (window, default) = (waiting.window(), waiting.default_of(measure, arm));
        waiting.ledger.with(|state| {
            let theirs = peers.estates().flat_map(|(_, estate)| &estate.layers);
            let layers = state.history.layers().iter().map(|layer| &**layer).chain(theirs);
            layers.for_each(|layer| match measure {
                Measure::Reward => layer.visit(segment, &[arm], |_, statistics| add(statistics)),
                Measure::Goal(goal) => {
                    layer.visit_goal(goal, segment, &[arm], |_, statistics| add(statistics));
                }
            });
            let theirs = peers.estates().flat_map(|(_, estate)| &estate.entries).map(|entry| &**entry);
            for entry in state.open.iter().map(|entry| &**entry).chain(theirs) {
                let statistics = match measure {
                    Measure::Reward => entry.cells.read(segment, arm),
                    Measure::Goal(goal) => entry.cells.read_goal(goal, segment, arm),
                };
                match state.is_closed(entry.id, window) {
                    true => add(statistics.settled(default)),
                    false if open => add(statistics),
                    false => {}
                }
            }
        });
        sum
    }

    /// What the arms have earned in a segment, of all that have been tried there, ascending: the counts that beliefs are formed
    /// from, weighted for age and delay, without the prior or a warm start of its own. For a [warm
    /// start](crate::belief::WarmStart) of another portfolio.
    ///
    /// # Panics
    ///
    /// If the bandit has no such segment.
    #[must_use]
    #[track_caller]
    pub fn tried(&self, segment: SegmentId) -> Vec<Tried> {
        let all: Vec<ArmId> = self.arms.iter().map(|arm| arm.id()).collect();
        self.check(segment, ArmId::new(0));
        let each = all.iter().copied();
        match &self.waiting {
            None => Tried::counted(each.zip(&self.counts(segment, &all))),
            Some(waiting) => {
                let reward = Measure::Reward;
                let evidence =
                    waiting.ledger.with(|state| self.evidence(waiting, state, reward, segment, &all));
                let earned =
                    |(arm, told): (ArmId, &Evidence)| (arm, told.earned(waiting.default_reward(arm)));
                Tried::those(each.zip(&evidence).map(earned))
            }
        }
    }

    /// What is believed of an arm's mean reward in a segment, scaled to [0, 1].
    ///
    /// # Panics
    ///
    /// If the bandit has no such segment or arm.
    #[must_use]
    #[track_caller]
    pub fn posterior(&self, segment: SegmentId, arm: ArmId) -> Beta {
        self.check(segment, arm);
        self.known(segment, &[arm]).posteriors[0]
    }

    #[track_caller]
    pub(super) fn check(&self, segment: SegmentId, arm: ArmId) {
        let (segments, arms) = (self.segments.len(), self.arms.len());
        assert!(segment.index() < segments, "no segment {segment}; there are {segments}");
        assert!(arm.index() < arms, "no arm {arm}; there are {arms}");
    }
}

/// The cohorts that are open, ours and the others', in the order of time and owners: each with the bucket that it was and the time
/// in buckets when this was known of it.
pub(super) fn open<'a>(state: &'a State, peers: &'a Peers, now: f64) -> Vec<(&'a Entry, u32, f64)> {
    // What others have told is as old as their word: what has come since they know and we do not, so that their
    // decisions are no older here than then. Who speaks often has said so at the end of his last bucket.
    let theirs = peers.estates().flat_map(|(_, estate)| {
        let (told, until) = match estate.now < state.now {
            true => (estate.now, f64::from(estate.now) + 1.0),
            false => (state.now, now),
        };
        estate.entries.iter().map(move |entry| (&**entry, told, until))
    });
    let own = state.open.iter().map(|entry| (&**entry, state.now, now));
    let mut open: Vec<(&Entry, u32, f64)> = own.chain(theirs).collect();
    open.sort_by_key(|(entry, ..)| (entry.id, entry.issuer));
    open
}

impl Waiting {
    /// The weight of decisions made in these buckets, first and last, at a time in buckets.
    pub(super) fn weight(&self, now: f64, (first, last): (u32, u32)) -> f64 {
        let middle = (f64::from(first) + f64::from(last) + 1.0) / 2.0;
        self.forgetting.weight(now - middle, |time| self.window().in_buckets(time))
    }

    /// What a decision has come to of which nothing has come.
    fn default_of(&self, measure: Measure, arm: ArmId) -> Quantity {
        match measure {
            Measure::Reward => self.default_reward(arm),
            Measure::Goal(goal) => self.ledger.shape().goals[goal].start(arm),
        }
    }

    /// The number of the law of delays.
    fn law_of(&self, measure: Measure, segment: SegmentId, arm: ArmId) -> usize {
        let group = self.groups.of(segment, arm);
        match measure {
            Measure::Reward => group,
            Measure::Goal(goal) => (1 + goal) * self.levels.len() + group,
        }
    }
}
