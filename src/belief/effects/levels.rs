//! Level effects: what each template, channel, tone and time adds, how sure that is, and which pairs do more than that.

use std::fmt;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde::Serialize;

use crate::arm::ArmSpace;
use crate::segment::Segments;

use super::collapsed::{Collapsed, Effects};
use super::mode::logistic;
use super::opposites::told_for;
use super::tables::{Kind, MOST_PAIRS};
use super::varied::Varied;
use super::{Cells, Expected, Factors, ScalePrior};

/// What the levels of each factor add to the rate of an average cell.
///
/// An effect is counted from the mean of all levels of its factor, its pairs with the levels of other factors averaged; so
/// the effects of a factor sum to nothing, and a pair's is what the two levels do together beyond what each does. Of two factors
/// alone the pair is the cell itself. Intervals are of 95 %: 1.96 standard deviations of the belief, in which how much effects vary
/// is not known either.
///
/// ```
/// use tactful::belief::{Tried, effects::{Cells, Factors, LevelEffects, ScalePrior}};
/// use tactful::{ArmSpace, SegmentId, Segments};
///
/// let arms = ArmSpace::builder().dimension("template", ["plain", "friendly"]).dimension("channel", ["email", "sms"]).build()?;
/// let segments = Segments::single();
/// let mut cells = Cells::new(Factors::of(&arms, &segments));
/// let paid = [30.0, 42.0, 55.0, 80.0];
/// let tried: Vec<Tried> =
///     arms.iter().zip(paid).map(|(arm, earned)| Tried { arm: arm.id(), trials: 1_000.0, earned }).collect();
/// cells.add(&arms, SegmentId::new(0), &tried);
///
/// let effects = LevelEffects::of(cells, &arms, &segments, &ScalePrior::default());
/// let friendly = &effects.factors[0].levels[1];
/// assert!(friendly.logit.low > 0.0 && friendly.points.value > 0.0);
/// assert!(effects.to_string().contains("friendly"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LevelEffects {
    /// Trials in all cells.
    pub trials: f64,
    /// What they earned, in [0, 1] each.
    pub earned: f64,
    /// The rate of an average cell, in [0, 1].
    pub rate: f64,
    /// The dimensions, and the segment where there are several.
    pub factors: Vec<FactorEffects>,
    /// The pairs whose effects lie farthest from nothing, at most 10, the farthest first. Where a factor has two levels, a pair with
    /// one of them adds just what the pair with the other takes: of these only the one that adds is told.
    pub pairs: Vec<PairEffect>,
    /// By how much pairs vary: a standard deviation on the logit; 0 where no pair has an effect of its own.
    pub pair_deviation: f64,
    /// By how much cells vary beyond their levels and pairs: a standard deviation on the logit; 0 where nothing is left for them.
    pub residual_deviation: f64,
}

/// What the levels of a factor add.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FactorEffects {
    /// The dimension, or `segment`.
    pub name: String,
    /// Whether its levels are segments, which are not for the sender to choose.
    pub is_segment: bool,
    /// By how much its levels vary: a standard deviation on the logit.
    pub deviation: f64,
    /// Its levels, in the order of declaration.
    pub levels: Vec<LevelEffect>,
}

/// What a level adds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LevelEffect {
    /// Its name.
    pub level: String,
    /// Trials in its cells.
    pub trials: f64,
    /// What they earned, in [0, 1] each.
    pub earned: f64,
    /// What it adds to the logit.
    pub logit: Added,
    /// What it adds to the rate of an average cell, in [−1, 1]: 0.01 is a percentage point.
    pub points: Added,
}

/// What two levels do together, beyond what each does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairEffect {
    /// The first factor and its level.
    pub first: (String, String),
    /// The second factor and its level.
    pub second: (String, String),
    /// What the pair adds to the logit.
    pub logit: Added,
    /// What the pair adds to the rate of an average cell, in [−1, 1].
    pub points: Added,
}

/// A number that is believed, with an interval of 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Added {
    /// The mean of the belief, and on the rate what goes with it.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Draws of all effects, which give their standard deviations to 3 %.
const DRAWS: usize = 1_000;

/// Sweeps before the first of them.
const BURNT: usize = 100;

/// One in so many of them is followed by a draw of how much effects vary, for which levels are solved for anew.
const VARIED: usize = 4;

/// Pairs that are told.
const PAIRS: usize = 10;

/// Standard deviations of an interval of 95 %.
const WIDTH: f64 = 1.959_963_984_540_054;

impl LevelEffects {
    /// Of these results; of none, what is expected before any.
    #[must_use]
    pub fn of(cells: Cells, space: &ArmSpace, segments: &Segments, prior: &ScalePrior) -> Self {
        let mut names: Vec<(String, Vec<String>)> =
            space.dimensions().map(|(name, levels)| (name.to_owned(), levels.to_vec())).collect();
        let segmented = cells.factors().is_segmented();
        if segmented {
            names.push(("segment".to_owned(), segments.iter().map(|segment| segment.to_string()).collect()));
        }
        let mut told: Vec<Vec<(f64, f64)>> =
            names.iter().map(|(_, levels)| vec![(0.0, 0.0); levels.len()]).collect();
        let (mut trials, mut earned) = (0.0, 0.0);
        for (cell, result) in cells.results().iter().enumerate() {
            (trials, earned) = (trials + result.0, earned + result.1);
            for (told, &level) in told.iter_mut().zip(cells.levels(cell)) {
                let own = &mut told[level as usize];
                *own = (own.0 + result.0, own.1 + result.1);
            }
        }
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(cells.seed(0));
        let prior = telling_pairs(prior, cells.factors());
        let mut varied = Varied::from(Collapsed::new(cells, &prior), &prior);
        let mut moments = Moments::default();
        for draw in 0..BURNT + DRAWS {
            varied.sweep(&mut rng);
            if draw % VARIED == 0 {
                varied.vary(&mut rng);
            }
            if draw >= BURNT {
                moments.add(&told_of(&varied));
            }
        }
        let mode = &varied.mode;
        let mut believed = moments.believed();
        let mut deviation = || believed.next().map_or(0.0, |(mean, _)| mean);
        let deviations: Vec<f64> = names.iter().map(|_| deviation()).collect();
        let (pair_deviation, residual_deviation) = (deviation(), deviation());
        let logit = mode.base + deviation();
        let mut added = || {
            let (mean, deviation) = believed.next().unwrap_or_default();
            let logits = Added { value: mean, low: mean - WIDTH * deviation, high: mean + WIDTH * deviation };
            let points = |effect: f64| logistic(logit + effect) - logistic(logit);
            let rates = Added { value: points(mean), low: points(logits.low), high: points(logits.high) };
            (logits, rates, mean / deviation.max(f64::MIN_POSITIVE))
        };
        let factors = names.iter().zip(told).enumerate().map(|(factor, ((name, levels), told))| {
            let levels = levels.iter().zip(told).map(|(level, (trials, earned))| {
                let (logit, points, _) = added();
                LevelEffect { level: level.clone(), trials, earned, logit, points }
            });
            FactorEffects {
                name: name.clone(),
                is_segment: segmented && factor + 1 == names.len(),
                deviation: deviations[factor],
                levels: levels.collect(),
            }
        });
        let factors = factors.collect();
        let mut pairs = Vec::new();
        for table in &mode.tables.others {
            let Kind::Pair(f, g) = table.kind else { continue };
            let side =
                |factor: usize, level: usize| (names[factor].0.clone(), names[factor].1[level].clone());
            let beliefs: Vec<_> = (0..table.size).map(|_| added()).collect();
            let second = names[g].1.len();
            let adds = |entry: usize| beliefs[entry].0.value > 0.0;
            for (entry, &(logit, points, distance)) in beliefs.iter().enumerate() {
                if told_for(entry, (table.size / second, second), adds) != entry {
                    continue;
                }
                let pair = PairEffect {
                    first: side(f, entry / second),
                    second: side(g, entry % second),
                    logit,
                    points,
                };
                pairs.push((distance.abs(), pair));
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let has_pairs = !pairs.is_empty();
        Self {
            trials,
            earned,
            rate: logistic(logit),
            factors,
            pairs: pairs.into_iter().take(PAIRS).map(|(_, pair)| pair).collect(),
            pair_deviation: if has_pairs { pair_deviation } else { 0.0 },
            residual_deviation,
        }
    }
}

impl LevelEffects {
    /// Decimals of a percentage that show what is added to so small a rate.
    pub(crate) fn decimals(&self) -> usize {
        match self.rate {
            rare if rare < 0.001 => 4,
            rare if rare < 0.01 => 3,
            _ => 2,
        }
    }

    /// By how much pairs and single arms vary, in words, where there is something left for them.
    pub(crate) fn variation(&self) -> Option<String> {
        let Self { pair_deviation: pair, residual_deviation: own, .. } = self;
        match (*pair > 0.0, *own > 0.0) {
            (true, true) => {
                Some(format!("pairs vary by {pair:.2} on the logit, single arms by {own:.2} beyond that"))
            }
            (true, false) => Some(format!("pairs vary by {pair:.2} on the logit")),
            (false, true) => Some(format!("single arms vary by {own:.2} on the logit beyond their levels")),
            (false, false) => None,
        }
    }
}

/// The same prior where pairs are to be told: of two factors a pair is the whole cell, and has what the cell would have of its own; as
/// there are few, what is expected of them weighs no more than of levels, or it would outvote them.
fn telling_pairs(prior: &ScalePrior, factors: &Factors) -> ScalePrior {
    match factors.sizes() {
        [one, other] if one.saturating_mul(*other) <= MOST_PAIRS && prior.pair.deviation > 0.0 => {
            let pair = Expected { weight: prior.main.weight, ..prior.pair };
            ScalePrior { pair, residual: Expected { deviation: 0.0, ..prior.residual }, ..*prior }
        }
        _ => *prior,
    }
}

/// How much effects vary: levels, factor by factor, pairs and residuals; and [all effects](centred).
fn told_of(Varied { mode, effects, .. }: &Varied) -> Vec<f64> {
    let scales = &mode.scales;
    let deviations =
        scales.main.iter().chain([&scales.pair, &scales.residual]).map(|variance| variance.sqrt());
    deviations.chain(centred(mode, effects)).collect()
}

/// The logit of an average cell, the effects of all levels, factor by factor, and those of all pairs, table by table, each counted
/// from the means of its levels.
fn centred(mode: &Collapsed, effects: &Effects) -> Vec<f64> {
    let sizes = mode.cells.factors().sizes();
    let mut average = effects.joint[0];
    let mut mains: Vec<Vec<f64>> = sizes.iter().map(|&size| vec![0.0; size]).collect();
    for (factor, offset) in mode.tables.offsets.iter().enumerate() {
        if let Some(offset) = offset {
            mains[factor].copy_from_slice(&effects.joint[*offset..offset + sizes[factor]]);
        }
    }
    let mut pairs = Vec::new();
    for (table, own) in mode.tables.others.iter().zip(&effects.others) {
        match table.kind {
            Kind::Main(factor) => mains[factor].copy_from_slice(own),
            Kind::Arm => {}
            Kind::Pair(f, g) => {
                let mut own = own.clone();
                let (rows, columns) = (sizes[f], sizes[g]);
                let mean = own.iter().sum::<f64>() / own.len() as f64;
                average += mean;
                let by_row: Vec<f64> = own
                    .chunks_exact(columns)
                    .map(|row| row.iter().sum::<f64>() / columns as f64 - mean)
                    .collect();
                let of_column =
                    |g: usize| own.iter().skip(g).step_by(columns).sum::<f64>() / rows as f64 - mean;
                let by_column: Vec<f64> = (0..columns).map(of_column).collect();
                for (row, by_row) in own.chunks_exact_mut(columns).zip(&by_row) {
                    row.iter_mut()
                        .zip(&by_column)
                        .for_each(|(pair, by_column)| *pair -= mean + by_row + by_column);
                }
                super::dense::add_scaled(&mut mains[f], 1.0, &by_row);
                super::dense::add_scaled(&mut mains[g], 1.0, &by_column);
                pairs.extend(own);
            }
        }
    }
    for main in &mut mains {
        let mean = main.iter().sum::<f64>() / main.len() as f64;
        average += mean;
        main.iter_mut().for_each(|effect| *effect -= mean);
    }
    std::iter::once(average).chain(mains.into_iter().flatten()).chain(pairs).collect()
}

/// Means and squares of many numbers at once.
#[derive(Debug, Default)]
struct Moments {
    count: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// B. P. Welford (1962), *Note on a Method for Calculating Corrected Sums of Squares and Products*.
    fn add(&mut self, values: &[f64]) {
        self.count += 1.0;
        self.means.resize(values.len(), 0.0);
        self.squares.resize(values.len(), 0.0);
        for ((mean, square), value) in self.means.iter_mut().zip(&mut self.squares).zip(values) {
            let apart = value - *mean;
            *mean += apart / self.count;
            *square += apart * (value - *mean);
        }
    }

    /// Mean and standard deviation of each.
    fn believed(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let less = (self.count - 1.0).max(1.0);
        self.means.iter().zip(&self.squares).map(move |(&mean, square)| (mean, (square / less).sqrt()))
    }
}

impl fmt::Display for LevelEffects {
    /// A table for people: by factor the levels with what each adds in percentage points and on the logit, then the pairs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.decimals();
        let percent = |share: f64| format!("{:.decimals$} %", 100.0 * share);
        write!(f, "{:.0} sends earned {:.0}", self.trials, self.earned)?;
        if self.trials > 0.0 {
            write!(f, ", {} a send", percent(self.earned / self.trials))?;
        }
        writeln!(f, "; an arm of average levels earns {}", percent(self.rate))?;
        writeln!(f, "points: percentage points more or less than that, with intervals of 95 %")?;
        let points = |added: &Added| {
            let [value, low, high] = [added.value, added.low, added.high].map(|share| 100.0 * share);
            format!("{value:+7.decimals$} points ({low:+.decimals$} to {high:+.decimals$})")
        };
        let logit =
            |added: &Added| format!("logit {:+.3} ({:+.3} to {:+.3})", added.value, added.low, added.high);
        let longest = |names: &mut dyn Iterator<Item = usize>| names.max().unwrap_or(0);
        for factor in &self.factors {
            writeln!(f, "\n{}: levels vary by {:.2} on the logit", factor.name, factor.deviation)?;
            let width = longest(&mut factor.levels.iter().map(|level| level.level.chars().count()));
            for LevelEffect { level, trials, logit: added, points: rates, .. } in &factor.levels {
                writeln!(
                    f,
                    "  {level:<width$}  {:<34}  {:<34}  {trials:.0} sends",
                    points(rates),
                    logit(added)
                )?;
            }
        }
        if let Some(variation) = self.variation() {
            writeln!(f, "\n{variation}")?;
        }
        let segment = self.factors.last().filter(|factor| factor.is_segment).map(|factor| &factor.name);
        let name = |pair: &PairEffect| {
            let PairEffect { first: (dimension, level), second: (other, with), .. } = pair;
            match segment == Some(other) {
                // Levels of segments say of what they are.
                true => format!("{dimension}={level} × {with}"),
                false => format!("{dimension}={level} × {other}={with}"),
            }
        };
        let width = longest(&mut self.pairs.iter().map(|pair| name(pair).chars().count()));
        for pair in &self.pairs {
            writeln!(f, "  {:<width$}  {:<34}  {}", name(pair), points(&pair.points), logit(&pair.logit))?;
        }
        Ok(())
    }
}
