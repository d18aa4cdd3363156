//! The command's pages and comparisons: `--report`, `tactful report`, `tactful compare`.

#![cfg(feature = "cli")]

use serde_json::Value;

use crate::command::{Folder, printed, refused};

/// 4,000 rounds of two arms, one with a hostile name, of which the second pays three times as often.
fn log() -> String {
    let mut text = String::from("sent,stage,paid,p\n");
    for number in 0..4000_u32 {
        // A generator of its own: Knuth's.
        let random = number.wrapping_mul(2_654_435_761) >> 8;
        let (arm, stage) = (random % 2, random / 2 % 3);
        let paid = random / 6 % 10 < [1, 3][arm as usize];
        let name = ["<script>alert(1)</script>", "firm"][arm as usize];
        text += &format!("{name},{},{},0.5\n", ["new", "early", "late"][stage as usize], u8::from(paid));
    }
    text
}

const COLUMNS: [&str; 6] = ["--arm", "sent", "--segment", "stage", "--reward", "paid"];

#[test]
fn evaluate_writes_a_page_and_intervals_for_all_times() {
    let folder = Folder::new("evaluate");
    let file = folder.file("log.csv", log());
    let page = folder.path("page.html");
    let flags = [&["evaluate", &file], &COLUMNS[..], &["--uniform", "--target", "arm:firm"]].concat();
    let text = printed(&[&flags[..], &["--report", &page]].concat());
    assert!(text.contains("at any time") && text.contains("At any time:"), "{text}");

    let html = folder.read("page.html");
    assert!(html.starts_with("<!doctype html>") && !html.contains("<script"));
    for expected in [
        "What would “arm:firm” have earned?",
        "more than the",
        "Reward per round",
        "How the answer settled",
        "What the rounds weigh",
        "What the log sent",
        "Which arm did best where",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ] {
        assert!(html.contains(expected), "{expected}");
    }

    let json: Value = serde_json::from_str(&printed(&[&flags[..], &["--format", "json"]].concat())).unwrap();
    let ends = |name: &str, key: &str| {
        let of = &json["estimators"][name][key];
        (of[0].as_f64().unwrap(), of[1].as_f64().unwrap())
    };
    for name in ["ips", "snips", "dr", "sndr"] {
        let (narrow, wide) = (ends(name, "interval"), ends(name, "anytime"));
        assert!(wide.1 - wide.0 > narrow.1 - narrow.0, "{name}");
        assert!(wide.0 < 0.3 && 0.3 < wide.1, "{name}: {wide:?}");
    }
    assert!(ends("dr", "anytime").1 < ends("ips", "anytime").1);
    assert!(json["estimators"]["dm"]["anytime"].is_null());
    // Nor is there one for a target chosen by the log.
    let flags = [
        &["evaluate", &file],
        &COLUMNS[..],
        &["--uniform", "--target", "best-per-segment", "--format", "json"],
    ];
    let json: Value = serde_json::from_str(&printed(&flags.concat())).unwrap();
    assert!(json["estimators"]["ips"]["anytime"].is_null() && json["estimators"]["ips"]["value"].is_number());

    let flags = [
        &["evaluate", &file],
        &COLUMNS[..],
        &["--propensity", "p", "--target", "arm:firm", "--least-propensity", "0.6"],
    ]
    .concat();
    assert!(refused(&flags).contains("least propensity"));
    let nowhere = folder.path("no/such/folder.html");
    let flags = [&["evaluate", &file], &COLUMNS[..], &["--uniform", "--report", &nowhere]].concat();
    assert!(refused(&flags).contains("folder.html"));
}

#[test]
fn replay_and_simulate_write_pages() {
    let folder = Folder::new("replay");
    let file = folder.file("log.csv", log());
    let page = folder.path("page.html");
    // No value is told without its interval.
    let one = folder.file("one.csv", "sent,stage,paid,p\nfirm,new,1,0.5\n");
    let alone = [&["replay", &one], &COLUMNS[..], &["--propensity", "p", "--format", "json"]].concat();
    let json: Value = serde_json::from_str(&printed(&alone)).unwrap();
    let all = json["policies"].as_array().unwrap();
    assert!(all.iter().all(|policy| policy["value"].is_null() && policy["interval"].is_null()), "{json}");
    assert!(json["warnings"].to_string().contains("fewer than two rounds count"), "{json}");
    // Weights of 10³⁷ end, too.
    let tiny = folder.file("tiny.csv", "sent,stage,paid,p\na,new,1,2e-38\nb,new,0,0.5\n");
    printed(&[&["evaluate", &tiny], &COLUMNS[..], &["--propensity", "p"]].concat());
    printed(&[&["replay", &file], &COLUMNS[..], &["--uniform", "--report", &page]].concat());
    let html = folder.read("page.html");
    for expected in ["How they learnt", "What thompson sent", "Share of traffic per arm while ucb1 learnt"] {
        assert!(html.contains(expected), "{expected}");
    }
    assert!(html.contains("Of those that learn,") && html.contains("arm:firm") && !html.contains("<script"));

    let flags = ["simulate", "--means", "0.05,0.1", "--horizon", "2000", "--runs", "30", "--policies"];
    printed(&[&flags[..], &["thompson,uniform", "--report", &page]].concat());
    let html = folder.read("page.html");
    assert!(html.contains("thompson loses least") && html.contains("Cumulative regret by policy"), "{html}");
    assert!(html.contains("Traffic to the best arm") && html.matches("<svg").count() == 2);
}

/// A journal of 60 days in which "firm" pays and "<b>" stops to.
fn journal() -> String {
    let mut text = String::from(
        r#"{"type":"header","version":1,"arms":{"dimensions":[["tone",["firm","<b>"]]]},"segments":{"attributes":[["stage",["early","late"]]]},"reward":{"kind":"binary"}}"#,
    );
    text.push('\n');
    for number in 0..4800_u64 {
        let (day, arm, segment) = (number / 80, number % 2, number / 2 % 2);
        let at = day * 86_400_000;
        text += &format!(
            "{{\"type\":\"decision\",\"id\":\"0.1f.0.{number:x}\",\"at\":{at},\"segment\":{segment},\"arm\":{arm},\"propensity\":0.5}}\n"
        );
        if number / 4 % 3 == 0 && (arm == 0 || day < 30) {
            let at = at + 86_400_000;
            text += &format!(
                "{{\"type\":\"outcome\",\"id\":\"0.1f.0.{number:x}\",\"at\":{at},\"reward\":1.0}}\n"
            );
        }
    }
    text
}

#[test]
fn a_journal_is_reported_in_every_form() {
    let folder = Folder::new("report");
    let file = folder.file("journal.jsonl", journal());
    let page = folder.path("page.html");
    let text = printed(&["report", &file, "--window", "2", "--threshold", "0.1", "--report", &page]);
    assert!(text.contains("2 rates have changed") && text.contains("worse"), "{text}");
    let html = folder.read("page.html");
    assert!(
        html.contains("The rate of &lt;b&gt; for early has changed from") && html.contains("Who paid when")
    );
    assert_eq!(printed(&["report", &file, "--window", "2", "--threshold", "0.1", "--format", "html"]), html);

    let json: Value = serde_json::from_str(&printed(&[
        "report",
        &file,
        "--window",
        "2",
        "--segment",
        "late",
        "--format",
        "json",
    ]))
    .unwrap();
    let segments = json["segments"].as_array().unwrap();
    assert_eq!((segments.len(), segments[0]["name"].as_str()), (1, Some("late")));
    assert_eq!(segments[0]["sent"], 2400);
    // A window of two days is told in sevenths of a day.
    assert!(
        segments[0]["arms"][1]["alarm"]["at"].as_u64().is_some_and(|at| (196..=224).contains(&at)),
        "{json}"
    );

    assert!(refused(&["report", &file, "--segment", "nobody"]).contains("no segment"));
    assert!(refused(&["report", &folder.path("none")]).contains("none"));
    let torn = folder.file("torn.json", "{\"version\":1,\"generations\":[");
    assert!(refused(&["report", &torn]).contains("torn.json"));
}

#[test]
fn a_snapshot_is_reported() {
    use tactful::{ArmSpace, Bandit, Reward, Segments};
    let folder = Folder::new("snapshot");
    let arms = ArmSpace::builder().dimension("tone", ["warm", "firm"]).build().unwrap();
    let bandit = Bandit::builder(arms, Segments::single()).incarnation(1).build().unwrap();
    let mut rng: rand::rngs::Xoshiro256PlusPlus = rand::SeedableRng::seed_from_u64(1);
    let everyone = bandit.segment([("", ""); 0]).unwrap();
    for number in 0..1000 {
        let decision = bandit.select(everyone, &bandit.arms().all(), &mut rng).unwrap();
        bandit.reward(&decision, Reward::from(number % 4 == 0)).unwrap();
    }
    let file = folder.file("snapshot.json", serde_json::to_string(&bandit.snapshot()).unwrap());
    let text = printed(&["report", &file]);
    assert!(text.contains("everyone") && text.contains("1000 sent") && text.contains("250 paid"), "{text}");
}

#[test]
fn answers_are_compared() {
    let folder = Folder::new("compare");
    let file = folder.file("log.csv", log());
    let answer = |name: &str, target: &str| {
        let flags =
            [&["evaluate", &file], &COLUMNS[..], &["--uniform", "--target", target, "--format", "json"]];
        folder.file(name, printed(&flags.concat()))
    };
    let (even, firm) = (answer("even.json", "uniform"), answer("firm.json", "arm:firm"));
    let page = folder.path("page.html");
    let text = printed(&["compare", &even, &firm, "--report", &page]);
    assert!(text.contains("Not paired") && text.contains("snips"), "{text}");
    assert!(folder.read("page.html").contains("Yes, by"), "{text}");
    let json: Value = serde_json::from_str(&printed(&["compare", &even, &firm, "--format", "json"])).unwrap();
    assert_eq!(json["paired"], false);
    let row = json["rows"].as_array().unwrap().iter().find(|row| row["name"] == "snips").unwrap();
    let number = |key: &str| row[key].as_f64().unwrap();
    assert!((number("difference") - (number("other") - number("one"))).abs() < 1e-15);
    assert!(number("difference") > 0.05 && row["interval"][0].as_f64().unwrap() > 0.0);
    // Nothing differs from itself.
    let json: Value = serde_json::from_str(&printed(&["compare", &even, &even, "--format", "json"])).unwrap();
    assert!(
        json["rows"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["difference"].as_f64().is_none_or(|by| by == 0.0))
    );

    // What says the same in all rounds is no certainty, and makes no difference certain.
    let certain = |name: &str, value: f64| {
        let told = format!(r#"{{"value":{value},"se":0.0,"interval":[{value},{value}]}}"#);
        folder.file(name, format!(r#"{{"estimators":{{"ips":{told}}},"warnings":[]}}"#))
    };
    let (none, all) = (certain("none.json", 0.0), certain("all.json", 1.0));
    let json: Value = serde_json::from_str(&printed(&["compare", &none, &all, "--format", "json"])).unwrap();
    assert!(json["rows"][0]["difference"].is_null() && json["rows"][0]["one_interval"].is_array(), "{json}");

    let flags = ["simulate", "--means", "0.05,0.1", "--horizon", "500", "--runs", "5", "--policies"];
    let simulated = folder
        .file("simulated.json", printed(&[&flags[..], &["thompson,uniform", "--format", "json"]].concat()));
    assert!(printed(&["compare", &simulated, &simulated]).contains("regret at the end"));
    assert!(refused(&["compare", &simulated, &even]).contains("different commands"));
    let other = folder.file("other.json", "[1, 2]");
    assert!(refused(&["compare", &other, &even]).contains("not the JSON"));
    let torn = folder.file("torn.json", "{");
    assert!(refused(&["compare", &even, &torn]).contains("torn.json"));
}
