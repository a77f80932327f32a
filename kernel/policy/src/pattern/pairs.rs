//! Which pairs of neighbouring bytes a text has, roughly: most patterns are known not to match without being tried.

/// A set of pairs, each told by a number below 256: a pair may seem to be in it that is not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pairs([u64; 4]);

impl Pairs {
    pub(crate) fn of(text: &str) -> Self {
        let mut pairs = Self::default();
        pairs.add(text);
        pairs
    }

    pub(super) fn add(&mut self, text: &str) {
        let bytes = text.as_bytes();
        for (first, second) in bytes.iter().zip(bytes.iter().skip(1)) {
            let number = first.wrapping_mul(0x9d).wrapping_add(second.wrapping_mul(0x4b));
            if let Some(word) = self.0.get_mut(usize::from(number >> 6)) {
                *word |= 1 << (number & 63);
            }
        }
    }

    /// `false` for sure; `true` perhaps.
    pub(super) fn may_contain(&self, needed: &Self) -> bool {
        self.0.iter().zip(&needed.0).fold(0, |missing, (own, needed)| missing | (needed & !own)) == 0
    }
}
