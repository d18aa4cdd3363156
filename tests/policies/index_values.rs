//! Indices and weights against values computed by independent implementations, to the digits these have.

use tactful::ArmStatistics;
use tactful::policy::{
    Family, Index, InverseGap, KlUcb, KlUcbPlusPlus, Moss, Policy, Softmax, Ucb1, Ucb1Tuned, UcbV, named,
};

/// An arm with a mean of p over n outcomes.
fn arm(p: f64, n: u64) -> ArmStatistics {
    let successes = (p * n as f64).round() as u64;
    ArmStatistics::binary(n, successes, n - successes).unwrap()
}

/// The index of an arm after so many selections of so many arms.
fn value(index: &dyn Index, p: f64, n: u64, selections: u64, arms: usize) -> f64 {
    index.value(arm(p, n), index.clock(selections, arms))
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-8, "{found}, not {expected}");
}

#[test]
fn kl_ucb_and_ucb1_of_two_constants() {
    for (p, n, t, kl, plain, half) in [
        (0.5, 10, 100, 0.887_908_762, 1.459_705_182, 0.979_852_591),
        (0.05, 100, 1000, 0.172_320_529, 0.421_692_219, 0.235_846_109),
        (0.9, 50, 1000, 0.989_276_861, 1.425_652_177, 1.162_826_088),
        (0.0, 20, 1000, 0.292_054_216, 0.831_129_068, 0.415_564_534),
        (1.0, 20, 1000, 1.0, 1.831_129_068, 1.415_564_534),
    ] {
        close(value(&KlUcb::default(), p, n, t, 5), kl);
        close(value(&Ucb1::default(), p, n, t, 5), plain);
        close(value(&Ucb1::new(0.5).unwrap(), p, n, t, 5), half);
        // For a Gaussian of deviation ½ the bound is that of UCB1 with c = ½.
        let gaussian = KlUcb::new(Family::Gaussian { deviation: 0.5 }, 0.0).unwrap();
        close(value(&gaussian, p, n, t, 5), half);
    }
}

#[test]
fn moss_and_kl_ucb_plus_plus() {
    for (p, n, moss, kl) in
        [(0.3, 100, 0.473_081_838, 0.459_273_294), (0.05, 400, 0.113_431_812, 0.080_574_065)]
    {
        close(value(&Moss::horizon(10_000), p, n, 77, 5), moss);
        close(value(&KlUcbPlusPlus::horizon(10_000), p, n, 77, 5), kl);
        // Without a horizon, the selections stand for it.
        close(value(&Moss::anytime(), p, n, 10_000, 5), moss);
        close(value(&KlUcbPlusPlus::anytime(), p, n, 10_000, 5), kl);
    }
    // 100 outcomes at 0.3 are more than the share of an arm of 400 decisions: no bonus.
    close(value(&Moss::horizon(400), 0.3, 100, 77, 5), 0.3);
    close(value(&KlUcbPlusPlus::horizon(400), 0.3, 100, 77, 5), 0.3);
    // c = ¼ halves the bonus.
    let quarter = Moss::horizon(10_000).constant(0.25).unwrap();
    close(value(&quarter, 0.3, 100, 77, 5), 0.3 + 0.173_081_838 / 2.0);
}

/// By hand, with L = ln 1000 / 100 = 0.069077553 and v = 0.05 · 0.95 = 0.0475.
#[test]
fn bonuses_by_the_variance() {
    let l = 1000_f64.ln() / 100.0;
    // v + √(2L) is 0.4192, so that ¼ counts; at n = 10,000 it is 0.0847, and counts itself.
    close(value(&Ucb1Tuned::default(), 0.05, 100, 1000, 5), 0.05 + (l / 4.0).sqrt());
    let l_small = l / 100.0;
    let bound = 0.0475 + (2.0 * l_small).sqrt();
    close(value(&Ucb1Tuned::default(), 0.05, 10_000, 1000, 5), 0.05 + (l_small * bound).sqrt());
    close(
        value(&UcbV::default(), 0.05, 100, 1000, 5),
        0.05 + (2.0 * 0.0475 * 1.2 * l).sqrt() + 3.0 * 1.2 * l,
    );
    close(
        value(&UcbV::new(2.0, 0.5).unwrap(), 0.05, 100, 1000, 5),
        0.05 + (2.0 * 0.0475 * 2.0 * l).sqrt() + 3.0 * 0.5 * 2.0 * l,
    );
}

/// q − p − p ln(q/p) is the budget, so the counts from 0.05 to q are told apart by it.
#[test]
fn poisson_bounds() {
    let poisson = KlUcb::new(Family::Poisson { most: 20.0 }, 0.0).unwrap();
    let q = value(&poisson, 0.05, 100, 1000, 5);
    close(20.0 * (q - 0.05 - 0.05 * (q / 0.05).ln()), 1000_f64.ln() / 100.0);
    close(value(&poisson, 0.0, 100, 1000, 5), 1000_f64.ln() / 2000.0);
}

#[test]
fn kl_ucb_with_its_double_logarithm() {
    let policy = KlUcb::new(Family::Bernoulli, 3.0).unwrap();
    let clock = policy.clock(1000, 2);
    close(clock, 1000_f64.ln() + 3.0 * 1000_f64.ln().ln());
    assert!((1..100).all(|t| policy.clock(t, 2) <= policy.clock(t + 1, 2)), "the clock only advances");
}

fn all_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).for_each(|(&found, &expected)| close(found, expected));
}

#[test]
fn softmax_weights() {
    let shares = Softmax::new(0.0025).unwrap().shares(&[0.002, 0.0, -0.001]);
    all_close(&shares, &[0.571_257_789, 0.256_682_671, 0.172_059_540]);
    // A difference of 400 temperatures overflows nothing.
    all_close(&Softmax::default().shares(&[1.0, 0.0]), &[1.0, 0.0]);
}

#[test]
fn inverse_gap_weights() {
    let shares = InverseGap::new(10.0).unwrap().shares(&[0.1, 0.2, 0.4]);
    all_close(&shares, &[1.0 / 6.0, 0.2, 19.0 / 30.0]);
    let floored = InverseGap::new(200.0).unwrap().floor(0.2).unwrap();
    all_close(&floored.shares(&[0.01, 0.02, 0.05, 0.04]), &[1.0 / 12.0, 0.1, 0.65, 1.0 / 6.0]);
    // Leaders share the rest; 1 / (4 + 80) is below the floor of 0.2 / 4.
    all_close(&floored.shares(&[0.0, 0.4, 0.4, 0.0]), &[0.05, 0.45, 0.45, 0.05]);
}

#[test]
fn names_and_parameters() {
    let names: [(&dyn Policy, &str); 14] = [
        (&Ucb1::default(), "ucb1"),
        (&Ucb1::new(0.5).unwrap(), "ucb1(0.5)"),
        (&Ucb1Tuned::default(), "ucb1-tuned"),
        (&UcbV::default(), "ucb-v"),
        (&UcbV::new(1.1, 0.5).unwrap(), "ucb-v(1.1,0.5)"),
        (&Moss::horizon(500), "moss(500)"),
        (&Moss::anytime(), "moss-anytime"),
        (&Moss::anytime().constant(0.25).unwrap(), "moss-anytime(0.25)"),
        (&KlUcb::default(), "kl-ucb"),
        (&KlUcb::new(Family::Poisson { most: 9.0 }, 3.0).unwrap(), "kl-ucb(poisson=9,c=3)"),
        (&KlUcbPlusPlus::horizon(500), "kl-ucb++(500)"),
        (&KlUcbPlusPlus::anytime(), "kl-ucb++-anytime"),
        (&Softmax::new(0.01).unwrap(), "softmax(0.01)"),
        (&InverseGap::new(10.0).unwrap(), "inverse-gap(10)"),
    ];
    for (policy, name) in names {
        assert_eq!(policy.name(), name);
    }
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(
            Ucb1::new(wrong).is_err() && UcbV::new(wrong, 1.0).is_err() && UcbV::new(1.0, wrong).is_err()
        );
        assert!(Moss::anytime().constant(wrong).is_err() && KlUcb::new(Family::Bernoulli, wrong).is_err());
        assert!(KlUcbPlusPlus::anytime().family(Family::Poisson { most: wrong }).is_err());
        assert!(Softmax::new(wrong).is_err() && InverseGap::new(wrong).is_err());
        assert!(InverseGap::default().floor(wrong).is_err());
    }
    for wrong in ["moss(1e4)", "moss(-5)", "moss(0.5,0.5)"] {
        let error = named(wrong, 500).map(|policy| policy.name()).unwrap_err().to_string();
        assert!(error.contains("do not fit moss(horizon,c)"), "{error}");
    }
    assert_eq!(named("moss", 500).unwrap().name(), "moss(500)");
    let error = Softmax::new(0.0).unwrap_err();
    assert_eq!(error.to_string(), "temperature is 0, not a positive number");
}
