//! `tactful probabilities`: given these results, what would a policy do, and how sure is it?

use serde::Serialize;
use tactful::belief::{Beta, expected_maximum, value_remaining};
use tactful::policy::{View, named};
use tactful::{ArmId, ArmStatistics};

use crate::arguments::{Format, Probabilities};
use crate::table::align;
use crate::{Failure, write};

/// The level of intervals and of the value remaining.
const LEVEL: f64 = 0.95;

#[derive(Serialize)]
struct Document<'a> {
    policy: &'a str,
    arms: Vec<Arm>,
    /// The best arm beats the one with the largest mean by less than this, as a share of its rate, with probability 0.95.
    value_remaining: f64,
}

#[derive(Serialize)]
struct Arm {
    successes: u64,
    trials: u64,
    probability: f64,
    mean: f64,
    interval: (f64, f64),
    expected_loss: f64,
}

pub(crate) fn run(asked: &Probabilities) -> Result<(), Failure> {
    let statistics = asked.counts.iter().map(|&(successes, trials)| {
        ArmStatistics::binary(trials, successes, trials - successes).map_err(Failure::new)
    });
    let statistics: Vec<ArmStatistics> = statistics.collect::<Result<_, _>>()?;
    let posteriors: Vec<Beta> = statistics.iter().map(|&arm| asked.prior.after(arm)).collect();
    let decided: u64 = statistics.iter().map(|arm| arm.issued()).sum();
    let policy = named(&asked.policy, asked.horizon.unwrap_or(decided)).map_err(Failure::new)?;
    if policy.importance(statistics.len()).is_some() {
        let message =
            "{} learns from the probabilities with which arms were selected, which counts do not tell";
        return Err(Failure::new(message.replace("{}", &asked.policy)));
    }
    let arms: Vec<ArmId> = (0..statistics.len() as u32).map(ArmId::new).collect();
    let probabilities =
        policy.probabilities(&View::new(&arms, &posteriors, &statistics)).to_dense(arms.len());

    let best = expected_maximum(&posteriors);
    let tail = (1.0 - LEVEL) / 2.0;
    let arm = |(((successes, trials), posterior), probability): (((u64, u64), &Beta), f64)| Arm {
        successes,
        trials,
        probability,
        mean: posterior.mean(),
        interval: (posterior.quantile(tail), posterior.quantile(1.0 - tail)),
        // Rounding must not make it negative.
        expected_loss: (best - posterior.mean()).max(0.0),
    };
    let told = asked.counts.iter().copied().zip(&posteriors).zip(probabilities);
    let champion =
        (0..posteriors.len()).max_by(|&a, &b| posteriors[a].mean().total_cmp(&posteriors[b].mean()));
    let document = Document {
        policy: &asked.policy,
        arms: told.map(arm).collect(),
        value_remaining: champion.map_or(0.0, |champion| value_remaining(&posteriors, champion, LEVEL)),
    };
    match asked.format {
        Format::Table => write(&table(&document)),
        Format::Json => match serde_json::to_string(&document) {
            Ok(text) => write(&(text + "\n")),
            Err(error) => unreachable!("plain strings and numbers: {error}"),
        },
    }
}

fn table(document: &Document<'_>) -> String {
    let header = ["arm", "successes", "trials", "probability", "mean", "95 % interval", "expected loss"];
    let row = |(number, arm): (usize, &Arm)| {
        let (lower, upper) = arm.interval;
        vec![
            number.to_string(),
            arm.successes.to_string(),
            arm.trials.to_string(),
            format!("{:.5}", arm.probability),
            format!("{:.5}", arm.mean),
            format!("{lower:.5} to {upper:.5}"),
            format!("{:.6}", arm.expected_loss),
        ]
    };
    let header = header.map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(header).chain(document.arms.iter().enumerate().map(row)).collect();
    let mut text = String::new();
    align(&mut text, &rows);
    text += &format!(
        "\nProbability: how often {} would select the arm. Mean and interval: posterior.\nExpected loss: of staying with \
         the arm, per decision. Value remaining: with probability 0.95 the best arm is better\nthan the one with the \
         largest mean by less than {:.2} %.\n",
        document.policy,
        document.value_remaining * 100.0,
    );
    text
}
