//! The command `tactful`: what it prints, and the one line with which it refuses.
#![cfg(feature = "cli")]

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::command::{Folder, data, json, printed, refused};

/// 600 rows: `a` pays in one of ten, `b` in three of ten.
fn mails() -> String {
    let row = |n: usize| match n % 2 {
        0 => format!("a,{},{}\n", ["x", "y"][n / 2 % 2], u8::from(n % 20 < 1)),
        _ => format!("b,{},{}\n", ["x", "y"][n / 2 % 2], u8::from(n % 20 < 6)),
    };
    "mail,stage,paid\n".to_owned() + &(0..600).map(row).collect::<String>()
}

pub(crate) fn policy<'a>(document: &'a Value, name: &str) -> &'a Value {
    let policies = document["policies"].as_array().unwrap();
    policies.iter().find(|policy| policy["name"] == name).unwrap_or_else(|| panic!("no {name} in {document}"))
}

#[test]
fn learners_keep_to_floors_and_caps() {
    let folder = Folder::new("floors");
    let file = folder.file("mails.csv", mails());
    let flags = ["replay", &file, "--arm", "mail", "--reward", "paid", "--uniform"];
    let learner =
        |more: &[&str]| policy(&json(&[&flags[..], more].concat()), "thompson")["value"].as_f64().unwrap();
    assert!(learner(&[]) > 0.25);
    // Half of the time each, as in the log, of which a fifth pays: 0.023 is a standard error of half of the rows.
    let even = learner(&["--floor", "0.5"]);
    assert!((even - 0.2).abs() < 0.05, "{even}");
    let other = learner(&["--cap", "mail=b:0.5", "--floor", "mail=b:0.5"]);
    assert_eq!(other.to_bits(), even.to_bits());
    let rare = learner(&["--cap", "mail=b:0.1"]);
    assert!(rare < 0.17, "{rare}");
    assert!(refused(&[&flags[..], &["--cap", "mail=c:0.5"]].concat()).contains("\"c\""));
    assert!(refused(&[&flags[..], &["--cap", "0.4"]].concat()).contains("no shares"));
}

#[test]
fn json_has_every_policy_with_full_precision() {
    let folder = Folder::new("json");
    let text = mails();
    let file = folder.file("mails.csv", &text);
    let flags = ["--arm", "mail", "--segment", "stage", "--reward", "paid", "--uniform"];
    let arguments = [&["replay", &file][..], &flags].concat();
    let document = json(&arguments);
    assert_eq!(document["rounds"], 600);
    let names: Vec<&str> = document["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| policy["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["thompson", "ucb1", "epsilon-greedy", "uniform", "arm:a", "arm:b"]);
    for name in names {
        let policy = policy(&document, name);
        let [value, se] = ["value", "se"].map(|key| policy[key].as_f64().unwrap());
        let [lower, upper] = [0, 1].map(|end| policy["interval"][end].as_f64().unwrap());
        assert!(lower < value && value < upper && (upper - value - 1.959_963_984_540_054 * se).abs() < 1e-12);
        assert!(policy["effective_sample_size"].as_f64().unwrap() > 1.0);
        assert!(policy["outside_support"] == 0 && policy.get("error").is_none());
        assert!(policy["rounds_used"].as_u64().is_some());
    }
    assert!((policy(&document, "arm:a")["value"].as_f64().unwrap() - 0.1).abs() < 1e-12);
    assert!((policy(&document, "arm:b")["value"].as_f64().unwrap() - 0.3).abs() < 0.0334);
    assert_eq!(policy(&document, "arm:a")["rounds_used"], 300);
    assert_eq!(policy(&document, "uniform")["rounds_used"], 600);

    let nothing = serde_json::json!({"pending": 0, "stray": 0, "repeated": 0, "torn_line": null});
    assert_eq!((&document["left_out"], &document["warnings"]), (&nothing, &serde_json::json!([])));

    // Same seed, same output; packed, the same; another seed, other rounds kept.
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = folder.file("mails.csv.gz", packed.finish().unwrap());
    assert_eq!(json(&[&["replay", &packed][..], &flags].concat()), document);
    let other = json(&[&arguments[..], &["--seed", "2"]].concat());
    assert_eq!(policy(&other, "arm:b"), policy(&document, "arm:b"));
    assert_ne!(policy(&other, "thompson"), policy(&document, "thompson"));
    let exploring = json(&[&arguments[..], &["--exploration", "1"]].concat());
    assert_ne!(policy(&exploring, "thompson"), policy(&document, "thompson"));
    assert_eq!(json(&[&arguments[..], &["--prior", "1,1"]].concat()), document);
    let sceptic = json(&[&arguments[..], &["--prior", "1, 40"]].concat());
    assert_ne!(policy(&sceptic, "thompson"), policy(&document, "thompson"));
}

#[test]
fn the_table_says_what_was_read_and_how_values_came_about() {
    let folder = Folder::new("table");
    let file = folder.file("mails.csv", mails());
    let text = printed(&["replay", &file, "--arm", "mail", "--reward", "paid", "--uniform"]);
    let first = text.lines().next().unwrap();
    assert!(first.ends_with("mails.csv: 600 rounds, 2 arms, 1 segment, mean reward 0.20000"), "{first}");
    let header = text.lines().find(|line| line.starts_with("policy")).unwrap();
    let rows: Vec<&str> = text.lines().skip_while(|line| *line != header).skip(1).take(6).collect();
    assert!(rows.iter().all(|row| row.chars().count() == header.chars().count()), "{text}");
    assert!(rows[5].starts_with("arm:a") && rows[4].starts_with("arm:b"), "best first: {text}");
    assert!(text.contains("replayed by rejection (exactly as often") && text.contains("self-normalised"));
    assert!(text.contains("a fresh life of \"rounds used\" rounds, learning included"), "{text}");
    assert!(
        text.contains("prior Beta(1, 1)") && !text.contains("cut off") && !text.contains("even draw"),
        "{text}"
    );
    assert!(text.lines().all(|line| line.chars().count() <= 130), "{text}");
}

#[test]
fn a_log_of_known_propensities_is_cut_off_at_most() {
    let folder = Folder::new("adaptive");
    let rows = mails()
        .replace("mail,stage,paid", "mail,stage,paid,p")
        .replace("0\n", "0,0.5\n")
        .replace("1\n", "1,0.5\n");
    let file = folder.file("mails.csv", rows);
    let flags =
        ["replay", &file, "--arm", "mail", "--reward", "paid", "--propensity", "p", "--prior", "0.5,20"];
    let text = printed(&flags);
    assert!(text.contains("(at most about 5 % of what they would have sent cut off)"), "{text}");
    assert!(text.contains("prior Beta(0.5, 20)"), "{text}");
}

/// Values of a millionth part and of a million parts have digits that differ.
#[test]
fn decimals_follow_the_range_of_rewards() {
    let folder = Folder::new("digits");
    let value = |rewards: [&str; 2]| {
        let [a, b] = rewards;
        let file =
            folder.file("amounts.csv", "mail,paid\n".to_owned() + &format!("a,{a}\nb,{b}\n").repeat(100));
        let text = printed(&["replay", &file, "--arm", "mail", "--reward", "paid", "--uniform"]);
        let row = text.lines().find(|line| line.starts_with("arm:a")).unwrap();
        row.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(value(["0", "1"]), "0.00000");
    assert_eq!(value(["1.25e-9", "0"]), "0.00000000125000");
    assert_eq!(value(["1.25e-30", "0"]), "1.25000e-30");
    assert_eq!(value(["1.25e30", "0"]), "1.25000e30");
    assert_eq!(value(["1000000.125", "1000000.75"]), "1000000.125000");
    assert_eq!(value(["250", "0"]), "250.000");
    assert_eq!(value(["1e7", "0"]), "10000000");
}

#[test]
fn many_arms_are_cut_in_the_table_and_whole_in_json() {
    let folder = Folder::new("many");
    let rows: String = (0..1500).map(|n| format!("m{},{}\n", n % 150, u8::from(n % 7 == 0))).collect();
    let file = folder.file("many.csv", "mail,paid\n".to_owned() + &rows);
    let flags = ["replay", &file, "--arm", "mail", "--reward", "paid", "--uniform"];
    let text = printed(&flags);
    assert_eq!(text.lines().filter(|line| line.starts_with("arm:")).count(), 20);
    assert!(text.contains("130 more arms are not shown"), "{text}");
    assert!(text.contains("Warning: fewer than 100 effective rounds"), "{text}");
    assert_eq!(json(&flags)["policies"].as_array().unwrap().len(), 154);
}

#[test]
fn a_value_that_cannot_be_known_is_null() {
    let folder = Folder::new("null");
    let file = folder.file("one.csv", "mail,paid,p\na,1,0.5\n");
    let document = json(&["replay", &file, "--arm", "mail", "--reward", "paid", "--propensity", "p"]);
    let learning = policy(&document, "thompson");
    assert!(learning["value"].is_null() && learning["interval"].is_null() && learning["rounds_used"] == 0);
    let fixed = policy(&document, "arm:a");
    assert!(fixed["value"].is_null() && fixed["se"].is_null() && fixed["interval"].is_null());
    let text = printed(&["replay", &file, "--arm", "mail", "--reward", "paid", "--propensity", "p"]);
    let reason = "none of 1 rounds was kept";
    assert_eq!(learning["error"], reason);
    assert!(text.contains(&format!("Warning: no value, since {reason}: thompson and 2 more.")), "{text}");
    let warnings: Vec<&str> =
        document["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap()).collect();
    assert!(warnings.contains(&&*format!("no value, since {reason}: thompson and 2 more")), "{warnings:?}");
    assert!(warnings.iter().all(|warning| text.contains(&format!("Warning: {warning}."))), "{warnings:?}");

    // Propensities that no sum can hold are told as such.
    let file = folder.file("tiny.csv", "mail,paid,p\na,1,1e-310\na,0,1e-310\n");
    let document = json(&["replay", &file, "--arm", "mail", "--reward", "paid", "--propensity", "p"]);
    let fixed = policy(&document, "arm:a");
    assert_eq!(fixed["error"], "propensities are too small or rewards too large to compute with");
    let file = folder.file("small.csv", "mail,paid,p\na,1,1e-300\na,0,1e-300\n");
    let document = json(&["replay", &file, "--arm", "mail", "--reward", "paid", "--propensity", "p"]);
    assert_eq!(policy(&document, "arm:a")["value"], 0.5);
}

#[test]
fn whatever_is_wrong_takes_one_line_and_status_2() {
    let folder = Folder::new("refused");
    let good = folder.file("good.csv", mails());
    let bad = folder.file("bad.csv", mails() + "a,x,perhaps\n");
    let short = folder.file("short.csv", mails() + "a,x\n");
    let unlikely = folder.file("p.csv", "mail,p,paid\na,0.5,1\nb,1.5,0\n");
    let empty = folder.file("empty.csv", "");
    let torn = folder.file("torn.csv.gz", [0x1f, 0x8b, 8, 0, 0]);
    let garbage = folder.file("garbage.bin", (0..=255_u8).cycle().take(5000).collect::<Vec<_>>());
    let absent = folder.0.join("absent.csv").display().to_string();
    let directory = folder.0.display().to_string();
    let columns = ["--arm", "mail", "--segment", "stage", "--reward", "paid", "--uniform"];
    let over = |file: &str| refused(&[&["replay", file][..], &columns].concat());

    let visited = ["replay", &good, "--arm", "mail", "--reward", "visited", "--uniform"];
    let expected =
        r#": line 1, column "visited": there is no such column; there are ["mail", "stage", "paid"]"#;
    assert_eq!(refused(&visited), good.clone() + expected);
    assert_eq!(over(&bad), bad.clone() + r#": line 602, column "paid": "perhaps" is not a number"#);
    assert_eq!(over(&short), short.clone() + ": line 602: 2 fields where the header has 3");
    let p = refused(&["replay", &unlikely, "--arm", "mail", "--reward", "paid", "--propensity", "p"]);
    assert_eq!(p, unlikely.clone() + r#": line 3, column "p": propensity 1.5 is not above 0 and at most 1"#);
    assert_eq!(over(&empty), empty.clone() + ": there is no header row");
    for file in [&torn, &garbage, &absent, &directory] {
        assert!(over(file).starts_with(&format!("{file}: ")), "{}", over(file));
    }

    let needs = |flags: &[&str]| refused(&[&["replay", &good][..], flags].concat());
    assert_eq!(needs(&[]), good.clone() + ": --arm COL is needed to read CSV or JSON Lines");
    assert_eq!(
        needs(&["--arm", "mail"]),
        good.clone() + ": --reward COL is needed to read CSV or JSON Lines"
    );
    let neither = needs(&["--arm", "mail", "--reward", "paid"]);
    assert_eq!(neither, good.clone() + ": --propensity COL or --uniform is needed to read CSV or JSON Lines");
    let both = needs(&["--arm", "mail", "--reward", "paid", "--uniform", "--propensity", "p"]);
    assert!(both.contains("--uniform") && both.contains("--propensity"), "{both}");

    for flags in [
        &["replay"][..],
        &[],
        &["evaluate", &good],
        &["replay", &good, "--sed", "1"],
        &["replay", &good, "--seed", "x"],
        &["replay", &good, "--seed", "-1"],
        &["replay", &good, "--format", "xml"],
        &["replay", &good, "--exploration", "1.5"],
        &["replay", &good, "--exploration", "NaN"],
        &["replay", &good, "--prior", "1"],
        &["replay", &good, "--prior", "1,2,3"],
        &["replay", &good, "--prior", "a,1"],
        &["replay", &good, "--prior", "0,1"],
        &["replay", &good, "--prior", "1,NaN"],
        &["replay", &good, "--arm"],
        &["replay", &good, &good],
        &["replay", "a\nb.csv", "--arm", "mail"],
    ] {
        assert!(!refused(flags).is_empty());
    }
    assert!(refused(&["replay", &good, "--exploration", "1.5"]).contains("1.5"));
    assert!(refused(&["replay", &good, "--prior", "1,x"]).contains("--prior"));
    assert_eq!(refused(&[]), "a command is needed: tactful replay FILE (tactful --help tells more)");
}

#[test]
fn help_and_version_go_to_standard_output() {
    assert!(printed(&["--version"]).starts_with("tactful "));
    let help = printed(&["replay", "--help"]);
    for flag in [
        "--arm",
        "--segment",
        "--reward",
        "--propensity",
        "--uniform",
        "--format",
        "--seed",
        "--exploration",
        "--prior",
    ] {
        assert!(help.contains(flag), "{help}");
    }
}

#[test]
fn a_closed_pipe_is_no_fault() {
    let folder = Folder::new("pipe");
    let rows: String = (0..200_000).map(|n| format!("m{},1\n", n % 20_000)).collect();
    let file = folder.file("long.csv", "mail,paid\n".to_owned() + &rows);
    let mut child = Command::new(env!("CARGO_BIN_EXE_tactful"))
        .args(["replay", &file, "--arm", "mail", "--reward", "paid", "--uniform", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A megabyte of JSON does not fit into a pipe, so the rest meets a closed one.
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// K. Hillstrom (2008), The MineThatData E-Mail Analytics And Data Mining Challenge: 64,000 customers, three arms at
/// random. Visits: 18.28 % by mens mail, 15.14 % by womens, 10.62 % by none.
#[test]
fn hillstroms_fixed_arms_have_their_means_and_learners_come_near_the_best() {
    let Some(file) = data("hillstrom.csv.gz") else { return };
    let columns = ["--arm", "segment", "--segment", "newbie,channel", "--reward", "visit", "--uniform"];
    let document = json(&[&["replay", &file][..], &columns].concat());
    assert_eq!(document["rounds"], 64_000);
    let value = |name: &str| policy(&document, name)["value"].as_f64().unwrap();
    let used = |name: &str| policy(&document, name)["rounds_used"].as_u64().unwrap();
    for (arm, customers, visits) in [
        ("Mens E-Mail", 21_307, 0.182_757),
        ("Womens E-Mail", 21_387, 0.151_400),
        ("No E-Mail", 21_306, 0.106_167),
    ] {
        let name = format!("arm:{arm}");
        assert!((value(&name) - visits).abs() < 1e-6, "{name}: {}", value(&name));
        assert_eq!(used(&name), customers);
    }
    assert!((value("uniform") - 0.146_781).abs() < 1e-6);
    // Over 20 seeds Thompson's mean is 0.1733 with a standard deviation of 0.0027, UCB1's 0.1602 with 0.0011,
    // ε-greedy's 0.1708 with 0.0029: the bounds lie 4 of these or more away.
    for (learner, least) in [("thompson", 0.162), ("ucb1", 0.155), ("epsilon-greedy", 0.159)] {
        assert!(value(learner) > least && value(learner) < 0.19, "{learner}: {}", value(learner));
        // A third of the rounds, by binomial chance ± 119.
        assert!(used(learner).abs_diff(21_333) < 600, "{learner}: {}", used(learner));
    }
}
