//! The rule of a panel: where its ten nodes lie, and how densities at the nodes become distribution functions there.
//!
//! Ten nodes, because that is where the work is least: fewer need more panels, and each panel its entry tests; with more
//! the integrals, whose cost grows with the square, take over.

use super::panel::{LANES, Lanes, at_least};

/// Nodes in a panel.
pub(super) const NODES: usize = 10;

/// Half of the nodes: the rest are their mirror images.
pub(super) const HALF: usize = NODES / 2;

/// Where the nodes lie, as fractions of the panel from its right edge: (1 − z)/2 for the zeros z of the Legendre
/// polynomial of degree 10.
pub(super) const PLACES: [f64; NODES] = [
    0.013_046_735_741_414_14,
    0.067_468_316_655_507_75,
    0.160_295_215_850_487_8,
    0.283_302_302_935_376_4,
    0.425_562_830_509_184_4,
    0.574_437_169_490_815_6,
    0.716_697_697_064_623_6,
    0.839_704_784_149_512_2,
    0.932_531_683_344_492_2,
    0.986_953_264_258_585_9,
];

/// The Gauss-Legendre weights on [−1, 1] of the first five nodes and of their mirror images.
pub(super) const WEIGHTS: [f64; HALF] = [
    0.066_671_344_308_688_14,
    0.149_451_349_150_580_6,
    0.219_086_362_515_982_04,
    0.269_266_719_309_996_35,
    0.295_524_224_714_752_87,
];

/// Row i: minus the integral from the middle to node i of the even polynomial that is ½ at node j and at its mirror
/// image and 0 at the other nodes.
const EVEN: [[f64; HALF]; HALF] = [
    [
        -0.016_786_930_035_634_06,
        -0.080_429_111_031_957_49,
        -0.105_972_163_880_840_8,
        -0.136_667_895_536_120_58,
        -0.147_097_163_774_032_92,
    ],
    [
        0.002_916_615_962_850_713_2,
        -0.038_017_165_402_787_614,
        -0.117_778_305_194_382_48,
        -0.130_655_189_150_704_56,
        -0.148_997_639_559_468_3,
    ],
    [
        -0.001_586_392_930_799_479_4,
        0.007_386_141_628_501_685,
        -0.056_547_724_375_569_61,
        -0.143_570_099_215_113_66,
        -0.145_386_709_256_531_13,
    ],
    [
        0.001_152_882_130_294_823_1,
        -0.004_532_603_451_987_165,
        0.012_056_923_532_537_475,
        -0.071_465_133_354_730_79,
        -0.153_909_765_920_737_93,
    ],
    [
        -0.000_999_466_897_417_958_8,
        0.003_728_424_297_209_575_7,
        -0.008_437_202_492_572_09,
        0.018_264_340_950_238_46,
        -0.086_993_265_348_273_59,
    ],
];

/// Row i: the integral from node i to the right edge of the odd polynomial that is ½ at node j, −½ at its mirror image
/// and 0 at the other nodes.
const ODD: [[f64; HALF]; HALF] = [
    [
        0.016_786_930_035_634_06,
        -0.006_537_924_128_002_866,
        0.005_212_990_083_426_813,
        -0.004_656_165_136_528_579,
        0.004_430_189_357_214_02,
    ],
    [
        0.035_880_017_039_193_88,
        0.038_017_165_402_787_614,
        -0.010_827_623_247_387_858,
        0.008_166_398_419_194_245,
        -0.007_372_564_423_826_927,
    ],
    [
        0.032_248_956_731_484_63,
        0.080_343_324_019_929_57,
        0.056_547_724_375_569_61,
        -0.014_818_486_222_943_376,
        0.011_380_889_694_568_998,
    ],
    [
        0.033_839_430_073_578_53,
        0.072_517_667_025_967_99,
        0.116_814_476_306_987_78,
        0.071_465_133_354_730_79,
        -0.020_045_385_531_032_29,
    ],
    [
        0.033_185_657_325_642_76,
        0.075_350_500_534_797,
        0.107_782_180_360_769_49,
        0.140_234_790_495_595_26,
        0.086_993_265_348_273_59,
    ],
];

/// A number for every lane.
const fn all_lanes(value: f64) -> Lanes {
    [value; LANES]
}

/// A rule with each number repeated for every lane.
const fn lanes_of_row(row: [f64; HALF]) -> [Lanes; HALF] {
    [all_lanes(row[0]), all_lanes(row[1]), all_lanes(row[2]), all_lanes(row[3]), all_lanes(row[4])]
}

/// Rules with each number repeated for every lane.
const fn lanes_of_rows(rows: [[f64; HALF]; HALF]) -> [[Lanes; HALF]; HALF] {
    [
        lanes_of_row(rows[0]),
        lanes_of_row(rows[1]),
        lanes_of_row(rows[2]),
        lanes_of_row(rows[3]),
        lanes_of_row(rows[4]),
    ]
}

/// The integration rules of a panel of width 2, ready to be multiplied by blocks.
#[repr(align(32))]
struct Rules {
    weights: [Lanes; HALF],
    even: [[Lanes; HALF]; HALF],
    odd: [[Lanes; HALF]; HALF],
}

static RULES: Rules =
    Rules { weights: lanes_of_row(WEIGHTS), even: lanes_of_rows(EVEN), odd: lanes_of_rows(ODD) };

/// The least value a distribution function takes: below it, rounding decides. A node where one is so small weighs
/// nothing, and the quotient by it is multiplied by it again in the product.
pub(super) const LEAST_FACTOR: f64 = 1e-20;

/// The weight of a node.
pub(super) fn weight(node: usize) -> f64 {
    WEIGHTS[if node < HALF { node } else { NODES - 1 - node }]
}

/// The distribution functions at the nodes, and the upper tail at the left edge, from the densities (times half the width) at
/// the nodes.
///
/// The integral from a node to the right edge is a sum over all ten nodes; split into the even and the odd part of
/// the density, the sums for a node and for its mirror image share their terms, which halves the work.
#[inline(always)]
pub(super) fn integrate(density: &[f64; NODES], survival: f64, l: usize) -> ([f64; NODES], f64) {
    let sum: [f64; HALF] = std::array::from_fn(|j| density[j] + density[NODES - 1 - j]);
    let difference: [f64; HALF] = std::array::from_fn(|j| density[j] - density[NODES - 1 - j]);
    let apply = |rule: &[Lanes; HALF], to: &[f64; HALF]| {
        ((rule[0][l] * to[0] + rule[1][l] * to[1]) + (rule[2][l] * to[2] + rule[3][l] * to[3]))
            + rule[4][l] * to[4]
    };
    let total = apply(&RULES.weights, &sum);
    let middle = 1.0 - (survival + 0.5 * total);
    let mut factor = [0.0; NODES];
    for i in 0..HALF {
        let even = apply(&RULES.even[i], &sum);
        let centre = middle - apply(&RULES.odd[i], &difference);
        factor[i] = at_least(centre - even, LEAST_FACTOR);
        factor[NODES - 1 - i] = at_least(centre + even, LEAST_FACTOR);
    }
    (factor, survival + total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distribution functions of powers of z on [−1, 1], which the rule integrates exactly up to the ninth.
    #[test]
    fn the_rule_is_exact_for_polynomials() {
        for power in 0..NODES as i32 {
            let places = PLACES.map(|place| 1.0 - 2.0 * place);
            let density = places.map(|z| 0.1 * z.powi(power));
            let tail = |z: f64| 0.1 * (1.0 - z.powi(power + 1)) / f64::from(power + 1);
            for lane in 0..LANES {
                let (factor, left) = integrate(&density, 0.25, lane);
                assert!((left - 0.25 - tail(-1.0)).abs() < 1e-16, "z^{power} over the panel");
                for (factor, z) in factor.into_iter().zip(places) {
                    assert!((factor - (0.75 - tail(z))).abs() < 3e-16, "z^{power} from {z}");
                }
            }
        }
    }
}
