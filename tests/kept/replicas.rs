//! Several processes, one portfolio: exactly once wherever a reward is delivered, the same statistics everywhere however
//! the deltas travel, nobody's counters lost with a process that named its heir.

use std::time::Duration;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::RewardError;
use tactful::delta::ExchangeError;
use tactful::policy::Uniform;
use tactful::reward::{RewardRule, Stage};
use tactful::snapshot::RestoreError;
use tactful::time::Window;
use tactful::{
    ArmSpace, ArmStatistics, Bandit, Decision, Delta, Outcome, Reward, SegmentId, Segments, Snapshot,
    Timestamp,
};

const DAY: u64 = 86_400_000;
const SEGMENT: SegmentId = SegmentId::new(0);

fn process(replica: u16, incarnation: u64, heir: Option<u16>, window: bool) -> Bandit {
    let arms = ArmSpace::builder().dimension("channel", ["email", "sms", "letter"]).build().unwrap();
    let mut builder = Bandit::builder(arms, Segments::single()).policy(Uniform).replica(replica);
    if window {
        let day = Duration::from_millis(DAY);
        builder = builder.window(Window::new(3 * day, day).unwrap());
    }
    if let Some(heir) = heir {
        builder = builder.heir(heir);
    }
    builder.incarnation(incarnation).replicated().build().unwrap()
}

fn send(bandit: &Bandit, count: usize, seed: u64) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..count).map(|_| bandit.select(SEGMENT, &bandit.arms().all(), &mut rng).unwrap()).collect()
}

fn statistics(bandit: &Bandit) -> Vec<ArmStatistics> {
    bandit.arms().iter().map(|arm| bandit.statistics(SEGMENT, arm.id())).collect()
}

fn sums(bandit: &Bandit) -> (u64, f64) {
    statistics(bandit).iter().fold((0, 0.0), |(issued, sum), arm| (issued + arm.issued(), sum + arm.sum()))
}

/// Through text, as between processes.
fn told(bandit: &Bandit) -> Delta {
    serde_json::from_str(&serde_json::to_string(&bandit.delta().unwrap()).unwrap()).unwrap()
}

/// Everybody tells everybody, twice, so that what was forwarded is known to all.
fn exchange(processes: &[&Bandit]) {
    for _ in 0..3 {
        let deltas: Vec<Delta> = processes.iter().map(|bandit| told(bandit)).collect();
        for bandit in processes {
            for delta in &deltas {
                bandit.merge(delta).unwrap();
            }
        }
    }
}

#[test]
fn a_reward_delivered_at_two_places_is_counted_exactly_once() {
    for window in [false, true] {
        let [a, b, c] = [1, 2, 3].map(|replica| process(replica, u64::from(replica), None, window));
        for bandit in [&a, &b, &c] {
            bandit.advance_to(Timestamp::from_millis(DAY)).unwrap();
        }
        let sent = send(&a, 10, 1);
        // The same token at the two that did not make it, twice at one of them, and at home.
        for (place, times) in [(&b, 2), (&c, 1), (&a, 1)] {
            for _ in 0..times {
                let decision = place.parse(sent[0].token()).unwrap();
                place.reward(&decision, Reward::SUCCESS).unwrap();
            }
        }
        c.reward(&c.parse(sent[1].token()).unwrap(), Reward::SUCCESS).unwrap();
        assert_eq!(told(&b).forwarded(), 2);
        exchange(&[&a, &b, &c]);
        for bandit in [&a, &b, &c] {
            assert_eq!(sums(bandit), (10, 2.0));
            assert_eq!(told(bandit).forwarded(), 0, "what has arrived need not wait any longer");
        }
        assert_eq!(statistics(&a), statistics(&b));
        assert!(matches!(a.reward(&sent[0], Reward::SUCCESS), Err(RewardError::AlreadyRewarded { .. })));
    }
}

#[test]
fn outcomes_in_stages_are_forwarded_too_and_counted_exactly_once() {
    let rule =
        || RewardRule::builder(0.0, 2.0).weight(Stage::Promised, 0.5).payment(100.0, 100.0).build().unwrap();
    let [a, b] = [1, 2].map(|replica| {
        let arms = ArmSpace::builder().dimension("channel", ["email", "sms", "letter"]).build().unwrap();
        let day = Duration::from_millis(DAY);
        let builder = Bandit::builder(arms, Segments::single()).policy(Uniform).stages(rule());
        let builder = builder.window(Window::new(3 * day, day).unwrap()).replica(replica).incarnation(1);
        builder.replicated().build().unwrap()
    });
    let sent = send(&a, 10, 1);
    for place in [&b, &a] {
        place.observe(&sent[0], Outcome::paid(60.0)).unwrap();
    }
    b.observe(&sent[0], Stage::Promised).unwrap();
    b.observe(&sent[1], Stage::Promised).unwrap();
    assert!(b.observe(&sent[1], Outcome::paid(-1.0)).is_err());
    assert!(a.observe(&sent[0], Outcome::paid(60.0)).is_err());
    exchange(&[&a, &b]);
    for bandit in [&a, &b] {
        let (issued, sum) = sums(bandit);
        // Of a range of 2: 1.1 and 0.5.
        assert!(issued == 10 && (sum - 0.8).abs() < 1e-6, "{issued} {sum}");
        assert_eq!(told(bandit).forwarded(), 0, "stages that have arrived need not wait for the cohort");
        bandit.advance_to(Timestamp::from_millis(9 * DAY)).unwrap();
    }
    exchange(&[&a, &b]);
    assert_eq!(statistics(&a), statistics(&b));
    // One that was taken back waits for nothing either.
    let sent = send(&a, 2, 2);
    b.observe(&sent[0], Stage::Promised).unwrap();
    a.cancel(&sent[0]).unwrap();
    b.observe(&sent[1], Outcome::paid(60.0)).unwrap();
    a.observe(&sent[1], Stage::Promised).unwrap();
    let before = told(&a);
    b.merge(&before).unwrap();
    b.merge(&before).unwrap();
    assert_eq!(told(&b).forwarded(), 1, "the payment has not arrived, though a promise has");
    exchange(&[&a, &b]);
    assert_eq!(told(&b).forwarded(), 0);
}

#[test]
fn old_deltas_and_our_own_change_nothing() {
    let [a, b] = [1, 2].map(|replica| process(replica, 7, None, false));
    send(&a, 5, 1);
    let old = told(&a);
    send(&a, 5, 2);
    let new = told(&a);
    assert!(b.merge(&new).unwrap().newer);
    assert!(!b.merge(&old).unwrap().newer);
    assert!(!b.merge(&new).unwrap().newer);
    assert_eq!(sums(&b), (10, 0.0));
    assert!(!a.merge(&old).unwrap().newer);
    assert_eq!(sums(&a), (10, 0.0));
    let alone = Bandit::builder(a.arms().clone(), Segments::single()).build().unwrap();
    assert_eq!(alone.delta().unwrap_err(), ExchangeError::NotReplicated);
    assert_eq!(alone.merge(&new), Err(ExchangeError::NotReplicated));
}

#[test]
fn the_heir_and_nobody_else_takes_over_what_a_lost_process_has_left() {
    for window in [false, true] {
        let mut a = process(1, 1, Some(2), window);
        let mut b = process(2, 2, None, window);
        let mut c = process(3, 3, Some(1), window);
        for bandit in [&a, &b, &c] {
            bandit.advance_to(Timestamp::from_millis(DAY)).unwrap();
        }
        let sent = [send(&a, 20, 1), send(&b, 20, 2), send(&c, 20, 3)];
        a.reward(&sent[0][0], Reward::SUCCESS).unwrap();
        exchange(&[&a, &b, &c]);
        assert!(matches!(c.adopt(1), Err(ExchangeError::NotTheHeir { replica: 1, heir: Some(2) })));
        assert!(matches!(a.adopt(9), Err(ExchangeError::UnknownReplica { replica: 9 })));

        // Process 1 is gone; its rewards come to both others, some to both.
        let last = told(&a);
        drop(a);
        for (decision, places) in
            [(&sent[0][1], vec![&b]), (&sent[0][2], vec![&c]), (&sent[0][3], vec![&b, &c])]
        {
            for place in places {
                place.reward(&place.parse(decision.token()).unwrap(), Reward::SUCCESS).unwrap();
            }
        }
        b.adopt(1).unwrap();
        assert!(matches!(b.adopt(1), Err(ExchangeError::UnknownReplica { .. })));
        exchange(&[&b, &c]);
        // Its last words arrive late, and find their place taken.
        assert!(!b.merge(&last).unwrap().newer);
        assert!(!c.merge(&last).unwrap().newer);
        for bandit in [&b, &c] {
            assert_eq!(sums(bandit), (60, 4.0), "window: {window}");
        }
        assert_eq!(statistics(&b), statistics(&c));
        assert!(matches!(b.reward(&sent[0][0], Reward::SUCCESS), Err(RewardError::AlreadyRewarded { .. })));
        b.reward(&sent[0][4], Reward::SUCCESS).unwrap();
        exchange(&[&b, &c]);
        assert_eq!((sums(&b), sums(&c)), ((60, 5.0), (60, 5.0)));
    }
}

#[test]
fn an_exchange_survives_a_restart() {
    let [a, b] = [1, 2].map(|replica| process(replica, 1, None, true));
    let sent = [send(&a, 10, 1), send(&b, 10, 2)];
    exchange(&[&a, &b]);
    a.reward(&a.parse(sent[1][0].token()).unwrap(), Reward::SUCCESS).unwrap();
    let text = serde_json::to_string(&a.snapshot()).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&text).unwrap();
    let before = sums(&a);
    drop(a);

    let mut alone = Bandit::builder(b.arms().clone(), Segments::single());
    let day = Duration::from_millis(DAY);
    alone = alone.window(Window::new(3 * day, day).unwrap()).policy(Uniform);
    assert_eq!(alone.build().unwrap().restore(&snapshot), Err(RestoreError::Exchange));
    let mut a = process(1, 99, None, true);
    a.restore(&snapshot).unwrap();
    assert_eq!(sums(&a), before);
    send(&a, 5, 3);
    a.reward(&sent[0][0], Reward::SUCCESS).unwrap();
    exchange(&[&a, &b]);
    assert_eq!(sums(&a), (25, 2.0));
    assert_eq!(statistics(&a), statistics(&b));
}

#[test]
fn what_waits_to_be_forwarded_outlasts_a_build_with_other_arms() {
    let start = |replica: u16, incarnation: u64, channels: &[&str]| {
        let arms = ArmSpace::builder().dimension("channel", channels.iter().copied()).build().unwrap();
        let builder = Bandit::builder(arms, Segments::single()).policy(Uniform).replica(replica);
        builder.incarnation(incarnation).replicated().build().unwrap()
    };
    let [a, b] = [1, 2].map(|replica| start(replica, 1, &["email", "sms"]));
    let sent = send(&a, 10, 1);
    b.reward(&b.parse(sent[0].token()).unwrap(), Reward::SUCCESS).unwrap();
    let [a, b] = [(1, a), (2, b)].map(|(replica, before)| {
        let mut next = start(replica, 2, &["letter", "sms", "email"]);
        next.restore(&before.snapshot()).unwrap();
        next
    });
    assert_eq!(told(&b).forwarded(), 1);
    exchange(&[&a, &b]);
    assert_eq!((sums(&a), sums(&b)), ((10, 1.0), (10, 1.0)));
}

#[test]
fn nothing_lost_that_another_has_accepted_in_time() {
    let at = |bandit: &Bandit, day| bandit.advance_to(Timestamp::from_millis(day * DAY)).unwrap();
    let [a, b, c] = [1, 2, 3].map(|replica| process(replica, 1, None, true));
    [&a, &b, &c].into_iter().for_each(|bandit| at(bandit, 10));
    let sent = send(&a, 10, 1);
    exchange(&[&a, &b, &c]);
    // The window is open through day 13. What the others take then reaches the issuer days later.
    [&b, &c].into_iter().for_each(|bandit| at(bandit, 13));
    for (place, number) in [(&b, 0), (&b, 1), (&c, 1), (&c, 2)] {
        place.reward(&place.parse(sent[number].token()).unwrap(), Reward::SUCCESS).unwrap();
    }
    [&a, &b, &c].into_iter().for_each(|bandit| at(bandit, 15));
    let late = |bandit: &Bandit, number: usize| {
        let told = bandit.reward(&bandit.parse(sent[number].token()).unwrap(), Reward::SUCCESS);
        assert!(matches!(told, Err(RewardError::Late { .. })), "{told:?}");
    };
    // By then nobody takes any more, and nobody waits for what was not taken.
    [&a, &b, &c].into_iter().for_each(|bandit| late(bandit, 3));
    assert_eq!(told(&b).forwarded(), 2);
    let from_b = told(&b);
    assert_eq!(a.merge(&from_b).unwrap().counted, 2);
    let again = a.merge(&from_b).unwrap();
    assert_eq!((again.counted, again.refused), (0, 2));
    let from_c = told(&c);
    let merged = a.merge(&from_c).unwrap();
    assert_eq!((merged.counted, merged.refused), (1, 1));
    assert_eq!(sums(&a), (10, 3.0));
    // Again, and again: nothing counts twice.
    let merged = a.merge(&from_c).unwrap();
    assert_eq!((merged.counted, merged.refused), (0, 2));
    assert_eq!(sums(&a), (10, 3.0));
    exchange(&[&a, &b, &c]);
    for bandit in [&a, &b, &c] {
        assert_eq!(sums(bandit), (10, 3.0));
        assert_eq!(told(bandit).forwarded(), 0);
    }

    // One that is never heard of again holds nothing up for ever: a window and its time of grace, as long again.
    let sent = send(&a, 5, 2);
    at(&b, 17);
    for decision in &sent[..2] {
        b.reward(&b.parse(decision.token()).unwrap(), Reward::SUCCESS).unwrap();
    }
    let kept = told(&b);
    at(&a, 22);
    assert_eq!(a.merge(&kept).unwrap().counted, 2);
    let text = |bandit: &Bandit| serde_json::to_string(&told(bandit)).unwrap();
    assert!(text(&a).contains(r#""cohort":16,"#));
    at(&a, 23);
    assert!(!text(&a).contains(r#""cohort":16,"#));
    assert_eq!(a.merge(&kept).unwrap().refused, 2);
    assert_eq!(sums(&a), (15, 5.0));
}

#[derive(Clone, Debug)]
enum Step {
    Send(usize, u8),
    Reward(u16, usize),
    Tell(usize, usize),
    Repeat(u16, usize),
    Restart(usize),
    Advance,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 1..4_u8).prop_map(|(process, count)| Step::Send(process, count)),
        6 => (any::<u16>(), 0..3_usize).prop_map(|(which, place)| Step::Reward(which, place)),
        4 => (0..3_usize, 0..3_usize).prop_map(|(from, to)| Step::Tell(from, to)),
        2 => (any::<u16>(), 0..3_usize).prop_map(|(which, to)| Step::Repeat(which, to)),
        1 => (0..3_usize).prop_map(Step::Restart),
        1 => Just(Step::Advance),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn order_free_and_exactly_once_however_deltas_travel(
        steps in prop::collection::vec(step(), 1..50),
        window in any::<bool>(),
    ) {
        let mut life = 10;
        let mut processes: Vec<Bandit> = (0..3).map(|n| process(n, u64::from(n), None, window)).collect();
        let mut sent: Vec<Decision> = Vec::new();
        let mut rewarded = std::collections::BTreeSet::new();
        let mut deltas: Vec<Delta> = Vec::new();
        let mut today = 0;
        for step in steps {
            match step {
                Step::Send(at, count) => {
                    let seed = sent.len() as u64;
                    sent.extend(send(&processes[at], usize::from(count), seed));
                }
                Step::Reward(..) if sent.is_empty() => {}
                Step::Reward(which, place) => {
                    let decision = &sent[usize::from(which) % sent.len()];
                    let place = &processes[place];
                    let decision = place.parse(decision.token()).unwrap();
                    match place.reward(&decision, Reward::SUCCESS) {
                        Ok(()) => drop(rewarded.insert(decision.id())),
                        Err(RewardError::AlreadyRewarded { .. }) => prop_assert!(rewarded.contains(&decision.id())),
                        Err(other) => prop_assert!(false, "{other}"),
                    }
                }
                Step::Tell(from, to) => {
                    deltas.push(told(&processes[from]));
                    processes[to].merge(&deltas[deltas.len() - 1]).unwrap();
                }
                Step::Repeat(..) if deltas.is_empty() => {}
                Step::Repeat(which, to) => {
                    let which = usize::from(which) % deltas.len();
                    processes[to].merge(&deltas[which]).unwrap();
                }
                Step::Restart(which) => {
                    let snapshot = processes[which].snapshot();
                    life += 1;
                    let mut next = process(which as u16, life, None, window);
                    next.restore(&snapshot).unwrap();
                    next.advance_to(Timestamp::from_millis(today * DAY / 8)).unwrap();
                    processes[which] = next;
                }
                Step::Advance => {
                    // Within the window throughout, so that nothing is late: every decision counts its reward.
                    today = (today + 1).min(20);
                    for bandit in &processes {
                        bandit.advance_to(Timestamp::from_millis(today * DAY / 8)).unwrap();
                    }
                }
            }
        }
        let all: Vec<&Bandit> = processes.iter().collect();
        exchange(&all);
        for bandit in all {
            prop_assert_eq!(sums(bandit), (sent.len() as u64, rewarded.len() as f64));
            prop_assert_eq!(statistics(bandit), statistics(&processes[0]));
        }
    }
}

#[test]
fn what_comes_too_late_for_the_heir_waits_no_longer() {
    let [mut heir, gone, other] =
        [(1, None), (2, Some(1)), (3, None)].map(|(replica, heir)| process(replica, 1, heir, true));
    let sent = send(&gone, 4, 1);
    other.reward(&other.parse(sent[0].token()).unwrap(), Reward::SUCCESS).unwrap();
    heir.merge(&told(&gone)).unwrap();
    heir.adopt(2).unwrap();
    // Held as long again, then folded: no life tells of the decision any more.
    heir.advance_to(Timestamp::from_millis(20 * DAY)).unwrap();
    assert_eq!(heir.merge(&told(&other)).unwrap().refused, 1);
    assert_eq!(told(&other).forwarded(), 1);
    // What was put in since the last time is cleared out the next.
    for _ in 0..2 {
        other.merge(&told(&heir)).unwrap();
    }
    assert_eq!(told(&other).forwarded(), 0);
}

#[test]
fn a_legacy_that_tells_of_our_own_lives_is_not_adopted() {
    for window in [false, true] {
        let before = process(1, 1, None, window);
        let sent = send(&before, 4, 1);
        before.reward(&sent[0], Reward::SUCCESS).unwrap();
        let mut heir = process(1, 2, None, window);
        heir.restore(&before.snapshot()).unwrap();
        let gone = process(2, 1, Some(1), window);
        send(&gone, 4, 1);
        let mut forged = serde_json::to_value(told(&gone)).unwrap();
        let mut ours = forged["counted"]["lives"][0].clone();
        ours["replica"] = 1.into();
        forged["counted"]["lives"].as_array_mut().unwrap().push(ours);
        heir.merge(&serde_json::from_value(forged).unwrap()).unwrap();
        let refused = Err(ExchangeError::Counted(RestoreError::Life { replica: 1, incarnation: 1 }));
        assert_eq!(heir.adopt(2), refused);
        // Else the claims of that life would be gone, and its rewards counted once more.
        let again = heir.reward(&heir.parse(sent[0].token()).unwrap(), Reward::SUCCESS);
        assert!(matches!(again, Err(RewardError::AlreadyRewarded { .. })), "{again:?}");
    }
}

#[test]
fn hostile_deltas_are_refused_and_change_nothing() {
    let [a, b] = [1, 2].map(|replica| process(replica, 1, None, true));
    send(&a, 10, 1);
    let text = serde_json::to_string(&told(&a)).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = *b"0123456789-\"{}[],:.ez".get(rng.random_range(0..21)).unwrap();
        }
        match serde_json::from_slice::<Delta>(&bytes) {
            Err(_) => refused += 1,
            Ok(delta) => {
                let before = sums(&b);
                if b.merge(&delta).is_err() {
                    refused += 1;
                    assert_eq!(sums(&b), before);
                }
            }
        }
    }
    assert!(refused > 10_000, "{refused} of 20,000");
}
