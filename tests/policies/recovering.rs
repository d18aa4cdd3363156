//! Recovering arms: priors by segment and arm, and what they save where a message that was just seen is worth less.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::arm::Arm;
use tactful::belief::{Beta, Recovery};
use tactful::policy::Thompson;
use tactful::segment::Segment;
use tactful::simulation::{Experiment, Generator, Life, Request, Response, World};
use tactful::{ArmId, ArmSpace, Bandit, Cadence, Eligibility, Reward, SegmentId, Segments};

const TEMPLATES: usize = 6;
const RATES: [f64; TEMPLATES] = [0.10, 0.12, 0.11, 0.12, 0.10, 0.11];

/// Penalty and half-life in days.
const TRUTH: (f64, f64) = (0.08, 15.0);

/// Levels of recency, with the days in their middle.
const RECENCIES: [(&str, f64); 3] = [("this_week", 3.5), ("this_month", 18.0), ("longer", 60.0)];

/// Customers who have seen one of the templates a while ago.
#[derive(Debug)]
struct Recovering {
    arms: ArmSpace,
    segments: Segments,
    sets: Vec<Eligibility>,
}

impl Recovering {
    fn new() -> Self {
        let templates = || (0..TEMPLATES).map(|template| template.to_string());
        let arms = ArmSpace::builder().dimension("template", templates()).build().unwrap();
        let recencies = RECENCIES.map(|(name, _)| name);
        let segments =
            Segments::builder().attribute("seen", templates()).attribute("ago", recencies).build().unwrap();
        Self { sets: vec![arms.all()], arms, segments }
    }
}

impl World for Recovering {
    fn arms(&self) -> &ArmSpace {
        &self.arms
    }

    fn segments(&self) -> &Segments {
        &self.segments
    }

    fn sets(&self) -> &[Eligibility] {
        &self.sets
    }

    fn begin(&self, _: &mut Generator) -> Box<dyn Life + '_> {
        Box::new(Customer { seen: 0, recency: 0 })
    }
}

struct Customer {
    seen: usize,
    recency: usize,
}

impl Life for Customer {
    fn next(&mut self, rng: &mut Generator) -> Request {
        (self.seen, self.recency) = (rng.random_range(0..TEMPLATES), rng.random_range(0..RECENCIES.len()));
        let segment = SegmentId::new((self.seen * RECENCIES.len() + self.recency) as u32);
        Request { segment, eligible: 0 }
    }

    fn mean(&self, arm: ArmId) -> f64 {
        let penalty = TRUTH.0 * (-RECENCIES[self.recency].1 / TRUTH.1).exp2();
        RATES[arm.index()] - if arm.index() == self.seen { penalty } else { 0.0 }
    }

    fn best(&self) -> f64 {
        (0..TEMPLATES as u32).map(|arm| self.mean(ArmId::new(arm))).fold(0.0, f64::max)
    }

    fn respond(&mut self, arm: ArmId, rng: &mut Generator) -> Response {
        Response::at_once(Reward::from(rng.random_bool(self.mean(arm))))
    }
}

/// Of the strength of fifty outcomes, and less for what was seen of late.
fn prior(recovery: Recovery) -> impl Fn(Segment<'_>, Arm<'_>) -> Beta {
    let rested = Beta::new(5.5, 44.5).unwrap();
    move |segment, arm| {
        let levels: Vec<&str> = segment.levels().map(|(_, level)| level).collect();
        let days = RECENCIES.iter().find(|(name, _)| *name == levels[1]).unwrap().1;
        if levels[0] == arm.level("template") { recovery.prior(rested, days) } else { rested }
    }
}

#[test]
fn a_prior_of_the_right_shape_saves_what_each_level_of_recency_would_have_to_learn() {
    let world = Recovering::new();
    let experiment = Experiment::new(&world, 5_000).cadence(Cadence::growth(0.05).unwrap());
    let regret =
        |experiment: Experiment<'_>| *experiment.run(&Thompson::default(), 60, 1).regret.last().unwrap();
    let flat = regret(experiment.clone().prior(Beta::new(5.5, 44.5).unwrap()));
    let shaped = |penalty| regret(experiment.clone().prior_by(prior(Recovery::new(penalty, 15.0).unwrap())));
    let (right, half) = (shaped(0.08), shaped(0.04));
    let apart = |one: &tactful::simulation::Average, other: &tactful::simulation::Average| {
        (one.mean - other.mean) / one.standard_error.hypot(other.standard_error)
    };
    // In standard errors of the difference: a false alarm in 30,000.
    assert!(apart(&flat, &right) > 4.0 && right.mean < 0.9 * flat.mean, "{right:?} of {flat:?}");
    // Half right still helps; nothing at all is the flat prior.
    assert!(apart(&flat, &half) > 4.0, "{half:?} of {flat:?}");
    assert_eq!(shaped(0.0), flat);
}

#[test]
fn a_bandit_takes_its_priors_by_segment_and_arm() {
    let world = Recovering::new();
    let recovery = Recovery::new(0.08, 15.0).unwrap();
    let builder = Bandit::builder(world.arms.clone(), world.segments.clone()).prior_by(prior(recovery));
    let bandit = builder.incarnation(1).build().unwrap();
    let segment = bandit.segment([("seen", "2"), ("ago", "this_week")]).unwrap();
    let before = |arm: u32| bandit.posterior(segment, ArmId::new(arm));
    assert_eq!(before(0), Beta::new(5.5, 44.5).unwrap());
    assert_eq!(before(2), recovery.prior(Beta::new(5.5, 44.5).unwrap(), 3.5));
    let plan = bandit.plan(segment, &bandit.arms().all()).unwrap();
    assert!(plan.propensity(ArmId::new(2)) < 0.3 * plan.propensity(ArmId::new(0)));

    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let decision = bandit.select(segment, &bandit.arms().all(), &mut rng).unwrap();
    bandit.reward(&decision, Reward::SUCCESS).unwrap();
    let after = bandit.posterior(segment, decision.arm());
    let prior = prior(recovery)(bandit.segments().segment(segment), bandit.arms().arm(decision.arm()));
    assert_eq!(after, prior.updated(1.0, 0.0));
}
