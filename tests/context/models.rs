//! What the models believe, against solutions by another way.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::belief::Linear;
use tactful::plan::Cadence;
use tactful::policy::LinUcb;
use tactful::{ArmSpace, Bandit, Features, Reward, SegmentId, Segments};

const EVERYONE: SegmentId = SegmentId::new(0);

fn bandit(arms: usize, features: usize, linear: Linear) -> Bandit {
    let space = ArmSpace::builder().dimension("arm", (0..arms).map(|arm| arm.to_string())).build().unwrap();
    let declared = (0..features).fold(Features::builder(), |all, n| all.feature(n.to_string(), 0.0..=1.0));
    Bandit::builder(space, Segments::single())
        .features(declared.build().unwrap())
        .linear(linear)
        .policy(LinUcb::default())
        .cadence(Cadence::EVERY_EVENT)
        .exploration(0.0)
        .build()
        .unwrap()
}

/// One decision for this arm.
fn told(bandit: &Bandit, arm: usize, x: &[f64], reward: Option<f64>, rng: &mut Xoshiro256PlusPlus) {
    let only = bandit.arms().eligible(|one| one.id().index() == arm);
    let decision = bandit.select_with(EVERYONE, &only, x, rng).unwrap();
    if let Some(reward) = reward {
        bandit.reward(&decision, Reward::new(reward)).unwrap();
    }
}

/// x with A x = b, by elimination with pivots.
fn solved(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs())).unwrap();
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in 0..n {
            if row != column {
                let factor = a[row][column] / a[column][column];
                let (from, other) = (a[column].clone(), b[column]);
                a[row].iter_mut().zip(from).for_each(|(entry, from)| *entry -= factor * from);
                b[row] -= factor * other;
            }
        }
    }
    (0..n).map(|row| b[row] / a[row][row]).collect()
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

#[test]
fn lin_ucb_by_the_published_figures() {
    let bandit = bandit(1, 1, Linear::disjoint());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for (x, reward) in [(0.0, 1.0), (1.0, 0.0), (0.5, 1.0)] {
        told(&bandit, 0, &[x], Some(reward), &mut rng);
    }
    let belief = bandit.linear_beliefs(EVERYONE, &bandit.arms().all(), &[0.25]).unwrap()[0];
    assert!((belief.mean() - 0.518_518_519).abs() < 1e-9, "{belief:?}");
    assert!((belief.width() - 0.509_175_077).abs() < 1e-9, "{belief:?}");
}

/// Decisions (arm, x with the constant, reward) on the grid of quantised features.
fn history(arms: usize, features: usize, rounds: usize) -> Vec<(usize, Vec<f64>, f64)> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut round = |_| {
        let x = (0..features).map(|_| f64::from(rng.random_range(0..=64)) / 64.0);
        let x: Vec<f64> = std::iter::once(1.0).chain(x).collect();
        let arm = rng.random_range(0..arms - 1);
        (arm, x.clone(), f64::from(u8::from(rng.random_bool(0.2 + 0.5 * x[1 + arm % features]))))
    };
    (0..rounds).map(&mut round).collect()
}

/// The last arm is never tried. All arms in one system: the common part and the parts of each.
#[test]
fn disjoint_and_hybrid_are_the_solution_of_the_whole_system() {
    let (arms, features, ridge) = (4, 3, 2.5);
    let d = features + 1;
    let history = history(arms, features, 60);
    for hybrid in [false, true] {
        let linear = if hybrid { Linear::hybrid() } else { Linear::disjoint() };
        let bandit = bandit(arms, features, linear.ridge(ridge).unwrap());
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let n = d * (arms + 1);
        let mut a: Vec<Vec<f64>> =
            (0..n).map(|i| (0..n).map(|j| if i == j { ridge } else { 0.0 }).collect()).collect();
        let mut b = vec![0.0; n];
        // The common part stands first; without one it is left at the prior, of which arms know nothing.
        let design = |arm: usize, x: &[f64]| {
            let mut z = vec![0.0; n];
            if hybrid {
                z[..d].copy_from_slice(x);
            }
            z[d * (arm + 1)..d * (arm + 2)].copy_from_slice(x);
            z
        };
        for (arm, x, reward) in &history {
            told(&bandit, *arm, &x[1..], Some(*reward), &mut rng);
            let z = design(*arm, x);
            for i in 0..n {
                b[i] += z[i] * reward;
                for j in 0..n {
                    a[i][j] += z[i] * z[j];
                }
            }
        }
        let theta = solved(a.clone(), b);
        for x in [[1.0, 0.25, 0.5, 1.0], [1.0, 0.0, 0.0, 0.0]] {
            let beliefs = bandit.linear_beliefs(EVERYONE, &bandit.arms().all(), &x[1..]).unwrap();
            for (arm, belief) in beliefs.iter().enumerate() {
                let z = design(arm, &x);
                let width = dot(&z, &solved(a.clone(), z.clone())).sqrt();
                assert!((belief.mean() - dot(&z, &theta)).abs() < 1e-8, "{hybrid} {arm} {belief:?}");
                assert!((belief.width() - width).abs() < 1e-8, "{hybrid} {arm} {belief:?} {width}");
            }
        }
    }
}

/// Rewards that are outstanding are taken for like those that have come.
#[test]
fn what_is_outstanding_widens_nothing_and_moves_no_mean() {
    let (all, half) = (bandit(1, 1, Linear::disjoint()), bandit(1, 1, Linear::disjoint()));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for round in 0..400 {
        let (x, reward) = ([f64::from(round / 2 % 5) / 4.0], Some(f64::from(u8::from(round % 8 < 2))));
        if round % 2 == 0 {
            told(&all, 0, &x, reward, &mut rng);
        }
        told(&half, 0, &x, reward.filter(|_| round % 2 == 0), &mut rng);
    }
    let belief = |bandit: &Bandit| bandit.linear_beliefs(EVERYONE, &bandit.arms().all(), &[0.5]).unwrap()[0];
    let (all, half) = (belief(&all), belief(&half));
    assert!((all.mean() - half.mean()).abs() < 1e-8, "{all:?} {half:?}");
    // LinUCB counts selections: twice as many, and so narrower.
    let ratio = half.width() / all.width();
    assert!((ratio - 0.5_f64.sqrt()).abs() < 0.005, "{ratio}");
}

/// The mode by Newton's method with the features of every decision.
fn exact_logistic(history: &[(Vec<f64>, f64)], base: f64) -> Vec<f64> {
    let d = history[0].0.len();
    let mut theta = vec![0.0; d];
    for _ in 0..50 {
        let mut a: Vec<Vec<f64>> =
            (0..d).map(|i| (0..d).map(|j| f64::from(u8::from(i == j))).collect()).collect();
        let mut score: Vec<f64> = (0..d).map(|i| -(theta[i] - if i == 0 { base } else { 0.0 })).collect();
        for (x, reward) in history {
            let p = 1.0 / (1.0 + (-dot(&theta, x)).exp());
            for i in 0..d {
                score[i] += (reward - p) * x[i];
                for j in 0..d {
                    a[i][j] += p * (1.0 - p) * x[i] * x[j];
                }
            }
        }
        theta.iter_mut().zip(solved(a, score)).for_each(|(theta, step)| *theta += step);
    }
    theta
}

#[test]
fn logistic_is_near_the_fit_that_knows_every_decision() {
    let truth = [-1.5, 2.0, -2.0];
    let bandit = bandit(1, 2, Linear::logistic());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut history = Vec::new();
    for _ in 0..3_000 {
        let x = [1.0, f64::from(rng.random_range(0..=64)) / 64.0, f64::from(rng.random_range(0..=64)) / 64.0];
        let reward = f64::from(u8::from(rng.random_bool(1.0 / (1.0 + (-dot(&truth, &x)).exp()))));
        history.push((x.to_vec(), reward));
    }
    for (x, reward) in &history {
        told(&bandit, 0, &x[1..], Some(*reward), &mut rng);
    }
    let successes: f64 = history.iter().map(|(_, reward)| reward).sum();
    let rate = (successes + 0.5) / (history.len() as f64 + 1.0);
    let exact = exact_logistic(&history, (rate / (1.0 - rate)).ln());
    let logit = |x: [f64; 2]| bandit.linear_beliefs(EVERYONE, &bandit.arms().all(), &x).unwrap()[0].mean();
    let constant = logit([0.0, 0.0]);
    let found = [constant, logit([1.0, 0.0]) - constant, logit([0.0, 1.0]) - constant];
    for (found, exact) in found.iter().zip(&exact) {
        assert!((found - exact).abs() < 0.06, "{found} {exact}");
    }
}
