//! Files that are read again instead of being kept: memory that does not grow with them, and files that change meanwhile.
#![cfg(feature = "csv")]

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;

use allocation_counter::measure;
use flate2::Compression;
use flate2::write::GzEncoder;
use tactful::evaluation::csv::Columns;
use tactful::evaluation::{Estimator, Evaluator, Stream};
use tactful::policy::Uniform;

/// So many rows, each made when it is read.
struct Rows {
    left: u64,
    json: bool,
    line: Vec<u8>,
    given: usize,
}

impl Rows {
    fn new(rows: u64, json: bool) -> Self {
        let line = if json { Vec::new() } else { b"mail,stage,p,paid\n".to_vec() };
        Self { left: rows, json, line, given: 0 }
    }
}

impl Read for Rows {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.line.len() {
            let Some(left) = self.left.checked_sub(1) else { return Ok(0) };
            let word = (left + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let (arm, stage, paid) = (word % 7, word / 7 % 5, u8::from(word % 11 == 0));
            // Digits of its own in each row.
            let p = 0.1 + 0.1 * (word as f64 / 4_294_967_296.0);
            self.line.clear();
            if self.json {
                writeln!(self.line, "{{\"mail\":\"m{arm}\",\"stage\":{stage},\"p\":{p},\"paid\":{paid}}}")?;
            } else {
                writeln!(self.line, "m{arm},{stage},{p},{paid}")?;
            }
            (self.given, self.left) = (0, left);
        }
        let part = (self.line.len() - self.given).min(buffer.len());
        buffer[..part].copy_from_slice(&self.line[self.given..self.given + part]);
        self.given += part;
        Ok(part)
    }
}

fn columns() -> Columns {
    Columns::new("mail", "paid").segment("stage").propensity("p")
}

/// The most bytes at once while a file is read as often as it takes.
fn peak<R: Read + 'static>(rows: u64, open: impl Fn() -> io::Result<R> + 'static) -> u64 {
    let mut told = 0;
    let counted = measure(|| {
        let file = columns().survey_of(open, "rows").unwrap();
        // A replay takes one more reading, for the largest weight.
        let evaluator =
            Evaluator::default().estimators([Estimator::Ips, Estimator::Snips, Estimator::Replay]);
        let asked = Stream::builder(file.outline().clone(), &Uniform).evaluator(evaluator);
        told = file.evaluate(asked).unwrap().evaluation.rounds;
    });
    assert_eq!(told, rows as usize);
    counted.bytes_max
}

#[test]
fn memory_does_not_grow_with_the_file() {
    const ROWS: [u64; 2] = [10_000, 100_000];
    for json in [false, true] {
        let [few, many] = ROWS.map(|rows| peak(rows, move || Ok(Rows::new(rows, json))));
        assert!(
            many <= few + 1024 && many < 1 << 20,
            "json {json}: {few} bytes, and {many} for ten times as many"
        );
    }
    let packed = |rows| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        io::copy(&mut Rows::new(rows, false), &mut encoder).unwrap();
        encoder.finish().unwrap()
    };
    let [few, many] = ROWS.map(|rows| {
        let bytes: Rc<[u8]> = packed(rows).into();
        peak(rows, move || Ok(io::Cursor::new(Rc::clone(&bytes))))
    });
    assert!(many <= few + 1024 && many < 1 << 20, "gzip: {few} bytes, and {many} for ten times as many");
    // The instrument bites: a log that is kept grows.
    let kept = |rows| measure(|| drop(columns().read(Rows::new(rows, false), "").unwrap())).bytes_max;
    assert!(kept(ROWS[1]) > 3 * kept(ROWS[0]));
}

#[test]
fn a_file_that_changes_meanwhile_is_told() {
    const FIRST: &str = "mail,stage,p,paid\na,x,0.5,1\nb,y,0.5,0\na,y,0.5,0\n";
    let told = |second: &'static str| {
        let opened = Cell::new(0);
        let open = move || {
            opened.set(opened.get() + 1);
            Ok(if opened.get() == 1 { FIRST.as_bytes() } else { second.as_bytes() })
        };
        let file = columns().survey_of(open, "log.csv").unwrap();
        let evaluator = Evaluator::default().estimators([Estimator::Ips]);
        let asked = Stream::builder(file.outline().clone(), &Uniform).evaluator(evaluator);
        file.evaluate(asked).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(told(FIRST), Ok(()));
    // Nor is anything answered of another file.
    let [one, other] = ["b", "c"].map(|arm| {
        let text = FIRST.replace("b,", &format!("{arm},"));
        columns().survey_of(move || Ok(io::Cursor::new(text.clone())), "log.csv").unwrap()
    });
    let error = one.evaluate(Stream::builder(other.outline().clone(), &Uniform)).unwrap_err();
    assert_eq!(error.to_string(), "log.csv: the question has the outline of other rounds");
    for (second, expected) in [
        ("mail,stage,p,paid\na,x,0.5,1\nc,y,0.5,0\na,y,0.5,0\n", "log.csv: line 3: the file was changed"),
        ("mail,stage,p,paid\na,x,0.5,1\nb,z,0.5,0\na,y,0.5,0\n", "log.csv: line 3: the file was changed"),
        ("mail,stage,p,paid\na,x,0.5,1\n", "log.csv: the file was changed while it was read"),
        ("mail,stage,p,paid\na,x,1.5,1\n", "log.csv: line 2, column \"p\": propensity 1.5"),
        ("mail,stage,paid\na,x,1\n", "log.csv: line 1, column \"p\": there is no such column"),
        ("", "log.csv: there is no header row"),
    ] {
        let error = told(second).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}
