//! Reports of what works: counts that add up, verdicts that are right, from a bandit, its snapshot and a journal.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::insight::{Insight, Report};
use tactful::time::Window;
use tactful::{ArmSpace, Bandit, Reward, Segments, Timestamp};

const DAY: u64 = 86_400_000;

/// 60 days of 300 decisions in each of two segments, a window of three days, and payments on the next day. In the segment
/// "early" one arm is best and another one's rate falls on day 30; in "late" next to nothing pays.
fn portfolio() -> Bandit {
    let day = Duration::from_millis(DAY);
    let arms =
        ArmSpace::builder().dimension("tone", ["warm", "firm", "<script>alert(1)</script>"]).build().unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late", "never"]).build().unwrap();
    let bandit = Bandit::builder(arms, segments)
        .window(Window::new(3 * day, day).unwrap())
        .exploration(0.6)
        .incarnation(1)
        .build()
        .unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut due = Vec::new();
    for number in 0..60 {
        bandit.advance_to(Timestamp::from_millis(number * DAY + 1)).unwrap();
        for decision in std::mem::take(&mut due) {
            bandit.reward(&decision, Reward::SUCCESS).unwrap();
        }
        for (stage, scale) in [("early", 1.0), ("late", 0.002)] {
            let segment = bandit.segment([("stage", stage)]).unwrap();
            for _ in 0..300 {
                let decision = bandit.select(segment, &bandit.arms().all(), &mut rng).unwrap();
                let rate = [0.40, 0.05, if number < 30 { 0.30 } else { 0.05 }][decision.arm().index()];
                if rng.random::<f64>() < scale * rate {
                    due.push(decision);
                }
            }
        }
    }
    bandit
}

#[test]
fn a_report_says_what_works_what_fails_and_what_has_changed() {
    let bandit = portfolio();
    let report = Insight::default().threshold(0.02).of_bandit(&bandit);
    let [early, late, never] = &report.segments[..] else { panic!("{report:?}") };

    assert_eq!((early.sent, late.sent, never.sent), (18_000, 18_000, 0));
    // The last three days wait; of the last, nothing has been paid yet.
    assert!((600..1200).contains(&early.pending), "{}", early.pending);
    let statistics = |arm| bandit.statistics(bandit.segment([("stage", "early")]).unwrap(), arm);
    let successes: f64 = bandit.arms().iter().map(|arm| statistics(arm.id()).sum()).sum();
    assert_eq!(early.paid, successes);

    assert_eq!(early.leader.as_deref(), Some("warm"));
    assert!(early.decided && !early.nothing_works && early.verdict() == "decided");
    let [warm, ..] = &early.arms[..] else { panic!("{early:?}") };
    let arm = |name: &str| early.arms.iter().find(|arm| arm.name.starts_with(name)).unwrap();
    assert!(!warm.futile && arm("firm").futile && arm("<script>").futile);
    assert!(warm.interval.0 < 0.40 && 0.40 < warm.interval.1 && warm.probability_best > 0.999);
    assert!(warm.expected_loss < 1e-6 && arm("firm").expected_loss > 0.3);
    let alarm = arm("<script>").alarm.unwrap();
    assert!((25..=34).contains(&alarm.at) && alarm.after < alarm.before, "{alarm:?}");
    assert!(warm.alarm.is_none() && arm("firm").alarm.is_none());
    let periods = |name| arm(name).periods.iter().map(|period| period.sent).sum::<u64>();
    assert_eq!(periods("warm") + periods("firm") + periods("<script>"), 18_000);

    assert!(late.nothing_works && late.verdict() == "nothing works here");
    assert!(!Insight::default().of_bandit(&bandit).segments[1].nothing_works, "no threshold, no verdict");
    assert_eq!((never.verdict(), never.never_sent), ("nothing sent", 3));

    // Payments come on the next day.
    let (_, half, _) = report.delays[0].median.unwrap();
    assert!((1.0..=2.0).contains(&half), "{half}");

    let text = report.to_string();
    for expected in
        ["1 of 2 segments", "in 1 nothing works", "1 rate has changed", "worse", "value remaining"]
    {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
    println!("{text}");
    assert_eq!(report.clone().only("late").segments.len(), 1);
}

#[test]
fn a_snapshot_tells_the_same() {
    let bandit = portfolio();
    let (live, stored) = (bandit.report(), Insight::default().of_snapshot(&bandit.snapshot()).unwrap());
    for (live, stored) in live.segments.iter().zip(&stored.segments) {
        assert_eq!((live.sent, live.pending, live.paid), (stored.sent, stored.pending, stored.paid));
        assert_eq!(live.leader, stored.leader);
        let facts = |report: &tactful::insight::SegmentReport| {
            report
                .arms
                .iter()
                .map(|arm| (arm.name.clone(), arm.settled, arm.interval, arm.futile))
                .collect::<Vec<_>>()
        };
        let (mut a, mut b) = (facts(live), facts(stored));
        a.sort_by(|a, b| a.0.cmp(&b.0));
        b.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(a, b);
    }
    let text = serde_json::to_string(&live).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), live);
}

#[test]
fn without_a_window_there_are_no_alarms() {
    let arms = ArmSpace::builder().dimension("tone", ["warm", "firm"]).build().unwrap();
    let bandit = Bandit::builder(arms, Segments::single()).build().unwrap();
    assert_eq!(bandit.report().headline(), "Nothing has been sent yet.");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let everyone = bandit.segment([("", ""); 0]).unwrap();
    for number in 0..100 {
        let decision = bandit.select(everyone, &bandit.arms().all(), &mut rng).unwrap();
        if number % 2 == 0 {
            bandit.reward(&decision, Reward::from(number % 4 == 0)).unwrap();
        }
    }
    let report = bandit.report();
    let segment = &report.segments[0];
    assert_eq!((segment.sent, segment.pending, segment.paid), (100, 50, 25.0));
    assert!(segment.arms.iter().all(|arm| arm.alarm.is_none() && arm.periods.is_empty()));
    assert!(!segment.decided && segment.verdict() == "learning", "{report}");
    assert_eq!(segment.name, "everyone");
}

#[cfg(feature = "journal")]
mod journal {
    use super::*;
    use tactful::insight::InsightError;
    use tactful::journal::JournalReader;

    /// Forty days of ten decisions for each of two arms; of "b" every second pays on the next day, until day 20 of "a" too.
    fn journal() -> String {
        let mut lines = vec![
            r#"{"type":"header","version":1,"arms":{"dimensions":[["tone",["a","b"]]]},"segments":{"attributes":[]},"reward":{"kind":"binary"}}"#
                .to_owned(),
        ];
        for number in 0..800_u64 {
            let (day, arm) = (number / 20, number % 2);
            lines.push(format!(
                r#"{{"type":"decision","id":"0.1f.0.{number:x}","at":{},"segment":0,"arm":{arm},"propensity":0.5}}"#,
                day * DAY
            ));
            if number / 2 % 2 == 0 && (arm == 1 || day < 20) {
                let at = (day + 1) * DAY;
                lines
                    .push(format!(r#"{{"type":"outcome","id":"0.1f.0.{number:x}","at":{at},"reward":1.0}}"#));
            }
        }
        lines.join("\n") + "\n"
    }

    #[test]
    fn a_journal_tells_by_its_window() {
        let text = journal();
        let read = |window| {
            let reader = JournalReader::new(text.as_bytes()).unwrap();
            Insight::default().of_journal(reader, window).unwrap()
        };
        let day = Duration::from_millis(DAY);
        let report = read(Some(Window::new(2 * day, day).unwrap()));
        let segment = &report.segments[0];
        // Now is day 40: what was sent on days 38 and 39 waits, but for what was paid.
        assert_eq!((segment.sent, segment.pending, segment.paid), (800, 30, 300.0));
        let a = segment.arms.iter().find(|arm| arm.name == "a").unwrap();
        let b = segment.arms.iter().find(|arm| arm.name == "b").unwrap();
        assert_eq!((a.settled, b.settled), (380, 380));
        assert_eq!(b.mean, Some(0.5));
        assert_eq!(a.alarm.map(|alarm| alarm.at), Some(20));
        assert!(b.alarm.is_none() && a.futile && segment.leader.as_deref() == Some("b"));
        // Those of the day that is going on are not all there yet.
        assert_eq!(report.delays[0].payments, 295.0);
        // Without one, only what has come in counts, and the report says so.
        let report = read(None);
        assert_eq!((report.segments[0].pending, report.segments[0].arms[0].mean), (500, Some(1.0)));
        assert!(report.to_string().contains("no window was given"), "{report}");
    }

    #[test]
    fn a_decision_that_stands_twice_is_refused() {
        let mut text = journal();
        let again = text.lines().nth(1).unwrap().to_owned();
        text += &again;
        text.push('\n');
        let reader = JournalReader::new(text.as_bytes()).unwrap();
        let error = Insight::default().of_journal(reader, None).unwrap_err();
        assert!(matches!(error, InsightError::RepeatedDecision { line, .. } if line > 1000), "{error}");
    }
}
