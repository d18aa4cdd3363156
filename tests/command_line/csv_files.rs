//! Logs from CSV: every dialect read alike, every fault told with its place, nothing that panics.
#![cfg(feature = "csv")]

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use tactful::evaluation::Log;
use tactful::evaluation::csv::{Columns, CsvFault};
use tactful::{Reward, RewardKind};

const PLAIN: &str =
    "mail,stage,p,paid\nb,early,0.5,1\na,late,0.25,0\n\"c, \"\"d\"\"\",,1,0\na,early,0.25,1\n";

fn columns() -> Columns {
    Columns::new("mail", "paid").segment("stage").propensity("p")
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Names, not ids, so that two logs can be compared.
fn told(log: &Log) -> Vec<(String, String, f64, f64)> {
    let row = |round: tactful::evaluation::Round| {
        let arm = log.arms().arm(round.arm).level("mail").to_owned();
        (arm, log.segments().segment(round.segment).to_string(), round.propensity, round.reward.value())
    };
    log.rounds().iter().map(row).collect()
}

fn fault(text: &[u8]) -> String {
    columns().read(text, "log.csv").unwrap_err().to_string()
}

#[test]
fn rows_become_rounds_with_sorted_levels() {
    let log = columns().read(PLAIN.as_bytes(), "log.csv").unwrap();
    let (dimension, levels) = log.arms().dimensions().next().unwrap();
    assert_eq!((dimension, levels), ("mail", &["a", "b", "c, \"d\""].map(str::to_owned)[..]));
    let (attribute, levels) = log.segments().attributes().next().unwrap();
    assert_eq!((attribute, levels), ("stage", &["(empty)", "early", "late"].map(str::to_owned)[..]));
    let row = |arm: &str, stage: &str, p, r| (arm.to_owned(), format!("stage={stage}"), p, r);
    let expected = [
        row("b", "early", 0.5, 1.0),
        row("a", "late", 0.25, 0.0),
        row("c, \"d\"", "(empty)", 1.0, 0.0),
        row("a", "early", 0.25, 1.0),
    ];
    assert_eq!(told(&log), expected);
    assert_eq!(log.reward_kind(), RewardKind::Binary);
    assert!(!log.is_uniform());
}

#[test]
fn every_dialect_gives_the_same_log() {
    let expected = told(&columns().read(PLAIN.as_bytes(), "").unwrap());
    let semicolons =
        PLAIN.replace("\"c, \"\"d\"\"\"", "'").replace(',', ";").replace('\'', "\"c, \"\"d\"\"\"");
    let members = [gzip(&PLAIN.as_bytes()[..30]), gzip(&PLAIN.as_bytes()[30..])].concat();
    let dialects: [(&str, Vec<u8>); 7] = [
        ("crlf", PLAIN.replace('\n', "\r\n").into()),
        ("mark", format!("\u{feff}{PLAIN}").into()),
        ("no last line end", PLAIN.trim_end().into()),
        ("semicolons", semicolons.clone().into()),
        ("tabs", semicolons.replace(';', "\t").into()),
        ("gzip", gzip(PLAIN.as_bytes())),
        ("gzip of two members", members),
    ];
    for (dialect, bytes) in dialects {
        let log = columns().read(&bytes[..], "").unwrap_or_else(|error| panic!("{dialect}: {error}"));
        assert_eq!(told(&log), expected, "{dialect}");
        // A source that gives one byte at a time.
        struct Drops<'a>(&'a [u8]);
        impl Read for Drops<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let most = buffer.len().min(1);
                self.0.read(&mut buffer[..most])
            }
        }
        assert_eq!(told(&columns().read(Drops(&bytes), "").unwrap()), expected, "{dialect}, in drops");
    }
}

#[test]
fn spaces_around_the_names_of_columns_do_not_matter() {
    let text = PLAIN.replacen("mail,stage,p,paid", " mail,stage ,  p , paid", 1);
    let log = columns().read(text.as_bytes(), "").unwrap();
    assert_eq!(told(&log), told(&columns().read(PLAIN.as_bytes(), "").unwrap()));
    // The exact name goes first; without it two that are alike but for spaces are one too many.
    let rewards = |header: &str, column: &str| {
        let text = format!("{header}\na,0,1\n");
        Columns::new("a", column)
            .read(text.as_bytes(), "")
            .map(|log| log.rounds().get(0).unwrap().reward.value())
    };
    assert_eq!(
        [rewards("a,r,r ", "r").unwrap(), rewards("a,r,r ", "r ").unwrap()].map(f64::to_bits),
        [0.0, 1.0].map(f64::to_bits)
    );
    assert!(matches!(rewards("a, r,r ", "r").unwrap_err().fault(), CsvFault::AmbiguousColumn));
}

#[test]
fn segments_cross_and_numbers_follow_the_names() {
    let text = "arm,x,y,r\na,1,u,0\na,2,v,0\nb,3,u,1\na,1,v,0\n";
    let log = Columns::new("arm", "r").segment("y").segment("x").read(text.as_bytes(), "").unwrap();
    assert_eq!(log.segments().len(), 6);
    for (round, (x, y)) in log.rounds().iter().zip([("1", "u"), ("2", "v"), ("3", "u"), ("1", "v")]) {
        assert_eq!(round.segment, log.segments().find([("x", x), ("y", y)]).unwrap());
    }
    assert!(log.is_uniform() && log.rounds().iter().all(|round| (round.propensity - 0.5).abs() < 1e-15));
}

#[test]
fn amounts_have_the_range_of_the_file() {
    let kind = |rewards: &str| {
        let text = format!("arm,r\n{}", rewards.split(' ').map(|r| format!("a,{r}\n")).collect::<String>());
        Columns::new("arm", "r").read(text.as_bytes(), "").unwrap().reward_kind()
    };
    assert_eq!(kind("0 1.0 1e0"), RewardKind::Binary);
    assert_eq!(kind("0 1 2.5 -3"), RewardKind::Real { minimum: -3.0, maximum: 2.5 });
    assert_eq!(kind("5 5"), RewardKind::Real { minimum: 0.0, maximum: 5.0 });
    assert_eq!(kind("-5"), RewardKind::Real { minimum: -5.0, maximum: 0.0 });
    let log = Columns::new("arm", "r").read("arm,r\na, 2.5 \n".as_bytes(), "").unwrap();
    assert_eq!(log.rounds().get(0).unwrap().reward, Reward::new(2.5));
}

#[test]
fn faults_name_file_line_and_column() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "log.csv: there is no header row"),
        (b"\n\n", "log.csv: there is no header row"),
        (b"mail,stage,p,paid\n", "log.csv: there are no rows below the header"),
        (
            b"mail,stage,paid\n",
            r#"log.csv: line 1, column "p": there is no such column; there are ["mail", "stage", "paid"]"#,
        ),
        (
            b"mail,stage,p,paid,p\n",
            r#"log.csv: line 1, column "p": the header has this column more than once"#,
        ),
        (b"mail,stage,p,paid\na,x,1,yes\n", r#"log.csv: line 2, column "paid": "yes" is not a number"#),
        (b"mail,stage,p,paid\na,x,1,\n", r#"log.csv: line 2, column "paid": "" is not a number"#),
        (b"mail,stage,p,paid\na,x,1,NaN\n", r#"log.csv: line 2, column "paid": "NaN" is not a number"#),
        (b"mail,stage,p,paid\na,x,1,1e999\n", r#"log.csv: line 2, column "paid": "1e999" is not a number"#),
        (
            b"mail,stage,p,paid\na,x,1,1\na,x,0,1\n",
            r#"log.csv: line 3, column "p": propensity 0 is not above 0 and at most 1"#,
        ),
        (
            b"mail,stage,p,paid\n\na,x,1.5,1\n",
            r#"log.csv: line 3, column "p": propensity 1.5 is not above 0 and at most 1"#,
        ),
        (b"mail,stage,p,paid\na,x,1\n", "log.csv: line 2: 3 fields where the header has 4"),
        (b"mail,stage,p,paid\na,x,1,1,1\n", "log.csv: line 2: 5 fields where the header has 4"),
        // A quoted field over three lines, then the fault.
        (
            b"mail,stage,p,paid\r\na,\"x\r\ny\r\nz\",1,1\r\na,x,1,?\r\n",
            r#"log.csv: line 5, column "paid": "?" is not a number"#,
        ),
        (b"mail,stage,p,paid\ra,x,1,1\ra,x,1,?\r", r#"log.csv: line 3, column "paid": "?" is not a number"#),
        (b"mail,stage,p,paid\na\n", "log.csv: line 2: 1 field where the header has 4"),
        // A quote that the next one closes, rows later.
        (
            b"mail,stage,p,paid\na,\"x,1,1\nb,y,1,\"1\"\n",
            "log.csv: line 2: 2 fields where the header has 4; is a quote not closed?",
        ),
        // Quotes that are never closed, also where the number of fields would fit.
        (
            b"mail,stage,p,paid\na,x,1,1\n\"a,x,1,1\na,x,1,1\n",
            "log.csv: line 3: a quote is not closed before the end of the file",
        ),
        (
            b"paid,p,mail,stage\r\n1,1,a,\"x\r\n1,1,a,x\r\n",
            "log.csv: line 2: a quote is not closed before the end of the file",
        ),
        // Both bounds are finite, their distance is not.
        (
            b"mail,stage,p,paid\na,x,1,-1e308\na,x,1,1e308\n",
            "log.csv: rewards from -1e308 to 1e308: the span between the bounds must be finite",
        ),
        // Rows that the file ends in: bare, and with a quote that is never closed.
        (b"mail,stage,p,paid\na,x,1,1\na,x,1,?", r#"log.csv: line 3, column "paid": "?" is not a number"#),
        (
            b"mail,stage,p,paid\n\na,x,1,\"?\n",
            "log.csv: line 3: a quote is not closed before the end of the file",
        ),
        (b"mail,stage,p,paid\na,\xff,1,1\n", r#"log.csv: line 2, column "stage": the text is not UTF-8"#),
        (b"mail,stage,p,paid\na,x,1,\"1\n2\"\n", r#"log.csv: line 2, column "paid": "1\n2" is not a number"#),
    ];
    for (text, expected) in cases {
        assert_eq!(fault(text), *expected);
    }
    let twice = Columns::new("mail", "mail").read(PLAIN.as_bytes(), "log.csv").unwrap_err();
    assert_eq!(twice.to_string(), r#"log.csv: line 1, column "mail": the column is given two roles"#);
    assert_eq!((twice.line(), twice.column(), twice.file()), (Some(1), Some("mail"), "log.csv"));
    let missing = columns().open("no/such/file.csv").unwrap_err().to_string();
    assert!(missing.starts_with("no/such/file.csv: ") && !missing.contains('\n'), "{missing}");
}

#[test]
fn a_torn_gzip_is_an_error() {
    let text: String = PLAIN.to_owned() + &"a,early,0.25,1\n".repeat(5000);
    let whole = gzip(text.as_bytes());
    for cut in [3, 12, whole.len() / 2, whole.len() - 1] {
        assert!(columns().read(&whole[..cut], "log.csv.gz").is_err(), "cut at {cut}");
    }
    assert!(columns().read(&whole[..], "log.csv.gz").is_ok());
}

/// An endless source, of which only so much may be read.
struct Endless<'a> {
    head: &'a [u8],
    byte: u8,
    left: usize,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.head.is_empty() {
            return self.head.read(buffer);
        }
        self.left = self.left.checked_sub(buffer.len()).expect("the reader gives up before");
        buffer.fill(self.byte);
        Ok(buffer.len())
    }
}

#[test]
fn endless_rows_fill_no_memory() {
    let four_rows = 4 * Columns::MAX_ROW as usize;
    for head in ["", "mail,stage,p,paid\na,x,1,1\na,\"x"] {
        for byte in [b'x', b',', b'"'] {
            let source = Endless { head: head.as_bytes(), byte, left: four_rows };
            let error = columns().read(source, "log.csv").unwrap_err();
            assert!(matches!(error.fault(), CsvFault::LongRow | CsvFault::Fields { .. }), "{error}");
        }
    }
    let long = format!("mail,stage,p,paid\n{},x,1,1\n", "m".repeat(2000));
    assert!(fault(long.as_bytes()).starts_with("log.csv: line 2, column \"mail\": a value of 2000 bytes"));
}

#[test]
fn more_values_than_levels_are_an_error() {
    let mut text = String::from("id,x,r\n");
    for row in 0..=1 << 20 {
        text += &format!("{row},{},1\n", row % 1100);
    }
    let error = Columns::new("id", "r").read(text.as_bytes(), "ids.csv").unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"ids.csv: line 1048578, column "id": more than 1048576 different values"#
    );
    let error = Columns::new("r", "x").segment("id").read(text.as_bytes(), "ids.csv").unwrap_err();
    assert_eq!(error.line(), Some(1_048_578));
}

#[test]
fn no_panic_on_any_bytes() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
    let pieces: [&[u8]; 14] = [
        b",",
        b"\n",
        b"\r",
        b"\"",
        b";",
        b"\t",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"1",
        b"-",
        b"inf",
        b"\x1f\x8b",
        b"a",
    ];
    let mut good = 0;
    for number in 0..20_000 {
        let mut bytes = PLAIN.as_bytes().to_vec();
        if number % 3 == 0 {
            bytes = gzip(&bytes);
        }
        for _ in 0..1 + rng.next_u64() % 4 {
            let place = (rng.next_u64() % (bytes.len() as u64 + 1)) as usize;
            let end = (place + (rng.next_u64() % 3) as usize).min(bytes.len());
            let piece = pieces[(rng.next_u64() % pieces.len() as u64) as usize];
            bytes.splice(place..end, piece.iter().copied());
        }
        match columns().read(&bytes[..], "log.csv") {
            Ok(log) => good += usize::from(!log.rounds().is_empty()),
            Err(error) => assert!(!error.to_string().contains(['\n', '\r']), "{error:?}"),
        }
    }
    assert!(good > 1000, "mutations that all break the file test only its first lines: {good}");
}
