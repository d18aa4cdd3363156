//! Logs of every kind, drawn at random, and evaluations compared.

use rand::SeedableRng;
use tactful::evaluation::{Evaluation, Log, Outline, Round};
use tactful::{ArmId, RewardKind};

use crate::world::{Generator, arms, draw, round, segments, unit};

/// A log of two to five arms and one to three segments, of up to 1,500 rounds.
pub(crate) struct RandomLog {
    pub(crate) log: Log,
    kind: RewardKind,
}

impl RandomLog {
    /// Binary or amounts, some rounds with sets or none, uniform, with few propensities or with one for each round; segments
    /// may never show an arm.
    pub(crate) fn new(seed: u64) -> Self {
        let rng = &mut Generator::seed_from_u64(seed);
        let mut below = |limit: u32| (unit(rng) * f64::from(limit)) as u32;
        let (count, stages, rounds) = (2 + below(4), 1 + below(3), 1 + below(1500));
        let [amounts, uniform, sets, own] = [0; 4].map(|_| below(2) == 0);
        let rounds = if below(6) == 0 { 1 + rounds % 4 } else { rounds };
        let space = arms(count);
        let kind =
            if amounts { RewardKind::Real { minimum: -1.0, maximum: 3.0 } } else { RewardKind::Binary };
        let rows: Vec<Round> = (0..rounds)
            .map(|_| {
                let segment = draw(&vec![1.0 / f64::from(stages); stages as usize], rng);
                let mut allowed: Vec<u32> = (0..count).collect();
                let restricted = sets && unit(rng) < 0.4;
                if restricted {
                    allowed.retain(|arm| *arm == 0 || unit(rng) < 0.6);
                }
                // Not every segment shows the last arm.
                let last = allowed.len() - usize::from(!uniform && segment == 1 && allowed.len() > 1);
                let arm = allowed[draw(&vec![1.0 / last as f64; last], rng) as usize];
                let even = 1.0 / allowed.len() as f64;
                let propensity = match (uniform, own) {
                    (true, _) => even,
                    (false, true) => (even * (0.5 + unit(rng))).min(1.0),
                    (false, false) => [0.2, 0.5, 0.9][arm as usize % 3],
                };
                let reward = match amounts {
                    true => 4.0 * unit(rng) - 1.0,
                    false => f64::from(u8::from(unit(rng) < 0.1 + 0.1 * f64::from(arm))),
                };
                let eligible = restricted.then(|| space.subset(allowed.into_iter().map(ArmId::new)).unwrap());
                Round { eligible, ..round(segment, arm, propensity, reward) }
            })
            .collect();
        let log = Log::new(space, segments(stages), kind, rows).unwrap();
        let log = if uniform { log.declare_uniform().unwrap() } else { log };
        Self { log, kind }
    }

    /// What it is about, before any round.
    pub(crate) fn outline(&self) -> Outline {
        let outline = Outline::new(self.log.arms().clone(), self.log.segments().clone(), self.kind).unwrap();
        if self.log.is_uniform() { outline.declare_uniform() } else { outline }
    }

    /// So many rows of numbers for the arms, each of which sums to one, some with zeros.
    pub(crate) fn rows(&self, rows: usize, rng: &mut Generator) -> Vec<f64> {
        let mut all = Vec::new();
        for _ in 0..rows {
            let weights: Vec<f64> = (0..self.log.arms().len())
                .map(|arm| if arm > 0 && unit(rng) < 0.3 { 0.0 } else { 0.05 + unit(rng) })
                .collect();
            let sum: f64 = weights.iter().sum();
            all.extend(weights.into_iter().map(|weight| weight / sum));
        }
        all
    }
}

/// To so much, relative to the larger, or to one where both are small; infinities are alike, and so are two that are no
/// numbers.
pub(crate) fn same_number(a: f64, b: f64, tolerance: f64) -> bool {
    a.to_bits() == b.to_bits()
        || (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0)
        || a.is_nan() && b.is_nan()
}

/// Every number of two evaluations.
pub(crate) fn same_evaluation(ours: &Evaluation, theirs: &Evaluation, tolerance: f64) {
    let same = |a: f64, b: f64| same_number(a, b, tolerance);
    assert_eq!(
        (ours.rounds, ours.used, ours.outside_support),
        (theirs.rounds, theirs.used, theirs.outside_support)
    );
    assert!(same(ours.effective_sample_size, theirs.effective_sample_size));
    assert!(same(ours.largest_weight, theirs.largest_weight));
    assert_eq!(ours.estimates.len(), theirs.estimates.len());
    for (a, b) in ours.estimates.iter().zip(&theirs.estimates) {
        assert_eq!(a.estimator, b.estimator);
        match (a.lambda, b.lambda) {
            (Some(a), Some(b)) => assert!(same(a, b), "lambda {a} and {b}"),
            (a, b) => assert_eq!(a, b),
        }
        match (a.estimate, b.estimate) {
            (Ok(one), Ok(other)) => {
                assert_eq!(
                    (one.rounds, one.used, one.outside_support),
                    (other.rounds, other.used, other.outside_support)
                );
                let pairs = [
                    (one.value, other.value),
                    (one.standard_error, other.standard_error),
                    (one.interval.0, other.interval.0),
                    (one.interval.1, other.interval.1),
                    (one.effective_sample_size, other.effective_sample_size),
                    (one.largest_weight, other.largest_weight),
                ];
                let alike = pairs.iter().all(|&(a, b)| same(a, b));
                assert!(alike, "{}: {one:?} and {other:?}", a.estimator);
            }
            (one, other) => assert_eq!(one, other),
        }
    }
}
