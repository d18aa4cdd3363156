//! A collections campaign from the first reminder to the replay of its log.
//!
//! Three kinds of customers, each with a truth that the bandit does not know: one answers to social proof, one to
//! loss aversion, one to a friendly word. Payments arrive after days; a quarter of the customers never agreed to
//! SMS. Every decision and outcome goes through a journal, which at the end is replayed with three policies.
//!
//! `cargo run --release --example campaign [JOURNAL]`

use std::collections::VecDeque;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter, IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Gamma};
use tactful::belief::Beta;
use tactful::evaluation::{self, Log, Rejection};
use tactful::journal::{JournalReader, JournalWriter};
use tactful::policy::{EpsilonGreedy, Policy, PooledThompson, Thompson, Ucb1, Uniform};
use tactful::{Arm, ArmId, ArmSpace, Bandit, Reward, SegmentId, Segments, Timestamp, Token};

const DAYS: u64 = 150;
const SENT_A_DAY: u64 = 1_200;
/// After so many days without payment the host reports a failure.
const WINDOW: usize = 14;
const DAY: u64 = 86_400_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arms = ArmSpace::builder()
        .dimension("template", ["friendly_reminder", "social_proof", "loss_aversion", "plain_notice"])
        .dimension("channel", ["email", "sms", "whatsapp"])
        .dimension("tone", ["warm", "neutral", "firm"])
        .dimension("send_time", ["08:00", "12:00", "17:00", "20:00"])
        .build()?;
    let segments = Segments::builder().attribute("customer", ["new", "long-standing", "business"]).build()?;
    let truth = Truth::new(&arms, &segments);

    // 144 messages share templates, channels, tones and times: what one teaches goes for all that are like it. One message in
    // twenty is spread evenly, for the sake of the log. The prior is for what is told of single messages: payments are rare.
    let prior = Beta::new(1.0, 20.0)?;
    let policy = PooledThompson::default();
    let bandit = Bandit::builder(arms, segments).prior(prior).policy(policy).exploration(0.05).build()?;
    let arms = bandit.arms();
    let without_sms = arms.eligible(|arm| arm.level("channel") != "sms");
    let everyone = arms.all();
    // Rates of sending at random and of knowing it all, by segment and consent.
    let benchmark: Vec<_> = (0..bandit.segments().len() as u32)
        .map(|segment| {
            [&without_sms, &everyone].map(|set| truth.mean_and_best(SegmentId::new(segment), set.iter()))
        })
        .collect();

    let path = std::env::args_os()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("tactful-campaign.jsonl"), PathBuf::from);
    let file = BufWriter::new(File::create(&path)?);
    let mut journal = JournalWriter::new(file, arms, bandit.segments(), bandit.reward_kind())?;

    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2026);
    let mut account = Account::default();
    // What comes back on each of the next days: the token that was stored with the message, and whether it paid.
    let mut returns: VecDeque<Vec<(Token, bool)>> = (0..=WINDOW + 1).map(|_| Vec::new()).collect();

    println!(
        "{DAYS} days, {SENT_A_DAY} messages a day, {} ways to send each, {} segments",
        arms.len(),
        bandit.segments().len()
    );
    for day in 0..=DAYS + WINDOW as u64 {
        for (token, paid) in returns.pop_front().unwrap_or_default() {
            let decision = bandit.parse(token)?;
            bandit.reward(&decision, Reward::from(paid))?;
            journal.outcome(at(day, 6), decision.id(), Reward::from(paid))?;
        }
        returns.push_back(Vec::new());
        if day >= DAYS {
            continue;
        }
        for _ in 0..SENT_A_DAY {
            let segment = SegmentId::new(rng.random_range(0..bandit.segments().len() as u32));
            let eligible = if rng.random_bool(0.25) { &without_sms } else { &everyone };
            let decision = bandit.select(segment, eligible, &mut rng)?;
            journal.decision(at(day, 7), &decision, eligible)?;

            let rate = truth.rate(segment, decision.arm());
            let (mean, best) = benchmark[segment.index()][usize::from(eligible.is_all())];
            let paid = rng.random_bool(rate);
            // Days until the payment: Gamma with shape 2, mean 4 days, cut at the window.
            let delay = if paid { Gamma::new(2.0, 2.0)?.sample(&mut rng) as usize + 1 } else { WINDOW };
            returns[delay.min(WINDOW)].push((decision.token(), paid));
            account.book(rate, mean, best);
        }
        progress(day, &account);
    }
    journal.flush()?;

    report(&bandit, &truth);
    account.print();
    println!("\njournal: {} ({} MB)", path.display(), std::fs::metadata(&path)?.len() / 1_000_000);
    replay(&path, prior)
}

fn at(day: u64, hour: u64) -> Timestamp {
    Timestamp::from_millis(day * DAY + hour * DAY / 24)
}

/// The payment rates that nobody knows, by segment and arm.
struct Truth(Vec<Vec<f64>>);

impl Truth {
    fn new(arms: &ArmSpace, segments: &Segments) -> Self {
        let rates = |segment: SegmentId| arms.iter().map(|arm| Self::payment_rate(segment, arm)).collect();
        Self(segments.iter().map(|segment| rates(segment.id())).collect())
    }

    /// Additive on the logit, with one interaction; from 1 to 12 %.
    fn payment_rate(segment: SegmentId, arm: Arm<'_>) -> f64 {
        let (base, favourite, channel, tone) = match segment.index() {
            0 => (-3.9, "social_proof", "whatsapp", "warm"),
            1 => (-3.7, "loss_aversion", "email", "neutral"),
            _ => (-4.3, "friendly_reminder", "sms", "firm"),
        };
        let mut logit: f64 = base;
        logit += if arm.level("template") == favourite { 0.9 } else { 0.0 };
        logit += if arm.level("channel") == channel { 0.5 } else { 0.0 };
        logit += if arm.level("tone") == tone { 0.3 } else { 0.0 };
        logit += match arm.level("send_time") {
            "17:00" => 0.25,
            "08:00" => -0.2,
            _ => 0.0,
        };
        // Firmly told that nine of ten have paid, people take offence.
        logit -=
            if arm.level("template") == "social_proof" && arm.level("tone") == "firm" { 0.6 } else { 0.0 };
        (1.0 / (1.0 + (-logit).exp())).clamp(0.01, 0.12)
    }

    fn rate(&self, segment: SegmentId, arm: ArmId) -> f64 {
        self.0[segment.index()][arm.index()]
    }

    /// (mean, largest) rate over some arms.
    fn mean_and_best(&self, segment: SegmentId, arms: impl Iterator<Item = ArmId>) -> (f64, f64) {
        let (sum, best, count) = arms.fold((0.0, 0.0_f64, 0.0), |(sum, best, count), arm| {
            let rate = self.rate(segment, arm);
            (sum + rate, best.max(rate), count + 1.0)
        });
        (sum / count, best)
    }
}

/// Expected payments: of what was sent, of sending at random, of knowing everything.
#[derive(Default)]
struct Account {
    sent: u64,
    ours: f64,
    uniform: f64,
    oracle: f64,
}

impl Account {
    fn book(&mut self, rate: f64, mean: f64, best: f64) {
        self.sent += 1;
        self.ours += rate;
        self.uniform += mean;
        self.oracle += best;
    }

    fn print(&self) {
        let percent = |expected: f64| 100.0 * expected / self.sent as f64;
        println!("\n{} messages; expected payments", self.sent);
        println!("  at random        {:7.0}  {:5.2} %", self.uniform, percent(self.uniform));
        println!("  with tactful     {:7.0}  {:5.2} %", self.ours, percent(self.ours));
        println!("  knowing it all   {:7.0}  {:5.2} %", self.oracle, percent(self.oracle));
        println!(
            "gain over random {:+.0} %; {:.0} % of the way from random to the oracle, learning included",
            100.0 * (self.ours / self.uniform - 1.0),
            100.0 * (self.ours - self.uniform) / (self.oracle - self.uniform)
        );
    }
}

fn progress(day: u64, account: &Account) {
    let share = (account.ours - account.uniform) / (account.oracle - account.uniform);
    if stderr().is_terminal() {
        let bar = "#".repeat(((day + 1) * 30 / DAYS) as usize);
        eprint!("\rday {:3} [{bar:30}] {:3.0} % of the oracle's gain so far", day + 1, 100.0 * share);
        if day + 1 == DAYS {
            eprintln!();
        }
        let _ = stderr().flush();
    } else if (day + 1).is_multiple_of(30) {
        eprintln!(
            "day {:3}: {} sent, {:3.0} % of the oracle's gain so far",
            day + 1,
            account.sent,
            100.0 * share
        );
    }
}

/// What was learnt per segment, beside the truth.
fn report(bandit: &Bandit, truth: &Truth) {
    let all = bandit.arms().all();
    for segment in bandit.segments().iter() {
        let id = segment.id();
        let Ok(plan) = bandit.plan(id, &all) else { continue };
        let mut leaders: Vec<ArmId> = all.iter().collect();
        leaders.sort_by(|a, b| plan.propensity(*b).total_cmp(&plan.propensity(*a)));
        let sent: u64 = all.iter().map(|arm| bandit.statistics(id, arm).issued()).sum();
        let (mean, best) = truth.mean_and_best(id, all.iter());

        println!("\n{segment}: rates {:.1} % on average, {:.1} % at best", 100.0 * mean, 100.0 * best);
        println!("  {:<62} {:>6} {:>7} {:>6} {:>6}", "arm", "P(now)", "sent", "learnt", "truth");
        for &arm in leaders.iter().take(3) {
            println!(
                "  {:<62} {:>5.1}% {:>6.1}% {:>5.1}% {:>5.1}%",
                levels(bandit.arms().arm(arm)),
                100.0 * plan.propensity(arm),
                100.0 * bandit.statistics(id, arm).issued() as f64 / sent as f64,
                100.0 * bandit.posterior(id, arm).mean(),
                100.0 * truth.rate(id, arm),
            );
        }
        for (dimension, names) in bandit.arms().dimensions() {
            let share = |level: &String| {
                let with = all.iter().filter(|&arm| bandit.arms().arm(arm).level(dimension) == level);
                let issued: u64 = with.map(|arm| bandit.statistics(id, arm).issued()).sum();
                format!("{level} {:.0} %", 100.0 * issued as f64 / sent as f64)
            };
            println!("  {dimension:>9}: {}", names.iter().map(share).collect::<Vec<_>>().join(", "));
        }
    }
}

fn levels(arm: Arm<'_>) -> String {
    arm.levels().map(|(_, level)| level).collect::<Vec<_>>().join(" · ")
}

/// What would three policies have earned, each learning afresh from the journal?
fn replay(path: &Path, prior: Beta) -> Result<(), Box<dyn Error>> {
    let read = Log::from_journal(JournalReader::new(BufReader::new(File::open(path)?))?)?;
    let log = read.log;
    let policies: [Box<dyn Policy>; 3] =
        [Box::new(Thompson::default()), Box::new(Ucb1::default()), Box::new(EpsilonGreedy::default())];
    println!("\nreplayed over {} rounds of that journal", log.rounds().len());
    println!("  {:<16} {:>9} {:>18} {:>8}", "policy", "payments", "95 % interval", "rounds");
    for policy in policies {
        let name = policy.name();
        let bandit = Bandit::builder(log.arms().clone(), log.segments().clone())
            .prior(prior)
            .boxed_policy(policy)
            .build()?;
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let estimate = evaluation::replay(&bandit, &log, Rejection::default(), &mut rng)?;
        let percent = |value: f64| format!("{:.2} %", 100.0 * value);
        let interval = format!("{} to {}", percent(estimate.interval.0), percent(estimate.interval.1));
        println!("  {name:<16} {:>9} {interval:>18} {:>8}", percent(estimate.value), estimate.used);
    }
    println!(
        "  (a replay keeps the rounds that the policy would have drawn: the fewer, the shorter its life)"
    );
    let random = evaluation::self_normalised(&log, &Uniform)?;
    let [value, low, high] = [random.value, random.interval.0, random.interval.1].map(|rate| 100.0 * rate);
    println!("sending at random, by weighting the journal: {value:.2} % ({low:.2} to {high:.2} %)");
    Ok(())
}
