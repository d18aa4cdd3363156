//! A bounded queue of packed events: many threads put in, one at a time takes out, nobody waits for anybody.
//!
//! A ring in which each slot has a word that tells whose turn it is (Vyukov, *Bounded MPMC queue*, 2010), with the event
//! beside it in plain words, so that no `unsafe` is needed: a slot's words are only touched by the one whose turn it is.
//!
//! Putting in has two steps. [`Queue::reserve`] takes a position or says that there is none, changing nothing;
//! [`Reserved::commit`] fills it. Between the two a thread may change its own state, knowing that the event has a place.
//! A position given back (dropped) becomes a void event.
//!
//! A thread that is parked between the two steps holds back nobody from reserving and committing, until the ring has
//! gone round to its slot and is full. But the consumer cannot pass it: events behind it are not written meanwhile.

use crate::sync::{Arc, AtomicU64, Ordering, Published};

use super::event::WORDS;

/// In the first word: something is attached. Event leaves the top bits alone.
const ATTACHED: u64 = 1 << 63;

/// A ring of slots. `A` is what can be attached to an event, at the price of an allocation.
#[derive(Debug)]
pub(super) struct Queue<A> {
    next: Next,
    slots: Box<[Slot]>,
    /// What is attached to the event in the slot of the same number; seldom used, so kept apart.
    attached: Box<[Published<A>]>,
}

/// The next position. Every producer writes it, so it has a cache line (and its neighbour, which processors fetch along)
/// to itself.
#[derive(Debug)]
#[repr(align(128))]
struct Next(AtomicU64);

#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    /// Of a slot for position p: p while it is free, p + 1 once the event is in, p + the ring's length once taken.
    turn: AtomicU64,
    words: [AtomicU64; WORDS],
}

/// Every slot holds an event that was not taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A position, to be filled.
#[derive(Debug)]
pub(super) struct Reserved<'a, A> {
    queue: &'a Queue<A>,
    position: u64,
}

/// Where the one consumer of a queue stands. There is one for each queue; whoever has it exclusively may take.
#[derive(Debug)]
pub(super) struct Consumer {
    next: u64,
}

/// An event taken from the queue; its words are zeros where the position was given back.
#[derive(Debug)]
pub(super) struct Taken<A> {
    pub(super) words: [u64; WORDS],
    pub(super) attached: Option<Arc<A>>,
}

impl<A> Queue<A> {
    /// A queue for so many events, rounded up to a power of two, and its consumer.
    pub(super) fn new(capacity: usize) -> (Self, Consumer) {
        let length = capacity.max(2).next_power_of_two() as u64;
        let slot = |position| Slot {
            turn: AtomicU64::new(position),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        };
        let queue = Self {
            next: Next(AtomicU64::new(0)),
            slots: (0..length).map(slot).collect(),
            attached: (0..length).map(|_| Published::empty()).collect(),
        };
        (queue, Consumer { next: 0 })
    }

    /// The number of slots.
    pub(super) fn length(&self) -> u64 {
        self.slots.len() as u64
    }

    /// Positions reserved so far.
    pub(super) fn reserved(&self) -> u64 {
        // Relaxed: a number of the past is all that is asked for.
        self.next.0.load(Ordering::Relaxed)
    }

    /// Takes the next position.
    #[inline]
    pub(super) fn reserve(&self) -> Result<Reserved<'_, A>, Full> {
        // Relaxed, here and below: the position publishes nothing. What was in the slot is behind its `turn`.
        let mut position = self.next.0.load(Ordering::Relaxed);
        loop {
            // Acquire: pairs with the consumer's Release, so that it has read the slot's last event before we write.
            let turn = self.slot(position).turn.load(Ordering::Acquire);
            if turn < position {
                // The event of one round ago is still there.
                return Err(Full);
            }
            if turn == position {
                let next = position + 1;
                match self.next.0.compare_exchange_weak(position, next, Ordering::Relaxed, Ordering::Relaxed)
                {
                    Ok(_) => return Ok(Reserved { queue: self, position }),
                    Err(found) => position = found,
                }
            } else {
                // Another was faster: someone else's event is in the slot, so the next position has moved on.
                position = self.next.0.load(Ordering::Relaxed);
            }
        }
    }

    /// Takes the next event out, or `None` if it is not in yet.
    #[inline]
    pub(super) fn take(&self, consumer: &mut Consumer) -> Option<Taken<A>> {
        let slot = self.slot(consumer.next);
        // Acquire: pairs with the Release of `fill`; the words below are the whole event.
        if slot.turn.load(Ordering::Acquire) != consumer.next + 1 {
            return None;
        }
        // Relaxed: ordered by the turn, before and after.
        let mut words = std::array::from_fn(|word| slot.words[word].load(Ordering::Relaxed));
        let is_attached = words[0] & ATTACHED != 0;
        words[0] &= !ATTACHED;
        let attached =
            if is_attached { self.attached[self.place(consumer.next)].replace(None) } else { None };
        // Release: the reads above are done before a producer of the next round writes.
        slot.turn.store(consumer.next + self.length(), Ordering::Release);
        consumer.next += 1;
        Some(Taken { words, attached })
    }

    fn place(&self, position: u64) -> usize {
        // A power of two, so the mask is a remainder.
        position as usize & (self.slots.len() - 1)
    }

    fn slot(&self, position: u64) -> &Slot {
        &self.slots[self.place(position)]
    }
}

impl Consumer {
    /// Events taken so far: the position of the next.
    pub(super) fn position(&self) -> u64 {
        self.next
    }
}

impl<A> Reserved<'_, A> {
    /// Puts an event in; returns its position, which is given once in the life of the queue.
    #[inline]
    pub(super) fn commit(self, words: [u64; WORDS]) -> u64 {
        self.fill(words);
        let position = self.position;
        std::mem::forget(self);
        position
    }

    /// Puts an event in, with something attached to it.
    #[cold]
    pub(super) fn commit_with(self, mut words: [u64; WORDS], attached: A) -> u64 {
        self.queue.attached[self.queue.place(self.position)].replace(Some(Arc::new(attached)));
        words[0] |= ATTACHED;
        self.commit(words)
    }

    #[inline]
    fn fill(&self, words: [u64; WORDS]) {
        let slot = self.queue.slot(self.position);
        for (place, word) in slot.words.iter().zip(words) {
            // Relaxed: published by the turn.
            place.store(word, Ordering::Relaxed);
        }
        // Release: whoever sees the turn sees the words.
        slot.turn.store(self.position + 1, Ordering::Release);
    }
}

impl<A> Drop for Reserved<'_, A> {
    /// Gives the position back, as a void event.
    fn drop(&mut self) {
        self.fill([0; WORDS]);
    }
}
