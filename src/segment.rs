//! Segments: the kinds of customers that learn apart, as combinations of levels of named attributes.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::arm::{Axes, AxisError, Fingerprint, NameError};

/// The number of a segment within its [`Segments`]: dense, from 0, in mixed-radix order of the attributes with
/// the last one running fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentId(u32);

impl SegmentId {
    /// The segment of this number, for ids that were stored as plain numbers.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The number, from 0 to the number of segments less one.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// All segments of a bandit: the combinations of the levels of named attributes; without attributes, one.
///
/// ```
/// use tactful::Segments;
///
/// let segments = Segments::builder()
///     .attribute("stage", ["early", "late"])
///     .attribute("age", ["18-34", "35+"])
///     .build()?;
/// let segment = segments.find([("stage", "late"), ("age", "35+")])?;
/// assert_eq!(segment.index(), 3);
/// assert_eq!(segments.segment(segment).to_string(), "stage=late, age=35+");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Declaration", into = "Declaration")]
pub struct Segments {
    axes: Axes,
    fingerprint: u64,
}

/// Why [`Segments`] cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SegmentsError {
    /// An attribute or its levels are ill-formed, or there are too many combinations.
    Attribute(AxisError),
}

impl fmt::Display for SegmentsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(error) => write!(f, "attributes: {error}"),
        }
    }
}

impl Error for SegmentsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Attribute(error) => Some(error),
        }
    }
}

/// Collects attributes; see [`Segments::builder`].
#[derive(Clone, Debug, Default)]
pub struct SegmentsBuilder {
    attributes: Vec<(String, Vec<String>)>,
}

impl SegmentsBuilder {
    /// Adds an attribute with its levels.
    #[must_use]
    pub fn attribute<L: Into<String>>(
        mut self,
        name: impl Into<String>,
        levels: impl IntoIterator<Item = L>,
    ) -> Self {
        self.attributes.push((name.into(), levels.into_iter().map(Into::into).collect()));
        self
    }

    /// Checks and numbers everything.
    ///
    /// # Errors
    ///
    /// [`SegmentsError`] names the culprit: empty or duplicate names, an attribute without levels, more than
    /// [`Segments::MAX_SEGMENTS`] combinations.
    pub fn build(self) -> Result<Segments, SegmentsError> {
        let axes = Axes::new(self.attributes, Segments::MAX_SEGMENTS).map_err(SegmentsError::Attribute)?;
        let mut fingerprint = Fingerprint::of("segments");
        axes.fingerprint(&mut fingerprint);
        Ok(Segments { axes, fingerprint: fingerprint.finish() })
    }
}

impl Segments {
    /// The most segments there can be: 2²⁰.
    pub const MAX_SEGMENTS: u64 = 1 << 20;

    /// Starts without attributes.
    #[must_use]
    pub fn builder() -> SegmentsBuilder {
        SegmentsBuilder::default()
    }

    /// One segment for all customers.
    #[must_use]
    pub fn single() -> Self {
        match Self::builder().build() {
            Ok(single) => single,
            Err(_) => unreachable!("no attributes, no fault"),
        }
    }

    /// The number of segments, at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always a segment")]
    pub fn len(&self) -> usize {
        self.axes.combinations() as usize
    }

    /// The attributes with their levels, in the order of declaration.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.axes.names().enumerate().map(|(axis, name)| (name, self.axes.levels(axis)))
    }

    /// The segment of this id, with its names.
    ///
    /// # Panics
    ///
    /// If there is no such segment. Ids come from the same segments; for others see [`Segments::get`].
    #[must_use]
    #[track_caller]
    pub fn segment(&self, id: SegmentId) -> Segment<'_> {
        match self.get(id) {
            Some(segment) => segment,
            None => panic!("no segment {id}; there are {}", self.len()),
        }
    }

    /// The segment of this id, if there is one.
    #[must_use]
    pub fn get(&self, id: SegmentId) -> Option<Segment<'_>> {
        (id.index() < self.len()).then_some(Segment { id, axes: &self.axes })
    }

    /// All segments, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = Segment<'_>> {
        (0..self.len() as u32).map(|index| self.segment(SegmentId(index)))
    }

    /// The segment that has these levels: one (attribute, level) pair for each attribute, in any order.
    ///
    /// # Errors
    ///
    /// [`NameError`] if a name is unknown, missing or repeated.
    pub fn find<A: AsRef<str>, L: AsRef<str>>(
        &self,
        levels: impl IntoIterator<Item = (A, L)>,
    ) -> Result<SegmentId, NameError> {
        self.axes.find(levels).map(|code| SegmentId(code as u32))
    }

    /// A digest of all names, the same on every platform and in every release.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

impl PartialEq for Segments {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint && self.axes.declared() == other.axes.declared()
    }
}

impl Eq for Segments {}

/// One segment seen through its names; displays as `stage=late, age=35+`, or `all` without attributes.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    id: SegmentId,
    axes: &'a Axes,
}

impl<'a> Segment<'a> {
    /// The segment's number.
    #[must_use]
    pub fn id(&self) -> SegmentId {
        self.id
    }

    /// Each attribute with the level this segment has in it, in the order of declaration.
    pub fn levels(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.axes.pairs(u64::from(self.id.0))
    }
}

impl fmt::Display for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.axes.len() == 0 {
            return f.write_str("all");
        }
        self.axes.fmt_pairs(u64::from(self.id.0), f)
    }
}

impl fmt::Debug for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({}: {self})", self.id)
    }
}

/// Segments as plain data, as snapshots and journals carry them.
#[derive(Serialize, Deserialize)]
struct Declaration {
    attributes: Vec<(String, Vec<String>)>,
}

impl From<Segments> for Declaration {
    fn from(segments: Segments) -> Self {
        Self { attributes: segments.axes.declared() }
    }
}

impl TryFrom<Declaration> for Segments {
    type Error = SegmentsError;

    fn try_from(declaration: Declaration) -> Result<Self, SegmentsError> {
        SegmentsBuilder { attributes: declaration.attributes }.build()
    }
}
