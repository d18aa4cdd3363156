//! Several processes that serve one portfolio: what one tells the others, what it takes from them, whom it adopts.

use std::collections::{BTreeMap, BTreeSet};

use crate::decision::{Decision, DecisionId, Issuer, Token};
use crate::delta::{Delta, ExchangeError, ExchangeRecord, Forwarded, Merged, Sender};
use crate::reward::{Outcome, Reward};
use crate::snapshot::RestoreError;
use crate::statistics::{CohortId, Outbox};
use crate::sync::{Arc, AtomicU64, Ordering, Published};
use crate::time::Timestamp;

use super::restoring::Estate;
use super::rewarding::RewardError;
use super::{Bandit, Refresh};

/// What a bandit that exchanges keeps.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) sender: Sender,
    /// Which life of its process this is: a later one has a greater number.
    pub(super) life: u64,
    /// Deltas of this life so far.
    deltas: AtomicU64,
    heir: Option<u16>,
    outbox: Outbox<Waiting>,
    peers: Published<Peers>,
}

/// A reward that waits to be forwarded.
#[derive(Clone, Debug)]
struct Waiting {
    id: DecisionId,
    forwarded: Forwarded,
}

/// What is known of the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers {
    known: BTreeMap<Sender, Arc<Peer>>,
    /// Those whose counters are ours by now.
    adopted: BTreeSet<Sender>,
    /// Those whose counters are somebody else's by now.
    gone: BTreeSet<Sender>,
}

/// What is known of another process.
#[derive(Debug)]
struct Peer {
    /// Its last delta, without what it forwarded.
    delta: Delta,
    /// The same by today's names.
    estate: Estate,
}

impl Exchange {
    pub(super) fn new(issuer: Issuer, heir: Option<u16>) -> Self {
        let sender = Sender { replica: issuer.replica, incarnation: issuer.incarnation };
        let (deltas, peers) = (AtomicU64::new(0), Published::empty());
        Self { sender, life: 0, deltas, heir, outbox: Outbox::new(Vec::new()), peers }
    }

    fn peers(&self) -> Arc<Peers> {
        self.peers.load().as_ref().map_or_else(Arc::default, Arc::clone)
    }

    /// Changes what is known of the others; whether there was something to change.
    fn update(&self, change: impl Fn(&mut Peers) -> bool) -> bool {
        loop {
            let loaded = self.peers.load();
            let mut peers = loaded.as_ref().map_or_else(Peers::default, |peers| Peers::clone(peers));
            let changed = change(&mut peers);
            if !changed || self.peers.replace_loaded(&loaded, Some(Arc::new(peers))) {
                return changed;
            }
        }
    }

    /// Keeps a reward that was accepted before, of which a record tells, however many there are: what had arrived of them
    /// is known only when all have been told.
    fn forward_again(&self, decision: &Decision, forwarded: Forwarded) -> Result<(), RewardError> {
        self.forward(decision, forwarded.clone()).or_else(|_| {
            // Drops nothing, and makes room.
            self.outbox.retain(|_| true);
            self.forward(decision, forwarded)
        })
    }

    /// Keeps a reward for the process that made the decision.
    pub(super) fn forward(&self, decision: &Decision, forwarded: Forwarded) -> Result<(), RewardError> {
        let full = |_| RewardError::OutboxFull { id: decision.id };
        self.outbox.push(Waiting { id: decision.id, forwarded }).map_err(full)
    }

    /// How many rewards wait.
    pub(super) fn waiting(&self) -> u64 {
        self.outbox.entries().len() as u64
    }

    /// What a snapshot remembers.
    pub(super) fn record(&self) -> ExchangeRecord {
        let peers = self.peers();
        ExchangeRecord {
            sender: self.sender,
            life: self.life,
            adopted: peers.adopted.iter().copied().collect(),
            gone: peers.gone.iter().copied().collect(),
            outbox: self.outbox.entries().into_iter().map(|waiting| waiting.forwarded).collect(),
            peers: peers.known.values().map(|peer| peer.delta.clone()).collect(),
        }
    }
}

impl Peers {
    /// The others' counters, by their owners.
    pub(super) fn estates(&self) -> impl Iterator<Item = (Sender, &Estate)> {
        self.known.iter().map(|(&sender, peer)| (sender, &peer.estate))
    }

    /// Learns what a delta tells, if it is news; whether it was.
    fn learn(&mut self, peer: &Arc<Peer>) -> bool {
        let delta = &peer.delta;
        let known = self.known.get(&delta.sender).map(|known| known.delta.number);
        let elsewhere = self.gone.contains(&delta.sender) || self.adopted.contains(&delta.sender);
        if elsewhere || known.is_some_and(|known| known >= delta.number) {
            return false;
        }
        for adopted in &delta.adopted {
            self.known.remove(adopted);
            self.gone.insert(*adopted);
        }
        self.known.insert(delta.sender, Arc::clone(peer));
        true
    }
}

impl Bandit {
    /// What this process has to tell the others: all it has counted, and the rewards of theirs that came to it.
    ///
    /// May be taken as often as one likes, and while others select and reward. Its size is that of a snapshot.
    ///
    /// The others drop the rewards that it tells to be counted. So with a journal it flushes and syncs, due or not, and tells
    /// nothing that is not durable: else a crash between the two would lose rewards that others have accepted.
    ///
    /// # Errors
    ///
    /// [`ExchangeError::NotReplicated`] unless the bandit was built [to exchange](crate::BanditBuilder::replicated),
    /// [`ExchangeError::NotDurable`] if the journal has failed, or another thread is flushing it.
    pub fn delta(&self) -> Result<Delta, ExchangeError> {
        let exchange = self.exchange.as_ref().ok_or(ExchangeError::NotReplicated)?;
        // The number before the counters: then the delta with the greater number holds all that others before it do.
        let number = exchange.deltas.fetch_add(1, Ordering::AcqRel);
        let counted = self.own_snapshot();
        let outbox = exchange.outbox.entries().into_iter().map(|waiting| waiting.forwarded);
        let delta = Delta {
            version: Delta::VERSION,
            sender: exchange.sender,
            number: (exchange.life, number),
            heir: exchange.heir,
            adopted: exchange.peers().adopted.iter().copied().collect(),
            outbox: outbox.collect(),
            counted,
        };
        if self.is_durable_so_far() { Ok(delta) } else { Err(ExchangeError::NotDurable) }
    }

    /// Takes in what another process tells: its counters, if they are newer than those known, and the rewards it
    /// forwards of decisions that were made here, each counted once, as of the time at which they were accepted there.
    ///
    /// In any order, any number of times, from any thread. A delta of our own changes nothing.
    ///
    /// # Errors
    ///
    /// [`ExchangeError`]: a delta that does not fit, or is damaged; nothing has changed.
    pub fn merge(&self, delta: &Delta) -> Result<Merged, ExchangeError> {
        let exchange = self.exchange.as_ref().ok_or(ExchangeError::NotReplicated)?;
        if delta.version != Delta::VERSION {
            return Err(ExchangeError::Version { version: delta.version });
        }
        let mut merged = Merged::default();
        if delta.sender == exchange.sender {
            return Ok(merged);
        }
        let peer = Arc::new(self.peer(delta).map_err(ExchangeError::Counted)?);
        merged.newer = exchange.update(|peers| peers.learn(&peer));
        for forwarded in &delta.outbox {
            // Sealed under a key that we do not accept, or of names that are gone: not for us to count.
            let Ok(decision) = self.parse(&forwarded.token) else { continue };
            match self.knows(decision.id) {
                false => {}
                true if self.deliver(&decision, forwarded).is_ok() => merged.counted += 1,
                true => merged.refused += 1,
            }
        }
        exchange.outbox.retain(|waiting| !delta.has_settled(waiting));
        if merged.newer {
            self.expire_plans();
        }
        Ok(merged)
    }

    /// Takes over the decisions and counters of a process that is gone for good, as its last merged delta tells of
    /// them: from now on its rewards are counted here.
    ///
    /// Whoever is gone must stay so. It has to have named this replica for its [heir](crate::BanditBuilder::heir), so
    /// that there is exactly one. With a journal, a snapshot with what was adopted is put up there first.
    ///
    /// # Errors
    ///
    /// [`ExchangeError`]: a replica never heard of, or one that named another heir, or a journal that could not take it up;
    /// nothing has changed.
    pub fn adopt(&mut self, replica: u16) -> Result<(), ExchangeError> {
        let exchange = self.exchange.as_ref().ok_or(ExchangeError::NotReplicated)?;
        let known = exchange.peers();
        let left: Vec<&Arc<Peer>> =
            known.known.values().filter(|peer| peer.delta.sender.replica == replica).collect();
        if left.is_empty() {
            return Err(ExchangeError::UnknownReplica { replica });
        }
        let mut estates = Vec::new();
        for peer in &left {
            let heir = peer.delta.heir;
            if heir != Some(self.issuer.replica) {
                return Err(ExchangeError::NotTheHeir { replica, heir });
            }
            let estate = self.read_estate(&peer.delta.counted).map_err(ExchangeError::Counted)?;
            self.check_lives(&estate, &estates).map_err(ExchangeError::Counted)?;
            estates.push(estate);
        }
        self.check_room(&estates).map_err(ExchangeError::Counted)?;

        #[cfg(feature = "journal")]
        self.store_adopted(replica)?;

        // From here on nothing can fail.
        exchange.update(|peers| {
            for peer in &left {
                peers.known.remove(&peer.delta.sender);
                peers.adopted.extend(peer.delta.adopted.iter().copied().chain([peer.delta.sender]));
            }
            true
        });
        estates.into_iter().for_each(|estate| self.take_over(estate));
        if let Some(exchange) = &self.exchange {
            for waiting in exchange.outbox.entries().iter().filter(|waiting| self.knows(waiting.id)) {
                if let Ok(decision) = self.parse(&waiting.forwarded.token) {
                    // Refused means counted before, or too late: settled either way. The journal has it in the snapshot.
                    let _ = self.deliver_unrecorded(&decision, &waiting.forwarded);
                }
            }
            exchange.outbox.retain(|waiting| !self.knows(waiting.id));
        }
        self.fold();
        self.expire_plans();
        Ok(())
    }

    /// Puts up a snapshot in the journal that holds what is about to be adopted.
    #[cfg(feature = "journal")]
    fn store_adopted(&self, replica: u16) -> Result<(), ExchangeError> {
        if self.journaling.is_none() {
            return Ok(());
        }
        let mut heir = self.copy().map_err(ExchangeError::Counted)?;
        heir.adopt(replica)?;
        self.store(&heir).map_err(|error| ExchangeError::Journal { reason: error.to_string() })
    }

    /// Counts what was forwarded, as of the time at which it was accepted.
    fn deliver(&self, decision: &Decision, forwarded: &Forwarded) -> Result<(), RewardError> {
        let at = Some(self.not_ahead(forwarded.at));
        match forwarded.outcome {
            Some(outcome) => self.observe_as_of(decision, &outcome, at),
            None => self.reward_as_of(decision, Reward::new(forwarded.reward), at),
        }
    }

    /// The same, unrecorded.
    fn deliver_unrecorded(&self, decision: &Decision, forwarded: &Forwarded) -> Result<(), RewardError> {
        let at = self.not_ahead(forwarded.at);
        match forwarded.outcome {
            Some(outcome) => self.observe_at(decision, &outcome, at),
            None => self.reward_at(decision, Reward::new(forwarded.reward), at),
        }
    }

    /// The time of another, or ours where we are behind: a record from ahead would move our time on at the next start.
    fn not_ahead(&self, at: Timestamp) -> Timestamp {
        at.min(self.now())
    }

    /// Keeps what came of another's decision, now and unless its time is over, or at the time of a record. Says when.
    pub(super) fn forward(
        &self,
        exchange: &Exchange,
        decision: &Decision,
        (reward, outcome): (f64, Option<Outcome>),
        at: Option<Timestamp>,
    ) -> Result<Timestamp, RewardError> {
        let forwarded = |at| Forwarded { token: decision.token().to_string(), at, reward, outcome };
        let put = |at| exchange.forward(decision, forwarded(at)).map(|()| at);
        let waiting = match (at, &self.waiting) {
            (Some(at), _) => return exchange.forward_again(decision, forwarded(at)).map(|()| at),
            (None, None) => return put(self.now()),
            (None, Some(waiting)) => waiting,
        };
        let in_time = || {
            let now = waiting.ledger.with(|state| state.now);
            let over = waiting.ledger.is_over(decision.id.cohort, now);
            if over { Err(waiting.late(decision.id)) } else { Ok(now) }
        };
        let at = put(waiting.window().not_after(self.now(), in_time()?))?;
        Ok(at)
    }

    /// Holds cohorts after their time for rewards that another process has accepted before: as long again, and for so many
    /// buckets more.
    pub(super) fn hold(&mut self, more: u64) {
        let exchanges = self.exchange.is_some();
        if let Some(waiting) = &mut self.waiting {
            waiting.ledger.hold(more + if exchanges { waiting.ledger.as_long_again() } else { 0 });
        }
    }

    /// Folds the cohorts that need not be held any longer.
    pub(super) fn fold(&self) {
        if let Some(waiting) = &self.waiting {
            waiting.ledger.fold();
        }
    }

    /// What is known of the others.
    pub(super) fn peers(&self) -> Arc<Peers> {
        self.exchange.as_ref().map_or_else(Arc::default, Exchange::peers)
    }

    /// The exchange where an earlier life has left it.
    pub(super) fn resumed(&self, record: Option<&ExchangeRecord>) -> Result<Option<Exchange>, RestoreError> {
        let (exchange, record) = match (&self.exchange, record) {
            (None, None) => return Ok(None),
            (Some(exchange), Some(record)) => (exchange, record),
            // What the others know of us would be counted twice, or rewards that wait would be lost.
            _ => return Err(RestoreError::Exchange),
        };
        let mut peers = Peers {
            known: BTreeMap::new(),
            adopted: record.adopted.iter().copied().collect(),
            gone: record.gone.iter().copied().collect(),
        };
        for delta in &record.peers {
            peers.known.insert(delta.sender, Arc::new(self.peer(delta)?));
        }
        // One under a key that is not accepted any more is nobody's. Its names may be gone here, and known where it belongs.
        let outbox = record.outbox.iter().filter_map(|forwarded| {
            let id = Token::open(&forwarded.token, &self.keys).ok()?.id;
            Some(Waiting { id, forwarded: forwarded.clone() })
        });
        let published = Published::empty();
        drop(published.replace(Some(Arc::new(peers))));
        Ok(Some(Exchange {
            sender: record.sender,
            life: record.life.saturating_add(1),
            deltas: AtomicU64::new(0),
            heir: exchange.heir,
            outbox: Outbox::new(outbox.collect()),
            peers: published,
        }))
    }

    fn peer(&self, delta: &Delta) -> Result<Peer, RestoreError> {
        let estate = self.read_estate(&delta.counted)?;
        Ok(Peer { delta: Delta { outbox: Vec::new(), ..delta.clone() }, estate })
    }

    /// Whether an estate tells of lives that are nobody's yet: the claims of ours must not be replaced.
    fn check_lives(&self, estate: &Estate, others: &[Estate]) -> Result<(), RestoreError> {
        let taken = |life: &&Issuer| {
            let known = match &self.waiting {
                Some(waiting) => waiting.past.contains(life),
                None => self.past.contains_key(life),
            };
            known || others.iter().any(|other| other.issuers.contains(life))
        };
        match estate.issuers.iter().find(taken) {
            Some(&Issuer { replica, incarnation }) => Err(RestoreError::Life { replica, incarnation }),
            None => Ok(()),
        }
    }

    /// Whether our counters have room for those of these estates together.
    fn check_room(&self, estates: &[Estate]) -> Result<(), RestoreError> {
        let mut sums = BTreeMap::new();
        for (segment, one) in estates.iter().flat_map(|estate| estate.endless.each()) {
            let sum = sums.entry((segment, one.arm)).or_insert_with(|| self.cells.read(segment, one.arm));
            let (segment, arm) = (segment.get(), one.arm.get());
            let together = sum.merge(one.statistics);
            *sum = together.map_err(|error| RestoreError::Statistics { segment, arm, error })?;
        }
        Ok(())
    }

    /// Makes all plans due, and computes those in use unless the host does.
    pub(super) fn expire_plans(&self) {
        for (segment, plans) in self.book.touched() {
            plans.expire();
            if self.refresh == Refresh::Inline {
                self.refresh_segment(plans, segment);
            }
            self.expire_fit(plans, segment);
        }
    }
}

impl Delta {
    /// Whether the sender has counted or refused what waits for good.
    fn has_settled(&self, waiting: &Waiting) -> bool {
        let id = waiting.id;
        let lives = self.counted.lives.iter();
        let issuer = (id.issuer.replica, id.issuer.incarnation);
        let mut lives = lives.filter(|life| (life.replica, life.incarnation) == issuer);
        match lives.clone().find(|life| life.cohort == id.cohort.get()) {
            Some(life) => match waiting.forwarded.outcome {
                Some(outcome) => life.has_joined(id.sequence, outcome.stage()),
                None => life.has_claimed(id.sequence),
            },
            // Its cohort is folded if that life goes on in later ones.
            None => lives.any(|life| life.cohort > id.cohort.get()) || self.is_over(id),
        }
    }

    /// Whether a decision of the sender's own replica, or of one it has adopted, is of a cohort whose time is over, so that
    /// no life tells of it.
    fn is_over(&self, id: DecisionId) -> bool {
        let replica = id.issuer.replica;
        let own = self.sender.replica == replica || self.adopted.iter().any(|gone| gone.replica == replica);
        let waiting = self.counted.waiting.as_ref().filter(|_| own && id.cohort != CohortId::OPEN_ENDED);
        waiting.is_some_and(|waiting| {
            let window = waiting.window;
            // Held as long again; until then a life would tell of it.
            let end = u64::from(id.cohort.bucket()) + 2 * (window.delays() as u64 + window.grace());
            u64::from(waiting.now) >= end
        })
    }
}
