//! The space of arms: dimensions × levels, less forbidden combinations.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Arm, ArmId, Axes, AxisError, Eligibility, Fingerprint, NameError};

/// All arms of a bandit: the combinations of the levels of named dimensions, less the forbidden ones.
///
/// Arms are numbered densely in mixed-radix order, the last dimension running fastest. A space holds 1 to
/// [`ArmSpace::MAX_ARMS`] arms and is immutable; a new template is a new space, and
/// [`Bandit::restore`](crate::Bandit::restore) carries over what was learnt, by names.
///
/// ```
/// use tactful::ArmSpace;
///
/// let arms = ArmSpace::builder()
///     .dimension("template", ["friendly_reminder", "loss_aversion"])
///     .dimension("channel", ["email", "sms", "letter"])
///     .forbid([("template", "loss_aversion"), ("channel", "letter")])
///     .build()?;
/// assert_eq!(arms.len(), 5);
///
/// let sms = arms.find([("channel", "sms"), ("template", "loss_aversion")])?;
/// assert_eq!(arms.arm(sms).level("channel"), "sms");
/// assert_eq!(arms.arm(sms).to_string(), "template=loss_aversion, channel=sms");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Declaration", into = "Declaration")]
pub struct ArmSpace {
    axes: Axes,
    forbidden: Vec<Combination>,
    /// Codes of the allowed combinations, ascending; `None` where nothing is forbidden and code = id.
    allowed: Option<Vec<u32>>,
    fingerprint: u64,
}

/// Levels of some dimensions, by name, that must not meet in one arm.
type Combination = Vec<(String, String)>;

/// Why an [`ArmSpace`] cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArmSpaceError {
    /// No dimension was declared.
    NoDimension,
    /// A dimension or its levels are ill-formed, or there are too many combinations.
    Dimension(AxisError),
    /// A forbidden combination names what does not exist, or one dimension twice.
    Forbidden(NameError),
    /// A forbidden combination names no dimension at all, which would forbid every arm.
    EmptyCombination,
    /// Every combination is forbidden.
    EverythingForbidden,
    /// More arms are left than a space can hold.
    TooManyArms {
        /// Arms that are not forbidden.
        arms: u64,
        /// The most there can be.
        limit: u64,
    },
}

impl fmt::Display for ArmSpaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDimension => f.write_str("an arm space needs at least one dimension"),
            Self::Dimension(error) => write!(f, "dimensions: {error}"),
            Self::Forbidden(error) => write!(f, "forbidden combination: {error}"),
            Self::EmptyCombination => {
                f.write_str("a forbidden combination without dimensions forbids every arm")
            }
            Self::EverythingForbidden => f.write_str("every combination of levels is forbidden"),
            Self::TooManyArms { arms, limit } => write!(f, "{arms} arms, at most {limit} are possible"),
        }
    }
}

impl Error for ArmSpaceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Dimension(error) => Some(error),
            Self::Forbidden(error) => Some(error),
            _ => None,
        }
    }
}

/// Collects dimensions and forbidden combinations; see [`ArmSpace::builder`].
#[derive(Clone, Debug, Default)]
pub struct ArmSpaceBuilder {
    dimensions: Vec<(String, Vec<String>)>,
    forbidden: Vec<Combination>,
}

impl ArmSpaceBuilder {
    /// Adds a dimension with its levels.
    #[must_use]
    pub fn dimension<L: Into<String>>(
        mut self,
        name: impl Into<String>,
        levels: impl IntoIterator<Item = L>,
    ) -> Self {
        self.dimensions.push((name.into(), levels.into_iter().map(Into::into).collect()));
        self
    }

    /// Forbids every arm that has all of these (dimension, level) pairs.
    #[must_use]
    pub fn forbid<D: Into<String>, L: Into<String>>(
        mut self,
        combination: impl IntoIterator<Item = (D, L)>,
    ) -> Self {
        self.forbidden.push(combination.into_iter().map(|(d, l)| (d.into(), l.into())).collect());
        self
    }

    /// Checks and numbers everything.
    ///
    /// # Errors
    ///
    /// [`ArmSpaceError`] names the culprit: no or empty dimensions, empty or duplicate names, forbidden
    /// combinations of unknown names, everything forbidden, too many arms.
    pub fn build(self) -> Result<ArmSpace, ArmSpaceError> {
        if self.dimensions.is_empty() {
            return Err(ArmSpaceError::NoDimension);
        }
        let axes =
            Axes::new(self.dimensions, ArmSpace::MAX_COMBINATIONS).map_err(ArmSpaceError::Dimension)?;
        let allowed = allowed(&axes, &self.forbidden)?;
        let arms = allowed.as_ref().map_or(axes.combinations(), |allowed| allowed.len() as u64);
        if arms > ArmSpace::MAX_ARMS {
            return Err(ArmSpaceError::TooManyArms { arms, limit: ArmSpace::MAX_ARMS });
        }

        let mut fingerprint = Fingerprint::of("arms");
        axes.fingerprint(&mut fingerprint);
        // The numbering depends on which combinations are left, not on how that was said.
        for &code in allowed.iter().flatten() {
            fingerprint.number(u64::from(code));
        }
        Ok(ArmSpace { axes, forbidden: self.forbidden, allowed, fingerprint: fingerprint.finish() })
    }
}

/// Codes that no forbidden combination covers, or `None` if that is all of them.
fn allowed(axes: &Axes, forbidden: &[Combination]) -> Result<Option<Vec<u32>>, ArmSpaceError> {
    let mut rules: Vec<Vec<(usize, u32)>> = Vec::with_capacity(forbidden.len());
    for combination in forbidden {
        let mut rule: Vec<(usize, u32)> = Vec::with_capacity(combination.len());
        for (dimension, level) in combination {
            let pair = axes.find_level(dimension, level).map_err(ArmSpaceError::Forbidden)?;
            if rule.iter().any(|&(axis, _)| axis == pair.0) {
                return Err(ArmSpaceError::Forbidden(NameError::Repeated { name: dimension.clone() }));
            }
            rule.push(pair);
        }
        if rule.is_empty() {
            return Err(ArmSpaceError::EmptyCombination);
        }
        rules.push(rule);
    }
    if rules.is_empty() {
        return Ok(None);
    }
    let covered = |code: u64| {
        rules.iter().any(|rule| rule.iter().all(|&(axis, level)| axes.level(axis, code) == level))
    };
    let left: Vec<u32> =
        (0..axes.combinations()).filter(|&code| !covered(code)).map(|code| code as u32).collect();
    if left.is_empty() {
        return Err(ArmSpaceError::EverythingForbidden);
    }
    Ok((left.len() as u64 != axes.combinations()).then_some(left))
}

impl ArmSpace {
    /// The most arms a space can hold: 2²⁰.
    pub const MAX_ARMS: u64 = 1 << 20;

    /// The most combinations of levels there may be before the forbidden ones are taken away: 2²⁴.
    pub const MAX_COMBINATIONS: u64 = 1 << 24;

    /// Starts a space without dimensions.
    #[must_use]
    pub fn builder() -> ArmSpaceBuilder {
        ArmSpaceBuilder::default()
    }

    /// The number of arms, from 1 to [`ArmSpace::MAX_ARMS`].
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a space is never empty")]
    pub fn len(&self) -> usize {
        self.allowed.as_ref().map_or(self.axes.combinations() as usize, Vec::len)
    }

    /// The dimensions with their levels, in the order of declaration.
    pub fn dimensions(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.axes.names().enumerate().map(|(axis, name)| (name, self.axes.levels(axis)))
    }

    /// The arm of this id, with its names.
    ///
    /// # Panics
    ///
    /// If the space has no such arm. Ids come from the same space; for others see [`ArmSpace::get`].
    #[must_use]
    #[track_caller]
    pub fn arm(&self, id: ArmId) -> Arm<'_> {
        match self.get(id) {
            Some(arm) => arm,
            None => panic!("no arm {id}; there are {}", self.len()),
        }
    }

    /// The arm of this id, if the space has it.
    #[must_use]
    pub fn get(&self, id: ArmId) -> Option<Arm<'_>> {
        let code = match &self.allowed {
            Some(allowed) => u64::from(*allowed.get(id.index())?),
            None if id.index() < self.len() => u64::from(id.get()),
            None => return None,
        };
        Some(Arm { id, code, axes: &self.axes })
    }

    /// All arms, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = Arm<'_>> {
        (0..self.len() as u32).map(|index| self.arm(ArmId(index)))
    }

    /// The arm that has these levels: one (dimension, level) pair for each dimension, in any order.
    ///
    /// # Errors
    ///
    /// [`NameError`] if a name is unknown, missing or repeated, or the combination is forbidden.
    pub fn find<D: AsRef<str>, L: AsRef<str>>(
        &self,
        levels: impl IntoIterator<Item = (D, L)>,
    ) -> Result<ArmId, NameError> {
        let code = self.axes.find(levels)?;
        let id = match &self.allowed {
            None => Some(code as usize),
            Some(allowed) => allowed.binary_search(&(code as u32)).ok(),
        };
        id.map(|id| ArmId(id as u32)).ok_or_else(|| NameError::Forbidden {
            combination: Arm { id: ArmId(u32::MAX), code, axes: &self.axes }.to_string(),
        })
    }

    /// The set of all arms.
    #[must_use]
    pub fn all(&self) -> Eligibility {
        Eligibility::from_predicate(self, |_| true)
    }

    /// The set of the arms for which a predicate holds. Costs a call per arm: make sets once and combine them.
    #[must_use]
    pub fn eligible(&self, mut predicate: impl FnMut(Arm<'_>) -> bool) -> Eligibility {
        Eligibility::from_predicate(self, |index| predicate(self.arm(ArmId(index))))
    }

    /// The set of the arms whose level in one dimension is among those named.
    ///
    /// # Errors
    ///
    /// [`NameError`] for a dimension or a level that does not exist.
    pub fn with_levels<L: AsRef<str>>(
        &self,
        dimension: &str,
        levels: impl IntoIterator<Item = L>,
    ) -> Result<Eligibility, NameError> {
        let axis = self.axes.position(dimension).ok_or_else(|| NameError::UnknownAxis {
            name: dimension.to_owned(),
            known: self.axes.names().map(str::to_owned).collect(),
        })?;
        let mut named = vec![false; self.axes.levels(axis).len()];
        for level in levels {
            let (_, number) = self.axes.find_level(dimension, level.as_ref())?;
            named[number as usize] = true;
        }
        Ok(self.eligible(|arm| named[self.axes.level(axis, arm.code) as usize]))
    }

    /// The set of these arms.
    ///
    /// # Errors
    ///
    /// The first id that the space does not have.
    pub fn subset(&self, arms: impl IntoIterator<Item = ArmId>) -> Result<Eligibility, UnknownArm> {
        let mut chosen = vec![false; self.len()];
        for arm in arms {
            *chosen.get_mut(arm.index()).ok_or(UnknownArm { arm, arms: self.len() })? = true;
        }
        Ok(Eligibility::from_predicate(self, |index| chosen[index as usize]))
    }

    /// A digest of all names and of what is forbidden: two spaces with equal fingerprints number the same arms
    /// alike. The same on every platform and in every release.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

impl PartialEq for ArmSpace {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint && self.axes.declared() == other.axes.declared()
    }
}

impl Eq for ArmSpace {}

/// An arm id beyond the arms of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownArm {
    /// The id.
    pub arm: ArmId,
    /// The number of arms there are.
    pub arms: usize,
}

impl fmt::Display for UnknownArm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no arm {}; there are {}", self.arm, self.arms)
    }
}

impl Error for UnknownArm {}

/// An arm space as plain data, as snapshots and journals carry it.
#[derive(Serialize, Deserialize)]
struct Declaration {
    dimensions: Vec<(String, Vec<String>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    forbidden: Vec<Combination>,
}

impl From<ArmSpace> for Declaration {
    fn from(space: ArmSpace) -> Self {
        Self { dimensions: space.axes.declared(), forbidden: space.forbidden }
    }
}

impl TryFrom<Declaration> for ArmSpace {
    type Error = ArmSpaceError;

    fn try_from(declaration: Declaration) -> Result<Self, ArmSpaceError> {
        let Declaration { dimensions, forbidden } = declaration;
        ArmSpaceBuilder { dimensions, forbidden }.build()
    }
}
