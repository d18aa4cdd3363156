//! Three processes serve one portfolio and exchange through files. Rewards arrive anywhere, some at two places; one
//! process is lost for good; the others end with identical statistics.
//!
//! `cargo run --release --example replicas` starts the three as processes of its own.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::{ArmSpace, Bandit, Delta, Reward, SegmentId, Segments};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const REPLICAS: [u16; 3] = [1, 2, 3];
/// Rounds of sending and exchanging; the last ones only exchange.
const ROUNDS: u32 = 12;
const SENDING: u32 = 8;
/// Messages a round and process.
const MESSAGES: usize = 2_000;
/// Replica 3 does not survive this round; replica 1 is its heir.
const LOST: (u16, u32) = (3, 5);
const HEIR: u16 = 1;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [replica, folder] = &arguments[..] {
        serve(replica.parse()?, Path::new(folder))?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = std::env::temp_dir().join(format!("tactful-replicas-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let program = std::env::current_exe()?;
    let start = |replica: u16| Command::new(&program).arg(replica.to_string()).arg(&folder).spawn();
    let processes: Vec<_> =
        REPLICAS.iter().map(|&replica| start(replica)).collect::<std::result::Result<_, _>>()?;
    for (mut process, replica) in processes.into_iter().zip(REPLICAS) {
        println!("replica {replica}: {}", process.wait()?);
    }
    let same = compare(&folder)?;
    fs::remove_dir_all(&folder)?;
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Replicas that are alive in a round.
fn alive(round: u32) -> impl Iterator<Item = u16> {
    REPLICAS.into_iter().filter(move |&replica| replica != LOST.0 || round <= LOST.1)
}

/// Where and how often a payment is reported: one message in five is paid for, one report in four comes twice.
fn reports(token: &str, round: u32) -> Vec<u16> {
    let hash = token.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let hash = hash ^ hash >> 31;
    // Nothing is reported to a process from the round on in which it is lost.
    let open: Vec<u16> = alive(round + 1).collect();
    let place = |hash: u64| open[(hash % open.len() as u64) as usize];
    match hash % 20 {
        0..3 => vec![place(hash >> 8)],
        3 => vec![place(hash >> 8), place((hash >> 8) + 1)],
        _ => Vec::new(),
    }
}

/// One process: sends, tells, listens, is told of payments, and at the end writes down what it knows.
fn serve(replica: u16, folder: &Path) -> Result<()> {
    let arms = ArmSpace::builder()
        .dimension("template", ["friendly_reminder", "loss_aversion", "social_proof"])
        .dimension("channel", ["email", "sms"])
        .build()?;
    let mut builder = Bandit::builder(arms, Segments::single()).replica(replica).replicated();
    if replica == LOST.0 {
        builder = builder.heir(HEIR);
    }
    let mut bandit = builder.incarnation(u64::from(replica)).build()?;
    let all = bandit.arms().all();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(u64::from(replica));
    for round in 0..ROUNDS {
        if replica == HEIR && round == LOST.1 + 1 {
            bandit.adopt(LOST.0)?;
        }
        let mut tokens = String::new();
        for _ in 0..if round < SENDING { MESSAGES } else { 0 } {
            tokens += bandit.select(SegmentId::new(0), &all, &mut rng)?.token().as_str();
            tokens.push('\n');
        }
        publish(&path(folder, "tokens", replica, round), &tokens)?;
        publish(&path(folder, "delta", replica, round), &serde_json::to_string(&bandit.delta()?)?)?;
        if (replica, round) == LOST {
            // No last words: everything that it has not told is lost with it.
            std::process::exit(0);
        }
        for other in alive(round) {
            let delta: Delta = serde_json::from_str(&read(&path(folder, "delta", other, round))?)?;
            bandit.merge(&delta)?;
            for token in read(&path(folder, "tokens", other, round))?.lines() {
                for _ in reports(token, round).into_iter().filter(|&place| place == replica) {
                    // Counted here, kept for the process that made the decision, or known already.
                    let _ = bandit.reward(&bandit.parse(token)?, Reward::SUCCESS);
                }
            }
        }
    }
    let statistics = bandit.arms().iter().map(|arm| {
        let known = bandit.statistics(SegmentId::new(0), arm.id());
        format!("{arm}: {} sent, {} paid\n", known.issued(), known.sum())
    });
    publish(&path(folder, "statistics", replica, 0), &statistics.collect::<String>())
}

/// Compares what the survivors know with each other and with the payments that were reported.
fn compare(folder: &Path) -> Result<bool> {
    let mut paid = BTreeSet::new();
    let mut sent = 0;
    for round in 0..SENDING {
        for replica in alive(round) {
            let tokens = read(&path(folder, "tokens", replica, round))?;
            sent += tokens.lines().count();
            let reported = tokens.lines().filter(|token| !reports(token, round).is_empty());
            paid.extend(reported.map(str::to_owned));
        }
    }
    let known: Vec<String> =
        alive(ROUNDS).map(|replica| read(&path(folder, "statistics", replica, 0))).collect::<Result<_>>()?;
    print!("{}", known[0]);
    let counted: f64 = known[0].lines().filter_map(|line| line.rsplit(' ').nth(1)?.parse::<f64>().ok()).sum();
    let same = known.iter().all(|other| *other == known[0]) && counted == paid.len() as f64;
    println!("{sent} messages, {} payments reported, {counted} counted once", paid.len());
    println!("the survivors know {}", if same { "the same, and all of it" } else { "DIFFERENT things" });
    Ok(same)
}

fn path(folder: &Path, what: &str, replica: u16, round: u32) -> PathBuf {
    folder.join(format!("{what}-{replica}-{round}"))
}

/// Writes a file that is there whole or not at all.
fn publish(path: &Path, text: &str) -> Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, text)?;
    Ok(fs::rename(unfinished, path)?)
}

/// Reads a file as soon as it is there.
fn read(path: &Path) -> Result<String> {
    let began = Instant::now();
    while !path.exists() {
        if began.elapsed() > Duration::from_secs(60) {
            return Err(format!("{} does not come", path.display()).into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(fs::read_to_string(path)?)
}
