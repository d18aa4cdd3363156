//! Golden files: what a released format has written stays loadable for ever, and today's build still writes it.
//!
//! A new format gets new files beside the old ones, written once by `TACTFUL_WRITE_GOLDEN=1 cargo test --test kept golden`.
#![cfg(feature = "journal")]

use std::path::PathBuf;
use std::time::Duration;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::journal::StoredSnapshot;
use tactful::policy::Uniform;
use tactful::reward::{RewardRule, Stage};
use tactful::time::Window;
use tactful::{
    ArmSpace, ArmStatistics, Bandit, BanditBuilder, Reward, RewardKind, SegmentId, Segments, Snapshot,
    Timestamp,
};

const DAY: u64 = 86_400_000;

fn builder(replica: u16, incarnation: u64) -> BanditBuilder {
    let arms = ArmSpace::builder()
        .dimension("template", ["freundlich", "fällig"])
        .dimension("channel", ["email", "sms"])
        .forbid([("template", "fällig"), ("channel", "sms")])
        .build()
        .unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    Bandit::builder(arms, segments).policy(Uniform).replica(replica).incarnation(incarnation)
}

fn window() -> Window {
    let day = Duration::from_millis(DAY);
    Window::new(2 * day, day).unwrap().grace_for(day).unwrap()
}

fn rule() -> RewardRule {
    let rule = RewardRule::builder(-1.0, 2.0).weight(Stage::Promised, 0.25).payment(100.0, 100.0);
    rule.cost("channel", "sms", 0.125).build().unwrap()
}

/// The bandits whose snapshots are kept.
fn build(name: &str, replica: u16, incarnation: u64) -> Bandit {
    let builder = builder(replica, incarnation);
    match name {
        "plain" => builder,
        "late" | "held" => {
            builder.reward(RewardKind::Real { minimum: 0.0, maximum: 4.0 }).window(window()).heir(9)
        }
        _ => builder.window(window()).stages(rule()),
    }
    .build()
    .unwrap()
}

/// A short life with something of everything.
fn lived(name: &str) -> Snapshot {
    let [here, there] = [3, 4].map(|replica| build(name, replica, u64::from(replica)));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let exchanges = matches!(name, "late" | "held");
    for day in 0..6 {
        for (bandit, other) in [(&here, &there), (&there, &here)] {
            bandit.advance_to(Timestamp::from_millis(day * DAY)).unwrap();
            for number in 0..9 {
                let all = bandit.arms().all();
                let decision = bandit.select(SegmentId::new(number % 2), &all, &mut rng).unwrap();
                match number {
                    0..4 if name == "stages" => {
                        bandit.observe(&decision, Stage::Promised).unwrap();
                        bandit.observe(&decision, tactful::Outcome::paid(12.5 * f64::from(number))).unwrap();
                    }
                    0..4 => bandit.reward(&decision, Reward::from(number > 0)).unwrap(),
                    4 => bandit.cancel(&decision).unwrap(),
                    // The build that wrote `late` refused what reached its issuer after the window; today's counts it.
                    5 if exchanges && (day > 1 || std::ptr::eq(bandit, &there)) => {
                        other.reward(&decision, Reward::new(2.5)).unwrap();
                    }
                    _ => {}
                }
            }
        }
    }
    if exchanges {
        here.merge(&there.delta().unwrap()).unwrap();
    }
    here.snapshot()
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/snapshot-1-{name}.json"))
}

fn statistics(bandit: &Bandit) -> Vec<ArmStatistics> {
    let cells =
        bandit.segments().iter().flat_map(|s| bandit.arms().iter().map(move |arm| (s.id(), arm.id())));
    cells.map(|(segment, arm)| bandit.statistics(segment, arm)).collect()
}

#[test]
fn golden_snapshots_are_read_as_they_were_written() {
    for name in ["plain", "late", "held", "stages"] {
        let snapshot = lived(name);
        let written = StoredSnapshot { covers: 7, snapshot }.to_bytes().unwrap();
        // The same life as `held`, by a build that did not hold cohorts for what others had accepted.
        let earlier = name == "late";
        if !earlier && std::env::var_os("TACTFUL_WRITE_GOLDEN").is_some() {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), &written).unwrap();
        }
        let golden = std::fs::read(path(name)).unwrap();
        let stored = StoredSnapshot::from_bytes(&golden).unwrap();
        assert_eq!(stored.covers, 7);
        let [then, now] =
            [stored.snapshot, StoredSnapshot::from_bytes(&written).unwrap().snapshot].map(|snapshot| {
                let mut bandit = build(name, 3, 77);
                let restored = bandit.restore(&snapshot).unwrap();
                assert_eq!((restored.arms.matched, restored.segments.matched), (3, 2));
                statistics(&bandit)
            });
        assert_eq!(then, now, "{name}: read otherwise than it was written");
        assert!(then.iter().any(|arm| arm.returned() > 0));
        assert!(
            earlier || written == golden,
            "{name}: today's build writes another format; give it a new number"
        );
    }
}
