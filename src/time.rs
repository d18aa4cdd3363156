//! Time as a number that the host gives; nothing in the crate reads a clock.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant in milliseconds since the Unix epoch, UTC (or since any instant the host keeps to).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant this many milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// How long a decision waits for its reward, and in what steps time is told apart.
///
/// Decisions belong to the bucket of time in which they were made. A bucket closes when the window of its last decision
/// is over: every decision waits for at least the window, the first of a bucket for one bucket more. What has no reward
/// by then gets the default one. A reward after that is late; with a time of [grace](Window::grace_for) it still
/// corrects what was assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Milliseconds in a bucket.
    bucket: u64,
    /// Buckets in the window.
    length: u32,
    /// Buckets of grace.
    grace: u32,
}

/// A window that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowError {
    /// A bucket shorter than a second, in which the numbers of buckets would run out.
    Bucket {
        /// The bucket given.
        bucket: Duration,
    },
    /// A length of no bucket, or of more than [`Window::MAX_BUCKETS`].
    Length {
        /// The length given.
        length: Duration,
        /// The bucket given.
        bucket: Duration,
    },
}

impl fmt::Display for WindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket { bucket } => write!(f, "a bucket of {bucket:?} is shorter than a second"),
            Self::Length { length, bucket } => write!(
                f,
                "a time of {length:?} in buckets of {bucket:?} is not between 1 and {} buckets",
                Window::MAX_BUCKETS
            ),
        }
    }
}

impl Error for WindowError {}

impl Window {
    /// The most buckets in a window, and in a time of grace: 1,024.
    pub const MAX_BUCKETS: u32 = 1024;

    /// A window of this length, rounded up to whole buckets.
    ///
    /// Memory follows the number of open buckets, and time to learn their width: a fourteenth to a hundredth of the
    /// window is a good bucket.
    ///
    /// # Errors
    ///
    /// [`WindowError`]: a bucket shorter than a second, a length of no bucket or of more than
    /// [`Window::MAX_BUCKETS`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use tactful::time::Window;
    ///
    /// let day = Duration::from_secs(86_400);
    /// let window = Window::new(14 * day, day)?.grace_for(7 * day)?;
    /// assert_eq!(window.length(), 14 * day);
    /// # Ok::<(), tactful::time::WindowError>(())
    /// ```
    pub fn new(length: Duration, bucket: Duration) -> Result<Self, WindowError> {
        if bucket < Duration::from_secs(1) || bucket.as_millis() > u128::from(u64::MAX >> 1) {
            return Err(WindowError::Bucket { bucket });
        }
        let buckets = buckets(length, bucket)?;
        Ok(Self { bucket: bucket.as_millis() as u64, length: buckets, grace: 0 })
    }

    /// The same window, with a time after it in which a late reward still replaces the default one.
    ///
    /// # Errors
    ///
    /// [`WindowError::Length`] for more than [`Window::MAX_BUCKETS`].
    pub fn grace_for(self, grace: Duration) -> Result<Self, WindowError> {
        let grace = if grace.is_zero() { 0 } else { buckets(grace, self.bucket())? };
        Ok(Self { grace, ..self })
    }

    /// A bucket of time.
    #[must_use]
    pub const fn bucket(self) -> Duration {
        Duration::from_millis(self.bucket)
    }

    /// The window, in whole buckets.
    #[must_use]
    pub fn length(self) -> Duration {
        self.bucket() * self.length
    }

    /// Buckets of grace.
    pub(crate) fn grace(self) -> u64 {
        u64::from(self.grace)
    }

    /// Delays that a reward in time can have, in buckets between that of the decision and its own: 0 up to the length.
    pub(crate) fn delays(self) -> usize {
        self.length as usize + 1
    }

    /// The bucket of an instant, or `None` where the numbers have run out.
    pub(crate) fn bucket_of(self, instant: Timestamp) -> Option<u32> {
        // The last number is left for the one that follows.
        u32::try_from(instant.as_millis() / self.bucket).ok().filter(|&bucket| bucket < u32::MAX - 1)
    }

    /// The middle of a bucket.
    pub(crate) fn middle_of(self, bucket: u32) -> Timestamp {
        // Saturating, because the bucket may come from a token.
        Timestamp(self.bucket.saturating_mul(u64::from(bucket)).saturating_add(self.bucket / 2))
    }

    /// The beginning of a bucket.
    pub(crate) fn start_of(self, bucket: u32) -> Timestamp {
        Timestamp(self.bucket.saturating_mul(u64::from(bucket)))
    }

    /// How far an instant is into its bucket, in [0, 1).
    pub(crate) fn part_of_bucket(self, instant: Timestamp) -> f64 {
        (instant.as_millis() % self.bucket) as f64 / self.bucket as f64
    }

    /// An instant, or the last one of a bucket if that is earlier.
    pub(crate) fn not_after(self, instant: Timestamp, bucket: u32) -> Timestamp {
        let end = (u64::from(bucket) + 1).saturating_mul(self.bucket) - 1;
        Timestamp(instant.0.min(end))
    }

    /// A time in buckets.
    pub(crate) fn in_buckets(self, time: Duration) -> f64 {
        time.as_secs_f64() * 1000.0 / self.bucket as f64
    }

    /// Whether counters by the buckets of the other can be read by ours.
    pub(crate) fn fits(self, other: Self) -> bool {
        self.bucket == other.bucket
    }

    /// The same after a look at it, since it may come from anywhere.
    pub(crate) fn checked(self) -> Option<Self> {
        let lengths = 1..=Self::MAX_BUCKETS;
        (self.bucket >= 1000 && lengths.contains(&self.length) && self.grace <= Self::MAX_BUCKETS + 1)
            .then_some(self)
    }
}

/// A time in whole buckets, rounded up.
fn buckets(length: Duration, bucket: Duration) -> Result<u32, WindowError> {
    let buckets = length.as_millis().div_ceil(bucket.as_millis());
    let fits = |buckets: &u128| (1..=u128::from(Window::MAX_BUCKETS)).contains(buckets);
    Some(buckets).filter(fits).map(|buckets| buckets as u32).ok_or(WindowError::Length { length, bucket })
}
