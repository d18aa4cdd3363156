//! No panic on data: whatever comes from outside is either good or an error, and an error leaves all as it was.

use std::hash::Hasher;

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use siphasher::sip::SipHasher24;
use tactful::bandit::{BuildError, ParseError, RewardError, SelectError};
use tactful::decision::TokenError;
use tactful::policy::{EpsilonGreedy, Uniform};
use tactful::reward::RewardValueError;
use tactful::snapshot::RestoreError;
use tactful::{
    ArmId, ArmSpace, ArmStatistics, Bandit, BanditBuilder, Cadence, Decision, DecisionId, Reward, RewardKind,
    SegmentId, Segments, Snapshot, TokenKey,
};

const SEGMENT: SegmentId = SegmentId::new(1);

fn builder() -> BanditBuilder {
    let arms = ArmSpace::builder()
        .dimension("template", ["a", "b"])
        .dimension("channel", ["email", "sms"])
        .forbid([("template", "b"), ("channel", "sms")])
        .build()
        .unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    Bandit::builder(arms, segments).policy(Uniform)
}

fn fresh(incarnation: u64) -> Bandit {
    builder().incarnation(incarnation).build().unwrap()
}

/// A bandit that has seen a little, and its decisions: the first half rewarded.
fn used() -> (Bandit, Vec<Decision>) {
    let bandit = fresh(1);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let all = bandit.arms().all();
    let decisions: Vec<Decision> = (0..6).map(|_| bandit.select(SEGMENT, &all, &mut rng).unwrap()).collect();
    for (number, decision) in decisions[..3].iter().enumerate() {
        bandit.reward(decision, Reward::from(number == 0)).unwrap();
    }
    (bandit, decisions)
}

/// Does something that fails, and asserts that nothing has changed.
#[track_caller]
fn refused<T: std::fmt::Debug, E>(bandit: &Bandit, call: impl FnOnce(&Bandit) -> Result<T, E>) -> E {
    let before = bandit.snapshot();
    let error = call(bandit).expect_err("refused");
    assert_eq!(bandit.snapshot(), before, "an error has changed something");
    error
}

#[test]
fn no_panic_on_rewards_that_are_none() {
    let (bandit, decisions) = used();
    let open = &decisions[5];
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = refused(&bandit, |bandit| bandit.reward(open, Reward::new(value)));
        assert!(matches!(error, RewardError::Value(RewardValueError::NotFinite { .. })));
    }
    for value in [-1e-300, 1.0 + f64::EPSILON, 2.0, f64::MAX, f64::MIN] {
        let error = refused(&bandit, |bandit| bandit.reward(open, Reward::new(value)));
        assert!(matches!(error, RewardError::Value(RewardValueError::OutOfRange { .. })), "{error}");
    }
    for value in [0.5, f64::MIN_POSITIVE, 1.0 - f64::EPSILON] {
        let error = refused(&bandit, |bandit| bandit.reward(open, Reward::new(value)));
        assert_eq!(error, RewardError::Value(RewardValueError::NotBinary { value }));
        let message = error.to_string();
        let carried = message.split(' ').any(|word| word.parse() == Ok(value));
        assert!(carried, "the message carries the value: {message}");
    }
    bandit.reward(open, Reward::new(-0.0)).unwrap();
}

#[test]
fn no_panic_on_selections_that_cannot_be() {
    let (bandit, _) = used();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let all = bandit.arms().all();
    let nobody = bandit.arms().eligible(|_| false);
    let error = refused(&bandit, |bandit| bandit.select(SEGMENT, &nobody, &mut rng));
    assert_eq!(error, SelectError::NoEligibleArm);
    assert!(bandit.plan(SEGMENT, &nobody).is_err());
    for number in [2, 3, 1 << 24, u32::MAX] {
        let segment = SegmentId::new(number);
        let error = refused(&bandit, |bandit| bandit.select(segment, &all, &mut rng));
        assert_eq!(error, SelectError::UnknownSegment { segment, segments: 2 });
    }
    let others = ArmSpace::builder().dimension("template", ["a", "b", "c"]).build().unwrap();
    for foreign in [others.all(), others.eligible(|_| false)] {
        let error = refused(&bandit, |bandit| bandit.select(SEGMENT, &foreign, &mut rng));
        assert!(matches!(error, SelectError::ForeignEligibility { .. }));
    }
    assert!(bandit.arms().get(ArmId::new(3)).is_none());
    assert!(bandit.arms().subset([ArmId::new(u32::MAX)]).is_err());
    assert!(!all.contains(ArmId::new(u32::MAX)));
    assert!(bandit.segments().get(SegmentId::new(u32::MAX)).is_none());
    let propensity = bandit.plan(SEGMENT, &all).unwrap().propensity(ArmId::new(u32::MAX));
    assert!(propensity == 0.0);
}

#[test]
fn no_panic_on_foreign_decisions() {
    let (bandit, _) = used();
    let stranger = ArmSpace::builder().dimension("template", ["a"]).build().unwrap();
    let stranger = Bandit::builder(stranger, Segments::single()).incarnation(1).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let foreign = stranger.select(SegmentId::new(0), &stranger.arms().all(), &mut rng).unwrap();
    let error = refused(&bandit, |bandit| bandit.reward(&foreign, Reward::SUCCESS));
    assert!(matches!(error, RewardError::Space(_)), "{error}");
    assert!(matches!(refused(&bandit, |bandit| bandit.parse(foreign.token())), ParseError::Space(_)));
    // The same names, another life; and a decision that this life has yet to make.
    let elsewhere = fresh(2);
    let all = elsewhere.arms().all();
    let foreign = elsewhere.select(SEGMENT, &all, &mut rng).unwrap();
    let error = refused(&bandit, |bandit| bandit.reward(&foreign, Reward::SUCCESS));
    assert!(matches!(error, RewardError::UnknownIssuer { .. }));
    let twin = fresh(1);
    let ahead: Vec<Decision> = (0..8).map(|_| twin.select(SEGMENT, &all, &mut rng).unwrap()).collect();
    let error = refused(&bandit, |bandit| bandit.reward(&ahead[7], Reward::SUCCESS));
    assert_eq!(error, RewardError::NeverIssued { id: ahead[7].id() });
}

/// RFC 4648, section 5.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn encode(bytes: &[u8]) -> String {
    let groups = bytes.chunks(3).map(|three| u32::from_be_bytes([0, three[0], three[1], three[2]]));
    groups
        .flat_map(|bits| [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(bits >> shift & 63) as usize])))
        .collect()
}

fn decode(token: &str) -> Vec<u8> {
    let values: Vec<u32> =
        token.bytes().map(|c| ALPHABET.iter().position(|&a| a == c).unwrap() as u32).collect();
    values
        .chunks(4)
        .flat_map(|four| {
            four.iter().fold(0, |bits, value| bits << 6 | value).to_be_bytes().into_iter().skip(1)
        })
        .collect()
}

#[test]
fn no_panic_on_damaged_tokens() {
    let (bandit, decisions) = used();
    let token = decisions[5].token().to_string();
    let bytes = decode(&token);
    assert_eq!(encode(&bytes), token);
    // Every bit of the content, every character of the text, every truncation, something more.
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let error = refused(&bandit, |bandit| bandit.parse(encode(&damaged)));
        assert!(
            matches!(error, ParseError::Token(TokenError::Seal | TokenError::UnknownKey { .. })),
            "{error}"
        );
    }
    for (position, was) in token.char_indices() {
        for character in (0..128).map(char::from).filter(|&character| character != was) {
            let (before, after) = (&token[..position], &token[position + 1..]);
            let error = refused(&bandit, |bandit| bandit.parse(format!("{before}{character}{after}")));
            if ALPHABET.contains(&(character as u8)) {
                let sealed = ParseError::Token(TokenError::Seal);
                assert!(error == sealed || matches!(error, ParseError::Token(TokenError::UnknownKey { .. })));
            } else {
                assert_eq!(error, ParseError::Token(TokenError::Character { position }));
            }
        }
        // The first of many is named.
        let error = refused(&bandit, |bandit| bandit.parse(format!("{:=<64}", &token[..position])));
        assert_eq!(error, ParseError::Token(TokenError::Character { position }));
    }
    let error = refused(&bandit, |bandit| bandit.parse(format!("{}é", &token[..62])));
    assert_eq!(error, ParseError::Token(TokenError::Character { position: 62 }));
    for length in 0..64 {
        let error = refused(&bandit, |bandit| bandit.parse(&token[..length]));
        assert_eq!(error, ParseError::Token(TokenError::Length { length }));
    }
    refused(&bandit, |bandit| bandit.parse(format!("{token} ")));
    refused(&bandit, |bandit| bandit.parse(format!(" {}", &token[..63])));
    assert_eq!(bandit.parse(&token).unwrap(), decisions[5]);
}

#[test]
fn no_panic_on_forged_tokens() {
    let host = TokenKey::new(0, *b"known to us only");
    let secret = builder().token_key(host).incarnation(1).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    let all = secret.arms().all();
    let decision = secret.select(SEGMENT, &all, &mut rng).unwrap();
    // The forger knows everything but the key: same names, replica, incarnation, sequence, key number.
    for (key, error) in [
        (TokenKey::default(), TokenError::Seal),
        (TokenKey::new(0, [0; 16]), TokenError::Seal),
        (TokenKey::new(7, *b"known to us only"), TokenError::UnknownKey { key: 7 }),
    ] {
        let forger = builder().token_key(key).incarnation(1).build().unwrap();
        let forged = forger.select(SEGMENT, &all, &mut rng).unwrap().token();
        assert_eq!(refused(&secret, |bandit| bandit.parse(forged)), ParseError::Token(error));
    }
    assert_eq!(secret.parse(decision.token()).unwrap(), decision);
    // A rotated key: the old tokens are good as long as the old key is accepted.
    let next = TokenKey::new(1, *b"the next of ours");
    let rotated = builder().token_key(next).accept_key(host).incarnation(2).build().unwrap();
    assert!(rotated.parse(decision.token()).is_ok());
    assert!(!format!("{rotated:?}").contains("ours"), "keys stay out of logs");
}

/// Seals a body under the public key, as anybody could.
fn sealed(body: &[u8]) -> String {
    let mut hasher = SipHasher24::new_with_key(b"tactful-open-key");
    hasher.write(body);
    encode(&[body, &hasher.finish().to_le_bytes()].concat())
}

#[test]
fn no_panic_on_well_sealed_nonsense() {
    let (bandit, decisions) = used();
    let body = decode(decisions[5].token().as_str())[..40].to_vec();
    assert_eq!(sealed(&body), decisions[5].token().to_string());
    let with = |at: usize, field: &[u8]| {
        let mut body = body.clone();
        body[at..at + field.len()].copy_from_slice(field);
        sealed(&body)
    };
    let token = |error| ParseError::Token(error);
    let format = token(TokenError::Format { format: 3 });
    assert_eq!(refused(&bandit, |bandit| bandit.parse(with(0, &[3]))), format);
    assert_eq!(refused(&bandit, |bandit| bandit.parse(with(25, &[0; 7]))), token(TokenError::Content));
    assert_eq!(refused(&bandit, |bandit| bandit.parse(with(25, &[255; 7]))), token(TokenError::Content));
    for (at, field) in [(19, [2, 0, 0]), (19, [255; 3]), (22, [3, 0, 0]), (22, [255; 3]), (32, [9, 9, 9])] {
        assert!(matches!(refused(&bandit, |bandit| bandit.parse(with(at, &field))), ParseError::Space(_)));
    }
    // Read, but not rewarded: other replicas, lives, cohorts, numbers.
    for (at, field) in [(2, [9, 0]), (4, [9, 9]), (10, [1, 0]), (14, [6, 0]), (17, [255, 255])] {
        let decision = bandit.parse(with(at, &field)).unwrap();
        refused(&bandit, |bandit| bandit.reward(&decision, Reward::SUCCESS));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_panic_on_any_text(text in any::<String>(), sixty_four in "[ -~é]{64}", base in "[A-Za-z0-9_-]{64}") {
        let (bandit, _) = used();
        for text in [text, sixty_four, base] {
            refused(&bandit, |bandit| bandit.parse(&text));
            _ = text.parse::<DecisionId>();
        }
    }

    #[test]
    fn no_panic_on_any_sealed_body(body in prop::array::uniform32(any::<u8>()), at in 0..33_usize, reward: f64) {
        let (bandit, decisions) = used();
        // Anywhere in a good token, or alone.
        let mut near = decode(decisions[4].token().as_str())[..40].to_vec();
        let end = 40.min(at + 32);
        near[at..end].copy_from_slice(&body[..end - at]);
        for body in [[&body[..], &body[..8]].concat(), near] {
            if let Ok(decision) = bandit.parse(sealed(&body)) {
                _ = bandit.reward(&decision, Reward::new(reward));
                let token = decision.token();
                prop_assert_eq!(bandit.parse(token), Ok(decision));
            }
        }
    }

    #[test]
    fn no_panic_on_any_range(minimum: f64, width: f64, rewards in prop::collection::vec(any::<f64>(), 1..20)) {
        for (minimum, maximum) in [(minimum, width), (minimum, minimum + width), (width, width.next_up())] {
            let kind = RewardKind::Real { minimum, maximum };
            let Ok(bandit) = builder().reward(kind).cadence(Cadence::EVERY_EVENT).incarnation(1).build() else {
                prop_assert!(kind.validate().is_err());
                continue;
            };
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
            for &reward in rewards.iter().chain(&[minimum, maximum]) {
                let decision = bandit.select(SEGMENT, &bandit.arms().all(), &mut rng).unwrap();
                let within = (minimum..=maximum).contains(&reward);
                prop_assert_eq!(bandit.reward(&decision, Reward::new(reward)).is_ok(), within);
            }
            assert_valid(&bandit);
        }
    }

    #[test]
    fn no_panic_on_any_setting(share: f64, epsilon: f64, c: f64, growth: f64, incarnation: u64) {
        let built = builder().exploration(share).incarnation(incarnation).build();
        let good = (0.0..=1.0).contains(&share) && incarnation < 1 << 48;
        prop_assert_eq!(built.is_ok(), good);
        prop_assert_eq!(EpsilonGreedy::constant(epsilon).is_ok(), (0.0..=1.0).contains(&epsilon));
        prop_assert_eq!(EpsilonGreedy::decaying(c).is_ok(), c > 0.0 && c.is_finite());
        prop_assert_eq!(Cadence::growth(growth).is_ok(), growth >= 0.0 && growth.is_finite());
    }
}

#[test]
fn no_panic_on_settings_that_cannot_be() {
    assert!(matches!(builder().exploration(f64::NAN).build(), Err(BuildError::Exploration { .. })));
    assert!(matches!(builder().exploration(-0.1).build(), Err(BuildError::Exploration { .. })));
    assert!(matches!(builder().incarnation(1 << 48).build(), Err(BuildError::Incarnation { .. })));
    let twice = builder().accept_key(TokenKey::new(0, [1; 16])).build();
    assert!(matches!(twice, Err(BuildError::DuplicateKey { key: 0 })));
    for (minimum, maximum) in
        [(0.0, 0.0), (1.0, 0.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (f64::MIN, f64::MAX)]
    {
        let built = builder().reward(RewardKind::Real { minimum, maximum }).build();
        assert!(matches!(built, Err(BuildError::RewardKind(_))));
    }
}

/// Goes through a bandit's every counter, draws, and takes a snapshot that can be read and restored.
fn assert_valid(bandit: &Bandit) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
    for segment in bandit.segments().iter() {
        for arm in bandit.arms().iter() {
            let statistics = bandit.statistics(segment.id(), arm.id());
            assert!(statistics.returned() <= statistics.issued());
            assert!(statistics.sum() <= statistics.returned() as f64);
            assert!((0.0..=1.0).contains(&bandit.posterior(segment.id(), arm.id()).mean()));
        }
        _ = bandit.select(segment.id(), &bandit.arms().all(), &mut rng);
    }
    let text = serde_json::to_string(&bandit.snapshot()).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(snapshot, bandit.snapshot());
    builder().reward(bandit.reward_kind()).incarnation(77).build().unwrap().restore(&snapshot).unwrap();
}

/// Restores a text if it can be; true if it was taken.
fn restored(text: &[u8]) -> bool {
    let Ok(snapshot) = serde_json::from_slice::<Snapshot>(text) else { return false };
    let mut bandit = fresh(9);
    let before = bandit.snapshot();
    if bandit.restore(&snapshot).is_ok() {
        assert_valid(&bandit);
        return true;
    }
    assert_eq!(bandit.snapshot(), before, "a refused snapshot has changed something");
    false
}

#[test]
fn no_panic_on_damaged_snapshots() {
    let text = serde_json::to_vec(&used().0.snapshot()).unwrap();
    assert!(restored(&text));
    assert!((0..text.len()).all(|length| !restored(&text[..length])), "a truncation was taken");
    let mut taken = 0;
    for bit in 0..text.len() * 8 {
        let mut damaged = text.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        taken += usize::from(restored(&damaged));
    }
    // Another name or another count may be as good as the true one; most flips are not.
    assert!(taken > 0 && taken * 4 < text.len() * 8, "{taken} of {} flips were taken", text.len() * 8);
}

#[test]
fn no_panic_on_hostile_snapshots() {
    let text = serde_json::to_string(&used().0.snapshot()).unwrap();
    let hostile = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        restored(text.replacen(from, to, 1).as_bytes())
    };
    assert!(!hostile(r#""version":1"#, r#""version":2"#));
    assert!(!hostile(r#""kind":"binary""#, r#""kind":"real","minimum":0.0,"maximum":1.0"#));
    assert!(!hostile(r#""kind":"binary""#, r#""kind":"real","minimum":null,"maximum":1.0"#));
    assert!(!hostile(r#""generations":["#, r#""generations":[],"ignored":["#));
    assert!(!hostile(r#""issued":6"#, r#""issued":1099511627777"#));
    assert!(!hostile(r#""issued":6"#, r#""issued":-1"#));
    assert!(!hostile(r#""issued":6"#, r#""issued":2"#), "a claim on a decision never made");
    assert!(!hostile(r#""claimed":""#, r#""claimed":"xyz"#));
    assert!(!hostile(r#""claimed":""#, r#""claimed":"é"#));
    assert!(!hostile(r#""incarnation":1"#, r#""incarnation":281474976710656"#));
    assert!(!hostile(r#""incarnation":1"#, r#""incarnation":9"#), "the life of the bandit itself");
    assert!(!hostile(r#"[1,0,{"#, r#"[2,0,{"#), "a segment without a name");
    assert!(!hostile(r#"[1,0,{"#, r#"[1,3,{"#), "an arm without a name");
    assert!(!hostile(r#"[1,0,{"#, r#"[1,1,{"#), "a counter that stands twice");
    assert!(
        !hostile(r#""sum":16777216,"squares":16777216"#, r#""sum":16777215,"squares":16777215"#),
        "not binary"
    );
    // Says it has made more decisions than memory has bits for: no more memory than the text itself.
    assert!(hostile(r#""issued":6"#, r#""issued":1099511627776"#));
}

#[test]
fn no_panic_on_full_counters() {
    let snapshot = |issued: u64| {
        let mut snapshot = serde_json::to_value(used().0.snapshot()).unwrap();
        let full = serde_json::json!({"issued": issued, "returned": 0, "sum": 0, "squares": 0});
        snapshot["generations"][0]["cells"] = serde_json::json!([[1, 0, full], [1, 1, full], [1, 2, full]]);
        serde_json::from_value::<Snapshot>(snapshot)
    };
    assert!(snapshot(ArmStatistics::MAX_COUNT + 1).is_err());
    assert!(snapshot(u64::MAX).is_err());
    let mut bandit = fresh(2);
    bandit.restore(&snapshot(ArmStatistics::MAX_COUNT - 1).unwrap()).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let all = bandit.arms().all();
    let results: Vec<_> = (0..50).map(|_| bandit.select(SEGMENT, &all, &mut rng)).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3, "one more for each arm");
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(SelectError::CounterFull { .. }))));
    for arm in bandit.arms().iter() {
        assert_eq!(bandit.statistics(SEGMENT, arm.id()).issued(), ArmStatistics::MAX_COUNT);
    }
    for decision in results.iter().flatten() {
        bandit.reward(decision, Reward::SUCCESS).unwrap();
    }
    // The limit is the cell's: another segment goes on.
    assert!(bandit.select(SegmentId::new(0), &all, &mut rng).is_ok());
}

#[test]
fn no_panic_on_statistics_that_cannot_be() {
    assert!(ArmStatistics::binary(1, 1, 1).is_err());
    assert!(ArmStatistics::binary(u64::MAX, 0, 0).is_err());
    assert!(ArmStatistics::binary(u64::MAX, u64::MAX, u64::MAX).is_err());
    let most = ArmStatistics::binary(ArmStatistics::MAX_COUNT, ArmStatistics::MAX_COUNT, 0).unwrap();
    assert!(most.merge(most).is_err());
    for text in [
        r#"{"issued":1,"returned":2,"sum":0,"squares":0}"#,
        r#"{"issued":1,"returned":1,"sum":16777217,"squares":0}"#,
        r#"{"issued":2,"returned":2,"sum":16777216,"squares":1}"#,
        r#"{"issued":18446744073709551615,"returned":18446744073709551615,"sum":18446744073709551615,"squares":1}"#,
    ] {
        assert!(serde_json::from_str::<ArmStatistics>(text).is_err(), "{text}");
    }
}

#[test]
fn no_panic_on_a_second_restore() {
    let snapshot = used().0.snapshot();
    let mut bandit = fresh(2);
    bandit.restore(&snapshot).unwrap();
    let before = bandit.snapshot();
    assert!(matches!(bandit.restore(&snapshot), Err(RestoreError::InUse { .. })));
    assert_eq!(bandit.snapshot(), before);
    let mut same_life = fresh(1);
    assert!(matches!(same_life.restore(&snapshot), Err(RestoreError::IncarnationTaken { .. })));
}
