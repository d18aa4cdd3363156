//! What waits to be handed on: put in by any thread without waiting, taken out once it has arrived.
//!
//! Entries go into volumes, each in the place that its number gives it. To clear out, a new volume is put up first and
//! the old one closed then: a number taken after that is void, and whoever took it goes to the new volume. A closed
//! volume is complete when every number has its entry; until then it is read where it is.

use crate::sync::{Arc, AtomicU64, Ordering, Published, SetOnce};

/// Entries in a page. (All sizes are small where loom must track each.)
const PAGE: u64 = if cfg!(loom) { 1 } else { 512 };
/// Pages in a volume.
const PAGES: u64 = if cfg!(loom) { 2 } else { 2048 };

const CLOSED: u64 = 1 << 63;

/// There is no room for a further entry until some have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutboxFull;

#[derive(Debug)]
struct Page<T>(Box<[SetOnce<T>]>);

#[derive(Debug)]
struct Volume<T> {
    /// {closed: 1 bit, numbers taken: 63}.
    taken: AtomicU64,
    pages: Box<[SetOnce<Page<T>>]>,
}

#[derive(Debug)]
struct State<T> {
    current: Arc<Volume<T>>,
    /// Closed, or about to be.
    older: Vec<Arc<Volume<T>>>,
    /// Of volumes that were complete.
    kept: Arc<Vec<T>>,
}

/// Entries that wait, up to 2²⁰ between two clearings.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    state: Published<State<T>>,
}

impl<T> Volume<T> {
    fn new() -> Self {
        Self { taken: AtomicU64::new(0), pages: (0..PAGES).map(|_| SetOnce::new()).collect() }
    }

    /// Takes a number, or says that the volume is closed or full.
    fn number(&self) -> Result<u64, Refused> {
        // AcqRel: numbers and closing have one order.
        let mut taken = self.taken.load(Ordering::Acquire);
        loop {
            if taken & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            if taken >= PAGE * PAGES {
                return Err(Refused::Full);
            }
            match self.taken.compare_exchange_weak(taken, taken + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(number) => return Ok(number),
                Err(found) => taken = found,
            }
        }
    }

    fn put(&self, number: u64, entry: T) {
        let page = self.pages[(number / PAGE) as usize]
            .get_or_set(|| Page((0..PAGE).map(|_| SetOnce::new()).collect()));
        let first = page.0[(number % PAGE) as usize].fill(entry);
        debug_assert!(first, "a number is taken once");
    }

    fn entries(&self) -> impl Iterator<Item = &T> {
        let pages = self.pages.iter().filter_map(SetOnce::get);
        pages.flat_map(|page| page.0.iter().filter_map(SetOnce::get))
    }

    /// Closes the volume and says whether each number has its entry.
    fn close(&self) -> bool {
        let taken = self.taken.fetch_or(CLOSED, Ordering::AcqRel) & !CLOSED;
        self.entries().count() as u64 == taken
    }
}

/// Why a volume gives no number.
enum Refused {
    Closed,
    Full,
}

impl<T: Clone> Outbox<T> {
    pub(crate) fn new(kept: Vec<T>) -> Self {
        let state = Published::empty();
        let first = State { current: Arc::new(Volume::new()), older: Vec::new(), kept: Arc::new(kept) };
        drop(state.replace(Some(Arc::new(first))));
        Self { state }
    }

    fn state(&self) -> Arc<State<T>> {
        match self.state.load().as_ref() {
            Some(state) => Arc::clone(state),
            None => unreachable!("an outbox is made with a state"),
        }
    }

    /// Puts an entry in.
    pub(crate) fn push(&self, entry: T) -> Result<(), OutboxFull> {
        loop {
            let state = self.state();
            match state.current.number() {
                Ok(number) => {
                    state.current.put(number, entry);
                    return Ok(());
                }
                Err(Refused::Full) => return Err(OutboxFull),
                // A new volume was put up before this one was closed.
                Err(Refused::Closed) => {}
            }
        }
    }

    /// What waits.
    pub(crate) fn entries(&self) -> Vec<T> {
        let state = self.state();
        let older = state.older.iter().flat_map(|volume| volume.entries());
        state.kept.iter().chain(older).chain(state.current.entries()).cloned().collect()
    }

    /// Drops what need not wait any longer; of what was put in since the last time, that comes the next time.
    pub(crate) fn retain(&self, keep: impl Fn(&T) -> bool) {
        loop {
            let loaded = self.state.load();
            let Some(before) = loaded.as_ref() else { unreachable!("an outbox is made with a state") };
            let (complete, mut older): (Vec<_>, Vec<_>) =
                before.older.iter().cloned().partition(|volume| volume.close());
            let complete = complete.iter().flat_map(|volume| volume.entries());
            let kept = before.kept.iter().chain(complete).filter(|entry| keep(entry)).cloned().collect();
            let mut current = Arc::clone(&before.current);
            if current.entries().next().is_some() {
                older.push(std::mem::replace(&mut current, Arc::new(Volume::new())));
            }
            let closing = older.clone();
            let after = State { current, older, kept: Arc::new(kept) };
            if self.state.replace_loaded(&loaded, Some(Arc::new(after))) {
                for volume in &closing {
                    volume.close();
                }
                return;
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn room_can_be_made_though_nothing_has_arrived() {
        let outbox = Outbox::new(Vec::new());
        let most = PAGE * PAGES;
        (0..most).for_each(|number| outbox.push(number).expect("room"));
        assert_eq!(outbox.push(most), Err(OutboxFull));
        outbox.retain(|_| true);
        outbox.push(most).expect("room");
        assert!(outbox.entries().into_iter().eq(0..=most), "all that was put in, in its order");
    }
}
