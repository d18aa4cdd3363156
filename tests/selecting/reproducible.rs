//! Reproducible: the same seed and the same calls give the same decisions, on every platform and in every release.
//!
//! The numbers below were written down once. Whoever changes one of them says so in the CHANGELOG as
//! **Value-breaking** (decisions, propensities) or **Format-breaking** (tokens, fingerprints, digests, snapshots).

use rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::policy::{EpsilonGreedy, Policy, Thompson, Ucb1, Uniform};
use tactful::{ArmId, ArmSpace, Bandit, Reward, RewardKind, SegmentId, Segments, TokenKey};

const SEGMENT: SegmentId = SegmentId::new(2);

fn arms() -> ArmSpace {
    ArmSpace::builder()
        .dimension("template", ["friendly", "firm", "thanks"])
        .dimension("channel", ["email", "sms"])
        .forbid([("template", "thanks"), ("channel", "sms")])
        .build()
        .unwrap()
}

fn bandit(policy: impl Policy + 'static) -> Bandit {
    let segments = Segments::builder().attribute("stage", ["early", "late", "legal"]).build().unwrap();
    let builder = Bandit::builder(arms(), segments).policy(policy);
    builder.token_key(TokenKey::new(3, *b"0123456789abcdef")).replica(5).incarnation(0x5f3a).build().unwrap()
}

/// Plays for a while with the outcomes of a fixed world; (arms of the last 20 decisions, their propensities in
/// units of 2⁻⁵³ folded into one number, the snapshot).
fn play(bandit: &Bandit) -> (Vec<usize>, u64, String) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(42);
    let email = bandit.arms().with_levels("channel", ["email"]).unwrap();
    let mut arms = Vec::new();
    let mut fold = 0_u64;
    for round in 0..500 {
        let set = if round % 5 == 0 { email.clone() } else { bandit.arms().all() };
        let decision = bandit.select(SEGMENT, &set, &mut rng).unwrap();
        let rate = [0.1, 0.3, 0.2, 0.25, 0.15][decision.arm().index()];
        bandit.reward(&decision, Reward::from(rng.random_bool(rate))).unwrap();
        arms.push(decision.arm().index());
        let units = (decision.propensity() * (1_u64 << 53) as f64) as u64;
        fold = fold.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(units);
    }
    (arms.split_off(480), fold, serde_json::to_string(&bandit.snapshot()).unwrap())
}

fn same_twice(policy: impl Policy + Clone + 'static) {
    assert_eq!(play(&bandit(policy.clone())), play(&bandit(policy)));
}

#[test]
fn reproducible_runs() {
    same_twice(Thompson::default());
    same_twice(Ucb1::default());
    same_twice(EpsilonGreedy::default());
    same_twice(EpsilonGreedy::decaying(2.0).unwrap());
    same_twice(Uniform);
}

/// The last arms and the folded propensities of a run.
fn summary(policy: impl Policy + 'static) -> ([usize; 20], u64) {
    let (arms, fold, _) = play(&bandit(policy));
    (arms.try_into().unwrap(), fold)
}

#[test]
fn reproducible_decisions_of_uniform() {
    assert_eq!(
        summary(Uniform),
        ([2, 0, 1, 0, 4, 0, 3, 4, 0, 4, 4, 4, 2, 0, 3, 2, 1, 4, 4, 0], 1_244_612_043_652_144_014)
    );
}

#[test]
fn reproducible_decisions_of_ucb1() {
    assert_eq!(
        summary(Ucb1::default()),
        ([4, 1, 1, 1, 1, 4, 3, 3, 3, 3, 4, 3, 3, 3, 3, 0, 3, 3, 3, 3], 8_893_813_209_676_221_549)
    );
}

#[test]
fn reproducible_decisions_of_epsilon_greedy() {
    assert_eq!(
        summary(EpsilonGreedy::decaying(2.0).unwrap()),
        ([4, 1, 1, 1, 1, 2, 1, 1, 1, 1, 4, 1, 1, 1, 1, 4, 1, 1, 1, 1], 3_617_501_654_984_373_055)
    );
}

#[test]
fn reproducible_decisions_of_thompson() {
    assert_eq!(
        summary(Thompson::default()),
        ([4, 1, 2, 1, 1, 2, 1, 1, 3, 1, 2, 1, 1, 1, 1, 4, 3, 1, 1, 3], 11_539_877_833_835_045_972)
    );
}

/// What is known of the arms before a plan is made.
#[derive(Clone, Copy, Debug)]
enum Pulls {
    /// 100 to 300 an arm, rates up to 10 %.
    Varied,
    /// 0 to 4, any rate.
    NearCold,
    /// 10 to 81,920, rates up to 10 %.
    Unequal,
}

/// All propensities of the plan over so many arms, in units of 2⁻⁵³, folded into one number.
fn plan(pulls: Pulls, arms: u32) -> u64 {
    let names = (0..arms).map(|arm| arm.to_string());
    let space = ArmSpace::builder().dimension("arm", names).build().unwrap();
    let build = |life| Bandit::builder(space.clone(), Segments::single()).incarnation(life).build().unwrap();
    // Integers only: what is tested must not depend on how the test rounds.
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
    let mut below = |end: u64| rng.next_u64() % end;
    let mut cell = |arm| {
        let returned = match pulls {
            Pulls::Varied => 100 + below(201),
            Pulls::NearCold => below(5),
            Pulls::Unequal => 10 << below(14),
        };
        let most = if let Pulls::NearCold = pulls { returned } else { returned / 10 };
        let sum = below(most + 1) << 24;
        let cell = serde_json::json!({"issued": returned, "returned": returned, "sum": sum, "squares": sum});
        (returned > 0).then(|| serde_json::json!([0, arm, cell]))
    };
    let mut snapshot = serde_json::to_value(build(1).snapshot()).unwrap();
    snapshot["generations"][0]["cells"] = (0..arms).filter_map(&mut cell).collect();
    let mut bandit = build(2);
    bandit.restore(&serde_json::from_value(snapshot).unwrap()).unwrap();

    let plan = bandit.plan(SegmentId::new(0), &bandit.arms().all()).unwrap();
    let units = |arm| (plan.propensity(ArmId::new(arm)) * (1_u64 << 53) as f64) as u64;
    assert_eq!((0..arms).map(units).sum::<u64>(), 1 << 53);
    (0..arms).fold(0, |fold: u64, arm| fold.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(units(arm)))
}

/// The same bits on every target: with other vector units (`RUSTFLAGS="-C target-cpu=native" cargo test --test
/// selecting reproducible --target-dir target/native`), another word size, another byte order.
///
/// A change of the quadrature or of the table that moves a bit is **Value-breaking**: take the new numbers from what
/// this test says is on its left, on two targets that agree.
#[test]
fn reproducible_plans() {
    let plans = |arms| [Pulls::Varied, Pulls::NearCold, Pulls::Unequal].map(|pulls| plan(pulls, arms));
    assert_eq!(
        [16, 1_024, 30_000].map(plans),
        [
            [4_272_094_293_053_938_924, 11_453_054_035_685_532_560, 15_082_620_130_358_031_884],
            [16_421_094_863_881_588_816, 4_383_762_829_402_667_296, 10_206_346_198_682_602_184],
            [13_906_637_238_098_434_252, 6_887_182_414_060_830_712, 5_600_994_845_935_321_812],
        ]
    );
}

#[test]
fn reproducible_fingerprints() {
    assert_eq!(
        (arms().fingerprint(), bandit(Uniform).segments().fingerprint()),
        (0xfac4_1a55_6509_ffa8, 0xc2e4_0103_fb25_8c2b)
    );
}

#[test]
fn reproducible_digests() {
    let arms = arms();
    let many = ArmSpace::builder().dimension("arm", (0..1_000).map(|arm| arm.to_string())).build().unwrap();
    let digests = [
        arms.all().digest(),
        arms.subset([ArmId::new(1), ArmId::new(4)]).unwrap().digest(),
        arms.eligible(|_| false).digest(),
        many.eligible(|arm| arm.id().index() % 7 < 3).digest(),
    ];
    assert_eq!(
        digests,
        [0xcd66_059f_5204_8752, 0x01ee_ef0f_ea4b_c909, 0xbbec_eb3c_84b9_6f19, 0xf2ba_692b_e86e_4dc8]
    );
}

#[test]
fn reproducible_tokens() {
    let bandit = bandit(Uniform);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let decision = bandit.select(SEGMENT, &bandit.arms().all(), &mut rng).unwrap();
    assert_eq!(decision.id().to_string(), "5.5f3a.0.0");
    let token = "AQMFADpfAAAAAAAAAAAAAAAAAAIAAAAAAGhmZmZmZga3CE0HP3ZUsbPXwykF4zsQ";
    assert_eq!(decision.token().as_str(), token);
    assert_eq!(bandit.parse(token).unwrap(), decision);
}

#[test]
fn reproducible_snapshots() {
    let arms = ArmSpace::builder().dimension("template", ["a", "b"]).build().unwrap();
    let builder = Bandit::builder(arms, Segments::single()).policy(Uniform).incarnation(1);
    let bandit = builder.reward(RewardKind::Real { minimum: 0.0, maximum: 4.0 }).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(8);
    for reward in [0.0, 1.0, 4.0] {
        let decision = bandit.select(SegmentId::new(0), &bandit.arms().all(), &mut rng).unwrap();
        bandit.reward(&decision, Reward::new(reward)).unwrap();
    }
    assert_eq!(
        serde_json::to_string(&bandit.snapshot()).unwrap(),
        r#"{"version":1,"reward":{"kind":"real","minimum":0.0,"maximum":4.0},"generations":[{"arms":{"dimensions":[["template",["a","b"]]]},"segments":{"attributes":[]},"cells":[[0,0,{"issued":3,"returned":3,"sum":20971520,"squares":17825792}]]}],"lives":[{"replica":0,"incarnation":1,"cohort":0,"issued":3,"claimed":"0000000000000007"}]}"#
    );
}
