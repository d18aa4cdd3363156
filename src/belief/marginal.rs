//! What must be known of a posterior of one mean, whatever its family.

/// The posterior of a mean as a continuous law: density, both tails, and where most of it lies.
///
/// Everything is a pure function that gives the same bits on every platform: `libm`, or arithmetic alone.
pub trait Marginal: PartialEq {
    /// Whether the mean is positive, and the logarithm the better variable: there the long tails of amounts are short.
    const POSITIVE: bool;

    /// The density at x.
    fn density(&self, x: f64) -> f64;

    /// The probability that the mean is at most x, precise where it is small.
    fn cdf(&self, x: f64) -> f64;

    /// The probability that the mean is more than x, precise where it is small.
    fn survival(&self, x: f64) -> f64;

    /// An interval with most of the probability, some three standard deviations to each side: where to look closely. What
    /// it is exactly changes no result.
    fn bulk(&self) -> (f64, f64);

    /// The mean below which there is probability p in (0, 1), to ten digits or more; the end of all means for other p.
    fn quantile(&self, p: f64) -> f64 {
        if !(p > 0.0) {
            return if Self::POSITIVE { 0.0 } else { f64::NEG_INFINITY };
        }
        if p >= 1.0 {
            return f64::INFINITY;
        }
        // How much too far right y is, by the tail that has the digits.
        let excess = |y: f64| {
            let x = value::<Self>(y);
            if p > 0.5 { (1.0 - p) - self.survival(x) } else { self.cdf(x) - p }
        };
        let (mut low, mut high) = variables(self);
        let mut width = high - low;
        while excess(low) > 0.0 && width < f64::MAX {
            low -= width;
            width *= 2.0;
        }
        while excess(high) < 0.0 && width < f64::MAX {
            high += width;
            width *= 2.0;
        }
        let mut y = 0.5 * (low + high);
        for _ in 0..200 {
            let found = excess(y);
            if found > 0.0 {
                high = y
            } else {
                low = y
            }
            let next = y - found / density_of_variable(self, y);
            // Newton's method where it stays inside, else halves.
            let next = if next > low && next < high { next } else { 0.5 * (low + high) };
            let moved = (next - y).abs();
            y = next;
            if !(moved > 4e-16 * (high.abs() + low.abs())) {
                break;
            }
        }
        value::<Self>(y)
    }
}

/// The mean at which the variable of a quadrature, the mean or its logarithm, is y.
pub(super) fn value<M: Marginal + ?Sized>(y: f64) -> f64 {
    if M::POSITIVE { libm::exp(y) } else { y }
}

/// The density of that variable.
pub(super) fn density_of_variable<M: Marginal + ?Sized>(marginal: &M, y: f64) -> f64 {
    let x = value::<M>(y);
    if M::POSITIVE { x * marginal.density(x) } else { marginal.density(x) }
}

/// The bulk in that variable.
pub(super) fn variables<M: Marginal + ?Sized>(marginal: &M) -> (f64, f64) {
    let (low, high) = marginal.bulk();
    if M::POSITIVE { (libm::log(low), libm::log(high)) } else { (low, high) }
}
