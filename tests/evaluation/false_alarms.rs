//! Warnings of a policy that learnt and of propensities that are off: seldom on honest logs, nearly always on others.

use rand::SeedableRng;
use tactful::evaluation::{Estimator, Evaluator, Log, Question, Warning, warnings};
use tactful::policy::Uniform;
use tactful::{RewardKind, SegmentId};

use crate::world::{Generator, arms, draw, round, segments, unit};

/// Logs looked at. Each warning is given where chance would do as much one time in a thousand.
const LOGS: u64 = 2000;

/// At a rate of 0.001 a log, 2,000 logs have 2 false alarms on average, and more than 9 (Poisson) one time in 20,000.
const ALLOWED: usize = 9;

/// A log of 1,500 rounds of a policy whose propensities change from round to round, at a whim: in each of two segments the
/// shares of four arms. `share` says, by the segment, the time that has gone by and a whim, what is logged of the last arm and
/// what is done.
fn log(seed: u64, share: impl Fn(u32, f64, f64) -> (f64, f64)) -> Log {
    let rng = &mut Generator::seed_from_u64(seed);
    let rows: Vec<_> = (0..1500)
        .map(|number| {
            let segment = draw(&[0.6, 0.4], rng);
            let whim = 0.1 + 0.3 * unit(rng) + 0.1 * f64::from(segment);
            let (logged, done) = share(segment, f64::from(number) / 1500.0, whim);
            let shares = |last: f64| [0.5 * (1.0 - last), 0.3 * (1.0 - last), 0.2 * (1.0 - last), last];
            let arm = draw(&shares(done), rng);
            let paid = f64::from(u8::from(unit(rng) < 0.2));
            round(segment, arm, shares(logged)[arm as usize], paid)
        })
        .collect();
    Log::new(arms(4), segments(2), RewardKind::Binary, rows).unwrap()
}

/// Of how many logs it is said that a policy learnt, that arms were sent too often or too seldom, and that propensities of
/// some size are off.
fn alarms(logs: u64, share: impl Fn(u32, f64, f64) -> (f64, f64)) -> [usize; 3] {
    let mut alarms = [0; 3];
    for seed in 0..logs {
        let log = log(70_000 + seed, &share);
        assert!(log.shown(SegmentId::new(1)).len() == 4, "all arms are shown");
        let evaluator = Evaluator::default().estimators([Estimator::Ips]);
        let evaluation = evaluator.evaluate(&Question::new(&log, &Uniform)).unwrap();
        for warning in warnings(&log, &evaluation) {
            alarms[0] += usize::from(matches!(warning, Warning::Adaptive { .. }));
            alarms[1] += usize::from(matches!(warning, Warning::SampleRatio { .. }));
            alarms[2] += usize::from(matches!(warning, Warning::Miscalibrated { .. }));
        }
    }
    println!("of {logs}: learnt {}, ratios {}, sizes {}", alarms[0], alarms[1], alarms[2]);
    alarms
}

/// Statistic: honest logs with a warning of each kind.
#[test]
fn honest_logs_are_seldom_accused() {
    let alarms = alarms(LOGS, |_, _, whim| (whim, whim));
    assert!(alarms.iter().all(|&alarms| alarms <= ALLOWED), "{alarms:?} false alarms");
}

/// The last arm's share follows time, by so little that a third of the correlation would go unnoticed; or it is sent less often
/// than is logged; or so in one segment and more often in the other, as often in all as is logged.
#[test]
fn others_are_accused_of_what_they_do() {
    const OTHERS: u64 = 100;
    let drifting = alarms(OTHERS, |_, time, whim| (whim + 0.06 * time, whim + 0.06 * time));
    assert!(drifting[0] >= 90 && drifting[1] + drifting[2] <= 2, "{drifting:?}");
    let seldom = alarms(OTHERS, |_, _, whim| (whim, 0.67 * whim));
    assert!(seldom[1] >= 90 && seldom[0] <= 2, "{seldom:?}");
    let shifted = alarms(OTHERS, |segment, _, whim| (whim, [0.5, 1.75][segment as usize] * whim));
    assert!(shifted[2] >= 90 && shifted[0] <= 2, "{shifted:?}");
}
