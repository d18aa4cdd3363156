//! Policies that know which law the rewards follow, in worlds of amounts and counts.

use rand::SeedableRng;
use tactful::belief::best::probability_best_of;
use tactful::belief::{Beta, Gamma};
use tactful::policy::{Policy, RewardLaw, SharpenedThompson, Thompson, View, named};
use tactful::simulation::{Average, EarningArms, Earnings, Experiment, Generator, World};
use tactful::{ArmId, ArmStatistics, Bandit, Cadence, Eligibility, Reward, RewardKind};

/// What a policy regrets, on seeds that all share.
fn regret(world: &EarningArms, policy: &str, horizon: u64, runs: u64) -> Average {
    let cadence = Cadence::growth(0.02).unwrap();
    let experiment = Experiment::new(world, horizon).checkpoints([]).cadence(cadence);
    let regret = experiment.run(&*named(policy, horizon).unwrap(), runs, 9_000).regret[0];
    println!("{policy}: {:.1} ± {:.1} ({runs} runs)", regret.mean, regret.standard_error);
    regret
}

/// Eight templates that are paid by 3 to 8 in a hundred, 60 or so on average, where nothing above 2,000 counts for more.
fn collections(variation: f64) -> EarningArms {
    let arms = [
        (0.03, 60.0),
        (0.04, 50.0),
        (0.05, 60.0),
        (0.08, 30.0),
        (0.05, 80.0),
        (0.03, 90.0),
        (0.06, 70.0),
        (0.04, 75.0),
    ];
    let arm = |(part, amount)| Earnings::LogNormal { part, amount, variation };
    EarningArms::new(arms.into_iter().map(arm).collect(), 2_000.0).unwrap()
}

/// A false alarm, were the means equal: four standard errors, one in 30,000.
fn beats(better: Average, worse: Average) {
    let error = better.standard_error.hypot(worse.standard_error);
    assert!(worse.mean - better.mean > 4.0 * error, "{better:?} against {worse:?}");
}

/// In 100 runs of 10,000 messages it was 5,936 ± 186 against 11,878 ± 34, with 5,453 ± 403 of the Gaussian law.
#[test]
fn of_amounts_the_zero_inflated_law_beats_the_beta_of_scaled_sums() {
    let world = collections(1.0);
    let [beta, inflated] =
        ["thompson", "thompson(zero-inflated=1)"].map(|policy| regret(&world, policy, 4_000, 12));
    beats(inflated, beta);
}

/// Calls back per message, of which up to 20 are counted.
#[test]
fn of_counts_the_poisson_law_beats_the_beta_of_scaled_sums() {
    let arms = [0.6, 0.8, 1.0, 1.3, 0.9, 0.7].map(|mean| Earnings::Poisson { mean });
    let world = EarningArms::new(arms.to_vec(), 20.0).unwrap();
    let [beta, poisson] =
        ["thompson", "thompson(poisson=20)"].map(|policy| regret(&world, policy, 3_000, 30));
    beats(poisson, beta);
}

/// The mean that a world says is what its messages earn: a false alarm in 30,000 for each of the arms.
#[test]
fn worlds_pay_what_they_say() {
    let arms = vec![
        Earnings::Gamma { part: 0.5, amount: 3.0, variation: 0.7 },
        Earnings::LogNormal { part: 0.6, amount: 3.0, variation: 2.0 },
        Earnings::Poisson { mean: 2.5 },
    ];
    // Low enough that capping matters.
    let world = EarningArms::new(arms, 4.0).unwrap();
    let mut rng = Generator::seed_from_u64(5);
    let mut life = world.begin(&mut rng);
    for arm in world.arms().all().iter() {
        const DRAWS: u32 = 200_000;
        let rewards: Vec<f64> = (0..DRAWS).map(|_| life.respond(arm, &mut rng).reward.value()).collect();
        let mean = rewards.iter().sum::<f64>() / f64::from(DRAWS);
        let square = rewards.iter().map(|reward| (reward - mean).powi(2)).sum::<f64>() / f64::from(DRAWS);
        let z = (mean - life.mean(arm)) / (square / f64::from(DRAWS)).sqrt();
        assert!(z.abs() < 4.2, "{arm}: {mean}, not {}", life.mean(arm));
    }
    assert!(EarningArms::new(vec![Earnings::Poisson { mean: -1.0 }], 4.0).is_err());
    assert!(EarningArms::new(vec![], 4.0).is_err());
    assert!(EarningArms::new(vec![Earnings::Poisson { mean: 1.0 }], f64::NAN).is_err());
}

fn laws() -> [RewardLaw; 5] {
    let inflated = |variation| RewardLaw::ZeroInflated { variation };
    [RewardLaw::Binary, RewardLaw::Gaussian, RewardLaw::Poisson { most: 5.0 }, inflated(0.1), inflated(3.0)]
}

/// The shares that a policy gives to arms of these statistics.
fn shares(policy: &dyn Policy, statistics: &[ArmStatistics]) -> Vec<f64> {
    let arms: Vec<ArmId> = (0..statistics.len() as u32).map(ArmId::new).collect();
    let posteriors: Vec<Beta> = statistics.iter().map(|arm| Beta::UNIFORM.after(*arm)).collect();
    let found = policy.probabilities(&View::new(&arms, &posteriors, statistics));
    let mut shares = vec![found.uniform / arms.len() as f64; arms.len()];
    found.contenders.iter().for_each(|&(position, share)| shares[position as usize] += share);
    shares
}

fn observed(rewards: &[f64]) -> ArmStatistics {
    let mut statistics = ArmStatistics::default();
    rewards.iter().for_each(|reward| statistics.observe(*reward).unwrap());
    statistics
}

#[test]
fn probabilities_are_some_whatever_the_counts() {
    let most = ArmStatistics::MAX_COUNT;
    let binary = |successes, failures| ArmStatistics::binary(most, successes, failures).unwrap();
    let none = ArmStatistics::default();
    let sets = [
        vec![none],
        vec![none; 40],
        vec![observed(&[0.0]), none],
        vec![observed(&[0.3]), none, observed(&[0.3])],
        vec![observed(&[1e-7, 0.0]), observed(&[0.0, 0.0, 0.0])],
        vec![observed(&[1.0]), observed(&[1e-7])],
        vec![binary(most, 0), binary(0, most), none],
        vec![binary(most / 2, most / 2), binary(most / 2 - 1, most / 2 + 1), observed(&[0.4, 0.5])],
        vec![binary(1, most - 1), binary(2, most - 2)],
    ];
    for law in laws() {
        for policy in [
            Box::new(Thompson::of(law).unwrap()) as Box<dyn Policy>,
            Box::new(SharpenedThompson::default().law(law).unwrap()),
        ] {
            for statistics in &sets {
                let found = shares(&*policy, statistics);
                let sum: f64 = found.iter().sum();
                assert!((sum - 1.0).abs() < 1e-9, "{}: {found:?} for {statistics:?}", policy.name());
                assert!(found.iter().all(|share| (0.0..=1.0 + 1e-12).contains(share)));
                assert_eq!(found, shares(&*policy, statistics));
            }
        }
    }
}

/// What the policy does is what the belief says.
#[test]
fn probabilities_are_those_of_the_posteriors() {
    let statistics = [observed(&[0.2, 0.0, 0.4]), observed(&[0.6, 0.2]), ArmStatistics::default()];
    let prior = Gamma::new(1.0, 1.0).unwrap();
    let posteriors = [prior.updated(3.0, 3.0), prior.updated(4.0, 2.0), prior];
    let found = shares(&Thompson::of(RewardLaw::Poisson { most: 5.0 }).unwrap(), &statistics);
    for (found, expected) in found.iter().zip(probability_best_of(&posteriors)) {
        // Rewards are kept in units of 2⁻²⁴.
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }
    for law in laws() {
        // The arm that earned the most has the most, and the range does not matter where it is not part of the law.
        let [poor, rich] =
            [[0.01, 0.02, 0.0, 0.03], [0.05, 0.0, 0.06, 0.04]].map(|rewards| observed(&rewards));
        let found = shares(&Thompson::of(law).unwrap(), &[poor, rich]);
        assert!(found[1] > found[0], "{law:?}: {found:?}");
        let wide = [[0.1, 0.2, 0.0, 0.3], [0.5, 0.0, 0.6, 0.4]].map(|rewards| observed(&rewards));
        let again = shares(&Thompson::of(law).unwrap(), &wide);
        if matches!(law, RewardLaw::Gaussian | RewardLaw::ZeroInflated { .. }) {
            assert!((found[0] - again[0]).abs() < 1e-4, "{law:?}: {found:?} {again:?}");
        }
    }
}

/// In a bandit, through plans, eligible sets and the exploration share, every law selects eligible arms at a known propensity.
#[test]
fn bandits_select_by_the_law() {
    for law in laws() {
        let arms = tactful::ArmSpace::builder().dimension("template", ["a", "b", "c"]).build().unwrap();
        let bandit = Bandit::builder(arms, tactful::Segments::single())
            .reward(RewardKind::Real { minimum: 0.0, maximum: 100.0 })
            .policy(Thompson::of(law).unwrap())
            .exploration(0.01)
            .build()
            .unwrap();
        let segment = tactful::SegmentId::new(0);
        let mut rng = Generator::seed_from_u64(3);
        let without: Eligibility = bandit.arms().eligible(|arm| arm.level("template") != "b");
        for round in 0..400_u32 {
            let set = if round % 2 == 0 { bandit.arms().all() } else { without.clone() };
            let decision = bandit.select(segment, &set, &mut rng).unwrap();
            assert!(set.iter().any(|arm| arm == decision.arm()) && decision.propensity() > 0.0);
            let pays = [10.0, 30.0, 60.0][decision.arm().index()];
            let amount = if round % 3 == 0 { pays } else { 0.0 };
            bandit.reward(&decision, Reward::new(amount)).unwrap();
        }
    }
}
