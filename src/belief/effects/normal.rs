//! Standard normal variates: the inverse of the distribution function at uniform numbers, the same bits everywhere.

use rand::Rng;

/// A standard normal variate from one word of a generator.
///
/// M. J. Wichura (1988), *Algorithm AS 241: The Percentage Points of the Normal Distribution*, PPND16: relative error about
/// 10⁻¹⁶. Six in seven need a quotient of two polynomials only; tails take a logarithm and a root.
pub(super) fn standard<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    // The middle of one of 2⁵³ cells, less ½: never ±½.
    let uniform = ((rng.next_u64() >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0);
    quantile(uniform - 0.5)
}

/// The quantile of ½ + q, for |q| < ½.
fn quantile(q: f64) -> f64 {
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(&CENTRE, r);
    }
    let tail = if q < 0.0 { 0.5 + q } else { 0.5 - q };
    let r = (-libm::log(tail)).sqrt();
    let size = if r <= 5.0 { ratio(&MIDDLE, r - 1.6) } else { ratio(&FAR, r - 5.0) };
    if q < 0.0 { -size } else { size }
}

/// Numerator and denominator, from the highest power down.
type Coefficients = [[f64; 8]; 2];

fn ratio(coefficients: &Coefficients, x: f64) -> f64 {
    let [over, under] =
        coefficients.map(|each| each.iter().fold(0.0, |sum, coefficient| sum * x + coefficient));
    over / under
}

const CENTRE: Coefficients = [
    [
        2.509_080_928_730_122_6e3,
        33_430.575_583_588_13,
        6.726_577_092_700_87e4,
        4.592_195_393_154_987e4,
        13_731.693_765_509_46,
        1.971_590_950_306_551_4e3,
        1.331_416_678_917_843_8e2,
        3.387_132_872_796_366_5,
    ],
    [
        5.226_495_278_852_854e3,
        2.872_908_573_572_194_3e4,
        3.930_789_580_009_271e4,
        2.121_379_430_158_659_7e4,
        5.394_196_021_424_751e3,
        6.871_870_074_920_579e2,
        4.231_333_070_160_091e1,
        1.0,
    ],
];

const MIDDLE: Coefficients = [
    [
        7.745_450_142_783_414e-4,
        2.272_384_498_926_918_4e-2,
        2.417_807_251_774_506e-1,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    [
        1.050_750_071_644_416_9e-9,
        5.475_938_084_995_345e-4,
        1.519_866_656_361_645_7e-2,
        1.481_039_764_274_800_8e-1,
        6.897_673_349_851e-1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
];

const FAR: Coefficients = [
    [
        2.010_334_399_292_288_1e-7,
        2.711_555_568_743_487_6e-5,
        1.242_660_947_388_078_4e-3,
        2.653_218_952_657_612_4e-2,
        2.965_605_718_285_048_7e-1,
        1.784_826_539_917_291_3,
        5.463_784_911_164_114,
        6.657_904_643_501_103,
    ],
    [
        2.044_263_103_389_939_8e-15,
        1.421_511_758_316_446e-7,
        1.846_318_317_510_054_8e-5,
        7.868_691_311_456_133e-4,
        1.487_536_129_085_061_5e-2,
        1.369_298_809_227_358e-1,
        5.998_322_065_558_88e-1,
        1.0,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Known percentage points, in the centre and both tails; near ½ the argument itself has 10⁻⁷ of itself at most.
    #[test]
    fn quantiles() {
        for (q, expected) in [
            (0.0, 0.0),
            (0.25, 0.674_489_750_196_081_7),
            (-0.25, -0.674_489_750_196_081_7),
            (0.475, 1.959_963_984_540_054),
            (-0.499, -3.090_232_306_167_813_5),
            (0.499_99, 4.264_890_793_922_825),
            (-0.499_999_999, -5.997_807_015_007_687),
        ] {
            assert!((quantile(q) - expected).abs() < 1e-7, "{q}: {}", quantile(q));
        }
    }
}
