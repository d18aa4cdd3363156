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
//! Nothing is learnt but the counters of each arm. Everything here is a pure function of them and a seed: the mode is found from
//! the same start at each refresh, to convergence, and no chain is kept.

mod cells;
mod collapsed;
mod contest;
mod dense;
mod draws;
mod fit;
mod kernel;
mod levels;
mod marginals;
mod mode;
mod normal;
mod rows;
mod scales;
mod sweeps;
mod tables;

pub use cells::{Cells, Factors};
pub use levels::{Added, FactorEffects, LevelEffect, LevelEffects, PairEffect};
pub use marginals::marginals;
pub use scales::{Expected, ScalePrior, Scales};

use crate::arm::{ArmId, ArmSpace};
use crate::segment::SegmentId;

use collapsed::Collapsed;
use fit::Fit;
use rows::Rows;

/// The most cells, tried or asked for, whose logits are drawn from one covariance matrix.
const KERNEL_CELLS: usize = 200;

/// Above so many arms, draws are tempered by [`TEMPER`].
const OPEN_ARMS: usize = 1_024;

/// How many deviations, about, the best of all arms may lie above the mode in a draw.
const TEMPER: f64 = 1.5;

/// How often each of these arms, which ascend, is the best in a segment, in so many draws of all of them together from the belief
/// after these results: (position, share), ascending by position, shares of 1 together.
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
        let (means, covariance) = Fit::new(cells, prior).belief(&places);
        return draws::best(&means, &covariance, draws, seed);
    }
    let rows = Rows::of(cells.factors(), space, segment.index(), arms);
    let temper = if arms.len() > OPEN_ARMS { TEMPER } else { 0.0 };
    contest::best(&Collapsed::new(cells, prior), &rows, (segment, arms), draws, temper, seed)
}
