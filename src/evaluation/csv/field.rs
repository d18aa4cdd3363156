//! What a field says, as a number.

use super::CsvFault;

/// A finite number, perhaps between spaces.
pub(super) fn number(field: &[u8]) -> Result<f64, CsvFault> {
    let text = str::from_utf8(field).map_err(|_| CsvFault::NotUtf8)?;
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| CsvFault::NotANumber { text: text.chars().take(100).collect() })
}

/// A number, or a word for one.
pub(super) fn word_or_number(field: &[u8]) -> Result<f64, CsvFault> {
    match field.trim_ascii() {
        word if word.eq_ignore_ascii_case(b"yes") || word.eq_ignore_ascii_case(b"true") => Ok(1.0),
        word if word.eq_ignore_ascii_case(b"no") || word.eq_ignore_ascii_case(b"false") => Ok(0.0),
        _ => number(field),
    }
}

/// A number that can be a propensity.
pub(super) fn propensity(propensity: f64) -> Result<f64, CsvFault> {
    if propensity > 0.0 && propensity <= 1.0 {
        Ok(propensity)
    } else {
        Err(CsvFault::Propensity { propensity })
    }
}
