//! `tactful evaluate --stream`: what it says without the flag, in memory that does not grow, or one line; and bounds.
#![cfg(feature = "cli")]

use serde_json::Value;

use crate::command::{Folder, data};
use crate::evaluate::{MAILS, SIX_FLAGS, SIX_ROWS, json, mails, printed, refused, warned};

/// Every number to 1e-12 of the larger, everything else alike.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let [one, other] = [one, other].map(|number| number.as_f64().unwrap());
            (one - other).abs() <= 1e-12 * one.abs().max(other.abs()).max(1e-3)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        (one, other) => one == other,
    }
}

/// With the flag and without.
fn agrees(file: &str, flags: &str) -> Value {
    let (kept, streamed) = (json(file, flags), json(file, &format!("{flags} --stream")));
    assert!(same(&kept, &streamed), "{flags}:\n{kept}\n{streamed}");
    streamed
}

const PLAIN: &str = "--estimators ips,clipped_ips,snips,replay";

#[test]
fn it_says_what_is_said_of_a_log_that_is_kept() {
    let folder = Folder::new("stream");
    agrees(&folder.file("six.csv", SIX_ROWS), SIX_FLAGS);
    let file = folder.file("mails.csv", mails());
    let table = folder.file(
        "target.json",
        r#"{"rows": [{"segment": {"stage": "x"}, "arms": {"c": 1}}, {"arms": {"a": 0.5, "b": 0.5}}]}"#,
    );
    // Propensities that are off, so that there are warnings to agree on.
    let priced = |(row, line): (usize, &str)| {
        let p = if row == 0 { "p" } else { ["0.5", "0.25", "0.25"][(row - 1) % 3] };
        format!("{line},{p}\n")
    };
    let other = folder.file("p.csv", mails().lines().enumerate().map(priced).collect::<String>());
    for flags in [
        format!("{MAILS} {PLAIN} --target arm:b"),
        format!("{MAILS} {PLAIN} --interval bernstein --confidence 0.9 --lambda 2"),
        format!("{MAILS} {PLAIN},mips --dimensions channel --target {table}"),
        format!("--arm mail --segment stage --reward paid --propensity p {PLAIN} --target {table}"),
        format!(
            "--arm mail --reward paid --propensity p {PLAIN} --adaptive --observational --least-propensity 0.1"
        ),
    ] {
        let streamed = agrees(if flags.contains("--propensity") { &other } else { &file }, &flags);
        assert_eq!(
            warned(&streamed, "as their propensities say"),
            flags.contains("--propensity"),
            "{streamed}"
        );
    }
    // The command alone takes what needs no rows that are kept.
    let alone = json(&file, &format!("{MAILS} --stream"));
    let names: Vec<&String> = alone["estimators"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["clipped_ips", "ips", "replay", "snips"]);
    let unknown = json(
        &folder.file("six.csv", SIX_ROWS),
        "--arm arm --reward paid --target-columns pe_ --reward-model-columns q_ --stream",
    );
    assert!(warned(&unknown, "the log has no propensities"), "{unknown}");
    let table = printed(&file, &format!("{MAILS} --stream --target arm:a"));
    assert!(table.contains("mails.csv: 1200 rounds, 3 arms, 2 segments, mean reward 0.20"), "{table}");
    let page = folder.path("page.html");
    printed(&file, &format!("{MAILS} --stream --report {page}"));
    assert!(folder.read("page.html").contains("Reward per round"));
}

#[test]
fn json_lines_and_packed_files_are_streamed_too() {
    use std::io::Write;
    let folder = Folder::new("stream-lines");
    let line = |(row, line): (usize, &str)| {
        let fields: Vec<&str> = line.split(',').collect();
        let could = if row % 2 == 0 { "null".to_owned() } else { format!("[\"{}\",\"b\"]", fields[0]) };
        format!(
            "{{\"mail\":\"{}\",\"stage\":\"{}\",\"paid\":{},\"could\":{could}}}\n",
            fields[0], fields[1], fields[2]
        )
    };
    let text: String = mails().lines().skip(1).enumerate().map(line).collect();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = folder.file("mails.jsonl.gz", packed.finish().unwrap());
    for file in [folder.file("mails.jsonl", text), packed] {
        for target in ["uniform", "arm:a", "arm:c"] {
            agrees(&file, &format!("{MAILS} {PLAIN} --eligible could --target {target}"));
        }
    }
}

/// Real logs: of one policy that learnt, with its warnings, and of amounts.
#[test]
fn real_logs_say_the_same() {
    if let Some(file) = data("obd_men_bts.csv.gz") {
        let flags = "--arm item_id --reward click --propensity propensity_score --segment position";
        let streamed = agrees(&file, &format!("{flags} {PLAIN}"));
        assert!(!streamed["warnings"].as_array().unwrap().is_empty());
    }
    if let Some(file) = data("hillstrom.csv.gz") {
        let flags = "--arm segment --segment history_segment --reward spend --uniform --interval bernstein";
        agrees(&file, &format!("{flags} {PLAIN} --bounds 0,500"));
    }
}

#[test]
fn what_cannot_be_streamed_is_told_in_a_line_that_names_what_can() {
    let folder = Folder::new("stream-refused");
    let file = folder.file("mails.csv", mails());
    for (flags, told) in [
        ("--cluster home", "a sum is kept for each cluster; leave --cluster out"),
        ("--interval bootstrap", "take --interval normal or bernstein"),
        ("--target best-per-segment", "best-per-segment learns from rows that are kept; take an arm,"),
        ("--target policy:thompson", "policy:thompson learns from rows that are kept"),
        (
            "--estimators ips,dr",
            "the reward model of dr is fitted to rows that are kept; give one by --reward-model-columns",
        ),
    ] {
        let line = refused(&file, &format!("{MAILS} --stream {flags}"));
        assert!(line.starts_with(&format!("{file}: --stream: ")) && line.contains(told), "{line}");
    }
    let line = refused(&file, "--arm mail --reward paid --propensity home --stream");
    assert!(
        line.ends_with(r#"mails.csv: line 2, column "home": propensity 0 is not above 0 and at most 1"#),
        "{line}"
    );
    let p = folder.file("p.csv", "mail,paid,p,sort\na,1,0.5,x\nb,0,0.5,x\na,0,0.5,x\nb,1,0.5,x\n");
    let line =
        refused(&p, "--arm mail --reward paid --propensity p --dimensions sort --estimators mips --stream");
    assert!(line.contains("mips needs all rounds at hand"), "{line}");
    assert!(refused(&file, &format!("{MAILS} --stream --target arm:z")).contains(r#"no arm "z" in the log"#));
    assert!(refused(&folder.path("none.csv"), &format!("{MAILS} --stream")).contains("none.csv: "));
    let snapshot = folder.file("saved.json", "{\"generations\":[]}");
    assert!(refused(&file, &format!("{MAILS} --stream --target {snapshot}")).contains("leave --stream out"));
    let journal = folder.file("journal.jsonl", "{\"type\":\"header\"}\n");
    assert!(refused(&journal, "--stream").contains("outcomes of a journal are kept"));
    assert!(
        refused(&file, "--arm mail --reward paid --stream").contains("without propensities only a model")
    );
    // Its first bytes would be gone.
    #[cfg(unix)]
    assert!(refused("/dev/null", &format!("{MAILS} --stream")).contains("only a file can be read again"));
}

/// Whatever the model says of a round, its reward corrects in full: nothing spreads, and rounding leaves less than nothing.
#[test]
fn chances_that_cancel_leave_a_value() {
    let folder = Folder::new("stream-cancel");
    let rows = (0..300).map(|row| format!("a,5,{:.3}\n", f64::from(row * 7 % 11) / 10.0 + 0.013));
    let file = folder.file("same.csv", "mail,paid,q_a\n".to_owned() + &rows.collect::<String>());
    let flags = "--arm mail --reward paid --uniform --reward-model-columns q_ --estimators sndr";
    for flags in [flags.to_owned(), format!("{flags} --stream")] {
        let sndr = &json(&file, &flags)["estimators"]["sndr"];
        assert!((sndr["value"].as_f64().unwrap() - 5.0).abs() < 1e-9, "{flags}: {sndr}");
        assert!(sndr["se"].as_f64().unwrap() < 1e-9, "{flags}: {sndr}");
    }
}

/// A weight whose square is beyond all numbers leaves no value; it is not a certain one.
#[test]
fn squares_beyond_all_numbers_are_no_certainty() {
    let folder = Folder::new("stream-beyond");
    let rows = (0..50).map(|row| format!("{},{},{}\n", ["a", "b"][row % 2], row % 3 % 2, 0.5));
    let rows = "mail,paid,p\n".to_owned() + &rows.collect::<String>() + "a,1,1e-200\na,1,1e-200\n";
    let file = folder.file("beyond.csv", rows);
    let flags = "--arm mail --reward paid --propensity p --target arm:a --estimators ips";
    for flags in [flags.to_owned(), format!("{flags} --stream")] {
        assert!(json(&file, &flags)["estimators"]["ips"]["value"].is_null(), "{flags}");
    }
}

/// Amounts: their bounds are those seen, and this is said wherever an interval rests on them.
#[test]
fn bounds_are_declared_or_said_to_be_those_seen() {
    let folder = Folder::new("bounds");
    let rows = (0..400).map(|n| format!("{},{}\n", ["a", "b"][n % 2], (n * 37 % 101) as f64 / 2.0));
    let file = folder.file("amounts.csv", "mail,paid\n".to_owned() + &rows.collect::<String>());
    let flags =
        "--arm mail --reward paid --uniform --target arm:a --interval bernstein --estimators ips,snips";
    let seen = json(&file, flags);
    let told = "on rewards between 0 and 50, which are those seen; declare by --bounds what is possible";
    assert!(warned(&seen, told) && warned(&seen, "Bernstein intervals and those at any time rest"), "{seen}");
    let width = |document: &Value, of: &str| {
        let [lower, upper] = [0, 1].map(|end| document["estimators"]["ips"][of][end].as_f64().unwrap());
        upper - lower
    };
    let declared = json(&file, &format!("{flags} --bounds 0,200"));
    assert!(declared["warnings"].as_array().unwrap().is_empty(), "{declared}");
    assert_eq!(declared["estimators"]["ips"]["value"], seen["estimators"]["ips"]["value"]);
    for of in ["interval", "anytime"] {
        assert!(width(&declared, of) > 1.2 * width(&seen, of), "{of}: {declared} {seen}");
    }
    assert!(warned(&json(&file, &format!("{flags} --stream")), told));
    let line = refused(&file, &format!("{flags} --bounds 0,20"));
    assert!(
        line.contains(r#"column "paid": reward 37"#) && line.ends_with("is not within the bounds 0 and 20"),
        "{line}"
    );
    for bounds in ["5", "1,1", "2,1", "0,x", "NaN,1", "0,inf"] {
        assert!(refused(&file, &format!("{flags} --bounds {bounds}")).contains("--bounds"), "{bounds}");
    }
    // Below 0 as well; and of zeros and ones nothing need be declared.
    json(&file, &format!("{flags} --bounds -5,200"));
    let visits = folder.file("visits.csv", mails());
    assert_eq!(json(&visits, &format!("{MAILS} --bounds 0,1")), json(&visits, MAILS));
}
