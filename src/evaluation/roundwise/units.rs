//! What intervals take as independent: the terms of each round as they come, or the sums of a cluster's.

use super::super::estimate::EstimateError;
use super::Asked;
use super::facts::Source;
use super::sums;

/// Parts of a value: added, numerator, denominator, and with clusters the number of rounds in each. A part that the
/// estimator does not have is empty.
pub(super) type Parts<'a> = [&'a [f64]; 4];

/// Visits the units of each estimator by its number, some at a time, in order. The parts of clusters are so scaled that
/// their mean over the clusters is that over the rounds.
pub(super) fn each(
    source: &dyn Source,
    asked: &[Asked],
    mut visit: impl FnMut(usize, Parts<'_>),
) -> Result<(), EstimateError> {
    let Some((clusters, count)) = source.clusters() else {
        return sums::each(source, asked, |number, _, terms| {
            visit(number, [&terms.added, &terms.numerator, &terms.denominator, &[]]);
        });
    };
    let scale = count as f64 / clusters.len() as f64;
    let mut gathered: Vec<[Vec<f64>; 3]> = vec![Default::default(); asked.len()];
    sums::each(source, asked, |number, first, terms| {
        let parts = [&terms.added, &terms.numerator, &terms.denominator];
        for (sums, values) in gathered[number].iter_mut().zip(parts).filter(|(_, values)| !values.is_empty())
        {
            sums.resize(count, 0.0);
            let of = values.iter().zip(&clusters[first..]);
            of.for_each(|(value, &cluster)| sums[cluster as usize] += value * scale);
        }
    })?;
    let mut sizes = vec![0.0; count];
    clusters.iter().for_each(|&cluster| sizes[cluster as usize] += scale);
    for (number, [added, numerator, denominator]) in gathered.iter().enumerate() {
        visit(number, [added, numerator, denominator, &sizes]);
    }
    Ok(())
}
