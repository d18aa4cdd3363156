//! Thompson's relatives: optimistic, sharpened, top-two, against brute quadrature and by hand.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::belief::Beta;
use tactful::policy::{OptimisticThompson, Policy, SharpenedThompson, Thompson, TopTwoThompson, View};
use tactful::{ArmId, ArmStatistics};

/// The probability of each arm.
fn shares(policy: &dyn Policy, posteriors: &[Beta]) -> Vec<f64> {
    let arms: Vec<ArmId> = (0..posteriors.len() as u32).map(ArmId::new).collect();
    let statistics = vec![ArmStatistics::default(); posteriors.len()];
    let probabilities = policy.probabilities(&View::new(&arms, posteriors, &statistics));
    let mut shares = vec![probabilities.uniform / arms.len() as f64; arms.len()];
    for (position, share) in probabilities.contenders {
        shares[position as usize] += share;
    }
    let sum: f64 = shares.iter().sum();
    assert!((sum - 1.0).abs() < 1e-10, "the sum is {sum}");
    shares
}

/// Optimistic Thompson sampling by Simpson's rule in the logit, every density and distribution function by itself.
fn optimistic(posteriors: &[Beta]) -> Vec<f64> {
    let most = posteriors.iter().map(Beta::mean).fold(0.0, f64::max);
    let log_beta = |a: f64, b: f64| libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let normalisers: Vec<f64> = posteriors.iter().map(|p| log_beta(p.alpha(), p.beta())).collect();
    let widest = posteriors.iter().map(|p| (1.0 / p.alpha() + 1.0 / p.beta()).sqrt()).fold(0.0_f64, f64::max);
    const STEPS: usize = 20_000;
    let start = (most / (1.0 - most)).ln();
    let step = (25.0 * widest).min(60.0) / STEPS as f64;
    let mut shares = vec![0.0; posteriors.len()];
    for i in 0..=STEPS {
        let y = start + step * i as f64;
        let (log_x, log_q) = (-(-y).exp().ln_1p(), -y.exp().ln_1p());
        let cdf: Vec<f64> = posteriors.iter().map(|p| 1.0 - p.survival(log_x.exp())).collect();
        let weight = step / 3.0 * if i == 0 || i == STEPS { 1.0 } else { 2.0 + 2.0 * (i % 2) as f64 };
        for (k, p) in posteriors.iter().enumerate() {
            let density = (p.alpha() * log_x + p.beta() * log_q - normalisers[k]).exp();
            let others: f64 = (0..cdf.len()).filter(|&j| j != k).map(|j| cdf[j]).product();
            shares[k] += weight * density * others;
        }
    }
    let atom: f64 = posteriors.iter().map(|p| p.cdf(most)).product();
    let leads = |p: &Beta| p.mean() >= most;
    let leaders = posteriors.iter().filter(|p| leads(p)).count() as f64;
    for (share, posterior) in shares.iter_mut().zip(posteriors) {
        *share += if leads(posterior) { atom / leaders } else { 0.0 };
    }
    shares
}

fn random_posteriors(rng: &mut Xoshiro256PlusPlus, arms: usize) -> Vec<Beta> {
    let size = 10_f64.powf(rng.random_range(0.0..4.0));
    let rate = 10_f64.powf(rng.random_range(-2.0..-0.05));
    (0..arms)
        .map(|_| {
            let n = size * rng.random_range(0.1..2.0);
            let p = (rate * rng.random_range(0.6..1.1)).min(0.99);
            Beta::UNIFORM.updated((n * p).floor(), (n * (1.0 - p)).floor())
        })
        .collect()
}

#[test]
fn optimistic_thompson_is_what_brute_quadrature_says() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut worst = [0.0_f64; 2];
    for round in 0..60 {
        let arms = if round < 40 { rng.random_range(2..=8) } else { rng.random_range(9..30) };
        let posteriors = random_posteriors(&mut rng, arms);
        let (found, expected) =
            (shares(&OptimisticThompson::default(), &posteriors), optimistic(&posteriors));
        let error = found.iter().zip(&expected).map(|(p, q)| (p - q).abs()).fold(0.0, f64::max);
        let few = arms <= 8;
        worst[usize::from(!few)] = worst[usize::from(!few)].max(error);
        assert!(
            error < if few { 2e-9 } else { 1e-6 },
            "{error}: {found:?}, not {expected:?}, {posteriors:?}"
        );
    }
    println!("largest errors: up to eight arms {:e}, more {:e}", worst[0], worst[1]);
}

#[test]
fn optimistic_thompson_by_hand() {
    // Beta(1, 1) and Beta(1, 3), means ½ and ¼: p₂ = ∫ from ½ to 1 of 3 (1 − x)² x dx = 5/64.
    let second = Beta::new(1.0, 3.0).unwrap();
    let found = shares(&OptimisticThompson::default(), &[Beta::UNIFORM, second]);
    assert!((found[1] - 5.0 / 64.0).abs() < 1e-9, "{found:?}");
    // Equal means: by symmetry of Beta(2, 2), ½ each for the atom.
    let found = shares(&OptimisticThompson::default(), &[Beta::UNIFORM, Beta::new(2.0, 2.0).unwrap()]);
    assert!(found[0] > found[1], "the wider one reaches higher: {found:?}");
    // Against nothing but itself each arm alike, and narrower than anything else.
    let huge = Beta::new(5e11, 5e11).unwrap();
    let found = shares(&OptimisticThompson::default(), &[huge, Beta::new(1.0, 1e12).unwrap()]);
    assert!((found[0] - 1.0).abs() < 1e-12);
    let found = shares(&OptimisticThompson::default(), &[huge, Beta::new(5e11 - 1e6, 5e11).unwrap()]);
    assert!(found[0] > 0.85 && found[1] > 0.05, "{found:?}");
}

#[test]
fn optimistic_thompson_gives_leaders_no_less_than_thompson() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    for _ in 0..300 {
        let arms = rng.random_range(2..60);
        let posteriors = random_posteriors(&mut rng, arms);
        let plain = shares(&Thompson::default(), &posteriors);
        let optimistic = shares(&OptimisticThompson::default(), &posteriors);
        let most = posteriors.iter().map(Beta::mean).fold(0.0, f64::max);
        for k in 0..posteriors.len() {
            let leads = posteriors[k].mean() >= most;
            let more = optimistic[k] - plain[k];
            assert!(if leads { more > -1e-6 } else { more < 1e-6 }, "arm {k} of {posteriors:?}: {more}");
        }
    }
}

#[test]
fn sharpened_thompson_is_a_power_and_a_tenth() {
    let posteriors = [Beta::UNIFORM.updated(20.0, 980.0), Beta::UNIFORM.updated(30.0, 970.0), Beta::UNIFORM];
    let plain = shares(&Thompson::default(), &posteriors);
    let found = shares(&SharpenedThompson::default(), &posteriors);
    let squares: f64 = plain.iter().map(|p| p * p).sum();
    for (found, p) in found.iter().zip(&plain) {
        assert!((found - (0.9 * p * p / squares + 0.1 * p)).abs() < 1e-12);
    }
    let one = SharpenedThompson::new(1.0).unwrap();
    shares(&one, &posteriors).iter().zip(&plain).for_each(|(found, p)| assert!((found - p).abs() < 1e-12));
    assert!(SharpenedThompson::new(0.0).is_err());
    assert_eq!(SharpenedThompson::new(3.0).unwrap().name(), "sharpened-thompson(3)");
}

/// Two draws of who is best, until they differ.
#[test]
fn top_two_thompson_is_the_law_of_its_draws() {
    let posteriors = [
        Beta::UNIFORM.updated(20.0, 980.0),
        Beta::UNIFORM.updated(26.0, 974.0),
        Beta::UNIFORM.updated(2.0, 98.0),
    ];
    let plain = shares(&Thompson::default(), &posteriors);
    let found = shares(&TopTwoThompson::default(), &posteriors);
    for k in 0..3 {
        let challenger: f64 =
            (0..3).filter(|&j| j != k).map(|j| plain[j] * plain[k] / (1.0 - plain[j])).sum();
        assert!((found[k] - (0.5 * plain[k] + 0.5 * challenger)).abs() < 1e-12);
    }
    let certain = TopTwoThompson::new(1.0).unwrap();
    shares(&certain, &posteriors).iter().zip(&plain).for_each(|(found, p)| assert!((found - p).abs() < 1e-9));
}

#[test]
fn top_two_thompson_keeps_its_rivals_when_one_is_certain() {
    let posteriors = [
        Beta::UNIFORM.updated(5_000.0, 5_000.0),
        Beta::UNIFORM.updated(100.0, 9_900.0),
        Beta::UNIFORM.updated(1.0, 99.0),
        Beta::UNIFORM.updated(0.0, 99.0),
    ];
    let found = shares(&TopTwoThompson::default(), &posteriors);
    assert!((found[0] - 0.5).abs() < 1e-12, "{found:?}");
    assert!(
        found[2] > 0.3 && found[3] > 0.01 && found[1] < 1e-9,
        "the least known rivals are in doubt: {found:?}"
    );
    // Continuous across the change of formula, to its own precision: 1 − P from below to above 10⁻⁴.
    let near = |successes: f64| {
        let rival = Beta::UNIFORM.updated(30.0, 70.0);
        shares(
            &TopTwoThompson::default(),
            &[Beta::UNIFORM.updated(successes, 100.0 - successes), rival, rival],
        )
    };
    for successes in 50..65 {
        let found = near(f64::from(successes));
        assert!((found[1] - 0.25).abs() < 2e-3 && (found[2] - 0.25).abs() < 2e-3, "{successes}: {found:?}");
    }
}

/// Outcomes of arms by turns; the decision is asked for after each round.
fn experiment(means: &[f64], rounds: u64, delta: f64, rng: &mut Xoshiro256PlusPlus) -> Option<(u64, usize)> {
    let policy = TopTwoThompson::default();
    let arms: Vec<ArmId> = (0..means.len() as u32).map(ArmId::new).collect();
    let posteriors = vec![Beta::UNIFORM; means.len()];
    let mut won = vec![0; means.len()];
    for round in 1..=rounds {
        for (won, mean) in won.iter_mut().zip(means) {
            *won += u64::from(rng.random_bool(*mean));
        }
        let count = |&won: &u64| ArmStatistics::binary(round, won, round - won).unwrap();
        let statistics: Vec<ArmStatistics> = won.iter().map(count).collect();
        if let Some(best) = policy.decided(&View::new(&arms, &posteriors, &statistics), delta) {
            return Some((round, best));
        }
    }
    None
}

/// A wrong arm at any of 2,000 looks in at most 10 % of runs: of 1,000 runs more than 135 would be a false alarm in 5,000.
#[test]
fn a_decision_is_seldom_wrong() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let wrong = (0..1_000)
        .filter(
            |_| matches!(experiment(&[0.3, 0.301, 0.299], 2_000, 0.1, &mut rng), Some((_, best)) if best != 1),
        )
        .count();
    println!("{wrong} of 1,000 decisions were wrong");
    assert!(wrong <= 135, "{wrong}");
}

#[test]
fn a_clear_difference_is_decided_soon() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
    for _ in 0..50 {
        let (rounds, best) = experiment(&[0.2, 0.8, 0.2], 2_000, 0.05, &mut rng).expect("a decision");
        assert!(best == 1 && rounds < 150, "{best} after {rounds}");
    }
    // Nothing returned, equal means, one arm, an impossible δ.
    assert_eq!(experiment(&[0.0, 0.0], 500, 0.05, &mut rng), None);
    assert_eq!(experiment(&[0.5], 1, 0.05, &mut rng), Some((1, 0)));
    assert_eq!(experiment(&[0.9, 0.1], 100, f64::NAN, &mut rng), None);
}
