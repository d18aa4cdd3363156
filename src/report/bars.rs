//! Amounts as bars from zero.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{self, Figure, INK, LETTERS, SOFT, WIDTH, figure, words};
use super::shortened;

/// Bars of shares, each from 0 to 1, with its name and what to write behind it.
#[must_use]
pub fn bars(title: &str, rows: &[(String, f64, String)]) -> Figure {
    const ROW: u32 = 42;
    const NAMES: i32 = 180;
    const ENDS: i32 = 130;
    let height = ROW * rows.len() as u32 + 12;
    let largest = rows.iter().map(|row| row.1).filter(|share| share.is_finite()).fold(0.0, f64::max);
    figure(title, height, |area| {
        for (number, (name, share, behind)) in rows.iter().enumerate() {
            let middle = (ROW * number as u32 + ROW / 2 + 6) as i32;
            let part = if largest > 0.0 && share.is_finite() { (share / largest).max(0.0) } else { 0.0 };
            let length = (part * f64::from(WIDTH as i32 - NAMES - ENDS)) as i32;
            area.draw(&Text::new(
                shortened(name, 14),
                (NAMES - 12, middle),
                words(LETTERS, &INK, HPos::Right),
            ))?;
            let bar = [(NAMES, middle - 12), (NAMES + length.max(1), middle + 12)];
            area.draw(&Rectangle::new(bar, canvas::colour(0).filled()))?;
            let end = (NAMES + length + 10, middle);
            area.draw(&Text::new(shortened(behind, 10), end, words(LETTERS, &SOFT, HPos::Left)))?;
        }
        Ok(())
    })
}
