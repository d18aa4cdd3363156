//! Policies by name, as configurations and command lines write them: `thompson`, `epsilon-greedy(0.05)`.

use std::error::Error;
use std::fmt;

use super::{
    EpsilonGreedy, Exp3Ix, ParameterError, Policy, Thompson, TsallisInf, Ucb1, Uniform,
};

/// The policy of this name, with options in brackets where it has any; without them, its default.
///
/// `horizon` is the number of decisions planned in a segment, for the policies that need to know.
///
/// ```
/// use tactful::policy::named;
///
/// assert_eq!(named("epsilon-greedy(0.05)", 1_000)?.name(), "epsilon-greedy(0.05)");
/// let error = named("eps", 1_000).map_err(|error| error.to_string());
/// assert!(error.is_err_and(|message| message.starts_with("no policy \"eps\"; known are thompson, ")));
/// # Ok::<(), tactful::policy::NamedError>(())
/// ```
///
/// # Errors
///
/// [`NamedError`] for an unknown name, with the known ones, and for options that the policy does not take.
pub fn named(text: &str, horizon: u64) -> Result<Box<dyn Policy>, NamedError> {
    let (name, options) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => match rest.strip_suffix(')') {
            Some(options) => (name, Some(options)),
            None => return Err(NamedError::Unclosed { text: text.to_owned() }),
        },
    };
    let name = name.trim();
    let Some(known) = KNOWN.iter().find(|known| known.name == name) else {
        return Err(NamedError::Unknown { name: name.to_owned() });
    };
    let options = Options { known, given: options.map(str::trim).filter(|options| !options.is_empty()) };
    (known.make)(&options, horizon)
}

/// The names that [`named`] knows, each with the options it takes, as in `epsilon-greedy(epsilon)`.
pub fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|known| known.usage)
}

/// Why a text names no policy.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NamedError {
    /// There is no policy of this name.
    Unknown {
        /// The name.
        name: String,
    },
    /// The bracket of the options is not closed.
    Unclosed {
        /// The text.
        text: String,
    },
    /// The policy does not take these options.
    Options {
        /// What was given.
        given: String,
        /// The policy with the options it takes.
        usage: &'static str,
    },
    /// An option is out of its range.
    Parameter(ParameterError),
}

impl fmt::Display for NamedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                write!(f, "no policy {name:?}; known are ")?;
                let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
                f.write_str(&names.join(", "))
            }
            Self::Unclosed { text } => write!(f, "the bracket in {text:?} is not closed"),
            Self::Options { given, usage } => write!(f, "options {given:?} do not fit {usage}"),
            Self::Parameter(error) => error.fmt(f),
        }
    }
}

impl Error for NamedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Parameter(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ParameterError> for NamedError {
    fn from(error: ParameterError) -> Self {
        Self::Parameter(error)
    }
}

/// A policy that has a name.
struct Known {
    name: &'static str,
    /// The name with the options that it takes.
    usage: &'static str,
    make: fn(&Options<'_>, u64) -> Result<Box<dyn Policy>, NamedError>,
}

/// What stands in brackets.
struct Options<'a> {
    known: &'static Known,
    given: Option<&'a str>,
}

impl Options<'_> {
    fn refused(&self) -> NamedError {
        let given = self.given.unwrap_or_default().to_owned();
        NamedError::Options { given, usage: self.known.usage }
    }

    /// No options, and this policy.
    fn none(&self, policy: impl Policy + 'static) -> Result<Box<dyn Policy>, NamedError> {
        match self.given {
            None => Ok(Box::new(policy)),
            Some(_) => Err(self.refused()),
        }
    }

    /// Whether the one option is this word.
    fn is(&self, word: &str) -> bool {
        self.given == Some(word)
    }

    /// One number at most.
    fn number(&self) -> Result<Option<f64>, NamedError> {
        let parse = |given: &str| given.parse().map_err(|_| self.refused());
        self.given.map(parse).transpose()
    }

    /// One number at most, under this name, as in `c=5`.
    fn keyed(&self, key: &str) -> Result<Option<f64>, NamedError> {
        let Some((_, value)) = self.given.and_then(|given| given.split_once('=')).filter(|(k, _)| k.trim() == key)
        else {
            return Ok(None);
        };
        value.trim().parse().map(Some).map_err(|_| self.refused())
    }
}

const KNOWN: &[Known] = &[
    Known { name: "thompson", usage: "thompson", make: |options, _| options.none(Thompson::default()) },
    Known { name: "ucb1", usage: "ucb1", make: |options, _| options.none(Ucb1::default()) },
    Known {
        name: "epsilon-greedy",
        usage: "epsilon-greedy(epsilon), epsilon-greedy(c=number) or epsilon-greedy(first=number)",
        make: |options, _| {
            if let Some(c) = options.keyed("c")? {
                return Ok(Box::new(EpsilonGreedy::decaying(c)?));
            }
            Ok(match options.number()? {
                Some(epsilon) => Box::new(EpsilonGreedy::constant(epsilon)?),
                None => Box::new(EpsilonGreedy::default()),
            })
        },
    },
    Known {
        name: "exp3-ix",
        usage: "exp3-ix or exp3-ix(plain)",
        make: |options, horizon| match options.is("plain") {
            true => Ok(Box::new(Exp3Ix::horizon(horizon).plain())),
            false => options.none(Exp3Ix::horizon(horizon)),
        },
    },
    Known {
        name: "tsallis-inf",
        usage: "tsallis-inf or tsallis-inf(plain)",
        make: |options, _| match options.is("plain") {
            true => Ok(Box::new(TsallisInf::plain())),
            false => options.none(TsallisInf::default()),
        },
    },
    Known { name: "uniform", usage: "uniform", make: |options, _| options.none(Uniform) },
];
