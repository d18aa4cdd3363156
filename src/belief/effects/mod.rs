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
mod dense;
mod draws;
mod fit;
mod kernel;
mod marginals;
mod mode;
mod normal;
mod scales;

pub use cells::{Cells, Factors};
pub use marginals::marginals;
pub use scales::{Expected, ScalePrior, Scales};

use crate::arm::{ArmId, ArmSpace};
use crate::segment::SegmentId;

use fit::Fit;

/// The most cells, tried or asked for, whose logits are drawn from one covariance matrix.
const KERNEL_CELLS: usize = 200;

/// How often each of these arms, which ascend, is the best in a segment, in so many draws of all of them together from the belief
/// after these results: (position, share), ascending by position, shares of 1 together. None of more cells than can be
/// drawn.
#[must_use]
pub fn best(
    cells: Cells,
    prior: &ScalePrior,
    space: &ArmSpace,
    (segment, arms): (SegmentId, &[ArmId]),
    draws: usize,
    seed: u64,
) -> Option<Vec<(u32, f64)>> {
    if cells.len().max(arms.len()) > KERNEL_CELLS || cells.factors().sizes().len() > kernel::MOST_FACTORS {
        return None;
    }
    let seed = cells.seed(seed);
    let places = Cells::places(cells.factors(), space, segment, arms);
    let (means, covariance) = Fit::new(cells, prior).belief(&places);
    Some(draws::best(&means, &covariance, draws, seed))
}
