//! `tactful evaluate`: reference values, honesty and intervals, through the command line.
#![cfg(feature = "cli")]

use serde_json::Value;

use crate::command::{self, Folder, split};

pub(crate) fn printed(file: &str, flags: &str) -> String {
    command::printed(&split("evaluate", file, flags))
}

pub(crate) fn json(file: &str, flags: &str) -> Value {
    command::json(&split("evaluate", file, flags))
}

pub(crate) fn refused(file: &str, flags: &str) -> String {
    command::refused(&split("evaluate", file, flags))
}

pub(crate) fn value(document: &Value, estimator: &str) -> f64 {
    document["estimators"][estimator]["value"]
        .as_f64()
        .unwrap_or_else(|| panic!("no {estimator}: {document}"))
}

pub(crate) fn warned(document: &Value, of: &str) -> bool {
    document["warnings"].as_array().unwrap().iter().any(|warning| warning.as_str().unwrap().contains(of))
}

/// The six-row log of the design; in the last row the model expects 0.46 as in the others.
pub(crate) const SIX_ROWS: &str = "\
arm,paid,p,pe_0,pe_1,pe_2,q_0,q_1,q_2
0,1,0.5,0.2,0.7,0.1,0.4,0.5,0.3
1,0,0.3,0.2,0.7,0.1,0.4,0.5,0.3
0,0,0.5,0.2,0.7,0.1,0.4,0.5,0.3
2,1,0.2,0.2,0.7,0.1,0.4,0.5,0.3
1,1,0.3,0.2,0.7,0.1,0.4,0.5,0.3
1,1,0.25,0.1,0.75,0.15,0.4,0.5,0.3
";
pub(crate) const SIX_FLAGS: &str =
    "--arm arm --reward paid --propensity p --target-columns pe_ --reward-model-columns q_ --lambda 1";

#[test]
fn the_six_row_log_has_its_reference_values() {
    let folder = Folder::new("six");
    let file = folder.file("six.csv", SIX_ROWS);
    let document = json(&file, SIX_FLAGS);
    for (estimator, expected) in [
        ("ips", 1.038_888_889),
        ("snips", 0.695_167_286),
        ("dm", 0.46),
        ("dr", 0.781_666_667),
        ("switch_dr", 0.531_666_667),
        ("dros", 0.543_160_920),
    ] {
        let got = value(&document, estimator);
        assert!((got - expected).abs() < 1e-8, "{estimator}: {got}, not {expected}");
    }
    assert!((document["ess"].as_f64().unwrap() - 3.929_886_493).abs() < 1e-8);
    assert!((document["max_weight"].as_f64().unwrap() - 3.0).abs() < 1e-12);
    assert_eq!((&document["rounds"], &document["outside_support"]), (&6.into(), &0.into()));
    assert!(warned(&document, "6 rounds weigh as much as 3.9"), "{document}");
    let names: Vec<&String> = document["estimators"].as_object().unwrap().keys().collect();
    let mut expected = ["ips", "clipped_ips", "snips", "dm", "dr", "sndr", "switch_dr", "dros", "replay"];
    expected.sort_unstable();
    assert_eq!(names, expected, "no dimensions, no mips");
    for entry in document["estimators"].as_object().unwrap().values() {
        let [value, se] = ["value", "se"].map(|key| entry[key].as_f64().unwrap());
        let [lower, upper] = [0, 1].map(|end| entry["interval"][end].as_f64().unwrap());
        assert!(
            lower <= value && value <= upper && (upper - value - 1.959_963_984_540_054 * se).abs() < 1e-12
        );
    }
    // One alone, in the same words; columns in another order, and an arm that the log never shows.
    let one = json(&file, &format!("{SIX_FLAGS} --estimators SWITCH-DR"));
    assert_eq!(one["estimators"].as_object().unwrap().len(), 1);
    assert_eq!(one["estimators"]["switch_dr"], document["estimators"]["switch_dr"]);
    let wider: String = SIX_ROWS
        .lines()
        .enumerate()
        .map(|(row, line)| if row == 0 { format!("pe_9,q_9,{line}\n") } else { format!("0,0.9,{line}\n") })
        .collect();
    let wider = json(&folder.file("wider.csv", wider), SIX_FLAGS);
    assert_eq!(wider["estimators"], document["estimators"]);

    let table = printed(&file, SIX_FLAGS);
    assert!(
        table.contains("six.csv: 6 rounds, 3 arms, 1 segment, mean reward 0.66667\ntarget: columns pe_…\n")
    );
    assert!(table.contains("\nswitch_dr    0.53167  "), "{table}");
    assert!(table.contains("The rounds weigh as much as 3.9 of equal weight; the largest weight is 3.0000."));
    assert!(table.contains("Warning: the log says little about this target"), "{table}");
}

/// 1,200 rows of three arms and two stages, by the row's number.
pub(crate) fn mails() -> String {
    let row = |n: usize| {
        let (arm, stage) = (["a", "b", "c"][n % 3], ["x", "y"][n / 3 % 2]);
        let paid = u8::from(n * 7919 % 100 < [[10, 20, 30], [30, 20, 10]][n / 3 % 2][n % 3]);
        format!("{arm},{stage},{paid},{},{}\n", ["mail", "sms"][usize::from(n % 3 == 2)], n / 6)
    };
    "mail,stage,paid,channel,home\n".to_owned() + &(0..1200).map(row).collect::<String>()
}
pub(crate) const MAILS: &str = "--arm mail --segment stage --reward paid --uniform";

#[test]
fn targets_by_name_and_by_table() {
    let folder = Folder::new("targets");
    let file = folder.file("mails.csv", mails());
    let fixed = |arm: &str| value(&json(&file, &format!("{MAILS} --target arm:{arm}")), "snips");
    let replayed = json(&file, &format!("{MAILS} --target arm:a"));
    assert!((value(&replayed, "replay") - fixed("a")).abs() < 1e-12, "a fixed arm keeps all its rounds");
    let uniform = json(&file, MAILS);
    assert!((value(&uniform, "ips") - (fixed("a") + fixed("b") + fixed("c")) / 3.0).abs() < 1e-12);
    let best = json(&file, &format!("{MAILS} --target best-per-segment"));
    assert!((value(&best, "snips") - 0.3).abs() < 0.03, "{best}");

    let table = |text: &str| folder.file("target.json", text);
    let all =
        table(r#"{"rows": [{"segment": {"stage": "x"}, "arms": {"c": 1}}, {"arms": {"a": 0.5, "b": 0.5}}]}"#);
    let by_table = json(&file, &format!("{MAILS} --target {all}"));
    let (x, y) = (0.3, (0.3 + 0.2) / 2.0);
    assert!((value(&by_table, "dr") - (x + y) / 2.0).abs() < 0.04, "{by_table}");
    for (text, told) in [
        (r#"{"rows": [{"segment": {"stage": "x"}, "arms": {"c": 1}}]}"#, "no row for the segment stage=y"),
        (r#"{"rows": [{"arms": {"c": 0.5}}]}"#, "row 1: the probabilities sum to 0.5, not to 1"),
        (r#"{"rows": [{"arms": {"c": 1.5}}]}"#, "row 1: probability 1.5 of arm \"c\" is not in [0, 1]"),
        (r#"{"rows": [{"arms": {"z": 1}}]}"#, r#"row 1: no arm "z" in the log; there are ["a", "b", "c"]"#),
        (r#"{"rows": [{"segment": {"age": "x"}, "arms": {"c": 1}}]}"#, r#"no segment column "age""#),
        (r#"{"rows": [{"arm": {"c": 1}}]}"#, "line 1 column"),
        ("{", "line 1 column"),
    ] {
        let line = refused(&file, &format!("{MAILS} --target {}", table(text)));
        assert!(line.contains("target.json: ") && line.contains(told), "{line}");
    }
    assert!(refused(&file, &format!("{MAILS} --target arm:z")).contains(r#"no arm "z" in the log"#));
    assert!(
        refused(&file, &format!("{MAILS} --target nowhere"))
            .contains("a target is uniform, best-per-segment")
    );
}

#[test]
fn dimensions_clusters_intervals_and_models() {
    let folder = Folder::new("more");
    let file = folder.file("mails.csv", mails());
    let marginal = json(&file, &format!("{MAILS} --target arm:c --dimensions channel"));
    // All of sms is c, and w(e) is w.
    assert!((value(&marginal, "mips") - value(&marginal, "ips")).abs() < 1e-12);
    let marginal = json(&file, &format!("{MAILS} --target arm:a --dimensions channel"));
    assert!(marginal["estimators"]["mips"]["se"].as_f64() < marginal["estimators"]["ips"]["se"].as_f64());
    let additive = json(&file, &format!("{MAILS} --dimensions channel --reward-model additive"));
    assert!((value(&additive, "dr") - 0.2).abs() < 0.02);

    let ends = |flags: &str| {
        let document = json(&file, &format!("{MAILS} --target arm:b {flags}"));
        [0, 1].map(|end| document["estimators"]["snips"]["interval"][end].as_f64().unwrap())
    };
    let [normal, bootstrap, bernstein] =
        ["normal", "bootstrap", "bernstein"].map(|kind| ends(&format!("--interval {kind}")));
    assert!((normal[0] - bootstrap[0]).abs() < 0.01 && (normal[1] - bootstrap[1]).abs() < 0.01);
    assert!(bernstein[0] < normal[0] && normal[1] < bernstein[1]);
    assert!(ends("--confidence 0.5")[0] > normal[0]);
    assert_ne!(ends("--cluster home"), normal);
    let clustered = ends("--cluster home --interval bootstrap --seed 2");
    assert_eq!(
        clustered,
        ends("--cluster home --interval bootstrap --seed 2"),
        "the same seed, the same output"
    );
}

#[test]
fn what_a_log_cannot_answer_is_said() {
    let folder = Folder::new("honest");
    let text = mails();
    let file = folder.file("mails.csv", &text);
    let unknown = json(&file, "--arm mail --segment stage --reward paid");
    assert!(warned(&unknown, "the log has no propensities"), "{unknown}");
    assert_eq!(unknown["estimators"].as_object().unwrap().keys().collect::<Vec<_>>(), ["dm"]);
    assert!(unknown["ess"].is_null() && unknown["max_weight"].is_null());
    assert!(printed(&file, "--arm mail --reward paid").contains("Warning: the log has no propensities"));
    let line = refused(&file, "--arm mail --reward paid --estimators ips");
    assert_eq!(line, format!("{file}: ips needs propensities"));
    assert!(warned(&json(&file, &format!("{MAILS} --observational")), "the log is observational"));

    let with = |p: &dyn Fn(usize) -> String| {
        let rows = text.lines().enumerate().map(|(row, line)| {
            let p = if row == 0 { "p".to_owned() } else { p(row - 1) };
            format!("{line},{p}\n")
        });
        json(&folder.file("p.csv", rows.collect::<String>()), "--arm mail --reward paid --propensity p")
    };
    assert!(warned(&with(&|_| "1".to_owned()), "every propensity is 1 although 3 arms were sent"));
    let third = with(&|_| "0.3333333333".to_owned());
    assert_eq!(third["warnings"].as_array().unwrap().len(), 0, "{third}");
    let wrong = with(&|n| ["0.2", "0.4", "0.4"][n % 3].to_owned());
    assert!(warned(&wrong, "arms were not sent as often as their propensities say"), "{wrong}");
    let tiny = with(&|n| if n == 0 { "0.0001" } else { "0.3333333333" }.to_owned());
    assert!(warned(&tiny, "the largest weight is 3333"), "{tiny}");
    let skewed = folder.file("skewed.csv", text.replace("b,x,", "a,x,"));
    assert!(warned(&json(&skewed, MAILS), "arms were not sent as often as their propensities say"));

    // Segment y alone shows b: outside support without uniform draws.
    let rows: String = text
        .replace("b,x,", "a,x,")
        .lines()
        .enumerate()
        .map(|(row, line)| format!("{line},{}\n", if row == 0 { "p" } else { "0.5" }))
        .collect();
    let outside = json(
        &folder.file("outside.csv", rows),
        "--arm mail --segment stage --reward paid --propensity p --target arm:b",
    );
    assert_eq!(outside["outside_support"], 600);
    assert!(warned(&outside, "in 600 of 1200 rounds the target may send an arm that the log never shows"));

    // Nothing is told of the spread of one round, so no value is told either.
    let once = folder.file("once.csv", "mail,paid,p\na,1,0.5\nb,0,0.5\nb,1,0.5\n");
    let once = json(&once, "--arm mail --reward paid --propensity p --target arm:a");
    assert!(once["estimators"]["ips"]["value"].is_null() && once["estimators"]["ips"]["interval"].is_null());
    assert!(warned(&once, "no value by ips, "), "{once}");
}

#[test]
fn hostile_input_takes_one_line_and_status_2() {
    let folder = Folder::new("hostile");
    let six = |from: &str, to: &str| folder.file("bad.csv", SIX_ROWS.replacen(from, to, 1));
    for (from, to, told) in [
        ("0,1,0.5,", "0,one,0.5,", r#": line 2, column "paid": "one" is not a number"#),
        ("0,1,0.5,", "0,NaN,0.5,", r#": line 2, column "paid": "NaN" is not a number"#),
        ("1,0,0.3,", "1,0,0,", r#": line 3, column "p": propensity 0 is not above 0 and at most 1"#),
        ("1,0,0.3,", "1,0,1.5,", r#": line 3, column "p": propensity 1.5 is not above 0 and at most 1"#),
        ("1,0,0.3,", "1,0,,", r#": line 3, column "p": "" is not a number"#),
        (
            "0.2,0.7,0.1,0.4",
            "0.2,0.7,-0.1,0.4",
            r#": line 2, column "pe_2": probability -0.1 is not in [0, 1]"#,
        ),
        (
            "0.2,0.7,0.1,0.4",
            "0.2,0.5,0.1,0.4",
            r#": line 2, column "pe_2": the target's probabilities in this row, up to this column, sum to 0."#,
        ),
        ("0.4,0.5,0.3", "0.4,inf,0.3", r#": line 2, column "q_1": "inf" is not a number"#),
        ("q_2", "r_2", r#": line 1, column "q_2": there is no such column; there are ["q_0", "q_1"]"#),
        ("q_2", "q_1", r#"column "q_…": the header has this column more than once"#),
        ("0,1,0.5,", "\"0,1,0.5,", ": line 2: "),
    ] {
        let line = refused(&six(from, to), SIX_FLAGS);
        assert!(line.contains("bad.csv: ") && line.contains(told.trim_start_matches(": ")), "{line}");
    }
    // The same in another dress.
    let dressed = "\u{feff}".to_owned() + &SIX_ROWS.replace('\n', "\r\n").replace("pe_1", "\"pe_1\"");
    let (plain, dressed) = (folder.file("plain.csv", SIX_ROWS), folder.file("dressed.csv", dressed));
    assert_eq!(json(&plain, SIX_FLAGS), json(&dressed, SIX_FLAGS));
    let torn = folder.file("torn.csv.gz", [0x1f, 0x8b, 8, 0, 0]);
    assert!(refused(&torn, SIX_FLAGS).starts_with(&torn));
    let mails = folder.file("mails.csv", mails());
    let line = refused(&mails, &format!("{MAILS} --dimensions home"));
    assert!(line.contains(r#"line 8, column "home": the arm has another level here"#), "{line}");
    for flags in [
        "--lambda 0",
        "--lambda NaN",
        "--lambda x",
        "--estimators ope",
        "--estimators mips",
        "--confidence 1",
        "--interval wide",
        "--resamples 0",
        "--target",
        "--target uniform --target-columns pe_",
        "--dimensions tone",
        "--cluster nobody",
        "--target-columns nothing_",
        "--propensity p",
        "--format xml",
    ] {
        assert!(!refused(&mails, &format!("{MAILS} {flags}")).is_empty());
    }
    assert!(refused(&mails, "--reward paid").contains("--arm COL is needed"));
    assert!(
        refused(&mails, &format!("{MAILS} --estimators mips"))
            .contains("mips needs propensities and dimensions")
    );
}

/// A learning policy frozen at what it has learnt, and a bandit saved in a snapshot.
#[test]
fn targets_that_have_learnt() {
    use tactful::{ArmSpace, Bandit, Reward, SegmentId, Segments};
    let folder = Folder::new("learnt");
    let file = folder.file("mails.csv", mails());
    // In x arm c pays 0.3, in y arm a does.
    let frozen = json(&file, &format!("{MAILS} --target policy:thompson --exploration 0"));
    assert!((value(&frozen, "snips") - 0.29).abs() < 0.03, "{frozen}");
    let even = json(&file, &format!("{MAILS} --target policy:thompson --exploration 1"));
    assert_eq!(even["estimators"], json(&file, MAILS)["estimators"], "all is exploration");
    let table = printed(&file, &format!("{MAILS} --target policy:epsilon-greedy(0.1)"));
    assert!(table.contains("target: epsilon-greedy(0.1), frozen, cross-fitted"), "{table}");
    assert!(refused(&file, &format!("{MAILS} --target policy:nobody")).contains("--target policy:nobody: "));
    let line = refused(&file, &format!("{MAILS} --target policy:exp3-ix"));
    assert!(line.contains("learns from more than counts and rewards"), "{line}");

    let arms = ArmSpace::builder().dimension("mail", ["a", "b", "old"]).build().unwrap();
    let segments = Segments::builder().attribute("stage", ["x", "y"]).build().unwrap();
    let bandit = Bandit::builder(arms, segments).incarnation(1).build().unwrap();
    let mut rng = <rand::rngs::Xoshiro256PlusPlus as rand::SeedableRng>::seed_from_u64(1);
    for _ in 0..600 {
        let decision = bandit.select(SegmentId::new(0), &bandit.arms().all(), &mut rng).unwrap();
        bandit.reward(&decision, Reward::from(decision.arm().index() == 1)).unwrap();
    }
    let snapshot = folder.file("saved.json", serde_json::to_string(&bandit.snapshot()).unwrap());
    // b always paid, c is new: in x it is b and now and then c, in y nobody knows.
    let saved = json(&file, &format!("{MAILS} --target {snapshot} --exploration 0"));
    let (b, a_b_c) = (0.2, 0.2);
    assert!((value(&saved, "snips") - (b + a_b_c) / 2.0).abs() < 0.05, "{saved}");
    let ess = saved["ess"].as_f64().unwrap();
    assert!(ess > 400.0 && ess < 1100.0, "{ess}");
    let other = mails().replace("stage", "phase");
    let other = folder.file("other.csv", other);
    let line =
        refused(&other, &format!("--arm mail --segment phase --reward paid --uniform --target {snapshot}"));
    assert!(line.contains("saved.json: "), "{line}");
}

/// Propensities that follow what was learnt, and propensities that are off in one range only.
#[test]
fn adaptive_and_miscalibrated_logs_are_told() {
    let folder = Folder::new("drift");
    let log = |p: &dyn Fn(usize) -> f64| {
        let mut text = String::from("mail,paid,p\n");
        for n in 0..4000 {
            // A lot of its own for each row, even over [0, 1).
            let lot = (n * 2_654_435_761 % 1_000_003) as f64 / 1_000_003.0;
            let share = p(n);
            let (arm, p) = if lot < share { ("a", share) } else { ("b", 1.0 - share) };
            text += &format!("{arm},{},{p}\n", u8::from(n * 7919 % 100 < 20));
        }
        json(&folder.file("drift.csv", text), "--arm mail --reward paid --propensity p")
    };
    let still = log(&|n| if n % 2 == 0 { 0.3 } else { 0.6 });
    assert_eq!(still["warnings"].as_array().unwrap().len(), 0, "{still}");
    assert_eq!(still["calibration"].as_array().unwrap().len(), 2, "{still}");
    let learns = log(&|n| 0.5 + 0.4 * n as f64 / 4000.0);
    assert!(warned(&learns, "the log is that of a policy that learnt meanwhile (its propensities drift"));
    assert!(warned(&learns, "confidence sequences do hold"), "{learns}");
    let file = folder.file("mails.csv", mails());
    let declared = json(&file, &format!("{MAILS} --adaptive"));
    assert!(warned(&declared, "the log is that of a policy that learnt meanwhile: normal, bootstrap"));
}

/// The same rows as JSON Lines.
#[test]
fn json_lines_are_read_like_csv() {
    let folder = Folder::new("lines");
    let line = |line: &str| {
        let mut fields = line.split(',');
        let mut next = || fields.next().unwrap();
        let (mail, stage, paid, channel, home) = (next(), next(), next(), next(), next());
        format!(
            "{{\"mail\":\"{mail}\",\"stage\":\"{stage}\",\"paid\":{paid},\"channel\":\"{channel}\",\"home\":{home}}}\n"
        )
    };
    let text = mails();
    let lines = folder.file("mails.jsonl", text.lines().skip(1).map(line).collect::<String>());
    let flags = format!("{MAILS} --target best-per-segment --dimensions channel --cluster home");
    assert_eq!(json(&lines, &flags), json(&folder.file("mails.csv", text), &flags));
    let line =
        refused(&folder.file("bad.jsonl", "{\"mail\":\"a\",\"paid\":\"?\"}\n"), "--arm mail --reward paid");
    assert!(line.ends_with(r#"bad.jsonl: line 1, column "paid": "?" is not a number"#), "{line}");
}
