//! `tactful replay` of journals: files, damaged ones, and directories of them.
#![cfg(feature = "cli")]

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde_json::Value;
use tactful::evaluation::Log;
use tactful::journal::{Directory, JournalReader, JournalSettings, JournalWriter, SyncWhen};
use tactful::policy::Uniform;
use tactful::{ArmSpace, Bandit, Reward, SegmentId, Segments, Timestamp};

use crate::command::{Folder, json, printed, refused};
use crate::replay::policy;

/// A journal of 400 decisions of two channels, of which the last has no outcome, and one outcome comes twice.
fn journal() -> String {
    let mut text = r#"{"type":"header","version":1,"arms":{"dimensions":[["channel",["email","sms"]],["tone",["warm","firm"]]]},"segments":{"attributes":[]},"reward":{"kind":"binary"}}"#
        .to_owned()
        + "\n";
    for n in 0..400 {
        let (arm, paid) = (n % 4, u8::from(n % 3 == 0 && n % 4 == 1));
        text += &format!(
            "{{\"type\":\"decision\",\"id\":\"0.1f.0.{n:x}\",\"at\":{n},\"segment\":0,\"arm\":{arm},\"propensity\":0.25}}\n"
        );
        if n < 399 {
            text +=
                &format!("{{\"type\":\"outcome\",\"id\":\"0.1f.0.{n:x}\",\"at\":{n},\"reward\":{paid}.0}}\n");
        }
    }
    text += "{\"type\":\"outcome\",\"id\":\"0.1f.0.3\",\"at\":900,\"reward\":1.0}\n";
    text + "{\"type\":\"outcome\",\"id\":\"0.1f.0.ffff\",\"at\":900,\"reward\":1.0}\n"
}

#[test]
fn a_journal_is_read_without_column_flags() {
    let folder = Folder::new("journal");
    let text = journal();
    let read = Log::from_journal(JournalReader::new(text.as_bytes()).unwrap()).unwrap();
    assert_eq!((read.log.rounds().len(), read.pending, read.repeated, read.stray), (399, 1, 1, 1));
    assert_eq!(read.log.rounds().get(3).unwrap().reward, Reward::FAILURE, "the first outcome counts");

    let file = folder.file("journal.jsonl", &text);
    let document = json(&["replay", &file]);
    assert_eq!(document["rounds"], 399);
    let firm = policy(&document, "arm:channel=email, tone=firm");
    let value = firm["value"].as_f64().unwrap();
    assert!((value - 0.33).abs() < 1e-12, "{value}");
    let table = printed(&["replay", &file]);
    assert!(table.contains("arm:email · firm "), "{table}");
    assert!(table.contains("left out: 1 decision that has no outcome yet\n"), "{table}");
    assert!(table.contains("left out: 1 second outcome of a decision\n"), "{table}");
    assert!(table.contains("left out: 1 outcome of a decision that is not in the journal\n"), "{table}");
    let left_out = |torn_line: Option<u64>| serde_json::json!({"pending": 1, "stray": 1, "repeated": 1, "torn_line": torn_line});
    assert_eq!(document["left_out"], left_out(None));

    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all((text.clone() + "{\"type\":\"outc").as_bytes()).unwrap();
    let packed = folder.file("journal.jsonl.gz", packed.finish().unwrap());
    let torn = json(&["replay", &packed]);
    assert_eq!((&torn["policies"], &torn["left_out"]), (&document["policies"], &left_out(Some(803))));
    assert!(printed(&["replay", &packed]).contains("left out: line 803, which was torn off\n"));
    let marked = folder.file("marked.jsonl", "\u{feff}".to_owned() + &text);
    assert_eq!(json(&["replay", &marked]), document);

    for flags in [["--arm", "channel"], ["--segment", "x"], ["--reward", "r"], ["--propensity", "p"]] {
        let line = refused(&["replay", &file, flags[0], flags[1]]);
        assert_eq!(
            line,
            format!("{file}: a journal names its own columns, {} is for CSV and JSON Lines", flags[0])
        );
    }
    let damaged = folder.file("damaged.jsonl", text.replacen("\"arm\":3", "\"arm\":9", 1));
    let line = refused(&["replay", &damaged]);
    assert!(line.starts_with(&format!("{damaged}: line 8: ")), "{line}");
    let other = folder.file("other.jsonl", "{\"some\":\"json\"}\n");
    assert_eq!(refused(&["replay", &other]), other.clone() + ": line 1: no journal header");
}

#[test]
fn faults_of_a_journal_name_one_line_and_the_column() {
    let folder = Folder::new("places");
    let text = journal();
    let over = |name: &str, text: String| {
        let file = folder.file(name, text);
        refused(&["replay", &file]).strip_prefix(&file).unwrap().to_owned()
    };
    let third = |line: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.insert(2, line);
        lines.join("\n") + "\n"
    };
    assert_eq!(over("not.jsonl", third("nonsense")), ": line 3: column 2: expected ident");
    let broken = third(r#"{"type":"outcome","id":"0.1f.0.0","at":"#);
    assert_eq!(over("broken.jsonl", broken), ": line 3: column 39: EOF while parsing a value");
    let unknown = third(r#"{"type":"wish"}"#);
    let told = over("unknown.jsonl", unknown);
    assert!(told.starts_with(": line 3: ") && told.contains("unknown variant `wish`"), "{told}");
    assert!(!told.contains("line 1"), "{told}");
    let again = text.lines().nth(1).unwrap();
    assert_eq!(over("again.jsonl", third(again)), ": line 3: decision 0.1f.0.0 is in the journal already");
    let range = r#"{"kind":"real","minimum":-1e308,"maximum":1e308}"#;
    let range = text.replacen(r#"{"kind":"binary"}"#, range, 1);
    let told = ": line 1: rewards from -1e308 to 1e308: the span between the bounds must be finite";
    assert_eq!(over("range.jsonl", range), told);

    // Nothing to replay: no table of dashes, but a refusal like that of a CSV file without rows.
    let first = |lines: usize| text.split_inclusive('\n').take(lines).collect::<String>();
    let nothing = ": no decision has an outcome, so there is nothing to replay";
    assert_eq!(over("header.jsonl", first(1)), nothing);
    let pending = " (left out: 1 decision that has no outcome yet)";
    assert_eq!(over("pending.jsonl", first(2)), nothing.to_owned() + pending);
}

#[test]
fn a_directory_of_journal_files_is_one_log() {
    let folder = Folder::new("rotated");
    let open = |channels: &[&str]| {
        let arms = ArmSpace::builder().dimension("channel", channels.iter().copied()).build().unwrap();
        let settings = JournalSettings::new().sync(SyncWhen::Never).file_bytes(8_000).back_pressure();
        let builder =
            Bandit::builder(arms, Segments::single()).policy(Uniform).incarnation(channels.len() as u64);
        builder.open(Directory::open(&folder.0).unwrap(), settings).unwrap().0
    };
    let play = |bandit: &Bandit, decisions: u64| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        let all = bandit.arms().all();
        let select = |_| bandit.select(SegmentId::new(0), &all, &mut rng).unwrap();
        let sent: Vec<_> = (0..decisions).map(select).collect();
        bandit.flush().unwrap();
        // In later files than their decisions.
        for (number, decision) in sent.iter().enumerate().skip(7) {
            bandit.reward(decision, Reward::from(number % 3 == decision.arm().index())).unwrap();
            if number % 50 == 0 {
                bandit.flush().unwrap();
            }
        }
        bandit.flush().unwrap();
    };
    play(&open(&["email", "sms"]), 20);
    let bandit = open(&["email", "sms", "letter"]);
    play(&bandit, 600);
    let path = folder.0.display().to_string();
    // While it is written.
    let document = json(&["replay", &path]);
    assert_eq!(document["rounds"], 593);
    let left_out =
        serde_json::json!({"pending": 7, "stray": 0, "repeated": 0, "torn_line": null, "other_builds": 1});
    assert_eq!(document["left_out"], left_out);
    let files = || fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().path());
    let journal = || files().filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"));
    assert!(journal().count() > 10);
    let text = printed(&["replay", &path]);
    assert!(text.contains("left out: 1 file of a build with other names"), "{text}");

    let mut last = fs::OpenOptions::new().append(true).open(journal().max().unwrap()).unwrap();
    last.write_all(br#"{"len":"0000"#).unwrap();
    assert!(json(&["replay", &path])["left_out"]["torn_line"].as_u64().is_some_and(|line| line > 1));
    let mut numbers: Vec<_> = journal().collect();
    numbers.sort();
    fs::remove_file(&numbers[4]).unwrap();
    let line = refused(&["replay", &path]);
    assert!(line.ends_with("is missing") && line.contains("0000000005"), "{line}");

    let empty = Folder::new("no-journal");
    let line = refused(&["replay", &empty.0.display().to_string()]);
    assert!(line.ends_with("there is no journal in this directory"), "{line}");
}

#[test]
fn what_was_folded_into_a_snapshot_is_said_to_be_left_out() {
    let folder = Folder::new("folded");
    let arms = ArmSpace::builder().dimension("channel", ["email", "sms"]).build().unwrap();
    let builder = Bandit::builder(arms, Segments::single()).policy(Uniform);
    let (bandit, _) = builder.open(Directory::open(&folder.0).unwrap(), JournalSettings::new()).unwrap();
    let play = || {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        for number in 0..50 {
            let decision = bandit.select(SegmentId::new(0), &bandit.arms().all(), &mut rng).unwrap();
            bandit.reward(&decision, Reward::from(number % 3 == 0)).unwrap();
        }
        bandit.flush().unwrap();
    };
    play();
    bandit.compact().unwrap().unwrap();
    play();
    let path = folder.0.display().to_string();
    let document = json(&["replay", &path]);
    assert_eq!(
        (&document["rounds"], &document["left_out"]["folded"]),
        (&Value::from(50), &Value::from(true))
    );
    assert!(printed(&["replay", &path]).contains("left out: what was folded into a snapshot"));
}

#[test]
fn a_fixed_arm_that_is_not_allowed_is_said_to_fall_back() {
    let folder = Folder::new("sets");
    let arms = ArmSpace::builder().dimension("channel", ["email", "sms"]).build().unwrap();
    let bandit = Bandit::builder(arms.clone(), Segments::single()).policy(Uniform).build().unwrap();
    let consented = arms.with_levels("channel", ["email"]).unwrap();
    let mut journal = JournalWriter::new(Vec::new(), &arms, bandit.segments(), bandit.reward_kind()).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let now = Timestamp::default();
    for n in 0..900 {
        let eligible = if n % 3 == 0 { consented.clone() } else { arms.all() };
        let decision = bandit.select(SegmentId::new(0), &eligible, &mut rng).unwrap();
        journal.decision(now, &decision, &eligible).unwrap();
        journal.outcome(now, decision.id(), Reward::from(n % 5 == 0)).unwrap();
    }
    let file = folder.file("sets.jsonl", journal.into_inner());
    let told =
        "300 rounds allowed only some arms; where a fixed arm was not allowed, its value has an even draw";
    assert!(printed(&["replay", &file]).contains(told));
    assert!(json(&["replay", &file])["warnings"].to_string().contains(told));
}
