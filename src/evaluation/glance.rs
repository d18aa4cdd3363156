//! What a picture of an evaluation needs: how the value became known as the log grew, and how the weights are spread.

use super::anytime::{Anytime, RunningValue};
use super::estimate::EstimateError;
use super::roundwise::Evaluable;
use super::roundwise::facts::{Facts, Wanted};

/// The value of a target by the first rounds of a log.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Known {
    /// How many rounds.
    pub rounds: usize,
    /// The self-normalised mean of their rewards.
    pub value: f64,
    /// The interval for all times at once.
    pub interval: (f64, f64),
}

impl Anytime {
    /// How the value became known: after evenly many rounds, about `points` times.
    ///
    /// # Errors
    ///
    /// [`EstimateError`], as for [`plain`](Anytime::plain).
    pub fn path(&self, rounds: &impl Evaluable, points: usize) -> Result<Vec<Known>, EstimateError> {
        // Refuses what cannot be bounded.
        self.with_baseline(rounds)?;
        let source = rounds.source();
        let survey = source.survey(Wanted::default(), &mut |_| ())?;
        let limit = self.limit().filter(|_| survey.outside_support == 0);
        let (minimum, maximum) = source.range();
        let (least, span) = (minimum / source.unit(), (maximum - minimum) / source.unit());
        let unscaled = |scaled: f64| minimum + scaled * (maximum - minimum);
        let every = survey.rounds.div_ceil(points.max(1)).max(1);
        let mut running = RunningValue::new(self.level(), limit)?;
        let (mut taken, mut weighted, mut weights) = (0, 0.0, 0.0);
        let mut path = Vec::new();
        source.each(Wanted::default(), &mut |Facts { weight, reward, .. }| {
            for (&weight, reward) in weight.iter().zip(reward) {
                let scaled = ((reward - least) / span).clamp(0.0, 1.0);
                running.take(weight, scaled);
                weighted += weight * scaled;
                weights += weight;
                taken += 1;
                if (taken % every == 0 || taken == survey.rounds) && weights > 0.0 {
                    let (lower, upper) = running.interval();
                    let interval = (unscaled(lower), unscaled(upper));
                    path.push(Known { rounds: taken, value: unscaled(weighted / weights), interval });
                }
            }
        })?;
        Ok(path)
    }
}

/// How many rounds have a weight of at most each of these ascending limits and above the one before; the last counts those
/// above all.
///
/// # Errors
///
/// [`EstimateError`] for probabilities that are none.
pub fn weight_counts(rounds: &impl Evaluable, limits: &[f64]) -> Result<Vec<usize>, EstimateError> {
    let source = rounds.source();
    let mut counts = vec![0; limits.len() + 1];
    source.survey(Wanted::default(), &mut |_| ())?;
    source.each(Wanted::default(), &mut |Facts { weight, .. }| {
        weight.iter().for_each(|weight| counts[limits.partition_point(|limit| limit < weight)] += 1);
    })?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::super::WeightedRounds;
    use super::*;

    #[test]
    fn weights_are_counted_between_limits() {
        let rounds = WeightedRounds::new(vec![0.0, 0.5, 1.0, 2.0, 9.0], vec![0.0; 5]).unwrap();
        assert_eq!(weight_counts(&rounds, &[0.0, 1.0, 5.0]).unwrap(), [1, 2, 1, 1]);
    }

    #[test]
    fn the_last_point_of_a_path_is_the_interval() {
        let rounds =
            WeightedRounds::new(vec![1.0; 100], (0..100).map(|n| f64::from(n % 2)).collect()).unwrap();
        let anytime = Anytime::default().weight_limit(1.0);
        let path = anytime.path(&rounds, 7).unwrap();
        assert_eq!(path.iter().map(|known| known.rounds).collect::<Vec<_>>(), [15, 30, 45, 60, 75, 90, 100]);
        assert_eq!(path[6].interval, anytime.with_baseline(&rounds).unwrap());
        assert!((path[6].value - 0.5).abs() < 1e-12);
    }
}
