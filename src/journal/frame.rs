//! The frame of a line: its length and its checksum, in two fields of fixed width before all others.
//!
//! ```text
//! {"len":"00000089","crc":"1a2b3c4d","type":"decision", … }
//!                                    └─ the rest: 89 bytes up to the end of the line, with this CRC-32 ─┘
//! ```
//!
//! Both are texts, since a JSON number has no leading zeros. The checksum (IEEE 802.3, reflected, as in gzip) finds
//! every flipped bit; the length tells a line that was torn off, which is shorter than it says, from one that was
//! damaged, and finds lines that have run together or come apart.

/// Bytes before the rest of the line.
pub(super) const PREFIX: usize = 35;

const BEFORE_LENGTH: &[u8] = br#"{"len":""#;
const BEFORE_CHECKSUM: &[u8] = br#"","crc":""#;
const AFTER: &[u8] = br#"","#;
const BLANK: &[u8; PREFIX] = br#"{"len":"00000000","crc":"00000000","#;

/// Where the digits of the length and of the checksum stand.
const LENGTH: std::ops::Range<usize> = 8..16;
const CHECKSUM: std::ops::Range<usize> = 25..33;

/// What is wrong with the frame of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameError {
    /// It ends before it should: what a torn line looks like.
    Short,
    /// There is no frame, or it does not fit the line: a reason.
    Damaged(&'static str),
}

/// Puts a line into its frame: `rest` writes everything after the frame, the closing brace included.
pub(super) fn write<E>(
    line: &mut Vec<u8>,
    rest: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = line.len();
    line.extend_from_slice(BLANK);
    rest(line)?;
    let (frame, rest) = line[start..].split_at_mut(PREFIX);
    let mut length = rest.len();
    for digit in frame[LENGTH].iter_mut().rev() {
        *digit = b'0' + (length % 10) as u8;
        length /= 10;
    }
    let checksum = crc32fast::hash(rest);
    for (place, digit) in frame[CHECKSUM].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(checksum >> (28 - 4 * place) & 15) as usize];
    }
    line.push(b'\n');
    Ok(())
}

/// The rest of a line given without its end, once length and checksum are found right.
pub(super) fn check(line: &[u8]) -> Result<&[u8], FrameError> {
    let literals = [(0, BEFORE_LENGTH), (LENGTH.end, BEFORE_CHECKSUM), (CHECKSUM.end, AFTER)];
    for (at, literal) in literals {
        let found = &line[line.len().min(at)..line.len().min(at + literal.len())];
        if !literal.starts_with(found) {
            return Err(FrameError::Damaged("length and checksum do not stand where they should"));
        }
    }
    if line.len() < PREFIX {
        return Err(FrameError::Short);
    }
    let number = |digits: &[u8], radix: u64| {
        digits.iter().try_fold(0_u64, |number, &digit| {
            let digit = match digit {
                b'0'..=b'9' => digit - b'0',
                // Small letters only: one bit makes the others of them.
                b'a'..=b'f' if radix == 16 => digit - b'a' + 10,
                _ => return None,
            };
            Some(number * radix + u64::from(digit))
        })
    };
    let damaged = FrameError::Damaged("length or checksum is no number");
    let length = number(&line[LENGTH], 10).ok_or(damaged)?;
    let checksum = number(&line[CHECKSUM], 16).ok_or(damaged)?;
    let rest = &line[PREFIX..];
    match length.cmp(&(rest.len() as u64)) {
        std::cmp::Ordering::Greater => Err(FrameError::Short),
        std::cmp::Ordering::Less => Err(FrameError::Damaged("longer than it says")),
        std::cmp::Ordering::Equal if u64::from(crc32fast::hash(rest)) == checksum => Ok(rest),
        std::cmp::Ordering::Equal => Err(FrameError::Damaged("the checksum does not fit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_the_length_and_the_checksum_of_its_line() {
        let mut line = Vec::new();
        let rest = |line: &mut Vec<u8>| {
            line.extend_from_slice(b"123456789");
            Ok::<(), ()>(())
        };
        assert_eq!(write(&mut line, rest), Ok(()));
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(line, b"{\"len\":\"00000009\",\"crc\":\"cbf43926\",123456789\n");
        let line = &line[..line.len() - 1];
        assert_eq!(check(line), Ok(&b"123456789"[..]));
        for cut in 0..line.len() {
            assert_eq!(check(&line[..cut]), Err(FrameError::Short), "{cut}");
        }
        for bit in 0..line.len() * 8 {
            let mut flipped = line.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&flipped).is_err(), "{bit}");
        }
    }
}
