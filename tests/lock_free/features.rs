//! The same of requests with features, whose sums are added to in turns: a thread that is stopped in its turn keeps nobody from
//! adding, and nothing that anybody adds is lost.

use std::time::Duration;

use serde_json::Value;
use tactful::policy::LinUcb;
use tactful::time::Window;
use tactful::{ArmSpace, Bandit, Cadence, Features, Reward, Segments};

use super::{Other, PATIENCE, park, rng, segment};

fn bandit(windowed: bool) -> Bandit {
    let arms = ArmSpace::builder().dimension("template", ["a", "b"]).build().unwrap();
    let features = Features::builder().feature("balance", 0.0..=1.0).build().unwrap();
    let builder = Bandit::builder(arms, Segments::single()).features(features).policy(LinUcb::default());
    let builder = builder.cadence(Cadence::EVERY_EVENT).incarnation(1);
    let day = Duration::from_secs(86_400);
    match windowed {
        true => builder.window(Window::new(day, day).unwrap()).build().unwrap(),
        false => builder.build().unwrap(),
    }
}

/// Decisions with features, and their rewards.
fn play(bandit: &Bandit, decisions: usize) {
    let mut rng = rng();
    let only = bandit.arms().eligible(|arm| arm.level("template") == "a");
    for _ in 0..decisions {
        let decision = bandit.select_with(segment(0), &only, &[0.5], &mut rng).unwrap();
        bandit.reward(&decision, Reward::SUCCESS).unwrap();
    }
}

/// Σ x xᵀ and Σ r x and the number of rewards in what a snapshot says, wherever they stand.
fn sums(value: &Value, found: &mut [f64; 6]) {
    match value {
        Value::Object(fields) if fields.contains_key("products") => {
            let [products, rewards] = ["products", "rewards"].map(|name| fields[name].as_array().unwrap());
            let words =
                products.iter().chain(rewards).map(|word| word.as_f64().unwrap() / f64::from(1 << 30));
            let words = words.chain([fields["returned"].as_f64().unwrap()]);
            found.iter_mut().zip(words).for_each(|(sum, word)| *sum += word);
        }
        Value::Object(fields) => fields.values().for_each(|value| sums(value, found)),
        Value::Array(values) => values.iter().for_each(|value| sums(value, found)),
        _ => {}
    }
}

#[test]
fn lock_free_sums_of_features() {
    for windowed in [false, true] {
        for operation in 0.. {
            let bandit = bandit(windowed);
            play(&bandit, 1);
            let other =
                park(&bandit, operation, |bandit| play(bandit, 2), |bandit| play(bandit, 5), PATIENCE);
            let plays = match other {
                Other::NeverParked => 3.0,
                Other::Finished => 8.0,
                Other::Held => panic!("held up by a thread parked before its operation {operation}"),
            };
            let mut found = [0.0; 6];
            sums(&serde_json::to_value(bandit.snapshot()).unwrap(), &mut found);
            let expected = [plays, 0.5 * plays, 0.25 * plays, plays, 0.5 * plays, plays];
            assert_eq!(found, expected, "parked before operation {operation}, window: {windowed}");
            if other == Other::NeverParked {
                assert!(operation >= 60, "only {operation} operations seen");
                break;
            }
        }
    }
}
