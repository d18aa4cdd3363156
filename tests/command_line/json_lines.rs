//! Logs from JSON Lines: the same as from CSV, lists of eligible arms, and every fault with its line.
#![cfg(feature = "csv")]
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use tactful::evaluation::csv::Columns;
use tactful::evaluation::{Evaluator, Log, Question, Round, self_normalised};
use tactful::policy::{Fixed, Uniform};
use tactful::{ArmId, RewardKind};

const CSV: &str =
    "mail,stage,p,paid\nb,early,0.5,1\na,late,0.25,0\n\"c, \"\"d\"\"\",,1,0\na,early,0.12345678901234567,1\n";
const JSON: &str = r#"{"mail":"b","stage":"early","p":0.5,"paid":true}
{"stage":"late", "mail":"a", "p":2.5e-1,"paid":0,"more":{"of":[1,{"it":null}]}}

{"mail":"c, \"d\"","stage":null,"p":1,"paid":0.0}
  {"paid":1,"p":0.12345678901234567,"stage":"early","mail":"a"}
"#;

fn columns() -> Columns {
    Columns::new("mail", "paid").segment("stage").propensity("p").words()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn fault(text: impl AsRef<[u8]>) -> String {
    let line = columns().read(text.as_ref(), "log.jsonl").unwrap_err().to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[test]
fn the_same_rounds_as_from_csv() {
    let expected: Vec<Round> = columns().read(CSV.as_bytes(), "").unwrap().rounds().iter().collect();
    let marked = format!("\u{feff}\n {}", JSON.replace('\n', "\r\n"));
    for text in [JSON.as_bytes().to_vec(), marked.into_bytes(), gzip(JSON.as_bytes()), JSON.trim_end().into()]
    {
        let log = columns().read(&text[..], "").unwrap();
        assert_eq!(log.rounds().iter().collect::<Vec<_>>(), expected);
        assert_eq!(log.reward_kind(), RewardKind::Binary);
        assert_eq!(log.arms().iter().map(|arm| arm.level("mail").to_owned()).next().unwrap(), "a");
    }
}

#[test]
fn faults_name_file_line_and_column() {
    let second = |line: &str| fault(format!("{}\n{line}\n", JSON.lines().next().unwrap()));
    for (line, told) in [
        (
            r#"{"mail":"a","stage":"x","p":0,"paid":1}"#,
            r#"line 2, column "p": propensity 0 is not above 0 and at most 1"#,
        ),
        (r#"{"mail":"a","stage":"x","p":1.5,"paid":1}"#, r#"line 2, column "p": propensity 1.5 is not"#),
        (r#"{"mail":"a","stage":"x","p":0.5}"#, r#"line 2, column "paid": "" is not a number"#),
        (r#"{"mail":"a","stage":"x","p":"half","paid":1}"#, r#"line 2, column "p": "half" is not a number"#),
        (r#"{"mail":"a","stage":"x","p":NaN,"paid":1}"#, r#"line 2: column "p": expected value at byte"#),
        (
            r#"{"mail":"a","stage":"x","p":1e999,"paid":1}"#,
            r#"line 2: column "p": number out of range at byte"#,
        ),
        (r#"{"mail":"a","stage":"x","p":{"q":1},"paid":1}"#, r#"line 2: column "p": invalid type: map"#),
        (
            r#"{"mail":"a","mail":"b","stage":"x","p":1,"paid":1}"#,
            r#"line 2: column "mail" is there more than"#,
        ),
        (r#"["a","x",1,1]"#, "line 2: invalid type: sequence"),
        (r#"{"mail":"a","stage":"x","p":1,"paid":1} 2"#, "line 2: trailing characters at byte"),
        (r#"{"mail":"a","stage"#, "line 2: EOF while parsing"),
        (
            "{\"mail\":\"\u{7}\",\"stage\":\"x\",\"p\":1,\"paid\":1}",
            r#"line 2: column "mail": control character"#,
        ),
    ] {
        let error = second(line);
        assert!(error.starts_with("log.jsonl: ") && error.contains(told), "{error}");
    }
    assert!(fault(b"{\"mail\":\"\xff\"}\n").contains(r#"line 1: column "mail": invalid unicode code point"#));
    let missing = fault("{\"mail\":\"a\",\"paid\":1}\n");
    assert_eq!(
        missing,
        r#"log.jsonl: line 1, column "stage": there is no such column; there are ["mail", "paid"]"#
    );
    let deep = format!("{{\"mail\":{}", "[".repeat(100_000));
    assert!(fault(deep).contains("line 1: EOF while parsing"));
    let long = format!("{{\"mail\":\"{}", "x".repeat(1 << 21));
    assert!(fault(long).contains("the row is longer than 1048576 bytes"));
    let whole = gzip(JSON.repeat(500).as_bytes());
    for cut in [3, 12, whole.len() / 2, whole.len() - 1] {
        assert!(columns().read(&whole[..cut], "log.jsonl.gz").is_err(), "cut at {cut}");
    }
}

/// Three arms, of which some rounds allow two; and one that no round sent.
fn restricted() -> [(String, Columns); 3] {
    let rows: [(&str, &[&str], u8); 5] = [
        ("a", &[], 1),
        ("b", &["b", "c"], 0),
        ("c", &["c", "b"], 1),
        ("a", &["a", "never", "b"], 0),
        ("b", &[], 0),
    ];
    let table = |separator: &str| {
        let row = |(arm, set, paid): &(&str, &[&str], u8)| format!("{arm},{},{paid}\n", set.join(separator));
        "mail,could,paid\n".to_owned() + &rows.iter().map(row).collect::<String>()
    };
    let line = |(arm, set, paid): &(&str, &[&str], u8)| {
        let set = if set.is_empty() { "null".to_owned() } else { format!("{set:?}") };
        format!("{{\"mail\":\"{arm}\",\"could\":{set},\"paid\":{paid}}}\n")
    };
    let columns = || Columns::new("mail", "paid").eligible("could");
    let json = rows.iter().map(line).collect();
    [(table("|"), columns()), (table(" ; "), columns()), (json, columns())]
}

#[test]
fn rounds_carry_their_eligible_arms() {
    for (text, columns) in restricted() {
        let log: Log = columns.read(text.as_bytes(), "log").unwrap();
        assert!(log.is_uniform() && log.arms().len() == 4);
        let sets: Vec<usize> = log.rounds().iter().map(|round| log.eligible(&round).len()).collect();
        assert_eq!(sets, [4, 2, 2, 3, 4]);
        let propensities: Vec<f64> = log.rounds().iter().map(|round| round.propensity).collect();
        assert!(propensities.iter().zip(sets).all(|(p, set)| (p * set as f64 - 1.0).abs() < 1e-15));
        // Uniform over what is eligible: every weight is 1, and the value the mean.
        let uniform = self_normalised(&log, &Uniform).unwrap();
        assert!((uniform.value - 0.4).abs() < 1e-15 && uniform.effective_sample_size > 4.999);
        // Where a is not eligible, b and c alike: weights 4, 1, 1, 3, 0.
        let fixed = self_normalised(&log, &Fixed::new(ArmId::new(0))).unwrap();
        assert!((fixed.value - 5.0 / 9.0).abs() < 1e-15, "{fixed:?}");
        let evaluation = Evaluator::default().evaluate(&Question::new(&log, &Uniform)).unwrap();
        assert!((evaluation.effective_sample_size - 5.0).abs() < 1e-12);
    }
    let refused = |text: &str| {
        Columns::new("mail", "paid").eligible("could").read(text.as_bytes(), "log").unwrap_err().to_string()
    };
    let told = r#"log: line 3, column "could": the arm of the row is not in its list of eligible arms"#;
    assert_eq!(refused("mail,could,paid\na,a|b,1\nc,a|b,1\n"), told);
    assert_eq!(
        refused(
            "{\"mail\":\"a\",\"could\":[\"a\"],\"paid\":1}\n\n{\"mail\":\"a\",\"could\":[],\"paid\":1}\n"
        ),
        told
    );
    assert!(refused("mail,paid\na,1\n").contains(r#"column "could": there is no such column"#));
    assert!(refused("mail,could,paid\na,\"a|\u{fffd}\",x\n").contains(r#"column "paid""#));
}

#[test]
fn no_panic_on_any_bytes() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let pieces: [&[u8]; 12] =
        [b"{", b"}", b"\"", b":", b",", b"\n", b"[", b"]", b"\xff", b"\\", b"1e9999", b"null"];
    let mut good = 0;
    for number in 0..10_000 {
        let mut bytes = JSON.as_bytes().to_vec();
        if number % 3 == 0 {
            bytes = gzip(&bytes);
        }
        for _ in 0..1 + rng.next_u64() % 3 {
            let place = (rng.next_u64() % (bytes.len() as u64 + 1)) as usize;
            let end = (place + (rng.next_u64() % 3) as usize).min(bytes.len());
            let piece = pieces[(rng.next_u64() % pieces.len() as u64) as usize];
            bytes.splice(place..end, piece.iter().copied());
        }
        match columns().eligible("more").read(&bytes[..], "log").or(columns().read(&bytes[..], "log")) {
            Ok(log) => good += usize::from(!log.rounds().is_empty()),
            Err(error) => assert!(!error.to_string().contains(['\n', '\r']), "{error:?}"),
        }
    }
    assert!(good > 300, "mutations that all break the file test only its first lines: {good}");
}
