//! What many rounds of a question share, made once: rows of probabilities and predictions, and sums over arms.

use crate::arm::ArmId;

use super::alike::Alike;
use super::arm_groups::ArmGroups;
use super::estimate::EstimateError;
use super::log::Chunk;
use super::marginal::Marginal;
use super::model::{FOLDS, RewardModel};
use super::outline::Outline;
use super::roundwise::facts::{Facts, Wanted};
use super::target::{Occasion, TargetPolicy};

/// What rounds are looked at with.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) outline: &'a Outline,
    pub(super) target: &'a dyn TargetPolicy,
    pub(super) model: Option<&'a dyn RewardModel>,
    pub(super) groups: Option<&'a (&'a ArmGroups, Marginal)>,
    /// Looked up where all rounds of a chunk allow all arms.
    pub(super) alike: Option<&'a Alike>,
}

/// Numbers by segment and variant, filled in where a round asks that is not looked up.
#[derive(Debug)]
pub(super) struct Shared {
    /// Of the chunk, where it is looked up.
    looked_up: Vec<u32>,
    probabilities: Rows,
    predictions: Rows,
    /// `[segment][variant of the target][variant of the model]`, NaN where not made yet; empty where that is too many.
    expected: Vec<f64>,
    /// `[segment][variant of the target][group]`, likewise.
    marginal: Vec<f64>,
    /// `[segment][variant of the target]`, likewise.
    supported: Vec<Option<bool>>,
    /// Of the chunk: segment and variant of the target, where the round has no numbers of its own.
    places: Vec<Option<usize>>,
}

/// What estimators need to know of consecutive rounds, computed.
#[derive(Debug, Default)]
pub(super) struct Computed {
    weight: Vec<f64>,
    predicted: Vec<f64>,
    expected: Vec<f64>,
    marginal: Vec<f64>,
}

impl Computed {
    /// With the rewards of the same chunk, which are in the unit.
    pub(super) fn facts<'b>(&'b self, first: usize, chunk: &'b Chunk) -> Facts<'b> {
        let Self { weight, predicted, expected, marginal } = self;
        Facts { first, weight, reward: &chunk.rewards, predicted, expected, marginal }
    }
}

/// The most numbers that are kept of each kind.
const LARGEST: usize = 1 << 21;

impl Shared {
    /// For so many rounds, or so many at least.
    pub(super) fn new(view: View<'_>, rounds: usize) -> Self {
        let outline = view.outline;
        // Rounds that name no set leave nothing to do where they are looked up.
        let others = view.alike.is_none() || outline.sets() > 1;
        let places = if others { outline.segments().len().saturating_mul(FOLDS) } else { 0 };
        let room = |entries: usize| if entries <= LARGEST { vec![f64::NAN; entries] } else { Vec::new() };
        let groups = view.groups.map_or(0, |(groups, _)| groups.len());
        let arms = outline.arms().len();
        Self {
            looked_up: Vec::new(),
            probabilities: Rows::new(arms, rounds, places),
            predictions: Rows::new(arms, rounds, if view.model.is_some() { places } else { 0 }),
            expected: room(if view.model.is_some() { places.saturating_mul(FOLDS) } else { 0 }),
            marginal: room(places.saturating_mul(groups)),
            supported: if places <= LARGEST { vec![None; places] } else { Vec::new() },
            places: Vec::new(),
        }
    }

    /// Computes what is wanted of consecutive rounds.
    pub(super) fn compute(
        &mut self,
        view: View<'_>,
        first: usize,
        chunk: &Chunk,
        wanted: Wanted,
        computed: &mut Computed,
    ) -> Result<(), EstimateError> {
        let Computed { weight, predicted, expected, marginal } = computed;
        [&mut *weight, &mut *predicted, &mut *expected, &mut *marginal].into_iter().for_each(Vec::clear);
        self.probabilities(view, first, chunk, weight);
        if let Some(offset) = weight.iter().position(|weight| !(0.0..=1.0).contains(weight)) {
            return Err(EstimateError::Probability { round: first + offset, probability: weight[offset] });
        }
        weight.iter_mut().zip(&chunk.propensities).for_each(|(weight, propensity)| *weight /= propensity);
        if let Some(model) = view.model.filter(|_| wanted.model) {
            self.predictions(view, first, chunk, model, predicted, expected);
        }
        if let Some((groups, of)) = view.groups.filter(|_| wanted.marginal) {
            self.marginal(view, first, chunk, groups, of, marginal);
        }
        Ok(())
    }

    /// The target's probability of what was sent in each round of a chunk, which is the next of all methods.
    fn probabilities(&mut self, view: View<'_>, first: usize, chunk: &Chunk, probabilities: &mut Vec<f64>) {
        if let Some(alike) = view.alike.filter(|_| chunk.allows_all) {
            alike.places(first, chunk, &mut self.looked_up);
            return alike.probabilities(&self.looked_up, probabilities);
        }
        let target = view.target;
        self.places.clear();
        for (offset, (&segment, &arm)) in chunk.segments.iter().zip(&chunk.arms).enumerate() {
            let occasion = Occasion::at(view.outline, first + offset, segment, chunk.sets[offset]);
            let place = place(&occasion, target.varies().variant(occasion.round));
            self.places.push(place);
            let row = place
                .and_then(|place| self.probabilities.row(place, |arm| target.probability(&occasion, arm)));
            probabilities.push(match row {
                Some(row) => row[arm.index()],
                None => target.probability(&occasion, arm),
            });
        }
    }

    /// The model's prediction for what was sent, and Σ π(a) q̂(a) over the eligible arms, in the log's unit.
    fn predictions(
        &mut self,
        view: View<'_>,
        first: usize,
        chunk: &Chunk,
        model: &dyn RewardModel,
        predicted: &mut Vec<f64>,
        expected: &mut Vec<f64>,
    ) {
        if let Some(alike) = view.alike.filter(|_| chunk.allows_all) {
            return alike.predictions(&self.looked_up, predicted, expected);
        }
        let target = view.target;
        // The unit is a power of two: the product is what the quotient would be.
        let smaller = 1.0 / view.outline.unit();
        for (offset, (&segment, &arm)) in chunk.segments.iter().zip(&chunk.arms).enumerate() {
            let occasion = Occasion::at(view.outline, first + offset, segment, chunk.sets[offset]);
            let variant = model.varies().variant(occasion.round);
            let row = place(&occasion, variant)
                .and_then(|place| self.predictions.row(place, |arm| model.reward(&occasion, arm)));
            let prediction = match row {
                Some(row) => row[arm.index()],
                None => model.reward(&occasion, arm),
            };
            predicted.push(prediction * smaller);
            let sum = || {
                let arms = occasion.eligible.iter().map(|arm| (arm, target.probability(&occasion, arm)));
                // An arm that is never sent may have a prediction that is no number.
                let sent = arms.filter(|&(_, probability)| probability > 0.0);
                sent.map(|(arm, probability)| probability * model.reward(&occasion, arm)).sum()
            };
            let place = self.places[offset].zip(variant).map(|(row, variant)| row * FOLDS + variant);
            expected.push(kept(&mut self.expected, place, sum) * smaller);
        }
    }

    /// The weight of the group of what was sent: the same for all rounds of a segment that allow all arms.
    fn marginal(
        &mut self,
        view: View<'_>,
        first: usize,
        chunk: &Chunk,
        groups: &ArmGroups,
        of: &Marginal,
        marginal: &mut Vec<f64>,
    ) {
        if let Some(alike) = view.alike.filter(|_| chunk.allows_all) {
            return alike.marginal(&self.looked_up, marginal);
        }
        let (outline, target) = (view.outline, view.target);
        for (offset, round) in chunk.plain().enumerate() {
            let occasion = Occasion::of(outline, first + offset, &round);
            let probability = |group| {
                let members = groups.members(group).iter().filter(|&&arm| occasion.eligible.contains(arm));
                members.map(|&arm| target.probability(&occasion, arm)).sum()
            };
            let place = self.places[offset].zip(groups.group(round.arm));
            let place = place.map(|(row, group)| row * groups.len() + group);
            let make = || of.weight(outline, round.segment, round.arm, round.set, groups, probability);
            marginal.push(kept(&mut self.marginal, place, make));
        }
    }

    /// Whether the log shows all that the target may send on an occasion of which it does not show all arms.
    pub(super) fn is_supported(&mut self, view: View<'_>, occasion: &Occasion<'_>) -> bool {
        let ask = || view.target.is_supported(occasion, view.outline.shown(occasion.segment));
        let place = place(occasion, view.target.varies().variant(occasion.round));
        match place.and_then(|place| self.supported.get_mut(place)) {
            Some(answer) => *answer.get_or_insert_with(ask),
            None => ask(),
        }
    }
}

/// The place of a segment and a variant; none where the round has numbers of its own.
fn place(occasion: &Occasion<'_>, variant: Option<usize>) -> Option<usize> {
    let variant = variant?;
    occasion.eligible.is_all().then_some(occasion.segment.index() * FOLDS + variant)
}

/// The number kept at this place, made if it is not there.
fn kept(numbers: &mut [f64], place: Option<usize>, make: impl FnOnce() -> f64) -> f64 {
    match place.and_then(|place| numbers.get_mut(place)) {
        Some(number) => {
            if number.is_nan() {
                *number = make();
            }
            *number
        }
        None => make(),
    }
}

/// A number for each arm, by place; none where making them would cost more than asking in every round.
#[derive(Debug)]
struct Rows {
    arms: usize,
    made: Vec<bool>,
    numbers: Vec<f64>,
}

impl Rows {
    fn new(arms: usize, rounds: usize, places: usize) -> Self {
        let entries = places.saturating_mul(arms);
        let worth = entries <= rounds.min(LARGEST);
        let (made, numbers) = if worth { (places, entries) } else { (0, 0) };
        Self { arms, made: vec![false; made], numbers: vec![0.0; numbers] }
    }

    fn row(&mut self, place: usize, of: impl Fn(ArmId) -> f64) -> Option<&[f64]> {
        let made = self.made.get_mut(place)?;
        let row = &mut self.numbers[place * self.arms..][..self.arms];
        if !*made {
            *made = true;
            (0..).zip(&mut *row).for_each(|(arm, number)| *number = of(ArmId::new(arm)));
        }
        Some(row)
    }
}
