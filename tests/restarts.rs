//! What a process knows after a restart is what it knew before: through names that go, journals with other processes
//! about, a clock that nobody has told yet.
#![cfg(feature = "journal")]

use std::path::PathBuf;
use std::time::Duration;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::delta::ExchangeError;
use tactful::journal::{Directory, JournalSettings, SyncWhen};
use tactful::policy::Uniform;
use tactful::snapshot::RestoreError;
use tactful::time::Window;
use tactful::{
    ArmSpace, ArmStatistics, Bandit, BanditBuilder, Decision, Delta, Reward, SegmentId, Segments, Timestamp,
};

const DAY: u64 = 86_400_000;
const SEGMENT: SegmentId = SegmentId::new(0);
const ALL: &[&str] = &["email", "sms", "letter"];

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tactful-restarts-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn builder(levels: &[&str], window: Option<u32>) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("channel", levels.iter().copied()).build().unwrap();
    let builder = Bandit::builder(arms, Segments::single()).policy(Uniform);
    let day = Duration::from_millis(DAY);
    match window {
        Some(days) => builder.window(Window::new(days * day, day).unwrap()),
        None => builder,
    }
}

fn open(builder: BanditBuilder, folder: &Folder) -> Bandit {
    let settings = JournalSettings::default().sync(SyncWhen::Never);
    builder.open(Directory::open(&folder.0).unwrap(), settings).unwrap().0
}

fn day(number: u64) -> Timestamp {
    Timestamp::from_millis(number * DAY)
}

fn send(bandit: &Bandit, count: usize, seed: u64) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..count).map(|_| bandit.select(SEGMENT, &bandit.arms().all(), &mut rng).unwrap()).collect()
}

fn statistics(bandit: &Bandit) -> Vec<ArmStatistics> {
    bandit.arms().iter().map(|arm| bandit.statistics(SEGMENT, arm.id())).collect()
}

fn sums(bandit: &Bandit) -> (u64, u64, f64) {
    statistics(bandit).iter().fold((0, 0, 0.0), |(issued, returned, sum), arm| {
        (issued + arm.issued(), returned + arm.returned(), sum + arm.sum())
    })
}

/// Through text, as between processes.
fn told(bandit: &Bandit) -> Delta {
    serde_json::from_str(&serde_json::to_string(&bandit.delta().unwrap()).unwrap()).unwrap()
}

#[test]
fn a_cohort_that_closes_when_an_arm_has_no_name_keeps_its_counters_for_the_name() {
    let before = builder(ALL, Some(3)).build().unwrap();
    before.advance_to(day(10)).unwrap();
    let sent = send(&before, 30, 1);
    sent[..10].iter().for_each(|decision| before.reward(decision, Reward::SUCCESS).unwrap());
    let mut fewer = builder(&["email", "sms"], Some(3)).build().unwrap();
    fewer.restore(&before.snapshot()).unwrap();
    fewer.advance_to(day(20)).unwrap();
    let mut still = builder(&["email", "sms"], Some(3)).build().unwrap();
    still.restore(&fewer.snapshot()).expect("the cohort of the nameless counters is closed");
    assert_eq!(statistics(&still), statistics(&fewer));
    let mut again = builder(ALL, Some(3)).build().unwrap();
    again.restore(&still.snapshot()).unwrap();
    before.advance_to(day(20)).unwrap();
    assert_eq!(statistics(&again), statistics(&before));
    assert_eq!(sums(&again), (30, 30, 10.0));
}

#[test]
fn others_know_a_process_with_a_journal_as_the_same_through_its_lives() {
    let folder = Folder::new("others");
    let other = builder(ALL, None).replica(2).replicated().build().unwrap();
    for life in 0..6 {
        let bandit = open(builder(ALL, None).replica(1).replicated(), &folder);
        if life == 2 {
            bandit.compact().unwrap().unwrap();
        }
        // A life that records nothing is one too.
        if life != 3 {
            send(&bandit, 10, life);
            bandit.flush().unwrap();
        }
        // As many deltas as no later life will take.
        (0..20 - life).for_each(|_| drop(told(&bandit)));
        assert!(other.merge(&told(&bandit)).unwrap().newer, "life {life}");
        assert_eq!(statistics(&other), statistics(&bandit), "life {life}");
    }
    assert_eq!(sums(&other), (50, 0, 0.0));
}

#[test]
fn the_clock_goes_on_where_the_snapshot_was_taken() {
    let before = builder(ALL, Some(14)).build().unwrap();
    before.advance_to(day(10)).unwrap();
    let sent = send(&before, 1, 1);
    before.advance_to(day(15)).unwrap();
    let mut bandit = builder(ALL, Some(14)).build().unwrap();
    bandit.restore(&before.snapshot()).unwrap();
    assert_eq!(bandit.now(), day(15));
    bandit.reward(&bandit.parse(sent[0].token()).unwrap(), Reward::SUCCESS).unwrap();
    assert_eq!(bandit.delays(), {
        before.reward(&sent[0], Reward::SUCCESS).unwrap();
        before.delays()
    });
}

#[test]
fn a_reward_that_was_forwarded_waits_no_longer_than_the_life_it_belongs_to() {
    let process = |replica| builder(ALL, Some(3)).replica(replica).replicated().build().unwrap();
    let (first, other) = (process(1), process(2));
    first.advance_to(day(10)).unwrap();
    other.advance_to(day(10)).unwrap();
    let sent = send(&first, 3, 1);
    other.reward(&other.parse(sent[0].token()).unwrap(), Reward::SUCCESS).unwrap();
    let mut second = process(1);
    second.restore(&first.snapshot()).unwrap();
    assert_eq!(second.merge(&told(&other)).unwrap().counted, 1);
    // The cohort is folded, and no life tells of its claims any more.
    second.advance_to(day(20)).unwrap();
    for _ in 0..2 {
        other.merge(&told(&second)).unwrap();
    }
    assert_eq!(told(&other).forwarded(), 0);
}

#[test]
fn nothing_lost_that_another_has_accepted_in_time_through_restarts_and_foldings() {
    let folder = Folder::new("in-time");
    let start = || open(builder(ALL, Some(3)).replica(1).replicated(), &folder);
    let other = builder(ALL, Some(3)).replica(2).replicated().build().unwrap();
    let bandit = start();
    bandit.advance_to(day(10)).unwrap();
    let sent = send(&bandit, 10, 1);
    other.advance_to(day(12)).unwrap();
    for decision in &sent[..3] {
        other.reward(&other.parse(decision.token()).unwrap(), Reward::SUCCESS).unwrap();
    }
    // The window is over at home, the journal is folded, and the process started anew: it has heard of nobody.
    bandit.advance_to(day(15)).unwrap();
    send(&bandit, 1, 2);
    bandit.compact().unwrap().unwrap();
    bandit.flush().unwrap();
    drop(bandit);
    let bandit = start();
    assert_eq!(bandit.merge(&told(&other)).unwrap().counted, 3);
    let delta = told(&bandit);
    for _ in 0..3 {
        other.merge(&delta).unwrap();
    }
    assert_eq!(told(&other).forwarded(), 0, "it is durable where it belongs");
    drop(bandit);
    for life in 0..3 {
        let bandit = start();
        assert_eq!(sums(&bandit).2, 3.0, "life {life}");
        assert_eq!(bandit.merge(&told(&other)).unwrap().counted, 0);
        bandit.compact().unwrap().unwrap();
    }
}

#[test]
fn what_a_journal_would_not_know_after_a_restart_is_refused() {
    let folder = Folder::new("refused");
    let lost = builder(ALL, None).replica(2).heir(1).build().unwrap();
    send(&lost, 10, 1);
    let mut bandit = open(builder(ALL, None).replica(1).replicated(), &folder);
    assert_eq!(bandit.restore(&lost.snapshot()), Err(RestoreError::Journal));
    bandit.merge(&told(&lost)).unwrap();
    assert_eq!(bandit.adopt(2), Err(ExchangeError::Journal));
    assert_eq!(sums(&bandit), (10, 0, 0.0));
}
