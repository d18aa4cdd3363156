//! Marginals: what the effects say of single arms, tried or not.

use crate::arm::{ArmId, ArmSpace};
use crate::segment::SegmentId;

use super::fit::Fit;
use super::{Cells, ScalePrior};

/// The most cells with results that are fitted: those with the most trials.
const MOST_CELLS: usize = 300;

/// Arms whose belief is formed at once.
const BLOCK: usize = 64;

/// What is believed of the logit of each of these arms in a segment, given these results of all: (mean, variance).
///
/// Of more than 300 cells with results those with the most trials have a say.
#[must_use]
pub fn marginals(
    cells: &Cells,
    prior: &ScalePrior,
    space: &ArmSpace,
    (segment, arms): (SegmentId, &[ArmId]),
) -> Vec<(f64, f64)> {
    let fit = Fit::new(cells.most_tried(MOST_CELLS), prior);
    let mut marginals = Vec::with_capacity(arms.len());
    for block in arms.chunks(BLOCK) {
        let places = Cells::places(cells.factors(), space, segment, block);
        let belief = fit.belief(places);
        let variances = belief.variances().into_iter().map(|variance| variance.max(0.0));
        marginals.extend(belief.means.into_iter().zip(variances));
    }
    marginals
}
