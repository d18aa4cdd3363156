//! Shares of a whole over time, one above the other.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{self, AXIS, BELOW, Figure, INK, LEFT, NAME, SMALL, SOFT, figure, is_drawable, words};
use super::shortened;

/// Shares over time: for each name its part of the whole, from 0 to 1, at each of the times, `[name][time]`. The first lies at
/// the bottom; what all of them leave is left white.
#[must_use]
pub fn shares(title: &str, across: &str, times: &[f64], parts: &[(String, Vec<f64>)]) -> Figure {
    let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
    let (places, above) = canvas::legend(&names);
    figure(title, 370 + above, |area| {
        for (number, (&(x, y), name)) in places.iter().zip(&names).enumerate() {
            area.draw(&Rectangle::new([(x, y - 9), (x + 28, y + 9)], canvas::colour(number).filled()))?;
            area.draw(&Text::new(shortened(name, NAME), (x + 38, y), words(SMALL, &INK, HPos::Left)))?;
        }
        let (_, below) = area.split_vertically(above);
        let (left, right) = match (times.first(), times.last()) {
            (Some(&first), Some(&last)) if last > first && is_drawable(first) && is_drawable(last) => {
                (first, last)
            }
            (Some(&first), _) if is_drawable(first) => (first, first + 1.0),
            _ => (0.0, 1.0),
        };
        let mut chart = ChartBuilder::on(&below)
            .margin_top(14)
            .margin_right(26)
            .x_label_area_size(BELOW)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(left..right, 0.0..1.0)?;
        // Alone in its slot, a share holds for all of it.
        let within = |time: f64| if time.is_nan() { left } else { time.clamp(left, right) };
        let times: Vec<f64> = times.iter().map(|&time| within(time)).collect();
        let widened: Vec<f64> = if times.len() == 1 { vec![left, right] } else { times.to_vec() };
        let at = |values: &[f64], slot: usize| values.get(slot.min(times.len().saturating_sub(1))).copied();
        let mut floor = vec![0.0; widened.len()];
        for (number, (_, values)) in parts.iter().enumerate() {
            let ceiling: Vec<f64> = floor
                .iter()
                .enumerate()
                .map(|(slot, floor)| {
                    floor + at(values, slot).filter(|share| share.is_finite()).unwrap_or(0.0).clamp(0.0, 1.0)
                })
                .collect();
            let up = widened.iter().copied().zip(ceiling.iter().copied());
            let back = widened.iter().copied().zip(floor.iter().copied()).rev();
            let outline: Vec<(f64, f64)> = up.clone().chain(back).collect();
            chart.draw_series([Polygon::new(outline, canvas::colour(number).filled())])?;
            // A white line between neighbours, who may be alike in grey.
            chart.draw_series([PathElement::new(up.collect::<Vec<_>>(), WHITE.stroke_width(2))])?;
            floor = ceiling;
        }
        let x_tick = |x: &f64| canvas::tick(*x, (right - left) / 5.0);
        let y_tick = |y: &f64| format!("{:.0} %", 100.0 * y);
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(SOFT)
            .x_labels(5)
            .y_labels(5)
            .x_label_formatter(&x_tick)
            .y_label_formatter(&y_tick)
            .x_desc(shortened(across, AXIS))
            .label_style(words(SMALL, &SOFT, HPos::Left))
            .axis_desc_style(words(SMALL, &INK, HPos::Left))
            .draw()?;
        Ok(())
    })
}
