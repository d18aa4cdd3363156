//! Values with their intervals, one below the other on one axis.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{self, AXIS, BELOW, Figure, INK, LETTERS, LINE, SMALL, SOFT, WIDTH, figure, words};
use super::shortened;

/// A value that lies between bounds, with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounded {
    name: String,
    value: Option<f64>,
    interval: (f64, f64),
    wide: Option<(f64, f64)>,
    faint: bool,
}

impl Bounded {
    /// A value with its interval.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<Option<f64>>, interval: (f64, f64)) -> Self {
        Self { name: name.into(), value: value.into(), interval, wide: None, faint: false }
    }

    /// Adds a second, wider interval as a thin line, which ends with the plot where it goes far beyond it.
    #[must_use]
    pub fn wide(mut self, interval: (f64, f64)) -> Self {
        self.wide = Some(interval);
        self
    }

    /// The same, drawn as what matters less.
    #[must_use]
    pub fn faint(mut self) -> Self {
        self.faint = true;
        self
    }
}

/// Rows of a plot: more are for the table.
const ROWS: usize = 24;
const ROW: u32 = 62;
/// How far beyond all values and their intervals, in what these span, a second interval is followed: one that is as wide as
/// the range of rewards would flatten all others.
const WIDE: f64 = 1.0;
/// Pixels to the left and right of the axis.
const SIDE: u32 = 26;

/// Values with their intervals: the name above, the interval as a bar, the value as a dot, on an axis that says what it is.
#[must_use]
pub fn intervals(title: &str, across: &str, values: &[Bounded]) -> Figure {
    intervals_with(title, across, None, &|number, step| canvas::tick(number, step), values)
}

/// The same with a line across at a value of note, such as no difference, and its name.
#[must_use]
pub fn intervals_about(title: &str, across: &str, reference: (f64, &str), values: &[Bounded]) -> Figure {
    intervals_with(title, across, Some(reference), &|number, step| canvas::tick(number, step), values)
}

/// The same with ticks as told.
pub(crate) fn intervals_with(
    title: &str,
    across: &str,
    reference: Option<(f64, &str)>,
    tick: &dyn Fn(f64, f64) -> String,
    values: &[Bounded],
) -> Figure {
    let known = |bounded: &Bounded| !(bounded.interval.0.is_nan() || bounded.interval.1.is_nan());
    let values: Vec<&Bounded> = values.iter().filter(|bounded| known(bounded)).take(ROWS).collect();
    let top = if reference.is_some() { 34 } else { 4 };
    let height = top + ROW * values.len() as u32 + BELOW;
    figure(title, height, |area| {
        let narrow = || {
            let ends = values.iter().flat_map(|bounded| [bounded.interval.0, bounded.interval.1]);
            ends.chain(values.iter().filter_map(|bounded| bounded.value)).filter(|&n| canvas::is_drawable(n))
        };
        let (low, high) =
            (narrow().fold(f64::INFINITY, f64::min), narrow().fold(f64::NEG_INFINITY, f64::max));
        let reach = WIDE * (high - low);
        let within = |end: f64| if reach > 0.0 { end.clamp(low - reach, high + reach) } else { end };
        let wide = values.iter().filter_map(|bounded| bounded.wide).flat_map(|(a, b)| [within(a), within(b)]);
        let (left, right) = canvas::span(narrow().chain(wide).chain(reference.map(|(at, _)| at)));
        let mut chart = ChartBuilder::on(area)
            .margin_top(top)
            .margin_left(SIDE)
            .margin_right(SIDE)
            .x_label_area_size(BELOW)
            .build_cartesian_2d(left..right, 0.0..values.len().max(1) as f64)?;
        let x_tick = |x: &f64| tick(*x, (right - left) / 6.0);
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .bold_line_style(LINE)
            .light_line_style(TRANSPARENT)
            .axis_style(SOFT)
            .x_labels(6)
            .x_label_formatter(&x_tick)
            .x_desc(shortened(across, AXIS))
            .label_style(words(SMALL, &SOFT, HPos::Left))
            .axis_desc_style(words(SMALL, &INK, HPos::Left))
            .draw()?;
        let all = values.len() as f64;
        if let Some((at, name)) = reference {
            chart.draw_series(DashedLineSeries::new([(at, 0.0), (at, all)], 6, 5, SOFT.stroke_width(2)))?;
            let share = (at - left) / (right - left);
            let pixel = SIDE as i32 + (share * f64::from(WIDTH - 2 * SIDE)) as i32;
            let across = if share > 0.6 { HPos::Right } else { HPos::Left };
            area.draw(&Text::new(shortened(name, 40), (pixel, 16), words(SMALL, &SOFT, across)))?;
        }
        for (number, &bounded) in values.iter().enumerate() {
            let row = all - number as f64;
            let y = row - 0.76;
            let colour = if bounded.faint { SOFT } else { canvas::colour(0) };
            let clipped =
                |(low, high): (f64, f64)| vec![(low.clamp(left, right), y), (high.clamp(left, right), y)];
            if let Some(wide) = bounded.wide.filter(|wide| !(wide.0.is_nan() || wide.1.is_nan())) {
                chart.draw_series([PathElement::new(clipped(wide), colour.stroke_width(2))])?;
            }
            chart.draw_series([PathElement::new(
                clipped(bounded.interval),
                colour.mix(0.35).stroke_width(10),
            )])?;
            let value = bounded.value.filter(|&value| canvas::is_drawable(value));
            chart.draw_series(value.map(|value| Circle::new((value, y), 7, colour.filled())))?;
            let pixel = top as i32 + (ROW as f64 * (number as f64 + 0.36)) as i32;
            let ink = if bounded.faint { &SOFT } else { &INK };
            let style = words(LETTERS, ink, HPos::Left);
            area.draw(&Text::new(shortened(&bounded.name, 46), (SIDE as i32, pixel), style))?;
        }
        Ok(())
    })
}
