//! A collections portfolio: customers who consent to channels, tire of messages, opt out, and pay late.

use rand::RngExt;
use rand::distr::Distribution;
use rand_distr::{Exp, StandardNormal};

use crate::arm::{ArmId, ArmSpace};
use crate::segment::{SegmentId, Segments};

use super::bernoulli::toss;
use super::changing::logistic;
use super::scene::{Scene, scenery};
use super::{Generator, Life, Request, Response, World};

/// A portfolio of customers with an open invoice each, contacted one after the other in random order, again and again.
///
/// Arms are template × channel × tone (3 × 3 × 2), segments stage × recency of the last message (2 × 3). Rates are drawn for
/// each run around 4 %: effects of templates, channels and tones, and of templates in the stages, so that what works early
/// is not what works late. What is simulated beside that:
///
/// - *Consent*: each customer can be reached by some of the channels only. Customers who cannot be reached are passed over.
/// - *Fatigue*: a message earns less the shorter ago the last one was, by 0.9 · 2^{−Δ/h} on the logit for Δ rounds of the
///   portfolio since then and a half-life h of two rounds (the shape of Yancey, Settles 2020). Recency is an attribute of
///   the segment, as a host would fill it: within a round, within three, longer ago.
/// - *Opting out*: a firm message makes a customer withdraw the consent to its channel with a probability of 2 %, a warm one
///   with 0.2 %.
/// - *Delay*: a payment is known after an exponential delay, of half a round of the portfolio by SMS, one by e-mail and
///   two by letter on average; that nothing came is known after three. Rewards are told when they are known.
///
/// Regret is that of the moment: what the best message would have earned with *this* customer *now*. What tiring customers
/// costs later is not in it, but is in the rewards.
#[derive(Clone, Debug, PartialEq)]
pub struct Collections {
    customers: u64,
    scene: Scene,
}

const TEMPLATES: usize = 3;
const CHANNELS: [&str; 3] = ["email", "sms", "letter"];
const STAGES: usize = 2;
const RECENCIES: usize = 3;

/// Share of customers who consent to each channel.
const CONSENT: [f64; 3] = [0.8, 0.6, 0.95];
/// Mean delay of a payment by channel, in rounds of the portfolio.
const DELAY: [f64; 3] = [1.0, 0.5, 2.0];
/// Rounds after which no payment is known to come.
const PATIENCE: f64 = 3.0;
/// Probability of opting out by tone: warm, firm.
const OPT_OUT: [f64; 2] = [0.002, 0.02];
/// Fatigue on the logit right after a message, and rounds after which half of it is gone.
const FATIGUE: (f64, f64) = (0.9, 2.0);

impl Collections {
    /// A portfolio of so many customers, at least one.
    ///
    /// # Panics
    ///
    /// If there are none.
    #[must_use]
    pub fn new(customers: u64) -> Self {
        assert!(customers > 0, "a portfolio without customers");
        let arms = ArmSpace::builder()
            .dimension("template", ["reminder", "avoid_fees", "others_pay"])
            .dimension("channel", CHANNELS)
            .dimension("tone", ["warm", "firm"])
            .build()
            .expect("names that differ");
        let segments = Segments::builder()
            .attribute("stage", ["early", "late"])
            .attribute("last_message", ["this_round", "recent", "rested"])
            .build()
            .expect("names that differ");
        let mut scene = Scene::segmented(arms, segments);
        // One set for each choice of channels but none; the bits of its number plus one say which.
        let reachable = |consent: usize| {
            move |channel: &str| {
                CHANNELS.iter().zip(0..).any(|(name, bit)| *name == channel && consent >> bit & 1 == 1)
            }
        };
        scene.sets = (1..1_usize << CHANNELS.len())
            .map(|consent| scene.arms.eligible(|arm| reachable(consent)(arm.level("channel"))))
            .collect();
        Self { customers, scene }
    }
}

impl World for Collections {
    scenery!(scene);

    fn begin(&self, rng: &mut Generator) -> Box<dyn Life + '_> {
        let mut draw = |deviation: f64| {
            let standard: f64 = StandardNormal.sample(rng);
            deviation * standard
        };
        let mains = [[0.0; 3]; 3].map(|effects| effects.map(|_: f64| draw(0.25)));
        let framing: [[f64; TEMPLATES]; STAGES] =
            [[0.0; TEMPLATES]; STAGES].map(|stage| stage.map(|_: f64| draw(0.4)));
        let logits = (0..STAGES).map(|stage| {
            let logit = |arm: crate::arm::Arm<'_>| {
                let levels: Vec<usize> = arm.level_indices().collect();
                let own: f64 = levels.iter().zip(&mains).map(|(&level, effects)| effects[level]).sum();
                -3.2 + own + framing[stage][levels[0]]
            };
            self.scene.arms.iter().map(logit).collect()
        });
        let logits: Vec<Vec<f64>> = logits.collect();
        let customer = |rng: &mut Generator| Customer {
            stage: usize::from(rng.random::<f64>() < 0.4),
            consent: CONSENT
                .iter()
                .zip(0..)
                .map(|(&share, bit)| usize::from(rng.random::<f64>() < share) << bit)
                .sum(),
            last: None,
        };
        let customers = (0..self.customers).map(|_| customer(rng)).collect();
        let levels = self.scene.arms.iter().map(|arm| {
            let levels: Vec<usize> = arm.level_indices().collect();
            (levels[1], levels[2])
        });
        Box::new(Portfolio { world: self, logits, levels: levels.collect(), customers, time: 0, now: 0 })
    }
}

#[derive(Clone, Copy)]
struct Customer {
    stage: usize,
    /// A bit for each channel.
    consent: usize,
    /// When the last message was sent.
    last: Option<u64>,
}

struct Portfolio<'a> {
    world: &'a Collections,
    /// Logits of the rates by stage and arm, of customers who are rested.
    logits: Vec<Vec<f64>>,
    /// Channel and tone of each arm.
    levels: Vec<(usize, usize)>,
    customers: Vec<Customer>,
    /// Customers looked at so far; as many as there are make a round.
    time: u64,
    now: usize,
}

impl Portfolio<'_> {
    fn customer(&self) -> Customer {
        self.customers[self.now]
    }

    /// Rounds since the last message to a customer.
    fn rested(&self, customer: Customer) -> Option<f64> {
        customer.last.map(|last| (self.time - last) as f64 / self.world.customers as f64)
    }

    fn set(customer: Customer) -> usize {
        customer.consent - 1
    }
}

impl Life for Portfolio<'_> {
    fn next(&mut self, rng: &mut Generator) -> Request {
        // Somebody can be reached for ever: whoever opts out of the last channel is replaced by a new customer.
        loop {
            self.time += 1;
            self.now = rng.random_range(0..self.customers.len());
            if self.customer().consent != 0 {
                break;
            }
            self.customers[self.now] = Customer {
                stage: usize::from(rng.random::<f64>() < 0.4),
                consent: 1 << rng.random_range(0..CHANNELS.len()),
                last: None,
            };
        }
        let customer = self.customer();
        let recency = match self.rested(customer) {
            Some(rounds) if rounds < 1.0 => 0,
            Some(rounds) if rounds < 3.0 => 1,
            _ => 2,
        };
        Request {
            segment: SegmentId::new((customer.stage * RECENCIES + recency) as u32),
            eligible: Self::set(customer),
        }
    }

    fn mean(&self, arm: ArmId) -> f64 {
        let customer = self.customer();
        let (most, half) = FATIGUE;
        let fatigue = self.rested(customer).map_or(0.0, |rounds| most * libm::exp2(-rounds / half));
        logistic(self.logits[customer.stage][arm.index()] - fatigue)
    }

    fn best(&self) -> f64 {
        let reachable = self.world.scene.sets[Self::set(self.customer())].iter();
        reachable.map(|arm| self.mean(arm)).fold(0.0, f64::max)
    }

    fn respond(&mut self, arm: ArmId, rng: &mut Generator) -> Response {
        let reward = toss(self.mean(arm), rng);
        let (channel, tone) = self.levels[arm.index()];
        let customer = &mut self.customers[self.now];
        customer.last = Some(self.time);
        if rng.random::<f64>() < OPT_OUT[tone] {
            customer.consent &= !(1 << channel);
        }
        let rounds = match reward == crate::reward::Reward::SUCCESS {
            true => Exp::new(1.0 / DELAY[channel]).expect("a positive rate").sample(rng).min(PATIENCE),
            false => PATIENCE,
        };
        Response { reward, delay: (rounds * self.world.customers as f64) as u64 }
    }
}
