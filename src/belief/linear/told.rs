//! What is known of an arm and its features, as the numbers that a fit is made of: plain sums, or sums weighted for age and delay.

use crate::statistics::{Products, UNITS, triangle};

use super::triangle::at;

/// What is known of an arm, as numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// Decisions whose reward is known, and of those that wait the part that counts as known.
    pub(super) trials: f64,
    /// Σ r² of these.
    pub(super) squares: f64,
    /// Σ r x.
    pub(super) rewards: Vec<f64>,
    /// Σ x xᵀ.
    pub(super) seen: Vec<f64>,
    /// Σ x xᵀ that widths are formed with.
    pub(super) counted: Vec<f64>,
    /// How many events have told it: outcomes, or with a window the rewards other than the default one.
    outcomes: f64,
}

impl Told {
    /// Where rewards come whenever they come: those that are known are taken for a sample of all. `selections` says whether
    /// decisions count as soon as they are made.
    pub(crate) fn new(sums: &Products, selections: bool) -> Self {
        let all: Vec<f64> = sums.products.iter().map(|&sum| number(sum)).collect();
        let trials = sums.returned as f64;
        // The first product is that of the constant: the number of decisions.
        let part = if trials < all[0] { trials / all[0] } else { 1.0 };
        let seen: Vec<f64> = all.iter().map(|sum| part * sum).collect();
        let counted = if selections { all } else { seen.clone() };
        let rewards = sums.rewards.iter().map(|&sum| sum as f64 / UNITS).collect();
        Self { trials, squares: number(sums.squares), rewards, seen, counted, outcomes: trials }
    }

    /// How many events have told it.
    pub(crate) fn outcomes(&self) -> u64 {
        self.outcomes as u64
    }
}

/// What is known of an arm where there is a window, added up bucket by bucket. Sums are of `f64`: for equal bits, add in one order.
#[derive(Clone, Debug)]
pub(crate) struct Gathered {
    /// Rewards other than the default one: how many, and of their differences from it Σ e² and Σ e x.
    returned: f64,
    squares: f64,
    differences: Vec<f64>,
    /// Σ x xᵀ, each decision for the part of a trial by which its reward would have come by now.
    seen: Vec<f64>,
    /// Σ x xᵀ of all decisions.
    all: Vec<f64>,
}

impl Gathered {
    /// Of nothing, in so many dimensions.
    pub(crate) fn new(dimensions: usize) -> Self {
        let (seen, all) = (vec![0.0; triangle(dimensions)], vec![0.0; triangle(dimensions)]);
        Self { returned: 0.0, squares: 0.0, differences: vec![0.0; dimensions], seen, all }
    }

    /// Adds the sums of a bucket at a weight for age: `share` of each decision counts as tried.
    pub(crate) fn add(&mut self, sums: &Products, weight: f64, share: f64) {
        self.add_issued(sums, weight);
        self.returned += weight * sums.returned as f64;
        self.squares += weight * number(sums.squares);
        for (mine, &sum) in self.differences.iter_mut().zip(&sums.rewards) {
            *mine += weight * (sum as f64 / UNITS);
        }
        for (mine, &sum) in self.seen.iter_mut().zip(&sums.products) {
            *mine += weight * share * number(sum);
        }
    }

    /// The same of decisions alone, as if nothing had come of them and nothing was to be expected yet.
    pub(crate) fn add_issued(&mut self, sums: &Products, weight: f64) {
        for (mine, &sum) in self.all.iter_mut().zip(&sums.products) {
            *mine += weight * number(sum);
        }
    }

    /// What that comes to, given the default reward: what has not come by the time it should have come is that. `selections` as
    /// [above](Told::new).
    pub(crate) fn told(self, default: f64, selections: bool) -> Told {
        let Self { returned, squares, differences, mut seen, all } = self;
        // What has come early of a few may be more than the trials counted so far: then as many of those that are left count, too.
        if seen[0] < returned && seen[0] < all[0] {
            let part = ((returned - seen[0]) / (all[0] - seen[0])).min(1.0);
            seen.iter_mut().zip(&all).for_each(|(seen, all)| *seen += part * (all - *seen));
        }
        let trials = seen[0];
        let squares = squares + default * (2.0 * differences[0] + default * trials);
        let with_default = |(row, difference)| difference + default * seen[at(row, 0)];
        let rewards = differences.into_iter().enumerate().map(with_default).collect();
        let counted = if selections { all } else { seen.clone() };
        Told { trials, squares, rewards, seen, counted, outcomes: returned }
    }
}

/// A sum of units.
fn number(sum: u64) -> f64 {
    sum as f64 / UNITS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums in two dimensions, by whole numbers.
    fn sums(returned: u64, squares: f64, rewards: [f64; 2], products: [f64; 3]) -> Products {
        Products {
            returned,
            squares: (squares * UNITS) as u64,
            rewards: rewards.iter().map(|sum| (sum * UNITS) as i64).collect(),
            products: products.iter().map(|sum| (sum * UNITS) as u64).collect(),
        }
    }

    #[test]
    fn what_waits_counts_for_its_share_and_earns_the_default() {
        // Closed: ten decisions, two rewards of 1 where the default is 0.25. Open: eight, of which one has come with 0.
        let closed = sums(2, 2.0 * 0.5625, [1.5, 0.75], [10.0, 5.0, 4.0]);
        let open = sums(1, 0.0625, [-0.25, -0.125], [8.0, 2.0, 1.0]);
        let mut gathered = Gathered::new(2);
        gathered.add(&closed, 1.0, 1.0);
        gathered.add(&open, 0.5, 0.25);
        let told = gathered.clone().told(0.25, false);
        // Trials 10 + 0.5 · 0.25 · 8 = 11; their rewards 2 + 8 · 0.25 and half of 0 and 1 · 0.25.
        assert_eq!(told.rewards, [1.5 - 0.125 + 0.25 * 11.0, 0.75 - 0.0625 + 0.25 * 5.25]);
        assert_eq!(told.seen, [11.0, 5.25, 4.125]);
        assert_eq!(told.counted, told.seen);
        // Of the closed ones alone Σ r² = 2 · 1 + 8 · 0.0625.
        let mut one = Gathered::new(2);
        one.add(&closed, 1.0, 1.0);
        assert_eq!(one.told(0.25, false).squares.to_bits(), 2.5_f64.to_bits());
        // Selections count at once.
        assert_eq!(gathered.told(0.25, true).counted, [14.0, 6.0, 4.5]);
    }

    #[test]
    fn rewards_that_came_before_their_time_are_trials_all_the_same() {
        let open = sums(3, 3.0, [3.0, 1.0], [12.0, 6.0, 6.0]);
        let mut gathered = Gathered::new(2);
        gathered.add(&open, 1.0, 0.0);
        let told = gathered.told(0.0, false);
        assert_eq!((told.trials, told.seen.as_slice()), (3.0, [3.0, 1.5, 1.5].as_slice()));
        // Not at all before the window is over.
        let mut gathered = Gathered::new(2);
        gathered.add_issued(&open, 1.0);
        let told = gathered.told(0.0, true);
        assert_eq!((told.trials, told.rewards.as_slice()), (0.0, [0.0, 0.0].as_slice()));
        assert_eq!(told.counted, [12.0, 6.0, 6.0]);
    }
}
