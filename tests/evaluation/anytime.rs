//! Intervals and alarms that hold at all times at once, over whole paths and on the logs of policies that learn.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Beta as BetaLaw, Distribution};
use tactful::belief::{ConfidenceSequence, Stretch, change};
use tactful::evaluation::{Anytime, EstimateError, Estimator, Evaluator, RunningValue, WeightedRounds};

/// A log of Thompson sampling with two arms: what was sent, with what probability, and whether it paid.
struct Learning {
    rates: [f64; 2],
    counts: [(f64, f64); 2],
    propensities: [f64; 2],
    rounds: u32,
}

impl Learning {
    fn new(rates: [f64; 2]) -> Self {
        Self { rates, counts: [(0.0, 0.0); 2], propensities: [0.5; 2], rounds: 0 }
    }

    /// Plans anew every 25 rounds, by as many draws from the posteriors as give probabilities to 1/64, a tenth of which is
    /// spread evenly: exact probabilities of what is drawn, whatever they are probabilities of.
    fn round(&mut self, rng: &mut Xoshiro256PlusPlus) -> (usize, f64, f64) {
        if self.rounds.is_multiple_of(25) {
            let law = |(paid, sent): (f64, f64)| BetaLaw::new(1.0 + paid, 1.0 + sent - paid).unwrap();
            let laws = self.counts.map(law);
            let wins = (0..64).filter(|_| laws[1].sample(rng) > laws[0].sample(rng)).count() as f64 / 64.0;
            self.propensities = [0.9 * (1.0 - wins) + 0.05, 0.9 * wins + 0.05];
        }
        self.rounds += 1;
        let arm = usize::from(rng.random::<f64>() < self.propensities[1]);
        let reward = f64::from(u8::from(rng.random::<f64>() < self.rates[arm]));
        self.counts[arm].0 += reward;
        self.counts[arm].1 += 1.0;
        (arm, self.propensities[arm], reward)
    }
}

/// The most failures among so many runs that a chance of 5 % makes likely, with a false-alarm rate of 10⁻⁴.
fn allowed(runs: u32) -> u32 {
    let n = f64::from(runs);
    (0.05 * n + 3.72 * (0.05 * 0.95 * n).sqrt()) as u32
}

/// Statistic: runs in which the interval ever excludes an arm's rate, among 1,000 runs of 2,000 rounds, looked at after each.
/// The normal interval, looked at as often from round 30 on, must fail in far more.
#[test]
fn an_arms_interval_covers_over_whole_paths_of_a_learning_policy() {
    const RUNS: u32 = 1000;
    let sequence = ConfidenceSequence::new(0.05, 200.0).unwrap();
    let (mut failed, mut failed_normal) = ([0_u32; 2], [0_u32; 2]);
    for run in 0..RUNS {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(u64::from(run));
        let mut log = Learning::new([0.10, 0.13]);
        let (mut excluded, mut excluded_normal) = ([false; 2], [false; 2]);
        for _ in 0..2000 {
            let (arm, ..) = log.round(&mut rng);
            let (paid, sent) = log.counts[arm];
            let rate = log.rates[arm];
            excluded[arm] |= sequence.excludes(rate, paid, sent);
            let mean = paid / sent;
            let reach = 1.96 * (mean * (1.0 - mean) / sent).sqrt();
            excluded_normal[arm] |= sent >= 30.0 && (mean - rate).abs() > reach;
        }
        for arm in 0..2 {
            failed[arm] += u32::from(excluded[arm]);
            failed_normal[arm] += u32::from(excluded_normal[arm]);
        }
    }
    for arm in 0..2 {
        assert!(failed[arm] <= allowed(RUNS), "arm {arm}: {} of {RUNS} runs excluded the rate", failed[arm]);
        assert!(failed_normal[arm] > 5 * allowed(RUNS) / 2, "arm {arm}: normal {}", failed_normal[arm]);
    }
    println!("excluded in {failed:?} of {RUNS} runs; normal intervals in {failed_normal:?}");
}

/// Statistic: runs in which an interval for the value of "always arm 0" ever excludes it, among 600 learning logs of 2,000
/// rounds, looked at every tenth. Normal intervals of IPS and SNIPS must fail in far more.
#[test]
fn a_policys_interval_covers_over_whole_paths_of_learning_logs() {
    const RUNS: u32 = 600;
    let (mut failed, mut failed_normal) = ([0_u32; 2], [0_u32; 2]);
    for run in 0..RUNS {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(10_000 + u64::from(run));
        let mut log = Learning::new([0.30, 0.40]);
        // Every propensity is at least 0.05, and that was known beforehand.
        let mut running =
            [RunningValue::new(0.95, None).unwrap(), RunningValue::new(0.95, Some(20.0)).unwrap()];
        let (mut excluded, mut excluded_normal) = ([false; 2], [false; 2]);
        let (mut n, mut sums) = (0.0, [0.0_f64; 5]);
        for round in 1..=2000 {
            let (arm, propensity, reward) = log.round(&mut rng);
            let weight = if arm == 0 { 1.0 / propensity } else { 0.0 };
            running.iter_mut().for_each(|value| value.take(weight, reward));
            n += 1.0;
            let terms = [
                weight,
                weight * weight,
                weight * reward,
                (weight * reward).powi(2),
                weight * weight * reward,
            ];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            if round % 10 != 0 {
                continue;
            }
            for (excluded, value) in excluded.iter_mut().zip(&running) {
                *excluded |= value.excludes(0.30);
            }
            if round >= 100 {
                let [w, ww, wr, wrwr, wwr] = sums;
                let ips = wr / n;
                let deviation = ((wrwr / n - ips * ips) / n).sqrt();
                excluded_normal[0] |= (ips - 0.30).abs() > 1.96 * deviation;
                // Rewards are 0 or 1: Σ w² (r − v)² = Σ w² r (1 − 2 v) + v² Σ w².
                let snips = wr / w;
                let deviation = (wwr * (1.0 - 2.0 * snips) + snips * snips * ww).sqrt() / w;
                excluded_normal[1] |= (snips - 0.30).abs() > 1.96 * deviation;
            }
        }
        for number in 0..2 {
            failed[number] += u32::from(excluded[number]);
            failed_normal[number] += u32::from(excluded_normal[number]);
        }
    }
    for number in 0..2 {
        assert!(failed[number] <= allowed(RUNS), "{number}: {} of {RUNS} excluded the value", failed[number]);
        assert!(failed_normal[number] > 2 * allowed(RUNS), "{number}: normal {}", failed_normal[number]);
    }
    println!("excluded in {failed:?} of {RUNS} logs; normal intervals in {failed_normal:?}");
}

/// By how much they are wider than normal intervals, on a log of 20,000 even rounds with two arms: the price of peeking.
#[test]
fn the_price_is_a_factor() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let (mut weights, mut rewards) = (Vec::new(), Vec::new());
    for _ in 0..20_000 {
        weights.push(if rng.random::<bool>() { 2.0 } else { 0.0 });
        rewards.push(f64::from(u8::from(rng.random::<f64>() < 0.05)));
    }
    let rounds = WeightedRounds::new(weights, rewards).unwrap();
    let evaluation = Evaluator::default().evaluate(&rounds).unwrap();
    let normal = |estimator| {
        let interval = evaluation.estimate(estimator).unwrap().unwrap().interval;
        interval.1 - interval.0
    };
    let anytime = Anytime::default().weight_limit(2.0);
    let width = |interval: (f64, f64)| interval.1 - interval.0;
    let plain = width(anytime.interval(Estimator::Ips, &rounds).unwrap().unwrap());
    let baseline = width(anytime.interval(Estimator::Snips, &rounds).unwrap().unwrap());
    println!("plain {plain:.4}, with a baseline {baseline:.4}, normal {:.4}", normal(Estimator::Snips));
    assert!(baseline < 2.6 * normal(Estimator::Snips), "{baseline} {}", normal(Estimator::Snips));
    assert!(baseline < plain, "{baseline} {plain}");
}

#[test]
fn what_cannot_be_bounded_is_refused() {
    let rounds = |weight| WeightedRounds::new(vec![weight, 0.5], vec![1.0, 0.0]).unwrap();
    let anytime = Anytime::default();
    assert!(matches!(
        anytime.weight_limit(2.0).with_baseline(&rounds(3.0)),
        Err(EstimateError::WeightLimit { weight, .. }) if weight > 2.0
    ));
    assert!(matches!(
        anytime.confidence(f64::NAN).plain(&rounds(1.0)),
        Err(EstimateError::Confidence { .. })
    ));
    assert!(anytime.interval(Estimator::Dm, &rounds(1.0)).is_none());
    // Whatever is fed in, what comes out is an interval.
    for (weight, reward) in [(f64::NAN, 0.5), (1e308, 1.0), (-1.0, 1.0), (1.0, 7.0), (f64::INFINITY, 0.0)] {
        for limit in [None, Some(2.0)] {
            let mut value = RunningValue::new(0.95, limit).unwrap();
            (0..50).for_each(|_| value.take(weight, reward));
            let (lower, upper) = value.interval();
            assert!(0.0 <= lower && lower <= upper && upper <= 1.0, "{weight} {reward}: {lower} {upper}");
            if !(weight >= 0.0 && (0.0..=1.0).contains(&reward)) {
                assert_eq!((lower, upper), (0.0, 1.0));
            }
        }
    }
}

/// Statistic: runs of 150 days with 50 outcomes each in which an alarm is ever raised, looked at daily: without a change at
/// most 5 % of them; with the rate halved on day 100 nearly all, within 30 days.
#[test]
fn alarms_are_rarely_false_and_find_what_has_changed() {
    const RUNS: u32 = 400;
    let (mut false_alarms, mut found, mut early, mut late) = (0, 0, 0, 0.0);
    for run in 0..RUNS {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(20_000 + u64::from(run));
        let mut day = |start, rate: f64| {
            let sum = (0..50).filter(|_| rng.random::<f64>() < rate).count() as f64;
            Stretch { start, sum, outcomes: 50.0 }
        };
        let (mut still, mut changed) = (Vec::new(), Vec::new());
        let mut alarm = None;
        for number in 0..150 {
            still.push(day(number, 0.2));
            changed.push(day(number, if number < 100 { 0.2 } else { 0.1 }));
            alarm = alarm.or(change(&changed, 0.05).map(|change| (number, change.at)));
        }
        false_alarms += u32::from((1..=still.len()).any(|days| change(&still[..days], 0.05).is_some()));
        match alarm {
            Some((number, _)) if number < 100 => early += 1,
            Some((number, at)) if number < 130 => {
                found += 1;
                late += f64::from(number - 99);
                assert!((80..=115).contains(&at), "the change is put at day {at}");
            }
            _ => {}
        }
    }
    println!("false {false_alarms}, found {found} after {:.1} days, early {early}", late / f64::from(found));
    assert!(false_alarms <= allowed(RUNS), "{false_alarms} false alarms in {RUNS} runs");
    assert!(found >= RUNS * 95 / 100 && early <= allowed(RUNS), "found {found}, early {early}");
}

/// The same of an arm that Thompson sampling favours or neglects: false alarms among 400 learning logs of 4,000 rounds in
/// stretches of 100, looked at after each.
#[test]
fn alarms_are_rarely_false_where_a_policy_learns() {
    const RUNS: u32 = 400;
    let mut false_alarms = [0; 2];
    for run in 0..RUNS {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(30_000 + u64::from(run));
        let mut log = Learning::new([0.10, 0.13]);
        let mut stretches: [Vec<Stretch>; 2] = Default::default();
        let mut alarmed = [false; 2];
        for start in 0..40 {
            let before = log.counts;
            (0..100).for_each(|_| _ = log.round(&mut rng));
            for arm in 0..2 {
                let (sum, outcomes) = (log.counts[arm].0 - before[arm].0, log.counts[arm].1 - before[arm].1);
                stretches[arm].push(Stretch { start, sum, outcomes });
                alarmed[arm] |= change(&stretches[arm], 0.05).is_some();
            }
        }
        false_alarms.iter_mut().zip(alarmed).for_each(|(count, alarmed)| *count += u32::from(alarmed));
    }
    println!("false alarms {false_alarms:?} of {RUNS}");
    assert!(false_alarms.iter().all(|&count| count <= allowed(RUNS)), "{false_alarms:?}");
}
