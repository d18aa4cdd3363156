//! The page of `tactful simulate`: regret over time with its uncertainty, and how soon traffic finds the best arm.

use tactful::report::{Curve, Page, Section, Table, curves, grouped};
use tactful::simulation::World;

use crate::arguments::Simulate;
use crate::simulate::Simulated;

pub(crate) fn page(simulate: &Simulate, world: &dyn World, simulated: &[Simulated]) -> Page {
    let mut order: Vec<&Simulated> = simulated.iter().collect();
    order.sort_by(|a, b| last(a).0.total_cmp(&last(b).0));
    let mut page = Page::new("Simulation", "Which policy loses least while it learns?")
        .answer(sentence(simulate, &order))
        .fact("decisions", grouped(simulate.horizon))
        .fact("arms", grouped(world.arms().len() as u64))
        .fact("runs of each policy", grouped(simulate.runs));
    if simulate.runs < 30 {
        page = page.warning(format!("{} runs say little of how much the runs differ", simulate.runs));
    }
    let mut regret = Vec::new();
    let mut share = Vec::new();
    let mut table = Table::new(["policy", "regret", "± s.e.", "reward each"]);
    let mut found = Table::new(["policy", "best arm, at the end"]);
    for (number, Simulated { name, curve, .. }) in order.iter().enumerate() {
        let mut line = Curve::new(name).bounded(0.0, 0.0, (0.0, 0.0));
        let mut part = Curve::new(name);
        for (number, &time) in curve.checkpoints.iter().enumerate() {
            let at = curve.regret[number];
            let reach = 2.0 * at.standard_error;
            line = line.bounded(time as f64, at.mean, (at.mean - reach, at.mean + reach));
            part = part.point(time as f64, curve.best_arm_share[number]);
        }
        regret.push(line);
        share.push(part);
        let (mean, error) = curve.regret.last().map_or((0.0, 0.0), |at| (at.mean, at.standard_error));
        let reward = curve.reward.last().map_or(0.0, |reward| reward.mean);
        let cells = [name.clone(), format!("{mean:.1}"), format!("{error:.1}"), format!("{reward:.4}")];
        table = if number == 0 { table.strong_row(cells) } else { table.row(cells) };
        let end = curve.best_arm_share.last().copied().unwrap_or(0.0);
        found = found.row([name.clone(), format!("{:.1} %", 100.0 * end)]);
    }
    let whole =
        |number: f64| if number >= 1e5 { format!("{:.0}k", number / 1e3) } else { format!("{number:.0}") };
    let percent = |number: f64| format!("{:.0} %", 100.0 * number);
    page.section(
        Section::new("Regret")
            .text("What was lost to not knowing the best arm, up to each decision: less is better. Bands are two standard errors.")
            .figure(curves("Cumulative regret by policy", "decisions", "regret", &whole, &regret))
            .table(table),
    )
    .section(
        Section::new("Traffic to the best arm")
            .text("The share of all decisions so far that went to an arm with the largest rate.")
            .figure(curves("Share of traffic to the best arm by policy", "decisions", "share", &percent, &share))
            .table(found),
    )
    .note(format!("Seeds from {}; the same seeds give the same page.", simulate.seed))
}

/// Regret at the end, with its standard error.
fn last(simulated: &Simulated) -> (f64, f64) {
    simulated.curve.regret.last().map_or((f64::INFINITY, 0.0), |at| (at.mean, at.standard_error))
}

fn sentence(simulate: &Simulate, order: &[&Simulated]) -> String {
    let Some(best) = order.first() else { return "Nothing was simulated.".to_owned() };
    let (mean, error) = last(best);
    let lead = format!(
        "{} loses least: {mean:.1} ± {error:.1} after {} decisions",
        best.name,
        grouped(simulate.horizon)
    );
    let Some(next) = order.get(1) else { return lead + "." };
    let (other, other_error) = last(next);
    let apart = (other - mean) / (error * error + other_error * other_error).sqrt();
    match apart > 2.0 {
        true => format!("{lead}; next comes {} with {other:.1}.", next.name),
        false => format!("{lead}, hardly to be told apart from {} with {other:.1}.", next.name),
    }
}
