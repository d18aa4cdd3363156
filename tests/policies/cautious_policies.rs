//! Wrappers and risk: burn-in, the conservative guard, maximin, conditional value at risk.

use tactful::belief::Beta;
use tactful::policy::{
    BurnIn, ConditionalValueAtRisk, Conservative, Family, Fixed, Maximin, Policy, Thompson, Uniform, View,
};
use tactful::{ArmId, ArmStatistics};

fn arm(n: u64, successes: u64) -> ArmStatistics {
    ArmStatistics::binary(n, successes, n - successes).unwrap()
}

/// The probability of each arm, whose ids are their numbers.
fn shares(policy: &dyn Policy, statistics: &[ArmStatistics]) -> Vec<f64> {
    let arms: Vec<ArmId> = (0..statistics.len() as u32).map(ArmId::new).collect();
    let posteriors: Vec<Beta> = statistics
        .iter()
        .map(|arm| Beta::UNIFORM.updated(arm.sum(), arm.returned() as f64 - arm.sum()))
        .collect();
    let probabilities = policy.probabilities(&View::new(&arms, &posteriors, statistics));
    let mut shares = vec![probabilities.uniform / arms.len() as f64; arms.len()];
    for (position, share) in probabilities.contenders {
        shares[position as usize] += share;
    }
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
    shares
}

fn fixed(arm: u32) -> Fixed {
    Fixed::new(ArmId::new(arm))
}

#[test]
fn burn_in_fills_up_and_then_steps_aside() {
    let policy = BurnIn::new(fixed(0), 10);
    assert_eq!(policy.name(), "burn-in(arm:0,10)");
    assert_eq!(shares(&policy, &[arm(0, 0), arm(9, 1), arm(3, 3)]), [1.0 / 3.0; 3]);
    assert_eq!(shares(&policy, &[arm(10, 0), arm(9, 1), arm(3, 3)]), [0.0, 0.5, 0.5]);
    assert_eq!(shares(&policy, &[arm(10, 0), arm(12, 1), arm(3, 3)]), [0.0, 0.0, 1.0]);
    assert_eq!(shares(&policy, &[arm(10, 0), arm(12, 1), arm(10, 3)]), [1.0, 0.0, 0.0]);
    // Selections count, though nothing has returned.
    let selected = ArmStatistics::binary(10, 0, 0).unwrap();
    assert_eq!(shares(&policy, &[selected; 3]), [1.0, 0.0, 0.0]);
}

#[test]
fn maximin_prefers_what_is_known() {
    // Means 0.30 and 0.33, but the second is hardly known.
    let (known, doubtful) = (arm(1_000, 300), arm(10, 3));
    assert_eq!(shares(&Maximin::default(), &[known, doubtful]), [1.0, 0.0]);
    assert_eq!(shares(&Maximin::new(0.5).unwrap(), &[known, doubtful]), [0.0, 1.0]);
    assert_eq!(shares(&Maximin::default(), &[known, doubtful, arm(0, 0)]), [0.0, 0.0, 1.0]);
    assert_eq!(shares(&Maximin::default(), &[known, known, doubtful]), [0.5, 0.5, 0.0]);
    assert_eq!(Maximin::new(0.2).unwrap().name(), "maximin(0.2)");
    assert!(Maximin::new(1.1).is_err());
}

#[test]
fn conditional_value_at_risk_between_the_mean_and_the_worst() {
    let (known, doubtful) = (arm(1_000, 300), arm(10, 3));
    assert_eq!(shares(&ConditionalValueAtRisk::default(), &[known, doubtful]), [1.0, 0.0]);
    assert_eq!(shares(&ConditionalValueAtRisk::new(1.0).unwrap(), &[known, doubtful]), [0.0, 1.0]);
    assert_eq!(shares(&ConditionalValueAtRisk::default(), &[arm(0, 0), doubtful]), [1.0, 0.0]);
    assert_eq!(ConditionalValueAtRisk::default().name(), "cvar");
    assert!(ConditionalValueAtRisk::new(f64::NAN).is_err());
}

/// Before anything is known nothing is earned for certain: 1 − α of the decisions go to the baseline.
#[test]
fn conservative_begins_with_its_baseline() {
    let policy = Conservative::new(fixed(1), ArmId::new(0), 0.1).unwrap();
    assert_eq!(policy.name(), "conservative(arm:1,0,0.1)");
    let found = shares(&policy, &[ArmStatistics::default(); 3]);
    assert!((found[0] - 0.9).abs() < 1e-12 && (found[1] - 0.1).abs() < 1e-12, "{found:?}");
    // Nothing at risk, nothing tried.
    let strict = Conservative::new(fixed(1), ArmId::new(0), 0.0).unwrap();
    assert_eq!(shares(&strict, &[ArmStatistics::default(); 3])[0], 1.0);
    let free = Conservative::new(fixed(1), ArmId::new(0), 1.0).unwrap();
    assert_eq!(shares(&free, &[ArmStatistics::default(); 3])[1], 1.0);
}

#[test]
fn conservative_lets_go_as_the_budget_grows() {
    let policy = Conservative::new(fixed(1), ArmId::new(0), 0.1).unwrap();
    // The baseline has earned: a tenth of 10,000 decisions is there to be spent.
    assert_eq!(shares(&policy, &[arm(10_000, 5_000), arm(0, 0)])[1], 1.0);
    // Spent on an arm that earns nothing.
    assert_eq!(shares(&policy, &[arm(10_000, 5_000), arm(2_000, 0)])[0], 1.0);
    // The other arm is certainly better by far, whatever was tried.
    assert_eq!(shares(&policy, &[arm(1_000, 100), arm(10_000, 9_000)])[1], 1.0);
    // An arm that earns nothing: c = 10,001 − q − 0.9 · 11,112 is zero at q = 0.2.
    assert!((shares(&policy, &[arm(10_000, 5_000), arm(1_111, 0)])[1] - 0.2).abs() < 1e-6);
    // One that earns something, while the baseline may be worth its upper bound: with the bounds by their formula the
    // budget is used to the last.
    let bound =
        |mean: f64, n: f64| Family::Bernoulli.upper_bound(mean, (2.0 * 2.0 * n * (n + 1.0) / 0.05).ln() / n);
    let mut mixed = 0;
    for n in 100..5_000 {
        let won = 3 * n / 10;
        let q = shares(&policy, &[arm(2_000, 1_000), arm(n, won)])[1];
        if q > 0.0 && q < 1.0 {
            let (n, t) = (n as f64, 2_000.0 + n as f64);
            let earned = (n + q) * (1.0 - bound(1.0 - won as f64 / n, n));
            let budget = earned + (2_001.0 - q - 0.9 * (t + 1.0)) * bound(0.5, 2_000.0);
            assert!(budget.abs() < 1e-6, "{n}: {q} leaves {budget}");
            mixed += 1;
        }
    }
    assert!(mixed > 0, "a mix occurs");
    // Without its baseline the other policy decides alone.
    let elsewhere = Conservative::new(Uniform, ArmId::new(7), 0.1).unwrap();
    assert_eq!(shares(&elsewhere, &[arm(5, 1), arm(5, 0)]), [0.5, 0.5]);
    assert!(Conservative::new(Thompson::default(), ArmId::new(0), 1.5).is_err());
}
