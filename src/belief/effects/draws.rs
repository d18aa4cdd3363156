//! Draws of all cells together, and how often each is the best.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use super::dense::{Cholesky, Square};
use super::normal::standard;

/// A cell is left out if it lies so many standard deviations of their difference below the one with the largest mean: one time
/// in 10⁹.
const HOPELESS: f64 = 6.0;

/// How often each cell has the largest logit in `draws` draws from a Gaussian belief, as (position, share), ascending.
///
/// Draws come in pairs, one as far above the means as the other is below: twice as many for the same variates, and their errors
/// cancel in part.
pub(super) fn best(means: &[f64], covariance: &Square, draws: usize, seed: u64) -> Vec<(u32, f64)> {
    let leader = (1..means.len()).fold(0, |leader, i| if means[i] > means[leader] { i } else { leader });
    let near = |&i: &usize| {
        let behind = means[leader] - means[i];
        let variance = covariance.at(i, i) + covariance.at(leader, leader) - 2.0 * covariance.at(i, leader);
        i == leader || behind * behind < HOPELESS * HOPELESS * variance
    };
    let hopeful: Vec<usize> = (0..means.len()).filter(near).collect();
    let means: Vec<f64> = hopeful.iter().map(|&i| means[i]).collect();
    let factor = Cholesky::of(covariance.part(&hopeful));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut variates, mut apart) = (vec![0.0; means.len()], vec![0.0; means.len()]);
    let mut wins = vec![0_u32; means.len()];
    let pairs = draws.div_ceil(2);
    for _ in 0..pairs {
        variates.fill_with(|| standard(&mut rng));
        factor.spread(&variates, &mut apart);
        for sign in [1.0, -1.0] {
            let mut best = (0, f64::NEG_INFINITY);
            for (i, (mean, apart)) in means.iter().zip(&apart).enumerate() {
                let logit = mean + sign * apart;
                if logit > best.1 {
                    best = (i, logit);
                }
            }
            wins[best.0] += 1;
        }
    }
    let won = hopeful.iter().zip(wins).filter(|&(_, wins)| wins > 0);
    won.map(|(&i, wins)| (i as u32, f64::from(wins) / (2 * pairs) as f64)).collect()
}
