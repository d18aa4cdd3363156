//! Policies by name, as configurations and command lines write them: `thompson`, `epsilon-greedy(0.05)`.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::arm::ArmId;

use super::{
    BayesUcb, BurnIn, ConditionalValueAtRisk, Conservative, EpsilonGreedy, Exp3Ix, Family, InverseGap, KlUcb,
    KlUcbPlusPlus, LinUcb, Maximin, Moss, OptimisticThompson, ParameterError, Policy, PooledSegments,
    PooledThompson, RewardLaw, SharpenedThompson, Softmax, Thompson, TopTwoThompson, TsallisInf, Ucb1,
    Ucb1Tuned, UcbV, Uniform, WorstOff,
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
    // Policies in brackets are found by recursion: nobody needs more of them.
    let nested = text.matches('(').count() > 8;
    let Some(known) = KNOWN.iter().find(|known| known.name == name && !nested) else {
        return Err(NamedError::Unknown { name: name.to_owned() });
    };
    let mut options = Options::new(known.usage, options.unwrap_or_default());
    let policy = (known.make)(&mut options, horizon)?;
    if options.left.is_empty() { Ok(policy) } else { Err(options.refused()) }
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

type Made = Result<Box<dyn Policy>, NamedError>;

/// A policy that has a name.
struct Known {
    name: &'static str,
    /// The name with the options that it takes.
    usage: &'static str,
    make: fn(&mut Options<'_>, u64) -> Made,
}

/// What stands in brackets: numbers, words, and numbers with names, between commas.
struct Options<'a> {
    usage: &'static str,
    given: &'a str,
    /// What no one has asked for yet.
    left: Vec<&'a str>,
}

impl<'a> Options<'a> {
    fn new(usage: &'static str, given: &'a str) -> Self {
        let mut depth = 0_i32;
        let between = move |character: char| {
            depth += i32::from(character == '(') - i32::from(character == ')');
            character == ',' && depth == 0
        };
        let left = given.split(between).map(str::trim).filter(|option| !option.is_empty()).collect();
        Self { usage, given, left }
    }

    fn refused(&self) -> NamedError {
        NamedError::Options { given: self.given.trim().to_owned(), usage: self.usage }
    }

    /// The first option left that is of this kind, and is none then.
    fn take<T>(&mut self, kind: impl Fn(&'a str) -> Option<T>) -> Option<T> {
        let (index, found) =
            self.left.iter().enumerate().find_map(|(index, &option)| Some((index, kind(option)?)))?;
        self.left.remove(index);
        Some(found)
    }

    /// The next number without a name.
    fn number<T: FromStr>(&mut self) -> Option<T> {
        self.take(|option| option.parse().ok())
    }

    /// The number of this name.
    fn named<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.take(|option| {
            let (key, value) = option.split_once('=')?;
            (key.trim() == name).then(|| value.trim().parse().ok())?
        })
    }

    /// Whether this word is there.
    fn word(&mut self, word: &str) -> bool {
        self.take(|option| (option == word).then_some(())).is_some()
    }

    /// The next option that names a policy.
    fn policy(&mut self, horizon: u64) -> Result<Box<dyn Policy>, NamedError> {
        let text = self.take(|option| option.starts_with(char::is_alphabetic).then_some(option));
        named(text.ok_or_else(|| self.refused())?, horizon)
    }

    /// The family of rewards.
    fn family(&mut self) -> Family {
        match (self.named("gaussian"), self.named("poisson")) {
            (Some(deviation), _) => Family::Gaussian { deviation },
            (None, Some(most)) => Family::Poisson { most },
            (None, None) => Family::Bernoulli,
        }
    }

    /// The law of rewards.
    fn law(&mut self) -> RewardLaw {
        match (self.word("gaussian"), self.named("poisson"), self.named("zero-inflated")) {
            (true, _, _) => RewardLaw::Gaussian,
            (_, Some(most), _) => RewardLaw::Poisson { most },
            (_, _, Some(variation)) => RewardLaw::ZeroInflated { variation },
            _ => RewardLaw::Binary,
        }
    }
}

/// A known policy: its name, the same with the options it takes, and how it is made of options and horizon.
macro_rules! known {
    ($name:literal, $usage:literal, |$options:ident, $horizon:pat_param| $policy:expr) => {
        Known { name: $name, usage: concat!($name, $usage), make: |$options, $horizon| Ok(Box::new($policy)) }
    };
}

const KNOWN: &[Known] = &[
    known!("thompson", "(gaussian or poisson=most or zero-inflated=variation)", |options, _| {
        Thompson::of(options.law())?
    }),
    known!("optimistic-thompson", "", |_o, _| OptimisticThompson::default()),
    known!(
        "sharpened-thompson",
        "(gamma,gaussian or poisson=most or zero-inflated=variation)",
        |options, _| {
            let policy = match options.number() {
                Some(gamma) => SharpenedThompson::new(gamma)?,
                None => SharpenedThompson::default(),
            };
            policy.law(options.law())?
        }
    ),
    known!(
        "pooled-thompson",
        "(trust-structure,without-pairs,insurance=share,draws=number,seed=number)",
        |options, _| {
            let policy = match options.word("trust-structure") {
                true => PooledThompson::trust_structure(),
                false => PooledThompson::default(),
            };
            let policy = if options.word("without-pairs") { policy.without_pairs() } else { policy };
            let policy = options.named("draws").map_or(policy, |draws| policy.draws(draws));
            let policy = options.named("seed").map_or(policy, |seed| policy.seed(seed));
            match options.named("insurance") {
                Some(insurance) => policy.insurance(insurance)?,
                None => policy,
            }
        }
    ),
    known!("top-two-thompson", "(beta)", |options, _| match options.number() {
        Some(beta) => TopTwoThompson::new(beta)?,
        None => TopTwoThompson::default(),
    }),
    known!("ucb1", "(c)", |options, _| match options.number() {
        Some(c) => Ucb1::new(c)?,
        None => Ucb1::default(),
    }),
    known!("lin-ucb", "(alpha)", |options, _| match options.number() {
        Some(alpha) => LinUcb::new(alpha)?,
        None => LinUcb::default(),
    }),
    known!("ucb1-tuned", "", |_o, _| Ucb1Tuned::default()),
    known!("ucb-v", "(zeta,c)", |options, _| match (options.number(), options.number()) {
        (Some(zeta), Some(c)) => UcbV::new(zeta, c)?,
        (Some(_), None) => return Err(options.refused()),
        _ => UcbV::default(),
    }),
    known!("moss", "(horizon,c)", |options, horizon| match (options.number(), options.number()) {
        (None, None) => Moss::horizon(horizon),
        (Some(horizon), c) => Moss::horizon(horizon).constant(c.unwrap_or(1.0))?,
        // A horizon such as 1e4, which is no whole number, is not taken for the constant.
        (None, Some(_)) => return Err(options.refused()),
    }),
    known!("moss-anytime", "(c)", |options, _| Moss::anytime().constant(options.number().unwrap_or(1.0))?),
    known!("kl-ucb", "(gaussian=deviation or poisson=most,c=number)", |options, _| {
        KlUcb::new(options.family(), options.named("c").unwrap_or(0.0))?
    }),
    known!("kl-ucb++", "(horizon,gaussian=deviation or poisson=most)", |options, horizon| {
        KlUcbPlusPlus::horizon(options.number().unwrap_or(horizon)).family(options.family())?
    }),
    known!("kl-ucb++-anytime", "(gaussian=deviation or poisson=most)", |options, _| {
        KlUcbPlusPlus::anytime().family(options.family())?
    }),
    known!("bayes-ucb", "(c,horizon)", |options, horizon| match options.number() {
        Some(c) => BayesUcb::new(c, options.number().unwrap_or(horizon))?,
        None => BayesUcb::default(),
    }),
    known!("epsilon-greedy", "(epsilon, c=number or first=number)", |options, _| {
        match (options.number(), options.named("c"), options.named("first")) {
            (None, None, None) => EpsilonGreedy::default(),
            (Some(epsilon), None, None) => EpsilonGreedy::constant(epsilon)?,
            (None, Some(c), None) => EpsilonGreedy::decaying(c)?,
            (None, None, Some(decisions)) => EpsilonGreedy::first(decisions),
            _ => return Err(options.refused()),
        }
    }),
    known!("softmax", "(temperature)", |options, _| match options.number() {
        Some(temperature) => Softmax::new(temperature)?,
        None => Softmax::default(),
    }),
    known!("inverse-gap", "(gamma,floor)", |options, _| {
        let policy = match options.number() {
            Some(gamma) => InverseGap::new(gamma)?,
            None => InverseGap::default(),
        };
        match options.number() {
            Some(floor) => policy.floor(floor)?,
            None => policy,
        }
    }),
    known!("exp3-ix", "(plain)", |options, horizon| match options.word("plain") {
        true => Exp3Ix::horizon(horizon).plain(),
        false => Exp3Ix::horizon(horizon),
    }),
    known!("tsallis-inf", "(plain)", |options, _| match options.word("plain") {
        true => TsallisInf::plain(),
        false => TsallisInf::default(),
    }),
    known!("maximin", "(delta)", |options, _| match options.number() {
        Some(delta) => Maximin::new(delta)?,
        None => Maximin::default(),
    }),
    known!("cvar", "(alpha)", |options, _| match options.number() {
        Some(alpha) => ConditionalValueAtRisk::new(alpha)?,
        None => ConditionalValueAtRisk::default(),
    }),
    known!("worst-off", "(delta)", |options, _| match options.number() {
        Some(delta) => WorstOff::new(delta)?,
        None => WorstOff::default(),
    }),
    known!("pooled-segments", "(policy)", |options, horizon| {
        match options.left.is_empty() {
            true => PooledSegments::new(Thompson::default()),
            false => PooledSegments::boxed(options.policy(horizon)?),
        }
    }),
    known!("burn-in", "(policy,selections)", |options, horizon| {
        let policy = options.policy(horizon)?;
        BurnIn::boxed(policy, options.number().ok_or_else(|| options.refused())?)
    }),
    known!("conservative", "(policy,arm,alpha)", |options, horizon| {
        match (options.policy(horizon)?, options.number(), options.number()) {
            (policy, Some(arm), Some(alpha)) => Conservative::boxed(policy, ArmId::new(arm), alpha)?,
            _ => return Err(options.refused()),
        }
    }),
    known!("uniform", "", |_o, _| Uniform),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What a policy is called is what it answers to.
    #[test]
    fn names_are_read_back() {
        let texts = [
            "ucb1(0.5)",
            "lin-ucb(0.5)",
            "ucb-v(1,3)",
            "moss(500,2)",
            "moss-anytime",
            "moss-anytime(2)",
            "kl-ucb(gaussian=0.5,c=3)",
            "kl-ucb(poisson=4)",
            "kl-ucb++(900,gaussian=0.5)",
            "kl-ucb++-anytime",
            "bayes-ucb(5,900)",
            "epsilon-greedy(0.05)",
            "epsilon-greedy(c=5)",
            "epsilon-greedy(first=50)",
            "softmax(0.005)",
            "inverse-gap(10)",
            "inverse-gap(10,0.1)",
            "thompson(gaussian)",
            "thompson(poisson=12)",
            "thompson(zero-inflated=0.5)",
            "sharpened-thompson(1.5)",
            "sharpened-thompson(2,zero-inflated=1)",
            "top-two-thompson(0.25)",
            "pooled-thompson(insurance=0.02,draws=64)",
            "pooled-thompson(trust-structure,without-pairs,seed=7)",
            "exp3-ix(plain)",
            "tsallis-inf(plain)",
            "maximin(0.2)",
            "cvar(0.2)",
            "worst-off(0.05)",
            "pooled-segments(sharpened-thompson(1.5))",
            "burn-in(ucb1(0.5),10)",
            "conservative(epsilon-greedy(c=5),0,0.1)",
        ];
        for text in texts {
            assert_eq!(named(text, 1_000).map(|policy| policy.name()).as_deref(), Ok(text));
        }
        for known in KNOWN.iter().filter(|known| !["burn-in", "conservative"].contains(&known.name)) {
            let policy = named(known.name, 1_000).expect(known.name);
            let again = named(&policy.name(), 1).expect("its own name");
            assert_eq!(policy.name(), again.name());
            assert!(policy.name().starts_with(known.name));
        }
    }

    #[test]
    fn what_names_nothing_is_told() {
        let refused = |text: &str| named(text, 1_000).map(|policy| policy.name()).unwrap_err().to_string();
        assert!(refused("thomson").starts_with("no policy \"thomson\"; known are thompson, "));
        assert_eq!(refused("ucb1(0.5"), "the bracket in \"ucb1(0.5\" is not closed");
        assert_eq!(refused("ucb1(x)"), "options \"x\" do not fit ucb1(c)");
        assert_eq!(refused("uniform(1)"), "options \"1\" do not fit uniform");
        assert_eq!(refused("thompson(zero-inflated=20)"), "variation is 20, not from 0.1 to 10");
        assert_eq!(refused("epsilon-greedy(1.5)"), "epsilon is 1.5, not in [0, 1]");
        assert_eq!(refused("burn-in(10)"), "options \"10\" do not fit burn-in(policy,selections)");
        for hostile in [
            "",
            "(",
            ")",
            "((((",
            "ucb1()",
            "ucb1(())",
            "burn-in(burn-in(burn-in(",
            "a,b",
            "ucb1(NaN)",
            "ucb1(-1)",
        ] {
            let _ = named(hostile, 0);
        }
    }
}
