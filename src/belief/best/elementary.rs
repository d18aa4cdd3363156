//! Elementary functions that give the same bits on every target and that the compiler turns into vector code.
//!
//! The standard library hands these functions to the platform's mathematics, which differs in last bits between
//! platforms, and a decision must not. So they are written here with additions, multiplications, divisions and integer
//! operations on the bits alone, without branches and without fused multiply-add (baseline x86-64 has none), so that a
//! plain loop over them vectorises. Coefficients are interpolants at Chebyshev nodes, computed with 50 digits.

/// Adding 1.5·2⁵² to a small number rounds it to an integer and leaves that integer in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// 2⁵² as bits: an integer below 2⁵² put into its mantissa is that integer plus 2⁵².
const TWO_52: u64 = 0x4330_0000_0000_0000;

/// The bits of √½, where `ln` cuts the mantissas, so that they lie in [√½, √2).
const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;

/// The bits of 1.
const ONE: u64 = 0x3ff0_0000_0000_0000;

/// Where `exp2` stops falling: 2⁻⁹⁹⁵ is about 10⁻³⁰⁰, still a normal number.
const LEAST_EXPONENT: f64 = -995.0;

/// 2ᵗ for t ≤ 1000 with relative error below 6·10⁻¹¹; below −995 it stays at 2⁻⁹⁹⁵.
///
/// Degree 7 on |r| ≤ ½. The error is a smooth ripple about zero, so integrals of it are more accurate still.
#[inline(always)]
pub(super) fn exp2(t: f64) -> f64 {
    let t = if t > LEAST_EXPONENT { t } else { LEAST_EXPONENT };
    let shifted = t + ROUND;
    let r = t - (shifted - ROUND);
    // In pairs, not Horner's nest: the shorter chain keeps more nodes in flight.
    let r2 = r * r;
    let low = (0.999_999_999_959_529_4 + 0.693_147_180_556_829_9 * r)
        + r2 * (0.240_226_512_138_089_96 + 5.550_410_906_349_796e-2 * r);
    let high = (9.618_025_571_864_355e-3 + 1.333_347_844_178_020_2e-3 * r)
        + r2 * (1.546_974_247_885_399e-4 + 1.530_371_092_057_002_8e-5 * r);
    let p = low + (r2 * r2) * high;
    f64::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// eᵗ, by [`exp2`].
#[inline(always)]
pub(in crate::belief) fn exp(t: f64) -> f64 {
    exp2(t * std::f64::consts::LOG2_E)
}

/// eᵗ and eᵗ − 1 for |t| ≤ 700, both to a few units in the last place.
#[inline(always)]
pub(super) fn exp_and_expm1(t: f64) -> (f64, f64) {
    let shifted = t * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    // The high part of ln 2 has 21 trailing zero bits, so that k times it is exact.
    let r = (t - k * 0.693_147_180_369_123_8) - k * 1.908_214_929_270_587_7e-10;
    // In groups of four, for a short chain.
    let (r2, r4) = (r * r, (r * r) * (r * r));
    let low =
        (0.5 + 0.166_666_666_666_666_66 * r) + r2 * (4.166_666_666_666_668e-2 + 8.333_333_333_319_589e-3 * r);
    let middle = (1.388_888_888_887_907_3e-3 + 1.984_126_989_007_640_3e-4 * r)
        + r2 * (2.480_158_733_644_223_6e-5 + 2.755_724_088_722_987e-6 * r);
    let high = (2.755_726_327_908_85e-7 + 2.511_004_920_481_865_8e-8 * r) + r2 * 2.091_813_773_764_273_6e-9;
    let p = r2 * (low + r4 * (middle + r4 * high)) + r;
    let power = f64::from_bits(ONE.wrapping_add(shifted.to_bits() << 52));
    (power + power * p, (power - 1.0) + power * p)
}

/// The exponent k of x = 2ᵏ m, with m in [√½, √2), as a number; m − 1; and the bits that hold k + 1023.
#[inline(always)]
fn split(x: f64) -> (f64, f64, u64) {
    let moved = x.to_bits().wrapping_add(ONE - SQRT_HALF);
    let biased = moved >> 52;
    let k = f64::from_bits(TWO_52 | biased) - (4_503_599_627_370_496.0 + 1023.0);
    let m = f64::from_bits((moved & 0x000f_ffff_ffff_ffff) + SQRT_HALF);
    (k, m - 1.0, biased)
}

/// k ln 2 + ln(1 + f) for 1 + f in [√½, √2], by ln(1 + f) = 2 artanh(s) = 2s + s³(⅔ + …), s = f / (2 + f).
#[inline(always)]
fn ln_of_parts(k: f64, f: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let mut p = 0.146_178_071_534_173_25;
    p = p * z + 0.153_316_117_220_550_08;
    p = p * z + 0.181_828_924_325_368_7;
    p = p * z + 0.222_222_110_893_794_96;
    p = p * z + 0.285_714_286_258_262_56;
    p = p * z + 0.399_999_999_998_988_9;
    p = p * z + 0.666_666_666_666_667;
    k * std::f64::consts::LN_2 + (2.0 * s + s * z * p)
}

/// The natural logarithm of a positive, normal number, to a few units in the last place.
#[inline(always)]
pub(super) fn ln(x: f64) -> f64 {
    let (k, f, _) = split(x);
    ln_of_parts(k, f)
}

/// A number at most ln x and more than ln x − ln 2, for a positive, normal x: by its exponent alone.
#[inline(always)]
pub(super) fn floor_of_ln(x: f64) -> f64 {
    (f64::from_bits(TWO_52 | (x.to_bits() >> 52)) - (4_503_599_627_370_496.0 + 1023.0))
        * std::f64::consts::LN_2
}

/// The natural logarithm of a positive, normal number to 5·10⁻⁴: enough where a width is chosen, with a short chain of
/// operations.
#[inline(always)]
pub(super) fn rough_ln(x: f64) -> f64 {
    let (k, f, _) = split(x);
    k * std::f64::consts::LN_2 + ln_1p_of_fraction(f)
}

/// ln(1 + x) for x ≥ 0 to 2·10⁻³ of it.
#[inline(always)]
pub(super) fn rough_ln_1p(x: f64) -> f64 {
    if x < 0.5 { ln_1p_of_fraction(x) } else { rough_ln(1.0 + x) }
}

/// The approximant of Padé to ln(1 + f), of degrees 2 and 1.
#[inline(always)]
fn ln_1p_of_fraction(f: f64) -> f64 {
    f * (6.0 + f) / (6.0 + 4.0 * f)
}

/// ln(1 + x) for x > −1, to a few units in the last place also where x is tiny.
#[inline(always)]
pub(super) fn ln_1p(x: f64) -> f64 {
    let sum = 1.0 + x;
    let (k, f, biased) = split(sum);
    // What the addition rounded away, scaled like the mantissa: 1 + x = 2ᵏ (1 + f + lost).
    let scale = f64::from_bits(2046_u64.wrapping_sub(biased) << 52);
    let (large, small) = if x > 1.0 { (x, 1.0) } else { (1.0, x) };
    let lost = (small - (sum - large)) * scale;
    ln_of_parts(k, f + lost)
}

/// ln(x / m) for positive x and m, from 1 / m and from x − m to more digits than the subtraction would leave.
///
/// Near x = m the difference decides, elsewhere the ratio: so the relative error is a few units in the last place.
#[inline(always)]
pub(super) fn ln_ratio(x: f64, inverse_of_m: f64, difference: f64) -> f64 {
    let (k, far, _) = split(x * inverse_of_m);
    let near = difference * inverse_of_m;
    let is_near = near < 0.25 && near > -0.25;
    ln_of_parts(if is_near { 0.0 } else { k }, if is_near { near } else { far })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts `found = expected` to the relative error `tolerance`.
    fn close(found: f64, expected: f64, tolerance: f64) {
        let error = (found - expected).abs();
        assert!(error <= tolerance * expected.abs(), "{found:e}, not {expected:e}");
    }

    // The values below were computed with 40 digits.

    #[test]
    fn exp_at_known_points() {
        close(exp(0.0), 1.0, 6e-11);
        close(exp(0.3), 1.349_858_807_576_003_2, 6e-11);
        close(exp(-0.3), 0.740_818_220_681_717_9, 6e-11);
        close(exp(2.5), 12.182_493_960_703_473, 6e-11);
        close(exp(-40.0), 4.248_354_255_291_589e-18, 6e-11);
        assert!(exp(-1e9) > 0.0 && exp(-1e9) < 1e-299);
    }

    #[test]
    fn exp_against_libm_everywhere() {
        for step in -6_890..7_000_i32 {
            let t = f64::from(step) * 0.1 + 0.0123;
            close(exp(t), libm::exp(t), 6e-11);
            close(exp_and_expm1(t).0, libm::exp(t), 1e-15);
            close(exp_and_expm1(t).1, libm::expm1(t), 1e-15);
            close(exp_and_expm1(t * 1e-6).1, libm::expm1(t * 1e-6), 1e-15);
        }
    }

    #[test]
    fn expm1_keeps_the_digits_of_tiny_arguments() {
        close(exp_and_expm1(1e-10).1, 1.000_000_000_05e-10, 1e-15);
        close(exp_and_expm1(1e-3).1, 1.000_500_166_708_341_7e-3, 1e-15);
        close(exp_and_expm1(-0.3).1, -0.259_181_779_318_282_1, 1e-15);
        close(exp_and_expm1(-40.0).0, 4.248_354_255_291_589e-18, 1e-15);
    }

    #[test]
    fn rough_logarithms_are_as_rough_as_promised() {
        for step in 1..4_000_i32 {
            let x = f64::from(step) * 0.013;
            assert!((rough_ln(x) - libm::log(x)).abs() < 5e-4, "ln {x}");
            close(rough_ln_1p(x * x), libm::log1p(x * x), 2e-3);
            close(rough_ln_1p(x * 1e-6), libm::log1p(x * 1e-6), 1e-6);
        }
    }

    #[test]
    fn ln_at_known_points() {
        assert!(ln(1.0).to_bits() == 0);
        close(ln(1.0 / 3.0), -1.098_612_288_668_109_8, 1e-15);
        close(ln(1e300), 690.775_527_898_213_7, 1e-15);
        for step in 1..4_000_i32 {
            let x = f64::from(step) * 0.001;
            close(ln(x), libm::log(x), 1e-15);
            close(ln_1p(x - 1.0), libm::log1p(x - 1.0), 1e-15);
            close(ln_1p(x * 1e-9), libm::log1p(x * 1e-9), 1e-15);
            close(ln_1p(x * 1e9), libm::log1p(x * 1e9), 1e-15);
        }
        close(ln_1p(1e-10), 9.999_999_999_5e-11, 1e-15);
        close(ln_1p(-0.3), -0.356_674_943_938_732_4, 1e-15);
    }
}
