//! Cells: what was tried, as levels of factors with trials and earnings.

use crate::arm::{ArmId, ArmSpace, Fingerprint};
use crate::belief::Tried;
use crate::segment::{SegmentId, Segments};

/// The factors that results are explained by: the dimensions of the arms, and the segment where there are several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factors {
    /// Levels of each; the segment comes last.
    sizes: Vec<usize>,
    segmented: bool,
}

impl Factors {
    /// Those of these arms and segments.
    #[must_use]
    pub fn of(space: &ArmSpace, segments: &Segments) -> Self {
        let mut sizes: Vec<usize> = space.dimensions().map(|(_, levels)| levels.len()).collect();
        let segmented = segments.len() > 1;
        if segmented {
            sizes.push(segments.len());
        }
        Self { sizes, segmented }
    }

    /// The number of levels of each factor; where there are several segments, they are the last one.
    #[must_use]
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Whether the last factor is the segment.
    #[must_use]
    pub fn is_segmented(&self) -> bool {
        self.segmented
    }

    /// Whether the arms have all combinations of levels, so that the next number is the next level of the last dimension.
    fn are_whole(&self, space: &ArmSpace) -> bool {
        self.sizes[..self.dimensions()].iter().product::<usize>() == space.len()
    }

    /// How many of the factors are dimensions of the arms.
    pub(super) fn dimensions(&self) -> usize {
        self.sizes.len() - usize::from(self.segmented)
    }
}

/// Results by cell: an arm, in a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    factors: Factors,
    /// Segment and arm of each cell.
    places: Vec<(SegmentId, ArmId)>,
    /// Levels of each cell, one for each factor, cell after cell.
    levels: Vec<u32>,
    /// Trials and earnings of each cell.
    results: Vec<(f64, f64)>,
}

impl Cells {
    /// No results yet.
    #[must_use]
    pub fn new(factors: Factors) -> Self {
        Self { factors, places: Vec::new(), levels: Vec::new(), results: Vec::new() }
    }

    /// Adds what was tried in a segment. Numbers that are none are left out.
    ///
    /// # Panics
    ///
    /// If the arms or the segment are not those the factors are of.
    pub fn add(&mut self, space: &ArmSpace, segment: SegmentId, tried: &[Tried]) {
        let whole = self.factors.are_whole(space);
        for told in tried {
            if told.trials > 0.0 && told.trials.is_finite() && (0.0..=told.trials).contains(&told.earned) {
                self.place(space, whole, segment, told.arm);
                self.results.push((told.trials, told.earned));
            }
        }
    }

    /// The cells of these arms in a segment, without results.
    pub(super) fn places(factors: &Factors, space: &ArmSpace, segment: SegmentId, arms: &[ArmId]) -> Self {
        let mut places = Self::new(factors.clone());
        let whole = factors.are_whole(space);
        for &arm in arms {
            places.place(space, whole, segment, arm);
            places.results.push((0.0, 0.0));
        }
        places
    }

    /// Which of these cells is the one of this arm in this segment.
    pub(super) fn find(&self, place: (SegmentId, ArmId)) -> Option<usize> {
        self.places.iter().position(|other| *other == place)
    }

    /// So many of the cells, those with the most trials.
    pub(super) fn most_tried(&self, most: usize) -> Self {
        let mut order: Vec<usize> = (0..self.results.len()).collect();
        if order.len() > most {
            order.sort_by(|&one, &other| self.results[other].0.total_cmp(&self.results[one].0));
            order.truncate(most);
            order.sort_unstable();
        }
        self.part(&order)
    }

    /// These cells.
    pub(super) fn part(&self, cells: &[usize]) -> Self {
        Self {
            factors: self.factors.clone(),
            places: cells.iter().map(|&cell| self.places[cell]).collect(),
            levels: cells.iter().flat_map(|&cell| self.levels(cell)).copied().collect(),
            results: cells.iter().map(|&cell| self.results[cell]).collect(),
        }
    }

    fn place(&mut self, space: &ArmSpace, whole: bool, segment: SegmentId, arm: ArmId) {
        let before = self.levels.len();
        match self.in_reach(segment, arm).filter(|_| whole) {
            Some(farther) => {
                // The same levels but in the last dimension.
                let count = self.factors.sizes.len();
                self.levels.extend_from_within(before - count..);
                self.levels[before + self.factors.dimensions() - 1] += farther;
            }
            None => {
                self.levels.extend(space.arm(arm).level_indices().map(|level| level as u32));
                if self.factors.segmented {
                    self.levels.push(segment.index() as u32);
                }
            }
        }
        self.places.push((segment, arm));
        assert!(self.levels.len() - before == self.factors.sizes.len(), "one level of each factor");
    }

    /// How many levels of the last dimension, which runs fastest, an arm lies after the one before, if in nothing else is it another:
    /// most do, and to look levels up takes divisions.
    fn in_reach(&self, segment: SegmentId, arm: ArmId) -> Option<u32> {
        let &(of, before) = self.places.last()?;
        let dimensions = self.factors.dimensions();
        let last = dimensions.checked_sub(1)?;
        let farther = (arm.index().checked_sub(before.index())).filter(|_| of == segment)?;
        let level = self.levels(self.places.len() - 1)[last] as usize;
        (level + farther < self.factors.sizes[last]).then_some(farther as u32)
    }

    /// The factors.
    #[must_use]
    pub fn factors(&self) -> &Factors {
        &self.factors
    }

    /// The number of cells that have results.
    #[must_use]
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Whether nothing was tried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }

    pub(super) fn levels(&self, cell: usize) -> &[u32] {
        let factors = self.factors.sizes.len();
        &self.levels[cell * factors..][..factors]
    }

    /// Segment and arm of each cell.
    pub(super) fn places_of(&self) -> &[(SegmentId, ArmId)] {
        &self.places
    }

    /// (trials, earned) of each cell.
    pub(super) fn results(&self) -> &[(f64, f64)] {
        &self.results
    }

    /// All trials.
    pub(super) fn trials(&self) -> f64 {
        self.results.iter().map(|&(trials, _)| trials).sum()
    }

    /// The logit that effects are counted from: that of all results together, drawn towards 1 in 20.
    pub(super) fn base(&self) -> f64 {
        let (trials, earned) =
            self.results.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
        let rate = (earned + 1.0) / (trials + 20.0);
        libm::log(rate / (1.0 - rate))
    }

    /// A seed that differs wherever the results do.
    pub(crate) fn seed(&self, seed: u64) -> u64 {
        let mut digest = Fingerprint::of("effects");
        digest.number(seed);
        for &size in &self.factors.sizes {
            digest.number(size as u64);
        }
        let cells = self.places.iter().zip(&self.results);
        digest.numbers(cells.flat_map(|(&(segment, arm), (trials, earned))| {
            [(segment.index() as u64) << 32 | arm.index() as u64, trials.to_bits(), earned.to_bits()]
        }));
        digest.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The levels of cells are those of their arms, in whatever order they come: where all combinations are allowed and where not,
    /// in one segment and in several.
    #[test]
    fn levels_are_those_of_the_arms() {
        let names = |count: usize| (0..count).map(|number| number.to_string());
        for (forbidden, segments) in [(false, 1), (false, 3), (true, 1), (true, 3)] {
            let space = ArmSpace::builder()
                .dimension("a", names(3))
                .dimension("b", names(2))
                .dimension("c", names(4));
            let space = if forbidden { space.forbid([("a", "1"), ("c", "2")]) } else { space };
            let space = space.build().unwrap();
            let segments = Segments::builder().attribute("s", names(segments)).build().unwrap();
            let mut cells = Cells::new(Factors::of(&space, &segments));
            for segment in segments.iter() {
                for step in [1, 3, 5] {
                    let arms = (0..space.len()).map(|arm| ArmId::new((step * arm % space.len()) as u32));
                    let told: Vec<Tried> = arms.map(|arm| Tried { arm, trials: 1.0, earned: 0.0 }).collect();
                    cells.add(&space, segment.id(), &told);
                }
            }
            for (cell, &(segment, arm)) in cells.places_of().iter().enumerate() {
                let mut levels: Vec<usize> = space.arm(arm).level_indices().collect();
                if segments.len() > 1 {
                    levels.push(segment.index());
                }
                assert!(
                    cells.levels(cell).iter().map(|&level| level as usize).eq(levels),
                    "{segment:?} {arm:?}"
                );
            }
        }
    }
}
