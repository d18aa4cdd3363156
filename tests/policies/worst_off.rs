//! The worst-off segment: the mix is the value of the game, its price is told, and in a world of segments it does what it says.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::belief::{Beta, Tried};
use tactful::policy::{Portfolio, Robustness, View, WorstOff, named};
use tactful::{ArmId, ArmSpace, ArmStatistics, Bandit, Cadence, Reward, SegmentId, Segments};

/// Segments of which the means of all arms are known.
#[derive(Debug)]
struct Known {
    means: Vec<Vec<f64>>,
    space: ArmSpace,
    segmentation: Segments,
}

impl Portfolio for Known {
    fn segments(&self) -> Vec<SegmentId> {
        (0..self.means.len() as u32).map(SegmentId::new).collect()
    }

    fn posteriors(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<Beta> {
        let means = &self.means[segment.index()];
        let sure = |mean: f64| Beta::new(1e6 * mean, 1e6 * (1.0 - mean)).unwrap();
        arms.iter().map(|arm| sure(means[arm.index()])).collect()
    }

    fn space(&self) -> &ArmSpace {
        &self.space
    }

    fn segmentation(&self) -> &Segments {
        &self.segmentation
    }

    fn tried(&self, _: SegmentId) -> Vec<Tried> {
        Vec::new()
    }
}

fn robustness(means: &[Vec<f64>]) -> Robustness {
    let numbers = |count: usize| (0..count).map(|number| number.to_string());
    let known = Known {
        means: means.to_vec(),
        space: ArmSpace::builder().dimension("arm", numbers(means[0].len())).build().unwrap(),
        segmentation: Segments::builder().attribute("segment", numbers(means.len())).build().unwrap(),
    };
    let arms: Vec<ArmId> = (0..means[0].len() as u32).map(ArmId::new).collect();
    let (posteriors, statistics) =
        (vec![Beta::UNIFORM; arms.len()], vec![ArmStatistics::default(); arms.len()]);
    WorstOff::default().robustness(&View::new(&arms, &posteriors, &statistics).with_portfolio(&known))
}

/// What the mix secures is all that can be had: a mix of segments holds every arm to the same value. The opponent's game is that
/// of the transposed matrix with gains and losses exchanged (von Neumann's theorem).
#[test]
fn the_mix_has_the_value_of_the_game() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for _ in 0..300 {
        let (segments, arms) = (rng.random_range(1..12), rng.random_range(1..30));
        let coarse = rng.random_bool(0.3);
        let mut mean = || match coarse {
            // Ties, so that exchanges gain nothing.
            true => f64::from(rng.random_range(1..4_u32)) / 4.0,
            false => rng.random_range(0.01..0.2),
        };
        let means: Vec<Vec<f64>> = (0..segments).map(|_| (0..arms).map(|_| mean()).collect()).collect();
        let found = robustness(&means);
        assert!(
            (found.mix.iter().sum::<f64>() - 1.0).abs() < 1e-12
                && found.mix.iter().all(|&share| share >= 0.0)
        );
        for (segment, prices) in means.iter().zip(found.prices()) {
            let best = segment.iter().copied().fold(0.0, f64::max);
            assert!(prices >= -1e-9 && prices <= best);
        }
        // Segments where all arms are alike would be left out of the game, and arms alike everywhere of the opponent's.
        let alike = |row: &[f64]| row.iter().all(|mean| mean.to_bits() == row[0].to_bits());
        let transposed: Vec<Vec<f64>> =
            (0..arms).map(|arm| means.iter().map(|segment| 1.0 - segment[arm]).collect()).collect();
        if means.iter().any(|row| alike(row)) || transposed.iter().any(|row| alike(row)) {
            continue;
        }
        let opponent = robustness(&transposed);
        let gap = found.worst() + opponent.worst() - 1.0;
        assert!(gap.abs() < 1e-9, "secured {}, held to {}: {means:?}", found.worst(), 1.0 - opponent.worst());
    }
}

#[test]
fn the_price_of_robustness_by_hand() {
    // Half of each would give 0.1 and 0.15; 2 to 1 gives both the same.
    let found = robustness(&[vec![0.2, 0.0001], vec![0.1, 0.1], vec![0.0001, 0.3]]);
    assert!((found.values[0] - found.values[2]).abs() < 1e-12 && (found.values[0] - 0.12).abs() < 1e-4);
    assert_eq!(found.values.len(), 3);
    assert!((found.worst() - 0.1).abs() < 1e-9, "the segment where arms are alike gets what it gets");
    let prices: Vec<f64> = found.prices().collect();
    assert!((prices[0] - 0.08).abs() < 1e-4 && prices[1].abs() < 1e-9 && (prices[2] - 0.18).abs() < 1e-4);
    // Nobody knows anything: all alike.
    assert_eq!(robustness(&[vec![0.5; 4], vec![0.5; 4]]).mix, [0.25; 4]);
}

/// Two segments of customers that want opposite things: one plan for both, and neither is left behind.
#[test]
fn a_bandit_has_one_mix_for_all_segments() {
    let arms = ArmSpace::builder().dimension("framing", ["loss", "social", "plain"]).build().unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    let policy = named("worst-off", 1).unwrap();
    assert_eq!(policy.name(), "worst-off");
    let builder = Bandit::builder(arms, segments).boxed_policy(policy).exploration(0.1).incarnation(1);
    let bandit = builder.cadence(Cadence::EVERY_EVENT).build().unwrap();
    let rates = [[0.6, 0.1, 0.2], [0.1, 0.6, 0.2]];
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let all = bandit.arms().all();
    for round in 0..20_000 {
        let segment = SegmentId::new(round % 2);
        let decision = bandit.select(segment, &all, &mut rng).unwrap();
        let rate = rates[segment.index()][decision.arm().index()];
        bandit.reward(&decision, Reward::from(rng.random_bool(rate))).unwrap();
    }
    let plans = [0, 1].map(|segment| bandit.plan(SegmentId::new(segment), &all).unwrap());
    let shares =
        plans.map(|plan| bandit.arms().iter().map(|arm| plan.propensity(arm.id())).collect::<Vec<f64>>());
    for (one, other) in shares[0].iter().zip(&shares[1]) {
        // The first plan is one event older.
        assert!((one - other).abs() < 0.01, "{shares:?}");
    }
    // Half and half is best, 0.35 for each; single arms leave one with 0.1 or both with 0.2. The standard error of a rate of
    // 0.6 after some 5,000 trials is 0.007, that of the shares about the same.
    assert!((shares[0][0] - 0.4833).abs() < 0.05 && (shares[0][2] - 0.0333).abs() < 1e-3, "{shares:?}");
}
