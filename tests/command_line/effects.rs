//! The command `tactful effects`: what levels add, from CSV and from journals, and how it refuses.
#![cfg(feature = "cli")]

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::command::{Folder, printed, refused};

/// 12,000 rows in which sms pays better than email and letters, and templates do not matter.
fn mails() -> String {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    let mut text = "template,channel,age,paid\n".to_owned();
    for _ in 0..12_000 {
        let [template, channel, age] = [3, 3, 2].map(|levels| rng.random_range(0..levels));
        let paid = rng.random_bool([0.05, 0.12, 0.05][channel]);
        let (template, age) = (["plain", "friendly", "firm"][template], ["18-34", "35+"][age]);
        text += &format!("{template},{},{age},{}\n", ["email", "sms", "letter"][channel], u8::from(paid));
    }
    text
}

#[test]
fn a_csv_file_tells_what_levels_add() {
    let folder = Folder::new("csv");
    let file = folder.file("mails.csv", mails());
    let flags = ["effects", &file, "--dimensions", "template,channel", "--reward", "paid"];
    let document: Value =
        serde_json::from_str(&printed(&[&flags[..], &["--format", "json"]].concat())).unwrap();
    assert_eq!(document["trials"], 12_000.0);
    let factors = document["factors"].as_array().unwrap();
    assert_eq!([&factors[0]["name"], &factors[1]["name"]], ["template", "channel"]);
    for level in factors[1]["levels"].as_array().unwrap() {
        let [low, high] = ["low", "high"].map(|end| level["points"][end].as_f64().unwrap());
        match level["level"].as_str().unwrap() {
            "sms" => assert!(low > 0.02 && high < 0.08, "{level}"),
            _ => assert!(high < 0.0, "{level}"),
        }
    }
    for level in factors[0]["levels"].as_array().unwrap() {
        let [low, high] = ["low", "high"].map(|end| level["points"][end].as_f64().unwrap());
        assert!(low < 0.01 && high > -0.01, "{level}");
    }
    let table = printed(&flags);
    assert!(table.contains("channel: levels vary by") && table.contains("friendly"), "{table}");
    assert_eq!(table, printed(&flags), "the same rows, the same table");
    let segmented = printed(&[&flags[..], &["--segment", "age"]].concat());
    assert!(segmented.contains("segment: levels vary by") && segmented.contains("age=35+"), "{segmented}");
}

/// 16,000 rows in which one template does well by sms and nowhere else, and what was paid: 20 or nothing, once 200.
fn together() -> String {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
    let mut text = "template,channel,paid,amount\nplain,email,1,200\n".to_owned();
    for _ in 0..16_000 {
        let [template, channel] = [2, 3].map(|levels| rng.random_range(0..levels));
        let paid = rng.random_bool(if (template, channel) == (1, 1) { 0.16 } else { 0.05 });
        let (template, channel) = (["plain", "friendly"][template], ["email", "sms", "letter"][channel]);
        text += &format!("{template},{channel},{},{}\n", u8::from(paid), 20 * u8::from(paid));
    }
    text
}

/// Of two dimensions the pair is the arm itself; it is told all the same, and nothing is told that was not learnt.
#[test]
fn pairs_of_two_dimensions_are_told() {
    let folder = Folder::new("pairs");
    let file = folder.file("mails.csv", together());
    for flags in [["--dimensions", "template,channel"], ["--dimensions=template", "--segment=channel"]] {
        let flags = [&["effects", &file, "--reward", "paid"][..], &flags].concat();
        let document: Value =
            serde_json::from_str(&printed(&[&flags[..], &["--format", "json"]].concat())).unwrap();
        let pairs = document["pairs"].as_array().unwrap();
        // Of two templates, what a pair adds with one it takes with the other.
        assert_eq!(pairs.len(), 3);
        assert!(pairs.iter().all(|pair| pair["logit"]["value"].as_f64().unwrap() > 0.0), "{document}");
        let strongest = pairs.iter().find(|pair| {
            pair["first"][1] == "friendly" && pair["second"][1].as_str().unwrap().ends_with("sms")
        });
        assert!(strongest.unwrap()["points"]["low"].as_f64().unwrap() > 0.01, "{document}");
        assert!(document["pair_deviation"].as_f64().unwrap() > 0.1, "{document}");
        let segments: Vec<bool> = document["factors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|factor| factor["is_segment"] == true)
            .collect();
        assert_eq!(segments, [false, flags[5].starts_with("--segment")]);
        let table = printed(&flags);
        assert!(table.contains("pairs vary by") && !table.contains("single arms"), "{table}");
    }
    let alone = printed(&["effects", &file, "--reward", "paid", "--dimensions", "channel"]);
    assert!(!alone.contains("vary by 0.00") && !alone.contains("pairs"), "{alone}");
}

#[test]
fn what_rates_of_amounts_are_of_is_told() {
    let folder = Folder::new("amounts");
    let file = folder.file("mails.csv", together());
    let flags = ["effects", &file, "--dimensions", "template,channel", "--reward"];
    let yes = printed(&[&flags[..], &["paid"]].concat());
    assert!(!yes.contains("amounts"), "{yes}");
    let seen = printed(&[&flags[..], &["amount"]].concat());
    assert!(seen.contains("amounts from 0 to 200: 0 % is 0, 100 % is 200, a point is 2."), "{seen}");
    let page = folder.path("page.html");
    let known = [&flags[..], &["amount", "--bounds", "0,400", "--report", &page]].concat();
    assert!(printed(&known).contains("100 % is 400, a point is 4."), "{known:?}");
    assert!(folder.read("page.html").contains("100 % is 400, a point is 4."));
}

/// 2,400 decisions over 2 × 2 × 2 arms, of which those by sms pay in three of ten, the others in one.
fn journal() -> String {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut text = r#"{"type":"header","version":1,"arms":{"dimensions":[["template",["plain","friendly"]],["channel",["email","sms"]],["time",["09:00","18:00"]]]},"segments":{"attributes":[]},"reward":{"kind":"binary"}}"#
        .to_owned()
        + "\n";
    for n in 0..2_400 {
        let arm = n % 8;
        let paid = u8::from(rng.random_bool(if arm & 2 == 2 { 0.3 } else { 0.1 }));
        text += &format!(
            "{{\"type\":\"decision\",\"id\":\"0.1f.0.{n:x}\",\"at\":{n},\"segment\":0,\"arm\":{arm},\"propensity\":0.125}}\n"
        );
        text += &format!("{{\"type\":\"outcome\",\"id\":\"0.1f.0.{n:x}\",\"at\":{n},\"reward\":{paid}.0}}\n");
    }
    text
}

#[test]
fn a_journal_knows_its_dimensions() {
    let folder = Folder::new("journal");
    let file = folder.file("log.jsonl", journal());
    let whole = printed(&["effects", &file]);
    assert!(whole.contains("time: levels vary by") && whole.contains("2400 sends"), "{whole}");
    let some: Value =
        serde_json::from_str(&printed(&["effects", &file, "--dimensions", "channel", "--format", "json"]))
            .unwrap();
    assert_eq!(some["factors"].as_array().unwrap().len(), 1);
    assert!(some["factors"][0]["levels"][1]["points"]["low"].as_f64().unwrap() > 0.03, "{some}");
    assert!(
        refused(&["effects", &file, "--dimensions", "tone"]).contains("there are template, channel, time")
    );
    assert!(refused(&["effects", &file, "--reward", "paid"]).contains("--reward"));
}

#[test]
fn what_is_missing_is_told() {
    let folder = Folder::new("missing");
    let file = folder.file("mails.csv", "template,paid\nplain,1\n");
    assert!(refused(&["effects", &file, "--dimensions", "template"]).contains("--reward COL is needed"));
    assert!(refused(&["effects", &file, "--reward", "paid"]).contains("--dimensions COL,COL is needed"));
    let line = refused(&["effects", &file, "--dimensions", "tone", "--reward", "paid"]);
    assert!(line.contains("tone"), "{line}");
}
