//! What is believed while rewards are still to come, and while old ones are being forgotten, held against a world whose
//! truth is known and against a plain log of events.

use std::time::Duration;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::DelaysBy;
use tactful::belief::{Forgetting, Pending};
use tactful::policy::Uniform;
use tactful::time::Window;
use tactful::{
    ArmSpace, Bandit, BanditBuilder, Decision, Refresh, Reward, SegmentId, Segments, Snapshot, Timestamp,
};

const DAY: Duration = Duration::from_secs(86_400);
const SEGMENT: SegmentId = SegmentId::new(0);
const CHANNELS: [&str; 2] = ["sms", "letter"];

fn builder(levels: &[&str], days: u32, incarnation: u64) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("channel", levels.iter().copied()).build().unwrap();
    let window = Window::new(DAY * days, DAY).unwrap();
    Bandit::builder(arms, Segments::single()).policy(Uniform).window(window).incarnation(incarnation)
}

/// Tells the time in days.
fn at(bandit: &Bandit, days: f64) {
    bandit.advance_to(Timestamp::from_millis((days * DAY.as_millis() as f64) as u64)).unwrap();
}

fn send(bandit: &Bandit, count: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<Decision> {
    (0..count).map(|_| bandit.select(SEGMENT, &bandit.arms().all(), rng).unwrap()).collect()
}

/// What is believed of each arm beyond the prior: (successes, trials).
fn believed(bandit: &Bandit) -> Vec<(f64, f64)> {
    let beliefs = bandit.arms().iter().map(|arm| bandit.posterior(SEGMENT, arm.id()));
    beliefs.map(|belief| (belief.alpha() - 1.0, belief.alpha() + belief.beta() - 2.0)).collect()
}

/// Trials over all arms.
fn trials(bandit: &Bandit) -> f64 {
    believed(bandit).iter().map(|(_, trials)| trials).sum()
}

/// Successes over trials, against the truth, by channel; and the share of decisions that counts as tried.
///
/// Each day 800 messages at four moments, of which 8 % are paid within the window: after an SMS in 1 day on average, after
/// a letter in 3 days and 5 more, exponentially.
fn bias(pending: Pending, by: DelaysBy, look: u32, seed: u64) -> [(f64, f64); 2] {
    let bandit = builder(&CHANNELS, 14, seed).pending(pending).delays_by(by).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut due: Vec<Vec<Decision>> = vec![Vec::new(); 4 * 64];
    for moment in 0..4 * look as usize {
        at(&bandit, moment as f64 / 4.0);
        for decision in std::mem::take(&mut due[moment]) {
            bandit.reward(&decision, Reward::SUCCESS).unwrap();
        }
        for decision in send(&bandit, 200, &mut rng) {
            let days = loop {
                let exponential = -(1.0 - rng.random::<f64>()).ln();
                let days = if decision.arm().index() == 0 { exponential } else { 3.0 + 5.0 * exponential };
                // What would come later is not paid in time: drawn again, as the rate is that within the window.
                if days < 14.0 {
                    break days;
                }
            };
            if rng.random_bool(0.08) {
                due[moment + 1 + (days * 4.0) as usize].push(decision);
            }
        }
    }
    at(&bandit, f64::from(look));
    let issued = |arm: u32| bandit.statistics(SEGMENT, tactful::ArmId::new(arm)).issued() as f64;
    let believed = believed(&bandit);
    std::array::from_fn(|channel| {
        let (successes, trials) = believed[channel];
        (successes / trials / 0.08 - 1.0, trials / issued(channel as u32))
    })
}

/// The means of [`bias`] over 16 worlds, with the standard error of those of the rates.
fn mean_bias(pending: Pending, by: &DelaysBy, look: u32) -> [(f64, f64, f64); 2] {
    let worlds: Vec<_> = (0..16).map(|world| bias(pending, by.clone(), look, 100 + world)).collect();
    std::array::from_fn(|channel| {
        let mean = |of: &dyn Fn((f64, f64)) -> f64| {
            worlds.iter().map(|world| of(world[channel])).sum::<f64>() / worlds.len() as f64
        };
        let (rate, share) = (mean(&|one| one.0), mean(&|one| one.1));
        let variance = mean(&|one| (one.0 - rate).powi(2)) * 16.0 / 15.0;
        (rate, (variance / 16.0).sqrt(), share)
    })
}

#[test]
fn the_correction_is_unbiased_failures_too_low_and_closed_ones_late() {
    let by_channel = DelaysBy::Dimension("channel".into());
    let modes = [Pending::ClosedOnly, Pending::AsDefault, Pending::Corrected];
    let [closed, failures, corrected] = modes.map(|mode| mean_bias(mode, &by_channel, 22));
    let one_law = mean_bias(Pending::Corrected, &DelaysBy::Nothing, 22);
    for channel in [0, 1] {
        // Standard errors of these means are below 1.4 %, so that bounds at four of them cry wolf once in 16,000 times.
        assert!(
            closed[channel].0.abs() < 0.06 && corrected[channel].0.abs() < 0.04,
            "{closed:?} {corrected:?}"
        );
        assert!(closed[channel].1 < 0.014 && corrected[channel].1 < 0.012, "{closed:?} {corrected:?}");
        // Eight days of 22 are closed. Corrected, nearly all that could have been answered counts.
        assert!((closed[channel].2 - 8.0 / 22.0).abs() < 0.01, "{closed:?}");
        assert!((failures[channel].2 - 1.0).abs() < 1e-9, "{failures:?}");
    }
    assert!(corrected[0].2 > 0.9 && (0.6..0.8).contains(&corrected[1].2), "{corrected:?}");
    // What the open ones still lack is a day's messages of 22 where the answer takes a day, and more than six days' of
    // letters, for which it takes more than six.
    assert!((-0.08..-0.02).contains(&failures[0].0), "{failures:?}");
    assert!((-0.36..-0.26).contains(&failures[1].0), "{failures:?}");
    // One law for both makes those who answer fast look better and those who answer slowly look worse.
    assert!(one_law[0].0 > 0.1 && one_law[1].0 < -0.1, "{one_law:?}");
}

#[test]
fn what_another_process_has_told_is_as_old_as_its_word() {
    let process = |replica: u16| {
        let process = builder(&CHANNELS, 10, 1).pending(Pending::Corrected).replica(replica);
        process.replicated().build().unwrap()
    };
    let (here, there) = (process(1), process(2));
    for process in [&here, &there] {
        at(process, 100.0);
    }
    let sent = send(&there, 1_000, &mut Xoshiro256PlusPlus::seed_from_u64(1));
    at(&there, 102.0);
    at(&here, 102.0);
    sent.iter().take(40).for_each(|decision| there.reward(decision, Reward::SUCCESS).unwrap());
    here.merge(&there.delta().unwrap()).unwrap();
    let told = trials(&here);
    // Nothing was paid in time, so that the law is the uniform one: two days of eleven.
    assert!((told - 1_000.0 * 2.0 / 11.0).abs() < 1e-9, "{told}");
    // Silence from there is not silence of the customers: the window passes here, but nobody has said how it ended.
    for day in [103.0, 107.0, 111.0, 150.0] {
        at(&here, day);
        let trials = trials(&here);
        assert!((trials - 1_000.0 * 3.0 / 11.0).abs() < 1e-9, "{trials} on day {day}");
    }
    at(&there, 111.0);
    here.merge(&there.delta().unwrap()).unwrap();
    assert!((trials(&here) - 1_000.0).abs() < 1e-9);
}

#[test]
fn delays_that_are_no_longer_told_apart_are_added_up() {
    let by_channel = DelaysBy::Dimension("channel".into());
    let bandit = builder(&CHANNELS, 3, 1).delays_by(by_channel).build().unwrap();
    let sent = send(&bandit, 100, &mut Xoshiro256PlusPlus::seed_from_u64(1));
    at(&bandit, 1.0);
    sent.iter().take(60).for_each(|decision| bandit.reward(decision, Reward::SUCCESS).unwrap());
    for day in [2.0, 5.0] {
        at(&bandit, day);
        let snapshot: Snapshot =
            serde_json::from_str(&serde_json::to_string(&bandit.snapshot()).unwrap()).unwrap();
        let mut together = builder(&CHANNELS, 3, 2 + day as u64).build().unwrap();
        together.restore(&snapshot).unwrap();
        let conversions: Vec<f64> = bandit.delays().iter().map(|(_, delay)| delay.conversions()).collect();
        assert!(conversions.iter().all(|&some| some > 10.0), "{conversions:?}");
        assert_eq!(together.delays()[0].1.conversions(), 60.0);
        assert!(together.delays()[0].1.law().steps()[0] < 0.1, "all came after a day");
    }
}

#[test]
fn with_a_window_a_plan_is_due_by_the_rewards_that_came() {
    let bandit = builder(&CHANNELS, 2, 1)
        .policy(tactful::policy::Thompson::default())
        .refresh(Refresh::Manual)
        .build()
        .unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for day in 0..20 {
        at(&bandit, f64::from(day));
        let sent = send(&bandit, 1_000, &mut rng);
        sent.iter().take(40).for_each(|decision| bandit.reward(decision, Reward::SUCCESS).unwrap());
    }
    at(&bandit, 20.0);
    let sent = send(&bandit, 400, &mut rng);
    bandit.refresh();
    // 800 rewards were told, of 20,000 decisions: 1 % of that is 8, not the 200 that nobody will ever report.
    let mut due = Vec::new();
    for (number, decision) in (1..).zip(&sent) {
        // A plan that nobody draws from is not made anew.
        send(&bandit, 1, &mut rng);
        bandit.reward(decision, Reward::SUCCESS).unwrap();
        if bandit.refresh() > 0 {
            due.push(number);
        }
    }
    println!("{due:?}");
    assert_eq!(due[..3], [8, 16, 24]);
}

/// Decisions with the moments they were made at, in days; all are tried and none is pending.
fn log_of(gaps: &[(f64, u8)]) -> (Bandit, Vec<f64>, f64) {
    let bandit = builder(&["email"], 1, 1).pending(Pending::AsDefault).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let (mut now, mut log) = (0.0, Vec::new());
    for &(gap, count) in gaps {
        now += gap;
        at(&bandit, now);
        send(&bandit, usize::from(count), &mut rng);
        log.extend(std::iter::repeat_n(now, usize::from(count)));
    }
    (bandit, log, now)
}

fn gaps() -> impl Strategy<Value = Vec<(f64, u8)>> {
    // Moments that milliseconds hold exactly, most less than a day apart.
    let gap = prop_oneof![8 => 0..20_u32, 1 => 0..200_u32, 1 => 1000..1001_u32];
    prop::collection::vec((gap.prop_map(|eighths| f64::from(eighths) / 8.0), 0..4_u8), 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn half_lives_weigh_like_a_plain_log_within_the_bound_stated(gaps in gaps(), half_life in 1..200_u32) {
        let (mut bandit, log, now) = log_of(&gaps);
        bandit.set_forgetting(Forgetting::HalfLife(DAY * half_life)).unwrap();
        let weight = |age: f64| (-age.max(0.0) / f64::from(half_life)).exp2();
        let sum = |weight: &dyn Fn(f64) -> f64| log.iter().map(|made| weight(now - made)).sum::<f64>();
        let (least, most) = (
            sum(&|age| (weight(age + 0.5) - 0.012).max(0.0)),
            sum(&|age| (weight(age - 0.5) + 0.012).min(1.0)),
        );
        let trials = trials(&bandit);
        prop_assert!(least - 1e-6 <= trials && trials <= most + 1e-6, "{trials} is not from {least} to {most}");
    }

    #[test]
    fn sliding_windows_end_where_they_should_within_the_bound_stated(gaps in gaps(), days in 1..200_u32) {
        let (mut bandit, log, now) = log_of(&gaps);
        bandit.set_forgetting(Forgetting::Window(DAY * days)).unwrap();
        let length = f64::from(days);
        let count = |remembered: &dyn Fn(f64) -> bool| log.iter().filter(|&&made| remembered(made)).count() as f64;
        let trials = trials(&bandit);
        if days <= 32 {
            // Buckets that are not merged yet, each whole, by its middle: exactly.
            let exact = count(&|made| now - (made.floor() + 0.5) <= length);
            prop_assert!((trials - exact).abs() < 1e-6, "{trials} for {exact}");
        }
        let error = f64::max(0.5, length / 32.0);
        let (least, most) =
            (count(&|made| now - made <= length - error), count(&|made| now - made <= length + error));
        prop_assert!(least - 1e-6 <= trials && trials <= most + 1e-6, "{trials} is not from {least} to {most}");
    }
}

#[test]
fn merged_buckets_leave_a_sliding_window_whole() {
    // One decision a day for a year, remembered for a hundred days: layers of four days by then.
    let (mut bandit, _, _) = log_of(&vec![(1.0, 1); 365]);
    bandit.set_forgetting(Forgetting::Window(DAY * 100)).unwrap();
    let mut before = trials(&bandit);
    let mut left = Vec::new();
    for day in 366..430 {
        at(&bandit, f64::from(day));
        let now = trials(&bandit);
        left.push((before - now).round() as u32);
        before = now;
    }
    assert!(left.iter().all(|&days| days == 0 || days == 4), "{left:?}");
    assert!((60..=64).contains(&left.iter().sum::<u32>()), "{left:?}");
}

#[test]
fn a_sliding_window_shorter_than_a_bucket_remembers_the_bucket_that_is_going_on() {
    let hour = Duration::from_secs(3600);
    let (mut bandit, _, now) = log_of(&[(0.0, 3), (1.25, 2), (0.25, 1)]);
    bandit.set_forgetting(Forgetting::Window(hour)).unwrap();
    for later in [0.0, 0.25, 0.45] {
        at(&bandit, now + later);
        assert!((trials(&bandit) - 3.0).abs() < 1e-6, "{} after {later} days", trials(&bandit));
    }
}
