//! The mode of many cells: effects of levels and pairs, with what each cell has of its own integrated out.

use super::cells::Cells;
use super::dense::{Cholesky, Matrix};
use super::mode::logistic;
use super::tables::{Kind, Tables};
use super::{ScalePrior, Scales};

/// The most probable effects of the tables, and the parabola of the likelihood there.
#[derive(Clone, Debug)]
pub(super) struct Collapsed {
    pub(super) cells: Cells,
    pub(super) base: f64,
    pub(super) scales: Scales,
    pub(super) tables: Tables,
    pub(super) effects: Effects,
    /// What each cell has of its own.
    pub(super) residuals: Vec<f64>,
    /// w' = w / (1 + w s_r²) of each cell: the weight of its logit once its residual is integrated out.
    pub(super) weights: Vec<f64>,
    /// w' (z − x'b): the weighted errors of the working logits z.
    pub(super) errors: Vec<f64>,
    /// Variance of each cell's residual, given the effects: s_r² / (1 + w s_r²).
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

/// The scales are stepped after these rounds.
const SCALE_ROUNDS: [usize; 4] = [3, 5, 7, 9];

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
        let (base, zeros) = (cells.base(), vec![0.0; cells.len()]);
        let mut fit = Self {
            base,
            scales,
            effects,
            residuals: zeros.clone(),
            weights: zeros.clone(),
            errors: zeros.clone(),
            spread: zeros,
            factor: Cholesky::of(Matrix::zeros(0, 0)),
            tables,
            cells,
        };
        let mut sums = vec![base; fit.cells.len()];
        for round in 0..ROUNDS {
            let change = fit.round(&mut sums);
            if SCALE_ROUNDS.contains(&round) {
                fit.step(&sums, prior);
            } else if round > SCALE_ROUNDS[SCALE_ROUNDS.len() - 1] && !(change > AT) {
                break;
            }
        }
        fit.weigh(&sums);
        fit.factor = Cholesky::of(fit.precision());
        fit
    }

    /// Weights and errors at these sums of effects, and the residuals that go with them.
    fn weigh(&mut self, sums: &[f64]) {
        let residual = self.scales.residual;
        for (cell, &(trials, earned)) in self.cells.results().iter().enumerate() {
            let own = self.residuals[cell];
            let rate = logistic(sums[cell] + own);
            let weight = trials * rate * (1.0 - rate);
            let shrunk = 1.0 / (1.0 + weight * residual);
            self.weights[cell] = weight * shrunk;
            self.errors[cell] = (weight * own + earned - trials * rate) * shrunk;
            self.spread[cell] = residual * shrunk;
        }
    }

    /// The precision of the joint effects, given the others: Xᵀ W' X + D⁻¹.
    fn precision(&self) -> Matrix {
        let mut precision = Matrix::zeros(self.tables.joint, self.tables.joint);
        let mut all = 0.0;
        for (cell, &weight) in self.weights.iter().enumerate() {
            all += weight;
            let entries = self.tables.of_cell(cell);
            for (index, &entry) in entries.iter().enumerate() {
                precision.row_mut(0)[entry as usize] += weight;
                let row = precision.row_mut(entry as usize);
                // Offsets ascend, so that these are not left of the diagonal.
                entries[index..].iter().for_each(|&other| row[other as usize] += weight);
            }
        }
        precision.row_mut(0)[0] = all;
        for (index, variance) in self.joint_variances().into_iter().enumerate() {
            precision.row_mut(index)[index] += 1.0 / variance;
        }
        precision
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

    /// The slope at the joint effects.
    pub(super) fn joint_slope(&self, effects: &Effects, errors: &[f64]) -> Vec<f64> {
        let mut slope: Vec<f64> =
            effects.joint.iter().zip(self.joint_variances()).map(|(u, s)| -u / s).collect();
        for (cell, error) in errors.iter().enumerate() {
            slope[0] += error;
            self.tables.of_cell(cell).iter().for_each(|&entry| slope[entry as usize] += error);
        }
        slope
    }

    /// What these joint effects add to a cell.
    pub(super) fn joint_sum(&self, joint: &[f64], cell: usize) -> f64 {
        joint[0] + self.tables.of_cell(cell).iter().map(|&entry| joint[entry as usize]).sum::<f64>()
    }

    /// One round of Newton's method by blocks: all joint effects, each other table, the residuals. Returns the largest
    /// change of a logit.
    fn round(&mut self, sums: &mut [f64]) -> f64 {
        self.weigh(sums);
        let before: Vec<f64> = sums.iter().zip(&self.residuals).map(|(sum, own)| sum + own).collect();
        let mut step = self.joint_slope(&self.effects, &self.errors);
        Cholesky::of(self.precision()).solve(&mut step);
        let changes: Vec<f64> = (0..sums.len()).map(|cell| self.joint_sum(&step, cell)).collect();
        let longest = changes.iter().fold(0.0, |longest: f64, change| longest.max(change.abs()));
        let part = if longest > LONGEST { LONGEST / longest } else { 1.0 };
        super::dense::add_scaled(&mut self.effects.joint, part, &step);
        for (cell, change) in changes.into_iter().enumerate() {
            sums[cell] += part * change;
            self.errors[cell] -= self.weights[cell] * part * change;
        }
        for (table, effects) in self.tables.others.iter().zip(&mut self.effects.others) {
            let variance = table.kind.variance(&self.scales);
            let (mut slope, mut known) = (vec![0.0; table.size], vec![1.0 / variance; table.size]);
            for (cell, &entry) in table.entry.iter().enumerate() {
                slope[entry as usize] += self.errors[cell];
                known[entry as usize] += self.weights[cell];
            }
            for ((slope, known), effect) in slope.iter_mut().zip(&known).zip(effects.iter_mut()) {
                *slope = ((*slope - *effect / variance) / known).clamp(-LONGEST, LONGEST);
                *effect += *slope;
            }
            for (cell, &entry) in table.entry.iter().enumerate() {
                let change = slope[entry as usize];
                sums[cell] += change;
                self.errors[cell] -= self.weights[cell] * change;
            }
        }
        let mut most = 0.0_f64;
        for (cell, own) in self.residuals.iter_mut().enumerate() {
            let target = self.scales.residual * self.errors[cell];
            *own += (target - *own).clamp(-LONGEST, LONGEST);
            most = most.max((sums[cell] + *own - before[cell]).abs());
        }
        most
    }

    /// Moves the scales to what the effects say they are.
    fn step(&mut self, sums: &[f64], prior: &ScalePrior) {
        let variances = Cholesky::of(self.precision()).variances();
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
        for (table, effects) in self.tables.others.iter().zip(&self.effects.others) {
            let variance = table.kind.variance(&self.scales);
            let mut known = vec![0.0; table.size];
            for (cell, &entry) in table.entry.iter().enumerate() {
                known[entry as usize] += self.weights[cell];
            }
            let squares: f64 = effects.iter().map(|effect| effect * effect).sum();
            let determined: f64 = known.iter().map(|known| known / (known + 1.0 / variance)).sum();
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
            self.scales.residual = self.residual_variance(sums, prior);
        }
    }

    /// The variance of residuals by moments about the sums of effects, half way from what it was: expectation-maximisation
    /// climbs far too slowly where cells have few successes.
    fn residual_variance(&self, sums: &[f64], prior: &ScalePrior) -> f64 {
        let now = self.scales.residual;
        let expected = prior.residual.deviation * prior.residual.deviation;
        let (mut found, mut weight) = (RESIDUAL_WEIGHT * expected, RESIDUAL_WEIGHT);
        for (&(trials, earned), &sum) in self.cells.results().iter().zip(sums) {
            let rate = logistic(sum);
            let variance = trials * rate * (1.0 - rate);
            let excess = (earned - trials * rate) * (earned - trials * rate) - variance;
            let wider = variance * (1.0 + variance * now);
            let certain = 1.0 / (2.0 * wider * wider + variance).max(f64::MIN_POSITIVE);
            found += certain * variance * variance * excess;
            weight += certain * variance * variance * variance * variance;
        }
        (0.5 * now + 0.5 * found / weight).max(LEAST_RESIDUAL)
    }
}
