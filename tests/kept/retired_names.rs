//! A name that is retired takes nothing with it: the journal is folded without it, and if it comes back, all is there.
#![cfg(feature = "journal")]

use std::path::PathBuf;
use std::time::Duration;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::journal::{Directory, JournalSettings, SyncWhen};
use tactful::policy::Uniform;
use tactful::reward::{RewardRule, Stage};
use tactful::time::Window;
use tactful::{
    ArmSpace, ArmStatistics, Bandit, Decision, Outcome, Reward, RewardKind, SegmentId, Segments, Timestamp,
};

const DAY: u64 = 86_400_000;
const SEGMENT: SegmentId = SegmentId::new(0);

/// What the bandits of a run have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Endless,
    EndlessReal,
    Window,
    WindowReal,
    Stages,
}

const ALL: [Kind; 5] = [Kind::Endless, Kind::EndlessReal, Kind::Window, Kind::WindowReal, Kind::Stages];

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tactful-retired-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(folder: &Folder, kind: Kind, channels: &[&str]) -> Bandit {
    let arms = ArmSpace::builder().dimension("channel", channels.iter().copied()).build().unwrap();
    let mut builder = Bandit::builder(arms, Segments::single()).policy(Uniform);
    let day = Duration::from_millis(DAY);
    if !matches!(kind, Kind::Endless | Kind::EndlessReal) {
        builder = builder.window(Window::new(5 * day, day).unwrap());
    }
    builder = match kind {
        Kind::EndlessReal | Kind::WindowReal => {
            builder.reward(RewardKind::Real { minimum: -1.0, maximum: 3.0 })
        }
        Kind::Stages => {
            let rule = RewardRule::builder(-1.0, 2.0).weight(Stage::Promised, 0.25).payment(100.0, 100.0);
            builder.stages(rule.cost("channel", "email", 0.125).build().unwrap())
        }
        _ => builder,
    };
    let settings = JournalSettings::default().sync(SyncWhen::Never);
    let (bandit, recovered) = builder.open(Directory::open(&folder.0).unwrap(), settings).unwrap();
    assert_eq!(recovered.refused, 0, "{kind:?}");
    bandit
}

fn tell(bandit: &Bandit, kind: Kind, number: usize, decision: &Decision) {
    match kind {
        Kind::Stages if number.is_multiple_of(2) => bandit.observe(decision, Stage::Promised).unwrap(),
        Kind::Stages => bandit.observe(decision, Outcome::paid(80.0)).unwrap(),
        Kind::EndlessReal | Kind::WindowReal => {
            bandit.reward(decision, Reward::new(number as f64 / 50.0)).unwrap();
        }
        _ => bandit.reward(decision, Reward::from(number.is_multiple_of(2))).unwrap(),
    }
}

/// By name, whatever the order of this build.
fn statistics(bandit: &Bandit, channels: &[&str]) -> Vec<ArmStatistics> {
    let of =
        |channel: &&str| bandit.statistics(SEGMENT, bandit.arms().find([("channel", *channel)]).unwrap());
    channels.iter().map(of).collect()
}

#[test]
fn nothing_lost_of_a_retired_name_when_the_journal_is_folded() {
    for kind in ALL {
        // With a fold among the builds that know the name, and without.
        for folded_before in [false, true] {
            let folder = Folder::new(&format!("{kind:?}-{folded_before}"));
            let first = open(&folder, kind, &["email", "letter"]);
            first.advance_to(Timestamp::from_millis(DAY)).unwrap();
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
            let all = first.arms().all();
            let sent: Vec<Decision> =
                (0..60).map(|_| first.select(SEGMENT, &all, &mut rng).unwrap()).collect();
            for (number, decision) in sent[..20].iter().enumerate() {
                tell(&first, kind, number, decision);
            }
            first.cancel(&sent[20]).unwrap();
            first.flush().unwrap();
            drop(first);

            // Another order of the names: outcomes are told by other numbers than their decisions.
            let second = open(&folder, kind, &["letter", "sms", "email"]);
            if folded_before {
                second.compact().unwrap().unwrap();
            }
            second.advance_to(Timestamp::from_millis(2 * DAY)).unwrap();
            for (number, decision) in sent[20..45].iter().enumerate().skip(1) {
                let decision = second.parse(decision.token()).expect("a build that the journal tells of");
                match number % 5 {
                    0 => second.cancel(&decision).unwrap(),
                    _ => tell(&second, kind, number, &decision),
                }
                if kind == Kind::Stages && number % 5 == 1 {
                    tell(&second, kind, number + 1, &decision);
                }
            }
            second.flush().unwrap();
            let before = statistics(&second, &["email", "letter"]);
            drop(second);

            // The letter is retired. Folded three times, so that no file is left from before.
            for life in 0..3 {
                let third = open(&folder, kind, &["email"]);
                third.select(SEGMENT, &third.arms().all(), &mut rng).unwrap();
                third.compact().unwrap().unwrap();
                third.flush().unwrap();
                assert_eq!(statistics(&third, &["email"])[0].issued(), before[0].issued() + 1 + life);
            }

            let fourth = open(&folder, kind, &["sms", "letter", "email"]);
            let again = statistics(&fourth, &["email", "letter"]);
            assert_eq!(again[1], before[1], "{kind:?}, {folded_before}");
            assert!(before[1].issued() > 10 && before[1].returned() > 5);
            // What was rewarded is not rewarded again, what was not is.
            let mut taken = 0;
            for decision in &sent {
                let decision = fourth.parse(decision.token()).unwrap();
                taken += match kind {
                    Kind::Stages => usize::from(fourth.observe(&decision, Stage::Disputed).is_ok()),
                    _ => usize::from(fourth.reward(&decision, Reward::SUCCESS).is_ok()),
                };
            }
            // All but those withdrawn: 1 and 4; with stages whatever was not withdrawn.
            assert_eq!(taken, if kind == Kind::Stages { 60 - 5 } else { 60 - 20 - 25 }, "{kind:?}");
        }
    }
}

#[test]
fn nothing_lost_of_a_retired_name_that_is_folded_when_its_window_is_over() {
    for kind in [Kind::Window, Kind::WindowReal, Kind::Stages] {
        let folder = Folder::new(&format!("over-{kind:?}"));
        let first = open(&folder, kind, &["email", "letter"]);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let all = first.arms().all();
        for number in 0..30 {
            let decision = first.select(SEGMENT, &all, &mut rng).unwrap();
            if number < 12 {
                tell(&first, kind, number, &decision);
            }
        }
        first.flush().unwrap();
        let before = statistics(&first, &["letter"])[0];
        drop(first);
        let second = open(&folder, kind, &["email"]);
        second.advance_to(Timestamp::from_millis(30 * DAY)).unwrap();
        second.select(SEGMENT, &second.arms().all(), &mut rng).unwrap();
        second.flush().unwrap();
        drop(second);
        for _ in 0..3 {
            let third = open(&folder, kind, &["email"]);
            third.select(SEGMENT, &third.arms().all(), &mut rng).unwrap();
            third.compact().unwrap().unwrap();
            third.flush().unwrap();
        }
        let last = open(&folder, kind, &["email", "letter"]);
        let after = statistics(&last, &["letter"])[0];
        if kind == Kind::Window {
            assert_eq!((after.issued(), after.sum()), (before.issued(), before.sum()));
            assert_eq!(after.returned(), after.issued(), "what has not come is the default reward");
        }
        assert!(after.issued() > 0 && after.returned() == after.issued(), "{kind:?}: {after:?}");
    }
}

#[test]
fn a_journal_of_nothing_but_retired_names_is_folded() {
    let folder = Folder::new("nothing");
    let first = open(&folder, Kind::Endless, &["letter"]);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for _ in 0..5 {
        first.select(SEGMENT, &first.arms().all(), &mut rng).unwrap();
    }
    first.flush().unwrap();
    drop(first);
    assert!(open(&folder, Kind::Endless, &["email"]).compact().unwrap().is_some());
    assert_eq!(statistics(&open(&folder, Kind::Endless, &["letter"]), &["letter"])[0].issued(), 5);
    // And one of nothing at all: of processes that exchange each start has a file of its own.
    let folder = Folder::new("empty");
    let start = || {
        let arms = ArmSpace::builder().dimension("channel", ["email"]).build().unwrap();
        let builder = Bandit::builder(arms, Segments::single()).policy(Uniform).replicated();
        builder.open(Directory::open(&folder.0).unwrap(), JournalSettings::default()).unwrap().0
    };
    drop(start());
    let bandit = start();
    assert!(bandit.compact().unwrap().is_some());
    bandit.select(SEGMENT, &bandit.arms().all(), &mut rng).unwrap();
    bandit.flush().unwrap();
    drop(bandit);
    assert_eq!(statistics(&start(), &["email"])[0].issued(), 1);
}
