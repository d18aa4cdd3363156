//! The command `tactful segments`: which attributes are worth a segment, and how it refuses.
#![cfg(feature = "cli")]

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::command::{Folder, printed, refused};

/// 24,000 rows in which the young answer to fees and the others to peers, wherever they live.
fn mails() -> String {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
    let mut text = "message,age,region,paid\n".to_owned();
    for _ in 0..24_000 {
        let [message, age, region] = [2, 3, 2].map(|levels| rng.random_range(0..levels));
        let paid = rng.random_bool(if (message == 0) == (age == 0) { 0.12 } else { 0.05 });
        let (message, age) = (["fees", "peers"][message], ["18-34", "35-54", "55+"][age]);
        text += &format!("{message},{age},{},{}\n", ["north", "south"][region], u8::from(paid));
    }
    text
}

#[test]
fn the_attribute_that_matters_is_found_and_priced() {
    let folder = Folder::new("segments");
    let file = folder.file("mails.csv", mails());
    let flags =
        ["segments", &file, "--arm", "message", "--segment", "age,region", "--reward", "paid", "--uniform"];
    let document: Value =
        serde_json::from_str(&printed(&[&flags[..], &["--format", "json"]].concat())).unwrap();
    let split = &document["splits"][0];
    assert_eq!((&split["attribute"], &split["level"]), (&Value::from("age"), &Value::from("18-34")));
    assert!((split["worth"]["mean"].as_f64().unwrap() - 0.023).abs() < 0.015, "{split}");
    let groups = document["groups"].as_array().unwrap();
    let best: Vec<&str> = groups.iter().map(|group| group["best"].as_str().unwrap()).collect();
    assert!(best[0].contains("fees") && best[1].contains("peers"), "{best:?}");
    let rounds: u64 = groups.iter().map(|group| group["rounds"].as_u64().unwrap()).sum();
    assert_eq!(rounds, 24_000);
    for of in document["of"].as_array().unwrap() {
        let young = of["segment"].as_str().unwrap().contains("18-34");
        assert_eq!(of["group"].as_u64().unwrap() == 0, young, "{of}");
    }
    // The groups are segments as a bandit takes them.
    let segments: tactful::Segments = serde_json::from_value(document["segments"].clone()).unwrap();
    assert_eq!(segments.len(), groups.len());
    let table = printed(&flags);
    assert!(table.contains("everybody: by whether age is 18-34"), "{table}");
    assert_eq!(table, printed(&flags), "the same seed, the same tree");
}

#[test]
fn what_is_missing_is_told() {
    let folder = Folder::new("segments-missing");
    let file = folder.file("mails.csv", "message,age,paid\nfees,18-34,1\n");
    let flags = ["segments", &file, "--arm", "message", "--reward", "paid"];
    assert!(refused(&[&flags[..], &["--uniform"]].concat()).contains("--segment COL,COL is needed"));
    let unlikely = [&flags[..], &["--segment", "age"]].concat();
    assert!(refused(&unlikely).contains("--propensity COL or --uniform is needed"));
    let whole = printed(&[&unlikely[..], &["--uniform"]].concat());
    assert!(whole.contains("no attribute is worth a segment of its own"), "{whole}");
    assert!(whole.contains("everybody: 1 rounds"), "{whole}");
}
