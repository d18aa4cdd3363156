//! `tactful simulate`: what policies regret in a world whose truth is known.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tactful::policy::{Observes, Policy, named};
use tactful::simulation::{
    BernoulliArms, Collections, Curve, DriftingArms, Experiment, RandomBernoulli, World,
};
use tactful::{ArmSpace, Cadence};

use crate::arguments::{Format, Simulate, split};
use crate::counted;
use crate::progress::Progress;
use crate::table::align;
use crate::{Failure, save, simulate_page, write};

/// Checkpoints in the table; JSON has them all.
const TIMES_SHOWN: usize = 5;

/// A policy and what it did.
pub(crate) struct Simulated {
    pub(crate) name: String,
    pub(crate) curve: Curve,
    /// From its first run's start to its last run's end.
    took: Duration,
}

pub(crate) fn run(simulate: &Simulate) -> Result<(), Failure> {
    let names = split(&simulate.policies);
    let policies = names.iter().map(|name| named(name, simulate.horizon));
    let policies = policies.collect::<Result<Vec<_>, _>>().map_err(Failure::new)?;
    let world = world(simulate)?;
    let threads =
        rayon::ThreadPoolBuilder::new().num_threads(simulate.threads.into()).build().map_err(Failure::new)?;
    let simulated = policies.iter().zip(&names).map(|(policy, name)| {
        let experiment = experiment(simulate, &*world, &**policy)?;
        Ok(threads.install(|| watched(&experiment, &**policy, name, simulate)))
    });
    let simulated = simulated.collect::<Result<Vec<Simulated>, Failure>>()?;
    if let Some(path) = &simulate.report {
        save(path, &simulate_page::page(simulate, &*world, &simulated))?;
    }
    match simulate.format {
        Format::Table => write(&table(simulate, &*world, &simulated, threads.current_num_threads())),
        Format::Json => write(&json(&simulated)),
    }
}

/// The world the flags describe.
fn world(simulate: &Simulate) -> Result<Box<dyn World>, Failure> {
    let means = || simulate.means.clone();
    Ok(match simulate {
        Simulate { arms: Some(arms), .. } => {
            Box::new(RandomBernoulli::new(*arms, simulate.rates).map_err(Failure::new)?)
        }
        Simulate { collections: Some(customers), .. } => Box::new(Collections::new(*customers)),
        Simulate {
            tests: Some(path),
            test: Some(test),
            successes: Some(successes),
            trials: Some(trials),
            ..
        } => Box::new(counted::read(path, counted::Columns { test, successes, trials })?),
        Simulate { drift: Some(drift), .. } => {
            Box::new(DriftingArms::new(&simulate.means, *drift).map_err(Failure::new)?)
        }
        Simulate { dimensions, .. } if !dimensions.is_empty() => {
            let builder =
                dimensions.iter().enumerate().fold(ArmSpace::builder(), |builder, (number, &levels)| {
                    builder.dimension((number + 1).to_string(), (1..=levels).map(|level| level.to_string()))
                });
            Box::new(
                BernoulliArms::of(builder.build().map_err(Failure::new)?, means()).map_err(Failure::new)?,
            )
        }
        _ => Box::new(BernoulliArms::new(means()).map_err(Failure::new)?),
    })
}

fn experiment<'a>(
    simulate: &Simulate,
    world: &'a dyn World,
    policy: &dyn Policy,
) -> Result<Experiment<'a>, Failure> {
    // An observation is an outcome. Policies that count selections see two events for each.
    let events = if policy.observes() == Observes::Selections { 2 } else { 1 };
    let cadence = match (simulate.refresh_every, simulate.refresh_growth) {
        (Some(outcomes), _) => Cadence::every(outcomes.max(1).saturating_mul(events)),
        (None, Some(growth)) => growth,
        (None, None) => Cadence::EVERY_EVENT,
    };
    let experiment = Experiment::new(world, simulate.horizon)
        .cadence(cadence)
        .exploration(simulate.exploration)
        .prior(simulate.prior)
        .batch(simulate.batch)
        .delay(simulate.delay)
        .shares(&simulate.bounds.shares())
        .map_err(Failure::new)?;
    Ok(match simulate.checkpoints.is_empty() {
        true => experiment,
        false => experiment.checkpoints(simulate.checkpoints.iter().copied()),
    })
}

/// All runs of a policy, with a bar.
fn watched(experiment: &Experiment<'_>, policy: &dyn Policy, name: &str, simulate: &Simulate) -> Simulated {
    let progress = Mutex::new(Progress::new(name, simulate.runs));
    let done = AtomicU64::new(0);
    let started = Instant::now();
    let curve = experiment.run_watched(policy, simulate.runs, simulate.seed, &|| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        // Who finds another drawing leaves it to that one.
        if let Ok(mut progress) = progress.try_lock() {
            progress.at(done);
        }
    });
    Simulated { name: name.to_owned(), curve, took: started.elapsed() }
}

#[derive(Serialize)]
struct Document<'a> {
    policies: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    checkpoints: &'a [u64],
    regret_mean: Vec<f64>,
    regret_se: Vec<f64>,
    reward_mean: Vec<f64>,
    best_arm_share: &'a [f64],
}

impl<'a> Entry<'a> {
    fn new(Simulated { name, curve, .. }: &'a Simulated) -> Self {
        Self {
            name,
            checkpoints: &curve.checkpoints,
            regret_mean: curve.regret.iter().map(|regret| regret.mean).collect(),
            regret_se: curve.regret.iter().map(|regret| regret.standard_error).collect(),
            reward_mean: curve.reward.iter().map(|reward| reward.mean).collect(),
            best_arm_share: &curve.best_arm_share,
        }
    }
}

/// One JSON object and a line end. Nothing in it depends on the machine.
fn json(simulated: &[Simulated]) -> String {
    match serde_json::to_string(&Document { policies: simulated.iter().map(Entry::new).collect() }) {
        Ok(text) => text + "\n",
        Err(error) => unreachable!("plain strings and numbers: {error}"),
    }
}

/// Regret by policy and time.
fn table(simulate: &Simulate, world: &dyn World, simulated: &[Simulated], threads: usize) -> String {
    let arms = world.arms().len();
    let mut text = format!(
        "{arms} arm{}, {} decisions, {} run{}; cumulative regret ± standard error after so many decisions\n\n",
        if arms == 1 { "" } else { "s" },
        simulate.horizon,
        simulate.runs,
        if simulate.runs == 1 { "" } else { "s" },
    );
    let all = &simulated[0].curve.checkpoints;
    let shown = shown(all);
    let mut header = vec!["policy".to_owned()];
    header.extend(shown.iter().map(|&index| all[index].to_string()));
    header.extend(["best arm".to_owned(), "per decision".to_owned()]);
    let row = |Simulated { name, curve, took }: &Simulated| {
        let mut row = vec![name.clone()];
        row.extend(shown.iter().map(|&index| {
            let regret = curve.regret[index];
            format!("{:.1} ± {:.1}", regret.mean, regret.standard_error)
        }));
        let share = curve.best_arm_share.last().copied().unwrap_or(0.0);
        let decisions = simulate.horizon as f64 * simulate.runs as f64;
        let nanoseconds = took.as_secs_f64() * 1e9 * threads as f64 / decisions;
        row.extend([format!("{:.1} %", share * 100.0), duration(nanoseconds)]);
        row
    };
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(simulated.iter().map(row)).collect();
    align(&mut text, &rows);
    let threads = if threads == 1 { "one thread".to_owned() } else { format!("{threads} threads") };
    text += &format!(
        "\nBest arm: share of all decisions that went to an arm with the largest rate. Per decision: time on {threads}, \
         each counted, world included.\n"
    );
    text
}

/// Which checkpoints the table has room for: the last, and of the others the latest powers of ten, or the latest.
fn shown(checkpoints: &[u64]) -> Vec<usize> {
    let last = checkpoints.len() - 1;
    let is_power = |time: u64| 10_u64.checked_pow(time.ilog10()) == Some(time);
    let powers: Vec<usize> = (0..last).filter(|&index| is_power(checkpoints[index])).collect();
    let others = if powers.is_empty() { (0..last).collect() } else { powers };
    let skipped = others.len().saturating_sub(TIMES_SHOWN - 1);
    others.into_iter().skip(skipped).chain([last]).collect()
}

fn duration(nanoseconds: f64) -> String {
    match nanoseconds {
        short if short < 1e3 => format!("{short:.0} ns"),
        middling if middling < 1e6 => format!("{:.1} µs", middling / 1e3),
        long => format!("{:.1} ms", long / 1e6),
    }
}
