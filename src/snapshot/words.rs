//! Words of 64 bits as text: JSON has no integers of that width which all readers keep, and zeros should take no room.

/// A number as 16 hexadecimal digits.
pub(super) mod fingerprint {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::snapshot) fn serialize<S: Serializer>(
        number: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{number:016x}"))
    }

    pub(in crate::snapshot) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        // `from_str_radix` would take a sign.
        let digits = text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u64::from_str_radix(&text, 16).ok().filter(|_| digits);
        number.ok_or_else(|| D::Error::custom("a fingerprint is 16 hexadecimal digits"))
    }
}

/// Bits as a text of 16 hexadecimal digits a word.
pub(super) mod hexadecimal {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::snapshot) fn serialize<S: Serializer>(
        words: &[u64],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text: String = words.iter().map(|word| format!("{word:016x}")).collect();
        serializer.serialize_str(&text)
    }

    pub(in crate::snapshot) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u64>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let refused = || D::Error::custom("claimed bits are 16 hexadecimal digits a word");
        if text.len() % 16 != 0 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(refused());
        }
        let word = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok()?;
            u64::from_str_radix(digits, 16).ok()
        };
        text.as_bytes().chunks(16).map(|digits| word(digits).ok_or_else(refused)).collect()
    }
}

/// Words by number as a text: 16 hexadecimal digits for a word, `-` for none, `;` at the end of each 16 decisions after
/// the last word among them. So what is read takes memory in proportion to the text, sheets of 16 words included.
pub(super) mod sheets {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    const SHEET: u64 = 16;

    pub(in crate::snapshot) fn serialize<S: Serializer>(
        words: &[(u64, u64)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let (mut text, mut next) = (String::new(), 0);
        for &(number, bits) in words {
            while next / SHEET < number / SHEET {
                text.push(';');
                next = (next / SHEET + 1) * SHEET;
            }
            text.extend((next..number).map(|_| '-'));
            text.push_str(&format!("{bits:016x}"));
            next = number + 1;
            // A full sheet ends like any other.
            if next % SHEET == 0 {
                text.push(';');
            }
        }
        serializer.serialize_str(&text)
    }

    pub(in crate::snapshot) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(u64, u64)>, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(text.as_bytes())
            .ok_or_else(|| D::Error::custom("outcomes are 16 hexadecimal digits, '-' or ';' by decision"))
    }

    fn read(mut text: &[u8]) -> Option<Vec<(u64, u64)>> {
        let (mut words, mut sheet, mut place) = (Vec::new(), 0, 0);
        while let Some((&first, rest)) = text.split_first() {
            match first {
                b';' => (sheet, place, text) = (sheet + 1, 0, rest),
                _ if place == SHEET => return None,
                b'-' => (place, text) = (place + 1, rest),
                _ => {
                    let (digits, rest) = text.split_at_checked(16)?;
                    // `from_str_radix` would take a sign.
                    let plain = digits.iter().all(u8::is_ascii_hexdigit);
                    let digits = std::str::from_utf8(digits).ok().filter(|_| plain)?;
                    words.push((sheet * SHEET + place, u64::from_str_radix(digits, 16).ok()?));
                    (place, text) = (place + 1, rest);
                }
            }
        }
        Some(words)
    }
}
