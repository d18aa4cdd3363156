//! Effects: what levels of dimensions add on the logit, shared by all arms that have them.
//!
//! Twenty-five templates in six channels, five tones and forty send times are 30,000 arms. Alone, each starves; but they have
//! levels in common, and a belief that knows it learns in thousands of sends. The logit of the rate of arm a in segment g is
//!
//! η = m + u₀ + Σ_f u_f(level of f) + Σ_{f<g} v_fg(pair of levels) + e(a) + r(a, g),
//!
//! all effects independent and Gaussian, with one variance per factor for the levels, one for all pairs and one each for what
//! an arm and a cell have of their own; the segment is one more factor where there are several. So the logits of two cells vary
//! together by as much as they have levels in common. A. Gelman, J. Hill (2007), *Data Analysis Using Regression and
//! Multilevel/Hierarchical Models*.
//!
//! One cell in fifty is taken to be unlike its levels ([`Outliers`]), until the cells themselves tell how many are: what such a cell
//! earns is soon believed, and does not pull at the levels it has in common with others.
//!
//! # Two forms
//!
//! Up to 200 cells, tried or asked for, go by their covariance matrix: Laplace's approximation
//! at the mode, variances by steps to their most probable values, independent draws. It is the same as a Newton fit of all
//! effects written out, to 10⁻⁸. More go by the effects: what cells have of their own is integrated out, the intercept and all
//! levels are solved for together and tables of pairs one after the other, and draws are a chain of such blocks from the
//! mode, or independent where there is one block. Only cells that were tried cost anything there, and an arm that was never tried
//! has nothing of its own; in each draw arms are summed over that have all but their last dimension in common with one that may
//! be the best. In both, draws come in pairs, as far from the mode on one side as on the other.
//!
//! # What levels add
//!
//! [`LevelEffects`] is the result for people: what each template, channel, tone and time adds, with intervals, and the pairs that
//! do more than that. In simulated worlds of the model's kind its intervals of 95 % hold 92 to 97 % of the levels and 90 to 98 % of the ten
//! strongest pairs: how much effects vary is drawn with them, where plans go by the most probable scales.
//!
//! Nothing is learnt but the counters of each arm. Everything here is a pure function of them and a seed: the mode is found from
//! the same start at each refresh, to convergence, and no chain is kept.

mod blocks;
mod cells;
mod cholesky;
mod collapsed;
mod contest;
mod dense;
mod draws;
mod fit;
mod joint;
mod kernel;
mod levels;
mod marginals;
mod mode;
mod normal;
mod opposites;
mod outliers;
mod rows;
mod scales;
mod strips;
mod sweeps;
mod tables;
mod varied;

pub use cells::{Cells, Factors};
pub use levels::{Added, FactorEffects, LevelEffect, LevelEffects, PairEffect};
pub use marginals::marginals;
pub use outliers::Outliers;
pub use scales::{Expected, ScalePrior, Scales};

use crate::arm::{ArmId, ArmSpace};
use crate::segment::SegmentId;

use collapsed::Collapsed;
use fit::Fit;
use rows::Rows;

/// The most cells, tried or asked for, whose logits are drawn from one covariance matrix.
const KERNEL_CELLS: usize = 200;

/// Above so many arms, draws are tempered.
const OPEN_ARMS: usize = 1_024;

/// How often each of these arms, which ascend, is the best in a segment, in so many draws of all of them together from the belief
/// after these results: (position, share), ascending by position, shares of 1 together.
///
/// Of more than 1,024 arms, seven draws of eight are tempered: their deviations from the mode are multiplied by
/// min(1, max(1.2 / √(2 H), n / (n + (1 + 9 ρ) K))), for the entropy H of the frequencies in draws that are not, n trials of K arms, and
/// the share ρ of what single arms have of their own in the variance of logits.
/// Else each draw finds another arm best, and all are tried before what is known is used.
#[must_use]
pub fn best(
    cells: Cells,
    prior: &ScalePrior,
    space: &ArmSpace,
    (segment, arms): (SegmentId, &[ArmId]),
    draws: usize,
    seed: u64,
) -> Vec<(u32, f64)> {
    let seed = cells.seed(seed);
    let few = cells.len().max(arms.len()) <= KERNEL_CELLS;
    if few && cells.factors().sizes().len() <= kernel::MOST_FACTORS {
        let places = Cells::places(cells.factors(), space, segment, arms);
        return draws::best(&Fit::new(cells, prior).belief(places), draws, seed);
    }
    let rows = Rows::of(cells.factors(), space, segment.index(), arms);
    let tempered = arms.len() > OPEN_ARMS;
    contest::best(&Collapsed::new(cells, prior), &rows, (segment, arms), draws, tempered, seed)
}
