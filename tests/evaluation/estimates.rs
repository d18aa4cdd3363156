//! Inverse propensity estimates of targets that do not learn.

use rand::SeedableRng;
use tactful::evaluation::{
    Log, Round, TargetTable, inverse_propensity, self_normalised, self_normalised_arms,
    self_normalised_arms_watched,
};
use tactful::policy::{Fixed, Uniform};
use tactful::{ArmId, Eligibility, RewardKind, SegmentId, Segments};

use crate::world::{Generator, WORLD, arms, close, draw, round, segments, summary, unit};

/// The six rounds of the reference values: (arm, reward, propensity) and the target's probability of the arm.
pub(crate) fn six_rows() -> (Log, TargetTable) {
    let rows = [
        round(0, 0, 0.5, 1.0),
        round(0, 1, 0.3, 0.0),
        round(0, 0, 0.5, 0.0),
        round(0, 2, 0.2, 1.0),
        round(0, 1, 0.3, 1.0),
        round(1, 1, 0.25, 1.0),
    ];
    let log = Log::new(arms(3), segments(2), RewardKind::Binary, rows).unwrap();
    let target = TargetTable::new([[0.2, 0.7, 0.1], [0.15, 0.75, 0.1]]).unwrap();
    (log, target)
}

#[test]
fn the_six_row_log_has_its_reference_values() {
    let (log, target) = six_rows();
    let ips = inverse_propensity(&log, &target).unwrap();
    close(ips.value, 1.038_888_889, 1e-8);
    close(ips.effective_sample_size, 3.929_886_493, 1e-8);
    close(ips.largest_weight, 3.0, 1e-12);
    assert_eq!((ips.rounds, ips.used), (6, 6));
    // w r = .4, 0, 0, .5, 7/3, 3: squared distances from the mean by hand.
    let squares: f64 = [0.4, 0.0, 0.0, 0.5, 7.0 / 3.0, 3.0_f64].iter().map(|z| (z - ips.value).powi(2)).sum();
    close(ips.standard_error, (squares / 30.0).sqrt(), 1e-12);
    close(ips.interval.1 - ips.value, 1.959_963_984_540_054 * ips.standard_error, 1e-12);
    close(ips.value - ips.interval.0, 1.959_963_984_540_054 * ips.standard_error, 1e-12);

    let snips = self_normalised(&log, &target).unwrap();
    close(snips.value, 0.695_167_286, 1e-8);
    close(snips.effective_sample_size, 3.929_886_493, 1e-8);
    // √(Σ w² (r − v)²) / Σ w · √(n / (n − 1)), Σ w = 8.966…
    let weights = [0.4, 7.0 / 3.0, 0.4, 0.5, 7.0 / 3.0, 3.0];
    let rewards = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
    let squares: f64 = weights.iter().zip(rewards).map(|(w, r)| (w * (r - snips.value)).powi(2)).sum();
    let expected = squares.sqrt() / weights.iter().sum::<f64>() * (6.0_f64 / 5.0).sqrt();
    close(snips.standard_error, expected, 1e-12);

    // In its segment the sixth round shows arm 1 alone, the target wants 0 and 2 there as well.
    assert_eq!(snips.outside_support, 1);
    let fixed = self_normalised(&log, &Fixed::new(ArmId::new(2))).unwrap();
    assert_eq!((fixed.outside_support, fixed.used), (1, 1));
    assert!(fixed.standard_error.is_infinite(), "one round says nothing of the spread");
}

#[test]
fn a_fixed_arm_of_a_uniform_log_has_exactly_the_arms_mean() {
    let mut rng = Generator::seed_from_u64(4);
    let rows: Vec<Round> =
        (0..999).map(|_| round(0, draw(&[0.2, 0.3, 0.5], &mut rng), 1.0 / 3.0, unit(&mut rng))).collect();
    let kind = RewardKind::Real { minimum: 0.0, maximum: 1.0 };
    let log = Log::new(arms(3), Segments::single(), kind, rows.clone()).unwrap().declare_uniform().unwrap();
    for (arm, together) in self_normalised_arms(&log).into_iter().enumerate() {
        let arm = ArmId::new(arm as u32);
        let rewards: Vec<f64> = rows.iter().filter(|r| r.arm == arm).map(|r| r.reward.value()).collect();
        let mean = rewards.iter().sum::<f64>() / rewards.len() as f64;
        let alone = self_normalised(&log, &Fixed::new(arm)).unwrap();
        close(alone.value, mean, 1e-13);
        assert_eq!((alone.used, alone.outside_support), (rewards.len(), 0));
        let together = together.unwrap();
        close(together.value, alone.value, 1e-13);
        close(together.standard_error, alone.standard_error, 1e-13);
        close(together.effective_sample_size, alone.effective_sample_size, 1e-6);
        assert_eq!((together.rounds, together.used), (alone.rounds, alone.used));
    }
}

/// Statistic: the mean over 2,000 logs of (estimate − truth) in its own standard errors; within 4: a false alarm
/// in 16,000. SNIPS has a bias of order 1/n, here below a tenth of a standard error. Coverage of the 95 %
/// intervals: 93 to 97 %, 4 standard errors of a share of 0.95 in 2,000.
#[test]
fn inverse_propensity_is_unbiased_and_its_intervals_cover() {
    let target = TargetTable::new([[0.1, 0.2, 0.6, 0.1], [0.4, 0.1, 0.1, 0.4]]).unwrap();
    let truth = 0.6 * (0.01 + 0.04 + 0.21 + 0.015) + 0.4 * (0.12 + 0.025 + 0.005 + 0.16);
    let mut rng = Generator::seed_from_u64(20);
    let mut errors = [Vec::new(), Vec::new()];
    let mut covered = [0, 0];
    for _ in 0..2000 {
        let log = WORLD.log(2000, &mut rng);
        let estimates = [inverse_propensity(&log, &target), self_normalised(&log, &target)];
        for (number, estimate) in estimates.into_iter().enumerate() {
            let estimate = estimate.unwrap();
            errors[number].push(estimate.value - truth);
            covered[number] += u32::from((estimate.interval.0..=estimate.interval.1).contains(&truth));
        }
    }
    for (errors, covered) in errors.iter().zip(covered) {
        let (bias, error) = summary(errors);
        assert!(bias.abs() < 4.0 * error, "bias {bias}, standard error {error}");
        assert!((1860..=1940).contains(&covered), "{covered} of 2000 intervals cover");
    }
}

#[test]
fn a_uniform_log_supports_arms_that_it_happens_not_to_show() {
    let rows = || [round(0, 0, 0.5, 1.0), round(0, 0, 0.5, 0.0)];
    let log = Log::new(arms(2), Segments::single(), RewardKind::Binary, rows()).unwrap();
    assert_eq!(self_normalised(&log, &Uniform).unwrap().outside_support, 2);
    assert_eq!(inverse_propensity(&log, &Fixed::new(ArmId::new(1))).unwrap().outside_support, 2);
    let uniform = log.declare_uniform().unwrap();
    assert_eq!(self_normalised(&uniform, &Uniform).unwrap().outside_support, 0);
}

/// 600 rounds over 6 arms and 3 segments. Segment 1 never shows arm 4, segment 2 only ever arms 0 and 1; half of the
/// rounds restrict their arms, each time with a set of its own in memory.
fn restricted_log() -> Log {
    let space = arms(6);
    let sets = [
        None,
        Some(vec![0, 1]),
        Some(vec![0, 1, 4]),
        Some(vec![1, 2, 3, 4, 5]),
        Some(vec![0, 1, 2, 3, 4, 5]),
    ];
    let set = |arms: &Vec<u32>| space.subset(arms.iter().copied().map(ArmId::new)).unwrap();
    let mut rng = Generator::seed_from_u64(31);
    let rows: Vec<Round> = (0..600)
        .map(|_| {
            let segment = draw(&[0.4, 0.3, 0.3], &mut rng);
            let eligible = sets[draw(&[0.5, 0.1, 0.2, 0.1, 0.1], &mut rng) as usize].as_ref().map(set);
            let may = |arm: u32| {
                let allowed = eligible.as_ref().is_none_or(|set| set.contains(ArmId::new(arm)));
                allowed && !(segment == 1 && arm == 4 || segment == 2 && arm > 1)
            };
            let arm = loop {
                let arm = draw(&[0.3, 0.2, 0.2, 0.1, 0.1, 0.1], &mut rng);
                if may(arm) {
                    break arm;
                }
            };
            Round { eligible, ..round(segment, arm, 0.05 + 0.9 * unit(&mut rng), 4.0 * unit(&mut rng) - 1.0) }
        })
        .collect();
    Log::new(space, segments(3), RewardKind::Real { minimum: -1.0, maximum: 3.0 }, rows).unwrap()
}

/// The definition, round by round: the weight of each, the mean, its error and the support.
#[test]
fn arms_together_are_worth_what_they_are_alone_and_by_the_definition() {
    let log = restricted_log();
    let everything = log.arms().all();
    let n = log.rounds().len() as f64;
    let together = self_normalised_arms(&log);
    let shown = |segment: SegmentId, arm: ArmId| {
        log.rounds().iter().any(|round| (round.segment, round.arm) == (segment, arm))
    };
    for (arm, together) in (0..6).map(ArmId::new).zip(together) {
        let probabilities = |set: &Eligibility| -> Vec<(ArmId, f64)> {
            if set.contains(arm) {
                return vec![(arm, 1.0)];
            }
            set.iter().map(|other| (other, 1.0 / set.len() as f64)).collect()
        };
        let (mut pairs, mut outside) = (Vec::new(), 0);
        for round in log.rounds() {
            let wanted = probabilities(round.eligible.as_ref().unwrap_or(&everything));
            let sent = wanted.iter().find(|(other, _)| *other == round.arm);
            pairs.push((sent.map_or(0.0, |(_, p)| p / round.propensity), round.reward.value()));
            outside += usize::from(wanted.iter().any(|&(other, _)| !shown(round.segment, other)));
        }
        let sum: f64 = pairs.iter().map(|(w, _)| w).sum();
        let value = pairs.iter().map(|(w, r)| w * r).sum::<f64>() / sum;
        let squares: f64 = pairs.iter().map(|(w, r)| (w * (r - value)).powi(2)).sum();
        let error = squares.sqrt() / sum * (n / (n - 1.0)).sqrt();
        let effective = sum * sum / pairs.iter().map(|(w, _)| w * w).sum::<f64>();
        let largest = pairs.iter().map(|&(w, _)| w).fold(0.0, f64::max);
        let used = pairs.iter().filter(|(w, _)| *w > 0.0).count();
        let alone = self_normalised(&log, &Fixed::new(arm)).unwrap();
        for estimate in [alone, together.unwrap()] {
            close(estimate.value, value, 1e-12);
            close(estimate.standard_error, error, 1e-12);
            close(estimate.effective_sample_size, effective, 1e-9);
            close(estimate.largest_weight, largest, 1e-12);
            assert_eq!((estimate.rounds, estimate.used, estimate.outside_support), (600, used, outside));
        }
    }
}

/// Arms × rounds would be 1.8e9 steps, each over all arms: hours. The work is told from 0 to 1.
#[test]
fn thirty_thousand_arms_with_restricted_sets_cost_a_pass_over_the_log() {
    const ARMS: u32 = 30_000;
    let space = arms(ARMS);
    let even = space.eligible(|arm| arm.id().index() % 2 == 0);
    let mut rng = Generator::seed_from_u64(32);
    let rows: Vec<Round> = (0..60_000)
        .map(|number| {
            let arm = 2 * (15_000.0 * unit(&mut rng)) as u32 + u32::from(number % 4 == 1);
            let reward = f64::from(u8::from(unit(&mut rng) < 0.1));
            Round { eligible: (number % 2 == 0).then(|| even.clone()), ..round(0, arm, 1e-4, reward) }
        })
        .collect();
    let log = Log::new(space, Segments::single(), RewardKind::Binary, rows).unwrap();
    let mut told = vec![0.0];
    let estimates = self_normalised_arms_watched(&log, |share| told.push(share));
    assert!(told.is_sorted() && told.len() > 4 && told.iter().all(|share| (0.0..=1.0).contains(share)));
    // An odd arm has, beside its own rounds, those that did not allow it.
    assert!(estimates.iter().skip(1).step_by(2).all(|estimate| estimate.unwrap().used >= 30_000));
    assert!(self_normalised(&log, &Uniform).unwrap().outside_support > 0);
}

#[test]
fn tiny_propensities_and_huge_rewards_overflow_nothing() {
    let kind = RewardKind::Real { minimum: -8e307, maximum: 8e307 };
    let rows = [round(0, 0, 1e-300, 8e307), round(0, 0, 1e-300, -4e307), round(0, 1, 0.5, 1.0)];
    let log = Log::new(arms(2), Segments::single(), kind, rows).unwrap();
    let together = self_normalised_arms(&log);
    for estimate in [self_normalised(&log, &Fixed::new(ArmId::new(0))), together[0]] {
        let estimate = estimate.unwrap();
        close(estimate.value / 2e307, 1.0, 1e-12);
        close(estimate.effective_sample_size, 2.0, 1e-12);
        // Two weights alike, 6e307 to either side: √2 · 6e307 / 2, times √(3 / 2).
        close(estimate.standard_error / (6e307 * 0.75_f64.sqrt()), 1.0, 1e-12);
    }
    // 1e300 times 8e307 is no number, but 1e300 times 1 is, and its square need not be.
    assert!(inverse_propensity(&log, &Uniform).is_err());
    let rows = [round(0, 0, 1e-300, 1.0), round(0, 1, 0.5, 0.0)];
    let log = Log::new(arms(2), Segments::single(), RewardKind::Binary, rows).unwrap();
    let estimate = inverse_propensity(&log, &Fixed::new(ArmId::new(0))).unwrap();
    close(estimate.value / 5e299, 1.0, 1e-12);
    // Amounts whose squares would be 0 have a spread all the same.
    let kind = RewardKind::Real { minimum: 0.0, maximum: 2e-200 };
    let rows = [round(0, 0, 0.5, 1e-200), round(0, 0, 0.5, 2e-200)];
    let log = Log::new(arms(1), Segments::single(), kind, rows).unwrap();
    close(self_normalised(&log, &Uniform).unwrap().standard_error / 5e-201, 1.0, 1e-12);
}
