//! The estimators: what each makes of a round.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use super::facts::Facts;
use super::lots::lot;

/// An estimator of what a target policy would have earned per round.
///
/// With w = π(a)/b(a), the target's probability of the arm sent over the one it was sent with, r the reward, q̂ a
/// reward model's prediction, and m = Σ π(a) q̂(a) what the model expects of the target in the round, each is a mean
/// over rounds of what its line says, or has a ratio of two such means in it.
///
/// | estimator | of a round | bias | use it when |
/// | --- | --- | --- | --- |
/// | IPS | w r | none | weights are small |
/// | clipped IPS | min(w, λ) r | towards 0 | a few weights are huge |
/// | SNIPS | Σ w r / Σ w | of order 1/n | there is no model; the default choice without one |
/// | DM | m | the model's | propensities are unknown, and with distrust |
/// | DR | m + w (r − q̂) | none | the default choice with a model |
/// | SNDR | m + Σ w (r − q̂) / Σ w | of order 1/n | DR, with uneven weights |
/// | SWITCH-DR | m + w (r − q̂) where w ≤ λ, else m | the model's where w > λ | few huge weights, a fair model |
/// | DRos | m + λ w / (w² + λ) (r − q̂) | part of the model's | the same, without an edge |
/// | MIPS | w(e) r | none if only e matters | very many arms, of which a few dimensions matter |
/// | replay | Σ r / n over the rounds kept | of order 1/n | as a check: it is a real sample |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Estimator {
    /// Inverse propensity scoring. D. G. Horvitz, D. J. Thompson (1952), *A Generalization of Sampling Without
    /// Replacement From a Finite Universe*.
    Ips,
    /// IPS with weights cut off at λ. E. L. Ionides (2008), *Truncated Importance Sampling*; L. Bottou et al. (2013),
    /// *Counterfactual Reasoning and Learning Systems*.
    ClippedIps,
    /// Self-normalised IPS. A. Swaminathan, T. Joachims (2015), *The Self-Normalized Estimator for Counterfactual
    /// Learning*.
    Snips,
    /// The direct method: the reward model alone. A. Beygelzimer, J. Langford (2009), *The Offset Tree for Learning
    /// with Partial Labels*, compare with it under this name.
    Dm,
    /// Doubly robust. M. Dudík, J. Langford, L. Li (2011), *Doubly Robust Policy Evaluation and Learning*.
    Dr,
    /// Self-normalised doubly robust. P. S. Thomas, E. Brunskill (2016), *Data-Efficient Off-Policy Policy Evaluation
    /// for Reinforcement Learning* (the weighted doubly robust estimator, for one step).
    Sndr,
    /// Doubly robust where the weight is at most λ, the model elsewhere. Y.-X. Wang, A. Agarwal, M. Dudík (2017),
    /// *Optimal and Adaptive Off-policy Evaluation in Contextual Bandits*.
    SwitchDr,
    /// Doubly robust with optimistic shrinkage. Y. Su, M. Dimakopoulou, A. Krishnamurthy, M. Dudík (2020), *Doubly
    /// Robust Off-policy Evaluation with Shrinkage*.
    Dros,
    /// Marginalised IPS: the weight is that of the joint levels e of chosen dimensions. Y. Saito, T. Joachims (2022),
    /// *Off-Policy Evaluation for Large Action Spaces via Embeddings*.
    Mips,
    /// Rejection sampling: a round is kept with probability w / max w, so that those kept look drawn by the target.
    /// L. Li, W. Chu, J. Langford, X. Wang (2011), *Unbiased Offline Evaluation of Contextual-bandit-based News
    /// Article Recommendation Algorithms*.
    Replay,
}

/// A name that no estimator has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownEstimator {
    /// The name given.
    pub name: String,
}

impl fmt::Display for UnknownEstimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Estimator::ALL.iter().map(|estimator| estimator.name()).collect();
        write!(f, "no estimator {:?}; there are {}", self.name, known.join(", "))
    }
}

impl Error for UnknownEstimator {}

impl fmt::Display for Estimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Estimator {
    type Err = UnknownEstimator;

    /// By its name; hyphens and capitals do as well.
    fn from_str(name: &str) -> Result<Self, UnknownEstimator> {
        let plain = name.trim().to_lowercase().replace('-', "_");
        let found = Self::ALL.into_iter().find(|estimator| estimator.name() == plain);
        found.ok_or_else(|| UnknownEstimator { name: name.to_owned() })
    }
}

impl Estimator {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 10] = [
        Self::Ips,
        Self::ClippedIps,
        Self::Snips,
        Self::Dm,
        Self::Dr,
        Self::Sndr,
        Self::SwitchDr,
        Self::Dros,
        Self::Mips,
        Self::Replay,
    ];

    /// The name in reports: `ips`, `clipped_ips`, `snips`, `dm`, `dr`, `sndr`, `switch_dr`, `dros`, `mips`, `replay`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ips => "ips",
            Self::ClippedIps => "clipped_ips",
            Self::Snips => "snips",
            Self::Dm => "dm",
            Self::Dr => "dr",
            Self::Sndr => "sndr",
            Self::SwitchDr => "switch_dr",
            Self::Dros => "dros",
            Self::Mips => "mips",
            Self::Replay => "replay",
        }
    }

    /// Whether it asks a reward model.
    #[must_use]
    pub const fn needs_model(self) -> bool {
        matches!(self, Self::Dm | Self::Dr | Self::Sndr | Self::SwitchDr | Self::Dros)
    }

    /// Whether it asks for propensities: all but the direct method.
    #[must_use]
    pub const fn needs_propensities(self) -> bool {
        !matches!(self, Self::Dm)
    }

    /// Whether it asks which levels of chosen dimensions an arm has.
    #[must_use]
    pub const fn needs_dimensions(self) -> bool {
        matches!(self, Self::Mips)
    }

    /// Whether it has a λ, above 0: where weights are cut off, where the model takes over, how far they are shrunk.
    #[must_use]
    pub const fn has_lambda(self) -> bool {
        matches!(self, Self::ClippedIps | Self::SwitchDr | Self::Dros)
    }

    /// Whether a ratio of means is in it, whose error is the delta method's.
    pub(super) const fn is_ratio(self) -> bool {
        matches!(self, Self::Snips | Self::Sndr | Self::Replay)
    }

    /// Whether a mean of round-wise values is in it.
    pub(super) const fn has_added(self) -> bool {
        !matches!(self, Self::Snips | Self::Replay)
    }

    /// Writes what each round adds. `level` is λ, for a replay the largest weight; `seed` is that of a replay's lots.
    pub(super) fn terms(self, facts: Facts<'_>, level: f64, seed: u64, terms: &mut Terms) {
        let Facts { first, weight, reward, predicted, expected, marginal } = facts;
        terms.clear();
        let Terms { added, numerator, denominator } = terms;
        let residuals = || reward.iter().zip(predicted).map(|(r, q)| r - q);
        match self {
            Self::Ips => added.extend(weight.iter().zip(reward).map(|(w, r)| w * r)),
            Self::ClippedIps => added.extend(weight.iter().zip(reward).map(|(w, r)| w.min(level) * r)),
            Self::Snips => {
                numerator.extend(weight.iter().zip(reward).map(|(w, r)| w * r));
                denominator.extend_from_slice(weight);
            }
            Self::Dm => added.extend_from_slice(expected),
            Self::Dr => corrected(facts, added, |w| w),
            Self::Sndr => {
                added.extend_from_slice(expected);
                numerator.extend(weight.iter().zip(residuals()).map(|(w, residual)| w * residual));
                denominator.extend_from_slice(weight);
            }
            Self::SwitchDr => corrected(facts, added, |w| if w <= level { w } else { 0.0 }),
            Self::Dros if level == f64::INFINITY => corrected(facts, added, |w| w),
            Self::Dros => corrected(facts, added, |w| level * w / (w * w + level)),
            Self::Mips => added.extend(marginal.iter().zip(reward).map(|(w, r)| w * r)),
            Self::Replay => {
                let kept = |(offset, w): (usize, &f64)| {
                    f64::from(u8::from(lot(seed, (first + offset) as u64) * level < *w))
                };
                denominator.extend(weight.iter().enumerate().map(kept));
                numerator.extend(denominator.iter().zip(reward).map(|(kept, r)| kept * r));
            }
        }
    }
}

/// m + f(w) (r − q̂).
fn corrected(facts: Facts<'_>, added: &mut Vec<f64>, of: impl Fn(f64) -> f64) {
    let Facts { weight, reward, predicted, expected, .. } = facts;
    let all = weight.iter().zip(reward).zip(predicted.iter().zip(expected));
    added.extend(all.map(|((&w, r), (q, m))| m + of(w) * (r - q)));
}

/// What rounds add to an estimate v = mean(added) + Σ numerator / Σ denominator. An estimator without one of the two
/// parts leaves it empty.
#[derive(Debug, Default)]
pub(super) struct Terms {
    pub(super) added: Vec<f64>,
    pub(super) numerator: Vec<f64>,
    pub(super) denominator: Vec<f64>,
}

impl Terms {
    fn clear(&mut self) {
        self.added.clear();
        self.numerator.clear();
        self.denominator.clear();
    }
}
