//! Worlds of known rates, and what the tests of evaluation share.

use rand::Rng;
use rand::rngs::Xoshiro256PlusPlus;
use tactful::evaluation::{Log, Round};
use tactful::{ArmId, ArmSpace, Bandit, Reward, RewardKind, SegmentId, Segments};

pub(crate) type Generator = Xoshiro256PlusPlus;

pub(crate) fn arms(count: u32) -> ArmSpace {
    let levels = (0..count).map(|arm| format!("t{arm}"));
    ArmSpace::builder().dimension("template", levels).build().unwrap()
}

pub(crate) fn segments(count: u32) -> Segments {
    Segments::builder().attribute("stage", (0..count).map(|stage| format!("s{stage}"))).build().unwrap()
}

pub(crate) fn round(segment: u32, arm: u32, propensity: f64, reward: f64) -> Round {
    Round {
        segment: SegmentId::new(segment),
        arm: ArmId::new(arm),
        propensity,
        reward: Reward::new(reward),
        eligible: None,
    }
}

pub(crate) fn unit(rng: &mut Generator) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number of [0, shares.len()) with these probabilities.
pub(crate) fn draw(shares: &[f64], rng: &mut Generator) -> u32 {
    let mut left = unit(rng);
    for (position, share) in shares.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return position as u32;
        }
    }
    shares.len() as u32 - 1
}

pub(crate) fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not within {tolerance} of {b}");
}

/// A world of two segments and four arms with known rates, and a logging policy that differs by segment.
pub(crate) struct World {
    pub(crate) rates: [[f64; 4]; 2],
    pub(crate) logging: [[f64; 4]; 2],
}

pub(crate) const WORLD: World = World {
    rates: [[0.1, 0.2, 0.35, 0.15], [0.3, 0.25, 0.05, 0.4]],
    logging: [[0.55, 0.3, 0.1, 0.05], [0.25, 0.25, 0.3, 0.2]],
};

pub(crate) const UNIFORM_WORLD: World = World { logging: [[0.25; 4]; 2], ..WORLD };

impl World {
    pub(crate) fn log(&self, rounds: usize, rng: &mut Generator) -> Log {
        let rows: Vec<Round> = (0..rounds)
            .map(|_| {
                let segment = draw(&[0.6, 0.4], rng);
                let shares = &self.logging[segment as usize];
                let arm = draw(shares, rng);
                let paid = unit(rng) < self.rates[segment as usize][arm as usize];
                round(segment, arm, shares[arm as usize], f64::from(u8::from(paid)))
            })
            .collect();
        Log::new(arms(4), segments(2), RewardKind::Binary, rows).unwrap()
    }

    /// Mean reward of a fresh bandit over so many live rounds.
    pub(crate) fn live(&self, bandit: &Bandit, rounds: usize, rng: &mut Generator) -> f64 {
        let everything = bandit.arms().all();
        let mut sum = 0.0;
        for _ in 0..rounds {
            let segment = draw(&[0.6, 0.4], rng);
            let decision = bandit.select(SegmentId::new(segment), &everything, rng).unwrap();
            let paid = unit(rng) < self.rates[segment as usize][decision.arm().index()];
            bandit.reward(&decision, Reward::from(paid)).unwrap();
            sum += f64::from(u8::from(paid));
        }
        sum / rounds as f64
    }
}

/// Mean and its standard error.
pub(crate) fn summary(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}
