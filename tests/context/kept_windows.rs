//! What is learnt of features with an attribution window outlives the process: by snapshot, and by journal.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tactful::snapshot::RestoreError;
use tactful::{Bandit, Decision, Reward};

#[cfg(feature = "journal")]
use crate::place::Place;
use crate::windows::{at, beliefs, builder, context, counted, customer, days, send};

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
#[test]
fn nothing_lost_a_journal_leads_to_the_same_sums_bit_for_bit() {
    let place = Place::new("windows");
    let day = std::time::Duration::from_millis(crate::windows::DAY);
    let open = |incarnation| {
        let builder = builder(&["sms", "letter"], &["debt", "days"]).incarnation(incarnation);
        place.open(builder.window(days(4).grace_for(day).unwrap()))
    };
    let (bandit, _) = open(1);
    let sent = lived(&bandit, 0);
    bandit.flush().unwrap();
    let before = context(&bandit);
    assert!(counted(&bandit, Some("layer")).0 > 0.0 && counted(&bandit, Some("cohort")).0 > 0.0);
    drop(bandit);

    let (bandit, recovered) = open(2);
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

    let (bandit, recovered) = open(3);
    assert_eq!((recovered.refused, recovered.decisions), (0, 2));
    assert_eq!(context(&bandit), before);
}
