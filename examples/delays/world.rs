//! Customers whose rates and delays nobody knows, and a host that lives with them for ninety days.

use std::error::Error;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use tactful::bandit::DelaysBy;
use tactful::belief::delay::DelayEstimate;
use tactful::belief::{Beta, Forgetting, Pending};
use tactful::time::Window;
use tactful::{ArmId, ArmSpace, Bandit, Decision, Reward, SegmentId, Segments, Timestamp};

pub(crate) const DAYS: usize = 90;
/// The host tells the time, sends and hears of payments every two hours.
const TICKS: usize = 12;
/// Days that a decision waits, beyond the one on which it was made.
const WINDOW: usize = 14;
/// Days at whose beginning beliefs are held against the truth.
pub(crate) const LOOKS: [usize; 5] = [5, 10, 20, 40, 90];
/// The day on which tastes change, if they do.
pub(crate) const CHANGE: usize = 45;
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// The channels, from those that are answered soon to the one that is not.
const CHANNELS: [(&str, Delay); 4] = [
    ("sms", Delay { wait: 0.0, scale: 0.8, shape: 0.8 }),
    ("whatsapp", Delay { wait: 0.0, scale: 1.5, shape: 1.0 }),
    ("email", Delay { wait: 0.0, scale: 4.0, shape: 0.9 }),
    ("letter", Delay { wait: 3.0, scale: 7.0, shape: 1.2 }),
];

/// Time from message to payment in days: at least `wait`, then Weibull of this scale and shape.
struct Delay {
    wait: f64,
    scale: f64,
    shape: f64,
}

impl Delay {
    /// The delay that a share of all payments does not exceed.
    fn quantile(&self, share: f64) -> f64 {
        self.wait + self.scale * (-(-share).ln_1p()).powf(self.shape.recip())
    }

    fn cdf(&self, days: f64) -> f64 {
        -(-((days - self.wait).max(0.0) / self.scale).powf(self.shape)).exp_m1()
    }
}

/// A way to treat delay and age.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    /// `None`: outcomes are known at once, which no host has, but it shows the price of waiting.
    pub(crate) pending: Option<Pending>,
    pub(crate) by_channel: bool,
    pub(crate) forgetting: Forgetting,
}

/// What nobody knows: the chance that a customer pays at all and in time, by segment and arm.
struct Tastes {
    pays: Vec<Vec<f64>>,
    pays_in_time: Vec<Vec<f64>>,
}

impl Tastes {
    /// Rates from 1 to 12 %, additive on the logit, with effects of their own for each segment.
    fn draw(arms: &ArmSpace, segments: &Segments, channels: &[usize], rng: &mut Xoshiro256PlusPlus) -> Self {
        let in_time = CHANNELS.map(|(_, delay)| {
            // A payment is heard of at the tick that follows, which must come before the window of the day is over.
            let left = |tick: usize| (WINDOW + 1) as f64 - (tick + 1) as f64 / TICKS as f64;
            (0..TICKS).map(|tick| delay.cdf(left(tick))).sum::<f64>() / TICKS as f64
        });
        let mut normal = |spread: f64| spread * Distribution::<f64>::sample(&StandardNormal, rng);
        let mut rates_of_a_segment = || {
            let base = -3.4 + normal(0.2);
            let levels = arms.dimensions().flat_map(|(_, levels)| levels);
            let effects: Vec<(&str, f64)> = levels.map(|level| (level.as_str(), normal(0.4))).collect();
            let effect =
                |name: &str| effects.iter().find(|(level, _)| *level == name).map_or(0.0, |found| found.1);
            let logit = |arm: tactful::Arm<'_>| base + arm.levels().map(|level| effect(level.1)).sum::<f64>();
            arms.iter().map(|arm| (1.0 / (1.0 + (-logit(arm)).exp())).clamp(0.01, 0.12)).collect()
        };
        let pays: Vec<Vec<f64>> = segments.iter().map(|_| rates_of_a_segment()).collect();
        let timely = |rates: &Vec<f64>| rates.iter().zip(channels).map(|(r, &c)| r * in_time[c]).collect();
        Self { pays_in_time: pays.iter().map(timely).collect(), pays }
    }
}

/// What came of one run.
#[derive(Clone)]
pub(crate) struct Run {
    /// Expected payments of each day that were lost against knowing the best arm, and those of knowing it.
    pub(crate) lost: Vec<f64>,
    pub(crate) best: Vec<f64>,
    /// By look and channel: successes counted, and what the trials counted would have earned by the truth.
    pub(crate) beliefs: Vec<[(f64, f64); CHANNELS.len()]>,
    /// What is known of the delays at the end.
    pub(crate) delays: Vec<(String, DelayEstimate)>,
    /// Payments that came too late to count.
    pub(crate) late: u64,
}

/// Lives through the days once. The customers and their luck depend on the world only, whatever is sent to them.
pub(crate) fn live(mode: &Mode, world: u64, sent_a_day: usize, change: bool) -> Result<Run, Box<dyn Error>> {
    let arms = ArmSpace::builder()
        .dimension("template", ["friendly_reminder", "social_proof", "loss_aversion", "plain_notice"])
        .dimension("channel", CHANNELS.map(|(name, _)| name))
        .dimension("tone", ["warm", "firm"])
        .build()?;
    let segments = Segments::builder()
        .attribute("stage", ["early", "late"])
        .attribute("age", ["18-34", "35+"])
        .build()?;
    let channel = |arm: tactful::Arm<'_>| CHANNELS.iter().position(|(name, _)| *name == arm.level("channel"));
    let channels: Vec<usize> = arms.iter().filter_map(channel).collect();
    let mut luck = Xoshiro256PlusPlus::seed_from_u64(world);
    let eras = [(); 2].map(|()| Tastes::draw(&arms, &segments, &channels, &mut luck));

    let mut builder = Bandit::builder(arms, segments).prior(Beta::new(1.0, 20.0)?).incarnation(world);
    if let Some(pending) = mode.pending {
        let window = Window::new(DAY * WINDOW as u32, DAY)?;
        builder = builder.window(window).pending(pending).forgetting(mode.forgetting);
    }
    if mode.by_channel {
        builder = builder.delays_by(DelaysBy::Dimension("channel".into()));
    }
    let bandit = builder.build()?;
    let everyone = bandit.arms().all();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(world + 1_000_000);

    let (lost, best) = (vec![0.0; DAYS], vec![0.0; DAYS]);
    let mut run = Run { lost, best, beliefs: Vec::new(), delays: Vec::new(), late: 0 };
    // Payments by the tick at which they are heard of.
    let mut due: Vec<Vec<Decision>> = vec![Vec::new(); DAYS * TICKS];
    for tick in 0..=DAYS * TICKS {
        let day = tick / TICKS;
        bandit.advance_to(Timestamp::from_millis(DAY.as_millis() as u64 * tick as u64 / TICKS as u64))?;
        let tastes = &eras[usize::from(change && day >= CHANGE)];
        if tick % TICKS == 0 && LOOKS.contains(&day) {
            run.beliefs.push(believed(&bandit, tastes, &channels)?);
        }
        let Some(payments) = due.get_mut(tick) else { break };
        for decision in std::mem::take(payments) {
            run.late += u64::from(bandit.reward(&decision, Reward::SUCCESS).is_err());
        }
        let sent_by = |tick: usize| tick * sent_a_day / TICKS;
        for _ in sent_by(tick % TICKS)..sent_by(tick % TICKS + 1) {
            let segment = SegmentId::new(luck.random_range(0..bandit.segments().len() as u32));
            let (wallet, patience) = (luck.random::<f64>(), luck.random::<f64>());
            let decision = bandit.select(segment, &everyone, &mut rng)?;
            let (segment, arm) = (segment.index(), decision.arm().index());
            let best = tastes.pays_in_time[segment].iter().copied().fold(0.0, f64::max);
            run.best[day] += best;
            run.lost[day] += best - tastes.pays_in_time[segment][arm];

            let pays = wallet < tastes.pays[segment][arm];
            let delay = CHANNELS[channels[arm]].1.quantile(patience);
            let heard = tick + 1 + (delay * TICKS as f64) as usize;
            if mode.pending.is_none() {
                let in_time = heard < (day + WINDOW + 1) * TICKS;
                bandit.reward(&decision, Reward::from(pays && in_time))?;
            } else if let (true, Some(due)) = (pays, due.get_mut(heard)) {
                due.push(decision);
            }
        }
    }
    run.delays = bandit.delays();
    Ok(run)
}

/// By channel: successes counted, and what the trials counted would have earned by the truth. Their quotient is free of
/// what a policy does to the mean of each arm by giving up on the unlucky ones.
fn believed(
    bandit: &Bandit,
    tastes: &Tastes,
    channels: &[usize],
) -> Result<[(f64, f64); CHANNELS.len()], Box<dyn Error>> {
    let prior = Beta::new(1.0, 20.0)?;
    let mut sums = [(0.0, 0.0); CHANNELS.len()];
    for segment in bandit.segments().iter() {
        for (arm, &channel) in (0..).zip(channels) {
            let belief = bandit.posterior(segment.id(), ArmId::new(arm));
            let successes = belief.alpha() - prior.alpha();
            let trials = successes + belief.beta() - prior.beta();
            sums[channel].0 += successes;
            sums[channel].1 += trials * tastes.pays_in_time[segment.id().index()][arm as usize];
        }
    }
    Ok(sums)
}
