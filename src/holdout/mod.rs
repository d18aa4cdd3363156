//! Holdout: some customers are left to a baseline, so that what learning earns can be told.

mod lift;

pub use lift::Lift;

use std::error::Error;
use std::fmt;

use siphasher::sip::SipHasher24;

/// Which customers are held out: a share of them, by a salted hash of their key, the same ones every time.
///
/// Held-out customers are segments of their own: the attribute [`Holdout::ATTRIBUTE`] says which they are, so that counters,
/// tokens, journal and snapshots tell them apart without further ado. [`HeldOut`](crate::policy::HeldOut) gives them a baseline
/// policy and keeps what they teach from the others; [`Bandit::lift`](crate::Bandit::lift) says what learning has earned
/// against them. Another salt holds out other customers.
///
/// With a [window](crate::BanditBuilder::window), delays are told apart by this attribute too
/// ([`DelaysBy`](crate::bandit::DelaysBy)), or the delays of held-out customers are learnt from with the others.
///
/// The hash is SipHash-2-4 (Aumasson, Bernstein 2012) under the salt: a customer is held out if it is below the share of 2⁶⁴.
/// The same on every platform and in every release.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use tactful::holdout::Holdout;
/// use tactful::policy::{HeldOut, Thompson, Uniform};
/// use tactful::{ArmSpace, Bandit, Segments};
///
/// let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
/// let segments = Segments::builder()
///     .attribute("stage", ["early", "late"])
///     .attribute(Holdout::ATTRIBUTE, Holdout::LEVELS)
///     .build()?;
/// let policy = HeldOut::new(Thompson::default(), Uniform, &segments)?;
/// let bandit = Bandit::builder(arms, segments).policy(policy).build()?;
///
/// let holdout = Holdout::new("dunning 2026", 0.1)?;
/// let group = holdout.level(b"customer 17"); // "learning" for nine of ten
/// let segment = bandit.segment([("stage", "late"), (Holdout::ATTRIBUTE, group)])?;
/// let decision = bandit.select(segment, &bandit.arms().all(), &mut Xoshiro256PlusPlus::seed_from_u64(1))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Holdout {
    key: [u8; 16],
    share: f64,
}

/// A share of held-out customers that is not in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HoldoutError {
    /// The share given.
    pub share: f64,
}

impl fmt::Display for HoldoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a holdout of {} is not a share in [0, 1]", self.share)
    }
}

impl Error for HoldoutError {}

impl Holdout {
    /// The attribute of the segments that says who is held out.
    pub const ATTRIBUTE: &'static str = "holdout";

    /// Its levels: customers that are learnt from, customers held out.
    pub const LEVELS: [&'static str; 2] = ["learning", "held_out"];

    /// Holds out a share of the customers, in [0, 1], chosen by this salt.
    ///
    /// # Errors
    ///
    /// [`HoldoutError`] for a share out of range.
    pub fn new(salt: &str, share: f64) -> Result<Self, HoldoutError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(HoldoutError { share });
        }
        // A salt of any length makes a key: its hashes under two keys of our own.
        let half = |number: u64| SipHasher24::new_with_keys(number, 0).hash(salt.as_bytes()).to_le_bytes();
        let mut key = [0; 16];
        key[..8].copy_from_slice(&half(1));
        key[8..].copy_from_slice(&half(2));
        Ok(Self { key, share })
    }

    /// Whether the customer with this key is held out.
    #[must_use]
    pub fn contains(&self, customer: &[u8]) -> bool {
        // The cast rounds to 53 bits, which moves the share by 2⁻⁵⁴ at most; 1 is 2⁶⁴, above every hash.
        (SipHasher24::new_with_key(&self.key).hash(customer) as f64) < self.share * 2_f64.powi(64)
    }

    /// The level of [`Holdout::ATTRIBUTE`] that the customer with this key has.
    #[must_use]
    pub fn level(&self, customer: &[u8]) -> &'static str {
        Self::LEVELS[usize::from(self.contains(customer))]
    }
}
