//! The fit: effects and their scales from the results of up to a few hundred cells.

use super::cells::Cells;
use super::dense::Matrix;
use super::joint::Joint;
use super::kernel::{Agreement, Common, kernel};
use super::mode::{Mode, logistic};
use super::outliers::{Expectation, Outliers};
use super::{ScalePrior, Scales};

/// A Gaussian random-effects belief in the cells' logits, fitted to results.
#[derive(Clone, Debug)]
pub(super) struct Fit {
    cells: Cells,
    base: f64,
    scales: Scales,
    mode: Mode,
    /// By how much the residual of each cell varies more than the scale of residuals, since it may be an outlier.
    excess: Vec<f64>,
}

/// Steps of the scales. From the prior's, the third changes standard deviations by some hundredths of themselves.
const SCALE_STEPS: usize = 4;

/// How near the mode the scales are stepped, and how near it the belief is formed (on the logit): a Newton step from within
/// 10⁻⁵ ends within 10⁻¹⁰.
const NEAR: f64 = 0.05;
const AT: f64 = 1e-7;

impl Fit {
    /// Fits effects and scales, from the prior's scales and the rate of all results on.
    pub(super) fn new(cells: Cells, prior: &ScalePrior) -> Self {
        let scales = prior.scales(cells.factors());
        let base = cells.base();
        let mut mode = Mode::start(&cells, base);
        let agreement = Agreement::between(&cells, &cells);
        let mut fit = {
            let covariance = agreement.covariances(&kernel(cells.factors(), &scales));
            mode.settle(&cells, base, &covariance, NEAR);
            let excess = vec![0.0; cells.len()];
            Self { cells, base, scales, mode, excess }
        };
        for step in 0..SCALE_STEPS {
            fit.step(&agreement, prior);
            let mut covariance = agreement.covariances(&kernel(fit.cells.factors(), &fit.scales));
            covariance.add_diagonal(&fit.excess);
            fit.mode.moved(base, &covariance);
            let within = if step + 1 == SCALE_STEPS { AT } else { NEAR };
            fit.mode.settle(&fit.cells, base, &covariance, within);
        }
        fit
    }

    /// Fits effects of these scales, with so much more variance of each residual.
    #[cfg(test)]
    pub(super) fn with_scales(cells: Cells, scales: Scales, excess: Vec<f64>) -> Self {
        let base = cells.base();
        let mut mode = Mode::start(&cells, base);
        let mut covariance =
            Agreement::between(&cells, &cells).covariances(&kernel(cells.factors(), &scales));
        covariance.add_diagonal(&excess);
        mode.settle(&cells, base, &covariance, AT);
        Self { cells, base, scales, mode, excess }
    }

    /// Moves the scales to what the effects say they are.
    ///
    /// Of a component with indicators z and variance s², the effects are s² zᵀα, and the data determine s² zᵀR z of them, for
    /// R = W^½ B⁻¹ W^½. Summed over levels both are sums over the pairs of cells that have a level in common.
    fn step(&mut self, agreement: &Agreement, prior: &ScalePrior) {
        let inverse = self.mode.factor.inverse();
        let outliers = self.find_outliers(&inverse, prior.outliers);
        let Mode { alpha, roots, .. } = &self.mode;
        let factors = self.cells.factors();
        let count = factors.sizes().len();
        let sums = agreement.sums(count, alpha, (roots, &inverse));
        let stepped = |expected: super::Expected, variance: f64, weight: &dyn Fn(Common) -> f64| {
            let sums = Common::of_each(factors).zip(&sums).map(|(common, sum)| (weight(common), sum));
            let [squares, determined] = sums
                .fold([0.0; 2], |both, (weight, sum)| [both[0] + weight * sum[0], both[1] + weight * sum[1]]);
            expected.step(variance * variance * squares, variance * determined)
        };
        let Scales { intercept, main, pair, arm, residual, .. } = &self.scales;
        let one = |it: bool| f64::from(u8::from(it));
        let mains = main.iter().enumerate();
        self.scales = Scales {
            intercept: *intercept,
            main: mains
                .map(|(f, &variance)| stepped(prior.main, variance, &|common| one(common.has(f))))
                .collect(),
            pair: if *pair > 0.0 { stepped(prior.pair, *pair, &|common| common.pairs) } else { 0.0 },
            arm: if *arm > 0.0 { stepped(prior.residual, *arm, &|common| one(common.arm)) } else { 0.0 },
            residual: match *residual > 0.0 {
                true => stepped(prior.residual, *residual, &|common| one(common.cell)),
                false => 0.0,
            },
            outliers,
        };
    }

    /// Finds by how much the residual of each cell varies more than others, by what it has earned and what the other cells say of it; and
    /// the share of outliers.
    fn find_outliers(&mut self, inverse: &Matrix, outliers: Outliers) -> f64 {
        // Where arms have nothing but their levels, there is no other cell to tell of any.
        if outliers.are_expected() && self.scales.residual > 0.0 {
            let results = self.cells.results().iter().enumerate();
            let cells = results.map(|(cell, &results)| (results, self.expected(cell, inverse)));
            let (excess, share) = outliers.among(self.scales.outliers, cells);
            self.excess = excess;
            return share;
        }
        0.0
    }

    /// What the other cells say of the logit of this one, if it is no outlier.
    ///
    /// Without its own results the working logit of cell i has the mean ηᵢ + αᵢ / wᵢ − αᵢ / Rᵢᵢ and the variance 1 / Rᵢᵢ, of which
    /// 1 / wᵢ is the chance in its results; and Rᵢᵢ = wᵢ (B⁻¹)ᵢᵢ. C. E. Rasmussen, C. K. I. Williams (2006), *Gaussian Processes for
    /// Machine Learning*, section 5.4.2.
    fn expected(&self, cell: usize, inverse: &Matrix) -> Expectation {
        let Mode { alpha, logits, roots, .. } = &self.mode;
        let weight = (roots[cell] * roots[cell]).max(f64::MIN_POSITIVE);
        let variance = (1.0 / inverse.at(cell, cell) - 1.0) / weight;
        let mean = logits[cell] - alpha[cell] * variance;
        Expectation {
            mean,
            rate: logistic(mean),
            // The others say nothing of its residual.
            variance: (variance - self.excess[cell]).max(self.scales.residual),
        }
    }

    /// What is believed of the logits of these cells together: their covariances are C − C W^½ B⁻¹ W^½ C.
    pub(super) fn belief(&self, places: Cells) -> Joint {
        let kernel = kernel(self.cells.factors(), &self.scales);
        let mut known = Agreement::between(&self.cells, &places).covariances(&kernel);
        let mut excess = vec![0.0; places.len()];
        for (cell, &own) in self.excess.iter().enumerate().filter(|&(_, &own)| own > 0.0) {
            if let Some(place) = places.find(self.cells.places_of()[cell]) {
                excess[place] = own;
                known.row_mut(cell)[place] += own;
            }
        }
        let means = known.combined(&self.mode.alpha).into_iter().map(|change| self.base + change).collect();
        for (cell, root) in self.mode.roots.iter().enumerate() {
            known.row_mut(cell).iter_mut().for_each(|covariance| *covariance *= root);
        }
        self.mode.factor.forward_each(&mut known);
        Joint { places, means, kernel, excess, known }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::arm::{ArmId, ArmSpace};
    use crate::belief::Tried;
    use crate::belief::effects::Factors;
    use crate::segment::{SegmentId, Segments};

    /// Solves A x = b by elimination with pivoting, for several right sides: nothing that the fit uses.
    fn eliminated(mut a: Vec<Vec<f64>>, mut b: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        let size = a.len();
        for k in 0..size {
            let pivot = (k..size).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs())).unwrap();
            a.swap(k, pivot);
            b.swap(k, pivot);
            for i in 0..size {
                if i != k {
                    let factor = a[i][k] / a[k][k];
                    for matrix in [&mut a, &mut b] {
                        let pivot = matrix[k].clone();
                        matrix[i].iter_mut().zip(pivot).for_each(|(value, pivot)| *value -= factor * pivot);
                    }
                }
            }
        }
        (0..size).map(|i| b[i].iter().map(|value| value / a[i][i]).collect()).collect()
    }

    /// The effects of a cell as names with variances: the model written out.
    fn effects(levels: &[u32], dimensions: usize, scales: &Scales) -> Vec<(String, f64)> {
        let mut effects = vec![("intercept".to_owned(), scales.intercept)];
        for (f, level) in levels.iter().enumerate() {
            effects.push((format!("{f}={level}"), scales.main[f]));
            for (g, other) in levels.iter().enumerate().skip(f + 1) {
                effects.push((format!("{f}={level},{g}={other}"), scales.pair));
            }
        }
        effects.push((format!("arm {:?}", &levels[..dimensions]), scales.arm));
        effects.push((format!("cell {levels:?}"), scales.residual));
        effects.into_iter().filter(|&(_, variance)| variance > 0.0).collect()
    }

    /// Newton's method on the explicit vector of all effects gives the same means and covariances.
    fn agrees(segments: usize, seed: u64) {
        let names = |count: usize| (0..count).map(|number| number.to_string());
        let space =
            ArmSpace::builder().dimension("a", names(4)).dimension("b", names(3)).dimension("c", names(2));
        let space = space.forbid([("a", "1"), ("b", "2")]).build().unwrap();
        let segments = Segments::builder().attribute("s", names(segments)).build().unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let factors = Factors::of(&space, &segments);
        let (mut cells, mut places) = (Cells::new(factors.clone()), Cells::new(factors.clone()));
        for segment in (0..segments.len() as u32).map(SegmentId::new) {
            let mut told = Vec::new();
            for arm in (0..space.len() as u32).map(ArmId::new) {
                let trials = [0.0, 1.0, 30.0, 5_000.0][rng.random_range(0..4)];
                let earned = (trials * rng.random_range(0.0..0.2_f64)).round();
                told.push(Tried { arm, trials, earned });
            }
            cells.add(&space, segment, &told);
            let arms: Vec<ArmId> = told.iter().map(|told| told.arm).collect();
            let here = Cells::places(&factors, &space, segment, &arms);
            if segment.index() == 0 {
                places = here;
            }
        }
        let crossed = factors.is_segmented();
        let scales = Scales {
            intercept: 0.25,
            main: (0..factors.sizes().len()).map(|f| 0.05 + 0.1 * f as f64).collect(),
            pair: 0.02,
            arm: if crossed { 0.03 } else { 0.0 },
            residual: 0.01,
            outliers: 0.0,
        };

        // Every third of the cells that were tried is an outlier.
        let excess: Vec<f64> = (0..cells.len()).map(|cell| if cell % 3 == 1 { 0.2 } else { 0.0 }).collect();
        let outlying = |levels: &[u32]| {
            let own = excess.iter().enumerate().find(|&(cell, _)| cells.levels(cell) == levels);
            own.filter(|&(_, &own)| own > 0.0).map(|(_, &own)| (format!("outlier {levels:?}"), own))
        };
        let mut names: Vec<(String, f64)> = Vec::new();
        let mut row = |levels: &[u32]| -> Vec<usize> {
            let find = |effect: (String, f64)| match names.iter().position(|known| known.0 == effect.0) {
                Some(index) => index,
                None => {
                    names.push(effect);
                    names.len() - 1
                }
            };
            let effects = effects(levels, factors.dimensions(), &scales);
            effects.into_iter().chain(outlying(levels)).map(find).collect()
        };
        let tried: Vec<Vec<usize>> = (0..cells.len()).map(|cell| row(cells.levels(cell))).collect();
        let wanted: Vec<Vec<usize>> = (0..places.len()).map(|cell| row(places.levels(cell))).collect();
        let size = names.len();
        let mut b = vec![0.0; size];
        let mut precision = Vec::new();
        for _ in 0..60 {
            precision = vec![vec![0.0; size]; size];
            let mut slope: Vec<f64> = b.iter().zip(&names).map(|(effect, name)| -effect / name.1).collect();
            names.iter().enumerate().for_each(|(index, name)| precision[index][index] = 1.0 / name.1);
            for (row, &(trials, earned)) in tried.iter().zip(cells.results()) {
                let logit = cells.base() + row.iter().map(|&index| b[index]).sum::<f64>();
                let rate = 1.0 / (1.0 + (-logit).exp());
                for &i in row {
                    slope[i] += earned - trials * rate;
                    row.iter().for_each(|&j| precision[i][j] += trials * rate * (1.0 - rate));
                }
            }
            let step = eliminated(precision.clone(), slope.iter().map(|&slope| vec![slope]).collect());
            let longest = step.iter().fold(0.0, |longest: f64, step| longest.max(step[0].abs()));
            let part = if longest > 0.3 { 0.3 / longest } else { 1.0 };
            b.iter_mut().zip(&step).for_each(|(effect, step)| *effect += part * step[0]);
        }
        let right =
            |index: usize| wanted.iter().map(move |row| f64::from(u8::from(row.contains(&index)))).collect();
        let across = eliminated(precision, (0..size).map(right).collect());

        let belief = Fit::with_scales(cells.clone(), scales.clone(), excess.clone()).belief(places);
        let covariance = belief.covariance(&(0..wanted.len()).collect::<Vec<_>>());
        let (means, variances) = (&belief.means, belief.variances());
        for (i, row) in wanted.iter().enumerate() {
            let mean = cells.base() + row.iter().map(|&index| b[index]).sum::<f64>();
            assert!((means[i] - mean).abs() < 1e-8, "mean {i}: {} against {mean}", means[i]);
            assert!((variances[i] - covariance.at(i, i)).abs() < 1e-12);
            for (j, &found) in covariance.row(i).iter().enumerate().skip(i) {
                let expected: f64 = row.iter().map(|&index| across[index][j]).sum();
                assert!((found - expected).abs() < 1e-8, "covariance {i}, {j}: {found} against {expected}");
            }
        }
    }

    #[test]
    fn the_kernel_form_is_that_of_all_effects_written_out() {
        for seed in 0..5 {
            agrees(1, seed);
            agrees(3, seed);
        }
    }

    /// Results of 48 arms whose logits are sums of effects of their levels, but for one of 5 % that has 1.2 more.
    fn with_one_apart(trials: f64) -> (ArmSpace, Cells, ArmId) {
        let names = |count: usize| (0..count).map(|number| number.to_string());
        let space =
            ArmSpace::builder().dimension("a", names(4)).dimension("b", names(3)).dimension("c", names(4));
        let space = space.build().unwrap();
        let apart = ArmId::new(17);
        let told: Vec<Tried> = space
            .iter()
            .map(|arm| {
                let levels: f64 = arm.level_indices().map(|level| level as f64 - 1.5).sum();
                let odd = arm.id() == apart;
                let trials = if odd { trials } else { 2_000.0 };
                let rate = logistic(-2.9 + 0.2 * levels + if odd { 1.2 } else { 0.0 });
                Tried { arm: arm.id(), trials, earned: (trials * rate).round() }
            })
            .collect();
        let mut cells = Cells::new(Factors::of(&space, &Segments::single()));
        cells.add(&space, SegmentId::new(0), &told);
        (space, cells, apart)
    }

    /// What the others say of a cell is what a fit without it says.
    #[test]
    fn cells_are_expected_by_the_others() {
        let (space, cells, apart) = with_one_apart(150.0);
        let scales = ScalePrior::default().scales(cells.factors());
        let fit = Fit::with_scales(cells.clone(), scales.clone(), vec![0.0; cells.len()]);
        let inverse = fit.mode.factor.inverse();
        for cell in [0, apart.index(), 40] {
            let found = fit.expected(cell, &inverse);
            let others: Vec<usize> = (0..cells.len()).filter(|&other| other != cell).collect();
            let without = Fit::with_scales(cells.part(&others), scales.clone(), vec![0.0; others.len()]);
            let arm = [ArmId::new(cell as u32)];
            let told = without.belief(Cells::places(cells.factors(), &space, SegmentId::new(0), &arm));
            let (mean, variance) = (told.means[0], told.variances()[0]);
            assert!((found.mean - mean).abs() < 0.02, "{cell}: {} against {mean}", found.mean);
            assert!((found.variance / variance - 1.0).abs() < 0.05, "{cell}: {} {variance}", found.variance);
        }
    }

    /// A cell that is unlike its levels is believed by what it has earned, and does not pull at those it has levels in common with.
    #[test]
    fn an_outlier_is_believed_by_its_own_results() {
        let (space, cells, apart) = with_one_apart(250.0);
        let arms: Vec<ArmId> = space.iter().map(|arm| arm.id()).collect();
        let believed = |prior: &ScalePrior| {
            let fit = Fit::new(cells.clone(), prior);
            let places = Cells::places(cells.factors(), &space, SegmentId::new(0), &arms);
            (fit.belief(places).means, fit.excess)
        };
        let (trials, earned) = cells.results()[apart.index()];
        let own = libm::log(earned / (trials - earned));
        let (means, excess) = believed(&ScalePrior::default());
        assert!((means[apart.index()] - own).abs() < 0.25, "{} against {own}", means[apart.index()]);
        let others = excess.iter().filter(|&&own| own > 0.05).count() - 1;
        assert!(excess[apart.index()] > 0.4 && others == 0, "{excess:?}");
        let alike = ScalePrior { outliers: Outliers::NONE, ..ScalePrior::default() };
        let (means, excess) = believed(&alike);
        assert!(means[apart.index()] < own - 0.5, "{} against {own}", means[apart.index()]);
        assert!(excess.iter().all(|&own| own == 0.0));
    }

    /// Where all effects are known, the scales are those of the effects; where nothing is, those that were expected.
    #[test]
    fn scales_are_found() {
        let names = |count: usize| (0..count).map(|number| number.to_string());
        let space = ArmSpace::builder().dimension("a", names(40)).dimension("b", names(4)).build().unwrap();
        let factors = Factors::of(&space, &Segments::single());
        let fitted = |trials: f64| {
            let mut cells = Cells::new(factors.clone());
            let told = space.iter().map(|arm| {
                let a = arm.level_indices().next().unwrap();
                // Half of the levels 0.8 above, half below.
                let rate = 1.0 / (1.0 + (2.5 + if a % 2 == 0 { 0.8 } else { -0.8_f64 }).exp());
                Tried { arm: arm.id(), trials, earned: trials * rate }
            });
            cells.add(&space, SegmentId::new(0), &told.collect::<Vec<_>>());
            Fit::new(cells, &ScalePrior::default()).scales
        };
        let Scales { main, pair, residual, .. } = fitted(1e6);
        assert!((main[0].sqrt() - 0.78).abs() < 0.03, "{main:?}");
        assert!(pair.sqrt() < 0.06 && residual.sqrt() < 0.05, "{pair} {residual}");
        let Scales { main, pair, residual, .. } = fitted(1e-3);
        assert!((main[0].sqrt() - 0.3).abs() < 0.01 && (main[1].sqrt() - 0.3).abs() < 0.01, "{main:?}");
        assert!(
            (pair.sqrt() - 0.1).abs() < 0.01 && (residual.sqrt() - 0.1).abs() < 0.01,
            "{pair} {residual}"
        );
    }
}
