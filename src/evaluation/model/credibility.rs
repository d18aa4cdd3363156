//! How far the means of groups are drawn to their common mean: as far as the groups are alike.

/// A group: how many rewards, and their mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) count: f64,
    pub(super) mean: f64,
}

/// Rewards that the common mean counts for in each group, k = σ²/τ²: σ² the variance within groups, τ² that between
/// them; infinite where groups differ by no more than chance.
///
/// H. Bühlmann, E. Straub (1970), *Glaubwürdigkeit für Schadensätze*:
/// τ² = (Σ n_i (x_i − x̄)² − (I − 1) σ²) / (N − Σ n_i² / N). For rewards of any law, where
/// [`belief::pool`](crate::belief::pool) has counts of successes. Families of groups, each about a mean of its own,
/// share one k.
pub(super) fn strength(families: &[Vec<Group>], variance: f64) -> f64 {
    let (mut between, mut spare) = (0.0, 0.0);
    for family in families {
        let there = || family.iter().filter(|group| group.count > 0.0);
        let total: f64 = there().map(|group| group.count).sum();
        if !(total > 0.0) {
            continue;
        }
        let mean = there().map(|group| group.count * group.mean).sum::<f64>() / total;
        let distances: f64 = there().map(|group| group.count * (group.mean - mean).powi(2)).sum();
        between += distances - (there().count() as f64 - 1.0) * variance;
        spare += total - there().map(|group| group.count * group.count).sum::<f64>() / total;
    }
    let between = between / spare;
    if between > 0.0 { variance / between } else { f64::INFINITY }
}

/// (n x + k m) / (n + k): the mean of a group drawn to `common` with this strength.
pub(super) fn drawn(group: Group, strength: f64, common: f64) -> f64 {
    if !(group.count > 0.0) || strength == f64::INFINITY {
        return common;
    }
    (group.count * group.mean + strength * common) / (group.count + strength)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two groups of 10 about 1 and 3, σ² = 2: distances 20, τ² = (20 − 2) / (20 − 10) = 1.8.
    #[test]
    fn strength_by_hand() {
        let groups = [1.0, 3.0].map(|mean| Group { count: 10.0, mean });
        let strength = strength(&[groups.to_vec()], 2.0);
        assert!((strength - 2.0 / 1.8).abs() < 1e-14);
        assert!(
            (drawn(groups[0], strength, 2.0) - (10.0 + strength * 2.0) / (10.0 + strength)).abs() < 1e-14
        );
        assert!((drawn(Group { count: 0.0, mean: f64::NAN }, strength, 2.0) - 2.0).abs() < 1e-14);
    }

    #[test]
    fn groups_that_differ_by_chance_share_the_common_mean() {
        let groups = [1.0, 1.1].map(|mean| Group { count: 10.0, mean });
        assert!(strength(&[groups.to_vec()], 2.0).is_infinite());
        assert!(strength(&[], 1.0).is_infinite() && strength(&[vec![groups[0]]], 1.0).is_infinite());
    }
}
