//! The figures of the benches as tables: reads what criterion has measured and writes it into `benches/README.md`.
//!
//! `cargo bench` runs this last, because it is the last by name; `cargo bench --bench table` writes what was measured
//! before. With a filter (`cargo bench -- draw`) nothing is written: figures of different runs are not to be compared.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/README.md");
const BEGIN: &str = "<!-- figures: written by `cargo bench` -->\n";
const END: &str = "<!-- end of figures -->\n";

const ARMS: [&str; 3] = ["16", "1024", "30000"];
const COLD_START: &str = "100,000 operations from a cold start";

/// An operation; group and name of its bench; group and name of its naive counterpart; what is aimed at for each of [`ARMS`].
type Row = (&'static str, [&'static str; 2], [&'static str; 2], [&'static str; 3]);

const ROWS: [Row; 49] = [
    (
        "draw from a plan: arm and propensity",
        ["draw", "tactful"],
        ["draw", "naive"],
        ["≤ 6 ns", "≤ 6 ns", "≤ 15 ns"],
    ),
    (
        "`select` through a handle",
        ["select", "tactful, handle"],
        ["select", "naive"],
        ["≤ 30 ns, × 30", "≤ 30 ns, × 1,500", "≤ 45 ns, × 35,000"],
    ),
    ("`Bandit::select`", ["select", "tactful"], ["select", "naive"], [""; 3]),
    (
        "`select`, two threads, one segment",
        ["select", "tactful, two threads"],
        ["select", "naive, two threads"],
        [""; 3],
    ),
    (
        "`reward` of a decision in hand",
        ["reward", "tactful"],
        ["reward", "naive"],
        ["≤ 30 ns", "≤ 30 ns", "≤ 40 ns"],
    ),
    (
        "`reward`, two threads, one segment",
        ["reward", "tactful, two threads"],
        ["reward", "naive, two threads"],
        [""; 3],
    ),
    (
        "9 selects and 1 reward, from 200 pulls an arm",
        ["nine selects and a reward", "tactful"],
        ["nine selects and a reward", "naive"],
        ["× 15", "× 400", "× 5,000"],
    ),
    (
        "90,000 selects and 10,000 rewards, from nothing",
        [COLD_START, "tactful"],
        [COLD_START, "naive"],
        [""; 3],
    ),
    ("token made", ["", "token made"], ["", ""], ["≤ 150 ns", "", ""]),
    ("token parsed and checked", ["", "token parsed"], ["", ""], ["≤ 100 ns", "", ""]),
    (
        "refresh, varied pulls",
        ["refresh, Varied", "whole"],
        ["naive, Varied", "10,000 draws"],
        ["≤ 4 µs", "≤ 150 µs", "≤ 2 ms"],
    ),
    ("refresh, near-cold", ["refresh, NearCold", "whole"], ["", ""], ["≤ 6 µs", "≤ 30 µs", "≤ 1 ms"]),
    ("refresh, cold", ["refresh, Cold", "whole"], ["", ""], ["≤ 0.3 µs", "≤ 5 µs", "≤ 0.2 ms"]),
    (
        "refresh, one arm with 100 × the pulls",
        ["refresh, OneWith100Times", "whole"],
        ["", ""],
        ["≤ 7 µs", "", ""],
    ),
    ("refresh, very unequal pulls", ["refresh, Unequal", "whole"], ["", ""], ["≤ 7 µs", "", ""]),
    (
        "UCB1: select, reward, a plan at every event",
        ["ucb1 at every event, warm", "standing"],
        ["ucb1 at every event, warm", "naive"],
        [""; 3],
    ),
    (
        "plan of a smaller set, beside computing it",
        ["thompson, miss", "taken"],
        ["thompson, miss", "computed"],
        [""; 3],
    ),
    (
        "journal: a record into the queue",
        ["record", "queue"],
        ["record", "Mutex<VecDeque>"],
        ["≤ 150 ns", "", ""],
    ),
    (
        "journal: a record flushed, unsynced",
        ["flush", "journal"],
        ["flush", "serde_json, no checksum"],
        ["≤ 1 µs", "", ""],
    ),
    ("journal: a record read", ["read", "journal"], ["read", "serde_json, no checks"], ["≤ 1 µs", "", ""]),
    (
        "`reward` with a window, 14 days waiting",
        ["waiting reward", "tactful"],
        ["waiting reward", "Mutex<HashMap>"],
        ["≤ 35 ns", "", ""],
    ),
    (
        "a record recovered: read and counted",
        ["recovery", "tactful"],
        ["recovery", "serde_json into HashMap"],
        ["≤ 1 µs", "", ""],
    ),
    (
        "snapshot of 10⁶ cells, taken",
        ["snapshot of a million cells", "taken"],
        ["snapshot of a million cells", "naive, taken"],
        [""; 3],
    ),
    (
        "snapshot of 10⁶ cells, taken and written",
        ["snapshot of a million cells", "taken and written"],
        ["snapshot of a million cells", "naive, taken and written"],
        ["≤ 150 ms", "", ""],
    ),
    ("sets, `&=`", ["sets", "tactful, &="], ["sets", "naive, flags"], ["", "", "≤ 1 µs"]),
    ("sets, `-=`", ["sets", "tactful, -="], ["sets", "naive, flags"], ["", "", "≤ 1 µs"]),
    (
        "sets, `clone_from` and `-=`",
        ["sets", "tactful, clone_from and -="],
        ["sets", "naive, hashed"],
        ["", "", ""],
    ),
    (
        "100,000 simulated decisions, Thompson, 10 arms, plans at a growth of 1 %",
        ["simulated decision", "Thompson, plans at a growth of 1 %"],
        ["simulated decision", "naive Thompson"],
        ["≤ 20 ms", "", ""],
    ),
    (
        "100,000 simulated decisions, UCB1, 10 arms, a plan at every one",
        ["simulated decision", "UCB1, a plan at every observation"],
        ["simulated decision", "naive UCB1"],
        ["≤ 100 ms", "", ""],
    ),
    (
        "10⁶ rounds: IPS and SNIPS, from columns",
        ["evaluation", "ips and snips/columns"],
        ["evaluation", "ips and snips/naive loop"],
        ["≤ 10 ms", "", ""],
    ),
    (
        "10⁶ rounds: IPS and SNIPS, from a log",
        ["evaluation", "ips and snips/log"],
        ["evaluation", "ips and snips/naive loop"],
        ["≤ 10 ms", "", ""],
    ),
    (
        "the same, all propensities different",
        ["evaluation", "ips and snips/log, propensities of their own"],
        ["evaluation", "ips and snips/naive loop"],
        ["≤ 10 ms", "", ""],
    ),
    (
        "10⁶ rounds: ten estimators, λ chosen",
        ["evaluation", "all estimators/lambda chosen"],
        ["", ""],
        ["≤ 100 ms", "", ""],
    ),
    (
        "10⁶ rounds: ten estimators, λ given",
        ["evaluation", "all estimators/lambda given"],
        ["", ""],
        ["≤ 100 ms", "", ""],
    ),
    (
        "10⁶ rounds of CSV: IPS and SNIPS",
        ["evaluation", "ips and snips/csv on disk"],
        ["evaluation", "ips and snips/csv on disk, naive loop"],
        ["≤ 667 ms", "", ""],
    ),
    (
        "the same, read twice and not kept",
        ["evaluation", "ips and snips/csv on disk, read twice and not kept"],
        ["evaluation", "ips and snips/csv on disk, naive loop"],
        ["", "", ""],
    ),
    (
        "10⁶ rounds: 1,000 bootstrap resamples, IPS",
        ["evaluation", "bootstrap of 1,000/ips"],
        ["", ""],
        ["≤ 5 s", "", ""],
    ),
    (
        "10⁶ rounds: 1,000 bootstrap resamples, SNIPS",
        ["evaluation", "bootstrap of 1,000/snips"],
        ["", ""],
        ["≤ 5 s", "", ""],
    ),
    (
        "10⁶ rounds: replay of Thompson, learning",
        ["evaluation", "replay/thompson, learning"],
        ["", ""],
        ["≤ 200 ms", "", ""],
    ),
    (
        "pooled plan, 48 arms, 10⁴ sends",
        ["pooling", "with pairs/48 arms, 10000 sends"],
        ["pooling", "naive/48 arms, 10000 sends"],
        ["≤ 0.3 ms", "", ""],
    ),
    (
        "pooled plan, 30,000 arms, 10⁴ sends",
        ["pooling", "with pairs/30000 arms, 10000 sends"],
        ["", ""],
        ["≤ 25 ms", "", ""],
    ),
    (
        "the same without pairs",
        ["pooling", "without pairs/30000 arms, 10000 sends"],
        ["pooling", "naive without pairs/30000 arms, 10000 sends"],
        ["≤ 2 ms", "", ""],
    ),
    (
        "pooled plan, 30,000 arms, 10⁵ sends",
        ["pooling", "with pairs/30000 arms, 100000 sends"],
        ["", ""],
        ["≤ 25 ms", "", ""],
    ),
    (
        "the same without pairs",
        ["pooling", "without pairs/30000 arms, 100000 sends"],
        ["pooling", "naive without pairs/30000 arms, 100000 sends"],
        ["≤ 2 ms", "", ""],
    ),
    (
        "pooled plan, 30,000 arms, 3 · 10⁵ sends",
        ["pooling", "with pairs/30000 arms, 300000 sends"],
        ["", ""],
        ["≤ 25 ms", "", ""],
    ),
    (
        "the same without pairs",
        ["pooling", "without pairs/30000 arms, 300000 sends"],
        ["pooling", "naive without pairs/30000 arms, 300000 sends"],
        ["≤ 2 ms", "", ""],
    ),
    (
        "LinUCB, eight dimensions, 16 arms: `select_with`",
        ["lin-ucb, one request", "tactful, 16 arms, d = 8"],
        ["lin-ucb, one request", "naive, 16 arms, d = 8"],
        ["≤ 400 ns", "", ""],
    ),
    (
        "LinUCB, eight dimensions, 128 arms: `select_with`",
        ["lin-ucb, one request", "tactful, 128 arms, d = 8"],
        ["lin-ucb, one request", "naive, 128 arms, d = 8"],
        ["≤ 3 µs", "", ""],
    ),
    (
        "linear Thompson, eight dimensions, 16 arms: `select_with`",
        ["one request, d = 8", "linear thompson, 16 arms"],
        ["", ""],
        ["", "", ""],
    ),
];

/// What two threads do apart from each other, which should take as long as one does it.
const APART: [(&str, &str); 3] = [
    ("`select` through a handle each, a segment each", "select"),
    ("the same, and `reward`", "select and reward"),
    ("`reward`, half of the arms of one segment each", "reward"),
];

/// Medians in nanoseconds by group, name and parameter.
struct Medians(BTreeMap<[String; 3], f64>);

impl Medians {
    /// Reads every bench that has a result below this directory.
    fn read(directory: &Path) -> Result<(Self, SystemTime), Box<dyn Error>> {
        let (mut medians, mut newest) = (BTreeMap::new(), UNIX_EPOCH);
        let mut left = vec![directory.to_owned()];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()? {
                if !entry.file_type()?.is_dir() {
                    continue;
                }
                let estimates = entry.path().join("estimates.json");
                if entry.file_name() != "new" || !estimates.exists() {
                    left.push(entry.path());
                    continue;
                }
                newest = newest.max(fs::metadata(&estimates)?.modified()?);
                let json = |path: PathBuf| -> Result<serde_json::Value, Box<dyn Error>> {
                    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
                };
                let (bench, estimates) = (json(entry.path().join("benchmark.json"))?, json(estimates)?);
                let text = |field: &str| bench[field].as_str().unwrap_or_default().to_owned();
                let name = match bench["function_id"].as_str() {
                    Some(_) => [text("group_id"), text("function_id"), text("value_str")],
                    None => [String::new(), text("group_id"), String::new()],
                };
                let median = &estimates["median"]["point_estimate"];
                medians.insert(name, median.as_f64().ok_or("a result without a median")?);
            }
        }
        Ok((Self(medians), newest))
    }

    fn find(&self, [group, name]: [&str; 2], parameter: &str) -> Option<f64> {
        self.0.get(&[group, name, parameter].map(str::to_owned)).copied()
    }
}

/// Three digits and a unit.
fn time(nanoseconds: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    let (scale, unit) = units.into_iter().find(|(scale, _)| nanoseconds >= *scale).unwrap_or(units[3]);
    format!("{} {unit}", digits(nanoseconds / scale))
}

/// Three digits, or all before the point, in groups of three.
fn digits(number: f64) -> String {
    if number < 1_000.0 {
        let decimals = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
        return format!("{number:.decimals$}");
    }
    let whole = number.round() as u64;
    let mut text = format!("{:03}", whole % 1_000);
    let mut rest = whole / 1_000;
    while rest >= 1_000 {
        text = format!("{:03},{text}", rest % 1_000);
        rest /= 1_000;
    }
    format!("{rest},{text}")
}

fn tables(medians: &Medians) -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        "| operation | arms | median | naive | ratio | goal |\n| --- | ---: | ---: | ---: | ---: | --- |\n",
    );
    for (operation, ours, naive, goals) in ROWS {
        // What has no arms is measured once.
        let parameters = if medians.find(ours, "").is_some() { &[""][..] } else { &ARMS };
        for (&arms, goal) in parameters.iter().zip(goals) {
            let Some(ours) = medians.find(ours, arms) else { continue };
            let scaled = [naive[0], &format!("{}, scaled", naive[1])];
            let all = medians.find(naive, arms).map(|naive| (naive, ""));
            let naive = all.or_else(|| Some((medians.find(scaled, arms)?, ", scaled")));
            let (naive, ratio) = naive.map_or_else(Default::default, |(naive, scaled)| {
                (time(naive) + scaled, digits(naive / ours))
            });
            let arms = arms.parse().map_or_else(|_| String::new(), |arms: f64| digits(arms));
            let arms = arms.trim_end_matches(".0");
            writeln!(text, "| {operation} | {arms} | {} | {naive} | {ratio} | {goal} |", time(ours))?;
        }
    }
    writeln!(
        text,
        "\n| two threads, 1,024 arms | one thread | two | scaling | goal |\n| --- | ---: | ---: | ---: | --- |"
    )?;
    for (operation, name) in APART {
        let at = |threads| medians.find(["apart", name], threads);
        let Some((one, two)) = at("1").zip(at("2")) else { continue };
        writeln!(
            text,
            "| {operation} | {} | {} | {} | ≥ 1.8 |",
            time(one),
            time(two),
            digits(2.0 * one / two)
        )?;
    }
    Ok(text)
}

/// When, with what and where it was measured; what cannot be found out is left out.
fn circumstances(newest: SystemTime) -> String {
    let mut parts = Vec::new();
    let days = newest.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
    // Days since 1970 as a date: H. Hinnant (2013), "chrono-compatible low-level date algorithms", civil_from_days.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * months + 2) / 5 + 1, (months + 2) % 12 + 1);
    parts.push(format!("{:04}-{month:02}-{day:02}", year_of_era + era * 400 + u64::from(month <= 2)));
    let compiler =
        Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output();
    parts.extend(
        compiler.ok().and_then(|output| Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())),
    );
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    parts.extend(model.map(|(_, model)| model.to_owned()));
    parts.extend(std::thread::available_parallelism().map(|cores| format!("{cores} cores")).ok());
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').nth(2).map(|load| format!("load {load} over a quarter of an hour"));
    parts.extend(load);
    format!("Measured: {}.\n\n", parts.join("; "))
}

/// Where criterion keeps its results: below the directory this program was built in, unless told otherwise.
fn results() -> Result<PathBuf, Box<dyn Error>> {
    if let Some(home) = env::var_os("CRITERION_HOME") {
        return Ok(home.into());
    }
    let program = env::current_exe()?;
    let candidates = program.ancestors().map(|directory| directory.join("criterion"));
    candidates.into_iter().find(|path| path.is_dir()).ok_or_else(|| "no results yet".into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments != ["--bench"] {
        println!("benches/README.md stays as it is");
        return Ok(());
    }
    let (medians, newest) = Medians::read(&results()?)?;
    let figures = circumstances(newest) + &tables(&medians)?;
    let readme = fs::read_to_string(README)?;
    let (before, rest) = readme.split_once(BEGIN).ok_or("benches/README.md has lost its first mark")?;
    let (_, after) = rest.split_once(END).ok_or("benches/README.md has lost its second mark")?;
    fs::write(README, format!("{before}{BEGIN}\n{figures}\n{END}{after}"))?;
    println!("{figures}");
    Ok(())
}
