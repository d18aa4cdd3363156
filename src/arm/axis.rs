//! Named axes with named levels, numbered together in mixed radix: the shape that arms and segments share.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// One axis: a dimension of the arms, or an attribute of the segments.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    name: String,
    levels: Vec<String>,
    numbers: HashMap<String, u32>,
}

/// Axes in the order of declaration. The *code* of a combination is Σ level × stride, last axis fastest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Axes {
    axes: Vec<Axis>,
    strides: Vec<u64>,
}

/// What is wrong with a list of named axes (dimensions or attributes) and levels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AxisError {
    /// The axis of this position (from 0) has an empty name.
    Unnamed {
        /// Position in the order of declaration.
        position: usize,
    },
    /// Two axes have the same name.
    Duplicate {
        /// The name.
        name: String,
    },
    /// An axis has no levels.
    NoLevels {
        /// Name of the axis.
        name: String,
    },
    /// A level has an empty name.
    UnnamedLevel {
        /// Name of the axis.
        name: String,
        /// Position of the level, from 0.
        position: usize,
    },
    /// A level stands twice on one axis.
    DuplicateLevel {
        /// Name of the axis.
        name: String,
        /// Name of the level.
        level: String,
    },
    /// The product of the numbers of levels is too large.
    TooManyCombinations {
        /// The product, or the first partial product beyond the limit.
        combinations: u64,
        /// The largest product accepted.
        limit: u64,
    },
}

impl fmt::Display for AxisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed { position } => write!(f, "number {position} (from 0) has an empty name"),
            Self::Duplicate { name } => write!(f, "{name:?} is declared twice"),
            Self::NoLevels { name } => write!(f, "{name:?} has no levels"),
            Self::UnnamedLevel { name, position } => {
                write!(f, "level number {position} (from 0) of {name:?} has an empty name")
            }
            Self::DuplicateLevel { name, level } => write!(f, "{name:?} has the level {level:?} twice"),
            Self::TooManyCombinations { combinations, limit } => {
                write!(f, "{combinations} or more combinations of levels, at most {limit} are possible")
            }
        }
    }
}

impl Error for AxisError {}

/// Names that do not lead to an arm or a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// No dimension or attribute has this name.
    UnknownAxis {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The dimension or attribute has no such level.
    UnknownLevel {
        /// Name of the dimension or attribute.
        name: String,
        /// The level asked for.
        level: String,
        /// The levels there are (the first hundred).
        known: Vec<String>,
    },
    /// A dimension or attribute was given twice.
    Repeated {
        /// Its name.
        name: String,
    },
    /// A dimension or attribute was not given.
    Missing {
        /// Its name.
        name: String,
    },
    /// The combination exists but is forbidden.
    Forbidden {
        /// The combination, as `dimension=level, …`.
        combination: String,
    },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAxis { name, known } => write!(f, "{name:?} is unknown; there are {known:?}"),
            Self::UnknownLevel { name, level, known } => {
                write!(f, "{name:?} has no level {level:?}; there are {known:?}")
            }
            Self::Repeated { name } => write!(f, "{name:?} is given twice"),
            Self::Missing { name } => write!(f, "{name:?} is not given"),
            Self::Forbidden { combination } => write!(f, "the combination {combination} is forbidden"),
        }
    }
}

impl Error for NameError {}

impl Axes {
    /// Checks the names and numbers the combinations.
    pub(crate) fn new(declared: Vec<(String, Vec<String>)>, limit: u64) -> Result<Self, AxisError> {
        let mut axes: Vec<Axis> = Vec::with_capacity(declared.len());
        for (position, (name, levels)) in declared.into_iter().enumerate() {
            if name.is_empty() {
                return Err(AxisError::Unnamed { position });
            }
            if axes.iter().any(|axis| axis.name == name) {
                return Err(AxisError::Duplicate { name });
            }
            if levels.is_empty() {
                return Err(AxisError::NoLevels { name });
            }
            if levels.len() as u64 > limit {
                return Err(AxisError::TooManyCombinations { combinations: levels.len() as u64, limit });
            }
            let mut numbers = HashMap::with_capacity(levels.len());
            for (number, level) in levels.iter().enumerate() {
                if level.is_empty() {
                    return Err(AxisError::UnnamedLevel { name, position: number });
                }
                if numbers.insert(level.clone(), number as u32).is_some() {
                    return Err(AxisError::DuplicateLevel { name, level: level.clone() });
                }
            }
            axes.push(Axis { name, levels, numbers });
        }

        let mut strides = vec![1; axes.len()];
        let mut combinations: u64 = 1;
        for (axis, stride) in axes.iter().zip(&mut strides).rev() {
            *stride = combinations;
            combinations = combinations.saturating_mul(axis.levels.len() as u64);
            if combinations > limit {
                return Err(AxisError::TooManyCombinations { combinations, limit });
            }
        }
        Ok(Self { axes, strides })
    }

    /// The number of combinations; one where there is no axis.
    pub(crate) fn combinations(&self) -> u64 {
        self.axes.iter().map(|axis| axis.levels.len() as u64).product()
    }

    /// The number of axes.
    pub(crate) fn len(&self) -> usize {
        self.axes.len()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.axes.iter().map(|axis| axis.name.as_str())
    }

    pub(crate) fn levels(&self, axis: usize) -> &[String] {
        &self.axes[axis].levels
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.axes.iter().position(|axis| axis.name == name)
    }

    /// The number of a level on an axis, both by name.
    pub(crate) fn find_level(&self, name: &str, level: &str) -> Result<(usize, u32), NameError> {
        let axis = self.position(name).ok_or_else(|| NameError::UnknownAxis {
            name: name.to_owned(),
            known: self.names().map(str::to_owned).collect(),
        })?;
        let number = self.axes[axis].numbers.get(level).ok_or_else(|| NameError::UnknownLevel {
            name: name.to_owned(),
            level: level.to_owned(),
            known: self.axes[axis].levels.iter().take(100).cloned().collect(),
        })?;
        Ok((axis, *number))
    }

    /// The code of a combination given by names, in any order.
    pub(crate) fn find<N: AsRef<str>, L: AsRef<str>>(
        &self,
        pairs: impl IntoIterator<Item = (N, L)>,
    ) -> Result<u64, NameError> {
        let mut given = vec![false; self.axes.len()];
        let mut code = 0;
        for (name, level) in pairs {
            let (axis, number) = self.find_level(name.as_ref(), level.as_ref())?;
            if std::mem::replace(&mut given[axis], true) {
                return Err(NameError::Repeated { name: name.as_ref().to_owned() });
            }
            code += u64::from(number) * self.strides[axis];
        }
        match given.iter().position(|&given| !given) {
            Some(axis) => Err(NameError::Missing { name: self.axes[axis].name.clone() }),
            None => Ok(code),
        }
    }

    /// The number of the level that a combination has on an axis.
    pub(crate) fn level(&self, axis: usize, code: u64) -> u32 {
        (code / self.strides[axis] % self.axes[axis].levels.len() as u64) as u32
    }

    /// The name of the level that a combination has on an axis.
    pub(crate) fn level_name(&self, axis: usize, code: u64) -> &str {
        &self.axes[axis].levels[self.level(axis, code) as usize]
    }

    /// Each axis with the level of a combination, by name.
    pub(crate) fn pairs(&self, code: u64) -> impl Iterator<Item = (&str, &str)> {
        (0..self.axes.len()).map(move |axis| (self.axes[axis].name.as_str(), self.level_name(axis, code)))
    }

    /// Writes a combination as `axis=level, axis=level`.
    pub(crate) fn fmt_pairs(&self, code: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, level)) in self.pairs(code).enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}={level}")?;
        }
        Ok(())
    }

    /// The axes as plain data.
    pub(crate) fn declared(&self) -> Vec<(String, Vec<String>)> {
        self.axes.iter().map(|axis| (axis.name.clone(), axis.levels.clone())).collect()
    }

    /// Adds all names, in order, to a fingerprint.
    pub(crate) fn fingerprint(&self, fingerprint: &mut Fingerprint) {
        fingerprint.number(self.axes.len() as u64);
        for axis in &self.axes {
            fingerprint.text(&axis.name);
            fingerprint.number(axis.levels.len() as u64);
            for level in &axis.levels {
                fingerprint.text(level);
            }
        }
    }
}

/// A 64-bit digest of names and numbers that is the same on every platform and in every release.
pub(crate) struct Fingerprint(SipHasher24);

impl Fingerprint {
    /// A fingerprint of things of one kind; the kind keeps equal names of different things apart.
    pub(crate) fn of(kind: &str) -> Self {
        let mut fingerprint = Self(SipHasher24::new());
        fingerprint.text(kind);
        fingerprint
    }

    /// Adds a text with its length, so that "ab","c" and "a","bc" differ.
    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.write(text.as_bytes());
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.write(&number.to_le_bytes());
    }

    /// The same as one number after the other, without what each costs by itself.
    pub(crate) fn numbers(&mut self, numbers: impl IntoIterator<Item = u64>) {
        let mut bytes = [0; 512];
        let mut filled = 0;
        for number in numbers {
            bytes[filled..filled + 8].copy_from_slice(&number.to_le_bytes());
            filled += 8;
            if filled == bytes.len() {
                self.0.write(&bytes);
                filled = 0;
            }
        }
        self.0.write(&bytes[..filled]);
    }

    pub(crate) fn finish(&self) -> u64 {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_one_number_after_the_other() {
        for count in [0, 1, 63, 64, 65, 200] {
            let (mut one_by_one, mut together) = (Fingerprint::of("test"), Fingerprint::of("test"));
            (0..count).for_each(|number| one_by_one.number(number * number));
            together.numbers((0..count).map(|number| number * number));
            assert_eq!(one_by_one.finish(), together.finish(), "{count}");
        }
    }
}
