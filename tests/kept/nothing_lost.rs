//! What the journal has reported durable is there after a crash, and nothing is counted twice: through restarts,
//! foldings, permuted and repeated records, and processes that are killed in the midst of work.
#![cfg(feature = "journal")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::{Recovered, RewardError, SelectError};
use tactful::journal::{Directory, JournalSettings, ReserveError, SyncWhen};
use tactful::policy::Uniform;
use tactful::reward::{RewardRule, Stage};
use tactful::time::Window;
use tactful::{
    ArmSpace, ArmStatistics, Bandit, BanditBuilder, Decision, Outcome, Reward, SegmentId, Segments, Timestamp,
};

const DAY: u64 = 86_400_000;
const SEGMENT: SegmentId = SegmentId::new(0);

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tactful-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn builder(window: Option<u32>) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("channel", ["email", "sms", "letter"]).build().unwrap();
    let builder = Bandit::builder(arms, Segments::single()).policy(Uniform);
    let day = Duration::from_millis(DAY);
    match window {
        Some(days) => builder.window(Window::new(days * day, day).unwrap()),
        None => builder,
    }
}

fn open(path: &Path, window: Option<u32>, settings: JournalSettings) -> (Bandit, Recovered) {
    builder(window).open(Directory::open(path).unwrap(), settings).unwrap()
}

fn settings() -> JournalSettings {
    JournalSettings::default().sync(SyncWhen::Never)
}

fn send(bandit: &Bandit, count: usize, seed: u64) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let sms = bandit.arms().eligible(|arm| arm.level("channel") != "sms");
    let all = bandit.arms().all();
    let set = |n: usize| if n.is_multiple_of(3) { &sms } else { &all };
    (0..count).map(|n| bandit.select(SEGMENT, set(n), &mut rng).unwrap()).collect()
}

fn statistics(bandit: &Bandit) -> Vec<ArmStatistics> {
    bandit.arms().iter().map(|arm| bandit.statistics(SEGMENT, arm.id())).collect()
}

#[test]
fn nothing_lost_through_lives_and_foldings() {
    for window in [None, Some(3)] {
        let folder = Folder::new(&format!("lives-{window:?}"));
        let mut waiting: Vec<Decision> = Vec::new();
        let mut before = Vec::new();
        for life in 0..6_u64 {
            let (bandit, recovered) = open(&folder.0, window, settings());
            assert_eq!((recovered.refused, recovered.vanished, &recovered.torn), (0, 0, &None));
            if life > 0 {
                assert_eq!(statistics(&bandit), before, "life {life}, window {window:?}");
            }
            bandit.advance_to(Timestamp::from_millis(life * DAY)).unwrap();
            // Of the life before, in this one.
            for decision in waiting.drain(..) {
                let known = bandit.parse(decision.token()).unwrap();
                bandit.reward(&known, Reward::SUCCESS).unwrap();
                let again = bandit.reward(&known, Reward::SUCCESS);
                assert!(matches!(again, Err(RewardError::AlreadyRewarded { .. })), "{again:?}");
            }
            let sent = send(&bandit, 300, life);
            for decision in &sent[..40] {
                bandit.reward(decision, Reward::SUCCESS).unwrap();
            }
            bandit.cancel(&sent[40]).unwrap();
            waiting = sent[50..70].to_vec();
            if life % 2 == 1 {
                let compacted = bandit.compact().unwrap().unwrap();
                assert!(compacted.folded > 0);
                for decision in &sent[80..90] {
                    bandit.reward(decision, Reward::SUCCESS).unwrap();
                }
            }
            let position = bandit.recorded().unwrap();
            assert!(bandit.flush().unwrap().covers(position));
            before = statistics(&bandit);
        }
        let (bandit, recovered) = open(&folder.0, window, settings());
        assert!(recovered.snapshot.is_some());
        assert_eq!(statistics(&bandit), before);
        let issued: u64 = before.iter().map(|arm| arm.issued()).sum();
        assert_eq!(issued, 6 * 299);
    }
}

#[test]
fn nothing_lost_of_rewards_in_stages() {
    let folder = Folder::new("stages");
    let rule = RewardRule::builder(-1.0, 2.0).weight(Stage::Promised, 0.25).penalty(Stage::Complained, 0.5);
    let rule = rule.payment(100.0, 100.0).discount(0.1, [Stage::Paid]).build().unwrap();
    let open = || {
        let storage = Directory::open(&folder.0).unwrap();
        builder(Some(9)).stages(rule.clone()).open(storage, settings()).unwrap()
    };
    let mut before = Vec::new();
    let mut waiting: Vec<Decision> = Vec::new();
    for life in 0..5_u64 {
        let (bandit, recovered) = open();
        assert_eq!((recovered.refused, recovered.vanished), (0, 0));
        if life > 0 {
            assert_eq!(statistics(&bandit), before, "life {life}");
        }
        bandit.advance_to(Timestamp::from_millis(life * DAY + 1234)).unwrap();
        for decision in waiting.drain(..) {
            bandit.observe(&decision, Outcome::paid(70.0)).unwrap();
            let again = bandit.observe(&decision, Outcome::paid(70.0));
            assert!(matches!(again, Err(RewardError::DuplicateStage { .. })), "{again:?}");
        }
        let sent = send(&bandit, 60, life);
        for decision in &sent[..30] {
            bandit.observe(decision, Stage::Promised).unwrap();
        }
        bandit.observe(&sent[0], Stage::Complained).unwrap();
        bandit.observe(&sent[1], Stage::Delivered).unwrap();
        bandit.cancel(&sent[40]).unwrap();
        waiting = sent[20..35].to_vec();
        if life == 2 {
            bandit.compact().unwrap().unwrap();
        }
        bandit.flush().unwrap();
        before = statistics(&bandit);
    }
    assert_eq!(statistics(&open().0), before);
}

#[test]
fn nothing_lost_of_an_earlier_build_whose_tokens_come_back() {
    let folder = Folder::new("redeployed");
    let open = |channels: &[&str]| {
        let arms = ArmSpace::builder().dimension("channel", channels.iter().copied()).build().unwrap();
        let builder = Bandit::builder(arms, Segments::single()).policy(Uniform);
        builder.open(Directory::open(&folder.0).unwrap(), settings()).unwrap().0
    };
    let bandit = open(&["email", "sms"]);
    let tokens: Vec<_> = send(&bandit, 20, 1).iter().map(|decision| decision.token().to_string()).collect();
    bandit.flush().unwrap();
    drop(bandit);
    for (compacted, token) in tokens.iter().enumerate() {
        let bandit = open(&["letter", "sms", "email"]);
        bandit.reward(&bandit.parse(token).unwrap(), Reward::SUCCESS).unwrap();
        bandit.flush().unwrap();
        if compacted == 10 {
            bandit.compact().unwrap().unwrap();
        }
    }
    let known = statistics(&open(&["email", "letter", "sms"]));
    let sums = known.iter().fold((0, 0.0), |(issued, sum), arm| (issued + arm.issued(), sum + arm.sum()));
    assert_eq!(sums, (20, 20.0));
}

#[test]
fn a_full_queue_refuses_and_changes_nothing_or_makes_room() {
    let folder = Folder::new("full");
    let (bandit, _) = open(&folder.0, None, settings().queue(8));
    let all = bandit.arms().all();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let sent = send(&bandit, 8, 1);
    let before = statistics(&bandit);
    let full = ReserveError::Full { records: 8 };
    assert_eq!(bandit.select(SEGMENT, &all, &mut rng).unwrap_err(), SelectError::Journal(full));
    assert_eq!(bandit.reward(&sent[0], Reward::SUCCESS), Err(RewardError::Journal(full)));
    assert_eq!(bandit.cancel(&sent[0]), Err(RewardError::Journal(full)));
    assert_eq!(statistics(&bandit), before);
    bandit.flush().unwrap();
    bandit.reward(&sent[0], Reward::SUCCESS).unwrap();
    drop(bandit);

    let (bandit, _) = open(&folder.0, None, settings().queue(8).back_pressure());
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let bandit = &bandit;
            scope.spawn(move || send(bandit, 1000, seed));
        }
    });
    let issued: u64 = statistics(&bandit).iter().map(|arm| arm.issued()).sum();
    assert_eq!(issued, 3008);
    bandit.flush().unwrap();
    drop(bandit);
    let (bandit, recovered) = open(&folder.0, None, settings());
    assert_eq!(recovered.decisions, 3008);
    assert_eq!(statistics(&bandit).iter().map(|arm| arm.issued()).sum::<u64>(), 3008);
}

/// The journal file of a folder that holds one.
fn journal(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl")).max().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn order_free_records_in_any_order_and_number_give_the_same_statistics(
        seed in any::<u64>(),
        window in prop_oneof![Just(None), Just(Some(5_u32))],
    ) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let folder = Folder::new(&format!("permuted-{seed:x}"));
        let (bandit, _) = open(&folder.0, window, settings());
        for day in 0..4 {
            bandit.advance_to(Timestamp::from_millis(day * DAY)).unwrap();
            for decision in send(&bandit, 20, seed ^ day) {
                match rng.random_range(0..6) {
                    0 => bandit.cancel(&decision).unwrap(),
                    1 | 2 => bandit.reward(&decision, Reward::SUCCESS).unwrap(),
                    _ => {}
                }
            }
        }
        bandit.flush().unwrap();
        let expected = statistics(&bandit);
        drop(bandit);
        let text = std::fs::read_to_string(journal(&folder.0)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        // The header first; the sets before what names them; the rest in any order, some of it twice.
        let (named, mut events): (Vec<&str>, Vec<&str>) = lines
            .into_iter()
            .partition(|line| line.contains(r#""type":"header""#) || line.contains(r#""type":"eligible""#));
        for _ in 0..10 {
            let again = events[rng.random_range(0..events.len())];
            events.push(again);
        }
        for at in (1..events.len()).rev() {
            events.swap(at, rng.random_range(0..=at));
        }
        let text: String = named.iter().chain(&events).map(|line| format!("{line}\n")).collect();
        std::fs::write(journal(&folder.0), text).unwrap();
        let (bandit, _) = open(&folder.0, window, settings());
        prop_assert_eq!(statistics(&bandit), expected);
    }
}

/// The other process of the test below: works until it is killed, and says what it knows to be durable.
fn work_until_killed(folder: &Path) {
    let (bandit, _) = open(folder, Some(3), JournalSettings::default().sync(SyncWhen::Never));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(std::process::id().into());
    let all = bandit.arms().all();
    std::thread::scope(|scope| {
        let worker = |seed: u64| {
            let (bandit, all) = (&bandit, &all);
            move || {
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
                loop {
                    let decision = match bandit.select(SEGMENT, all, &mut rng) {
                        Ok(decision) => decision,
                        Err(SelectError::Journal(_)) => continue,
                        Err(other) => panic!("{other}"),
                    };
                    if !rng.random_bool(0.5) || bandit.reward(&decision, Reward::SUCCESS).is_err() {
                        continue;
                    }
                    let position = bandit.recorded().expect("just recorded");
                    if rng.random_bool(0.05) && bandit.flush().is_ok_and(|durable| durable.covers(position)) {
                        // Acknowledged: from here on it must never be forgotten.
                        println!("{}", decision.token());
                    }
                }
            }
        };
        scope.spawn(worker(rng.random()));
        scope.spawn(worker(rng.random()));
        loop {
            std::thread::sleep(Duration::from_millis(rng.random_range(1..10)));
            if rng.random_bool(0.2) {
                let _ = bandit.compact();
            }
        }
    });
}

/// `TACTFUL_KILLS` says how often; a few times by default, 300 in the long run:
/// `TACTFUL_KILLS=300 cargo test --test kept killed`.
#[test]
fn nothing_lost_when_a_busy_process_is_killed() {
    if let Ok(folder) = std::env::var("TACTFUL_WORK_IN") {
        work_until_killed(Path::new(&folder));
    }
    let kills = std::env::var("TACTFUL_KILLS").map_or(8, |kills| kills.parse().unwrap());
    let folder = Folder::new("killed");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut acknowledged: BTreeMap<String, bool> = BTreeMap::new();
    for _ in 0..kills {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "nothing_lost::nothing_lost_when_a_busy_process_is_killed", "--nocapture"])
            .env("TACTFUL_WORK_IN", &folder.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(process.stdout.take().unwrap());
        // Killed at a random time after its first word.
        let mut line = String::new();
        let mut first = true;
        while told.read_line(&mut line).unwrap() > 0 {
            // A token that was cut in two by the kill was not told.
            let token = line.trim().to_owned();
            if token.len() == 64 && line.ends_with('\n') {
                acknowledged.insert(token, false);
                if std::mem::take(&mut first) {
                    let wait = Duration::from_micros(rng.random_range(0..40_000));
                    std::thread::sleep(wait);
                    process.kill().unwrap();
                }
            }
            line.clear();
        }
        process.wait().unwrap();

        let (bandit, recovered) = open(&folder.0, Some(3), settings());
        assert_eq!((recovered.refused, recovered.vanished), (0, 0));
        for token in acknowledged.keys() {
            let told = bandit.reward(&bandit.parse(token).unwrap(), Reward::SUCCESS);
            assert!(matches!(told, Err(RewardError::AlreadyRewarded { .. })), "{token}: {told:?}");
        }
        let known = statistics(&bandit);
        let (issued, paid) =
            known.iter().fold((0, 0.0), |(issued, paid), arm| (issued + arm.issued(), paid + arm.sum()));
        assert!(paid >= acknowledged.len() as f64 && paid <= issued as f64);
    }
    assert!(acknowledged.len() >= kills, "{} acknowledged", acknowledged.len());
}
