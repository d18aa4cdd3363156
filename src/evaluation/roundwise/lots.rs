//! Numbers that belong to a round, whatever was asked before: the lots of a replay, the folds of a model.

/// SplitMix64's output function of the n-th step from a seed: G. L. Steele, D. Lea, C. H. Flood (2014), *Fast
/// Splittable Pseudorandom Number Generators*.
fn mixed(seed: u64, number: u64) -> u64 {
    let mut word = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// A number of [0, 1) for each round.
pub(in super::super) fn lot(seed: u64, round: u64) -> f64 {
    (mixed(seed, round) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Parts into which the rounds are dealt for cross-fitting.
pub(in super::super) const FOLDS: usize = 5;

/// The part of a round, from 0: what is fitted for it is fitted to the other parts.
pub(in super::super) fn fold(round: usize) -> usize {
    /// Any; the folds of a log are always the same.
    const SEED: u64 = 0x7461_6374_6675_6c00;
    (mixed(SEED, round as u64) % FOLDS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// χ² over five folds, four degrees of freedom: above 18.47 one time in a thousand.
    #[test]
    fn folds_and_lots_are_even() {
        let mut counts = [0.0; FOLDS];
        (0..50_000).for_each(|round| counts[fold(round)] += 1.0);
        let squares: f64 = counts.iter().map(|count: &f64| (count - 1e4).powi(2) / 1e4).sum();
        assert!(squares < 18.47, "{counts:?}");
        let mean = (0..50_000).map(|round| lot(1, round)).sum::<f64>() / 5e4;
        assert!((mean - 0.5).abs() < 4.0 / (12.0 * 5e4_f64).sqrt(), "{mean}");
    }

    /// The first outputs of SplitMix64 from 1234567, as published with its reference code.
    #[test]
    fn the_mixture_is_splitmix() {
        assert_eq!(
            [0, 1].map(|n| mixed(1_234_567, n)),
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
    }
}
