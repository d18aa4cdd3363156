//! Combining sets of arms: who consented, less who may not be contacted at this hour, beside what is at hand otherwise.
//!
//! Sets of 30,000 arms, each arm in each set with a probability of one half, combined into a buffer that is used again
//! and again; with the count and the digest, which a plan is found by. `cargo bench --bench sets`; compare within one run.

use std::collections::HashSet;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::{ArmSpace, Eligibility};

const ARMS: u32 = 30_000;

/// The same two sets in three forms.
struct Sets {
    ours: [Eligibility; 2],
    /// A flag an arm: what a loop over the arms would ask.
    flags: [Vec<bool>; 2],
    /// The numbers of the arms: what the standard library calls a set.
    hashed: [HashSet<u32>; 2],
}

impl Sets {
    fn new() -> Self {
        let space =
            ArmSpace::builder().dimension("arm", (0..ARMS).map(|arm| arm.to_string())).build().unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let flags = [(); 2].map(|()| (0..ARMS).map(|_| rng.random_bool(0.5)).collect::<Vec<_>>());
        let ours = flags.each_ref().map(|flags| space.eligible(|arm| flags[arm.id().index()]));
        let hashed = flags.each_ref().map(|flags| (0..ARMS).filter(|&arm| flags[arm as usize]).collect());
        Self { ours, flags, hashed }
    }
}

fn combine(c: &mut Criterion) {
    let Sets { ours: [ours, their], flags: [flags, other], hashed: [hashed, hashed_other] } = Sets::new();
    let mut group = c.benchmark_group("sets");
    let name = |operation| BenchmarkId::new(operation, ARMS);

    // A set of its own: it shares its bits with no other.
    let mut buffer = &ours | &their;
    group.bench_function(name("tactful, &="), |b| b.iter(|| *black_box(&mut buffer) &= black_box(&their)));
    group.bench_function(name("tactful, |="), |b| b.iter(|| *black_box(&mut buffer) |= black_box(&their)));
    group.bench_function(name("tactful, -="), |b| b.iter(|| *black_box(&mut buffer) -= black_box(&their)));
    group.bench_function(name("tactful, clone_from and -="), |b| {
        b.iter(|| {
            black_box(&mut buffer).clone_from(&ours);
            buffer -= black_box(&their);
            buffer.digest()
        });
    });
    group.bench_function(name("naive, flags"), |b| {
        let mut buffer = flags.clone();
        b.iter(|| {
            black_box(&mut buffer).copy_from_slice(&flags);
            buffer.iter_mut().zip(black_box(&other)).for_each(|(own, &other)| *own &= !other);
            buffer.iter().filter(|&&own| own).count()
        });
    });
    group.bench_function(name("naive, hashed"), |b| {
        let mut buffer = hashed.clone();
        b.iter(|| {
            black_box(&mut buffer).clear();
            buffer.extend(hashed.difference(black_box(&hashed_other)));
            buffer.len()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = combine
}
criterion_main!(benches);
