//! What one call put, as it is stored until blocks hold it: one row, so that one sync makes it durable.
//!
//! A version byte, the count, and of each sample its series' id, its tier, its instant in seconds from that of the one
//! before, and its values.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use kernel::house::HOUSE_SCOPE;
use kernel::{Ctx, PackedTable, Result, Table, Tx};

use super::bits::{put_varint, take_bytes, take_varint, unzigzag, zigzag};
use super::block;
use super::read::find_block;
use super::series::{AllSeries, Recent, Series};
use crate::errors::Damaged;
use crate::rules::sample::{Sample, Set, Spread};
use crate::rules::tier::Tier;

/// By number. Of the house: one batch after the other, whosever they are.
static BATCHES: PackedTable = PackedTable::new("cloudwatch/batch");

/// The greatest number that a block may go through: no later batch has it or one below.
static LINE: Table<u64> = Table::new("cloudwatch/line");

const VERSION: u8 = 1;
const PAGE: usize = 256;

const SINGLE: u8 = 0;
const EVEN: u8 = 1;
const VALUES: u8 = 2;
const UNKNOWN: u8 = 3;

pub fn put(tx: &mut Tx<'_, '_>, number: u64, batch: Bytes) -> Result<()> {
    BATCHES.put(tx, &HOUSE_SCOPE, number, batch)
}

pub fn delete(tx: &mut Tx<'_, '_>, number: u64) -> Result<()> {
    BATCHES.delete(tx, &HOUSE_SCOPE, number)
}

/// Blocks are about to go through batches up to `number`.
pub fn draw_line(tx: &mut Tx<'_, '_>, number: u64) -> Result<()> {
    LINE.put(tx, &HOUSE_SCOPE, (), &number)
}

/// Packs the samples of one call.
pub fn pack<'s>(samples: impl ExactSizeIterator<Item = (u64, &'s Recent)>) -> Bytes {
    let mut out = Vec::with_capacity(8 + samples.len() * 16);
    out.push(VERSION);
    put_varint(&mut out, u64::try_from(samples.len()).unwrap_or_default());
    let mut last = 0;
    for (id, Recent { tier, at, sample, .. }) in samples {
        put_varint(&mut out, id);
        out.extend_from_slice(tier.letter().as_bytes());
        put_varint(&mut out, zigzag(at / 1_000 - last));
        last = at / 1_000;
        put_sample(&mut out, sample);
    }
    out.into()
}

fn put_number(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_be_bytes());
}

fn put_sample(out: &mut Vec<u8>, sample: &Sample) {
    match sample {
        Sample::Single(value) => {
            out.push(SINGLE);
            put_number(out, *value);
        }
        Sample::Set(set) => {
            out.push(match &set.spread {
                Spread::Even => EVEN,
                Spread::Values(_) => VALUES,
                Spread::Unknown => UNKNOWN,
            });
            [set.count, set.sum, set.minimum, set.maximum]
                .into_iter()
                .for_each(|number| put_number(out, number));
            if let Spread::Values(values) = &set.spread {
                put_varint(out, u64::try_from(values.len()).unwrap_or_default());
                for (value, count) in values {
                    put_number(out, *value);
                    put_number(out, *count);
                }
            }
        }
    }
}

fn take_number(from: &mut &[u8]) -> Option<f64> {
    take_bytes(from, 8)?.try_into().ok().map(|bytes| f64::from_bits(u64::from_be_bytes(bytes)))
}

fn take_sample(from: &mut &[u8]) -> Option<Sample> {
    let kind = *take_bytes(from, 1)?.first()?;
    if kind == SINGLE {
        return take_number(from).map(Sample::Single);
    }
    let (count, sum) = (take_number(from)?, take_number(from)?);
    let (minimum, maximum) = (take_number(from)?, take_number(from)?);
    let spread = match kind {
        EVEN => Spread::Even,
        UNKNOWN => Spread::Unknown,
        VALUES => {
            let length = take_varint(from)?;
            let pairs = (0..length).map(|_| Some((take_number(from)?, take_number(from)?)));
            Spread::Values(pairs.collect::<Option<_>>()?)
        }
        _ => return None,
    };
    Some(Sample::Set(Box::new(Set { count, sum, minimum, maximum, spread })))
}

/// The samples of batch `number`, with the ids of their series; `None` when it is damaged.
pub fn unpack(number: u64, mut batch: &[u8]) -> Option<Vec<(u64, Recent)>> {
    let from = &mut batch;
    if take_bytes(from, 1)? != [VERSION] {
        return None;
    }
    let count = take_varint(from)?;
    let mut last = 0;
    let mut samples = Vec::new();
    for _ in 0..count {
        let id = take_varint(from)?;
        let tier = Tier::of_letter(std::str::from_utf8(take_bytes(from, 1)?).ok()?)?;
        last += unzigzag(take_varint(from)?);
        let sample = take_sample(from)?;
        samples.push((id, Recent { batch: number, tier, at: last * 1_000, sample }));
    }
    Some(samples)
}

/// Takes up again what was put and is in no block: what a block already goes through is left out.
pub async fn replay(ctx: &Ctx, by_id: &HashMap<u64, Arc<Series>>) -> Result<()> {
    let all = ctx.own::<AllSeries>();
    let mut after: Option<Bytes> = None;
    let mut first = None;
    let mut last = 0;
    let mut throughs = HashMap::new();
    loop {
        let rows = ctx.read(|snap| BATCHES.list(snap, &HOUSE_SCOPE, (), after.as_deref(), PAGE)).await?;
        for (key, batch) in &rows {
            let number = kernel::key::KeyReader(key).number().ok_or(Damaged("batch"))?;
            first.get_or_insert(number);
            last = number;
            for (id, recent) in unpack(number, batch).ok_or(Damaged("batch"))? {
                // A series is stored with its first batch or before it.
                let Some(series) = by_id.get(&id) else { continue };
                let window = recent.tier.window_of(recent.at);
                let known = throughs.get(&(id, recent.tier, window)).copied();
                let through = match known {
                    Some(through) => through,
                    None => {
                        let stored = ctx.read(|snap| find_block(snap, series, recent.tier, window)).await?;
                        stored.map_or(Some(0), |block| block::through(&block)).ok_or(Damaged("block"))?
                    }
                };
                throughs.insert((id, recent.tier, window), through);
                if number > through {
                    series.push(recent);
                    all.waiting.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        match rows.into_iter().nth(PAGE - 1) {
            Some((key, _)) => after = Some(key),
            None => break,
        }
    }
    let line = ctx.read(|snap| LINE.get(snap, &HOUSE_SCOPE, ())).await?.unwrap_or_default();
    let next = last.max(line) + 1;
    all.next_batch.store(next, Ordering::Relaxed);
    all.first_batch.store(first.unwrap_or(next), Ordering::Relaxed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_read_back_and_tell_damage() {
        let even = Sample::of_values(vec![(2.0, 7.0)]).unwrap();
        let values = Sample::of_values(vec![(2.0, 7.0), (1.0, 1.0)]).unwrap();
        let unknown = Set { count: 2.0, sum: 3.0, minimum: 1.0, maximum: 2.0, spread: Spread::Unknown };
        let samples = [Sample::Single(-0.5), even, values, Sample::Set(Box::new(unknown))];
        let recent = |(n, sample): (i64, &Sample)| Recent {
            batch: 9,
            tier: if n == 1 { Tier::Second } else { Tier::Minute },
            at: 1_767_225_600_000 - n * 60_000,
            sample: sample.clone(),
        };
        let all: Vec<Recent> = (0..).zip(&samples).map(recent).collect();
        let bytes = pack((5..).zip(&all).take(4).collect::<Vec<_>>().into_iter());
        let read = unpack(9, &bytes).unwrap();
        for ((at, (id, read)), put) in read.iter().enumerate().zip(&all) {
            assert_eq!(*id, 5 + u64::try_from(at).unwrap());
            assert_eq!((read.batch, read.tier, read.at), (put.batch, put.tier, put.at));
            assert_eq!(read.sample, put.sample);
        }
        for length in 0..bytes.len() {
            assert!(unpack(9, &bytes[..length]).is_none());
        }
    }
}
