//! The one source of ids and secrets of chance.

use std::cell::RefCell;
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
        POOL.with_borrow_mut(|pool| match pool.take(bytes.len()) {
            Some(taken) => {
                bytes.copy_from_slice(taken);
                taken.fill(0);
            }
            None => secure::fill(bytes).expect("the system gives random bytes"),
        });
    }
}

/// Chance drawn ahead, for each thread: a request takes it in small pieces, and each draw costs as much as a piece is
/// worth. What was given out is wiped.
struct Pool {
    bytes: [u8; Self::BYTES],
    used: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; Pool::BYTES], used: Pool::BYTES }) };
}

impl Pool {
    const BYTES: usize = 1_024;
    /// More is drawn for itself.
    const PIECE_BYTES_MAX: usize = 64;

    fn take(&mut self, count: usize) -> Option<&mut [u8]> {
        if count > Self::PIECE_BYTES_MAX {
            return None;
        }
        if self.used + count > Self::BYTES {
            secure::fill(&mut self.bytes).expect("the system gives random bytes");
            self.used = 0;
        }
        let from = self.used;
        self.used += count;
        self.bytes.get_mut(from..self.used)
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

/// The digit of the lower four bits.
fn hex_digit(bits: u8) -> u8 {
    let bits = bits & 15;
    if bits < 10 { b'0' + bits } else { b'a' + bits - 10 }
}

fn hex_digits(word: u128) -> [u8; 32] {
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(word.to_be_bytes()) {
        pair.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte)]);
    }
    digits
}

impl Ids<'_> {
    /// `digits` lower-case hexadecimal digits (at most 64), as in `i-0123456789abcdef0`.
    pub fn hex(self, digits: usize) -> String {
        let mut bytes = [0u8; 64];
        self.0.fill(&mut bytes);
        let mut text = String::with_capacity(digits);
        text.extend(bytes.iter().take(digits).map(|byte| char::from(hex_digit(*byte))));
        text
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
        print_uuid(word)
    }
}

/// A number as a UUID is written (RFC 9562, section 4).
pub fn print_uuid(word: u128) -> String {
    let digits = hex_digits(word);
    let digits = std::str::from_utf8(&digits).unwrap_or_default();
    let (a, b, c, d, e) = (0..8, 8..12, 12..16, 16..20, 20..32);
    let [a, b, c, d, e] = [a, b, c, d, e].map(|part| digits.get(part).unwrap_or_default());
    [a, "-", b, "-", c, "-", d, "-", e].concat()
}

/// A number as 32 lower-case hexadecimal digits.
pub fn print_hex(word: u128) -> String {
    std::str::from_utf8(&hex_digits(word)).unwrap_or_default().to_owned()
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
        let nibbles = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
        assert_eq!(print_uuid(nibbles), "01234567-89ab-cdef-0123-456789abcdef");
    }

    #[test]
    fn chance_drawn_ahead_is_given_out_once() {
        let mut seen = std::collections::HashSet::new();
        for count in [16, 16, 64, 65, 1, 200].into_iter().cycle().take(600) {
            let mut bytes = vec![0; count];
            SystemIds.fill(&mut bytes);
            assert!(count < 16 || seen.insert(bytes));
        }
    }
}
