//! The law of the delay: right of truncation, against brute force, and on any table.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::belief::delay::{CorrectedTrials, DelayCounts, DelayError, DelayLaw, WeibullDelay};

/// Conversions as (cohort, delay, how many).
type Entries = Vec<(u32, u32, u64)>;

fn table(window: u32, entries: &[(u32, u32, u64)]) -> DelayCounts {
    let mut counts = DelayCounts::new(window).unwrap();
    for &(cohort, delay, conversions) in entries {
        counts.add(cohort, delay, conversions).unwrap();
    }
    counts
}

/// Cohorts 0..=now of so many conversions each, made by decisions spread evenly over their bucket: what has arrived
/// by the end of bucket `now - 1`, in the table, and again as if all had come from one closed cohort.
fn truncated(seed: u64, truth: WeibullDelay, window: u32, now: u32, each: u32) -> (DelayCounts, DelayCounts) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut counts, mut naive) = (DelayCounts::new(window).unwrap(), DelayCounts::new(window).unwrap());
    for cohort in 0..now {
        for _ in 0..each {
            let moment: f64 = rng.random();
            let wait = truth.quantile(rng.random()).unwrap();
            let delay = (moment + wait) as u32;
            if delay < window && cohort + delay < now {
                counts.add(cohort, delay, 1).unwrap();
                naive.add(0, delay, 1).unwrap();
            }
        }
    }
    (counts, naive)
}

/// The likelihood written down from its definition, conversion by conversion. The exponential from its integral over
/// the bucket of issue; the Weibull from the law in the table, whose numbers have their own tests.
fn log_likelihood(window: u32, now: u32, entries: &[(u32, u32, u64)], scale: f64, shape: f64) -> f64 {
    let shares: Vec<f64> = if shape == 1.0 {
        (1..=window)
            .map(|k| 1.0 + scale * (-1.0 / scale).exp_m1() * (f64::from(1 - k as i32) / scale).exp())
            .collect()
    } else {
        WeibullDelay::new(scale, shape).unwrap().law(window).unwrap().steps().to_vec()
    };
    let mut sum = 0.0;
    for &(cohort, delay, conversions) in entries {
        let covered = (now - cohort).min(window);
        if delay < covered {
            let before = if delay == 0 { 0.0 } else { shares[delay as usize - 1] };
            let probability = (shares[delay as usize] - before) / shares[covered as usize - 1];
            sum += conversions as f64 * probability.ln();
        }
    }
    sum
}

fn tables() -> Vec<(u32, u32, Entries)> {
    vec![
        (4, 4, vec![(0, 0, 10), (0, 1, 8), (0, 2, 3), (0, 3, 1), (2, 0, 6), (2, 1, 7)]),
        (7, 5, vec![(0, 0, 3), (0, 1, 9), (0, 4, 2), (1, 2, 4), (2, 1, 6), (3, 0, 2), (3, 1, 2), (4, 0, 50)]),
        (10, 30, vec![(0, 0, 50), (0, 1, 20), (0, 3, 9), (0, 6, 5), (0, 9, 4)]),
        (14, 9, vec![(0, 0, 1), (0, 3, 4), (1, 5, 2), (2, 6, 3), (3, 2, 5), (4, 4, 2), (5, 1, 1)]),
    ]
}

#[test]
fn maximum_likelihood_is_that_of_brute_force() {
    for (window, now, entries) in tables() {
        let counts = table(window, &entries);
        let largest = 64.0 * f64::from(window);
        // A grid refined again and again about its best point, in the logarithms of the parameters.
        let search = |shapes: (f64, f64)| {
            let (mut scales, mut shapes) = ((0.125_f64.ln(), largest.ln()), (shapes.0.ln(), shapes.1.ln()));
            let mut best = (f64::NEG_INFINITY, 0.0, 0.0);
            for _ in 0..14 {
                for i in 0..=16 {
                    for j in 0..=16 {
                        let scale = scales.0 + (scales.1 - scales.0) * f64::from(i) / 16.0;
                        let shape = shapes.0 + (shapes.1 - shapes.0) * f64::from(j) / 16.0;
                        let value = log_likelihood(window, now, &entries, scale.exp(), shape.exp());
                        if value > best.0 {
                            best = (value, scale, shape);
                        }
                        if shapes.0 == shapes.1 {
                            break;
                        }
                    }
                }
                let near = |(low, high): (f64, f64), at: f64| {
                    let reach = (high - low) / 5.0;
                    ((at - reach).max(low), (at + reach).min(high).max(low))
                };
                (scales, shapes) = (near(scales, best.1), near(shapes, best.2));
            }
            best
        };
        let fits = [
            (counts.fit_exponential(now).unwrap(), search((1.0, 1.0))),
            (counts.fit_weibull(now).unwrap(), search((0.125, 8.0))),
        ];
        for (fit, (best, scale, shape)) in fits {
            let found = log_likelihood(window, now, &entries, fit.scale(), fit.shape());
            assert!(found > best - 1e-7, "{fit:?}: {found}, but {best} at {} {}", scale.exp(), shape.exp());
        }
    }
}

#[test]
fn fits_of_hostile_tables_end_at_the_edge() {
    // Everything at once, everything in the last bucket, ever more the later.
    let at_once = table(14, &[(0, 0, 1000)]).fit_weibull(20).unwrap();
    assert!(at_once.law(14).unwrap().steps()[0] > 0.88, "{at_once:?}");
    let last = table(14, &[(0, 13, u64::MAX)]).fit_weibull(20).unwrap();
    assert!(last.law(14).unwrap().steps()[12] < 0.6, "{last:?}");
    let rising: Entries = (0..14).map(|delay| (0, delay, 1 << (4 * delay))).collect();
    let exponential = table(14, &rising).fit_exponential(20).unwrap();
    let steps = exponential.law(14).unwrap();
    let even = (steps.steps()[12] - steps.steps()[0]) / 12.0;
    assert!((even - 1.0 / 13.5).abs() < 1e-3, "all but uniform: {exponential:?}");
}

#[test]
fn tables_that_say_nothing_have_no_fit() {
    let nothing = [vec![], vec![(4, 0, 9)], vec![(5, 0, 1)], vec![(u32::MAX, 0, 1)]];
    for entries in nothing {
        let counts = table(14, &entries);
        assert_eq!(counts.fit_exponential(5), None);
        assert_eq!(counts.estimate(5).law(), &DelayLaw::uniform(14).unwrap());
    }
    assert_eq!(table(14, &[(3, 0, 9)]).fit_weibull(5), None);
    assert!(table(14, &[(3, 0, 9)]).fit_exponential(5).is_some());
    assert_eq!(table(1, &[(0, 0, 9)]).estimate(5).law().steps(), [1.0]);
}

/// Laws are on the way to a decision: the same bits on every platform and in every release.
#[test]
fn reproducible_to_the_bit() {
    let (window, now, entries) = tables().remove(1);
    let counts = table(window, &entries);
    let weibull = counts.fit_weibull(now).unwrap();
    let estimate = counts.estimate(now);
    let numbers =
        [estimate.law().steps()[0], estimate.deviation()[1], weibull.law(window).unwrap().steps()[2]];
    assert_eq!(
        numbers.map(f64::to_bits),
        [4_595_152_743_569_877_654, 4_592_501_415_816_648_248, 4_605_730_225_265_402_361],
        "{numbers:?}"
    );
}

#[test]
fn what_cannot_be_is_refused() {
    assert_eq!(DelayCounts::new(0), Err(DelayError::Window { window: 0 }));
    assert_eq!(DelayCounts::new(4097), Err(DelayError::Window { window: 4097 }));
    assert_eq!(DelayLaw::uniform(0), None);
    let mut counts = table(3, &[(0, 2, 1)]);
    let before = counts.clone();
    assert_eq!(counts.add(0, 3, 1), Err(DelayError::BeyondWindow { delay: 3, window: 3 }));
    assert_eq!(counts.merge(&table(4, &[])), Err(DelayError::DifferentWindows { window: 3, other: 4 }));
    assert_eq!(counts, before);
    let law = DelayLaw::uniform(3).unwrap();
    for strength in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(counts.product_limit(5, &law, strength), Err(DelayError::Strength { .. })));
    }
    assert!(counts.product_limit(5, &DelayLaw::uniform(4).unwrap(), 1.0).is_err());
}

/// On simulated truncated delays, where no cohort is closed and the reference gives the mass beyond the oldest.
/// Statistic: (F̂(k) − F(k)) over its deviation, for 3 truths × 3 delays × 3 seeds = 27 estimates, each about normal:
/// false-alarm rate 27 · 2 Φ(−4.5) = 1.8·10⁻⁴. Scale and shape of the fit have no deviation of their own; with these seeds
/// they are within a tenth.
#[test]
fn consistent_under_right_truncation() {
    let (window, now) = (14, 12);
    for (number, (scale, shape)) in [(5.0, 1.0), (3.0, 0.6), (6.0, 2.0)].into_iter().enumerate() {
        let truth = WeibullDelay::new(scale, shape).unwrap();
        let law = truth.law(window).unwrap();
        for seed in 0..3 {
            let (counts, naive) = truncated(40 + 3 * number as u64 + seed, truth, window, now, 4000);
            let estimate = counts.product_limit(now, &law, 0.0).unwrap();
            for k in [0, 2, 6] {
                let z = (estimate.law().steps()[k] - law.steps()[k]) / estimate.deviation()[k];
                assert!(z.abs() < 4.5, "{truth:?}, delay {k}: {z} deviations");
            }
            let naive = naive.product_limit(window, &law, 0.0).unwrap();
            let z = (naive.law().steps()[2] - law.steps()[2]) / naive.deviation()[2];
            assert!(z > 20.0, "truncation ignored should be far off, not {z} deviations");
            let fit = counts.fit_weibull(now).unwrap();
            assert!((fit.scale() / scale - 1.0).abs() < 0.1, "{fit:?} of {truth:?}");
            assert!((fit.shape() / shape - 1.0).abs() < 0.1, "{fit:?} of {truth:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was counted: no NaN, monotone, within [0, 1], 0 at 0 and 1 at W.
    #[test]
    fn laws_of_any_table(
        window in 1_u32..40,
        now in 0_u32..60,
        strength in prop_oneof![Just(0.0), 1e-300..1e3, Just(1e300)],
        entries in prop::collection::vec((0_u32..70, 0_u32..40, prop_oneof![1_u64..20, any::<u64>()]), 0..40),
    ) {
        let entries: Entries = entries.into_iter().map(|(c, delay, n)| (c, delay % window, n)).collect();
        let counts = table(window, &entries);
        let uniform = DelayLaw::uniform(window).unwrap();
        let mut laws = vec![];
        let plain = counts.product_limit(now, &uniform, 0.0).unwrap();
        let nested = counts.product_limit(now, plain.law(), strength).unwrap();
        for estimate in [counts.estimate(now), plain, nested, counts.product_limit(now, &uniform, strength).unwrap()] {
            for (step, deviation) in estimate.law().steps().iter().zip(estimate.deviation()) {
                prop_assert!((0.0..=0.5).contains(deviation), "deviation {deviation} of {step}");
            }
            let (least, likely, greatest) = estimate.quantile(0.9, 2.0).unwrap();
            prop_assert!(0.0 <= least && least <= likely && likely <= greatest && greatest <= f64::from(window));
            laws.push(estimate.law().clone());
        }
        for fit in [counts.fit_exponential(now), counts.fit_weibull(now)].into_iter().flatten() {
            prop_assert!(fit.mean() > 0.0 && fit.mean().is_finite());
            laws.push(fit.law(window).unwrap());
        }
        for law in laws {
            prop_assert_eq!(law.cdf(0.0), 0.0);
            prop_assert_eq!(law.cdf(f64::from(window)), 1.0);
            let mut before = 0.0;
            for fine in 0..=window * 16 {
                let share = law.cdf(f64::from(fine) / 16.0);
                prop_assert!((before..=1.0).contains(&share), "{share} after {before}: {law:?}");
                before = share;
            }
            let mut trials = CorrectedTrials::default();
            trials.add(1e9, 1e9, law.cdf(0.3));
            prop_assert!(trials.failures() >= 0.0);
            prop_assert!(trials.rate().is_none_or(f64::is_finite));
        }
    }

    /// The table of two lots of conversions is the sum of their tables, whatever was folded when.
    #[test]
    fn merging_tables_is_adding_conversions(
        window in 1_u32..10,
        now in 0_u32..30,
        folds in (0_u32..30, 0_u32..30),
        one in prop::collection::vec((0_u32..30, 0_u32..10, any::<u64>()), 0..20),
        other in prop::collection::vec((0_u32..30, 0_u32..10, any::<u64>()), 0..20),
    ) {
        let within = |entries: Entries| -> Entries {
            entries.into_iter().map(|(cohort, delay, n)| (cohort, delay % window, n)).collect()
        };
        let (one, other) = (within(one), within(other));
        let whole = table(window, &[one.clone(), other.clone()].concat());
        let (mut left, mut right) = (table(window, &one), table(window, &other));
        let mut backwards = right.clone();
        backwards.merge(&left).unwrap();
        prop_assert_eq!(&backwards, &whole);
        left.fold(folds.0.min(now));
        right.fold(folds.1.min(now));
        left.merge(&right).unwrap();
        left.fold(now);
        let mut folded = whole.clone();
        folded.fold(now);
        prop_assert_eq!(&left, &folded);
        if one.iter().chain(&other).all(|entry| entry.2 < 1 << 50) {
            prop_assert_eq!(folded.estimate(now), whole.estimate(now));
        }
    }
}
