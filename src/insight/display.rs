//! The report as text for a terminal.

use std::fmt;

use super::report::{ArmReport, Report, SegmentReport};

/// Arms of a segment in the table; the data have them all.
const ARMS_SHOWN: usize = 12;

impl fmt::Display for Report {
    /// The headline, then a table for each segment in which something was sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", plain(&self.headline()))?;
        for segment in self.segments.iter().filter(|segment| segment.sent > 0) {
            writeln!(f)?;
            self.write_segment(f, segment)?;
        }
        let curves = self.delays.iter().filter(|curve| curve.payments > 0.0);
        for (number, curve) in curves.enumerate() {
            if number == 0 {
                writeln!(f)?;
            }
            let of = if curve.name.is_empty() { String::new() } else { format!(" ({})", plain(&curve.name)) };
            if let (Some((_, half, _)), Some((_, most, _))) = (curve.median, curve.ninetieth) {
                let unit = self.unit_of_time();
                let (half, most) = (self.time(half), self.time(most));
                writeln!(
                    f,
                    "Payments{of}: half come within {half:.1} {unit}, nine in ten within {most:.1}."
                )?;
            }
        }
        writeln!(
            f,
            "\nIntervals hold at {} %, each for all times at once: look as often as you like. \"worse\": shown to be worse \
             than the leader.\nChanged rates: a false alarm, ever, anywhere, with probability {} at most.",
            100.0 * self.confidence,
            self.false_alarms,
        )?;
        self.remarks.iter().try_for_each(|remark| writeln!(f, "Note: {}.", plain(remark)))
    }
}

impl Report {
    fn write_segment(&self, f: &mut fmt::Formatter<'_>, segment: &SegmentReport) -> fmt::Result {
        let paid = if self.has_rates() { "paid" } else { "earned" };
        writeln!(
            f,
            "{}: {} ({} sent, {} waiting, {} {paid})",
            plain(&segment.name),
            segment.verdict(),
            segment.sent,
            segment.pending,
            self.amount(segment.paid),
        )?;
        let header = ["arm", "sent", "waiting", paid, "mean", "interval", "P(best)", "loss", ""];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        rows.extend(segment.arms.iter().take(ARMS_SHOWN).map(|arm| self.row(arm)));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..header.len()).map(width).collect();
        for row in &rows {
            let mut line = format!("  {:<1$}", row[0], widths[0]);
            for (column, cell) in row.iter().enumerate().skip(1) {
                let padded = match column == header.len() - 1 {
                    true => cell.clone(),
                    false => format!("{cell:>0$}", widths[column]),
                };
                line += "  ";
                line += &padded;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        if let Some(more) = segment.arms.len().checked_sub(ARMS_SHOWN).filter(|&more| more > 0) {
            writeln!(f, "  and {more} more")?;
        }
        match segment.value_remaining {
            Some(value) => writeln!(f, "  value remaining: {:.1} % of the leader's", 100.0 * value),
            None => Ok(()),
        }
    }

    fn row(&self, arm: &ArmReport) -> Vec<String> {
        let mut words = Vec::new();
        if arm.futile {
            words.push("worse".to_owned());
        }
        if let Some(alarm) = arm.alarm {
            words.push(format!("changed from {} to {}", self.mean(alarm.before), self.mean(alarm.after)));
        }
        vec![
            plain(&arm.name),
            arm.sent.to_string(),
            arm.pending.to_string(),
            self.amount(arm.paid),
            arm.mean.map_or_else(|| "-".to_owned(), |mean| self.mean(mean)),
            format!("{} to {}", self.mean(arm.interval.0), self.mean(arm.interval.1)),
            format!("{:.3}", arm.probability_best),
            self.mean(arm.expected_loss),
            words.join(", "),
        ]
    }

    /// A mean as people read it: a rate in per cent, an amount with as many decimals as its range suggests.
    #[must_use]
    pub fn mean(&self, mean: f64) -> String {
        if self.has_rates() {
            return format!("{:.2} %", 100.0 * mean);
        }
        let (minimum, maximum) = self.reward.range();
        let decimals = (3.0 - libm::floor(libm::log10(maximum - minimum))).clamp(0.0, 9.0) as usize;
        format!("{mean:.decimals$}")
    }

    fn amount(&self, amount: f64) -> String {
        if self.has_rates() { format!("{amount:.0}") } else { format!("{amount:.2}") }
    }

    /// Buckets of time in the unit people would use.
    pub(crate) fn time(&self, buckets: f64) -> f64 {
        buckets * self.bucket.unwrap_or(1) as f64 / self.millis_in_unit()
    }

    /// That unit.
    pub(crate) fn unit_of_time(&self) -> &'static str {
        match self.bucket {
            None => "steps",
            Some(millis) if millis < 3_600_000 => "minutes",
            Some(millis) if millis < 86_400_000 => "hours",
            Some(_) => "days",
        }
    }

    fn millis_in_unit(&self) -> f64 {
        match self.unit_of_time() {
            "minutes" => 60_000.0,
            "hours" => 3_600_000.0,
            "days" => 86_400_000.0,
            _ => 1.0,
        }
    }
}

/// The text with control characters escaped, so that no name can move the cursor.
fn plain(text: &str) -> String {
    let escaped = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    text.chars().map(escaped).collect()
}
