//! The seam between the crate and its atomics: std's, loom's under `cfg(loom)`, pausing ones under
//! `cfg(pause)`.
//!
//! Two shapes are built on top of them, both without a lock: [`SetOnce`], a slot that is filled once and read
//! for ever, and [`Published`], a pointer that is replaced whole. Under loom both are stand-ins behind loom's
//! mutex: loom then explores the protocols *around* them, not their insides.

#[cfg(not(any(loom, pause)))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64};

#[cfg(pause)]
pub(crate) use pausing::{AtomicBool, AtomicU64};

pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::Ordering;

#[cfg(not(loom))]
pub(crate) use shared::{Published, SetOnce};
#[cfg(loom)]
pub(crate) use stand_in::{Published, SetOnce};

#[cfg(not(loom))]
mod shared {
    use super::Arc;

    /// Marks the instant before an atomic operation; only the pausing build does anything here.
    fn point() {
        #[cfg(pause)]
        super::pausing::point();
    }

    /// A slot that is filled at most once. Losing the race to fill it costs the loser its own value and no
    /// waiting, which is why this is not `std::sync::OnceLock`.
    #[derive(Debug)]
    pub(crate) struct SetOnce<T>(once_cell::race::OnceBox<T>);

    impl<T> SetOnce<T> {
        pub(crate) fn new() -> Self {
            Self(once_cell::race::OnceBox::new())
        }

        #[inline]
        pub(crate) fn get(&self) -> Option<&T> {
            point();
            self.0.get()
        }

        /// The value, made first by whoever comes first.
        #[inline]
        pub(crate) fn get_or_set(&self, make: impl FnOnce() -> T) -> &T {
            match self.get() {
                Some(value) => value,
                None => self.set(make),
            }
        }

        #[cold]
        fn set(&self, make: impl FnOnce() -> T) -> &T {
            point();
            self.0.get_or_init(|| Box::new(make()))
        }

        /// Fills the slot unless somebody has done so before; whether this call did.
        #[cold]
        pub(crate) fn fill(&self, value: T) -> bool {
            point();
            self.0.set(Box::new(value)).is_ok()
        }
    }

    /// A value that is read by many and replaced whole.
    #[derive(Debug)]
    pub(crate) struct Published<T>(arc_swap::ArcSwapOption<T>);

    impl<T> Published<T> {
        pub(crate) fn empty() -> Self {
            Self(arc_swap::ArcSwapOption::empty())
        }

        pub(crate) fn load(&self) -> arc_swap::Guard<Option<Arc<T>>> {
            point();
            self.0.load()
        }

        /// Puts a value in place of another, which the caller gets.
        pub(crate) fn replace(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
            point();
            self.0.swap(value)
        }

        /// Puts a value in place of the one that was loaded, unless another has come between; whether it did.
        pub(crate) fn replace_loaded(
            &self,
            loaded: &arc_swap::Guard<Option<Arc<T>>>,
            value: Option<Arc<T>>,
        ) -> bool {
            point();
            let found = self.0.compare_and_swap(&**loaded, value);
            found.as_ref().map(Arc::as_ptr) == loaded.as_ref().map(Arc::as_ptr)
        }
    }
}

#[cfg(loom)]
mod stand_in {
    use super::Arc;
    use std::fmt;

    /// Stand-in for the set-once slot: one operation of loom's mutex each.
    pub(crate) struct SetOnce<T> {
        turn: loom::sync::Mutex<()>,
        /// Boxed, as in the slot itself: loom's threads have little stack.
        value: std::sync::OnceLock<Box<T>>,
    }

    impl<T> SetOnce<T> {
        pub(crate) fn new() -> Self {
            Self { turn: loom::sync::Mutex::new(()), value: std::sync::OnceLock::new() }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            let _turn = self.turn.lock().expect("loom does not poison");
            self.value.get().map(|value| &**value)
        }

        pub(crate) fn get_or_set(&self, make: impl FnOnce() -> T) -> &T {
            let made = match self.get() {
                Some(value) => return value,
                None => Box::new(make()),
            };
            let _turn = self.turn.lock().expect("loom does not poison");
            self.value.get_or_init(|| made)
        }

        pub(crate) fn fill(&self, value: T) -> bool {
            let _turn = self.turn.lock().expect("loom does not poison");
            self.value.set(Box::new(value)).is_ok()
        }
    }

    impl<T> fmt::Debug for SetOnce<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("SetOnce")
        }
    }

    /// Stand-in for the pointer swap: a mutex held for the length of one copy.
    pub(crate) struct Published<T>(loom::sync::Mutex<Option<Arc<T>>>);

    impl<T> Published<T> {
        pub(crate) fn empty() -> Self {
            Self(loom::sync::Mutex::new(None))
        }

        pub(crate) fn load(&self) -> Loaded<T> {
            Loaded(self.0.lock().expect("loom does not poison").clone())
        }

        pub(crate) fn replace(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
            std::mem::replace(&mut *self.0.lock().expect("loom does not poison"), value)
        }

        pub(crate) fn replace_loaded(&self, loaded: &Loaded<T>, value: Option<Arc<T>>) -> bool {
            let mut place = self.0.lock().expect("loom does not poison");
            let unchanged = place.as_ref().map(Arc::as_ptr) == loaded.as_ref().map(Arc::as_ptr);
            if unchanged {
                *place = value;
            }
            unchanged
        }
    }

    impl<T> fmt::Debug for Published<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Published")
        }
    }

    /// What was published when it was read.
    pub(crate) struct Loaded<T>(Option<Arc<T>>);

    impl<T> std::ops::Deref for Loaded<T> {
        type Target = Option<Arc<T>>;
        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }
}

/// Atomics that can park the calling thread before any one of their operations: the instrument behind the
/// test of the word *lock-free*.
#[cfg(pause)]
pub mod pausing {
    use std::cell::Cell;
    use std::sync::atomic::Ordering;
    use std::sync::{Arc, Condvar, Mutex};

    thread_local! {
        /// Operations until this thread parks, and where.
        static FUSE: Cell<Option<u64>> = const { Cell::new(None) };
        static GATE: std::cell::RefCell<Option<Gate>> = const { std::cell::RefCell::new(None) };
    }

    /// Where a parked thread waits until the test lets it go.
    #[derive(Clone, Debug, Default)]
    pub struct Gate(Arc<(Mutex<State>, Condvar)>);

    #[derive(Debug, Default)]
    struct State {
        parked: bool,
        open: bool,
        done: bool,
    }

    impl Gate {
        /// Runs some work on the calling thread, which parks here before the work's `operation`-th atomic operation
        /// (from 0), if it comes to that.
        pub fn run<T>(&self, operation: u64, work: impl FnOnce() -> T) -> T {
            FUSE.set(Some(operation));
            GATE.set(Some(self.clone()));
            let _ended = Ended(self);
            work()
        }

        /// Waits until the running work has parked (true) or ended without that (false).
        #[must_use]
        pub fn await_parked(&self) -> bool {
            let mut state = self.0.0.lock().unwrap_or_else(|e| e.into_inner());
            while !state.parked && !state.done {
                state = self.0.1.wait(state).unwrap_or_else(|e| e.into_inner());
            }
            state.parked
        }

        /// Lets the parked thread go on.
        pub fn open(&self) {
            self.0.0.lock().unwrap_or_else(|e| e.into_inner()).open = true;
            self.0.1.notify_all();
        }
    }

    /// Tells who waits that the work has ended, also when it panicked.
    struct Ended<'a>(&'a Gate);

    impl Drop for Ended<'_> {
        fn drop(&mut self) {
            FUSE.set(None);
            GATE.take();
            self.0.0.0.lock().unwrap_or_else(|e| e.into_inner()).done = true;
            self.0.0.1.notify_all();
        }
    }

    /// The instant before an atomic operation.
    pub(super) fn point() {
        match FUSE.get() {
            None => {}
            Some(0) => {
                FUSE.set(None);
                let gate = GATE.take().expect("armed with a gate");
                let mut state = gate.0.0.lock().unwrap_or_else(|e| e.into_inner());
                state.parked = true;
                gate.0.1.notify_all();
                while !state.open {
                    state = gate.0.1.wait(state).unwrap_or_else(|e| e.into_inner());
                }
            }
            Some(left) => FUSE.set(Some(left - 1)),
        }
    }

    macro_rules! pausing {
        ($name:ident, $value:ty, $($operation:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
            #[derive(Debug, Default)]
            pub(crate) struct $name(std::sync::atomic::$name);

            #[allow(dead_code, reason = "the same operations for both words, used or not")]
            impl $name {
                pub(crate) fn new(value: $value) -> Self {
                    Self(std::sync::atomic::$name::new(value))
                }
                $(pub(crate) fn $operation(&self, $($argument: $type,)* order: Ordering) -> $result {
                    point();
                    self.0.$operation($($argument,)* order)
                })*
            }
        };
    }

    pausing!(AtomicBool, bool,
        load() -> bool;
        store(value: bool) -> ();
        swap(value: bool) -> bool;
    );
    pausing!(AtomicU64, u64,
        load() -> u64;
        store(value: u64) -> ();
        swap(value: u64) -> u64;
        fetch_add(value: u64) -> u64;
        fetch_sub(value: u64) -> u64;
        fetch_or(value: u64) -> u64;
        fetch_and(value: u64) -> u64;
        fetch_min(value: u64) -> u64;
        fetch_max(value: u64) -> u64;
    );

    impl AtomicU64 {
        pub(crate) fn compare_exchange_weak(
            &self,
            current: u64,
            new: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            point();
            self.0.compare_exchange_weak(current, new, success, failure)
        }
    }
}
