//! Curves over time, with bands of uncertainty.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{self, AXIS, BELOW, Drawn, Figure, INK, LEFT, LINE, NAME, SMALL, SOFT, figure, words};
use super::shortened;

/// A curve: points by ascending x, each with its y and the ends of a band about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
    band: Vec<(f64, f64, f64)>,
    steps: bool,
}

impl Curve {
    /// A curve without points.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a point.
    #[must_use]
    pub fn point(mut self, x: f64, y: f64) -> Self {
        self.points.push((x, y));
        self
    }

    /// Adds a point with a band.
    #[must_use]
    pub fn bounded(mut self, x: f64, y: f64, (low, high): (f64, f64)) -> Self {
        self.points.push((x, y));
        self.band.push((x, low, high));
        self
    }

    /// The same as steps, which stay until the next point.
    #[must_use]
    pub fn steps(mut self) -> Self {
        self.steps = true;
        self
    }

    /// What of it can be drawn.
    fn drawable(&self) -> Self {
        let within = |numbers: &[f64]| numbers.iter().all(|&number| canvas::is_drawable(number));
        Self {
            points: self.points.iter().copied().filter(|&(x, y)| within(&[x, y])).collect(),
            band: self.band.iter().copied().filter(|&(x, low, high)| within(&[x, low, high])).collect(),
            ..self.clone()
        }
    }

    fn line(&self) -> Vec<(f64, f64)> {
        if !self.steps {
            return self.points.clone();
        }
        let mut line = Vec::new();
        for point in &self.points {
            if let Some(&(_, y)) = line.last() {
                line.push((point.0, y));
            }
            line.push(*point);
        }
        line
    }
}

/// The curves in one plot, told apart by colour, lightness and pattern of their lines; `across` and `up` name the axes, `tick`
/// writes the numbers of the second.
#[must_use]
pub fn curves(title: &str, across: &str, up: &str, tick: &dyn Fn(f64) -> String, curves: &[Curve]) -> Figure {
    let names: Vec<&str> = curves.iter().map(|curve| curve.name.as_str()).collect();
    let (places, above) = if curves.len() > 1 { canvas::legend(&names) } else { (Vec::new(), 0) };
    let height = 390 + above;
    figure(title, height, |area| {
        for (number, (&(x, y), name)) in places.iter().zip(&names).enumerate() {
            canvas::sample(area, (x, y), 32, number)?;
            area.draw(&Text::new(shortened(name, NAME), (x + 42, y), words(SMALL, &INK, HPos::Left)))?;
        }
        let (_, below) = area.split_vertically(above);
        let kept: Vec<Curve> = curves.iter().map(Curve::drawable).collect();
        let curves = &kept[..];
        let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
        let ends = curves.iter().flat_map(|curve| curve.band.iter().flat_map(|&(_, low, high)| [low, high]));
        let (left, right) = canvas::span(points().map(|(x, _)| x));
        let (low, high) = canvas::span(points().map(|(_, y)| y).chain(ends));
        let mut chart = ChartBuilder::on(&below)
            .margin_top(14)
            .margin_right(26)
            .x_label_area_size(BELOW)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(left..right, low..high)?;
        let x_tick = |x: &f64| canvas::tick(*x, (right - left) / 5.0);
        let y_tick = |y: &f64| tick(*y);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(LINE)
            .light_line_style(TRANSPARENT)
            .axis_style(SOFT)
            .x_labels(5)
            .y_labels(6)
            .x_label_formatter(&x_tick)
            .y_label_formatter(&y_tick)
            .x_desc(shortened(across, AXIS))
            .y_desc(shortened(up, AXIS / 2))
            .label_style(words(SMALL, &SOFT, HPos::Left))
            .axis_desc_style(words(SMALL, &INK, HPos::Left))
            .draw()?;
        for (number, curve) in curves.iter().enumerate() {
            let up = curve.band.iter().map(|&(x, _, high)| (x, high));
            let back = curve.band.iter().rev().map(|&(x, low, _)| (x, low));
            let outline: Vec<(f64, f64)> = up.chain(back).collect();
            if curve.band.len() > 1 {
                chart.draw_series([Polygon::new(outline, canvas::colour(number).mix(0.18).filled())])?;
            }
        }
        for (number, curve) in curves.iter().enumerate() {
            line(&mut chart, number, curve)?;
        }
        Ok(())
    })
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn line(chart: &mut Chart<'_, '_>, number: usize, curve: &Curve) -> Drawn {
    let style = canvas::colour(number).stroke_width(3);
    match canvas::pattern(number) {
        (0, _) => chart.draw_series(LineSeries::new(curve.line(), style))?,
        (dash, gap) => chart.draw_series(DashedLineSeries::new(curve.line(), dash, gap, style))?,
    };
    // A single point has no line.
    if curve.points.len() == 1 {
        chart.draw_series(
            curve.points.iter().map(|&at| Circle::new(at, 5, canvas::colour(number).filled())),
        )?;
    }
    Ok(())
}
