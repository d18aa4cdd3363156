//! Worlds made of real counts: each run is one of the tests that somebody once ran.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;

use crate::arm::ArmId;
use crate::belief::pool;
use crate::segment::SegmentId;

use super::bernoulli::{MeansError, largest, toss};
use super::scene::{Scene, scenery};
use super::{Generator, Life, Request, Response, World};

/// Tests with counts of successes and trials for each arm; each run draws one of them at random, and takes for truth
/// the observed rates drawn towards the mean of the test.
///
/// An observed rate is noisy, and the best-looking one flatters itself: taken as it is, arms would differ by more than
/// they do. [`pool`] tells how much of the differences is chance.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedTests {
    /// Rates of the arms of each test, and which set holds so many.
    tests: Vec<(Vec<f64>, usize)>,
    scene: Scene,
}

impl CountedTests {
    /// Tests as (successes, trials) of their arms, of which tests may have different numbers. Successes beyond the trials
    /// count as so many.
    ///
    /// # Errors
    ///
    /// [`MeansError::Arms`] for no test, or one with no or too many arms.
    pub fn new(tests: &[Vec<(u64, u64)>]) -> Result<Self, MeansError> {
        let most = tests.iter().map(Vec::len).max().unwrap_or(0);
        if tests.iter().any(Vec::is_empty) {
            return Err(MeansError::Arms { arms: 0 });
        }
        let mut scene = Scene::numbered(most).map_err(|_| MeansError::Arms { arms: most })?;
        // The first arms, as many as there are in some test.
        let sizes: BTreeSet<usize> = tests.iter().map(Vec::len).collect();
        let first = |&size: &usize| scene.arms.eligible(|arm| arm.id().index() < size);
        scene.sets = sizes.iter().map(first).collect();
        let set: BTreeMap<usize, usize> = sizes.into_iter().zip(0..).collect();
        let rates = |test: &Vec<(u64, u64)>| {
            let possible: Vec<_> =
                test.iter().map(|&(successes, trials)| (successes.min(trials), trials)).collect();
            (pool(&possible).rates, set[&test.len()])
        };
        Ok(Self { tests: tests.iter().map(rates).collect(), scene })
    }
}

impl World for CountedTests {
    scenery!(scene);

    fn begin(&self, rng: &mut Generator) -> Box<dyn Life + '_> {
        let (rates, set) = &self.tests[rng.random_range(0..self.tests.len())];
        Box::new(Test { rates, set: *set, best: largest(rates) })
    }
}

struct Test<'a> {
    rates: &'a [f64],
    set: usize,
    best: f64,
}

impl Life for Test<'_> {
    fn next(&mut self, _: &mut Generator) -> Request {
        Request { segment: SegmentId::new(0), eligible: self.set }
    }

    fn mean(&self, arm: ArmId) -> f64 {
        self.rates[arm.index()]
    }

    fn best(&self) -> f64 {
        self.best
    }

    fn respond(&mut self, arm: ArmId, rng: &mut Generator) -> Response {
        Response::at_once(toss(self.mean(arm), rng))
    }
}
