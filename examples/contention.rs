//! Four threads report, twice over and against each other, and select meanwhile: the state is the same, bit for bit, as
//! after one thread has made the same calls one after another.
//!
//! `cargo run --release --example contention` makes 1,000,000 calls a thread for each kind of reward; with a number as its
//! argument so many: 10000000 is the long run.

use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::RewardError;
use tactful::time::Window;
use tactful::{
    ArmSpace, Bandit, Decision, Outcome, Refresh, Reward, RewardKind, RewardRule, SegmentId, Segments, Stage,
    Timestamp,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const THREADS: usize = 4;
const DAY: Duration = Duration::from_secs(86_400);
/// Decisions a day that are reported on; each by two of the threads.
const BATCH: usize = 100_000;
/// Of the segment that is reported on, and of the one that is only selected for.
const SEGMENTS: [SegmentId; 2] = [SegmentId::new(0), SegmentId::new(1)];
/// Calls between two looks at how far the others are: a few microseconds.
const LOOK: u64 = 64;
const STAGES: [Stage; 4] = [Stage::Delivered, Stage::Promised, Stage::Paid, Stage::Complained];

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Yes or no, with a window: a packed word per cohort, and a claim.
    Window,
    /// An amount, without a window: a count, a sum, a sum of squares, and a claim.
    Amounts,
    /// Four stages in any order: a word per decision.
    Stages,
}

/// What a run has come to.
struct Run {
    /// The snapshot, as text.
    state: String,
    time: Duration,
    counted: u64,
    refused: u64,
    /// Looks at the other threads, one every [`LOOK`] calls, and those at which they had gone on since the look before.
    looks: u64,
    met: u64,
}

/// What a thread has done in a day.
#[derive(Default)]
struct Done {
    calls: u64,
    counted: u64,
    /// Reports that the other thread had made before.
    refused: u64,
    looks: u64,
    met: u64,
}

fn main() -> Result<ExitCode> {
    let calls = std::env::args().nth(1).map_or(Ok(1_000_000), |calls| calls.parse())?;
    println!("kind     calls a thread    counted    refused     met   one thread   {THREADS} threads");
    let mut fine = true;
    for kind in [Kind::Window, Kind::Amounts, Kind::Stages] {
        let (one, four) = (run(kind, calls, false)?, run(kind, calls, true)?);
        println!(
            "{:<8} {calls:>14} {:>10} {:>10} {:>5.1} % {:>10.2} s {:>9.2} s",
            format!("{kind:?}"),
            four.counted,
            four.refused,
            100.0 * four.met as f64 / four.looks as f64,
            one.time.as_secs_f64(),
            four.time.as_secs_f64(),
        );
        let same = one.state == four.state && (one.counted, one.refused) == (four.counted, four.refused);
        if !same {
            println!("  the states DIFFER");
        }
        // On two idle cores most looks; where the machine is busy with other things, few, but never so few.
        let contended = four.met > 200 && one.met == 0;
        if !contended {
            println!("  there was no contention");
        }
        fine &= same && contended;
    }
    println!("{}", if fine { "the same states, bit for bit" } else { "NOT shown" });
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn bandit(kind: Kind) -> Result<Bandit> {
    let arms = ArmSpace::builder().dimension("template", ["a", "b", "c", "d"]).build()?;
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build()?;
    // Plans are made between the days, of what is counted then: any difference would draw other arms from there on.
    let builder = Bandit::builder(arms, segments).incarnation(1).refresh(Refresh::Manual);
    let window = Window::new(3 * DAY, DAY)?;
    let builder = match kind {
        Kind::Window => builder.window(window),
        Kind::Amounts => builder.reward(RewardKind::Real { minimum: -1.0, maximum: 2.0 }),
        Kind::Stages => {
            let rule = RewardRule::builder(-1.0, 2.0).weight(Stage::Promised, 0.25).payment(100.0, 70.0);
            builder.window(window).stages(rule.penalty(Stage::Complained, 0.4).build()?)
        }
    };
    Ok(builder.build()?)
}

fn run(kind: Kind, calls: u64, at_once: bool) -> Result<Run> {
    let bandit = bandit(kind)?;
    let all = bandit.arms().all();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut sum = Done::default();
    let start = Instant::now();
    let mut day = 0;
    while sum.calls < calls * THREADS as u64 {
        day += 1;
        bandit.advance_to(Timestamp::from_millis(day * DAY.as_millis() as u64))?;
        bandit.refresh();
        let batch = (0..BATCH).map(|_| bandit.select(SEGMENTS[0], &all, &mut rng));
        let batch = batch.collect::<std::result::Result<Vec<Decision>, _>>()?;
        let far: [AtomicU64; THREADS] = Default::default();
        let work = |thread| work(&bandit, kind, &batch, &far, (thread, day));
        let done: Vec<Done> = if at_once {
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || work(thread))).collect();
                threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
            })
        } else {
            (0..THREADS).map(work).collect()
        };
        for Done { calls, counted, refused, looks, met } in done {
            sum.calls += calls;
            sum.counted += counted;
            sum.refused += refused;
            sum.looks += looks;
            sum.met += met;
        }
    }
    let state = serde_json::to_string(&bandit.snapshot())?;
    let Done { counted, refused, looks, met, .. } = sum;
    Ok(Run { state, time: start.elapsed(), counted, refused, looks, met })
}

/// The two threads that report on a decision.
fn reporters(number: usize) -> [usize; 2] {
    let first = number % THREADS;
    [first, (first + 1 + number / THREADS % (THREADS - 1)) % THREADS]
}

/// One thread's calls of a day; `far` is how far each thread is.
fn work(
    bandit: &Bandit,
    kind: Kind,
    batch: &[Decision],
    far: &[AtomicU64; THREADS],
    (thread, day): (usize, u64),
) -> Done {
    let all = bandit.arms().all();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(day << 8 | thread as u64);
    let mut done = Done::default();
    let mut seen = None;
    let mine = (0_u32..).zip(batch).filter(|&(number, _)| reporters(number as usize).contains(&thread));
    for (number, decision) in mine {
        let reports = if matches!(kind, Kind::Stages) { STAGES.len() } else { 1 };
        for report in 0..reports {
            // Each thread begins with another stage.
            match tell(bandit, kind, decision, number, (report + thread) % reports) {
                Ok(()) => done.counted += 1,
                Err(RewardError::AlreadyRewarded { .. } | RewardError::DuplicateStage { .. }) => {
                    done.refused += 1;
                }
                Err(other) => panic!("{other}"),
            }
            done.calls += 1;
        }
        if rng.random_bool(0.25) {
            bandit.select(SEGMENTS[1], &all, &mut rng).expect("arms are eligible, counters not full");
            done.calls += 1;
        }
        if done.calls / LOOK > done.looks {
            // Relaxed: nothing follows from it.
            far[thread].store(done.calls, Ordering::Relaxed);
            let others = (0..THREADS).filter(|&other| other != thread);
            let others: u64 = others.map(|other| far[other].load(Ordering::Relaxed)).sum();
            done.looks += 1;
            done.met += u64::from(seen.is_some_and(|seen| seen != others));
            seen = Some(others);
        }
    }
    done
}

/// Reports what came of a decision, the same whoever reports it.
fn tell(
    bandit: &Bandit,
    kind: Kind,
    decision: &Decision,
    number: u32,
    stage: usize,
) -> std::result::Result<(), RewardError> {
    // 0 to 999, by the number and the arm, so that arms differ.
    let came = number.wrapping_mul(2_654_435_761) >> 16;
    let came = (came + 37 * decision.arm().index() as u32) % 1000;
    match kind {
        Kind::Window => bandit.reward(decision, Reward::from(came < 300)),
        Kind::Amounts => bandit.reward(decision, Reward::new(f64::from(came) * 0.003 - 1.0)),
        Kind::Stages => match STAGES[stage] {
            Stage::Paid => bandit.observe(decision, Outcome::paid(f64::from(came) / 7.0)),
            other => bandit.observe(decision, other),
        },
    }
}
