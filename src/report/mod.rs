//! Reports to look at: one self-contained HTML file, readable on a phone and on paper, with plots as SVG.
//!
//! A [`Page`] has a question, the answer in a sentence, warnings, and [sections](Section) with a [`Figure`] and a
//! [`Table`] that says the same in numbers. Nothing in it is loaded from anywhere, there are no scripts, and every text is
//! escaped, so that names of arms may be hostile. A figure alone is an SVG, for other pages.
//!
//! ```
//! use tactful::report::{Bounded, Page, Section, Table, intervals};
//!
//! let values = [Bounded::new("friendly", 0.05, (0.04, 0.06)), Bounded::new("firm & fair", 0.08, (0.06, 0.10))];
//! let page = Page::new("evaluation", "Which tone pays?")
//!     .answer("Firm & fair pays best.")
//!     .section(Section::new("Values").figure(intervals("Rate by tone", "rate", &values)).table(
//!         Table::new(["tone", "rate"]).row(["friendly", "5 %"]).row(["firm & fair", "8 %"]),
//!     ));
//! let html = page.to_string();
//! assert!(html.contains("Firm &amp; fair pays best.") && !html.contains("<script"));
//! ```

mod bars;
mod canvas;
mod curves;
mod effects;
mod insight;
mod intervals;
mod page;
mod shares;
mod style;
mod table;

pub use bars::bars;
pub use canvas::Figure;
pub use curves::{Curve, curves};
pub use effects::page as effects_page;
pub use insight::page as insight_page;
pub use intervals::{Bounded, intervals, intervals_about};
pub use page::{Page, Section};
pub use shares::shares;
pub use table::Table;

/// 1234567 as 1,234,567.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Text as it may stand in HTML, in an element or a quoted attribute. Control characters, which HTML does not have, are
/// shown as what they are.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            control if control.is_control() => out.extend(control.escape_default()),
            unseen if is_unseen(unseen) => out.extend(unseen.escape_default()),
            other => out.push(other),
        }
    }
    out
}

/// What turns the direction of all that follows, or is seen by nobody.
fn is_unseen(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A name in a plot, with at most so many characters.
fn shortened(name: &str, most: usize) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_control() || is_unseen(c) { '\u{fffd}' } else { c }).collect();
    if plain.chars().count() <= most {
        return plain;
    }
    plain.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_told_in_groups() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn nothing_hostile_gets_through() {
        assert_eq!(escaped("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
        assert_eq!(escaped("a\u{0}\u{1b}[2J\u{202e}b"), "a\\u{0}\\u{1b}[2J\\u{202e}b");
        assert_eq!(shortened("für dich", 5), "für …");
    }
}
