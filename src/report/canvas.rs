//! What all plots share: size, colours, line patterns, legend, axes, and words for those who do not see them.

use std::fmt;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{escaped, shortened};

/// A plot as SVG. `Display` writes it, as it may stand in HTML or in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure(String);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Width of all plots, in units of which letters have [`LETTERS`].
pub(super) const WIDTH: u32 = 640;
/// The size of letters, which the backend writes a fifth smaller: on a phone, where a plot is half as wide, still ten pixels.
pub(super) const LETTERS: u32 = 24;
/// What is told on axes is a little smaller.
pub(super) const SMALL: u32 = LETTERS - 2;
/// Room below the axis.
pub(super) const BELOW: u32 = 72;
/// Room to the left of it.
pub(super) const LEFT: u32 = 104;

pub(super) const INK: RGBColor = RGBColor(0x1c, 0x27, 0x33);
pub(super) const SOFT: RGBColor = RGBColor(0x5a, 0x67, 0x75);
pub(super) const LINE: RGBColor = RGBColor(0xdd, 0xe3, 0xea);
/// Told apart by their lightness too, for who prints in grey or does not see red.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x1b, 0x49, 0x65),
    RGBColor(0xd1, 0x6a, 0x2b),
    RGBColor(0x5f, 0xa8, 0xd3),
    RGBColor(0x7a, 0x2e, 0x5d),
    RGBColor(0xb5, 0xa1, 0x2f),
    RGBColor(0x8d, 0x99, 0xae),
];
/// Lengths of dash and gap, 0 for a whole line.
const PATTERNS: [(i32, i32); 6] = [(0, 0), (12, 6), (3, 5), (18, 5), (7, 4), (2, 8)];

pub(super) fn colour(number: usize) -> RGBColor {
    COLOURS[number % COLOURS.len()]
}

pub(super) fn pattern(number: usize) -> (i32, i32) {
    PATTERNS[number % PATTERNS.len()]
}

/// Draws a plot of this height.
pub(super) fn figure(title: &str, height: u32, draw: impl FnOnce(&Area<'_>) -> Drawn) -> Figure {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        draw(&area).and_then(|()| area.present().map_err(Into::into))
    };
    // Into memory nothing fails; if it did, the table beside has the numbers.
    if drawn.is_err() {
        text.clear();
    }
    let (_, inside) = text.split_once('>').unwrap_or(("", "</svg>"));
    let title = escaped(title);
    Figure(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n\
         <title>{title}</title>{inside}"
    ))
}

pub(super) fn words<'a>(size: u32, colour: &'a RGBColor, across: HPos) -> TextStyle<'a> {
    TextStyle::from(("sans-serif", size).into_font()).color(colour).pos(Pos::new(across, VPos::Center))
}

/// A line with the pattern of a series, in pixels.
pub(super) fn sample(area: &Area<'_>, from: (i32, i32), length: i32, number: usize) -> Drawn {
    let style = colour(number).stroke_width(4);
    let (dash, gap) = pattern(number);
    let mut at = 0;
    while at < length {
        let end = if dash == 0 { length } else { (at + dash).min(length) };
        area.draw(&PathElement::new(vec![(from.0 + at, from.1), (from.0 + end, from.1)], style))?;
        at = end + gap.max(1);
    }
    Ok(())
}

/// The places of a legend's names, row by row, and its height.
pub(super) fn legend(names: &[&str]) -> (Vec<(i32, i32)>, u32) {
    let (mut x, mut y) = (8, 16);
    let mut places = Vec::new();
    for name in names {
        let width = 42 + 11 * shortened(name, NAME).chars().count() as i32 + 18;
        if x + width > WIDTH as i32 && x > 8 {
            (x, y) = (8, y + 30);
        }
        places.push((x, y));
        x += width;
    }
    (places, if names.is_empty() { 0 } else { y as u32 + 20 })
}

/// Characters of the name of an axis.
pub(super) const AXIS: usize = 40;
/// Characters of a name in a legend.
pub(super) const NAME: usize = 24;

/// A number on an axis whose ticks are so far apart.
pub(super) fn tick(number: f64, step: f64) -> String {
    let decimals = (-libm::floor(libm::log10(step.max(1e-12)) + 1e-9)).clamp(0.0, 9.0) as usize;
    match number.abs() {
        // A minus before nothing.
        zero if zero < step * 1e-6 => format!("{:.decimals$}", 0.0),
        large if large >= 1e6 && step >= 1e5 => format!("{:.1}M", number / 1e6),
        large if large >= 1e4 && step >= 1e3 => format!("{:.0}k", number / 1e3),
        _ => format!("{number:.decimals$}"),
    }
}

/// Whether an axis can reach it; others are left out.
pub(super) fn is_drawable(number: f64) -> bool {
    number.abs() <= 1e12
}

/// A range with some room, that holds all these numbers.
pub(super) fn span(numbers: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = numbers.into_iter().filter(|&number| is_drawable(number));
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), n| (l.min(n), h.max(n)));
    if low > high {
        return (0.0, 1.0);
    }
    let room = 0.06 * (high - low);
    // Ticks closer than numbers can be told apart would never end.
    let room = if room > 1e-9 * high.abs().max(low.abs()) { room } else { (0.1 * high.abs()).max(1e-3) };
    // 0 is no border to be crossed for room's sake.
    let below = if low >= 0.0 { (low - room).max(0.0) } else { low - room };
    (below, high + room)
}
