//! Bytes that the counters of a large portfolio take: 1,000 segments × 30,000 arms, of which 1 % are touched, once
//! next to each other and once scattered at random; and bytes that pending decisions take beyond the counters, where
//! rewards come in stages and where they are yes or no. Counted by an allocator, so the figures do not depend on the
//! machine's load.

use std::collections::HashMap;
use std::time::Duration;

use allocation_counter::measure;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::policy::{Policy, Thompson, Uniform};
use tactful::time::Window;
use tactful::{ArmId, ArmSpace, Bandit, Reward, RewardRule, SegmentId, Segments, Stage};

const SEGMENTS: u32 = 1_000;
const ARMS: u32 = 30_000;
const TOUCHED: u32 = ARMS / 100;

fn space() -> ArmSpace {
    ArmSpace::builder().dimension("arm", (0..ARMS).map(|arm| arm.to_string())).build().unwrap()
}

fn bandit(policy: impl Policy + 'static) -> Bandit {
    let segments =
        Segments::builder().attribute("segment", (0..SEGMENTS).map(|s| s.to_string())).build().unwrap();
    Bandit::builder(space(), segments).policy(policy).build().unwrap()
}

/// Bytes in use per touched cell, when each segment's cells are touched through one-arm sets.
fn per_cell(arms_of: impl Fn(&mut Xoshiro256PlusPlus) -> Vec<u32>) -> f64 {
    // Restoring touches cells and nothing else: no plans, no claims.
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let cell = serde_json::json!({"issued": 1, "returned": 0, "sum": 0, "squares": 0});
    let mut cells = Vec::new();
    for segment in 0..SEGMENTS {
        cells.extend(arms_of(&mut rng).into_iter().map(|arm| serde_json::json!([segment, arm, cell])));
    }
    let count = cells.len();
    let mut bandit = bandit(Uniform);
    let mut snapshot = serde_json::to_value(self::bandit(Uniform).snapshot()).unwrap();
    snapshot["generations"][0]["cells"] = cells.into();
    let snapshot = serde_json::from_value(snapshot).unwrap();
    let counted = measure(|| drop(bandit.restore(&snapshot).unwrap()));
    counted.bytes_current as f64 / count as f64
}

/// Bytes of the plan of a segment in which so many arms have had one outcome each.
fn plan(rewarded: u32) -> (usize, i64) {
    let bandit = bandit(Thompson::default());
    let segment = SegmentId::new(0);
    for arm in 0..rewarded {
        let only = bandit.arms().subset([ArmId::new(arm * 7)]).unwrap();
        let decision = bandit.select(segment, &only, &mut Xoshiro256PlusPlus::seed_from_u64(1)).unwrap();
        bandit.reward(&decision, (arm % 5 == 0).into()).unwrap();
    }
    let all = bandit.arms().all();
    let mut contenders = 0;
    let counted = measure(|| contenders = bandit.plan(segment, &all).unwrap().contenders().count());
    (contenders, counted.bytes_current)
}

/// Bytes in use per decision with a reward, and per decision, when this share of 2²⁰ pending decisions has one.
fn pending(staged: bool, share: f64) -> (f64, f64) {
    const DECISIONS: u32 = 1 << 20;
    let day = Duration::from_secs(86_400);
    let arms = ArmSpace::builder().dimension("arm", ["a", "b"]).build().unwrap();
    let builder =
        Bandit::builder(arms, Segments::single()).policy(Uniform).window(Window::new(14 * day, day).unwrap());
    let rule = RewardRule::builder(0.0, 1.0).weight(Stage::Delivered, 0.5).build().unwrap();
    let bandit = if staged { builder.stages(rule) } else { builder }.build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let all = bandit.arms().all();
    let mut select = || bandit.select(SegmentId::new(0), &all, &mut rng).unwrap();
    // The cells and the plan are there before.
    let decisions: Vec<_> = (0..DECISIONS).map(|_| select()).collect();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let mut rewarded = 0;
    let counted = measure(|| {
        for decision in &decisions {
            if rng.random_bool(share) {
                rewarded += 1;
                match staged {
                    true => bandit.observe(decision, Stage::Delivered).unwrap(),
                    false => bandit.reward(decision, Reward::SUCCESS).unwrap(),
                }
            }
        }
    });
    let bytes = counted.bytes_current as f64;
    (bytes / f64::from(rewarded), bytes / f64::from(DECISIONS))
}

/// Bytes a decision where those that wait lie in a map, as people keep them: by number, segment, arm and time.
fn pending_in_a_map() -> f64 {
    const DECISIONS: u32 = 1 << 20;
    let mut map = HashMap::new();
    let fill =
        || (0..DECISIONS).for_each(|id| _ = map.insert(u64::from(id), (id % 7, id % 16, u64::from(id))));
    measure(fill).bytes_current as f64 / f64::from(DECISIONS)
}

fn main() {
    let clustered = per_cell(|rng| {
        let first = rng.random_range(0..ARMS - TOUCHED);
        (first..first + TOUCHED).collect()
    });
    let scattered = per_cell(|rng| {
        let mut arms: Vec<u32> = (0..ARMS).collect();
        for place in 0..TOUCHED as usize {
            arms.swap(place, rng.random_range(place..ARMS as usize));
        }
        arms.truncate(TOUCHED as usize);
        arms
    });
    println!("{SEGMENTS} segments, {ARMS} arms, {TOUCHED} touched in each");
    println!("  clustered: {clustered:6.1} bytes a touched cell");
    println!("  scattered: {scattered:6.1} bytes a touched cell");
    for rewarded in [0, 10, 1_000] {
        let (contenders, bytes) = plan(rewarded);
        println!("  plan after {rewarded} outcomes: {contenders} contenders, {bytes} bytes");
    }
    for share in [1.0, 0.9, 0.5, 0.05] {
        let (each, all) = pending(true, share);
        println!(
            "  outcomes in stages, {share} of decisions have some: {each:.2} bytes each, {all:.2} of all"
        );
    }
    for share in [1.0, 0.05] {
        let (_, all) = pending(false, share);
        println!("  yes or no, {share} of decisions succeed: {:.2} bits a decision", 8.0 * all);
    }
    println!("  the same in a HashMap: {:.1} bytes a decision", pending_in_a_map());
}
