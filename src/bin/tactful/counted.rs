//! Reading counts of tests that somebody once ran: a row for each arm of each test.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use csv::StringRecord;
use flate2::bufread::MultiGzDecoder;
use tactful::simulation::CountedTests;

use crate::Failure;

/// The columns that are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns<'a> {
    /// Which test it was.
    pub(crate) test: &'a str,
    pub(crate) successes: &'a str,
    pub(crate) trials: &'a str,
}

/// The tests in a file, in the order in which they first come.
pub(crate) fn read(path: &Path, columns: Columns<'_>) -> Result<CountedTests, Failure> {
    let failed = |reason: &dyn std::fmt::Display| Failure::new(format_args!("{}: {reason}", path.display()));
    let file = File::open(path).map_err(|error| failed(&error))?;
    let tests = parse(file, columns).map_err(|reason| failed(&reason))?;
    CountedTests::new(&tests).map_err(|error| failed(&error))
}

/// (Successes, trials) of each arm of each test.
fn parse(input: impl Read, columns: Columns<'_>) -> Result<Vec<Vec<(u64, u64)>>, String> {
    let mut input = BufReader::new(input);
    let head = input.fill_buf().map_err(|error| error.to_string())?;
    // The two bytes that every gzip begins with.
    let packed = head.starts_with(&[0x1f, 0x8b]);
    let source: Box<dyn Read + '_> =
        if packed { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) };
    let mut reader = csv::Reader::from_reader(source);
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let place = |name: &str| {
        let known = || header.iter().collect::<Vec<_>>().join(", ");
        let found = header.iter().position(|column| column == name);
        found.ok_or_else(|| format!("no column {name:?}; there are {}", known()))
    };
    let (test, successes, trials) = (place(columns.test)?, place(columns.successes)?, place(columns.trials)?);
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut tests: Vec<Vec<(u64, u64)>> = Vec::new();
    let mut row = StringRecord::new();
    while reader.read_record(&mut row).map_err(|error| error.to_string())? {
        let line = row.position().map_or(0, csv::Position::line);
        let count = |place: usize, name: &str| {
            let text = row.get(place).unwrap_or_default();
            text.trim().parse().map_err(|_| format!("line {line}: {name} {text:?} is not a whole number"))
        };
        let counts: (u64, u64) = (count(successes, columns.successes)?, count(trials, columns.trials)?);
        if counts.0 > counts.1 {
            return Err(format!("line {line}: {} successes out of {} trials", counts.0, counts.1));
        }
        let name = row.get(test).unwrap_or_default();
        let number = *numbers.entry(name.to_owned()).or_insert(tests.len());
        if number == tests.len() {
            tests.push(Vec::new());
        }
        tests[number].push(counts);
    }
    if tests.is_empty() { Err("no rows".to_owned()) } else { Ok(tests) }
}
