//! How far the rewards of a file reach, and what kind of rewards that makes them.

use crate::reward::RewardKind;

use super::Columns;

/// The least and the greatest reward so far, and whether all were 0 or 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    minimum: f64,
    maximum: f64,
    is_binary: bool,
}

impl Default for Extent {
    fn default() -> Self {
        Self { minimum: f64::INFINITY, maximum: f64::NEG_INFINITY, is_binary: true }
    }
}

impl Extent {
    #[expect(clippy::float_cmp, reason = "a reward is 0 or 1 to the last bit or it is not binary")]
    pub(super) fn add(&mut self, reward: f64) {
        self.minimum = self.minimum.min(reward);
        self.maximum = self.maximum.max(reward);
        self.is_binary &= reward == 0.0 || reward == 1.0;
    }

    /// The bounds that were declared; without, binary where every reward is 0 or 1, else the range seen, and where that is a
    /// point, the range from there to 0. And whether those bounds are known, rather than seen.
    #[expect(clippy::float_cmp, reason = "bounds as they were written, and a range that is a point")]
    pub(super) fn kind(&self, columns: &Columns) -> (RewardKind, bool) {
        let Self { minimum, maximum, is_binary } = *self;
        match columns.bounds {
            Some((0.0, 1.0)) | None if is_binary => (RewardKind::Binary, true),
            Some((minimum, maximum)) => (RewardKind::Real { minimum, maximum }, true),
            None if minimum == maximum => {
                (RewardKind::Real { minimum: minimum.min(0.0), maximum: maximum.max(0.0) }, false)
            }
            None => (RewardKind::Real { minimum, maximum }, false),
        }
    }
}
