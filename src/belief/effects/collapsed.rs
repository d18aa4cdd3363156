//! The mode of many cells: effects of levels and pairs, with what each cell has of its own integrated out.

use super::blocks::{Errors, Weights};
use super::cells::Cells;
use super::cholesky::Cholesky;
use super::dense::Matrix;
use super::mode::logistics;
use super::outliers::{Expectation, Outliers};
use super::strips::{Layout, Strips};
use super::tables::{Kind, Tables};
use super::{ScalePrior, Scales};

/// The most probable effects of the tables, and the parabola of the likelihood there.
#[derive(Clone, Debug)]
pub(super) struct Collapsed {
    pub(super) cells: Cells,
    pub(super) base: f64,
    pub(super) scales: Scales,
    pub(super) tables: Tables,
    pub(super) strips: Strips,
    /// Entries of the slots in each of the tables that are not joint.
    pub(super) layouts: Vec<Layout>,
    /// Entries of each strip in the joint vector, so many each, beside the first and that of the last dimension, which has
    /// its levels there from here on, or elsewhere.
    pub(super) joint_entries: Vec<u32>,
    pub(super) joint_each: usize,
    pub(super) joint_last: Option<usize>,
    /// Of each slot.
    trials: Vec<f64>,
    earned: Vec<f64>,
    pub(super) effects: Effects,
    /// What each slot has of its own.
    pub(super) residuals: Vec<f64>,
    /// How much that varies before any result: as much as residuals do, and more where the cell may be an outlier.
    pub(super) own: Vec<f64>,
    pub(super) weights: Weights,
    pub(super) errors: Errors,
    /// Variance of each slot's residual, given the effects: s_r² / (1 + w s_r²).
    pub(super) spread: Vec<f64>,
    /// Of the precision of the joint effects, given the others.
    pub(super) factor: Cholesky,
}

/// Effects of each table.
#[derive(Clone, Debug)]
pub(super) struct Effects {
    pub(super) joint: Vec<f64>,
    pub(super) others: Vec<Vec<f64>>,
}

/// Rounds at most, and the change of all logits at which there are enough.
const ROUNDS: usize = 40;
const AT: f64 = 1e-3;

/// The scales are stepped after these rounds: where all effects are joint, which makes rounds steps of Newton's, and where tables
/// have to settle in between.
const SCALE_ROUNDS: [[usize; 4]; 2] = [[2, 3, 4, 5], [3, 5, 7, 9]];

/// After this round the joint effects are solved for anew in those only after which the scales are stepped: weights hardly change any
/// more, and steps by an older factor end at the same place.
const FRESH: usize = 2;

/// The longest step of a logit: see [`Mode`](super::mode::Mode).
const LONGEST: f64 = 1.0;

/// Residuals do not vary less than this: leading arms determine their own levels, so that what is left over of them looks
/// smaller than it is.
const LEAST_RESIDUAL: f64 = 0.05 * 0.05;

/// What the expected residual variance weighs, as the inverse square of the error of an estimate of it.
const RESIDUAL_WEIGHT: f64 = 100.0;

impl Collapsed {
    /// Fits effects and scales, from the prior's scales and the rate of all results on.
    pub(super) fn new(cells: Cells, prior: &ScalePrior) -> Self {
        let scales = prior.scales(cells.factors());
        let tables = Tables::of(&cells, &scales);
        let effects = Effects {
            joint: vec![0.0; tables.joint],
            others: tables.others.iter().map(|table| vec![0.0; table.size]).collect(),
        };
        let strips = Strips::of(&cells);
        let layouts = strips.layouts(&cells, &tables);
        let dimension = cells.factors().dimensions() - 1;
        let placed: Vec<(usize, u32)> = tables
            .offsets
            .iter()
            .enumerate()
            .filter_map(|(factor, offset)| Some((factor, (*offset)? as u32)))
            .filter(|&(factor, _)| factor != dimension)
            .collect();
        let entries = strips.strips.iter().flat_map(|strip| {
            let levels = cells.levels(strip.cell);
            placed.iter().map(move |&(factor, offset)| offset + levels[factor])
        });
        let (mut trials, mut earned) = (vec![0.0; strips.len()], vec![0.0; strips.len()]);
        for (&slot, told) in strips.slots.iter().zip(cells.results()) {
            (trials[slot as usize], earned[slot as usize]) = *told;
        }
        let own = vec![scales.residual; strips.len()];
        let mut fit = Self {
            base: cells.base(),
            scales,
            effects,
            joint_entries: entries.collect(),
            joint_each: placed.len(),
            joint_last: tables.offsets[dimension],
            trials,
            earned,
            residuals: vec![0.0; strips.len()],
            own,
            weights: Weights::default(),
            errors: Errors::default(),
            spread: Vec::new(),
            factor: Cholesky::of(Matrix::zeros(0, 0)),
            layouts,
            strips,
            tables,
            cells,
        };
        let scale_rounds = SCALE_ROUNDS[usize::from(!fit.tables.others.is_empty())];
        let mut shared = fit.shared(&fit.effects);
        for round in 0..ROUNDS {
            let before: Vec<f64> = shared.iter().zip(&fit.residuals).map(|(sum, own)| sum + own).collect();
            fit.settle(&shared, round <= FRESH || scale_rounds.contains(&round));
            shared = fit.shared(&fit.effects);
            let logits = shared.iter().zip(&fit.residuals).zip(&before);
            let change =
                logits.fold(0.0_f64, |most, ((sum, own), before)| most.max((sum + own - before).abs()));
            if scale_rounds.contains(&round) {
                fit.step(&shared, prior);
            } else if round > scale_rounds[scale_rounds.len() - 1] && !(change > AT) {
                break;
            }
        }
        fit.weigh(&shared);
        fit.factor = Cholesky::of(fit.precision());
        fit
    }

    /// What the effects say of the logit of each slot, less what it has of its own.
    pub(super) fn shared(&self, effects: &Effects) -> Vec<f64> {
        let strips = &self.strips;
        let mut shared = vec![0.0; strips.len()];
        let mut heads: Vec<f64> =
            (0..strips.strips.len()).map(|strip| self.base + self.joint_sum(&effects.joint, strip)).collect();
        for (layout, table) in self.layouts.iter().zip(&effects.others) {
            match layout {
                Layout::Same(entries) => {
                    heads.iter_mut().zip(entries).for_each(|(head, &entry)| *head += table[entry as usize]);
                }
                Layout::Along(from) => strips.add(table, from, &mut shared),
                Layout::Each(entries) => {
                    shared.iter_mut().zip(entries).for_each(|(sum, &entry)| *sum += table[entry as usize]);
                }
            }
        }
        if let Some(last) = self.joint_last {
            strips.add(&effects.joint[last..], &strips.common, &mut shared);
        }
        for (strip, head) in strips.strips.iter().zip(heads) {
            shared[strip.from..strip.to].iter_mut().for_each(|sum| *sum += head);
        }
        shared
    }

    /// Weights and errors at these sums of effects, and the residuals that go with them.
    fn weigh(&mut self, shared: &[f64]) {
        let count = shared.len();
        let (mut weights, mut errors) = (logistics(shared, &self.residuals), vec![0.0; count]);
        self.spread.resize(count, 0.0);
        let (trials, earned) = (&self.trials[..count], &self.earned[..count]);
        let (residuals, own) = (&self.residuals[..count], &self.own[..count]);
        let (spread, into) = (&mut self.spread[..count], errors.iter_mut().zip(&mut weights).enumerate());
        for (slot, (error, weight)) in into {
            let rate = *weight;
            let curved = trials[slot] * rate * (1.0 - rate);
            let shrunk = 1.0 / (1.0 + curved * own[slot]);
            *weight = curved * shrunk;
            *error = (curved * residuals[slot] + earned[slot] - trials[slot] * rate) * shrunk;
            spread[slot] = own[slot] * shrunk;
        }
        self.weights = Weights::of(self, weights);
        self.errors = Errors::of(self, errors);
    }

    /// The variance of each joint effect.
    pub(super) fn joint_variances(&self) -> Vec<f64> {
        let mut variances = vec![self.scales.intercept; self.tables.joint];
        for (factor, offset) in self.tables.offsets.iter().enumerate() {
            if let Some(offset) = offset {
                let size = self.cells.factors().sizes()[factor];
                variances[*offset..offset + size].fill(self.scales.main[factor]);
            }
        }
        variances
    }

    /// One round of Newton's method by blocks, and the residuals; with a factor of the precision as it is, or was.
    fn settle(&mut self, shared: &[f64], fresh: bool) {
        self.weigh(shared);
        if fresh {
            self.factor = Cholesky::of(self.precision());
        }
        let (mut effects, mut errors) = (self.effects.clone(), std::mem::take(&mut self.errors));
        let joint = |step: &mut [f64]| {
            self.factor.solve(step);
            let tail = self.joint_last.map_or(&[][..], |last| &step[last..last + self.strips.width]);
            let farthest = |steps: &mut dyn Iterator<Item = f64>| {
                steps.fold(0.0, |most: f64, step| most.max(step.abs()))
            };
            let heads = farthest(&mut (0..self.strips.strips.len()).map(|strip| self.joint_sum(step, strip)));
            let longest = heads + farthest(&mut tail.iter().copied());
            if longest > LONGEST {
                step.iter_mut().for_each(|step| *step *= LONGEST / longest);
            }
        };
        self.round(&mut effects, &mut errors, joint, |_, _, step| step.clamp(-LONGEST, LONGEST));
        for ((residual, own), error) in self.residuals.iter_mut().zip(&self.own).zip(&errors.slots) {
            *residual += (own * error - *residual).clamp(-LONGEST, LONGEST);
        }
        (self.effects, self.errors) = (effects, errors);
    }

    /// Moves the scales to what the effects say they are.
    fn step(&mut self, shared: &[f64], prior: &ScalePrior) {
        let variances = self.factor.variances();
        for (factor, offset) in self.tables.offsets.iter().enumerate() {
            if let Some(offset) = offset {
                let variance = self.scales.main[factor];
                let levels = *offset..offset + self.cells.factors().sizes()[factor];
                let squares: f64 =
                    levels.clone().map(|l| self.effects.joint[l] * self.effects.joint[l]).sum();
                let determined: f64 = levels.map(|l| 1.0 - variances[l] / variance).sum();
                self.scales.main[factor] = prior.main.step(squares, determined);
            }
        }
        // What pairs have in common is one scale; each entry counts as if the others were known.
        let (mut pairs, mut arms) = ((0.0, 0.0), (0.0, 0.0));
        let tables = self.tables.others.iter().zip(&self.effects.others);
        for ((table, effects), known) in tables.zip(&self.weights.known) {
            let precision = 1.0 / table.kind.variance(&self.scales);
            let squares: f64 = effects.iter().map(|effect| effect * effect).sum();
            let determined: f64 = known.iter().map(|known| 1.0 - precision / known).sum();
            match table.kind {
                Kind::Main(factor) => self.scales.main[factor] = prior.main.step(squares, determined),
                Kind::Pair(..) => pairs = (pairs.0 + squares, pairs.1 + determined),
                Kind::Arm => arms = (squares, determined),
            }
        }
        if self.scales.pair > 0.0 {
            self.scales.pair = prior.pair.step(pairs.0, pairs.1);
        }
        if self.scales.arm > 0.0 {
            self.scales.arm = prior.residual.step(arms.0, arms.1);
        }
        if self.scales.residual > 0.0 {
            let rates = logistics(shared, &vec![0.0; shared.len()]);
            self.scales.residual = self.residual_variance(&rates, prior);
            self.find_outliers(shared, &rates, prior.outliers);
        }
    }

    /// By how much the residual of each cell varies more than the scale of residuals.
    #[cfg(test)]
    pub(super) fn excess(&self) -> Vec<f64> {
        self.strips.slots.iter().map(|&slot| self.own[slot as usize] - self.scales.residual).collect()
    }

    /// Finds how much residuals vary, by what cells have earned at these rates of their effects, and the share of outliers.
    fn find_outliers(&mut self, shared: &[f64], rates: &[f64], outliers: Outliers) {
        let variance = self.scales.residual;
        self.own.fill(variance);
        if outliers.are_expected() {
            let results = self.trials.iter().copied().zip(self.earned.iter().copied());
            let expected =
                shared.iter().zip(rates).map(|(&mean, &rate)| Expectation { mean, rate, variance });
            let (excess, share) = outliers.among(self.scales.outliers, results.zip(expected));
            self.own.iter_mut().zip(excess).for_each(|(own, excess)| *own += excess);
            self.scales.outliers = share;
        }
    }

    /// The variance of residuals by moments about the sums of effects, of these rates, half way from what it was: expectation-maximisation
    /// climbs far too slowly where cells have few successes.
    fn residual_variance(&self, rates: &[f64], prior: &ScalePrior) -> f64 {
        let now = self.scales.residual;
        let expected = prior.residual.deviation * prior.residual.deviation;
        // In four sums each, side by side.
        let (mut found, mut weight) = ([0.0; 4], [0.0; 4]);
        let told = rates.chunks(4).zip(self.trials.chunks(4)).zip(self.earned.chunks(4));
        for (((rates, trials), earned), own) in told.zip(self.own.chunks(4)) {
            let told = rates.iter().zip(trials).zip(earned).zip(own);
            for (lane, (((rate, trials), earned), own)) in told.enumerate() {
                let variance = trials * rate * (1.0 - rate);
                // What is an outlier's alone says nothing of the others.
                let excess = (earned - trials * rate) * (earned - trials * rate)
                    - variance * (1.0 + variance * (own - now));
                let wider = variance * (1.0 + variance * own);
                let certain = 1.0 / (2.0 * wider * wider + variance).max(f64::MIN_POSITIVE);
                found[lane] += certain * variance * variance * excess;
                weight[lane] += certain * variance * variance * variance * variance;
            }
        }
        let found = RESIDUAL_WEIGHT * expected + found.iter().sum::<f64>();
        let weight = RESIDUAL_WEIGHT + weight.iter().sum::<f64>();
        (0.5 * now + 0.5 * found / weight).max(LEAST_RESIDUAL)
    }
}
