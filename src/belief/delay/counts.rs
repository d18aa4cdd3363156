//! Conversions by cohort and delay: the table that the law of the delay is learnt from.

use std::collections::BTreeMap;

use super::{DelayError, DelayEstimate, DelayLaw, WeibullDelay, fit};

/// How many conversions of each cohort came how late, as integers.
///
/// A row per open cohort and one for all closed ones together: `8 W` bytes each, a row only where a conversion came.
/// Sums are order-free, and saturate at 2⁶⁴ − 1.
///
/// A cohort is named by its time bucket. Whether a delay has been observed from end to end is judged when the table is
/// read, by the bucket `now` that is going on then, so conversions are added as they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelayCounts {
    window: u32,
    closed: Vec<u64>,
    open: BTreeMap<u32, Vec<u64>>,
}

impl DelayCounts {
    /// The longest window: 2¹² buckets.
    pub const MAX_WINDOW: u32 = 1 << 12;

    /// An empty table for a window of so many buckets.
    ///
    /// # Errors
    ///
    /// [`DelayError::Window`] unless it is 1 to [`DelayCounts::MAX_WINDOW`].
    pub fn new(window: u32) -> Result<Self, DelayError> {
        if !(1..=Self::MAX_WINDOW).contains(&window) {
            return Err(DelayError::Window { window });
        }
        Ok(Self { window, closed: vec![0; window as usize], open: BTreeMap::new() })
    }

    /// The number of delays within the window, W.
    #[must_use]
    pub fn window(&self) -> u32 {
        self.window
    }

    /// Adds conversions of one cohort with one delay, in buckets from 0.
    ///
    /// # Errors
    ///
    /// [`DelayError::BeyondWindow`] if the delay is the window or more; nothing is added then.
    pub fn add(&mut self, cohort: u32, delay: u32, conversions: u64) -> Result<(), DelayError> {
        if delay >= self.window {
            return Err(DelayError::BeyondWindow { delay, window: self.window });
        }
        if conversions > 0 {
            let row = self.open.entry(cohort).or_insert_with(|| vec![0; self.window as usize]);
            row[delay as usize] = row[delay as usize].saturating_add(conversions);
        }
        Ok(())
    }

    /// Adds up the rows of the cohorts whose window is over in bucket `now`: they are all alike from then on.
    pub fn fold(&mut self, now: u32) {
        let window = self.window;
        let closed = &mut self.closed;
        self.open.retain(|&cohort, row| {
            let over = now.saturating_sub(cohort) >= window;
            if over {
                add_row(closed, row);
            }
            !over
        });
    }

    /// Adds the conversions of another table.
    ///
    /// # Errors
    ///
    /// [`DelayError::DifferentWindows`] if it has another window; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), DelayError> {
        if self.window != other.window {
            return Err(DelayError::DifferentWindows { window: self.window, other: other.window });
        }
        add_row(&mut self.closed, &other.closed);
        for (&cohort, row) in &other.open {
            add_row(self.open.entry(cohort).or_insert_with(|| vec![0; self.window as usize]), row);
        }
        Ok(())
    }

    /// The law of the delay as known in bucket `now`: the product-limit estimate, leaning with a strength of
    /// [`DelayEstimate::STRENGTH`] conversions on the exponential law that fits best.
    ///
    /// Before the first conversion that says anything, it is [`DelayLaw::uniform`]. The exponential is fitted with one
    /// conversion more than there were, spread evenly over the window, so that the first few cannot claim that nobody
    /// ever answers late.
    #[must_use]
    pub fn estimate(&self, now: u32) -> DelayEstimate {
        let seen = self.seen(now);
        let reference = if fit::told(&seen, 2) {
            let (last, spread) = (self.window as usize - 1, 1.0 / f64::from(self.window));
            let mut one_more = seen.clone();
            one_more.events.iter_mut().for_each(|events| *events += spread);
            one_more.covering[last] += 1.0;
            fit::exponential(&one_more).map(|exponential| exponential.tabulated(self.window))
        } else {
            None
        };
        let reference = reference.unwrap_or_else(|| DelayLaw::flat(self.window));
        DelayEstimate::new(&seen, &reference, DelayEstimate::STRENGTH)
    }

    /// The product-limit estimate in bucket `now`, leaning on a reference law as if that were worth `strength` further
    /// conversions at each delay. Zero gives the plain estimator; see [`DelayEstimate`].
    ///
    /// # Errors
    ///
    /// [`DelayError::DifferentWindows`] if the law has another window, [`DelayError::Strength`] if the strength is
    /// negative, infinite or not a number.
    pub fn product_limit(
        &self,
        now: u32,
        reference: &DelayLaw,
        strength: f64,
    ) -> Result<DelayEstimate, DelayError> {
        if reference.window() != self.window {
            return Err(DelayError::DifferentWindows { window: self.window, other: reference.window() });
        }
        if !(strength >= 0.0 && strength.is_finite()) {
            return Err(DelayError::Strength { strength });
        }
        Ok(DelayEstimate::new(&self.seen(now), reference, strength))
    }

    /// The exponential law of greatest likelihood in bucket `now`; `None` where no conversion tells one from another
    /// (there are none in cohorts that cover two delays or more).
    ///
    /// The scale is sought from [`WeibullDelay::MIN_SCALE`] to 64 windows, beyond which the law within the window
    /// is all but uniform.
    #[must_use]
    pub fn fit_exponential(&self, now: u32) -> Option<WeibullDelay> {
        fit::exponential(&self.seen(now))
    }

    /// The Weibull law of greatest likelihood in bucket `now`; `None` where there is no conversion in cohorts that
    /// cover three delays or more. The range of the scale is that of [`DelayCounts::fit_exponential`], the shape is
    /// sought in its whole range.
    #[must_use]
    pub fn fit_weibull(&self, now: u32) -> Option<WeibullDelay> {
        fit::weibull(&self.seen(now))
    }

    /// What has been seen from end to end by bucket `now`.
    pub(super) fn seen(&self, now: u32) -> Seen {
        let window = self.window as usize;
        // A sum of 2³² cohorts of 2¹² counts below 2⁶⁴ fits.
        let (mut events, mut at_risk, mut covering) =
            (vec![0_u128; window], vec![0_u128; window], vec![0_u128; window]);
        let open = self.open.iter().map(|(&cohort, row)| (now.saturating_sub(cohort).min(self.window), row));
        for (covered, row) in open.chain([(self.window, &self.closed)]) {
            let mut so_far = 0;
            for (delay, &conversions) in row.iter().take(covered as usize).enumerate() {
                so_far += u128::from(conversions);
                events[delay] += u128::from(conversions);
                at_risk[delay] += so_far;
            }
            if let Some(last) = (covered as usize).checked_sub(1) {
                covering[last] += so_far;
            }
        }
        let real = |counts: Vec<u128>| counts.into_iter().map(|count| count as f64).collect();
        Seen { events: real(events), at_risk: real(at_risk), covering: real(covering) }
    }
}

fn add_row(sum: &mut [u64], row: &[u64]) {
    for (sum, &count) in sum.iter_mut().zip(row) {
        *sum = sum.saturating_add(count);
    }
}

/// The sufficient statistics: all that product-limit estimate and likelihood need. Index: delay.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// Conversions with this delay, in cohorts that cover it.
    pub(super) events: Vec<f64>,
    /// Conversions with this delay or less, in cohorts that cover it.
    pub(super) at_risk: Vec<f64>,
    /// Conversions in cohorts for which this is the last delay covered.
    pub(super) covering: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_by_hand() {
        let mut counts = DelayCounts::new(3).unwrap();
        for (cohort, delay, conversions) in
            [(0, 0, 5), (0, 2, 1), (2, 0, 4), (2, 1, 2), (3, 0, 7), (3, 1, 9), (4, 0, 8)]
        {
            counts.add(cohort, delay, conversions).unwrap();
        }
        // In bucket 4: cohort 0 is closed, cohort 2 covers two delays, cohort 3 one (its nine are of a bucket that is
        // going on), cohort 4 none.
        let seen = Seen {
            events: vec![16.0, 2.0, 1.0],
            at_risk: vec![16.0, 11.0, 6.0],
            covering: vec![7.0, 6.0, 6.0],
        };
        assert_eq!(counts.seen(4), seen);
        counts.fold(4);
        assert_eq!((counts.open.len(), counts.closed.as_slice()), (3, [5, 0, 1].as_slice()));
        assert_eq!(counts.seen(4), seen);
    }
}
