//! What a process knows after a restart is what it knew before: through names that go, journals with other processes
//! about, a clock that nobody has told yet.
#![cfg(feature = "journal")]

use std::path::PathBuf;
use std::time::Duration;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::RewardError;
use tactful::delta::ExchangeError;
use tactful::journal::{Directory, JournalError, JournalSettings, Recovery, SyncWhen};
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
fn what_is_adopted_is_in_the_journal_before_it_is_counted() {
    for window in [None, Some(3)] {
        let folder = Folder::new(&format!("adopted-{window:?}"));
        let start = || {
            let builder = builder(ALL, window).replica(1).replicated();
            let settings = JournalSettings::default().sync(SyncWhen::Never);
            let (bandit, recovered) = builder.open(Directory::open(&folder.0).unwrap(), settings).unwrap();
            assert_eq!(recovered.refused, 0);
            bandit
        };
        let lost = builder(ALL, window).replica(2).heir(1).build().unwrap();
        let third = builder(ALL, window).replica(3).replicated().build().unwrap();
        let mut bandit = start();
        for bandit in [&lost, &third, &bandit] {
            bandit.advance_to(day(10)).unwrap();
        }
        let theirs = send(&lost, 20, 1);
        let ours = send(&bandit, 10, 2);
        bandit.reward(&ours[0], Reward::SUCCESS).unwrap();
        for (number, decision) in theirs[..4].iter().enumerate() {
            let place = if number == 0 { &lost } else { &bandit };
            place.reward(&place.parse(decision.token()).unwrap(), Reward::SUCCESS).unwrap();
        }
        third.reward(&third.parse(theirs[4].token()).unwrap(), Reward::SUCCESS).unwrap();
        bandit.merge(&told(&lost)).unwrap();
        bandit.compact().unwrap().unwrap();
        drop(bandit);
        // What the lost one has told is known after a restart, too.
        drop(lost);
        bandit = start();
        bandit.adopt(2).unwrap();
        assert!(matches!(bandit.adopt(2), Err(ExchangeError::UnknownReplica { replica: 2 })));
        assert_eq!((sums(&bandit).0, sums(&bandit).2), (30, 5.0));
        // Killed without another word.
        drop(bandit);
        let bandit = start();
        assert_eq!((sums(&bandit).0, sums(&bandit).2), (30, 5.0));
        assert_eq!(bandit.merge(&told(&third)).unwrap().counted, 1);
        let reward =
            |number: usize| bandit.reward(&bandit.parse(theirs[number].token()).unwrap(), Reward::SUCCESS);
        assert!((0..5).all(|number| matches!(reward(number), Err(RewardError::AlreadyRewarded { .. }))));
        reward(5).unwrap();
        for _ in 0..2 {
            third.merge(&told(&bandit)).unwrap();
            bandit.merge(&told(&third)).unwrap();
        }
        assert_eq!(statistics(&third), statistics(&bandit));
        bandit.compact().unwrap().unwrap();
        drop(bandit);
        let (issued, _, paid) = sums(&start());
        assert_eq!((issued, paid), (30, 7.0));
    }
}

#[test]
fn what_a_journal_cannot_take_up_is_not_adopted() {
    let folder = Folder::new("broken");
    let lost = builder(ALL, None).replica(2).heir(1).build().unwrap();
    send(&lost, 10, 1);
    let mut bandit = open(builder(ALL, None).replica(1).replicated(), &folder);
    bandit.merge(&told(&lost)).unwrap();
    let unrelated = builder(ALL, None).replica(1).replicated().build().unwrap();
    send(&unrelated, 3, 2);
    std::fs::remove_dir_all(&folder.0).unwrap();
    let before = bandit.snapshot();
    assert!(matches!(bandit.adopt(2), Err(ExchangeError::Journal { .. })));
    assert!(matches!(bandit.restore(&unrelated.snapshot()), Err(RestoreError::Journal { .. })));
    assert_eq!(bandit.snapshot(), before);
}

#[test]
fn a_snapshot_is_restored_into_a_bandit_with_a_journal() {
    for window in [None, Some(3)] {
        let folder = Folder::new(&format!("restored-{window:?}"));
        let before = builder(ALL, window).build().unwrap();
        before.advance_to(day(10)).unwrap();
        let sent = send(&before, 20, 1);
        before.reward(&sent[0], Reward::SUCCESS).unwrap();
        let mut bandit = open(builder(ALL, window), &folder);
        bandit.restore(&before.snapshot()).unwrap();
        assert!(matches!(bandit.restore(&before.snapshot()), Err(RestoreError::InUse { .. })));
        drop(bandit);
        for life in 0..3 {
            let bandit = open(builder(ALL, window), &folder);
            assert_eq!((sums(&bandit).0, sums(&bandit).2), (20 + life, 1.0 + life as f64), "life {life}");
            assert!(bandit.reward(&sent[0], Reward::SUCCESS).is_err());
            send(&bandit, 1, life);
            bandit.reward(&bandit.parse(sent[1 + life as usize].token()).unwrap(), Reward::SUCCESS).unwrap();
            bandit.flush().unwrap();
            if life == 1 {
                bandit.compact().unwrap().unwrap();
            }
        }
    }
}

#[test]
fn no_start_replays_what_the_one_before_has() {
    let folder = Folder::new("tail");
    let mut tail = 0;
    for life in 0..6 {
        let settings = JournalSettings::default().sync(SyncWhen::Never).back_pressure();
        let storage = Directory::open(&folder.0).unwrap();
        let (bandit, recovered) = builder(ALL, Some(3)).open(storage, settings).unwrap();
        assert_eq!(recovered.decisions + recovered.outcomes, tail, "start {life}");
        assert_eq!((sums(&bandit).0, sums(&bandit).1), (life * 40_000, life * 10_000));
        // A long tail is in a snapshot by now. A short one is left as it is, and the next comes on top of it.
        tail = if tail > 65_536 { 50_000 } else { tail + 50_000 };
        for decision in &send(&bandit, 40_000, life)[..10_000] {
            bandit.reward(decision, Reward::SUCCESS).unwrap();
        }
        bandit.flush().unwrap();
    }
}

#[test]
fn what_is_over_leaves_no_lives_and_no_names_behind() {
    let folder = Folder::new("bounded");
    for start in 0..80_u64 {
        // Another build each time, with one name that stays.
        let name = format!("campaign-{start}");
        let bandit = open(builder(&["email", &name], Some(3)), &folder);
        bandit.advance_to(day(start)).unwrap();
        // Of every other campaign nothing is sent.
        let all = bandit.arms().all();
        let email = bandit.arms().eligible(|arm| arm.level("channel") == "email");
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(start);
        for _ in 0..20 {
            bandit.select(SEGMENT, if start % 2 == 0 { &all } else { &email }, &mut rng).unwrap();
        }
        bandit.compact().unwrap().unwrap();
        let text = serde_json::to_string(&bandit.snapshot()).unwrap();
        let (lives, builds) = (text.matches(r#""claimed""#).count(), text.matches(r#""dimensions""#).count());
        assert!(lives <= 6, "{lives} lives at start {start}");
        // Those with counters, and those whose tokens may still be about.
        assert!(builds as u64 <= start / 2 + 8, "{builds} builds at start {start}");
    }
}

#[test]
fn a_delta_can_be_taken_before_a_sync_is_due() {
    let folder = Folder::new("undue");
    let settings = JournalSettings::default().sync(SyncWhen::Records(1000));
    let storage = Directory::open(&folder.0).unwrap();
    let (bandit, _) = builder(ALL, Some(3)).replicated().open(storage, settings).unwrap();
    send(&bandit, 3, 1);
    let last = bandit.recorded().unwrap();
    assert!(!bandit.flush().unwrap().covers(last), "the sync is not due");
    told(&bandit);
    assert!(bandit.flush().unwrap().covers(last), "what others know of is durable");
}

#[test]
fn a_record_of_a_cohort_that_time_had_not_come_to_is_refused_and_draws_no_decisions_to_it() {
    let folder = Folder::new("ahead");
    let other = builder(ALL, Some(3)).incarnation(1).build().unwrap();
    other.advance_to(day(50)).unwrap();
    let decision = send(&other, 1, 1)[0];
    let mut recovery = Recovery::begin(Directory::open(&folder.0).unwrap()).unwrap();
    recovery.replay(|_, _| Ok::<(), JournalError>(())).unwrap();
    let (arms, segments) = (other.arms().clone(), other.segments().clone());
    let journal = recovery.start(arms, segments, other.reward_kind(), JournalSettings::default()).unwrap();
    journal.reserve().unwrap().decision(day(1), &decision, &other.arms().all()).unwrap();
    journal.flush(day(1)).unwrap();
    drop(journal);

    let storage = Directory::open(&folder.0).unwrap();
    let (bandit, recovered) = builder(ALL, Some(3)).open(storage, JournalSettings::default()).unwrap();
    assert_eq!((recovered.decisions, recovered.refused), (1, 1));
    for decision in send(&bandit, 5, 2) {
        bandit.reward(&decision, Reward::SUCCESS).unwrap();
    }
    assert_eq!(sums(&bandit), (5, 5, 5.0));
}

#[test]
fn lives_without_decisions_leave_nothing_in_snapshots() {
    for window in [None, Some(3)] {
        let mut lengths = Vec::new();
        let mut before = builder(ALL, window).incarnation(11).build().unwrap();
        let sent = send(&before, 5, 1);
        for life in 12..22 {
            let text = serde_json::to_string(&before.snapshot()).unwrap();
            let mut next = builder(ALL, window).incarnation(life).build().unwrap();
            next.restore(&serde_json::from_str(&text).unwrap()).unwrap();
            lengths.push(text.len());
            before = next;
        }
        assert!(lengths[1..].iter().all(|&length| length == lengths[1]), "{lengths:?}");
        before.reward(&before.parse(sent[0].token()).unwrap(), Reward::SUCCESS).unwrap();
        assert!(before.reward(&before.parse(sent[0].token()).unwrap(), Reward::SUCCESS).is_err());
    }
}
