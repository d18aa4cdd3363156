//! `tactful evaluate` on real logs.
#![cfg(feature = "cli")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use crate::command::{Folder, data};
use crate::evaluate::{json, value, warned};

/// K. Hillstrom (2008), The MineThatData E-Mail Analytics And Data Mining Challenge: 29 segments look best at 0.1829 by
/// the rows that chose them.
#[test]
fn hillstroms_best_per_segment_does_not_flatter_itself() {
    let Some(file) = data("hillstrom.csv.gz") else { return };
    let flags = "--arm segment --segment history_segment,newbie,channel --reward visit --uniform";
    let best = json(&file, &format!("{flags} --target best-per-segment"));
    for estimator in ["ips", "snips", "dr", "sndr", "replay"] {
        let value = value(&best, estimator);
        assert!((0.1775..0.1822).contains(&value), "{estimator}: {value}");
    }
    assert_eq!((&best["rounds"], &best["outside_support"]), (&64_000.into(), &0.into()));
    assert_eq!(best["warnings"].as_array().unwrap().len(), 0, "{best}");
    let uniform = json(&file, &format!("{flags} --target uniform"));
    assert!((value(&uniform, "ips") - 0.146_781).abs() < 1e-6);
    println!("snips {}, dr {}", value(&best, "snips"), value(&best, "dr"));
}

/// The published means of each e-mail: conversions are rare, amounts mostly nothing with a heavy tail.
#[test]
fn hillstroms_arms_have_their_means_by_conversion_and_spend() {
    let Some(file) = data("hillstrom.csv.gz") else { return };
    for (reward, means, digits) in
        [("conversion", [0.012_53, 0.008_84, 0.005_73], 1e-5), ("spend", [1.4226, 1.0772, 0.6528], 1e-4)]
    {
        let table = |arm: &str| {
            let path = std::env::temp_dir().join(format!("tactful-arm-{}.json", std::process::id()));
            fs::write(&path, format!("{{\"rows\": [{{\"arms\": {{\"{arm}\": 1}}}}]}}")).unwrap();
            let document = json(
                &file,
                &format!("--arm segment --reward {reward} --uniform --target {}", path.display()),
            );
            fs::remove_file(path).unwrap();
            document
        };
        for (arm, mean) in ["Mens E-Mail", "Womens E-Mail", "No E-Mail"].into_iter().zip(means) {
            let document = table(arm);
            assert!((value(&document, "snips") - mean).abs() < digits, "{arm}: {document}");
            let [lower, upper] =
                [0, 1].map(|end| document["estimators"]["dr"]["interval"][end].as_f64().unwrap());
            assert!(lower < mean && mean < upper, "{arm}: {document}");
        }
    }
}

/// Where segments hardly differ in what they answer to, pooling them loses next to nothing against one arm for all, and segments
/// alone lose most: each frozen policy is valued on other rows than those it has learnt from.
#[test]
fn hillstroms_segments_are_better_pooled_than_alone() {
    let Some(file) = data("hillstrom.csv.gz") else { return };
    let segments = " --segment history_segment,newbie,channel";
    // SNIPS, visits: 0.1778 alone, 0.1821 pooled, 0.1828 one for all; conversions 0.0101, 0.0119, 0.0125.
    for (reward, gained) in [("visit", 0.003), ("conversion", 0.001)] {
        let learnt = |policy: &str, by: &str| {
            let flags =
                format!("--arm segment --reward {reward} --uniform --exploration 0 --estimators snips");
            value(&json(&file, &format!("{flags} --target policy:{policy}{by}")), "snips")
        };
        let alone = learnt("thompson", segments);
        let pooled = learnt("pooled-segments(thompson)", segments);
        let global = learnt("thompson", "");
        println!("{reward}: {alone:.5} alone, {pooled:.5} pooled, {global:.5} one for all");
        assert!(pooled > alone + gained && (pooled - global).abs() < gained, "{alone}, {pooled}, {global}");
    }
}

/// J. N. Matias, K. Munger, M. A. Le Quere, C. Ebersole (2021), The Upworthy Research Archive: a test's packages were shown
/// alike often, and counts make a log of it. The means of packages are those of their counts.
#[test]
fn an_upworthy_test_has_the_rates_of_its_counts() {
    let Some(file) = data("upworthy_exploratory_counts.csv.gz") else { return };
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|column| column.trim() == name).unwrap();
    let [test, package, impressions, clicks] =
        ["clickability_test_id", "package", "impressions", "clicks"].map(at);
    let mut rows: Vec<(&str, u64, u64)> = Vec::new();
    let first = text.lines().nth(1).unwrap().split(',').nth(test).unwrap();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        if fields[test] == first {
            rows.push((
                fields[package],
                fields[impressions].parse().unwrap(),
                fields[clicks].parse().unwrap(),
            ));
        }
    }
    assert!(rows.len() > 1);
    let total: u64 = rows.iter().map(|row| row.1).sum();
    let mut log = String::from("package,click,p\n");
    for &(package, impressions, clicks) in &rows {
        let p = impressions as f64 / total as f64;
        for shown in 0..impressions {
            log += &format!("{package},{},{p}\n", u8::from(shown < clicks));
        }
    }
    let folder = Folder::new("upworthy");
    let file = folder.file("test.csv", log);
    for (package, impressions, clicks) in rows {
        let flags = format!("--arm package --reward click --propensity p --target arm:{package}");
        let document = json(&file, &flags);
        let rate = clicks as f64 / impressions as f64;
        for estimator in ["ips", "snips", "replay"] {
            assert!((value(&document, estimator) - rate).abs() < 1e-9, "{package}, {estimator}: {document}");
        }
        assert!(document["estimators"]["ips"]["interval"][0].as_f64().unwrap() < rate);
    }
}

/// The Open Bandit Dataset, men, small (Saito, Aihara, Matsutani, Narita, arXiv 2008.07146): each policy from the log of
/// the other, whose own mean is 0.0046 for random and 0.0069 for Thompson.
#[test]
fn open_bandit_logs_answer_both_ways_with_their_warnings() {
    let (Some(random), Some(thompson)) = (data("obd_men_random.csv.gz"), data("obd_men_bts.csv.gz")) else {
        return;
    };
    let flags = "--arm item_id --reward click --propensity propensity_score";
    let uniform = json(&thompson, &format!("{flags} --target uniform"));
    let [lower, upper] = [0, 1].map(|end| uniform["estimators"]["snips"]["interval"][end].as_f64().unwrap());
    assert!(lower < 0.0046 && 0.0046 < upper, "{uniform}");
    // So few rounds are kept that none of them was clicked.
    assert!(
        warned(&uniform, "all rounds that count say the same by replay, which is no certainty"),
        "{uniform}"
    );
    println!("uniform by Thompson's log: {uniform}");
    let itself = json(&random, &format!("{flags} --target uniform"));
    assert!((value(&itself, "ips") - 0.0046).abs() < 1e-5, "{itself}");

    // Thompson's policy as far as its log shows it: how often it drew each item, by position.
    let folder = Folder::new("thompson");
    let table = folder.file("thompson.json", drawn_by_position(&thompson));
    let drawn = json(&random, &format!("{flags} --segment position --target {table}"));
    let [lower, upper] = [0, 1].map(|end| drawn["estimators"]["snips"]["interval"][end].as_f64().unwrap());
    assert!(lower < 0.0069 && 0.0069 < upper, "{drawn}");
    assert!(drawn["ess"].as_f64().unwrap() < 0.5 * itself["ess"].as_f64().unwrap(), "{drawn}");
    println!("Thompson by the random log: {drawn}");
}

/// A target by position: the share of each item in the rows of that position.
fn drawn_by_position(file: &str) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let [item, position] = ["item_id", "position"].map(at);
    let mut drawn: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        *drawn.entry(fields[position]).or_default().entry(fields[item]).or_default() += 1;
    }
    let rows = drawn.into_iter().map(|(position, items)| {
        let all = f64::from(items.values().sum::<u32>());
        let arms: BTreeMap<&str, f64> =
            items.into_iter().map(|(item, times)| (item, f64::from(times) / all)).collect();
        serde_json::json!({ "segment": { "position": position }, "arms": arms })
    });
    serde_json::json!({ "rows": rows.collect::<Vec<_>>() }).to_string()
}

/// S. Moro, P. Cortez, P. Rita (2014), bank marketing: nobody knows why whom was called on which telephone.
#[test]
fn an_observational_log_is_told_as_such() {
    let Some(file) = data("bank-additional-full.csv.gz") else { return };
    let document = json(&file, "--arm contact --segment job --reward y --target arm:cellular");
    assert!(warned(&document, "the log has no propensities"), "{document}");
    assert_eq!(document["estimators"].as_object().unwrap().len(), 1, "a reward model alone: {document}");
    assert!(warned(&json(&file, "--arm contact --reward y --uniform"), "arms were not sent as often"));
}
