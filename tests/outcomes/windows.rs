//! Attribution windows: what has not come when the window closes is the default reward; what comes later is late;
//! nothing is counted twice or lost on the way, restarts included.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::{BuildError, RewardError};
use tactful::belief::{Forgetting, Pending};
use tactful::policy::Uniform;
use tactful::snapshot::RestoreError;
use tactful::time::{Window, WindowError};
use tactful::{
    ArmId, ArmSpace, ArmStatistics, Bandit, BanditBuilder, Decision, Reward, RewardKind, SegmentId, Segments,
    Timestamp,
};

const DAY: u64 = 86_400_000;
const SEGMENT: SegmentId = SegmentId::new(0);
const REAL: RewardKind = RewardKind::Real { minimum: -1.0, maximum: 3.0 };

/// A window of so many days in buckets of one day.
fn days(days: u32) -> Window {
    let day = Duration::from_millis(DAY);
    Window::new(days * day, day).unwrap()
}

fn builder(kind: RewardKind, incarnation: u64) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("channel", ["email", "sms", "letter"]).build().unwrap();
    Bandit::builder(arms, Segments::single()).policy(Uniform).reward(kind).incarnation(incarnation)
}

fn at(bandit: &Bandit, day: u64) {
    bandit.advance_to(Timestamp::from_millis(day * DAY)).unwrap();
}

/// So many decisions.
fn send(bandit: &Bandit, count: usize, seed: u64) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..count).map(|_| bandit.select(SEGMENT, &bandit.arms().all(), &mut rng).unwrap()).collect()
}

/// Everything counted over all arms.
fn total(bandit: &Bandit) -> ArmStatistics {
    let arms = bandit.arms().iter().map(|arm| bandit.statistics(SEGMENT, arm.id()));
    arms.fold(ArmStatistics::default(), |sum, arm| sum.merge(arm).unwrap())
}

fn counts(bandit: &Bandit) -> (u64, u64, f64) {
    let total = total(bandit);
    (total.issued(), total.returned(), total.sum())
}

#[test]
fn what_has_not_come_when_the_window_closes_is_a_failure() {
    let bandit = builder(RewardKind::Binary, 1).window(days(3)).build().unwrap();
    at(&bandit, 100);
    let sent = send(&bandit, 10, 1);
    bandit.reward(&sent[0], Reward::SUCCESS).unwrap();
    assert_eq!(counts(&bandit), (10, 1, 1.0));
    // Made on day 100, due until day 103: open through that day, since the last may have been made at its very end.
    at(&bandit, 103);
    bandit.reward(&sent[1], Reward::SUCCESS).unwrap();
    bandit.reward(&sent[2], Reward::FAILURE).unwrap();
    at(&bandit, 104);
    assert_eq!(counts(&bandit), (10, 10, 2.0));
    let late = bandit.reward(&sent[3], Reward::SUCCESS);
    assert!(matches!(late, Err(RewardError::Late { id }) if id == sent[3].id()), "{late:?}");
    assert_eq!(counts(&bandit), (10, 10, 2.0));
    assert_eq!(bandit.late().refused, 1);
    // An earlier time changes nothing.
    at(&bandit, 50);
    assert_eq!(bandit.now(), Timestamp::from_millis(104 * DAY));
    assert_eq!(send(&bandit, 1, 2)[0].id().cohort().get(), 105);
}

#[test]
fn a_default_reward_may_be_a_success_or_an_amount() {
    // "No complaint came": the exception is reported.
    let bandit =
        builder(RewardKind::Binary, 1).window(days(1)).default_reward(Reward::SUCCESS).build().unwrap();
    at(&bandit, 5);
    let sent = send(&bandit, 10, 1);
    bandit.reward(&sent[0], Reward::FAILURE).unwrap();
    bandit.reward(&sent[1], Reward::SUCCESS).unwrap();
    at(&bandit, 7);
    assert_eq!(counts(&bandit), (10, 10, 9.0));

    let bandit = builder(REAL, 1).window(days(1)).default_reward(Reward::new(1.0)).build().unwrap();
    at(&bandit, 5);
    let sent = send(&bandit, 4, 1);
    bandit.reward(&sent[0], Reward::new(3.0)).unwrap();
    at(&bandit, 7);
    // Scaled from [−1, 3]: 3 is 1, three times the default 1 is 0.5.
    assert_eq!(counts(&bandit), (4, 4, 2.5));
    assert_eq!(total(&bandit).sum_of_squares(), 1.75);

    let refused = builder(REAL, 1).window(days(1)).default_reward(Reward::new(4.0)).build();
    assert!(matches!(refused, Err(BuildError::DefaultReward(_))));
}

#[test]
fn within_the_time_of_grace_a_late_reward_corrects_the_default() {
    let day = Duration::from_millis(DAY);
    let bandit = builder(RewardKind::Binary, 1).window(days(3).grace_for(2 * day).unwrap()).build().unwrap();
    at(&bandit, 10);
    let sent = send(&bandit, 5, 3);
    at(&bandit, 14);
    assert_eq!(counts(&bandit), (5, 5, 0.0));
    bandit.reward(&sent[0], Reward::SUCCESS).unwrap();
    assert_eq!(counts(&bandit), (5, 5, 1.0));
    at(&bandit, 15);
    bandit.reward(&sent[1], Reward::SUCCESS).unwrap();
    assert!(matches!(bandit.reward(&sent[1], Reward::SUCCESS), Err(RewardError::AlreadyRewarded { .. })));
    at(&bandit, 16);
    assert!(matches!(bandit.reward(&sent[2], Reward::SUCCESS), Err(RewardError::Late { .. })));
    assert_eq!(counts(&bandit), (5, 5, 2.0));
    assert_eq!((bandit.late().corrected, bandit.late().refused), (2, 1));
}

#[test]
fn a_cancelled_decision_was_never_made() {
    for window in [None, Some(days(2))] {
        for kind in [RewardKind::Binary, REAL] {
            let mut builder = builder(kind, 1);
            if let Some(window) = window {
                builder = builder.window(window).default_reward(Reward::new(0.0));
            }
            let bandit = builder.build().unwrap();
            at(&bandit, 1);
            let sent = send(&bandit, 6, 4);
            bandit.cancel(&sent[0]).unwrap();
            bandit.reward(&sent[1], Reward::SUCCESS).unwrap();
            for decision in &sent[..2] {
                let again = bandit.cancel(decision);
                assert!(matches!(again, Err(RewardError::AlreadyRewarded { .. })), "{again:?}");
                assert!(bandit.reward(decision, Reward::SUCCESS).is_err());
            }
            assert_eq!((total(&bandit).issued(), total(&bandit).returned()), (5, 1));
            if window.is_some() {
                at(&bandit, 4);
                assert!(matches!(bandit.cancel(&sent[2]), Err(RewardError::Late { .. })));
                assert_eq!((total(&bandit).issued(), total(&bandit).returned()), (5, 5));
            }
        }
    }
}

#[test]
fn pending_decisions_count_by_the_mode_that_was_chosen() {
    let mean = |pending: Pending| {
        let bandit = builder(RewardKind::Binary, 1).window(days(3)).pending(pending).build().unwrap();
        at(&bandit, 0);
        for decision in &send(&bandit, 900, 5)[..90] {
            bandit.reward(decision, Reward::SUCCESS).unwrap();
        }
        let posterior = bandit.posterior(SEGMENT, ArmId::new(0));
        (posterior.alpha() + posterior.beta(), bandit.statistics(SEGMENT, ArmId::new(0)).issued() as f64)
    };
    let (shapes, _) = mean(Pending::ClosedOnly);
    assert_eq!(shapes, 2.0, "nothing is known yet");
    let (shapes, issued) = mean(Pending::AsDefault);
    assert_eq!(shapes, 2.0 + issued);
}

#[test]
fn forgetting_is_a_weight_on_counters_that_forget_nothing() {
    let day = Duration::from_millis(DAY);
    let mut bandit = builder(RewardKind::Binary, 1).window(days(1)).build().unwrap();
    let shapes = |bandit: &Bandit| {
        let arms = bandit.arms().iter();
        arms.map(|arm| bandit.posterior(SEGMENT, arm.id())).map(|b| b.alpha() + b.beta() - 2.0).sum::<f64>()
    };
    for today in 0..400 {
        at(&bandit, today);
        send(&bandit, 10, today);
    }
    at(&bandit, 402);
    assert!((shapes(&bandit) - 4000.0).abs() < 1e-9);
    for half_life in [3_u32, 30, 300] {
        bandit.set_forgetting(Forgetting::HalfLife(half_life * day)).unwrap();
        // Decisions of day d lie half a day behind its middle on average; it is day 402, 00:00.
        let exact = |d: u32| 10.0 * (-(402.0 - f64::from(d) - 0.5) / f64::from(half_life)).exp2();
        let exact: f64 = (0..400).map(exact).sum();
        assert!((shapes(&bandit) / exact - 1.0).abs() < 0.002, "{} for {exact}", shapes(&bandit));
    }
    bandit.set_forgetting(Forgetting::Window(10 * day)).unwrap();
    assert_eq!(shapes(&bandit), 80.0, "days 392 to 399");
    assert_eq!(total(&bandit).issued(), 4000);
    assert!(bandit.set_forgetting(Forgetting::HalfLife(Duration::ZERO)).is_err());
    let endless = builder(RewardKind::Binary, 1).forgetting(Forgetting::HalfLife(day)).build();
    assert!(matches!(endless, Err(BuildError::Forgetting(_))));
}

#[test]
fn bad_windows_are_refused() {
    let second = Duration::from_secs(1);
    assert!(matches!(Window::new(second, second / 2), Err(WindowError::Bucket { .. })));
    assert!(matches!(Window::new(Duration::ZERO, second), Err(WindowError::Length { .. })));
    assert!(matches!(Window::new(1025 * second, second), Err(WindowError::Length { .. })));
    assert!(Window::new(1024 * second, second).unwrap().grace_for(1025 * second).is_err());
    let bandit = builder(RewardKind::Binary, 1).window(days(1)).build().unwrap();
    assert!(bandit.advance_to(Timestamp::from_millis(u64::MAX)).is_err());
    assert_eq!(bandit.now(), Timestamp::default());
    assert!(
        builder(RewardKind::Binary, 1).build().unwrap().advance_to(Timestamp::from_millis(u64::MAX)).is_ok()
    );
}

#[test]
fn a_window_that_was_read_from_somewhere_is_looked_at() {
    for text in [
        r#"{"bucket":0,"length":3,"grace":0}"#,
        r#"{"bucket":86400000,"length":4294967295,"grace":0}"#,
        r#"{"bucket":86400000,"length":3,"grace":4294967295}"#,
    ] {
        let window: Window = serde_json::from_str(text).unwrap();
        let arms = ArmSpace::builder().dimension("channel", ["email"]).build().unwrap();
        let built = Bandit::builder(arms, Segments::single()).window(window).build();
        assert!(matches!(built, Err(BuildError::Window { .. })), "{text}");
    }
}

#[test]
fn a_snapshot_of_another_window_is_refused() {
    let bandit = builder(RewardKind::Binary, 1).window(days(3)).build().unwrap();
    at(&bandit, 7);
    send(&bandit, 5, 1);
    let snapshot = bandit.snapshot();
    let hours = Window::new(Duration::from_millis(3 * DAY), Duration::from_secs(3600)).unwrap();
    for other in [Some(hours), None] {
        let mut builder = builder(RewardKind::Binary, 2);
        if let Some(window) = other {
            builder = builder.window(window);
        }
        let mut fresh = builder.build().unwrap();
        assert!(matches!(fresh.restore(&snapshot), Err(RestoreError::Window { .. })));
    }
    let builder = builder(RewardKind::Binary, 2).window(days(5)).default_reward(Reward::SUCCESS);
    assert!(matches!(builder.build().unwrap().restore(&snapshot), Err(RestoreError::DefaultReward { .. })));
}

#[test]
fn a_handle_moves_on_to_the_new_cohort_and_threads_lose_nothing() {
    let bandit = builder(RewardKind::Binary, 1).window(days(2)).build().unwrap();
    at(&bandit, 1);
    let all = bandit.arms().all();
    let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(1));
    let first = selector.select(SEGMENT, &all).unwrap();
    at(&bandit, 2);
    let second = selector.select(SEGMENT, &all).unwrap();
    assert_eq!((first.id().cohort().get(), second.id().cohort().get()), (2, 3));

    // Two threads send and reward while a third lets the days pass.
    let rewarded: u64 = std::thread::scope(|scope| {
        let worker = |seed| {
            let (bandit, all) = (&bandit, &all);
            move || {
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
                let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(seed + 10));
                let mut counted = 0;
                for _ in 0..100_000 {
                    let decision = selector.select(SEGMENT, all).unwrap();
                    if rng.random_bool(0.3) && bandit.reward(&decision, Reward::SUCCESS).is_ok() {
                        counted += 1;
                    }
                }
                counted
            }
        };
        let workers = [scope.spawn(worker(1)), scope.spawn(worker(2))];
        let mut today = 2;
        while !workers.iter().all(|worker| worker.is_finished()) {
            today += 1;
            at(&bandit, today);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(today > 5, "the days passed while they worked");
        workers.map(|worker| worker.join().unwrap()).iter().sum()
    });
    at(&bandit, 10_000);
    let (issued, returned, sum) = counts(&bandit);
    assert_eq!((issued, returned), (200_002, 200_002));
    assert_eq!(sum, rewarded as f64);
}

#[test]
fn the_correction_for_delay_learns_the_law_and_takes_not_yet_for_what_it_is() {
    // Every day 500 decisions, of which 10 % convert, after 0 to 13 days with probability falling by 0.8 a day.
    let bias = |pending: Pending| {
        let bandit = builder(RewardKind::Binary, 1).window(days(14)).pending(pending).build().unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
        let mut due: Vec<Vec<Decision>> = vec![Vec::new(); 80];
        for today in 0..25 {
            at(&bandit, today);
            for decision in send(&bandit, 500, today) {
                if rng.random_bool(0.1) {
                    let late = (0..13).take_while(|_| rng.random_bool(0.8)).count();
                    due[today as usize + late].push(decision);
                }
            }
            for decision in std::mem::take(&mut due[today as usize]) {
                bandit.reward(&decision, Reward::SUCCESS).unwrap();
            }
        }
        at(&bandit, 25);
        let posteriors = bandit.arms().iter().map(|arm| bandit.posterior(SEGMENT, arm.id()));
        let (successes, trials) = posteriors
            .map(|belief| (belief.alpha() - 1.0, belief.alpha() + belief.beta() - 2.0))
            .fold((0.0, 0.0), |(s, n), (successes, trials)| (s + successes, n + trials));
        let law = bandit.delays();
        assert_eq!(law.len(), 1);
        (successes / trials / 0.1 - 1.0, trials, law[0].1.law().cdf(5.0))
    };
    // 12,500 decisions at 10 %: three standard errors of the rate are 8 % of it, of a third of them 14 %.
    let (closed, closed_trials, _) = bias(Pending::ClosedOnly);
    let (hasty, hasty_trials, _) = bias(Pending::AsDefault);
    let (corrected, trials, five_days) = bias(Pending::Corrected);
    assert!(closed.abs() < 0.14 && corrected.abs() < 0.08, "closed {closed}, corrected {corrected}");
    assert!(hasty < -0.15, "as failures {hasty}");
    assert!(closed_trials < 0.6 * trials && trials < hasty_trials, "{closed_trials} {trials} {hasty_trials}");
    // P(delay < 5 days) = 1 − 0.8⁵ = 0.672, and of those within the window a little more.
    assert!((five_days - 0.68).abs() < 0.08, "F(5 days) is {five_days}");
}
