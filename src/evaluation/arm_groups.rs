//! Arms grouped by the levels they share in chosen dimensions.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use crate::arm::{ArmId, ArmSpace};

/// Which arms are alike in some dimensions: the e of marginalised weights, of which two arms share one where they have
/// the same level in *every* chosen dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmGroups {
    of_arm: Vec<u32>,
    members: Vec<Vec<ArmId>>,
}

/// A dimension that the arms do not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDimension {
    /// The name given.
    pub name: String,
    /// The dimensions there are.
    pub known: Vec<String>,
}

impl fmt::Display for UnknownDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no dimension {:?}; there are {:?}", self.name, self.known)
    }
}

impl Error for UnknownDimension {}

impl ArmGroups {
    /// Groups arms by their levels in these dimensions.
    ///
    /// # Errors
    ///
    /// [`UnknownDimension`] for a name that no dimension has.
    pub fn by_dimensions<N: AsRef<str>>(
        arms: &ArmSpace,
        dimensions: impl IntoIterator<Item = N>,
    ) -> Result<Self, UnknownDimension> {
        let known: Vec<String> = arms.dimensions().map(|(name, _)| name.to_owned()).collect();
        let mut chosen = Vec::new();
        for name in dimensions {
            let name = name.as_ref();
            let axis = known.iter().position(|other| other == name);
            let unknown = || UnknownDimension { name: name.to_owned(), known: known.clone() };
            chosen.push(axis.ok_or_else(unknown)?);
        }
        Ok(Self::by(arms.iter().map(|arm| {
            let levels: Vec<usize> = arm.level_indices().collect();
            chosen.iter().map(|&axis| levels[axis]).collect::<Vec<_>>()
        })))
    }

    /// Groups arms by whatever is equal of them, given for each arm in the order of their ids.
    pub fn by<T: std::hash::Hash + Eq>(of_arms: impl IntoIterator<Item = T>) -> Self {
        let mut numbers = HashMap::new();
        let mut groups = Self { of_arm: Vec::new(), members: Vec::new() };
        for (arm, what) in of_arms.into_iter().enumerate() {
            let group = *numbers.entry(what).or_insert(groups.members.len());
            if group == groups.members.len() {
                groups.members.push(Vec::new());
            }
            groups.members[group].push(ArmId::new(arm as u32));
            groups.of_arm.push(group as u32);
        }
        groups
    }

    /// How many groups there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none, since there are no arms.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The group of an arm, from 0 in order of first appearance.
    #[must_use]
    pub fn group(&self, arm: ArmId) -> Option<usize> {
        self.of_arm.get(arm.index()).map(|&group| group as usize)
    }

    /// The arms of a group, ascending.
    pub(super) fn members(&self, group: usize) -> &[ArmId] {
        self.members.get(group).map_or(&[], |members| members)
    }
}
