//! No panic on forged tokens where rewards wait: under the public key anybody can seal a token that names whatever he likes,
//! and the worst that comes of it is a reward that counts.

use std::hash::Hasher;
use std::time::Duration;

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use siphasher::sip::SipHasher24;
use tactful::policy::Uniform;
use tactful::reward::{RewardRule, Stage};
use tactful::time::Window;
use tactful::{
    ArmSpace, Bandit, BanditBuilder, Outcome, Reward, RewardKind, SegmentId, Segments, Snapshot, Timestamp,
};

const DAY: u64 = 86_400_000;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[derive(Clone, Copy, Debug)]
enum Kind {
    Binary,
    Real,
    Stages,
}

fn builder(kind: Kind, replicated: bool, incarnation: u64) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("channel", ["email", "sms", "letter"]).build().unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    let day = Duration::from_millis(DAY);
    let window = Window::new(3 * day, day).unwrap().grace_for(day).unwrap();
    let builder = Bandit::builder(arms, segments).policy(Uniform).window(window).incarnation(incarnation);
    let builder = match kind {
        Kind::Binary => builder,
        Kind::Real => builder.reward(RewardKind::Real { minimum: -1.0, maximum: 3.0 }),
        Kind::Stages => {
            let rule = RewardRule::builder(-1.0, 2.0).weight(Stage::Promised, 0.25).payment(100.0, 100.0);
            builder.stages(rule.penalty(Stage::Complained, 2.0).cost("channel", "sms", 0.5).build().unwrap())
        }
    };
    if replicated { builder.replicated() } else { builder }
}

fn decode(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.bytes().map(|byte| ALPHABET.iter().position(|&letter| letter == byte).unwrap() as u32).collect();
    let triples = digits.chunks(4).map(|four| four.iter().fold(0, |bits, digit| bits << 6 | digit));
    triples.flat_map(|bits| bits.to_be_bytes()[1..].to_vec()).collect()
}

/// Seals a body under the public key, as anybody could.
fn sealed(body: &[u8]) -> String {
    let mut hasher = SipHasher24::new_with_key(b"tactful-open-key");
    hasher.write(body);
    let bytes = [body, &hasher.finish().to_le_bytes()].concat();
    let triples =
        bytes.chunks(3).map(|three| three.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)));
    triples
        .flat_map(|bits| [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift & 63) as usize] as char))
        .collect()
}

#[derive(Clone, Debug)]
enum Step {
    Send(u32),
    /// A good token with these bytes at this place: told that this came of it.
    Forge(usize, Vec<u8>, u8),
    /// Small numbers where they matter: segment, arm, sequence.
    Swap(u8, u8, u8, u8),
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..2_u32).prop_map(Step::Send),
        4 => (0..40_usize, prop::collection::vec(any::<u8>(), 1..6), any::<u8>())
            .prop_map(|(at, bytes, came)| Step::Forge(at, bytes, came)),
        8 => (0..3_u8, 0..4_u8, 0..5_u8, any::<u8>()).prop_map(|(s, a, n, came)| Step::Swap(s, a, n, came)),
        2 => (1..4_u64).prop_map(Step::Advance),
    ]
}

fn check(bandit: &Bandit, kind: Kind, replicated: bool) {
    for segment in bandit.segments().iter() {
        for arm in bandit.arms().iter() {
            let counted = bandit.statistics(segment.id(), arm.id());
            assert!(counted.returned() <= counted.issued() && counted.sum() <= counted.returned() as f64);
            let mean = bandit.posterior(segment.id(), arm.id()).mean();
            assert!((0.0..=1.0).contains(&mean), "{mean}");
        }
    }
    let text = serde_json::to_string(&bandit.snapshot()).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&text).unwrap();
    let mut next = builder(kind, replicated, 77).build().unwrap();
    next.restore(&snapshot).expect("whatever was counted can be restored");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_panic_on_forged_tokens_where_rewards_wait(
        steps in prop::collection::vec(step(), 1..60),
        kind in prop_oneof![Just(Kind::Binary), Just(Kind::Real), Just(Kind::Stages)],
        replicated: bool,
    ) {
        let bandit = builder(kind, replicated, 1).build().unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let (mut today, mut body) = (5, Vec::new());
        bandit.advance_to(Timestamp::from_millis(today * DAY)).unwrap();
        let tell = |body: &[u8], came: u8| {
            let Ok(decision) = bandit.parse(sealed(body)) else { return };
            let _ = match (came % 6, kind) {
                (0, _) => bandit.cancel(&decision),
                (1, _) => bandit.reward(&decision, Reward::SUCCESS),
                (_, Kind::Binary) => bandit.reward(&decision, Reward::FAILURE),
                (_, Kind::Real) => bandit.reward(&decision, Reward::new(f64::from(came) / 64.0 - 1.0)),
                (2, _) => bandit.observe(&decision, Stage::Complained),
                (3, _) => bandit.observe(&decision, Stage::Promised),
                _ => bandit.observe(&decision, Outcome::paid(f64::from(came))),
            };
        };
        for step in steps {
            match step {
                Step::Send(segment) => {
                    let all = bandit.arms().all();
                    let decision = bandit.select(SegmentId::new(segment), &all, &mut rng).unwrap();
                    body = decode(decision.token().as_str())[..40].to_vec();
                }
                _ if body.is_empty() => {}
                Step::Forge(at, bytes, came) => {
                    let mut forged = body.clone();
                    let end = (at + bytes.len()).min(40);
                    forged[at..end].copy_from_slice(&bytes[..end - at]);
                    tell(&forged, came);
                }
                Step::Swap(segment, arm, sequence, came) => {
                    let mut forged = body.clone();
                    (forged[14], forged[19], forged[22]) = (sequence, segment, arm);
                    tell(&forged, came);
                }
                Step::Advance(days) => {
                    today += days;
                    bandit.advance_to(Timestamp::from_millis(today * DAY)).unwrap();
                }
            }
            check(&bandit, kind, replicated);
        }
        bandit.advance_to(Timestamp::from_millis((today + 30) * DAY)).unwrap();
        check(&bandit, kind, replicated);
    }
}
