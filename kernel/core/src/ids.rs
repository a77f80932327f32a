//! The one source of ids and secrets of chance.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::rand as secure;

/// Fills bytes with chance. Seeded in tests, so that a run can be replayed.
pub trait IdSource: Send + Sync + 'static {
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's chance.
#[derive(Debug, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn fill(&self, bytes: &mut [u8]) {
        secure::fill(bytes).expect("the system gives random bytes");
    }
}

/// The same sequence for the same seed (SplitMix64). For tests only: anybody can predict it.
#[derive(Debug)]
pub struct SeededIds(Mutex<u64>);

impl SeededIds {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl IdSource for SeededIds {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let word = (z ^ (z >> 31)).to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(word) {
                *to = from;
            }
        }
    }
}

/// What may be made of chance.
#[derive(Clone, Copy)]
pub struct Ids<'a>(pub &'a dyn IdSource);

const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

impl Ids<'_> {
    /// `digits` lower-case hexadecimal digits (at most 64), as in `i-0123456789abcdef0`.
    pub fn hex(self, digits: usize) -> String {
        let mut bytes = [0u8; 64];
        self.0.fill(&mut bytes);
        bytes.iter().take(digits).filter_map(|b| HEX.get(usize::from(b & 15))).collect()
    }

    /// `count` upper-case letters and digits (at most 64), as in an access key id.
    pub fn base32(self, count: usize) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut bytes = [0u8; 64];
        self.0.fill(&mut bytes);
        let letters = bytes.iter().take(count).filter_map(|b| ALPHABET.get(usize::from(b & 31)));
        letters.map(|b| char::from(*b)).collect()
    }

    /// A random UUID (RFC 9562, version 4).
    pub fn uuid(self) -> String {
        let mut bytes = [0u8; 16];
        self.0.fill(&mut bytes);
        let mut word = u128::from_be_bytes(bytes);
        word = word & !(0xf << 76) | (0x4 << 76);
        word = word & !(0x3 << 62) | (0x2 << 62);
        let text = format!("{word:032x}");
        let part = |from, to| text.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_ids_repeat_and_are_well_formed() {
        let (a, b) = (SeededIds::new(7), SeededIds::new(7));
        assert_eq!(Ids(&a).uuid(), Ids(&b).uuid());
        let uuid = Ids(&SystemIds).uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_eq!(Ids(&a).hex(17).len(), 17);
    }
}
