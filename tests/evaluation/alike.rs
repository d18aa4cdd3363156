//! Numbers that are looked up and numbers that are asked for in every round give the same figures.

use proptest::prelude::*;
use rand::SeedableRng;
use tactful::ArmId;
use tactful::evaluation::{
    AdditiveModel, ArmGroups, BestPerSegment, Evaluator, Occasion, PooledModel, Question, RewardModel,
    TargetPolicy, TargetTable,
};
use tactful::policy::{Fixed, Uniform};

use crate::random_log::{RandomLog, same_evaluation};
use crate::world::Generator;

/// A target, or a model, that says nothing of how its numbers vary, so that every round asks for its own.
#[derive(Debug)]
struct Silent<T>(T);

impl TargetPolicy for Silent<&dyn TargetPolicy> {
    fn probability(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        self.0.probability(occasion, arm)
    }
}

impl RewardModel for Silent<&dyn RewardModel> {
    fn reward(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        self.0.reward(occasion, arm)
    }

    fn is_fitted(&self) -> bool {
        self.0.is_fitted()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn looked_up_or_asked_for_the_figures_are_the_same(seed in 0_u64..1 << 32, which in 0_u32..4, additive in any::<bool>()) {
        let random = RandomLog::new(seed);
        let (log, mut rng) = (&random.log, Generator::seed_from_u64(seed));
        let count = log.arms().len();
        let rows = random.rows(log.segments().len(), &mut rng);
        let table = TargetTable::new(rows.chunks(count)).unwrap();
        let (fixed, best) = (Fixed::new(ArmId::new(0)), BestPerSegment::fit(log));
        let target: &dyn TargetPolicy = [&Uniform as &dyn TargetPolicy, &fixed, &table, &best][which as usize];
        let (pooled, levels) = (PooledModel::fit(log), AdditiveModel::fit(log));
        let model: &dyn RewardModel = if additive { &levels } else { &pooled };
        let groups = ArmGroups::by((0..count).map(|arm| arm % 2));
        let (silent_target, silent_model) = (Silent(target), Silent(model));
        let evaluated = |target: &dyn TargetPolicy, model: &dyn RewardModel| {
            Evaluator::default().evaluate(&Question::new(log, target).model(model).dimensions(&groups)).unwrap()
        };
        let fast = evaluated(target, model);
        same_evaluation(&fast, &evaluated(&silent_target, &silent_model), 1e-12);
        // Either alone.
        same_evaluation(&fast, &evaluated(&silent_target, model), 1e-12);
        same_evaluation(&fast, &evaluated(target, &silent_model), 1e-12);
    }
}
