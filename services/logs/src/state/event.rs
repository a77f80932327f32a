//! Events in a chunk, in columns: instants, numbers and instants of arrival as differences, lengths, texts; compressed.

use kernel::Millis;

use crate::errors::Damaged;

/// An event as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub at: Millis,
    /// In its stream.
    pub number: u64,
    pub ingested_at: Millis,
    pub message: String,
}

/// An event of a chunk that is open.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'c> {
    pub at: Millis,
    pub number: u64,
    pub ingested_at: Millis,
    pub message: &'c str,
}

/// A chunk without its compression.
#[derive(Debug)]
pub struct Open(Vec<u8>);

/// A chunk never holds more, uncompressed: some merges of a batch that is as big as one may be.
const BYTES_MAX: usize = 16 << 20;

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

pub(super) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

pub(super) fn take_number(from: &mut &[u8]) -> Option<u64> {
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

fn differences(out: &mut Vec<u8>, values: impl Iterator<Item = i64>) {
    let mut last = 0_i64;
    for value in values {
        put_number(out, zigzag(value.wrapping_sub(last)));
        last = value;
    }
}

fn take_differences(from: &mut &[u8], count: usize) -> Option<Vec<i64>> {
    let mut last = 0_i64;
    let mut values = Vec::with_capacity(count.min(from.len()));
    for _ in 0..count {
        last = last.wrapping_add(unzigzag(take_number(from)?));
        values.push(last);
    }
    Some(values)
}

/// Packs events, in the order they are given.
pub fn pack<'e>(events: impl ExactSizeIterator<Item = Seen<'e>> + Clone) -> Vec<u8> {
    let text: usize = events.clone().map(|event| event.message.len()).sum();
    let mut out = Vec::with_capacity(text + events.len() * 6 + 8);
    put_number(&mut out, u64::try_from(events.len()).unwrap_or_default());
    differences(&mut out, events.clone().map(|event| event.at));
    differences(&mut out, events.clone().map(|event| event.number.cast_signed()));
    differences(&mut out, events.clone().map(|event| event.ingested_at));
    for event in events.clone() {
        put_number(&mut out, u64::try_from(event.message.len()).unwrap_or_default());
    }
    events.for_each(|event| out.extend_from_slice(event.message.as_bytes()));
    lz4_flex::compress_prepend_size(&out)
}

/// Undoes the compression.
///
/// # Errors
/// When it is damaged.
pub fn open(packed: &[u8]) -> Result<Open, Damaged> {
    let size = packed.first_chunk::<4>().map(|size| u32::from_le_bytes(*size));
    let size = size.and_then(|size| usize::try_from(size).ok());
    if size.is_none_or(|size| size > BYTES_MAX) {
        return Err(Damaged("chunk"));
    }
    lz4_flex::decompress_size_prepended(packed).map(Open).map_err(|_| Damaged("chunk"))
}

impl Open {
    /// The events, as they were packed.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn events(&self) -> Result<Vec<Seen<'_>>, Damaged> {
        self.read().ok_or(Damaged("chunk"))
    }

    fn read(&self) -> Option<Vec<Seen<'_>>> {
        let from = &mut self.0.as_slice();
        let count = usize::try_from(take_number(from)?).ok()?;
        let instants = take_differences(from, count)?;
        let numbers = take_differences(from, count)?;
        let arrivals = take_differences(from, count)?;
        let mut lengths = Vec::with_capacity(count.min(from.len()));
        for _ in 0..count {
            lengths.push(usize::try_from(take_number(from)?).ok()?);
        }
        // The whole is looked at once: cheaper than each event by itself.
        let mut text = std::str::from_utf8(from).ok()?;
        let mut events = Vec::with_capacity(count);
        let columns = instants.into_iter().zip(numbers).zip(arrivals).zip(lengths);
        for (((at, number), ingested_at), length) in columns {
            let (message, rest) = text.split_at_checked(length)?;
            text = rest;
            events.push(Seen { at, number: number.cast_unsigned(), ingested_at, message });
        }
        text.is_empty().then_some(events)
    }
}

impl Seen<'_> {
    pub fn to_event(self) -> Event {
        let Self { at, number, ingested_at, message } = self;
        Event { at, number, ingested_at, message: message.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn events_read_back(events in prop::collection::vec((any::<i64>(), any::<u64>(), any::<i64>(), ".*"), 0..50)) {
            let seen: Vec<Seen<'_>> = events
                .iter()
                .map(|(at, number, ingested_at, message)| Seen { at: *at, number: *number, ingested_at: *ingested_at, message })
                .collect();
            let packed = pack(seen.iter().copied());
            let opened = open(&packed).unwrap();
            let read: Vec<Event> = opened.events().unwrap().into_iter().map(Seen::to_event).collect();
            prop_assert_eq!(read, seen.into_iter().map(Seen::to_event).collect::<Vec<_>>());
        }

        #[test]
        fn damage_is_told(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(opened) = open(&bytes) {
                let _ = opened.events();
            }
            let _ = Open(bytes).events();
        }
    }
}
