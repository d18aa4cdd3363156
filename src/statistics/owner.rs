//! Whose counters they are: each life of each process owns its own.

/// Who made decisions: a process, and one life of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Issuer {
    pub(crate) replica: u16,
    /// Below 2⁴⁸.
    pub(crate) incarnation: u64,
}

impl Issuer {
    /// Binary digits of an incarnation.
    pub(crate) const INCARNATION_BITS: u32 = 48;
}
