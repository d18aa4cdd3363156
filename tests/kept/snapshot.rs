//! Snapshots: learning survives the process, the redeploy, the retired template and its return.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::{ParseError, RewardError, SpaceError};
use tactful::policy::Uniform;
use tactful::snapshot::RestoreError;
use tactful::{ArmSpace, ArmStatistics, Bandit, Decision, Reward, RewardKind, SegmentId, Segments, Snapshot};

const REAL: RewardKind = RewardKind::Real { minimum: -1.0, maximum: 3.0 };

/// A bandit over these templates, two channels, and these stages.
fn deploy(templates: &[&str], stages: &[&str], kind: RewardKind, incarnation: u64) -> Bandit {
    let arms = ArmSpace::builder().dimension("template", templates.iter().copied());
    let arms = arms.dimension("channel", ["email", "sms"]).build().unwrap();
    let segments = Segments::builder().attribute("stage", stages.iter().copied()).build().unwrap();
    Bandit::builder(arms, segments).policy(Uniform).reward(kind).incarnation(incarnation).build().unwrap()
}

fn through_json(snapshot: &Snapshot) -> Snapshot {
    serde_json::from_str(&serde_json::to_string(snapshot).unwrap()).unwrap()
}

/// So many decisions in every segment, of which all but the last few are rewarded; those left are returned.
fn live(bandit: &Bandit, plays: usize, seed: u64) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let all = bandit.arms().all();
    let mut open = Vec::new();
    for segment in bandit.segments().iter() {
        for play in 0..plays {
            let decision = bandit.select(segment.id(), &all, &mut rng).unwrap();
            let reward = match bandit.reward_kind() {
                RewardKind::Binary => Reward::from(rng.random_bool(0.3)),
                _ => Reward::new(rng.random_range(-1.0..=3.0)),
            };
            if play + 20 < plays {
                bandit.reward(&decision, reward).unwrap();
            } else {
                open.push(decision);
            }
        }
    }
    open
}

/// The statistics of an arm in a segment, by names.
fn by_name(bandit: &Bandit, stage: &str, template: &str, channel: &str) -> ArmStatistics {
    let segment = bandit.segment([("stage", stage)]).unwrap();
    bandit.statistics(segment, bandit.arms().find([("template", template), ("channel", channel)]).unwrap())
}

fn same_statistics(a: &Bandit, b: &Bandit) -> bool {
    a.segments().iter().all(|segment| {
        a.arms()
            .iter()
            .all(|arm| a.statistics(segment.id(), arm.id()) == b.statistics(segment.id(), arm.id()))
    })
}

#[test]
fn snapshot_round_trip() {
    for kind in [RewardKind::Binary, REAL] {
        let first = deploy(&["a", "b"], &["early", "late"], kind, 1);
        live(&first, 200, 1);
        let snapshot = first.snapshot();
        assert_eq!(through_json(&snapshot), snapshot);
        let mut second = deploy(&["a", "b"], &["early", "late"], kind, 2);
        let restored = second.restore(&through_json(&snapshot)).unwrap();
        assert!(same_statistics(&first, &second));
        assert_eq!((restored.arms.matched, restored.segments.matched), (4, 2));
        assert!(restored.arms.appeared.is_empty() && restored.arms.vanished.is_empty());
        assert!(restored.segments.appeared.is_empty() && restored.segments.vanished.is_empty());
        // And the plans know of it.
        let plan = |bandit: &Bandit| bandit.plan(SegmentId::new(0), &bandit.arms().all()).unwrap();
        assert!(plan(&first).contenders().eq(plan(&second).contenders()));
    }
}

#[test]
fn snapshot_into_grown_and_shrunk_names_reports_them() {
    let first = deploy(&["a", "b"], &["early", "late"], RewardKind::Binary, 1);
    live(&first, 200, 2);
    // b retired, c and d new, in another order; "late" retired, "legal" new.
    let mut second = deploy(&["d", "c", "a"], &["legal", "early"], RewardKind::Binary, 2);
    let restored = second.restore(&through_json(&first.snapshot())).unwrap();
    assert_eq!(restored.arms.matched, 2);
    let appeared = [
        "template=d, channel=email",
        "template=d, channel=sms",
        "template=c, channel=email",
        "template=c, channel=sms",
    ];
    assert_eq!(restored.arms.appeared, appeared);
    assert_eq!(restored.arms.vanished, ["template=b, channel=email", "template=b, channel=sms"]);
    assert_eq!(restored.segments.matched, 1);
    assert_eq!(restored.segments.appeared, ["stage=legal"]);
    assert_eq!(restored.segments.vanished, ["stage=late"]);
    for channel in ["email", "sms"] {
        assert_eq!(by_name(&second, "early", "a", channel), by_name(&first, "early", "a", channel));
        assert_eq!(by_name(&second, "legal", "a", channel), ArmStatistics::default());
        assert_eq!(by_name(&second, "early", "c", channel), ArmStatistics::default());
    }
}

#[test]
fn snapshot_keeps_what_vanished_until_it_comes_back() {
    let first = deploy(&["a", "b"], &["early", "late"], RewardKind::Binary, 1);
    live(&first, 200, 3);
    let mut without = deploy(&["a"], &["early"], RewardKind::Binary, 2);
    without.restore(&through_json(&first.snapshot())).unwrap();
    live(&without, 100, 4);
    let mut still_without = deploy(&["a", "x"], &["early"], RewardKind::Binary, 3);
    still_without.restore(&through_json(&without.snapshot())).unwrap();
    let mut back = deploy(&["b", "a"], &["late", "early"], RewardKind::Binary, 4);
    back.restore(&through_json(&still_without.snapshot())).unwrap();
    for channel in ["email", "sms"] {
        for stage in ["early", "late"] {
            assert_eq!(by_name(&back, stage, "b", channel), by_name(&first, stage, "b", channel));
        }
        assert_eq!(by_name(&back, "late", "a", channel), by_name(&first, "late", "a", channel));
        assert_eq!(by_name(&back, "early", "a", channel), by_name(&without, "early", "a", channel));
    }
    // And back to the very names of the beginning, with nothing lost or doubled.
    let mut again = deploy(&["a", "b"], &["early", "late"], RewardKind::Binary, 5);
    again.restore(&through_json(&back.snapshot())).unwrap();
    assert_eq!(by_name(&again, "late", "b", "sms"), by_name(&first, "late", "b", "sms"));
}

#[test]
fn snapshot_lets_tokens_outlive_a_redeploy() {
    let first = deploy(&["a", "b"], &["early", "late"], RewardKind::Binary, 1);
    let open = live(&first, 200, 5);
    let mut second = deploy(&["c", "a"], &["late", "early"], RewardKind::Binary, 2);
    second.restore(&through_json(&first.snapshot())).unwrap();
    let mut vanished = 0;
    for decision in &open {
        let name = first.arms().arm(decision.arm());
        let segment = first.segments().segment(decision.segment()).to_string();
        match second.parse(decision.token()) {
            Ok(parsed) => {
                assert_eq!(second.arms().arm(parsed.arm()).to_string(), name.to_string());
                assert_eq!(second.segments().segment(parsed.segment()).to_string(), segment);
                assert!(parsed.propensity() == decision.propensity() && parsed.id() == decision.id());
                let before = second.statistics(parsed.segment(), parsed.arm()).returned();
                second.reward(&parsed, Reward::SUCCESS).unwrap();
                assert_eq!(second.statistics(parsed.segment(), parsed.arm()).returned(), before + 1);
                // The token itself and its translation are one decision.
                let twice = second.reward(decision, Reward::SUCCESS);
                assert!(matches!(twice, Err(RewardError::AlreadyRewarded { .. })));
            }
            Err(ParseError::Space(SpaceError::Vanished { name: gone })) => {
                assert_eq!(gone, name.to_string());
                assert_eq!(name.level("template"), "b");
                vanished += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(vanished > 0 && vanished < open.len());
    // Two redeploys later, b is back: its tokens are good again, the others still counted.
    let mut third = deploy(&["b", "a", "c"], &["early", "late"], RewardKind::Binary, 3);
    third.restore(&through_json(&second.snapshot())).unwrap();
    let accepted = |decision: &&Decision| {
        let parsed = third.parse(decision.token()).unwrap();
        third.reward(&parsed, Reward::SUCCESS).is_ok()
    };
    assert_eq!(open.iter().filter(accepted).count(), vanished);
}

#[test]
fn snapshot_refused_leaves_the_bandit_as_it_was() {
    let first = deploy(&["a", "b"], &["early", "late"], RewardKind::Binary, 1);
    live(&first, 50, 6);
    let snapshot = first.snapshot();
    let unchanged = |mut bandit: Bandit| {
        let before = bandit.snapshot();
        let error = bandit.restore(&snapshot).unwrap_err();
        assert_eq!(bandit.snapshot(), before);
        error
    };
    let templates = ["a", "b"];
    let stages = ["early", "late"];
    assert!(matches!(unchanged(deploy(&templates, &stages, REAL, 2)), RestoreError::RewardKind { .. }));
    let same = unchanged(deploy(&templates, &stages, RewardKind::Binary, 1));
    assert_eq!(same, RestoreError::IncarnationTaken { replica: 0, incarnation: 1 });
    let in_use = deploy(&templates, &stages, RewardKind::Binary, 2);
    let open = live(&in_use, 30, 7).len() as u64;
    assert_eq!(unchanged(in_use), RestoreError::InUse { decisions: open / 20 * 30 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any life, then any names: nothing that has a name on both sides is lost, nothing is made up.
    #[test]
    fn snapshot_keeps_every_name(
        real: bool,
        then in prop::sample::subsequence(vec!["a", "b", "c", "d"], 1..=4).prop_shuffle(),
        now in prop::sample::subsequence(vec!["a", "b", "c", "d"], 1..=4).prop_shuffle(),
        plays in 0_usize..80,
        seed: u64,
    ) {
        let kind = if real { REAL } else { RewardKind::Binary };
        let first = deploy(&then, &["early", "late"], kind, 1);
        live(&first, plays, seed);
        let mut second = deploy(&now, &["early", "late"], kind, 2);
        let restored = second.restore(&through_json(&first.snapshot())).unwrap();
        let both = now.iter().filter(|template| then.contains(template)).count();
        prop_assert_eq!(restored.arms.matched, 2 * both);
        prop_assert_eq!(restored.arms.appeared.len(), 2 * (now.len() - both));
        prop_assert_eq!(restored.arms.vanished.len(), 2 * (then.len() - both));
        for template in &now {
            for (stage, channel) in [("early", "sms"), ("late", "email")] {
                let known = then.contains(template).then(|| by_name(&first, stage, template, channel));
                prop_assert_eq!(by_name(&second, stage, template, channel), known.unwrap_or_default());
            }
        }
        // Back again through a third life: the first statistics, whole.
        let mut third = deploy(&then, &["early", "late"], kind, 3);
        third.restore(&through_json(&second.snapshot())).unwrap();
        prop_assert!(same_statistics(&first, &third));
    }
}
