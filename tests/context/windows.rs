//! Features together with an attribution window: the same decisions count, from the same time on, each once.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tactful::bandit::{DelaysBy, RewardError};
use tactful::belief::{Forgetting, Linear, LinearBelief, Pending};
use tactful::policy::{LinUcb, Thompson, Uniform};
use tactful::snapshot::RestoreError;
use tactful::time::Window;
use tactful::{
    ArmSpace, Bandit, BanditBuilder, Decision, Features, Refresh, Reward, RewardKind, SegmentId, Segments,
    Timestamp,
};

const EVERYONE: SegmentId = SegmentId::new(0);
const DAY: u64 = 86_400_000;

/// A window of so many days in buckets of one day.
fn days(days: u32) -> Window {
    let day = Duration::from_millis(DAY);
    Window::new(days * day, day).unwrap()
}

fn builder(channels: &[&str], features: &[&str]) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("channel", channels.iter().copied()).build().unwrap();
    let declared = features.iter().fold(Features::builder(), |all, name| all.feature(*name, 0.0..=64.0));
    Bandit::builder(arms, Segments::single()).features(declared.build().unwrap()).policy(LinUcb::default())
}

fn at(bandit: &Bandit, day: f64) {
    bandit.advance_to(Timestamp::from_millis((day * DAY as f64) as u64)).unwrap();
}

/// A decision for this arm.
fn send(bandit: &Bandit, arm: usize, x: &[f64], rng: &mut Xoshiro256PlusPlus) -> Decision {
    let only = bandit.arms().eligible(|one| one.id().index() == arm);
    bandit.select_with(EVERYONE, &only, x, rng).unwrap()
}

/// Features on a grid on which all products are whole.
fn customer(features: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    (0..features).map(|_| f64::from(rng.random_range(0..=64))).collect()
}

fn beliefs(bandit: &Bandit, x: &[f64]) -> Vec<LinearBelief> {
    bandit.linear_beliefs(EVERYONE, &bandit.arms().all(), x).unwrap()
}

fn context(bandit: &Bandit) -> Value {
    serde_json::to_value(bandit.snapshot()).unwrap()["context"].clone()
}

/// (decisions, rewards, Σ r of these) over all arms, from the sums of features: of places of this kind, or of all.
fn counted(bandit: &Bandit, kind: Option<&str>) -> (f64, u64, f64) {
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
    let accepted = |thread: u64| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(thread);
        let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(10 + thread));
        let all = bandit.arms().all();
        let (mut sent, mut rewarded, mut withdrawn, mut late) = (Vec::new(), 0, 0, 0);
        for round in 0..rounds {
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

/// A snapshot that has been to disk.
fn stored(bandit: &Bandit) -> tactful::Snapshot {
    serde_json::from_str(&serde_json::to_string(&bandit.snapshot()).unwrap()).unwrap()
}

/// Twelve days of decisions, some of them with a reward by then, some withdrawn.
fn lived(bandit: &Bandit, from: u32) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(u64::from(from));
    let mut sent = Vec::new();
    for day in from..from + 12 {
        at(bandit, f64::from(day) + 0.25);
        let arms = bandit.arms().len();
        for n in 0..12 {
            let x = customer(bandit.features().unwrap().len(), &mut rng);
            sent.push(send(bandit, n % arms, &x, &mut rng));
        }
        for _ in 0..6 {
            let decision = sent[sent.len() - 1 - rng.random_range(0..12)];
            match rng.random_range(0..5) {
                0 => _ = bandit.cancel(&decision),
                n => _ = bandit.reward(&decision, Reward::from(n > 1)),
            }
        }
    }
    sent
}

#[test]
fn nothing_lost_a_snapshot_brings_open_and_closed_sums_back() {
    let make = |incarnation| {
        let builder = builder(&["sms", "letter"], &["debt", "days"]).incarnation(incarnation);
        builder.window(days(4)).build().unwrap()
    };
    let before = make(1);
    let sent = lived(&before, 0);
    let mut after = make(2);
    // A fit made before the restore knows nothing of it.
    beliefs(&after, &[1.0, 1.0]);
    after.restore(&stored(&before)).unwrap();
    assert_eq!(context(&after), context(&before));
    // The same happens to both from here on.
    let late = after.parse(sent[sent.len() - 3].token()).unwrap();
    assert_eq!(before.reward(&late, Reward::SUCCESS).is_ok(), after.reward(&late, Reward::SUCCESS).is_ok());
    for day in [13.0, 14.5, 40.0, 200.0] {
        at(&before, day);
        at(&after, day);
        assert_eq!(context(&after), context(&before), "day {day}");
        assert_eq!(beliefs(&after, &[3.0, 60.0]), beliefs(&before, &[3.0, 60.0]));
    }
    assert_eq!(counted(&after, Some("cohort")), (0.0, 0, 0.0));
}

#[test]
fn a_snapshot_with_a_window_is_read_by_the_names_of_arms_and_features() {
    let make = |channels, features| builder(channels, features).window(days(4)).build().unwrap();
    let before = make(&["sms", "letter", "call"], &["debt", "days"]);
    lived(&before, 0);
    let mut after = make(&["fax", "call", "sms"], &["days", "age", "debt"]);
    after.restore(&stored(&before)).unwrap();
    let cells = |bandit: &Bandit, arm: u32| -> Vec<(Value, Value)> {
        let context = context(bandit);
        let places = context["places"].as_array().unwrap().iter();
        let of_arm = |place: &Value| {
            let cells = place["cells"].as_array().unwrap().iter();
            let cell = cells.clone().find(|cell| cell[1] == arm)?.clone();
            let mut place = place.clone();
            place.as_object_mut().unwrap().remove("cells");
            Some((place, cell[2].clone()))
        };
        places.filter_map(of_arm).collect()
    };
    for (then, now) in [(0, 2), (2, 1)] {
        let (then, now) = (cells(&before, then), cells(&after, now));
        assert!(then.len() > 8 && then.len() == now.len());
        for ((place, then), (same, now)) in then.iter().zip(&now) {
            assert_eq!((place, &then["returned"]), (same, &now["returned"]));
            let [r, p] = ["rewards", "products"].map(|key| then[key].clone());
            // Constant, days, age, debt of constant, debt, days.
            assert_eq!(now["rewards"], json!([r[0], r[2], 0, r[1]]));
            assert_eq!(now["products"], json!([p[0], p[3], p[5], 0, 0, 0, p[1], p[4], 0, p[2]]));
        }
    }
    assert_eq!(cells(&after, 0), []);
}

#[test]
fn no_panic_places_that_cannot_be_are_refused() {
    let make = || builder(&["sms", "letter"], &["debt"]).window(days(4)).build().unwrap();
    let before = make();
    lived(&before, 0);
    let good = serde_json::to_value(before.snapshot()).unwrap();
    let (first, last) = (0, good["context"]["places"].as_array().unwrap().len() - 1);
    assert_eq!(good["context"]["places"][first]["place"], "layer");
    assert_eq!(good["context"]["places"][last]["place"], "cohort");
    let restore = |change: &dyn Fn(&mut Value)| {
        let mut snapshot = good.clone();
        change(&mut snapshot["context"]);
        let mut bandit = make();
        let found = bandit.restore(&serde_json::from_value(snapshot).unwrap());
        assert!(found.is_ok() || context(&bandit).get("places").is_none());
        found
    };
    assert!(restore(&|_| {}).is_ok());
    // A difference from the default may be negative.
    assert!(restore(&|context| context["places"][last]["cells"][0][2]["rewards"][1] = json!(-5)).is_ok());
    let places: [&dyn Fn(&mut Value); 5] = [
        &|context| context["places"][first]["last"] = json!(3),
        &|context| context["places"][last]["cohort"] = json!(99),
        &|context| context["places"][last]["incarnation"] = json!(99),
        &|context| context["places"][1] = context["places"][0].clone(),
        &|context| context["cells"] = context["places"][0]["cells"].clone(),
    ];
    for change in places {
        let found = restore(change);
        assert!(matches!(found, Err(RestoreError::Place { .. })), "{found:?}");
    }
    let sums: [&dyn Fn(&mut Value); 4] = [
        &|context| context["places"][first]["cells"][0][2]["products"] = json!([1, 2]),
        &|context| context["places"][last]["cells"][0][2]["rewards"][0] = json!(i64::MIN),
        &|context| context["places"][first]["cells"][0][2]["returned"] = json!(u64::MAX),
        &|context| context["places"][last]["cells"][0][2]["squares"] = json!(u64::MAX),
    ];
    for change in sums {
        assert!(matches!(restore(change), Err(RestoreError::Sums { .. })));
    }
    let twice =
        |context: &mut Value| context["places"][0]["cells"][1] = context["places"][0]["cells"][0].clone();
    assert!(matches!(restore(&twice), Err(RestoreError::Cell { .. })));
    // Sums of a bandit without a window have no place here, nor these there.
    let mut endless = builder(&["sms", "letter"], &["debt"]).build().unwrap();
    assert!(matches!(endless.restore(&before.snapshot()), Err(RestoreError::Window { .. })));
}

#[cfg(feature = "journal")]
mod journal {
    use super::*;
    use tactful::journal::{Directory, JournalSettings};

    /// A directory of its own, removed at the end.
    struct Place(std::path::PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("tactful-windows-{name}-{}", std::process::id())))
        }

        fn open(&self, incarnation: u64) -> (Bandit, tactful::bandit::Recovered) {
            let builder = builder(&["sms", "letter"], &["debt", "days"]).incarnation(incarnation);
            let builder = builder.window(days(4).grace_for(Duration::from_millis(DAY)).unwrap());
            builder.open(Directory::open(&self.0).unwrap(), JournalSettings::default()).unwrap()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn nothing_lost_a_journal_leads_to_the_same_sums_bit_for_bit() {
        let place = Place::new("replay");
        let (bandit, _) = place.open(1);
        let sent = lived(&bandit, 0);
        bandit.flush().unwrap();
        let before = context(&bandit);
        assert!(counted(&bandit, Some("layer")).0 > 0.0 && counted(&bandit, Some("cohort")).0 > 0.0);
        drop(bandit);

        let (bandit, recovered) = place.open(2);
        assert_eq!(recovered.refused, 0);
        assert_eq!(context(&bandit), before);
        // Rewards of the life before, in the window, in the time of grace and late, while the files are folded.
        for (number, decision) in sent.iter().enumerate().step_by(2) {
            _ = bandit.reward(&bandit.parse(decision.token()).unwrap(), Reward::SUCCESS);
            if number == 76 {
                bandit.compact().unwrap().expect("a file to fold");
            }
        }
        assert!(bandit.late().refused > 0 && bandit.late().corrected > 0);
        lived(&bandit, 12);
        bandit.compact().unwrap().expect("a file to fold");
        at(&bandit, 25.0);
        bandit.cancel(&send(&bandit, 0, &[1.0, 2.0], &mut Xoshiro256PlusPlus::seed_from_u64(1))).unwrap();
        send(&bandit, 1, &[1.0, 2.0], &mut Xoshiro256PlusPlus::seed_from_u64(1));
        bandit.flush().unwrap();
        let before = context(&bandit);
        drop(bandit);

        let (bandit, recovered) = place.open(3);
        assert_eq!((recovered.refused, recovered.decisions), (0, 2));
        assert_eq!(context(&bandit), before);
    }
}
