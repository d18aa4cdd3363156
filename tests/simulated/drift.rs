//! Where rates change at once, policies that forget lose less than those that trust the past: a bandit in the host's time,
//! in the world of A. Garivier, E. Moulines (2011), *On Upper-Confidence Bound Policies for Switching Bandit Problems*.

use std::time::Duration;

use rand::SeedableRng;
use tactful::belief::{Forgetting, Pending};
use tactful::policy::named;
use tactful::simulation::{ChangingArms, Generator, World};
use tactful::time::Window;
use tactful::{Bandit, Timestamp};

/// Regret against the best arm of the moment after 10,000 customers, one a second; the third arm is best from the 3,001st to
/// the 5,000th. Outcomes are known at once, plans grow old by 1 %.
fn regret(policy: &str, forgetting: Forgetting, seed: u64) -> f64 {
    let usual = vec![0.5, 0.3, 0.4];
    let world =
        ChangingArms::new(vec![(3_000, usual.clone()), (2_000, vec![0.5, 0.3, 0.9]), (1, usual)]).unwrap();
    let mut rng = Generator::seed_from_u64(seed);
    let mut life = world.begin(&mut rng);
    let seconds = Duration::from_secs;
    let bandit = Bandit::builder(world.arms().clone(), world.segments().clone())
        .boxed_policy(named(policy, 10_000).unwrap())
        .window(Window::new(seconds(20), seconds(20)).unwrap())
        .pending(Pending::AsDefault)
        .forgetting(forgetting)
        .exploration(0.0)
        .incarnation(1)
        .build()
        .unwrap();
    let mut regret = 0.0;
    for second in 0..10_000 {
        bandit.advance_to(Timestamp::from_millis(second * 1_000)).unwrap();
        let request = life.next(&mut rng);
        let decision = bandit.select(request.segment, &world.sets()[0], &mut rng).unwrap();
        regret += life.best() - life.mean(decision.arm());
        bandit.reward(&decision, life.respond(decision.arm(), &mut rng).reward).unwrap();
    }
    regret
}

/// Means over eight worlds: Thompson 796 without forgetting and 263 with, UCB with the constant ½ 817 and 375.
#[test]
fn under_an_abrupt_change_forgetting_loses_less() {
    let mean = |policy, forgetting: Forgetting| {
        (0..8).map(|seed| regret(policy, forgetting, seed)).sum::<f64>() / 8.0
    };
    let half_life = Forgetting::HalfLife(Duration::from_secs(277));
    let sliding = Forgetting::Window(Duration::from_secs(1_200));
    for (policy, forgetting) in [("thompson", half_life), ("ucb1(0.5)", sliding)] {
        let (stationary, forgetful) = (mean(policy, Forgetting::Never), mean(policy, forgetting));
        println!("{policy}: {stationary:.0} without forgetting, {forgetful:.0} with {forgetting:?}");
        assert!(forgetful < 0.7 * stationary, "{policy}: {stationary} without forgetting, {forgetful} with");
    }
}
