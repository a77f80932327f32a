//! A block: the samples of one series in one window of time, packed by columns.
//!
//! A version byte; the number of the last batch that is in it; the count of samples; their instants; which are single
//! values; these as a column; the sets as columns of counts, sums, least and greatest; their distributions.

use bytes::Bytes;
use kernel::Millis;

use super::bits::{BitReader, BitWriter, put_varint, take_bytes, take_varint, unzigzag, zigzag};
use super::column;
use crate::rules::sample::{Sample, Set, Spread};
use crate::rules::tier::Tier;

const VERSION: u8 = 1;
/// Longest block. Distributions grow coarser until it is kept.
pub const BLOCK_BYTES_MAX: usize = 1_048_576;
/// Samples of one block: no window has more instants.
const SAMPLES_MAX: u64 = 4_096;
/// Distinct values of all sets of one block, for a reader to believe.
const VALUES_MAX: u64 = 2_097_152;

const EVEN: u8 = 0;
const VALUES: u8 = 1;
const UNKNOWN: u8 = 2;

/// A block as it is read.
#[derive(Debug)]
pub struct Block {
    /// Samples of batches up to this number are in it.
    pub through: u64,
    /// By their instants, ascending.
    pub samples: Vec<(Millis, Sample)>,
}

/// Packs samples in the order of their instants, all in the window.
pub fn encode(tier: Tier, window: Millis, through: u64, samples: &mut [(Millis, Sample)]) -> Bytes {
    let mut spread_max = crate::rules::sample::SPREAD_MAX;
    loop {
        let bytes = pack(tier, window, through, samples);
        if bytes.len() <= BLOCK_BYTES_MAX || spread_max == 1 {
            return bytes.into();
        }
        spread_max /= 2;
        samples.iter_mut().for_each(|(_, sample)| sample.thin(spread_max));
    }
}

fn pack(tier: Tier, window: Millis, through: u64, samples: &[(Millis, Sample)]) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_varint(&mut out, through);
    put_length(&mut out, samples.len());
    put_instants(&mut out, tier, window, samples);
    put_kinds(&mut out, samples);
    let singles: Vec<f64> = samples
        .iter()
        .filter_map(|(_, sample)| if let Sample::Single(value) = sample { Some(*value) } else { None })
        .collect();
    column::encode(&singles, &mut out);
    let sets: Vec<&Set> = samples
        .iter()
        .filter_map(|(_, sample)| if let Sample::Set(set) = sample { Some(&**set) } else { None })
        .collect();
    for field in
        [|set: &Set| set.count, |set: &Set| set.sum, |set: &Set| set.minimum, |set: &Set| set.maximum]
    {
        let numbers: Vec<f64> = sets.iter().map(|set| field(set)).collect();
        column::encode(&numbers, &mut out);
    }
    put_spreads(&mut out, &sets);
    out
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    put_varint(out, u64::try_from(length).unwrap_or_default());
}

/// The first as steps into the window; then how each distance differs from the one before: `0` not at all, else a
/// head that says how wide the difference is.
fn put_instants(out: &mut Vec<u8>, tier: Tier, window: Millis, samples: &[(Millis, Sample)]) {
    let mut bits = BitWriter::default();
    let (mut last, mut distance) = (0, 1);
    for (at, _) in samples {
        let step = (at - window) / tier.step_ms();
        let differs = zigzag(step - last - distance);
        (distance, last) = (step - last, step);
        match differs {
            0 => bits.push(0, 1),
            1..=63 => bits.push(0b10 << 6 | differs, 8),
            _ => bits.push(0b11 << 14 | differs.min(16_383), 16),
        }
    }
    let bytes = bits.finish();
    put_length(out, bytes.len());
    out.extend(bytes);
}

fn take_instants(from: &mut &[u8], tier: Tier, window: Millis, count: usize) -> Option<Vec<Millis>> {
    let length = usize::try_from(take_varint(from)?).ok()?;
    let mut bits = BitReader::new(take_bytes(from, length)?);
    let (mut last, mut distance) = (0, 1);
    let mut instants = Vec::with_capacity(count);
    for _ in 0..count {
        let differs = match bits.take(1)? {
            0 => 0,
            _ => match bits.take(1)? {
                0 => bits.take(6)?,
                _ => bits.take(14)?,
            },
        };
        distance += unzigzag(differs);
        last += distance;
        instants.push(window + last * tier.step_ms());
    }
    Some(instants)
}

/// Runs of singles and of sets, in turn.
fn put_kinds(out: &mut Vec<u8>, samples: &[(Millis, Sample)]) {
    let mut runs = vec![0];
    let mut of_singles = true;
    for (_, sample) in samples {
        if matches!(sample, Sample::Single(_)) != of_singles {
            of_singles = !of_singles;
            runs.push(0);
        }
        if let Some(run) = runs.last_mut() {
            *run += 1;
        }
    }
    put_length(out, runs.len());
    runs.into_iter().for_each(|run| put_length(out, run));
}

fn take_kinds(from: &mut &[u8], count: usize) -> Option<Vec<bool>> {
    let runs = take_varint(from)?;
    let mut kinds = Vec::with_capacity(count);
    let mut of_singles = true;
    for _ in 0..runs.min(SAMPLES_MAX + 1) {
        let run = usize::try_from(take_varint(from)?).ok()?;
        if kinds.len() + run > count {
            return None;
        }
        kinds.resize(kinds.len() + run, of_singles);
        of_singles = !of_singles;
    }
    (kinds.len() == count).then_some(kinds)
}

fn put_spreads(out: &mut Vec<u8>, sets: &[&Set]) {
    let (mut values, mut counts) = (Vec::new(), Vec::new());
    for set in sets {
        match &set.spread {
            Spread::Even => out.push(EVEN),
            Spread::Unknown => out.push(UNKNOWN),
            Spread::Values(spread) => {
                out.push(VALUES);
                put_length(out, spread.len());
                values.extend(spread.iter().map(|(value, _)| *value));
                counts.extend(spread.iter().map(|(_, count)| *count));
            }
        }
    }
    column::encode(&values, out);
    column::encode(&counts, out);
}

fn take_spreads(from: &mut &[u8], count: usize) -> Option<Vec<Spread>> {
    let mut lengths = Vec::with_capacity(count);
    let mut total = 0;
    for _ in 0..count {
        let length = match *take_bytes(from, 1)?.first()? {
            EVEN => Err(Spread::Even),
            UNKNOWN => Err(Spread::Unknown),
            VALUES => Ok(take_varint(from)?),
            _ => return None,
        };
        total += length.as_ref().copied().unwrap_or_default();
        if total > VALUES_MAX {
            return None;
        }
        lengths.push(length);
    }
    let total = usize::try_from(total).ok()?;
    let values = column::decode(from, total)?;
    let mut pairs = values.into_iter().zip(column::decode(from, total)?);
    let spread = |length: Result<u64, Spread>| match length {
        Err(spread) => spread,
        Ok(length) => {
            Spread::Values(pairs.by_ref().take(usize::try_from(length).unwrap_or_default()).collect())
        }
    };
    Some(lengths.into_iter().map(spread).collect())
}

/// The number of the last batch that is in a block; `None` when it is damaged.
pub fn through(mut block: &[u8]) -> Option<u64> {
    if take_bytes(&mut block, 1)? != [VERSION] {
        return None;
    }
    take_varint(&mut block)
}

/// Reads a block; `None` when it is damaged.
pub fn decode(tier: Tier, window: Millis, block: &[u8]) -> Option<Block> {
    let through = through(block)?;
    let mut rest = block.get(1..)?;
    let from = &mut rest;
    take_varint(from)?;
    let count = take_varint(from).filter(|count| *count <= SAMPLES_MAX)?;
    let count = usize::try_from(count).ok()?;
    let instants = take_instants(from, tier, window, count)?;
    let kinds = take_kinds(from, count)?;
    let singles = kinds.iter().filter(|is_single| **is_single).count();
    let mut values = column::decode(from, singles)?.into_iter();
    let mut sets = take_sets(from, count - singles)?.into_iter();
    let mut samples = Vec::with_capacity(count);
    for (at, is_single) in instants.into_iter().zip(kinds) {
        let sample = match is_single {
            true => Sample::Single(values.next()?),
            false => Sample::Set(Box::new(sets.next()?)),
        };
        samples.push((at, sample));
    }
    Some(Block { through, samples })
}

fn take_sets(from: &mut &[u8], count: usize) -> Option<Vec<Set>> {
    let counts = column::decode(from, count)?;
    let sums = column::decode(from, count)?;
    let least = column::decode(from, count)?;
    let greatest = column::decode(from, count)?;
    let spreads = take_spreads(from, count)?;
    let numbers = counts.into_iter().zip(sums).zip(least).zip(greatest).zip(spreads);
    let sets = numbers.map(|((((count, sum), minimum), maximum), spread)| Set {
        count,
        sum,
        minimum,
        maximum,
        spread,
    });
    Some(sets.collect())
}

#[cfg(test)]
mod tests;
