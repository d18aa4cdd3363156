//! Arms and sets of arms: builder errors that name the culprit, ids that lead to names and back, and set algebra
//! against a model.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tactful::arm::{ArmSpaceBuilder, ArmSpaceError, AxisError, NameError};
use tactful::segment::SegmentsError;
use tactful::{ArmId, ArmSpace, Eligibility, Segments};

fn numbers(below: u32) -> impl Iterator<Item = String> {
    (0..below).map(|number| number.to_string())
}

/// The error of a builder; its message must contain the culprit's name.
#[track_caller]
fn refused(builder: ArmSpaceBuilder, culprit: &str) -> ArmSpaceError {
    let error = builder.build().expect_err("refused");
    assert!(error.to_string().contains(culprit), "{error} does not name {culprit}");
    error
}

#[test]
fn arms_that_cannot_be_are_refused_by_name() {
    let new = ArmSpace::builder;
    assert_eq!(refused(new(), "dimension"), ArmSpaceError::NoDimension);
    let tone = |levels: &[&str]| new().dimension("tone", levels.iter().copied());
    let axis = ArmSpaceError::Dimension;
    assert_eq!(refused(tone(&[]), "tone"), axis(AxisError::NoLevels { name: "tone".into() }));
    assert_eq!(
        refused(tone(&["warm", "firm", "warm"]), "warm"),
        axis(AxisError::DuplicateLevel { name: "tone".into(), level: "warm".into() })
    );
    assert_eq!(
        refused(tone(&["warm", ""]), "tone"),
        axis(AxisError::UnnamedLevel { name: "tone".into(), position: 1 })
    );
    assert_eq!(
        refused(tone(&["warm"]).dimension("tone", ["firm"]), "tone"),
        axis(AxisError::Duplicate { name: "tone".into() })
    );
    assert_eq!(
        refused(tone(&["warm"]).dimension("", ["firm"]), "1"),
        axis(AxisError::Unnamed { position: 1 })
    );
}

#[test]
fn arms_that_are_all_or_wrongly_forbidden_are_refused_by_name() {
    let two = || ArmSpace::builder().dimension("tone", ["warm", "firm"]).dimension("channel", ["sms"]);
    assert_eq!(refused(two().forbid([("channel", "sms")]), "every"), ArmSpaceError::EverythingForbidden);
    assert_eq!(refused(two().forbid([("", ""); 0]), "combination"), ArmSpaceError::EmptyCombination);
    let unknown = refused(two().forbid([("tune", "warm")]), "tune");
    assert!(unknown.to_string().contains("tone"), "says what there is: {unknown}");
    let unknown = refused(two().forbid([("tone", "harsh")]), "harsh");
    assert!(matches!(unknown, ArmSpaceError::Forbidden(NameError::UnknownLevel { .. })));
    let repeated = refused(two().forbid([("tone", "warm"), ("tone", "firm")]), "tone");
    assert_eq!(repeated, ArmSpaceError::Forbidden(NameError::Repeated { name: "tone".into() }));
}

#[test]
fn arms_beyond_the_limit_are_refused_with_the_number() {
    let square =
        |side| ArmSpace::builder().dimension("row", numbers(side)).dimension("column", numbers(side));
    let error = refused(square(1025), "1050625");
    assert_eq!(error, ArmSpaceError::TooManyArms { arms: 1025 * 1025, limit: ArmSpace::MAX_ARMS });
    let error = refused(square(4097), "16785409");
    assert!(matches!(error, ArmSpaceError::Dimension(AxisError::TooManyCombinations { .. })));
    // The product would not fit 64 bits.
    let many =
        (0..200).fold(ArmSpace::builder(), |space, number| space.dimension(number.to_string(), ["a", "b"]));
    refused(many, "combinations");
    // Forbidding may bring a space below the limit.
    let within = square(1025).forbid([("row", "0")]).forbid([("column", "0")]);
    assert_eq!(within.build().unwrap().len(), 1 << 20);
}

#[test]
fn arms_in_thousands_and_a_million() {
    let collections = ArmSpace::builder()
        .dimension("template", numbers(50))
        .dimension("channel", numbers(10))
        .dimension("tone", numbers(5))
        .dimension("send_time", numbers(12))
        .build()
        .unwrap();
    let million =
        ArmSpace::builder().dimension("row", numbers(1 << 10)).dimension("column", numbers(1 << 10));
    for (arms, len) in [(collections, 30_000), (million.build().unwrap(), 1 << 20)] {
        assert_eq!(arms.len(), len);
        for arm in arms.iter().step_by(977).chain([arms.arm(ArmId::new(len as u32 - 1))]) {
            assert_eq!(arms.find(arm.levels()), Ok(arm.id()));
        }
        let all = arms.all();
        assert!(all.is_all() && all.len() == len && all.iter().count() == len);
        let odd = arms.eligible(|arm| arm.id().index() % 2 == 1);
        assert_eq!(&(&all - &odd) | &odd, all);
        assert_eq!((&all - &odd).iter().nth(1), Some(ArmId::new(2)));
    }
}

#[test]
fn arms_and_segments_that_are_not_there_are_named() {
    let arms = ArmSpace::builder()
        .dimension("tone", ["warm", "firm"])
        .dimension("channel", ["sms", "email"])
        .forbid([("tone", "firm"), ("channel", "sms")])
        .build()
        .unwrap();
    let find = |pairs: &[(&str, &str)]| arms.find(pairs.iter().copied()).unwrap_err().to_string();
    assert!(find(&[("tone", "warm")]).contains("channel"));
    assert!(find(&[("tone", "warm"), ("channel", "fax")]).contains("fax"));
    assert!(find(&[("tone", "warm"), ("chanel", "sms")]).contains("chanel"));
    assert!(find(&[("tone", "warm"), ("tone", "warm")]).contains("tone"));
    assert!(find(&[("channel", "sms"), ("tone", "firm")]).contains("tone=firm, channel=sms"));
    assert!(arms.with_levels("tone", ["harsh"]).is_err());
    assert!(arms.with_levels("tune", ["warm"]).is_err());
    let segments = Segments::builder().attribute("age", ["18-34", "18-34"]).build();
    assert!(matches!(segments, Err(SegmentsError::Attribute(AxisError::DuplicateLevel { .. }))));
}

#[test]
#[should_panic(expected = "no dimension \"chanel\"")]
fn arms_predicate_with_a_misspelt_dimension_panics() {
    let arms = ArmSpace::builder().dimension("channel", ["sms"]).build().unwrap();
    _ = arms.eligible(|arm| arm.level("chanel") != "sms");
}

#[test]
#[should_panic(expected = "different arm spaces")]
fn arms_of_different_spaces_do_not_combine() {
    let space = |level: &str| ArmSpace::builder().dimension("channel", [level]).build().unwrap();
    _ = space("sms").all() | space("email").all();
}

/// A space of one to four dimensions with random combinations forbidden, not all.
fn space() -> impl Strategy<Value = ArmSpace> {
    let sizes = prop::collection::vec(1_u32..7, 1..=4);
    let rules = prop::collection::vec(prop::collection::btree_map(0_usize..4, 0_u32..7, 1..=3), 0..6);
    (sizes, rules).prop_filter_map("everything is forbidden", |(sizes, rules)| {
        let named = sizes.iter().enumerate();
        let mut builder = named.fold(ArmSpace::builder(), |space, (axis, &size)| {
            space.dimension(format!("d{axis}"), numbers(size).map(|level| format!("l{level}")))
        });
        for rule in rules {
            let fits =
                rule.iter().filter(|&(&axis, &level)| sizes.get(axis).is_some_and(|&size| level < size));
            let rule: Vec<_> = fits.map(|(axis, level)| (format!("d{axis}"), format!("l{level}"))).collect();
            if !rule.is_empty() {
                builder = builder.forbid(rule);
            }
        }
        builder.build().ok()
    })
}

fn members(set: &Eligibility) -> BTreeSet<ArmId> {
    set.iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arms_round_trip_between_names_and_ids(arms in space()) {
        let mut names = BTreeSet::new();
        for (number, arm) in arms.iter().enumerate() {
            prop_assert_eq!(arm.id().index(), number);
            prop_assert!(names.insert(arm.to_string()));
            let mut levels: Vec<(&str, &str)> = arm.levels().collect();
            levels.reverse();
            prop_assert_eq!(arms.find(levels), Ok(arm.id()));
            prop_assert!(arm.levels().all(|(dimension, level)| arm.level(dimension) == level));
        }
        prop_assert_eq!(names.len(), arms.len());
        prop_assert!(arms.get(ArmId::new(arms.len() as u32)).is_none());
        // As plain data and back: the same arms under the same numbers.
        let text = serde_json::to_string(&arms).unwrap();
        let again: ArmSpace = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(again.fingerprint(), arms.fingerprint());
        prop_assert!(again.iter().map(|arm| arm.to_string()).eq(arms.iter().map(|arm| arm.to_string())));
    }

    #[test]
    fn arms_in_sets_follow_the_algebra_of_sets(arms in space(), a: u64, b: u64, multiplier: u64) {
        let pick = |seed: u64| move |arm: tactful::Arm<'_>| {
            !(seed ^ arm.id().index() as u64).wrapping_mul(multiplier | 1).rotate_left(20).is_multiple_of(3)
        };
        let (x, y) = (arms.eligible(pick(a)), arms.eligible(pick(b)));
        let (mx, my) = (members(&x), members(&y));
        prop_assert_eq!(members(&(&x & &y)), &mx & &my);
        prop_assert_eq!(members(&(&x | &y)), &mx | &my);
        prop_assert_eq!(members(&(&x - &y)), &mx - &my);
        let mut assigned = x.clone();
        assigned |= &y;
        assigned -= &(&x & &y);
        prop_assert_eq!(members(&assigned), &mx ^ &my);
        // A buffer written over, and a set that was shared until then.
        let (mut buffer, mut shared) = (&x & &y, x.clone());
        buffer.clone_from(&y);
        shared.clone_from(&assigned);
        prop_assert_eq!((members(&buffer), buffer.digest()), (my.clone(), y.digest()));
        prop_assert_eq!(&shared, &assigned);
        for set in [&x, &y, &assigned, &buffer] {
            let members = members(set);
            prop_assert_eq!((set.len(), set.is_empty()), (members.len(), members.is_empty()));
            prop_assert_eq!(set.is_all(), members.len() == arms.len());
            prop_assert!(arms.iter().all(|arm| set.contains(arm.id()) == members.contains(&arm.id())));
            // The same set by another way: equal, digest included.
            let again = arms.subset(members.iter().copied()).unwrap();
            prop_assert_eq!(&again, set);
            prop_assert_eq!(again.digest(), set.digest());
            let twice = arms.all() - (arms.all() - set);
            prop_assert_eq!(&twice, set);
            prop_assert_eq!(twice.digest(), set.digest());
        }
        prop_assert_eq!(x == y, mx == my);
        prop_assert_eq!(x.digest() == y.digest(), mx == my);
    }

    #[test]
    fn arms_with_levels_are_those_a_predicate_finds(arms in space(), axis in 0_usize..4, levels in prop::collection::vec(0_u32..7, 0..4)) {
        let Some((dimension, known)) = arms.dimensions().nth(axis) else { return Ok(()) };
        let named: Vec<String> = levels.iter().map(|level| format!("l{level}")).filter(|l| known.contains(l)).collect();
        let by_names = arms.with_levels(dimension, &named).unwrap();
        let by_predicate = arms.eligible(|arm| named.iter().any(|level| arm.level(dimension) == level));
        prop_assert_eq!(by_names, by_predicate);
    }
}
