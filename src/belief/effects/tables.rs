//! Tables of effects: which entries the logit of each tried cell is the sum of.

use super::{Cells, Scales};

/// What the entries of a table are the effects of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The levels of a factor.
    Main(usize),
    /// The pairs of levels of two factors, the second running fastest.
    Pair(usize, usize),
    /// The arms that were tried, in the order of their first cells.
    Arm,
}

impl Kind {
    /// How much its entries vary.
    pub(super) fn variance(self, scales: &Scales) -> f64 {
        match self {
            Self::Main(factor) => scales.main[factor],
            Self::Pair(..) => scales.pair,
            Self::Arm => scales.arm,
        }
    }
}

/// A table of effects, and the entry that each cell has in it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) kind: Kind,
    pub(super) size: usize,
    pub(super) entry: Vec<u32>,
}

/// All tables of a model: those of the intercept and of most factors are solved for together, the others one after the other.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    /// Where the levels of a factor begin in the joint vector, whose first entry is the intercept; none where they are in a
    /// table of their own.
    pub(super) offsets: Vec<Option<usize>>,
    /// Length of the joint vector.
    pub(super) joint: usize,
    pub(super) others: Vec<Table>,
}

/// The most effects that are solved for together: the time goes with the third power.
const JOINT: usize = 300;

/// The most pairs of levels of two factors that have effects of their own.
pub(super) const MOST_PAIRS: usize = 1 << 16;

impl Tables {
    /// Of these cells, by the effects that vary.
    pub(super) fn of(cells: &Cells, scales: &Scales) -> Self {
        let sizes = cells.factors().sizes();
        let dimensions = cells.factors().dimensions();
        let (mut offsets, mut joint, mut others) = (Vec::new(), 1, Vec::new());
        for (factor, &size) in sizes.iter().enumerate() {
            if joint + size <= JOINT {
                offsets.push(Some(joint));
                joint += size;
            } else {
                offsets.push(None);
                let entry = (0..cells.len()).map(|cell| cells.levels(cell)[factor]).collect();
                others.push(Table { kind: Kind::Main(factor), size, entry });
            }
        }
        if scales.pair > 0.0 {
            for f in 0..sizes.len() {
                for g in f + 1..sizes.len() {
                    let size = sizes[f].saturating_mul(sizes[g]);
                    // A pair that is the whole cell is what the residual is for, unless there is none.
                    let told = sizes.len() > 2 || !(scales.residual > 0.0);
                    if size <= MOST_PAIRS && told {
                        let pair = |cell| {
                            let levels = cells.levels(cell);
                            levels[f] * sizes[g] as u32 + levels[g]
                        };
                        let entry = (0..cells.len()).map(pair).collect();
                        others.push(Table { kind: Kind::Pair(f, g), size, entry });
                    }
                }
            }
        }
        if scales.arm > 0.0 {
            let (entry, size) = arms(cells, dimensions);
            others.push(Table { kind: Kind::Arm, size, entry });
        }
        Self { offsets, joint, others }
    }
}

/// The arm of each cell by a number of its own, and how many there are.
fn arms(cells: &Cells, dimensions: usize) -> (Vec<u32>, usize) {
    let mut order: Vec<u32> = (0..cells.len() as u32).collect();
    let arm = |cell: u32| &cells.levels(cell as usize)[..dimensions];
    order.sort_by(|&a, &b| arm(a).cmp(arm(b)));
    let (mut numbers, mut last) = (vec![0; cells.len()], 0);
    for (place, &cell) in order.iter().enumerate() {
        last += u32::from(place > 0 && arm(order[place - 1]) != arm(cell));
        numbers[cell as usize] = last;
    }
    (numbers, last as usize + usize::from(!order.is_empty()))
}
