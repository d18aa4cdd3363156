//! No panic and no more memory than a small multiple of the input where a snapshot tells of thousands of lives that have
//! next to nothing in them: at most 16 bytes a byte of its text, whatever the arms, segments and windows of the bandit.

use std::time::Duration;

use allocation_counter::measure;
use serde_json::{Value, json};
use tactful::policy::Uniform;
use tactful::reward::{RewardRule, Stage};
use tactful::time::Window;
use tactful::{ArmSpace, Bandit, Segments, Snapshot};

/// What does not grow with the text: the names twice, tables of the bandit's own cohort.
const CONSTANT: u64 = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Endless,
    Window,
    Stages,
}

fn bandit(kind: Kind, incarnation: u64) -> Bandit {
    let arms = ArmSpace::builder().dimension("arm", (0..300).map(|arm| arm.to_string())).build().unwrap();
    let levels = (0..500).map(|level| level.to_string());
    let segments = Segments::builder().attribute("place", levels).build().unwrap();
    let day = Duration::from_secs(86_400);
    let builder = Bandit::builder(arms, segments).policy(Uniform).incarnation(incarnation);
    let builder =
        if kind == Kind::Endless { builder } else { builder.window(Window::new(90 * day, day).unwrap()) };
    match kind {
        Kind::Stages => {
            builder.stages(RewardRule::builder(0.0, 1.0).weight(Stage::Promised, 0.5).build().unwrap())
        }
        _ => builder,
    }
    .build()
    .unwrap()
}

/// The text of a snapshot of so many lives, each with this besides its name, and with these cells.
fn text(kind: Kind, lives: u64, life: &Value, cells: &Value) -> String {
    let mut snapshot = serde_json::to_value(bandit(kind, 1).snapshot()).unwrap();
    let cohort = u64::from(kind != Kind::Endless);
    for incarnation in 10..10 + lives {
        let name = json!({ "replica": 0, "incarnation": incarnation, "cohort": cohort });
        let with = |other: &Value| {
            let mut all = name.clone();
            all.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
            all
        };
        snapshot["lives"].as_array_mut().unwrap().push(with(life));
        if !cells.is_null() {
            let generation = snapshot["generations"][0].as_object_mut().unwrap();
            generation.entry("places").or_insert(json!([])).as_array_mut().unwrap().push(with(cells));
        }
    }
    snapshot.to_string()
}

#[test]
fn no_panic_and_little_memory_for_thousands_of_lives_with_little_in_them() {
    let one = "0000000000000001";
    let cells = json!({ "place": "cohort",
        "cells": [[7, 7, { "issued": 1, "returned": 0, "sum": 0, "squares": 0 }]] });
    let cases = [
        (json!({ "issued": 0, "claimed": "" }), Value::Null),
        (json!({ "issued": 1, "claimed": "" }), Value::Null),
        (json!({ "issued": 1_099_511_627_776_u64, "claimed": "" }), Value::Null),
        (json!({ "issued": 1, "claimed": one }), Value::Null),
        (json!({ "issued": 1, "claimed": one, "delays": { "": [1] } }), Value::Null),
        (json!({ "issued": 20, "claimed": "", "outcomes": one }), Value::Null),
        (json!({ "issued": 1, "claimed": "", "outcomes": one, "delays": { "": [1] } }), Value::Null),
        (
            json!({ "issued": 9999, "claimed": "", "outcomes": format!("{}{one}", ";".repeat(200)) }),
            Value::Null,
        ),
        (json!({ "issued": 1, "claimed": "" }), cells),
    ];
    for kind in [Kind::Endless, Kind::Window, Kind::Stages] {
        for (life, cells) in &cases {
            if kind == Kind::Endless && !cells.is_null() {
                continue;
            }
            let text = text(kind, 5000, life, cells);
            let mut next = bandit(kind, 2);
            let mut restored = false;
            let counted = measure(|| {
                let snapshot: Snapshot = serde_json::from_str(&text).expect("a snapshot");
                restored = next.restore(&snapshot).is_ok();
            });
            let (most, length) = (counted.bytes_max, text.len() as u64);
            // Where nothing is refused for what it holds, all of it was taken up.
            let (staged, plain) = (life.get("outcomes").is_some(), life["claimed"] != "");
            let fits = if kind == Kind::Stages { !plain } else { !staged };
            assert_eq!(restored, fits, "{kind:?} {life}");
            println!("{kind:?} {life:.60} {}: {:.1}", !cells.is_null(), most as f64 / length as f64);
            assert!(most <= 16 * length + CONSTANT, "{kind:?} {life} {cells}: {most} bytes for {length}");
        }
    }
}
