//! Features of a request: numbers with declared names and ranges, two bytes each from the border on.

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::arm::Fingerprint;

/// What is told of each customer beside the segment: numbers with names and ranges, declared in code.
///
/// At the border a value v of the range [a, b] becomes q = round(2¹⁵ (v − a) / (b − a)), an integer from 0 to 2¹⁵, and the
/// model sees x = q / 2¹⁵ in [0, 1], with a constant 1 before the first. So sums of products of features are exact in 64 bits,
/// whatever the order of arrival; a token carries two bytes a feature; and a model does not depend on units of measurement.
///
/// A number that is not a quantity (a region, a tariff) is no feature; make a segment of it, or one feature of 0 or 1 for each
/// of its values but one.
///
/// ```
/// use tactful::Features;
///
/// let features = Features::builder().feature("balance", 0.0..=5_000.0).feature("days", 0.0..=90.0).build()?;
/// assert_eq!(features.names().collect::<Vec<_>>(), ["balance", "days"]);
/// assert!(features.check(&[120.0, 14.0]).is_ok());
/// let error = features.check(&[f64::NAN, 14.0]).map_err(|error| error.to_string());
/// assert_eq!(error, Err("feature 0 (from 0) is NaN, not from 0 to 5000".to_owned()));
/// # Ok::<(), tactful::FeaturesError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Declared>", into = "Vec<Declared>")]
pub struct Features {
    declared: Vec<Declared>,
    /// Steps per unit of each.
    steps: Vec<f64>,
    /// 24 bits of the fingerprint of names and ranges.
    check: u32,
}

/// A feature as it was declared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Declared {
    name: String,
    least: f64,
    greatest: f64,
}

/// Collects features; see [`Features::builder`].
#[derive(Clone, Debug, Default)]
pub struct FeaturesBuilder {
    declared: Vec<Declared>,
}

/// Why features cannot be declared so.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FeaturesError {
    /// None at all, or more than [`Features::MOST`].
    Number {
        /// How many.
        features: usize,
    },
    /// Two of the same name.
    Duplicate {
        /// The name.
        name: String,
    },
    /// A range that is not finite, or does not ascend.
    Range {
        /// The name.
        name: String,
        /// Its least value.
        least: f64,
        /// Its greatest value.
        greatest: f64,
    },
}

impl fmt::Display for FeaturesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { features } => {
                write!(f, "{features} features are declared, from 1 to {} can be", Features::MOST)
            }
            Self::Duplicate { name } => write!(f, "feature {name:?} is declared twice"),
            Self::Range { name, least, greatest } => {
                write!(f, "feature {name:?} from {least} to {greatest}: bounds must be finite and ascend")
            }
        }
    }
}

impl Error for FeaturesError {}

/// Why the values of a request's features are not accepted.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FeatureError {
    /// The bandit has no features.
    NotDeclared,
    /// As many values as there are features are needed.
    Number {
        /// How many were given.
        given: usize,
        /// How many are declared.
        declared: usize,
    },
    /// A value outside the declared range, or NaN.
    Value {
        /// Number of the feature, from 0 in the order of declaration.
        feature: usize,
        /// The value.
        value: f64,
        /// The least it may be.
        least: f64,
        /// The greatest it may be.
        greatest: f64,
    },
}

impl FeatureError {
    /// All of it as words: equal errors have equal keys, NaN included.
    fn key(&self) -> (u8, [u64; 4]) {
        match *self {
            Self::NotDeclared => (0, [0; 4]),
            Self::Number { given, declared } => (1, [given as u64, declared as u64, 0, 0]),
            Self::Value { feature, value, least, greatest } => {
                (2, [feature as u64, value.to_bits(), least.to_bits(), greatest.to_bits()])
            }
        }
    }
}

impl PartialEq for FeatureError {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for FeatureError {}

impl fmt::Display for FeatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDeclared => f.write_str("the bandit was built without features"),
            Self::Number { given, declared } => write!(f, "{given} values for {declared} features"),
            Self::Value { feature, value, least, greatest } => {
                write!(f, "feature {feature} (from 0) is {value}, not from {least} to {greatest}")
            }
        }
    }
}

impl Error for FeatureError {}

impl Features {
    /// The most features there can be.
    pub const MOST: usize = 16;

    /// Starts a declaration.
    #[must_use]
    pub fn builder() -> FeaturesBuilder {
        FeaturesBuilder::default()
    }

    /// The number of features, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.declared.len()
    }

    /// Their names, in the order in which values are given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.declared.iter().map(|declared| declared.name.as_str())
    }

    /// The declared range of each, in the same order.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<f64>> {
        self.declared.iter().map(|declared| declared.least..=declared.greatest)
    }

    /// Whether a request may have these values.
    ///
    /// # Errors
    ///
    /// [`FeatureError`] carries the value that is not in its range.
    pub fn check(&self, values: &[f64]) -> Result<(), FeatureError> {
        self.quantise(values).map(drop)
    }

    /// The values as the model will see them.
    #[inline]
    pub(crate) fn quantise(&self, values: &[f64]) -> Result<Quantised, FeatureError> {
        if values.len() != self.declared.len() {
            return Err(FeatureError::Number { given: values.len(), declared: self.declared.len() });
        }
        let mut quantised = [0; Self::MOST];
        let given = self.declared.iter().zip(&self.steps).zip(values).zip(&mut quantised);
        for (feature, (((declared, steps), &value), place)) in given.enumerate() {
            let Declared { least, greatest, .. } = *declared;
            if !(value >= least && value <= greatest) {
                return Err(FeatureError::Value { feature, value, least, greatest });
            }
            // Not negative, so that the cast rounds down; `round` would be a call.
            *place = (((value - least) * steps + 0.5) as u16).min(ONE);
        }
        Ok(Quantised { head: self.check << 8 | values.len() as u32, values: quantised })
    }

    /// Whether features were quantised by this declaration.
    pub(crate) fn made(&self, quantised: &Quantised) -> bool {
        quantised.head == self.check << 8 | self.declared.len() as u32
    }

    /// Where the feature of another declaration stands in this one: by name. The error is that of one whose range differs.
    pub(crate) fn place_of(&self, other: &Features, feature: usize) -> Result<Option<usize>, FeaturesError> {
        let theirs = &other.declared[feature];
        let Some(place) = self.declared.iter().position(|ours| ours.name == theirs.name) else {
            return Ok(None);
        };
        if self.declared[place] == *theirs {
            return Ok(Some(place));
        }
        let Declared { name, least, greatest } = theirs.clone();
        Err(FeaturesError::Range { name, least, greatest })
    }
}

impl FeaturesBuilder {
    /// Adds a feature with the range of its values, both ends included.
    #[must_use]
    pub fn feature(mut self, name: impl Into<String>, range: RangeInclusive<f64>) -> Self {
        self.declared.push(Declared { name: name.into(), least: *range.start(), greatest: *range.end() });
        self
    }

    /// Checks the declaration.
    ///
    /// # Errors
    ///
    /// [`FeaturesError`] says what cannot be.
    pub fn build(self) -> Result<Features, FeaturesError> {
        Features::try_from(self.declared)
    }
}

impl TryFrom<Vec<Declared>> for Features {
    type Error = FeaturesError;

    fn try_from(declared: Vec<Declared>) -> Result<Self, FeaturesError> {
        if declared.is_empty() || declared.len() > Self::MOST {
            return Err(FeaturesError::Number { features: declared.len() });
        }
        let mut fingerprint = Fingerprint::of("features");
        for (place, Declared { name, least, greatest }) in declared.iter().enumerate() {
            if declared[..place].iter().any(|before| before.name == *name) {
                return Err(FeaturesError::Duplicate { name: name.clone() });
            }
            let steps = f64::from(ONE) / (greatest - least);
            let whole = least.is_finite() && greatest > least && (greatest - least).is_finite();
            if !(whole && steps.is_finite()) {
                return Err(FeaturesError::Range { name: name.clone(), least: *least, greatest: *greatest });
            }
            fingerprint.text(name);
            fingerprint.number(least.to_bits());
            fingerprint.number(greatest.to_bits());
        }
        let steps = declared.iter().map(|declared| f64::from(ONE) / (declared.greatest - declared.least));
        let steps = steps.collect();
        Ok(Self { declared, steps, check: (fingerprint.finish() >> 40) as u32 })
    }
}

impl From<Features> for Vec<Declared> {
    fn from(features: Features) -> Self {
        features.declared
    }
}

/// One, as a quantised feature.
pub(crate) const ONE: u16 = 1 << 15;

/// The features of one request, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantised {
    /// How many they are, and above that 24 bits of the fingerprint of their declaration.
    head: u32,
    /// From 0 to [`ONE`]; 0 beyond the number.
    values: [u16; Features::MOST],
}

impl Quantised {
    /// Of a request without features.
    pub(crate) const NONE: Self = Self { head: 0, values: [0; Features::MOST] };

    /// The number of bytes of so many features.
    pub(crate) const fn bytes_of(features: usize) -> usize {
        4 + 2 * features
    }

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.head == 0
    }

    /// The features, the constant left out.
    #[inline]
    pub(crate) fn values(&self) -> &[u16] {
        &self.values[..(self.head & 0xFF) as usize]
    }

    /// Head and values, the lowest byte of each first.
    pub(crate) fn to_bytes(self) -> [u8; Self::bytes_of(Features::MOST)] {
        let mut bytes = [0; Self::bytes_of(Features::MOST)];
        bytes[..4].copy_from_slice(&self.head.to_le_bytes());
        for (place, value) in bytes[4..].chunks_exact_mut(2).zip(self.values) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    /// What such bytes say, those beyond the number of features 0; `None` for what no declaration makes.
    pub(crate) fn from_bytes(bytes: &[u8; Self::bytes_of(Features::MOST)]) -> Option<Self> {
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let head = u32::from(word(2)) << 16 | u32::from(word(0));
        let values: [u16; Features::MOST] = std::array::from_fn(|place| word(4 + 2 * place));
        let number = (head & 0xFF) as usize;
        let possible = (1..=Features::MOST).contains(&number)
            && values.iter().all(|&value| value <= ONE)
            && values[number..].iter().all(|&value| value == 0);
        possible.then_some(Self { head, values })
    }

    /// Head and values as hexadecimal numbers with points between them: `b1c2d302.4000.8000`.
    #[cfg(feature = "journal")]
    pub(crate) fn to_text(self) -> String {
        let values = self.values().iter().map(|value| format!(".{value:04x}"));
        std::iter::once(format!("{:08x}", self.head)).chain(values).collect()
    }

    /// The features in such a text; `None` for any other.
    #[cfg(feature = "journal")]
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let number = |digits: &str, length: usize| {
            let plain = digits.len() == length && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u32::from_str_radix(digits, 16).ok().filter(|_| plain)
        };
        let mut parts = text.split('.');
        let head = number(parts.next()?, 8)?;
        let mut values = [0; Features::MOST];
        for place in values.iter_mut().take((head & 0xFF) as usize) {
            *place = number(parts.next()?, 4)? as u16;
        }
        let whole = parts.next().is_none();
        Self::from_bytes(&Self { head, values }.to_bytes()).filter(|_| whole)
    }

    /// The constant and the features as the model sees them, in [0, 1].
    #[inline]
    pub(crate) fn point(&self) -> Point {
        let mut coordinates = [0.0; Features::MOST + 1];
        coordinates[0] = 1.0;
        for (place, &value) in coordinates[1..].iter_mut().zip(&self.values) {
            *place = f64::from(value) * (1.0 / ONE as f64);
        }
        Point { coordinates, dimensions: self.values().len() + 1 }
    }
}

impl fmt::Debug for Quantised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values()).finish()
    }
}

/// A constant and features, in [0, 1].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    coordinates: [f64; Features::MOST + 1],
    dimensions: usize,
}

impl std::ops::Deref for Point {
    type Target = [f64];

    #[inline]
    fn deref(&self) -> &[f64] {
        &self.coordinates[..self.dimensions]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_middle_of_a_range_are_exact() {
        let features = Features::builder().feature("age", 18.0..=98.0).feature("debt", -1e-3..=7e9).build();
        let features = features.expect("two ranges");
        let quantised = |values: [f64; 2]| features.quantise(&values).expect("in range").values;
        assert_eq!(quantised([18.0, 7e9])[..2], [0, ONE]);
        assert_eq!(quantised([98.0, -1e-3])[..2], [ONE, 0]);
        assert_eq!(quantised([58.0, 3.5e9])[..2], [ONE / 2, ONE / 2]);
    }

    #[test]
    fn what_is_no_value_of_the_range_is_refused_with_the_value() {
        let features = Features::builder().feature("age", 18.0..=98.0).build().expect("a range");
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 17.999, 98.001] {
            let refused = FeatureError::Value { feature: 0, value, least: 18.0, greatest: 98.0 };
            assert_eq!(features.check(&[value]), Err(refused));
        }
        assert_eq!(features.check(&[]), Err(FeatureError::Number { given: 0, declared: 1 }));
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        let one = |range| Features::builder().feature("x", range).build();
        for (least, greatest) in
            [(0.0, 0.0), (1.0, 0.0), (f64::NAN, 1.0), (f64::MIN, f64::MAX), (0.0, 5e-324)]
        {
            assert!(matches!(one(least..=greatest), Err(FeaturesError::Range { .. })), "{least} {greatest}");
        }
        let many = (0..17).fold(Features::builder(), |all, n| all.feature(n.to_string(), 0.0..=1.0));
        assert_eq!(many.build(), Err(FeaturesError::Number { features: 17 }));
        let twice = Features::builder().feature("x", 0.0..=1.0).feature("x", 0.0..=1.0);
        assert_eq!(twice.build(), Err(FeaturesError::Duplicate { name: "x".to_owned() }));
    }

    #[test]
    fn bytes_come_back_and_impossible_ones_do_not() {
        let features = Features::builder().feature("x", 0.0..=1.0).feature("y", 0.0..=1.0).build();
        let quantised = features.expect("two ranges").quantise(&[0.25, 1.0]).expect("in range");
        let bytes = quantised.to_bytes();
        assert_eq!(Quantised::from_bytes(&bytes), Some(quantised));
        for (at, byte) in [(0, 0), (0, 17), (0, 1), (7, 0x81), (9, 1)] {
            let mut wrong = bytes;
            wrong[at] = byte;
            assert_eq!(Quantised::from_bytes(&wrong), None, "{at}");
        }
    }
}
