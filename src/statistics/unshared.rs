//! Counting one by one in counters that no other thread has: what the atomic cells do, as plain arithmetic.

use crate::reward::Quantity;

use super::ArmStatistics;

impl ArmStatistics {
    /// With one decision more.
    pub(crate) fn issue(self) -> Self {
        Self { issued: self.issued.saturating_add(1), ..self }
    }

    /// With one decision less, unless something has come of all.
    pub(crate) fn withdraw(self) -> Self {
        Self { issued: self.returned.max(self.issued.saturating_sub(1)), ..self }
    }

    /// With one decision returned; a return without its decision brings that along.
    pub(crate) fn settle(self) -> Self {
        let returned = self.returned.saturating_add(1);
        Self { returned, issued: self.issued.max(returned), ..self }
    }

    /// With another amount for a decision, which had none or this one before.
    pub(crate) fn amount(self, before: Option<Quantity>, after: Quantity) -> Self {
        let (sum, squares) = before.map_or((0, 0), |before| (before.get(), before.square()));
        Self {
            sum: self.sum.saturating_add(after.get()).saturating_sub(sum),
            squares: self.squares.saturating_add(after.square()).saturating_sub(squares),
            ..self
        }
    }
}
