//! The commands `tactful simulate` and `tactful probabilities`: what they print, and how they refuse.
#![cfg(feature = "cli")]

use serde_json::Value;
use tactful::policy::named;
use tactful::simulation::{BernoulliArms, Experiment};

use crate::command;

fn printed(arguments: &str) -> String {
    command::printed(&arguments.split_whitespace().collect::<Vec<_>>())
}

fn json(arguments: &str) -> Value {
    command::json(&arguments.split_whitespace().collect::<Vec<_>>())
}

fn refused(arguments: &str) -> String {
    command::refused(&arguments.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn simulate_prints_what_an_experiment_finds() {
    let arguments =
        "simulate --means 0.9,0.8 --horizon 300 --runs 8 --seed 5 --policies thompson,epsilon-greedy(0.05)";
    let document = json(arguments);
    let world = BernoulliArms::new(vec![0.9, 0.8]).unwrap();
    for (index, name) in ["thompson", "epsilon-greedy(0.05)"].into_iter().enumerate() {
        let entry = &document["policies"][index];
        let curve = Experiment::new(&world, 300).run(&*named(name, 300).unwrap(), 8, 5);
        assert_eq!(entry["name"], name);
        assert_eq!(entry["checkpoints"], serde_json::json!(curve.checkpoints));
        let series = |key: &str| -> Vec<f64> { serde_json::from_value(entry[key].clone()).unwrap() };
        assert_eq!(series("regret_mean"), curve.regret.iter().map(|regret| regret.mean).collect::<Vec<_>>());
        assert_eq!(
            series("regret_se"),
            curve.regret.iter().map(|regret| regret.standard_error).collect::<Vec<_>>()
        );
        assert_eq!(series("best_arm_share"), curve.best_arm_share);
    }
    // Whatever the number of threads.
    for threads in ["1", "3"] {
        assert_eq!(json(&format!("{arguments} --threads {threads}")), document);
    }
    let table = printed(arguments);
    assert!(table.contains("thompson") && table.contains('±') && table.contains("best arm"), "{table}");
}

#[test]
fn simulate_passes_its_flags_on() {
    let base = "simulate --means 0.9,0.1 --horizon 400 --runs 5 --policies thompson";
    let regret = |flags: &str| {
        let document = json(&format!("{base} {flags}"));
        document["policies"][0]["regret_mean"].as_array().unwrap().last().unwrap().as_f64().unwrap()
    };
    let sequential = regret("");
    assert_eq!(regret("--refresh-every 1").to_bits(), sequential.to_bits());
    let flags = [
        "--batch 100",
        "--delay 100",
        "--refresh-every 100",
        "--exploration 0.5",
        "--prior 50,50",
        "--seed 2",
    ];
    for flag in flags {
        assert!(regret(flag).to_bits() != sequential.to_bits(), "{flag} changes nothing");
    }
    assert!(regret("--delay 400") > 100.0, "nothing is ever told");
    assert!(regret("--refresh-growth 0.5") < 40.0);
    let times = json(&format!("{base} --checkpoints 10,30"))["policies"][0]["checkpoints"].clone();
    assert_eq!(times, serde_json::json!([10, 30, 400]));
}

#[test]
fn simulate_knows_other_worlds() {
    for world in [
        "--means 0.1,0.2,0.3,0.4 --dimensions 2,2",
        "--means 0.1,0.2 --drift 0.5",
        "--arms 5 --rates 2,20",
        "--collections 300",
    ] {
        let document = json(&format!(
            "simulate {world} --horizon 200 --runs 3 --policies uniform,thompson --refresh-growth 0.01"
        ));
        let regret =
            document["policies"][0]["regret_mean"].as_array().unwrap().last().unwrap().as_f64().unwrap();
        assert!(regret > 0.0, "{world}: {document}");
    }
}

#[test]
fn probabilities_of_given_results() {
    let document = json("probabilities --policy thompson --counts 40/1000,50/1000");
    let arms = document["arms"].as_array().unwrap();
    // P(B > A) for Beta(41, 961) and Beta(51, 951).
    assert!((arms[1]["probability"].as_f64().unwrap() - 0.858_381_482).abs() < 1e-8, "{document}");
    assert_eq!((&arms[0]["successes"], &arms[0]["trials"]), (&Value::from(40), &Value::from(1000)));
    assert!((arms[0]["mean"].as_f64().unwrap() - 41.0 / 1002.0).abs() < 1e-15);
    let interval = |arm: &Value| [0, 1].map(|end| arm["interval"][end].as_f64().unwrap());
    let [lower, upper] = interval(&arms[0]);
    // By statrs: the quantiles of Beta(41, 961).
    use statrs::distribution::{Beta, ContinuousCDF};
    let reference = Beta::new(41.0, 961.0).unwrap();
    assert!((reference.cdf(lower) - 0.025).abs() < 1e-9 && (reference.cdf(upper) - 0.975).abs() < 1e-9);
    // The losses of both arms differ by their means, and one of them is the best.
    let loss = |arm: &Value| arm["expected_loss"].as_f64().unwrap();
    assert!((loss(&arms[0]) - loss(&arms[1]) - 10.0 / 1002.0).abs() < 1e-12 && loss(&arms[1]) > 0.0);
    assert!(document["value_remaining"].as_f64().unwrap() > 0.0);

    let prior = json("probabilities --policy thompson --counts 1/2,2/3 --prior 1,1");
    // P(B > A) for Beta(2, 2) and Beta(3, 2) is not that for the prior of Jeffreys.
    let other = json("probabilities --policy thompson --counts 1/2,2/3 --prior 0.5,0.5");
    assert_ne!(prior["arms"][0]["probability"], other["arms"][0]["probability"]);
    for name in tactful::policy::names().map(|name| name.split(['(', ' ']).next().unwrap()) {
        let arguments = format!("probabilities --policy {name} --counts 20/1000,30/1000,35/1000");
        match name {
            "exp3-ix" | "tsallis-inf" => assert!(refused(&arguments).contains("counts do not tell")),
            "burn-in" | "conservative" => {}
            _ => {
                let document = json(&arguments);
                let arms = document["arms"].as_array().unwrap();
                let sum: f64 = arms.iter().map(|arm| arm["probability"].as_f64().unwrap()).sum();
                assert!((sum - 1.0).abs() < 1e-12, "{name}: {document}");
            }
        }
    }
    assert!(printed("probabilities --counts 0/0,0/0").contains("0.50000"));
}

#[test]
fn what_makes_no_sense_is_refused_in_a_line() {
    for (arguments, told) in [
        ("simulate --horizon 10", "--means"),
        ("simulate --means 0.5,1.5 --horizon 10", "1.5"),
        ("simulate --means 0.5,nan --horizon 10", "nan"),
        ("simulate --means 0.5 --horizon 0", "0"),
        ("simulate --means 0.5 --horizon 10 --runs 0", "0"),
        ("simulate --means 0.5 --arms 3 --horizon 10", "--arms"),
        ("simulate --means 0.5,0.6,0.7 --dimensions 2,2 --horizon 10", "3 means for 4 arms"),
        ("simulate --arms 4 --dimensions 2,2 --horizon 10", "--dimensions"),
        ("simulate --arms 4 --drift 1 --horizon 10", "--drift"),
        ("simulate --collections 9 --dimensions 2,2 --horizon 10", "--dimensions"),
        ("simulate --means 0.5 --rates 4,76 --horizon 10", "--rates"),
        ("simulate --means 0.5 --test a --successes b --trials c --horizon 10", "--test"),
        ("simulate --means 0.5 --horizon 10 --policies thomson", "known are thompson"),
        ("simulate --means 0.5 --horizon 10 --policies thompson,,ucb1", "no policy \"\""),
        ("simulate --means 0.5 --horizon 10 --policies ucb1(0.5", "not closed"),
        ("simulate --means 0.5 --horizon 10 --refresh-every 2 --refresh-growth 0.1", "--refresh-growth"),
        ("simulate --arms 0 --horizon 10", "0 arms"),
        ("simulate --arms 99999999999 --horizon 10", "99999999999 arms"),
        ("simulate --means 0.5 --dimensions 99999999,2 --horizon 10", "99999999"),
        ("simulate --means 0.5 --dimensions 0,2 --horizon 10", "no levels"),
        ("simulate --means 0,0.5 --drift 1 --horizon 10", "not in (0, 1)"),
        ("simulate --means 0.5 --horizon 10 --threads 65000", "65000"),
        ("probabilities --counts 5/3", "5 successes out of 3 trials"),
        ("probabilities --counts 5", "5"),
        ("probabilities --counts 1/99999999999999999999", "99999999999999999999"),
        ("probabilities --counts 1/9999999999999", "9999999999999"),
        ("probabilities --counts 1/2 --prior 0,1", "0"),
    ] {
        let line = refused(arguments);
        assert!(line.contains(told), "{arguments}: {line}");
    }
}

#[test]
fn simulate_keeps_floors_and_caps() {
    let base = "simulate --means 0.9,0.1,0.1 --horizon 2000 --runs 4 --policies thompson --checkpoints 2000";
    let best =
        |flags: &str| json(&format!("{base} {flags}"))["policies"][0]["best_arm_share"][0].as_f64().unwrap();
    assert!(best("") > 0.95);
    // 8,000 draws: 0.0056 is the largest standard error, and these are 4 of them.
    assert!((best("--floor 0.1") - 0.8).abs() < 0.023);
    assert!((best("--cap arm=0:0.3") - 0.3).abs() < 0.023);
    assert!((best("--floor arm=1:0.25 --floor arm=2:0.25") - 0.5).abs() < 0.023);
    assert!(refused(&format!("{base} --cap arm=7:0.3")).contains("\"7\""));
    assert!(refused(&format!("{base} --floor 0.4")).contains("no shares"));
    assert!(refused(&format!("{base} --floor 7")).contains("not in [0, 1]"));
    // Some customers can be reached by letter only.
    let letters = "simulate --collections 50 --horizon 10 --cap channel=letter:0.5";
    assert!(refused(letters).contains("no shares"));
}

/// A file that is removed at the end.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("tactful-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn simulate_draws_from_tests_that_were_run() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;
    use tactful::simulation::CountedTests;

    let text = "id,clicks,sends,note\na,20,1000,x\nb,5,100,\"y, z\"\na,45,1000,\nb,1,100,\na,30,900,\n";
    let (plain, mut packed) =
        (File::new("tests.csv", text.as_bytes()), GzEncoder::new(Vec::new(), Compression::fast()));
    packed.write_all(text.as_bytes()).unwrap();
    let packed = File::new("tests.csv.gz", &packed.finish().unwrap());
    let run = |file: &File, columns: &str| format!("simulate --tests {} {columns}", file.0.display());
    let columns = "--test id --successes clicks --trials sends";
    let rest = "--horizon 300 --runs 6 --seed 3 --policies thompson";
    let document = json(&format!("{} {rest}", run(&plain, columns)));
    assert_eq!(document, json(&format!("{} {rest}", run(&packed, columns))));
    let world =
        CountedTests::new(&[vec![(20, 1000), (45, 1000), (30, 900)], vec![(5, 100), (1, 100)]]).unwrap();
    let expected = Experiment::new(&world, 300).run(&*named("thompson", 300).unwrap(), 6, 3);
    let regret = document["policies"][0]["regret_mean"].as_array().unwrap().last().unwrap().as_f64().unwrap();
    assert_eq!(regret.to_bits(), expected.regret.last().unwrap().mean.to_bits());

    let refused = |text: &str, columns: &str| {
        let file = File::new("refused.csv", text.as_bytes());
        refused(&format!("{} --horizon 10", run(&file, columns)))
    };
    assert!(refused(text, "--test id --successes click --trials sends").contains("id, clicks, sends, note"));
    assert!(refused("id,clicks,sends\na,7,5\n", columns).contains("line 2: 7 successes out of 5"));
    assert!(refused("id,clicks,sends\na,1,5\na,x,5\n", columns).contains("line 3: clicks \"x\""));
    assert!(refused("id,clicks,sends\na,1\n", columns).contains("refused.csv"));
    assert!(refused("id,clicks,sends\n", columns).contains("no rows"));
    assert!(refused(text, "--test id").contains("--successes"));
    let nowhere = File(std::env::temp_dir().join("tactful-nowhere.csv"));
    let nowhere = format!("{} --horizon 10", run(&nowhere, columns));
    assert!(self::refused(&nowhere).contains("tactful-nowhere.csv"));
}

/// The Upworthy Research Archive (Matias, Munger, Le Quere, Ebersole 2021): 4,873 tests of headlines.
#[test]
fn simulate_in_thousands_of_real_template_tests() {
    let folder = std::env::var_os("TACTFUL_DATA").map(std::path::PathBuf::from);
    let beside = || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = folder.unwrap_or_else(beside).join("upworthy_exploratory_counts.csv.gz");
    let path = path.display();
    if !std::path::Path::new(&path.to_string()).is_file() {
        println!("skipped: {path} is not there; TACTFUL_DATA names the folder");
        return;
    }
    let columns = "--test clickability_test_id --successes clicks --trials impressions";
    let document = json(&format!(
        "simulate --tests {path} {columns} --horizon 20000 --runs 60 --refresh-growth 0.02 --prior 2,120 \
         --policies thompson,uniform --checkpoints 20000"
    ));
    let of = |policy: usize, what: &str| document["policies"][policy][what][0].as_f64().unwrap();
    // Of a click rate of about 1.5 % the best headline of a test earns little more: 20,000 views lose tens of clicks.
    assert!((0.008..0.03).contains(&of(1, "reward_mean")), "{document}");
    assert!(of(0, "regret_mean") < 0.9 * of(1, "regret_mean"), "{document}");
}
