//! How fine the quadrature is: every threshold in one place.

/// The thresholds of one run of the march.
///
/// Probabilities below are of one event: that the best of the arms lies where the quadrature does not look, or that it
/// looks too coarsely.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance {
    /// Widest panel, in standard deviations (in the logit) of the narrowest arm that has joined.
    pub(super) deviations: f64,
    /// How much wider it may be, in parts, for each e-folding that the product has fallen: the less is left, the less
    /// precisely it need be known.
    pub(super) relief: f64,
    /// Widest panel near the middle, in the logit: the logistic function has poles at ±πi.
    pub(super) widest: f64,
    /// Widest panel in the tails, relative to the logit: so far away are the poles, and the densities are plain
    /// exponentials there.
    pub(super) widest_in_tails: f64,
    /// Greatest fall of the logarithm of the product of distribution functions within one panel, as foreseen.
    pub(super) fall: f64,
    /// How much more than is left to fall the last panel aims at, as a factor: the hazard grows ever more slowly, so
    /// what is foreseen is more than what comes.
    pub(super) overshoot: f64,
    /// Greatest growth of the logarithm of the hazard (the rate of that fall) within one panel, once the fall has begun.
    pub(super) growth: f64,
    /// The sum of upper tails at which the march may start: least and greatest.
    pub(super) start: (f64, f64),
    /// The arms that wait have, all together, at most this much upper tail.
    pub(super) join: f64,
    /// The march ends when the product of distribution functions is below this.
    pub(super) left: f64,
    /// Greatest amount by which the increments of one panel may miss the fall of the product.
    pub(super) check: f64,
}

impl Tolerance {
    /// Total variation below 10⁻⁶, for any number of arms.
    ///
    /// The widths are a cliff, not a slope: with these the largest total variation among ten thousand random instances
    /// is 4·10⁻⁷; with `widest` at 2.8 and 0.6 in the tails it is 5·10⁻⁶. Chosen together, by the fewest panels.
    pub(super) const STANDARD: Tolerance = Tolerance {
        deviations: 4.5,
        relief: 0.06,
        widest: 2.2,
        widest_in_tails: 0.45,
        fall: 12.0,
        overshoot: 1.8,
        growth: 14.0,
        start: (1e-7, 1e-5),
        join: 2e-7,
        left: 1e-7,
        check: 2e-7,
    };

    /// Absolute error below 10⁻⁹, for a few arms, where a panel costs little.
    pub(super) const FINE: Tolerance = Tolerance {
        deviations: 2.4,
        relief: 0.03,
        widest: 1.8,
        widest_in_tails: 0.25,
        fall: 7.0,
        overshoot: 1.4,
        growth: 6.0,
        start: (1e-12, 1e-9),
        join: 1e-11,
        left: 1e-10,
        check: 2e-10,
    };

    /// Up to so many different posteriors the fine setting is used.
    pub(super) const FEW: usize = 8;

    /// The setting for so many different posteriors.
    pub(super) fn for_classes(classes: usize) -> Tolerance {
        if classes <= Tolerance::FEW { Tolerance::FINE } else { Tolerance::STANDARD }
    }
}
