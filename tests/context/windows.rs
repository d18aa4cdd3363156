//! Features together with an attribution window: the same decisions count, from the same time on, each once.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tactful::bandit::{DelaysBy, RewardError};
use tactful::belief::{Forgetting, Linear, LinearBelief, Pending};
use tactful::policy::{LinUcb, Thompson, Uniform};
use tactful::time::Window;
use tactful::{
    ArmSpace, Bandit, BanditBuilder, Decision, Features, Refresh, Reward, RewardKind, SegmentId, Segments,
    Timestamp,
};

pub(crate) const EVERYONE: SegmentId = SegmentId::new(0);
pub(crate) const DAY: u64 = 86_400_000;

/// A window of so many days in buckets of one day.
pub(crate) fn days(days: u32) -> Window {
    let day = Duration::from_millis(DAY);
    Window::new(days * day, day).unwrap()
}

pub(crate) fn builder(channels: &[&str], features: &[&str]) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("channel", channels.iter().copied()).build().unwrap();
    let declared = features.iter().fold(Features::builder(), |all, name| all.feature(*name, 0.0..=64.0));
    Bandit::builder(arms, Segments::single()).features(declared.build().unwrap()).policy(LinUcb::default())
}

pub(crate) fn at(bandit: &Bandit, day: f64) {
    bandit.advance_to(Timestamp::from_millis((day * DAY as f64) as u64)).unwrap();
}

/// A decision for this arm.
pub(crate) fn send(bandit: &Bandit, arm: usize, x: &[f64], rng: &mut Xoshiro256PlusPlus) -> Decision {
    let only = bandit.arms().eligible(|one| one.id().index() == arm);
    bandit.select_with(EVERYONE, &only, x, rng).unwrap()
}

/// Features on a grid on which all products are whole.
pub(crate) fn customer(features: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    (0..features).map(|_| f64::from(rng.random_range(0..=64))).collect()
}

pub(crate) fn beliefs(bandit: &Bandit, x: &[f64]) -> Vec<LinearBelief> {
    bandit.linear_beliefs(EVERYONE, &bandit.arms().all(), x).unwrap()
}

pub(crate) fn context(bandit: &Bandit) -> Value {
    serde_json::to_value(bandit.snapshot()).unwrap()["context"].clone()
}

/// (decisions, rewards, Σ r of these) over all arms, from the sums of features: of places of this kind, or of all.
pub(crate) fn counted(bandit: &Bandit, kind: Option<&str>) -> (f64, u64, f64) {
    let context = context(bandit);
    let places = context["places"].as_array().map_or(&[][..], Vec::as_slice);
    let places = places.iter().filter(|place| kind.is_none_or(|kind| place["place"] == kind));
    let cells = places.flat_map(|place| place["cells"].as_array().unwrap());
    let unit = f64::from(1 << 30);
    cells.fold((0.0, 0, 0.0), |(decisions, returned, sum), cell| {
        let sums = &cell[2];
        let number = |value: &Value| value.as_f64().unwrap() / unit;
        let returned = returned + sums["returned"].as_u64().unwrap();
        (decisions + number(&sums["products"][0]), returned, sum + number(&sums["rewards"][0]))
    })
}

#[test]
fn exactly_once_rewards_count_within_the_window_and_are_late_after_it() {
    let day = Duration::from_millis(DAY);
    let window = days(3).grace_for(2 * day).unwrap();
    let bandit = builder(&["sms", "letter"], &["debt"]).window(window).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    at(&bandit, 10.0);
    let sent: Vec<Decision> = (0..8).map(|n| send(&bandit, n % 2, &[8.0], &mut rng)).collect();
    bandit.reward(&sent[0], Reward::SUCCESS).unwrap();
    bandit.reward(&sent[1], Reward::FAILURE).unwrap();
    for decision in &sent[..2] {
        let again = bandit.reward(decision, Reward::SUCCESS);
        assert!(matches!(again, Err(RewardError::AlreadyRewarded { .. })), "{again:?}");
    }
    assert_eq!(counted(&bandit, Some("cohort")), (8.0, 1, 1.0));
    bandit.cancel(&sent[2]).unwrap();
    assert!(bandit.reward(&sent[2], Reward::SUCCESS).is_err());
    assert!(bandit.cancel(&sent[0]).is_err());
    assert_eq!(counted(&bandit, None), (7.0, 1, 1.0));
    // Closed, and in the time of grace: corrected.
    at(&bandit, 14.5);
    bandit.reward(&bandit.parse(sent[3].token()).unwrap(), Reward::SUCCESS).unwrap();
    assert_eq!(counted(&bandit, None), (7.0, 2, 2.0));
    at(&bandit, 16.0);
    assert_eq!(
        (counted(&bandit, Some("cohort")), counted(&bandit, Some("layer"))),
        ((0.0, 0, 0.0), (7.0, 2, 2.0))
    );
    let before = context(&bandit);
    assert!(matches!(bandit.reward(&sent[4], Reward::SUCCESS), Err(RewardError::Late { .. })));
    assert!(matches!(bandit.cancel(&sent[5]), Err(RewardError::Late { .. })));
    assert_eq!(context(&bandit), before);
}

/// Some hundred decisions over 40 days; `report` says whether what has not come is reported by the host.
fn played(bandit: &Bandit, default: Reward, other: &[Reward], report: bool) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut customers = Xoshiro256PlusPlus::seed_from_u64(4);
    let mut due: Vec<(u32, Decision, Reward)> = Vec::new();
    for day in 0..40_u32 {
        at(bandit, f64::from(day));
        due.retain(|(on, decision, reward)| {
            if *on == day {
                bandit.reward(decision, *reward).unwrap();
            }
            *on > day
        });
        for _ in 0..9 {
            let (arm, x) = (customers.random_range(0..2), customer(2, &mut customers));
            let decision = send(bandit, arm, &x, &mut rng);
            match customers.random_range(0..4) {
                0 => due.push((day + customers.random_range(1..=5), decision, other[(day % 2) as usize])),
                _ if report => bandit.reward(&decision, default).unwrap(),
                _ => {}
            }
        }
    }
    for (_, decision, reward) in due {
        bandit.reward(&decision, reward).unwrap();
    }
    at(bandit, 60.0);
}

/// Once every window is over, the model is that of a bandit whose host reports what has not come itself.
#[test]
fn what_has_not_come_when_the_window_closes_has_earned_the_default() {
    let real = RewardKind::Real { minimum: -1.0, maximum: 3.0 };
    let amounts = [Reward::new(-0.5), Reward::new(2.0)];
    let cases = [
        (RewardKind::Binary, Reward::FAILURE, [Reward::SUCCESS; 2], Linear::disjoint()),
        (RewardKind::Binary, Reward::FAILURE, [Reward::SUCCESS; 2], Linear::logistic()),
        (RewardKind::Binary, Reward::SUCCESS, [Reward::FAILURE; 2], Linear::hybrid()),
        (real, Reward::new(0.0), amounts, Linear::disjoint()),
        (real, Reward::new(-1.0), amounts, Linear::hybrid()),
    ];
    for (kind, default, other, linear) in cases {
        let make = || builder(&["sms", "letter", "call"], &["debt", "days"]).reward(kind).linear(linear);
        let waits = make().window(days(5)).default_reward(default).build().unwrap();
        let told = make().build().unwrap();
        played(&waits, default, &other, false);
        played(&told, default, &other, true);
        told.refresh();
        let reported = context(&told)["cells"].as_array().unwrap().len();
        assert_eq!(reported, 2);
        // By fits of all that is known now.
        let fresh = |of: &Bandit, builder: BanditBuilder, x: &[f64]| {
            let mut again = builder.build().unwrap();
            again.restore(&of.snapshot()).unwrap();
            beliefs(&again, x)
        };
        for x in [[0.0, 0.0], [64.0, 0.0], [20.0, 50.0]] {
            let waited = fresh(&waits, make().window(days(5)).default_reward(default), &x);
            assert_eq!(waited, fresh(&told, make(), &x), "{kind:?} {default:?} {linear:?} {x:?}");
        }
    }
}

/// Half of the answers to an SMS come within 1 day, to a letter within 6; those whose time is up are told to the bandit.
struct Portfolio {
    bandit: Bandit,
    rng: Xoshiro256PlusPlus,
    due: Vec<(f64, Decision)>,
}

impl Portfolio {
    const MEDIANS: [f64; 2] = [1.0, 6.0];

    /// The rate of payments at a feature in [0, 1].
    fn rate(x: f64) -> f64 {
        0.05 + 0.3 * x
    }

    fn new(pending: Pending, seed: u64) -> Self {
        let builder = builder(&["sms", "letter"], &["debt"]).policy(Uniform).pending(pending);
        let builder = builder.delays_by(DelaysBy::Dimension("channel".to_owned())).window(days(14));
        Self {
            bandit: builder.build().unwrap(),
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            due: Vec::new(),
        }
    }

    /// Sends so many a day on each channel from one day to another, and tells the time every two hours.
    fn run(&mut self, from: u32, until: u32, a_day: u32) {
        for hours in (from * 24..until * 24).step_by(2) {
            let now = f64::from(hours) / 24.0;
            at(&self.bandit, now);
            self.due.retain(|(on, decision)| {
                if *on <= now {
                    // Beyond the window payments come too late.
                    _ = self.bandit.reward(decision, Reward::SUCCESS);
                }
                *on > now
            });
            for sent in 0..a_day / 12 * 2 {
                let (arm, x) = (sent as usize % 2, self.rng.random::<f64>());
                let decision = send(&self.bandit, arm, &[64.0 * x], &mut self.rng);
                // The window ends with its bucket: what would come later comes never.
                let delay = -Self::MEDIANS[arm] * self.rng.random::<f64>().log2();
                if delay < 14.0 && self.rng.random_bool(Self::rate(x)) {
                    self.due.push((now + delay, decision));
                }
            }
        }
        at(&self.bandit, f64::from(until));
    }

    /// By how much the model is off, in parts of the truth, at x = 0.5: of an SMS, and of a letter.
    fn off(&self) -> [f64; 2] {
        // Of what would ever come, what comes within the window.
        let within = Self::MEDIANS.map(|median| 1.0 - (-14.0 / median).exp2());
        let found = beliefs(&self.bandit, &[32.0]);
        std::array::from_fn(|arm| found[arm].mean() / (Self::rate(0.5) * within[arm]) - 1.0)
    }
}

#[test]
fn a_fit_corrected_for_delay_is_right_from_the_first_days() {
    let mut found = Vec::new();
    for pending in [Pending::AsDefault, Pending::Corrected, Pending::ClosedOnly] {
        let mut portfolio = Portfolio::new(pending, 5);
        portfolio.run(0, 8, 6_000);
        let early = portfolio.off();
        portfolio.run(8, 20, 6_000);
        found.push((early, portfolio.off()));
    }
    println!("{found:?}");
    let [(wanting_early, wanting), (early, corrected), (closed_early, closed)] = found[..] else {
        panic!("three")
    };
    // 48,000 letters by day 8 and 120,000 by day 20, at a rate of 0.16.
    assert!(wanting_early[0] < -0.1 && wanting_early[1] < -0.5, "{wanting_early:?}");
    assert!(wanting[0] < -0.03 && wanting[1] < -0.25, "{wanting:?}");
    assert!(early[0].abs() < 0.04, "{early:?}");
    assert!(corrected.iter().all(|off| off.abs() < 0.04), "{corrected:?}");
    // Until something is closed nothing is known.
    assert_eq!(closed_early, [-1.0, -1.0]);
    assert!(closed.iter().all(|off| off.abs() < 0.04), "{closed:?}");
}

/// What is beyond a sliding window is as if it had never been.
#[test]
fn forgetting_weights_the_sums_of_each_bucket() {
    let sums_of = |from: u32, forgetting: Forgetting| {
        let bandit = builder(&["sms", "letter"], &["debt"]).window(days(2)).forgetting(forgetting);
        // The law of delays is that of all days.
        let bandit = bandit.pending(Pending::AsDefault).incarnation(9).build().unwrap();
        for day in 0..60 {
            at(&bandit, f64::from(day));
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(u64::from(day));
            for n in 0..10 {
                let x = customer(1, &mut rng);
                if day >= from {
                    let decision = send(&bandit, n % 2, &x, &mut rng);
                    // Tastes have changed.
                    if (day < 30) == (x[0] < 32.0) {
                        bandit.reward(&decision, Reward::SUCCESS).unwrap();
                    }
                }
            }
        }
        at(&bandit, 60.0);
        bandit
    };
    let day = Duration::from_millis(DAY);
    let whole = sums_of(0, Forgetting::Never);
    let slid = sums_of(0, Forgetting::Window(20 * day));
    let young = sums_of(40, Forgetting::Never);
    let faded = sums_of(0, Forgetting::HalfLife(5 * day));
    let of = |bandit: &Bandit| [[0.0], [64.0]].map(|x| beliefs(bandit, &x)[0].mean());
    assert_eq!(of(&slid), of(&young));
    let [low, high] = of(&faded);
    assert!(low < 0.25 && high > 0.75, "{low} {high}");
    let [low, high] = of(&whole);
    assert!((0.3..0.7).contains(&low) && (0.3..0.7).contains(&high), "{low} {high}");
    // The rule may be changed at any time: the sums have forgotten nothing.
    assert_eq!(context(&whole), context(&faded));
    let mut whole = whole;
    whole.set_forgetting(Forgetting::HalfLife(5 * day)).unwrap();
    assert_eq!(of(&whole), of(&faded));
}

/// Decisions and rewards from several threads while another moves the time on and closes what they count in.
#[test]
fn order_free_sums_while_cohorts_close() {
    let bandit = builder(&["sms", "letter", "call"], &["debt", "days"]).window(days(1));
    let bandit = bandit.policy(Thompson::default()).refresh(Refresh::Manual).build().unwrap();
    let (threads, rounds) = (3, 4_000_u32);
    let today = std::sync::atomic::AtomicU32::new(0);
    let accepted = |thread: u64| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(thread);
        let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(10 + thread));
        let all = bandit.arms().all();
        let (mut sent, mut rewarded, mut withdrawn, mut late) = (Vec::new(), 0, 0, 0);
        for round in 0..rounds {
            if round % 500 == 499 {
                // However quick it is, time goes on meanwhile.
                let now = || today.load(std::sync::atomic::Ordering::Acquire);
                let seen = now();
                while now() < seen + 2 {
                    std::thread::yield_now();
                }
            }
            sent.push(selector.select_with(EVERYONE, &all, &customer(2, &mut rng)).unwrap());
            let decision = sent[rng.random_range(sent.len().saturating_sub(400)..sent.len())];
            match (round % 8, round % 2) {
                (7, _) => match bandit.cancel(&decision) {
                    Ok(()) => withdrawn += 1,
                    Err(RewardError::Late { .. }) => late += 1,
                    Err(_) => {}
                },
                (_, 0) => match bandit.reward(&decision, Reward::SUCCESS) {
                    Ok(()) => rewarded += 1,
                    Err(RewardError::Late { .. }) => late += 1,
                    Err(_) => {}
                },
                _ => {}
            }
        }
        (rewarded, withdrawn, late)
    };
    let done = std::sync::atomic::AtomicU32::new(0);
    let told = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (accepted, done) = (&accepted, &done);
                scope.spawn(move || {
                    let told = accepted(thread);
                    done.fetch_add(1, std::sync::atomic::Ordering::Release);
                    told
                })
            })
            .collect();
        let mut day = 0;
        while done.load(std::sync::atomic::Ordering::Acquire) < threads as u32 {
            day += 1;
            at(&bandit, f64::from(day));
            bandit.refresh();
            today.store(day, std::sync::atomic::Ordering::Release);
        }
        workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    let rewarded: u64 = told.iter().map(|told| told.0).sum();
    let withdrawn: u32 = told.iter().map(|told| told.1).sum();
    let late: u32 = told.iter().map(|told| told.2).sum();
    assert!(rewarded > 0 && withdrawn > 0 && late > 0, "no contention: {told:?}");
    let decisions = f64::from(threads as u32 * rounds - withdrawn);
    assert_eq!(counted(&bandit, None), (decisions, rewarded, rewarded as f64));
    let issued: u64 = bandit.arms().iter().map(|arm| bandit.statistics(EVERYONE, arm.id()).issued()).sum();
    assert_eq!(issued as f64, decisions);
}
