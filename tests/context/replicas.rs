//! Features where several processes serve one portfolio: what they learn together is what one would have learnt alone.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::belief::{Linear, LinearBelief, Pending};
use tactful::delta::ExchangeError;
use tactful::plan::Cadence;
use tactful::policy::LinUcb;
use tactful::snapshot::RestoreError;
use tactful::time::Window;
use tactful::{
    ArmSpace, Bandit, BanditBuilder, Decision, Delta, Features, Reward, SegmentId, Segments, Timestamp,
};

const EVERYONE: SegmentId = SegmentId::new(0);
const DAY: u64 = 86_400_000;

fn builder(window: bool, debt: f64) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("channel", ["email", "sms", "letter"]).build().unwrap();
    let features = Features::builder().feature("debt", 0.0..=debt).feature("days", 0.0..=64.0);
    let builder = Bandit::builder(arms, Segments::single()).features(features.build().unwrap());
    let builder = builder.policy(LinUcb::default()).linear(Linear::hybrid()).cadence(Cadence::EVERY_EVENT);
    // Each learns the law of delays of its own decisions: a correction by it would not be the same.
    let builder = builder.pending(Pending::AsDefault);
    let day = Duration::from_millis(DAY);
    if window { builder.window(Window::new(3 * day, day).unwrap()) } else { builder }
}

fn process(replica: u16, incarnation: u64, window: bool) -> Bandit {
    let builder = builder(window, 64.0).replica(replica).incarnation(incarnation);
    builder.heir((replica + 1) % 3).build().unwrap()
}

fn send(bandit: &Bandit, arm: usize, x: &[f64]) -> Decision {
    let only = bandit.arms().eligible(|one| one.id().index() == arm);
    bandit.select_with(EVERYONE, &only, x, &mut Xoshiro256PlusPlus::seed_from_u64(1)).unwrap()
}

fn at(bandit: &Bandit, day: u64) {
    bandit.advance_to(Timestamp::from_millis(day * DAY + DAY / 2)).unwrap();
}

/// Through text, as between processes.
fn told(bandit: &Bandit) -> Delta {
    serde_json::from_str(&serde_json::to_string(&bandit.delta().unwrap()).unwrap()).unwrap()
}

/// Everybody tells everybody, until all is known to all.
fn exchange(processes: &[&Bandit]) {
    for _ in 0..3 {
        let deltas: Vec<Delta> = processes.iter().map(|bandit| told(bandit)).collect();
        for bandit in processes {
            deltas.iter().for_each(|delta| _ = bandit.merge(delta).unwrap());
        }
    }
}

fn beliefs(bandit: &Bandit) -> Vec<LinearBelief> {
    bandit.linear_beliefs(EVERYONE, &bandit.arms().all(), &[20.0, 50.0]).unwrap()
}

/// Ten days of requests that come to one process after the other, and rewards that come to any; `alone` sees them all.
fn served(processes: &[&Bandit], alone: &Bandit, seed: u64) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    for day in 10 * seed..10 * seed + 10 {
        processes.iter().chain([&alone]).for_each(|bandit| at(bandit, day));
        for n in 0..12 {
            let (arm, x) = (rng.random_range(0..3), [0; 2].map(|_| f64::from(rng.random_range(0..=64_u32))));
            let [decision, same] =
                [processes[n % processes.len()], alone].map(|bandit| send(bandit, arm, &x));
            let to = processes[rng.random_range(0..processes.len())];
            match rng.random_range(0..4) {
                0 => {
                    processes[n % processes.len()].cancel(&decision).unwrap();
                    alone.cancel(&same).unwrap();
                }
                1 => {
                    to.reward(&to.parse(decision.token()).unwrap(), Reward::SUCCESS).unwrap();
                    alone.reward(&same, Reward::SUCCESS).unwrap();
                }
                2 => {
                    to.reward(&to.parse(decision.token()).unwrap(), Reward::FAILURE).unwrap();
                    alone.reward(&same, Reward::FAILURE).unwrap();
                }
                _ => {}
            }
        }
        exchange(processes);
    }
}

#[test]
fn order_free_processes_that_exchange_believe_what_one_would_have_learnt() {
    for window in [false, true] {
        let alone = builder(window, 64.0).build().unwrap();
        let processes = [0, 1, 2].map(|replica| process(replica, 5, window));
        let [a, b, c] = &processes;
        served(&[a, b, c], &alone, 0);
        for bandit in &processes {
            assert_eq!(beliefs(bandit), beliefs(&alone), "{window}");
        }
        // One goes on in another life, from its snapshot, and one is adopted.
        let mut again = process(1, 6, window);
        again
            .restore(&serde_json::from_str(&serde_json::to_string(&b.snapshot()).unwrap()).unwrap())
            .unwrap();
        assert_eq!(beliefs(&again), beliefs(&alone));
        let mut heir = process(2, 6, window);
        heir.restore(&c.snapshot()).unwrap();
        // Its heir is 2: 1 names the next.
        exchange(&[a, &again, &heir]);
        heir.adopt(1).unwrap();
        assert_eq!(beliefs(&heir), beliefs(&alone), "{window}");
        exchange(&[a, &heir]);
        served(&[a, &heir], &alone, 1);
        for bandit in [a, &heir] {
            assert_eq!(beliefs(bandit), beliefs(&alone), "{window}");
        }
    }
}

#[test]
fn no_panic_deltas_of_other_features_are_refused() {
    for window in [false, true] {
        let (bandit, other) =
            (process(0, 1, window), builder(window, 65.0).replica(1).incarnation(1).replicated());
        let other = other.build().unwrap();
        [&bandit, &other].iter().for_each(|bandit| at(bandit, 1));
        send(&other, 1, &[3.0, 4.0]);
        let before = bandit.snapshot();
        let refused = bandit.merge(&told(&other));
        assert!(matches!(refused, Err(ExchangeError::Counted(RestoreError::Features(_)))), "{refused:?}");
        assert_eq!(bandit.snapshot(), before);
    }
}

/// A reward that another process has accepted and recorded reaches the one that decided, with its features, over a crash.
#[test]
#[cfg(feature = "journal")]
fn nothing_lost_a_forwarded_reward_knows_its_features_after_a_crash() {
    use tactful::journal::{Directory, JournalSettings};
    let path = std::env::temp_dir().join(format!("tactful-replicas-{}", std::process::id()));
    for window in [false, true] {
        let open = |incarnation| {
            let builder = builder(window, 64.0).replica(1).incarnation(incarnation).replicated();
            builder.open(Directory::open(&path).unwrap(), JournalSettings::default()).unwrap().0
        };
        let (bandit, other) = (process(0, 1, window), open(1));
        at(&bandit, 1);
        at(&other, 1);
        let decision = send(&bandit, 1, &[3.0, 4.0]);
        exchange(&[&bandit, &other]);
        other.reward(&other.parse(decision.token()).unwrap(), Reward::SUCCESS).unwrap();
        other.flush().unwrap();
        drop(other);
        exchange(&[&bandit, &open(2)]);
        let alone = builder(window, 64.0).build().unwrap();
        at(&alone, 1);
        alone.reward(&send(&alone, 1, &[3.0, 4.0]), Reward::SUCCESS).unwrap();
        assert_eq!(beliefs(&bandit), beliefs(&alone), "{window}");
        std::fs::remove_dir_all(&path).unwrap();
    }
}
