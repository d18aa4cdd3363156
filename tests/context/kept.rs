//! What is learnt of features outlives the process: by snapshot, and by journal.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tactful::policy::LinUcb;
use tactful::snapshot::RestoreError;
use tactful::{ArmSpace, Bandit, BanditBuilder, Decision, Features, Reward, SegmentId, Segments};

const EVERYONE: SegmentId = SegmentId::new(0);

fn builder(templates: &[&str], features: &[&str]) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("template", templates.iter().copied()).build().unwrap();
    let declared = features.iter().fold(Features::builder(), |all, name| all.feature(*name, 0.0..=8.0));
    Bandit::builder(arms, Segments::single()).features(declared.build().unwrap()).policy(LinUcb::default())
}

fn run(bandit: &Bandit, rounds: u32) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let features = bandit.features().unwrap().len();
    let round = |round| {
        let x: Vec<f64> = (0..features).map(|_| f64::from(rng.random_range(0..=8))).collect();
        let decision = bandit.select_with(EVERYONE, &bandit.arms().all(), &x, &mut rng).unwrap();
        if round % 4 > 0 {
            bandit.reward(&decision, Reward::from(rng.random_bool(0.3))).unwrap();
        }
        decision
    };
    (0..rounds).map(round).collect()
}

fn context(bandit: &Bandit) -> Value {
    serde_json::to_value(bandit.snapshot()).unwrap()["context"].clone()
}

/// A snapshot that has been to disk.
fn stored(bandit: &Bandit) -> tactful::Snapshot {
    serde_json::from_str(&serde_json::to_string(&bandit.snapshot()).unwrap()).unwrap()
}

#[test]
fn nothing_lost_a_snapshot_brings_the_sums_and_the_fits_back() {
    let before = builder(&["a", "b"], &["debt", "days"]).build().unwrap();
    let made = run(&before, 200);
    let mut after = builder(&["a", "b"], &["debt", "days"]).build().unwrap();
    // A fit made before the restore knows nothing of it.
    after.linear_beliefs(EVERYONE, &after.arms().all(), &[1.0, 1.0]).unwrap();
    after.restore(&stored(&before)).unwrap();
    assert_eq!(context(&after), context(&before));
    let told = after.linear_beliefs(EVERYONE, &after.arms().all(), &[1.0, 1.0]).unwrap();
    assert!(told.iter().all(|belief| belief.width() < 0.5), "{told:?}");
    before.reward(&made[4], Reward::SUCCESS).unwrap();
    after.reward(&after.parse(made[4].token()).unwrap(), Reward::SUCCESS).unwrap();
    assert_eq!(context(&after), context(&before));
    let mut fresh = builder(&["a", "b"], &["debt", "days"]).build().unwrap();
    fresh.restore(&stored(&before)).unwrap();
    let beliefs =
        |bandit: &Bandit| bandit.linear_beliefs(EVERYONE, &bandit.arms().all(), &[3.0, 5.0]).unwrap();
    assert_eq!(beliefs(&fresh).len(), 2);
    assert!(beliefs(&fresh).iter().all(|belief| belief.width() < 0.5), "{:?}", beliefs(&fresh));
}

#[test]
fn a_snapshot_is_read_by_the_names_of_arms_and_features() {
    let before = builder(&["a", "b", "c"], &["debt", "days"]).build().unwrap();
    run(&before, 200);
    let mut after = builder(&["z", "c", "a"], &["days", "age", "debt"]).build().unwrap();
    after.restore(&stored(&before)).unwrap();
    let cell = |bandit: &Bandit, arm: u32| -> Value {
        let context = context(bandit);
        let cells = context["cells"].as_array().unwrap().iter();
        cells.clone().find(|cell| cell[1] == arm).map_or(Value::Null, |cell| cell[2].clone())
    };
    for (then, now) in [(0, 2), (2, 1)] {
        let (then, now) = (cell(&before, then), cell(&after, now));
        assert_eq!(then["returned"], now["returned"]);
        let [r, p] = ["rewards", "products"].map(|key| then[key].clone());
        // Constant, days, age, debt of constant, debt, days.
        assert_eq!(now["rewards"], json!([r[0], r[2], 0, r[1]]));
        assert_eq!(now["products"], json!([p[0], p[3], p[5], 0, 0, 0, p[1], p[4], 0, p[2]]));
    }
    assert_eq!(cell(&after, 0), Value::Null);
}

#[test]
fn no_panic_snapshots_that_cannot_be_are_refused() {
    let before = builder(&["a", "b"], &["debt"]).build().unwrap();
    run(&before, 40);
    let good = serde_json::to_value(before.snapshot()).unwrap();
    let restore = |change: &dyn Fn(&mut Value)| {
        let mut snapshot = good.clone();
        change(&mut snapshot["context"]);
        let mut bandit = builder(&["a", "b"], &["debt"]).build().unwrap();
        let found = bandit.restore(&serde_json::from_value(snapshot).unwrap());
        assert!(found.is_ok() || context(&bandit)["cells"] == json!([]));
        found
    };
    assert!(restore(&|_| {}).is_ok());
    let wrong: [&dyn Fn(&mut Value); 5] = [
        &|context| context["cells"][0][2]["products"] = json!([1, 2]),
        &|context| context["cells"][0][2]["rewards"] = json!([]),
        &|context| context["cells"][0][2]["products"][0] = json!(u64::MAX),
        &|context| context["cells"][0][2]["returned"] = json!(u64::MAX),
        &|context| context["cells"][0][2]["squares"] = json!(u64::MAX),
    ];
    for change in wrong {
        assert!(matches!(restore(change), Err(RestoreError::Sums { .. })));
    }
    let unnamed = restore(&|context| context["cells"][0][1] = json!(2));
    assert!(matches!(unnamed, Err(RestoreError::Cell { .. })));
    let twice = restore(&|context| context["cells"][1] = context["cells"][0].clone());
    assert!(matches!(twice, Err(RestoreError::Cell { .. })));
    let range = restore(&|context| context["features"][0]["greatest"] = json!(9.0));
    assert!(matches!(range, Err(RestoreError::Features(_))));
    let mut none = good.clone();
    none["context"]["features"] = json!([]);
    assert!(serde_json::from_value::<tactful::Snapshot>(none).is_err());
}

#[cfg(feature = "journal")]
mod journal {
    use super::*;
    use crate::place::Place;
    use tactful::bandit::Recovered;

    fn open(place: &Place, incarnation: u64) -> (Bandit, Recovered) {
        place.open(builder(&["a", "b", "c"], &["debt", "days"]).incarnation(incarnation))
    }

    #[test]
    fn nothing_lost_a_journal_leads_to_the_same_sums_bit_for_bit() {
        let place = Place::new("replay");
        let (bandit, _) = open(&place, 1);
        let made = run(&bandit, 120);
        bandit.cancel(&made[8]).unwrap();
        let some = bandit.arms().eligible(|arm| arm.level("template") != "a");
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        bandit.select_with(EVERYONE, &some, &[1.0, 2.0], &mut rng).unwrap();
        bandit.flush().unwrap();
        let before = context(&bandit);
        drop(bandit);

        let (bandit, recovered) = open(&place, 2);
        assert_eq!(recovered.refused, 0);
        assert_eq!(context(&bandit), before);
        // A late reward in the next life, the files of the first one folded meanwhile.
        bandit.compact().unwrap().expect("a file to fold");
        let late = bandit.parse(made[12].token()).unwrap();
        bandit.reward(&late, Reward::SUCCESS).unwrap();
        bandit.flush().unwrap();
        let before = context(&bandit);
        drop(bandit);

        let (bandit, recovered) = open(&place, 3);
        assert_eq!((recovered.refused, recovered.decisions), (0, 0));
        assert_eq!(context(&bandit), before);
    }

    #[test]
    fn what_the_lines_say_of_features() {
        let place = Place::new("lines");
        let (bandit, _) = open(&place, 1);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let decision = bandit.select_with(EVERYONE, &bandit.arms().all(), &[4.0, 8.0], &mut rng).unwrap();
        bandit.reward(&decision, Reward::SUCCESS).unwrap();
        bandit.flush().unwrap();
        drop(bandit);
        let file = std::fs::read_dir(&place.0).unwrap().map(|entry| entry.unwrap().path());
        let file = file.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).max().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let features: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).unwrap().get("features").cloned())
            .collect();
        // The header names them, decision and reward tell them.
        let declared = json!([
            { "name": "debt", "least": 0.0, "greatest": 8.0 },
            { "name": "days", "least": 0.0, "greatest": 8.0 },
        ]);
        assert_eq!((features.len(), &features[0]), (3, &declared));
        for features in &features[1..] {
            assert!(features.as_str().unwrap().ends_with("02.4000.8000"), "{features}");
        }
        let mut reader = tactful::journal::JournalReader::new(text.as_bytes()).unwrap();
        let declared = reader.features().cloned();
        assert_eq!(declared.as_ref(), bandit_features(&place).as_ref());
        let other = Features::builder().feature("debt", 0.0..=9.0).build().unwrap();
        for entry in reader.by_ref() {
            let features = match entry.unwrap() {
                tactful::journal::Entry::Decision(decision) => decision.features,
                tactful::journal::Entry::Outcome(outcome) => outcome.features,
                _ => None,
            };
            assert_eq!(features.unwrap().scaled().collect::<Vec<_>>(), [0.5, 1.0]);
            assert_eq!(features.unwrap().values(declared.as_ref().unwrap()), Some(vec![4.0, 8.0]));
            assert_eq!(features.unwrap().values(&other), None);
        }
    }

    fn bandit_features(place: &Place) -> Option<Features> {
        open(place, 2).0.features().cloned()
    }
}
