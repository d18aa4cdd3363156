//! Bytes that the counters of a large portfolio take: 1,000 segments × 30,000 arms, of which 1 % are touched, once
//! next to each other and once scattered at random. Counted by an allocator, so the figures do not depend on the
//! machine's load.

use allocation_counter::measure;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::policy::{Policy, Thompson, Uniform};
use tactful::{ArmId, ArmSpace, Bandit, SegmentId, Segments};

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
}
