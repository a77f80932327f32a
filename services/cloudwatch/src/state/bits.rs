//! Numbers of any width, one behind the other.

/// Writes bits, the highest of each number first.
#[derive(Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    /// Bits not yet in `bytes`, at the low end.
    held: u64,
    held_bits: u32,
}

impl BitWriter {
    /// Appends the low `bits` bits (at most 64) of `value`.
    pub fn push(&mut self, value: u64, bits: u32) {
        if bits > 32 {
            self.push(value >> 32, bits - 32);
            return self.push(value & 0xffff_ffff, 32);
        }
        let value = value & ((1 << bits) - 1);
        self.held = (self.held << bits) | value;
        self.held_bits += bits;
        while self.held_bits >= 8 {
            self.held_bits -= 8;
            let [.., low] = (self.held >> self.held_bits).to_be_bytes();
            self.bytes.push(low);
        }
    }

    /// The bytes, the last filled up with zeros.
    pub fn finish(mut self) -> Vec<u8> {
        if self.held_bits > 0 {
            self.push(0, 8 - self.held_bits);
        }
        self.bytes
    }
}

/// Reads what a [`BitWriter`] wrote.
#[derive(Debug)]
pub struct BitReader<'a> {
    rest: &'a [u8],
    held: u64,
    held_bits: u32,
}

impl<'a> BitReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, held: 0, held_bits: 0 }
    }

    /// The next number of `bits` bits (at most 64); `None` when there are no more.
    pub fn take(&mut self, bits: u32) -> Option<u64> {
        if bits > 32 {
            let high = self.take(bits - 32)?;
            return Some((high << 32) | self.take(32)?);
        }
        while self.held_bits < bits {
            let (first, rest) = self.rest.split_first()?;
            self.rest = rest;
            self.held = (self.held << 8) | u64::from(*first);
            self.held_bits += 8;
        }
        self.held_bits -= bits;
        Some((self.held >> self.held_bits) & ((1 << bits) - 1))
    }
}

/// Small differences of either sign as small numbers.
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

pub fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Appends a number in groups of seven bits, the lowest first (LEB128).
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

/// Takes a number that [`put_varint`] wrote.
pub fn take_varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Takes `count` bytes.
pub fn take_bytes<'a>(from: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(count)?;
    *from = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(numbers in prop::collection::vec((any::<u64>(), 1u32..=64), 0..200)) {
            let mut writer = BitWriter::default();
            numbers.iter().for_each(|(value, bits)| writer.push(*value, *bits));
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            for (value, bits) in numbers {
                let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
                prop_assert_eq!(reader.take(bits), Some(value & mask));
            }
        }

        #[test]
        fn varints_read_back(value: u64, signed: i64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            put_varint(&mut bytes, zigzag(signed));
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take_varint(&mut rest), Some(value));
            prop_assert_eq!(take_varint(&mut rest).map(unzigzag), Some(signed));
            prop_assert!(rest.is_empty());
        }
    }
}
