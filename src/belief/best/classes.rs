//! Equal posteriors are one class, computed once.

use super::tolerance::Tolerance;

/// The different posteriors among those given, with how many arms share each.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes {
    /// First shape of each class; of Gaussians the mean.
    pub(super) alpha: Vec<f64>,
    /// Second shape of each class; of Gaussians the deviation.
    pub(super) beta: Vec<f64>,
    /// Arms in each class, a whole number.
    pub(super) size: Vec<f64>,
    /// The class of each arm.
    pub(super) of: Vec<u32>,
    /// The cache: the last class seen with each hash.
    slots: Vec<u32>,
}

/// A slot that no class has taken.
const EMPTY: u32 = u32::MAX;

/// The cache has at most 2¹⁵ slots, 128 KiB: a second-level cache of today holds it.
const MOST_SLOTS: usize = 1 << 15;

/// 2⁶⁴ divided by the golden ratio, the multiplier of Fibonacci hashing (Knuth, The Art of Computer Programming 6.4).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Classes {
    /// Sorts these posteriors into classes.
    ///
    /// The cache is direct-mapped: two posteriors that hash alike displace each other, and one that comes back finds its
    /// class gone and founds another. That costs time, never accuracy: equal classes get equal probabilities, because
    /// those depend on the shapes and on the product over all classes only. But few different posteriors are promised
    /// more digits, so while the classes are few they are never founded twice.
    pub(super) fn fill(&mut self, posteriors: impl ExactSizeIterator<Item = (f64, f64)>) {
        self.alpha.clear();
        self.beta.clear();
        self.size.clear();
        self.of.clear();
        self.of.reserve(posteriors.len());
        let slots = (2 * posteriors.len()).next_power_of_two().clamp(2, MOST_SLOTS);
        let shift = 64 - slots.trailing_zeros();
        self.slots.clear();
        self.slots.resize(slots, EMPTY);
        for (alpha, beta) in posteriors {
            let slot = hash(alpha, beta, shift);
            let class = match self.slots[slot] as usize {
                class if self.is(class, alpha, beta) => class,
                _ => self.find_or_found(alpha, beta),
            };
            self.slots[slot] = class as u32;
            self.size[class] += 1.0;
            self.of.push(class as u32);
        }
    }

    /// Whether a class has these shapes.
    fn is(&self, class: usize, alpha: f64, beta: f64) -> bool {
        class < self.alpha.len()
            && self.alpha[class].to_bits() == alpha.to_bits()
            && self.beta[class].to_bits() == beta.to_bits()
    }

    /// The class of shapes that the cache does not know: while there are few all are asked, else there is a new one.
    fn find_or_found(&mut self, alpha: f64, beta: f64) -> usize {
        let classes = self.alpha.len();
        if classes <= Tolerance::FEW
            && let Some(class) = (0..classes).find(|&class| self.is(class, alpha, beta))
        {
            return class;
        }
        self.alpha.push(alpha);
        self.beta.push(beta);
        self.size.push(0.0);
        classes
    }

    /// The number of classes.
    pub(super) fn len(&self) -> usize {
        self.alpha.len()
    }
}

/// The slot of these shapes: the high bits of a product with the bits of both, mixed.
fn hash(alpha: f64, beta: f64, shift: u32) -> usize {
    let mixed = alpha.to_bits().wrapping_mul(GOLDEN) ^ beta.to_bits().rotate_left(32);
    ((mixed ^ (mixed >> 29)).wrapping_mul(GOLDEN) >> shift) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_posteriors_share_a_class() {
        let (one, other) = ((1.0, 1.0), (0.5, 0.5));
        let mut classes = Classes::default();
        classes.fill([one, other, one, one].into_iter());
        assert_eq!(classes.of, [0, 1, 0, 0]);
        assert_eq!(classes.size, [3.0, 1.0]);
        classes.fill([other].into_iter());
        assert_eq!((classes.len(), classes.alpha[0].to_bits()), (1, 0.5_f64.to_bits()));
    }
}
