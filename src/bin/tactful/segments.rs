//! `tactful segments`: which attributes of customers matter for what to send them.

use std::path::Path;

use serde::Serialize;
use tactful::Segments as Space;
use tactful::evaluation::csv::Columns;
use tactful::evaluation::{Log, SegmentTree, Worth};

use crate::arguments::{Format, Segments};
use crate::log_flags::needed;
use crate::source::{self, Request, Source};
use crate::{Failure, write};

impl Request for Segments {
    fn file(&self) -> &Path {
        self.log.file()
    }

    fn csv_flags(&self) -> Vec<(&'static str, bool)> {
        self.log.given()
    }

    fn columns(&self) -> Result<Columns, String> {
        let columns = self.log.columns_with_propensities()?;
        match self.log.given().contains(&("--segment", true)) {
            true => Ok(columns),
            false => Err(needed("--segment COL,COL")),
        }
    }
}

pub(crate) fn run(segments: &Segments) -> Result<(), Failure> {
    let source = source::read(segments)?;
    let tree = SegmentTree::grow(&source.log, segments.seed);
    match segments.format {
        Format::Table => write(&table(&tree, &source)),
        Format::Json => write(&json(&tree, &source)?),
    }
}

/// The splits, then the groups with what is best for them.
fn table(tree: &SegmentTree, source: &Source) -> String {
    let mut text = tree.to_string().trim_end().to_owned() + "\n\n";
    for group in groups(tree, &source.log) {
        let name = if group.name.is_empty() { "everybody" } else { &group.name };
        text += &format!("{name}: {} rounds", group.rounds);
        if let Some(best) = &group.best {
            text += &format!(", best {best}");
        }
        if let Some(Worth { mean, standard_error }) = group.value {
            text += &format!(", which earned {mean:.5} ± {standard_error:.5} in the other half");
        }
        text += "\n";
    }
    for remark in source.left_out.remarks() {
        text += &format!("\n{remark}\n");
    }
    text
}

/// A group of customers, with names.
#[derive(Serialize)]
struct Named {
    name: String,
    best: Option<String>,
    value: Option<Worth>,
    rounds: u64,
}

fn groups(tree: &SegmentTree, log: &Log) -> Vec<Named> {
    let name = |arm| log.arms().arm(arm).to_string();
    let groups = tree.groups().into_iter();
    groups
        .map(|group| Named {
            name: group.name,
            best: group.best.map(name),
            value: group.value,
            rounds: group.rounds,
        })
        .collect()
}

/// One JSON object and a line end: the splits, the groups, the group of each segment of the log by number, and the groups as the
/// segments of a bandit.
fn json(tree: &SegmentTree, source: &Source) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Answer {
        splits: Vec<tactful::evaluation::Split>,
        groups: Vec<Named>,
        of: Vec<Belongs>,
        segments: Space,
    }
    #[derive(Serialize)]
    struct Belongs {
        segment: String,
        group: usize,
    }
    let log = &source.log;
    let belongs = log
        .segments()
        .iter()
        .map(|segment| Belongs { segment: segment.to_string(), group: tree.group(segment.id()).index() });
    let answer = Answer {
        splits: tree.splits(),
        groups: groups(tree, log),
        of: belongs.collect(),
        segments: tree.segments().map_err(Failure::new)?,
    };
    serde_json::to_string(&answer).map(|text| text + "\n").map_err(Failure::new)
}
