//! A journal of outcomes in stages as a log: one reward a decision, as the bandit counts it.
#![cfg(feature = "journal")]

use std::fs::File;
use std::io::BufReader;
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::evaluation::{FromJournal, FromJournalError, Log};
use tactful::journal::{Directory, JournalReader, JournalSettings, SyncWhen};
use tactful::policy::Uniform;
use tactful::reward::{RewardRule, Stage};
use tactful::time::Window;
use tactful::{ArmSpace, Bandit, Outcome, RewardKind, SegmentId, Segments, Timestamp};

const DAY: u64 = 86_400_000;

fn rule(maximum: f64, channel: &str) -> RewardRule {
    let rule = RewardRule::builder(-1.0, maximum).weight(Stage::Promised, 0.25).payment(100.0, 50.0);
    rule.penalty(Stage::Complained, 0.5).cost("channel", channel, 0.125).build().unwrap()
}

#[test]
fn stages_become_the_rewards_that_the_bandit_counts() {
    let path = std::env::temp_dir().join(format!("tactful-staged-journal-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let arms = ArmSpace::builder().dimension("channel", ["email", "sms", "letter"]).build().unwrap();
    let day = Duration::from_millis(DAY);
    let builder = Bandit::builder(arms, Segments::single()).policy(Uniform).stages(rule(2.0, "sms"));
    let builder = builder.window(Window::new(9 * day, day).unwrap());
    let settings = JournalSettings::default().sync(SyncWhen::Never);
    let (bandit, _) = builder.open(Directory::open(&path).unwrap(), settings).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let (mut stages, mut told, mut cancelled) = (0, 0, 0);
    for round in 0..300_u64 {
        bandit.advance_to(Timestamp::from_millis(round * DAY / 100)).unwrap();
        let decision = bandit.select(SegmentId::new(0), &bandit.arms().all(), &mut rng).unwrap();
        let outcomes: &[Outcome] = match rng.random_range(0..6) {
            0 => &[Outcome::paid(80.0)],
            // Beyond the range, and out of order.
            1 => &[Outcome::paid(1000.0), Outcome::new(Stage::Promised)],
            2 => {
                &[Outcome::new(Stage::Complained), Outcome::new(Stage::Promised), Outcome::new(Stage::Opened)]
            }
            3 => {
                bandit.cancel(&decision).unwrap();
                cancelled += 1;
                &[]
            }
            _ => &[],
        };
        told += usize::from(!outcomes.is_empty());
        stages += outcomes.len();
        outcomes.iter().for_each(|&outcome| bandit.observe(&decision, outcome).unwrap());
    }
    bandit.flush().unwrap();
    let file = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let file = file.filter(|file| file.extension().is_some_and(|kind| kind == "jsonl")).max().unwrap();
    let reader = || JournalReader::new(BufReader::new(File::open(&file).unwrap())).unwrap();

    let read: FromJournal = Log::from_staged_journal(reader(), &rule(2.0, "sms")).unwrap();
    assert_eq!((read.staged, read.stray, read.repeated), (0, 0, 0));
    assert_eq!(
        (read.log.rounds().len(), read.cancelled, read.pending),
        (told, cancelled, 300 - told - cancelled)
    );
    for arm in bandit.arms().iter() {
        let counted = bandit.statistics(SegmentId::new(0), arm.id());
        let rounds = read.log.rounds().iter().filter(|round| round.arm == arm.id());
        let scaled: f64 = rounds.clone().map(|round| (round.reward.value() + 1.0) / 3.0).sum();
        assert_eq!(rounds.count() as u64, counted.returned());
        assert!((scaled - counted.sum()).abs() < 1e-9, "{arm}: {scaled} {}", counted.sum());
    }

    // Without the rule they are told to be there.
    let without = Log::from_journal(reader()).unwrap();
    assert_eq!((without.staged, without.log.rounds().len(), without.cancelled), (stages, 0, cancelled));
    // And a rule for something else is refused.
    let other = Log::from_staged_journal(reader(), &rule(3.0, "sms"));
    assert!(matches!(
        other,
        Err(FromJournalError::RewardKind { rule: RewardKind::Real { maximum: 3.0, .. }, .. })
    ));
    let other = Log::from_staged_journal(reader(), &rule(2.0, "fax"));
    assert!(matches!(other, Err(FromJournalError::Cost(_))));
    std::fs::remove_dir_all(&path).unwrap();
}
