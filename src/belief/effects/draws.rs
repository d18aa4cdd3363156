//! Draws of all cells together, and how often each is the best.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

use super::cholesky::Cholesky;
use super::dense::Matrix;
use super::joint::Joint;
use super::normal::standard;

/// Draws that are made side by side.
const ABREAST: usize = 8;

/// How often each cell has the largest logit in `draws` draws from a belief, as (position, share), ascending.
///
/// Draws come in pairs, one as far above the means as the other is below: twice as many for the same variates, and their errors
/// cancel in part.
pub(super) fn best(belief: &Joint, draws: usize, seed: u64) -> Vec<(u32, f64)> {
    let hopeful = belief.hopeful();
    let means: Vec<f64> = hopeful.iter().map(|&i| belief.means[i]).collect();
    // Those that promise most first: they leave little for the others to win.
    let mut order: Vec<usize> = (0..means.len()).collect();
    order.sort_by(|&one, &other| means[other].total_cmp(&means[one]));
    let lower = Cholesky::of(belief.covariance(&hopeful)).lower();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut variates = vec![[0.0; ABREAST]; means.len()];
    let mut wins = vec![0_u32; means.len()];
    let pairs = draws.div_ceil(2);
    for from in (0..pairs).step_by(ABREAST) {
        variates.as_flattened_mut().fill_with(|| standard(&mut rng));
        for best in winners(&means, &lower, &variates, &order) {
            best[..ABREAST.min(pairs - from)].iter().for_each(|&best| wins[best] += 1);
        }
    }
    let won = hopeful.iter().zip(wins).filter(|&(_, wins)| wins > 0);
    won.map(|(&i, wins)| (i as u32, f64::from(wins) / (2 * pairs) as f64)).collect()
}

/// Who has the largest value in each draw, and in each draw's opposite: of Gaussians of these means, whose deviations from them are
/// these rows times the variates. They are looked at in this order.
fn winners(
    means: &[f64],
    lower: &Matrix,
    variates: &[[f64; ABREAST]],
    order: &[usize],
) -> [[usize; ABREAST]; 2] {
    let mut best = [[0; ABREAST]; 2];
    let mut most = [[f64::NEG_INFINITY; ABREAST]; 2];
    for &i in order {
        let mut apart = [0.0; ABREAST];
        for (factor, variates) in lower.row(i)[..=i].iter().zip(variates) {
            for lane in 0..ABREAST {
                apart[lane] += factor * variates[lane];
            }
        }
        for (sign, (best, most)) in [1.0, -1.0].into_iter().zip(best.iter_mut().zip(&mut most)) {
            let values = apart.map(|apart| means[i] + sign * apart);
            // Without a branch for each: most are in none the best.
            if values.iter().zip(&*most).fold(false, |any, (value, most)| any | (value > most)) {
                for lane in 0..ABREAST {
                    if values[lane] > most[lane] {
                        (best[lane], most[lane]) = (i, values[lane]);
                    }
                }
            }
        }
    }
    best
}
