//! The journal: what is written comes back, what is torn is reported, what is damaged is refused where it stands.
#![cfg(feature = "journal")]

use std::fs;
use std::io::BufReader;
use std::path::PathBuf;

use proptest::prelude::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};
use tactful::journal::{Entry, JournalError, JournalReader, JournalWriter, Torn};
use tactful::{ArmSpace, Bandit, Eligibility, Reward, RewardKind, SegmentId, Segments, Timestamp};

fn bandit(kind: RewardKind) -> Bandit {
    let arms = ArmSpace::builder()
        .dimension("template", ["a", "b\" ü\n", "c"])
        .dimension("channel", (0..30).map(|channel| format!("channel {channel}")))
        .forbid([("template", "a"), ("channel", "channel 7")])
        .build()
        .unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    Bandit::builder(arms, segments).reward(kind).incarnation(0xABCD).build().unwrap()
}

fn random_set(bandit: &Bandit, rng: &mut impl Rng) -> Eligibility {
    let set = bandit.arms().eligible(|_| rng.random_bool(0.5));
    if set.is_empty() { bandit.arms().all() } else { set }
}

/// A journal of `rounds` decisions with their outcomes, and what it should say.
fn write(kind: RewardKind, rounds: u32, seed: u64) -> (Vec<u8>, Vec<Entry>) {
    let bandit = bandit(kind);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut journal = JournalWriter::new(Vec::new(), bandit.arms(), bandit.segments(), kind).unwrap();
    let mut expected = Vec::new();
    let sets = [bandit.arms().all(), random_set(&bandit, &mut rng), random_set(&bandit, &mut rng)];
    for round in 0..rounds {
        let eligible = &sets[rng.random_range(0..3)];
        let decision = bandit.select(SegmentId::new(round % 2), eligible, &mut rng).unwrap();
        let at = Timestamp::from_millis(rng.next_u64());
        journal.decision(at, &decision, eligible).unwrap();
        expected.push(Entry::Decision(tactful::journal::LoggedDecision {
            id: decision.id(),
            at,
            segment: decision.segment(),
            arm: decision.arm(),
            propensity: decision.propensity(),
            eligible: eligible.clone(),
            features: None,
        }));
        let reward = match kind {
            RewardKind::Binary => Reward::from(rng.random_bool(0.3)),
            _ => Reward::new(rng.random_range(-5.0..=100.0)),
        };
        bandit.reward(&decision, reward).unwrap();
        journal.outcome(at, decision.id(), reward).unwrap();
        expected.push(Entry::Outcome(tactful::journal::LoggedOutcome {
            id: decision.id(),
            at,
            chosen: None,
            reward,
            features: None,
        }));
    }
    (journal.into_inner(), expected)
}

fn read(bytes: &[u8]) -> (Vec<Entry>, Option<JournalError>, Option<Torn>) {
    let mut reader = match JournalReader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error), None),
    };
    let mut entries = Vec::new();
    let mut error = None;
    for entry in reader.by_ref() {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(found) => error = Some(found),
        }
    }
    (entries, error, reader.torn())
}

/// The same header as version 1 wrote it.
fn version_1(header: &[u8]) -> Vec<u8> {
    let header = String::from_utf8(header.to_vec()).unwrap();
    let bare = format!("{{{}", &header[35..]).replace("\"version\":2", "\"version\":1");
    assert!(bare.starts_with(r#"{"type":"header","version":1"#));
    bare.into_bytes()
}

/// A line of version 2 around what follows its first two fields; the checksum bit by bit, as its definition says.
fn framed(rest: &str) -> Vec<u8> {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    let byte = |crc: u32, &byte: &u8| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc));
    let crc = !rest.as_bytes().iter().fold(u32::MAX, byte);
    format!("{{\"len\":\"{:08}\",\"crc\":\"{crc:08x}\",{rest}\n", rest.len()).into_bytes()
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tactful-journal-{}-{name}.jsonl", std::process::id()))
}

const REAL: RewardKind = RewardKind::Real { minimum: -5.0, maximum: 100.0 };

#[test]
fn what_is_written_comes_back_bit_for_bit() {
    for kind in [RewardKind::Binary, REAL] {
        let (bytes, expected) = write(kind, 500, 1);
        let (entries, error, torn) = read(&bytes);
        assert!(error.is_none() && torn.is_none());
        assert_eq!(entries, expected);
        let reader = JournalReader::new(&bytes[..]).unwrap();
        assert_eq!(reader.arms(), bandit(kind).arms());
        assert_eq!(reader.segments(), bandit(kind).segments());
        assert_eq!(reader.reward_kind(), kind);
    }
}

#[test]
fn nothing_lost_but_the_torn_line_at_any_cut() {
    let (bytes, expected) = write(RewardKind::Binary, 12, 2);
    let header = bytes.iter().position(|&byte| byte == b'\n').unwrap();
    for cut in 0..bytes.len() {
        let (entries, error, torn) = read(&bytes[..cut]);
        if cut < header {
            assert!(matches!(error, Some(JournalError::NoHeader)), "{cut}: {error:?}");
            continue;
        }
        assert!(error.is_none(), "{cut}: {error:?}");
        assert_eq!(entries[..], expected[..entries.len()], "{cut}");
        // A cut that leaves only whole lines loses nothing; any other is told with its place.
        let whole = bytes[..cut].iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        match torn {
            Some(torn) => assert_eq!((torn.offset, torn.bytes), (whole as u64, (cut - whole) as u64)),
            None => assert!(cut == whole || bytes[cut] == b'\n', "{cut}"),
        }
    }
}

#[test]
fn no_panic_and_a_line_number_for_damage_in_the_middle() {
    let (bytes, _) = write(RewardKind::Binary, 5, 3);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    for line in 1..lines.len() {
        let mut damaged = lines.clone();
        damaged[line] = b"{\"type\":\"decision\"\n";
        let (_, error, torn) = read(&damaged.concat());
        assert!(torn.is_none());
        let expected = line as u64 + 1;
        assert!(matches!(error, Some(JournalError::Damaged { line, .. }) if line == expected), "{error:?}");
    }
    let header = version_1(lines[0]);
    for reason in [
        r#"{"type":"decision","id":"0.abcd.0.0","at":0,"segment":2,"arm":1,"propensity":0.5}"#,
        r#"{"type":"decision","id":"0.abcd.0.0","at":0,"segment":1,"arm":89,"propensity":0.5}"#,
        r#"{"type":"decision","id":"0.abcd.0.0","at":0,"segment":1,"arm":1,"propensity":0}"#,
        r#"{"type":"decision","id":"0.abcd.0.0","at":0,"segment":1,"arm":1,"propensity":1.5}"#,
        r#"{"type":"decision","id":"0.abcd.0.0","at":0,"segment":1,"arm":1,"propensity":null}"#,
        r#"{"type":"decision","id":"0.abcd.0","at":0,"segment":1,"arm":1,"propensity":0.5}"#,
        r#"{"type":"decision","id":"0.+bcd.0.0","at":0,"segment":1,"arm":1,"propensity":0.5}"#,
        r#"{"type":"decision","id":"0.abcd.0.0","at":-1,"segment":1,"arm":1,"propensity":0.5}"#,
        r#"{"type":"decision","id":"0.abcd.0.0","at":0,"segment":1,"arm":1,"propensity":0.5,"eligible":"00"}"#,
        r#"{"type":"decision","id":"0.abcd.0.0","at":0,"segment":1,"arm":1,"propensity":0.5,"eligible":"0000000000000000"}"#,
        r#"{"type":"outcome","id":"0.abcd.0.0","at":0,"reward":0.5}"#,
        r#"{"type":"outcome","id":"0.abcd.0.0","at":0,"reward":1e999}"#,
        r#"{"type":"outcome","id":"0.abcd.0.0","at":0,"reward":1,"extra":2}"#,
        r#"{"type":"eligible","digest":"0000000000000000","arms":"0-88"}"#,
        r#"{"type":"eligible","digest":"0000000000000000","arms":"5-3"}"#,
        r#"{"type":"eligible","digest":"0000000000000000","arms":"0-99999999"}"#,
        r#"{"type":"outcome","id":"0.abcd.0.0","at":0,"segment":1,"reward":1}"#,
        r#"{"type":"outcome","id":"0.abcd.0.0","at":0,"segment":1,"arm":89,"reward":1}"#,
        r#"{"type":"outcome","id":"0.abcd.0.0","at":0,"space":"0000000000000000","reward":1}"#,
        r#"{"type":"stage","id":"0.abcd.0.0","at":0,"segment":1,"arm":1,"stage":65536,"value":1}"#,
        r#"{"type":"stage","id":"0.abcd.0.0","at":0,"segment":1,"arm":1,"stage":1,"value":1e999}"#,
        r#"{"type":"cancel","id":"0.abcd.0.0","at":0,"segment":2,"arm":1}"#,
        r#"{"type":"end","lines":0}"#,
        r#"{"type":"end","lines":18446744073709551615}"#,
        r#"{"type":"header","version":1}"#,
        r#"{"type":"nonsense"}"#,
        "null",
        "",
    ] {
        // As a line of version 1, and of version 2 with the right length and checksum.
        let bare = [&header, reason.as_bytes(), b"\n"].concat();
        let framed = [lines[0], &framed(reason.strip_prefix('{').unwrap_or(reason))].concat();
        for (text, first) in [(bare, header.len()), (framed, lines[0].len())] {
            let (entries, error, _) = read(&text);
            let place = |offset: u64| offset == first as u64;
            assert!(
                entries.is_empty()
                    && matches!(error, Some(JournalError::Damaged { line: 2, offset, .. }) if place(offset)),
                "{reason}: {error:?}"
            );
        }
    }
}

#[test]
fn no_flipped_bit_alters_a_record_or_passes_for_a_torn_line() {
    let (bytes, expected) = write(REAL, 4, 11);
    let mut flipped = bytes.clone();
    for bit in 0..bytes.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (entries, error, torn) = read(&flipped);
        assert!(error.is_some() && torn.is_none(), "bit {bit}: {torn:?}");
        assert_eq!(entries[..], expected[..entries.len()], "bit {bit}");
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn zeros_in_place_of_the_last_blocks_are_a_torn_end() {
    let (bytes, expected) = write(RewardKind::Binary, 6, 12);
    let header = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let damaged = |error: &Option<JournalError>| matches!(error, Some(JournalError::Damaged { .. }));
    for from in header..bytes.len() {
        let mut zeroed = bytes.clone();
        zeroed[from..].fill(0);
        let (entries, error, torn) = read(&zeroed);
        assert!(error.is_none() && torn.is_some(), "{from}: {error:?}");
        assert_eq!(entries[..], expected[..entries.len()]);
        // Before a good line they are damage.
        zeroed[from..].copy_from_slice(&bytes[from..]);
        zeroed[from] = 0;
        let (_, error, torn) = read(&zeroed);
        // (A line whose end is gone has run together with the last.)
        let last = !bytes[..bytes.len() - 1].iter().skip(from + 1).any(|&byte| byte == b'\n');
        assert!(if last { torn.is_some() } else { damaged(&error) }, "{from}: {error:?} {torn:?}");
    }
}

#[test]
fn a_journal_of_version_1_is_read_and_continued() {
    let (bytes, expected) = write(REAL, 8, 13);
    let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let mut old = version_1(lines.next().unwrap());
    for line in lines {
        old.push(b'{');
        old.extend_from_slice(&line[35..]);
    }
    let (entries, error, torn) = read(&old);
    assert!(error.is_none() && torn.is_none(), "{error:?}");
    assert_eq!(entries, expected);
    let (path, bandit) = (scratch("version-1"), bandit(REAL));
    fs::write(&path, &old[..old.len() - 3]).unwrap();
    let (mut journal, torn) =
        JournalWriter::append(&path, bandit.arms(), bandit.segments(), bandit.reward_kind()).unwrap();
    assert!(torn.is_some());
    let Some(Entry::Outcome(last)) = expected.last() else { panic!("an outcome is last") };
    journal.outcome(last.at, last.id, last.reward).unwrap();
    journal.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), old, "the same line as before");
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_journal_is_continued_after_a_torn_line() {
    let bandit = bandit(RewardKind::Binary);
    let append =
        |path: &PathBuf| JournalWriter::append(path, bandit.arms(), bandit.segments(), bandit.reward_kind());
    let (bytes, expected) = write(RewardKind::Binary, 3, 4);
    let decision = bandit
        .select(SegmentId::new(0), &bandit.arms().all(), &mut Xoshiro256PlusPlus::seed_from_u64(9))
        .unwrap();
    let path = scratch("continued");
    // Every cut, the empty file and a torn header included, leaves a journal that can be continued.
    for cut in 0..=bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let (before, _, torn_before) = read(&bytes[..cut]);
        let (mut journal, torn) = append(&path).unwrap();
        if !before.is_empty() {
            assert_eq!(torn, torn_before, "{cut}");
        }
        journal.outcome(Timestamp::from_millis(5), decision.id(), Reward::SUCCESS).unwrap();
        journal.flush().unwrap();
        let (entries, error, torn) = read(&fs::read(&path).unwrap());
        assert!(error.is_none() && torn.is_none(), "{cut}: {error:?} {torn:?}");
        assert_eq!(entries.len(), before.len() + 1);
        assert_eq!(entries[..before.len()], expected[..before.len()]);
    }
    // Somebody else's file, a damaged one and one of other arms are left as they are.
    for text in [&b"dear diary"[..], b"{}\n", b"\n", &[&bytes[..], b"damage\n"].concat()] {
        fs::write(&path, text).unwrap();
        assert!(append(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), text);
    }
    fs::write(&path, &bytes).unwrap();
    let other = ArmSpace::builder().dimension("template", ["a"]).build().unwrap();
    let refused = JournalWriter::append(&path, &other, bandit.segments(), bandit.reward_kind());
    assert!(matches!(refused, Err(JournalError::OtherNames)));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    fs::remove_file(&path).unwrap();
}

#[test]
fn what_does_not_belong_is_not_written() {
    let bandit = bandit(RewardKind::Binary);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let all = bandit.arms().all();
    let decision = bandit.select(SegmentId::new(1), &all, &mut rng).unwrap();
    let mut journal =
        JournalWriter::new(Vec::new(), bandit.arms(), bandit.segments(), bandit.reward_kind()).unwrap();
    let now = Timestamp::default();
    for value in [f64::NAN, f64::INFINITY, 0.5, -1.0] {
        let refused = journal.outcome(now, decision.id(), Reward::new(value));
        assert!(matches!(refused, Err(JournalError::Reward { .. })), "{value}");
    }
    let others = all.clone() - bandit.arms().subset([decision.arm()]).unwrap();
    assert!(matches!(journal.decision(now, &decision, &others), Err(JournalError::OtherNames)));
    let foreign = ArmSpace::builder().dimension("template", ["a"]).build().unwrap().all();
    assert!(matches!(journal.decision(now, &decision, &foreign), Err(JournalError::OtherNames)));
    // The same arms, but other segments: the number would name somebody else.
    let elsewhere = Segments::builder().attribute("stage", ["late", "early"]).build().unwrap();
    let elsewhere = Bandit::builder(bandit.arms().clone(), elsewhere).build().unwrap();
    let stranger = elsewhere.select(SegmentId::new(1), &all, &mut rng).unwrap();
    assert!(matches!(journal.decision(now, &stranger, &all), Err(JournalError::OtherNames)));
    let (entries, error, torn) = read(&journal.into_inner());
    assert!(entries.is_empty() && error.is_none() && torn.is_none());
}

/// Takes so many bytes, then half a line and an error, then anything again.
struct Failing {
    bytes: Vec<u8>,
    room: usize,
}

impl std::io::Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() <= self.room {
            self.room -= bytes.len();
            self.bytes.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        let half = self.room.min(bytes.len() / 2);
        self.room = usize::MAX;
        self.bytes.extend_from_slice(&bytes[..half]);
        Err(std::io::Error::other("disk full"))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_is_glued_to_a_line_that_a_failed_write_has_torn() {
    let bandit = bandit(RewardKind::Binary);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(8);
    let sink = Failing { bytes: Vec::new(), room: 3_000 };
    let mut journal =
        JournalWriter::new(sink, bandit.arms(), bandit.segments(), bandit.reward_kind()).unwrap();
    let all = bandit.arms().all();
    let mut written = 0;
    let mut errors = Vec::new();
    for _ in 0..40 {
        let decision = bandit.select(SegmentId::new(0), &all, &mut rng).unwrap();
        match journal.decision(Timestamp::default(), &decision, &all) {
            Ok(()) => written += 1,
            Err(error) => errors.push(error),
        }
    }
    assert!(matches!(errors[0], JournalError::Io { .. }));
    assert!(errors[1..].iter().all(|error| matches!(error, JournalError::Broken)) && errors.len() > 1);
    let (entries, error, torn) = read(&journal.into_inner().bytes);
    assert!(error.is_none() && torn.is_some());
    assert_eq!(entries.len(), written);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_journal_comes_back(rounds in 0_u32..40, seed: u64) {
        let (bytes, expected) = write(REAL, rounds, seed);
        let (entries, error, torn) = read(&bytes);
        prop_assert!(error.is_none() && torn.is_none());
        prop_assert_eq!(entries, expected);
    }

    #[test]
    fn no_panic_on_hostile_bytes(seed: u64, place: prop::sample::Index, bytes: Vec<u8>) {
        let (mut journal, _) = write(RewardKind::Binary, 4, seed);
        let place = place.index(journal.len());
        let end = (place + bytes.len()).min(journal.len());
        journal.splice(place..end, bytes);
        let (_, _, _) = read(&journal);
        let reader = JournalReader::new(BufReader::with_capacity(1, &journal[..]));
        if let Ok(reader) = reader {
            prop_assert!(reader.count() <= 10);
        }
    }

    #[test]
    fn no_panic_on_bytes_from_nowhere(bytes: Vec<u8>) {
        let (entries, error, _) = read(&bytes);
        prop_assert!(entries.is_empty() && error.is_some());
    }
}
