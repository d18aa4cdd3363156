//! Processes of different builds in one portfolio, as while a new one is rolled out: nothing lost of what one accepts for another.

use std::time::Duration;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::policy::Uniform;
use tactful::time::Window;
use tactful::{ArmSpace, Bandit, Decision, Delta, Reward, SegmentId, Segments};

const SEGMENT: SegmentId = SegmentId::new(0);
const BEFORE: &[&str] = &["email", "sms"];
const AFTER: &[&str] = &["letter", "sms", "email"];

fn process(replica: u16, incarnation: u64, channels: &[&str], window: bool) -> Bandit {
    let arms = ArmSpace::builder().dimension("channel", channels.iter().copied()).build().unwrap();
    let mut builder = Bandit::builder(arms, Segments::single()).policy(Uniform).replica(replica);
    if window {
        let day = Duration::from_secs(86_400);
        builder = builder.window(Window::new(3 * day, day).unwrap());
    }
    builder.incarnation(incarnation).replicated().build().unwrap()
}

fn send(bandit: &Bandit, count: usize) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    (0..count).map(|_| bandit.select(SEGMENT, &bandit.arms().all(), &mut rng).unwrap()).collect()
}

/// Decisions and rewards by the channel.
fn counted(bandit: &Bandit, channel: &str) -> (u64, f64) {
    let arm = bandit.arms().iter().find(|arm| arm.level("channel") == channel).unwrap();
    let counted = bandit.statistics(SEGMENT, arm.id());
    (counted.issued(), counted.sum())
}

fn told(bandit: &Bandit) -> Delta {
    serde_json::from_str(&serde_json::to_string(&bandit.delta().unwrap()).unwrap()).unwrap()
}

#[test]
fn nothing_lost_where_a_token_is_of_a_build_that_only_others_have_told_of() {
    for window in [false, true] {
        let (old, new) = (process(1, 1, BEFORE, window), process(2, 1, AFTER, window));
        let sent = [send(&old, 20), send(&new, 20)];
        // Heard of nobody yet, neither knows the names of the other.
        assert!(new.parse(sent[0][0].token()).is_err() && old.parse(sent[1][0].token()).is_err());
        new.merge(&told(&old)).unwrap();
        old.merge(&told(&new)).unwrap();
        new.reward(&new.parse(sent[0][0].token()).unwrap(), Reward::SUCCESS).unwrap();
        let known = sent[1].iter().find(|sent| new.arms().arm(sent.arm()).level("channel") == "sms").unwrap();
        old.reward(&old.parse(known.token()).unwrap(), Reward::SUCCESS).unwrap();
        let letter = sent[1].iter().find(|sent| new.arms().arm(sent.arm()).level("channel") == "letter");
        assert!(
            old.parse(letter.unwrap().token()).is_err(),
            "who has no letters cannot say what came of one"
        );
        for _ in 0..2 {
            let (from_old, from_new) = (told(&old), told(&new));
            new.merge(&from_old).unwrap();
            old.merge(&from_new).unwrap();
        }
        assert_eq!(
            (told(&old).forwarded(), told(&new).forwarded()),
            (0, 0),
            "what has arrived waits no longer"
        );
        for channel in BEFORE {
            assert_eq!(counted(&old, channel), counted(&new, channel), "{channel}, window {window}");
        }
        assert_eq!(counted(&old, "email").1 + counted(&old, "sms").1, 2.0);
    }
}

#[test]
fn nothing_lost_where_one_has_started_with_the_new_build_before_the_other() {
    for window in [false, true] {
        let [old, before] = [1, 2].map(|replica| process(replica, 1, BEFORE, window));
        send(&before, 1);
        let mut new = process(2, 2, AFTER, window);
        new.restore(&before.snapshot()).unwrap();
        // It knows the names from its own past, and forwards by today's, which the other learns with the very delta.
        let sent = send(&old, 5);
        new.reward(&new.parse(sent[0].token()).unwrap(), Reward::SUCCESS).unwrap();
        let merged = old.merge(&told(&new)).unwrap();
        assert_eq!((merged.counted, merged.refused), (1, 0));
        assert_eq!(counted(&old, "email").1 + counted(&old, "sms").1, 1.0);
    }
}
