//! From counts to verdicts.

use crate::arm::{Arm, ArmId};
use crate::belief::best::probability_best;
use crate::belief::{Beta, ConfidenceSequence, Stretch, change, expected_maximum, value_remaining};
use crate::reward::RewardKind;
use crate::segment::{Segment, SegmentId};

use super::Insight;
use super::counts::{Counted, Counts};
use super::report::{Alarm, ArmReport, DelayCurve, Period, Report, SegmentReport};

/// What is believed after what is settled, of a uniform prior.
pub(super) fn plain(_: SegmentId, _: ArmId, counted: Counted) -> Beta {
    let sum = counted.settled_sum.clamp(0.0, counted.settled);
    Beta::UNIFORM.updated(sum, counted.settled - sum)
}

pub(super) fn judge(
    insight: &Insight,
    counts: Counts,
    posterior: impl Fn(SegmentId, ArmId, Counted) -> Beta,
) -> Report {
    let cells = counts.segments.len().saturating_mul(counts.arms.len()).max(1) as f64;
    let judge = Judge {
        kind: counts.reward,
        error: 1.0 - insight.confidence,
        threshold: insight.threshold,
        // All alarms together, whatever becomes of which (C. E. Bonferroni).
        alarm: insight.false_alarms / cells,
        timed: counts.bucket.is_some(),
    };
    let segments = counts.segments.iter().map(|segment| judge.segment(&counts, segment, &posterior));
    let segments = segments.collect();
    let delays = counts.delays.iter().map(|(name, estimate)| DelayCurve {
        name: name.clone(),
        payments: estimate.conversions(),
        shares: estimate.law().steps().to_vec(),
        deviations: estimate.deviation().to_vec(),
        median: estimate.quantile(0.5, 2.0),
        ninetieth: estimate.quantile(0.9, 2.0),
    });
    Report {
        reward: counts.reward,
        confidence: insight.confidence,
        false_alarms: insight.false_alarms,
        threshold: insight.threshold,
        bucket: counts.bucket,
        segments,
        delays: delays.collect(),
        remarks: counts.remarks,
    }
}

struct Judge {
    kind: RewardKind,
    error: f64,
    threshold: Option<f64>,
    alarm: f64,
    timed: bool,
}

impl Judge {
    fn segment(
        &self,
        counts: &Counts,
        segment: Segment<'_>,
        posterior: &impl Fn(SegmentId, ArmId, Counted) -> Beta,
    ) -> SegmentReport {
        let id = segment.id();
        let range = (id, ArmId::new(0))..=(id, ArmId::new(u32::MAX));
        let mut totals = Vec::new();
        for (&(_, arm), periods) in counts.cells.range(range) {
            let mut total = Counted::default();
            periods.values().for_each(|&counted| total.add(counted));
            if total.sent > 0 {
                totals.push((arm, total, periods));
            }
        }
        let posteriors: Vec<Beta> = totals.iter().map(|&(arm, total, _)| posterior(id, arm, total)).collect();
        let mut best = Vec::new();
        if !posteriors.is_empty() {
            probability_best(&posteriors, &mut best);
        }
        let likeliest = likeliest(&best);
        let maximum = expected_maximum(&likeliest.iter().map(|&arm| posteriors[arm]).collect::<Vec<_>>());
        // For verdicts over all arms at once: each a share of the error.
        let together = self.sequence(self.error / totals.len().max(1) as f64);
        let alone = self.sequence(self.error);
        let bounds = |sequence: Option<ConfidenceSequence>, total: &Counted| {
            sequence.map_or((0.0, 1.0), |sequence| sequence.interval(total.settled_sum, total.settled))
        };
        let joint: Vec<(f64, f64)> = totals.iter().map(|(_, total, _)| bounds(together, total)).collect();
        let champion = (0..posteriors.len())
            .filter(|&arm| totals[arm].1.settled > 0.0)
            .max_by(|&a, &b| posteriors[a].mean().total_cmp(&posteriors[b].mean()));
        let bar = joint.iter().map(|bounds| bounds.0).fold(0.0, f64::max);
        let mut arms: Vec<(usize, ArmReport)> = Vec::new();
        for (number, &(arm, total, periods)) in totals.iter().enumerate() {
            let (lower, upper) = bounds(alone, &total);
            let mean = (total.settled > 0.0).then(|| total.settled_sum / total.settled);
            let unscaled = |scaled| self.kind.unscale(scaled);
            let report = ArmReport {
                name: name(counts.arms.arm(arm)),
                sent: total.sent,
                pending: total.pending,
                settled: total.settled as u64,
                paid: self.paid(&total),
                mean: mean.map(unscaled),
                interval: (unscaled(lower), unscaled(upper)),
                probability_best: best[number],
                expected_loss: self.span() * (maximum - posteriors[number].mean()).max(0.0),
                futile: joint[number].1 < bar,
                alarm: self.alarm(periods),
                periods: if self.timed {
                    periods.iter().map(|at| self.period(at)).collect()
                } else {
                    Vec::new()
                },
            };
            arms.push((number, report));
        }
        let lost = |number: usize| joint[number].1 < bar;
        let decided = champion.is_some_and(|champion| {
            totals.len() > 1 && (0..totals.len()).all(|arm| arm == champion || lost(arm))
        });
        let scaled = self.threshold.map(|threshold| (threshold - self.kind.range().0) / self.span());
        let below = |threshold: f64| joint.iter().all(|bounds| bounds.1 < threshold);
        arms.sort_by(|(a, one), (b, other)| {
            let leads = |number: usize| Some(number) != champion;
            let chance = other.probability_best.total_cmp(&one.probability_best);
            leads(*a).cmp(&leads(*b)).then(chance).then(a.cmp(b))
        });
        SegmentReport {
            name: segment_name(segment),
            sent: totals.iter().map(|(_, total, _)| total.sent).sum(),
            pending: totals.iter().map(|(_, total, _)| total.pending).sum(),
            paid: totals.iter().map(|(_, total, _)| self.paid(total)).sum(),
            leader: champion.map(|champion| name(counts.arms.arm(totals[champion].0))),
            value_remaining: champion.map(|champion| {
                let rivals = likeliest.iter().filter(|&&arm| arm != champion);
                let all = std::iter::once(&champion).chain(rivals).map(|&arm| posteriors[arm]);
                value_remaining(&all.collect::<Vec<_>>(), 0, 0.95)
            }),
            nothing_works: !totals.is_empty() && scaled.is_some_and(below),
            decided,
            never_sent: counts.arms.len() - totals.len(),
            arms: arms.into_iter().map(|(_, arm)| arm).collect(),
        }
    }

    /// None where the error is none: intervals then say nothing.
    fn sequence(&self, error: f64) -> Option<ConfidenceSequence> {
        ConfidenceSequence::new(error, ConfidenceSequence::TIGHT_AT).ok()
    }

    fn span(&self) -> f64 {
        let (minimum, maximum) = self.kind.range();
        maximum - minimum
    }

    /// What has come in, in the unit of the rewards.
    fn paid(&self, total: &Counted) -> f64 {
        total.returned as f64 * self.kind.range().0 + self.span() * total.sum
    }

    fn period(&self, (&start, counted): (&u32, &Counted)) -> Period {
        let mean = (counted.settled > 0.0).then(|| counted.settled_sum / counted.settled);
        let mean = mean.map(|mean| self.kind.unscale(mean));
        Period { start, sent: counted.sent, settled: counted.settled, mean }
    }

    fn alarm(&self, periods: &std::collections::BTreeMap<u32, Counted>) -> Option<Alarm> {
        if !self.timed {
            return None;
        }
        let settled = periods.iter().filter(|(_, counted)| counted.settled > 0.0);
        let stretches: Vec<Stretch> = settled
            .map(|(&start, counted)| Stretch { start, sum: counted.settled_sum, outcomes: counted.settled })
            .collect();
        let found = change(&stretches, self.alarm)?;
        let unscaled = |scaled| self.kind.unscale(scaled);
        Some(Alarm { at: found.at, before: unscaled(found.before), after: unscaled(found.after) })
    }
}

/// The arms that are likeliest to be the best, as many as integrals over all of them are quick for.
fn likeliest(best: &[f64]) -> Vec<usize> {
    const ENOUGH: usize = 256;
    let mut arms: Vec<usize> = (0..best.len()).collect();
    arms.sort_by(|&a, &b| best[b].total_cmp(&best[a]));
    arms.truncate(ENOUGH);
    arms
}

/// An arm by its levels.
fn name(arm: Arm<'_>) -> String {
    arm.levels().map(|(_, level)| level).collect::<Vec<_>>().join(" · ")
}

/// A segment by its levels.
fn segment_name(segment: Segment<'_>) -> String {
    let levels: Vec<&str> = segment.levels().map(|(_, level)| level).collect();
    if levels.is_empty() { "everyone".to_owned() } else { levels.join(" · ") }
}
