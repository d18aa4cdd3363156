//! How far ln(1 + u) falls short of u: the part of a logarithm that is left when large terms cancel on paper.

/// The coefficients 1/3, 1/5, … of artanh s / s³ in powers of s²; nine leave 10⁻¹⁷ for |s| up to 1/9.
const ODD_PARTS: [f64; 9] =
    [1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0];

/// u − ln(1 + u) for u > −1, never negative, to a relative error of 10⁻¹⁴.
///
/// With s = u / (2 + u), ln(1 + u) is 2 artanh s and u − 2s is u s, so that near zero nothing cancels.
pub(crate) fn log_shortfall(u: f64) -> f64 {
    if u.abs() > 0.2 {
        return u - libm::log1p(u);
    }
    let s = u / (2.0 + u);
    let square = s * s;
    let series = ODD_PARTS.iter().rev().fold(0.0, |sum, part| sum * square + part);
    s * (u - 2.0 * square * series)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of forty digits: ln 1.5, ln 1.2, ln 0.8, ln 1.000001.
    #[test]
    fn nothing_cancels_near_zero() {
        for (u, expected) in [
            (0.5, 0.094_534_891_891_835_62),
            (0.2, 0.017_678_443_206_045_377),
            (-0.2, 0.023_143_551_314_209_757),
            (1e-6, 4.999_996_666_669_167e-13),
            (-1e-6, 5.000_003_333_335_833e-13),
        ] {
            assert!((log_shortfall(u) / expected - 1.0).abs() < 1e-14, "{u}: {}", log_shortfall(u));
        }
        assert!(log_shortfall(0.0).abs() < 1e-300);
    }
}
