//! Arms: the ways to contact a customer, as combinations of levels of named dimensions.
//!
//! [`ArmSpace`] names and numbers them, [`Eligibility`] is a set of them.

mod axis;
mod eligibility;
mod space;

pub use axis::{AxisError, NameError};
pub use eligibility::Eligibility;
pub use space::{ArmSpace, ArmSpaceBuilder, ArmSpaceError, UnknownArm};

pub(crate) use axis::{Axes, Fingerprint};

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of an arm within its [`ArmSpace`]: dense, from 0, in mixed-radix order of the levels with the
/// last dimension running fastest and forbidden combinations left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArmId(u32);

impl ArmId {
    /// The arm of this number, for ids that were stored as plain numbers.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The number, from 0 to the number of arms less one.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ArmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One arm seen through its names. Obtained from [`ArmSpace::arm`].
///
/// Displays as `template=friendly, channel=sms`.
#[derive(Clone, Copy)]
pub struct Arm<'a> {
    id: ArmId,
    code: u64,
    axes: &'a Axes,
}

impl<'a> Arm<'a> {
    /// The arm's number.
    #[must_use]
    pub fn id(&self) -> ArmId {
        self.id
    }

    /// The level this arm has in a dimension.
    ///
    /// # Panics
    ///
    /// If there is no such dimension. The dimensions are part of the program, and a misspelt one must not
    /// quietly make every arm eligible.
    #[must_use]
    #[track_caller]
    pub fn level(&self, dimension: &str) -> &'a str {
        match self.axes.position(dimension) {
            Some(axis) => self.axes.level_name(axis, self.code),
            None => {
                panic!("no dimension {dimension:?}; there are {:?}", self.axes.names().collect::<Vec<_>>())
            }
        }
    }

    /// Each dimension with the level this arm has in it, in the order of declaration.
    pub fn levels(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.axes.pairs(self.code)
    }

    /// The number of the level this arm has in each dimension, from 0, in the order of declaration.
    pub fn level_indices(&self) -> impl Iterator<Item = usize> + use<'a> {
        let (axes, code) = (self.axes, self.code);
        (0..axes.len()).map(move |axis| axes.level(axis, code) as usize)
    }
}

impl fmt::Display for Arm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.axes.fmt_pairs(self.code, f)
    }
}

impl fmt::Debug for Arm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arm({}: {self})", self.id)
    }
}
