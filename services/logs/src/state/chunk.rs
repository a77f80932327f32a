//! Chunks: runs of events of one stream. What a chunk holds is told by a small row, so that only those that count are
//! read.
//!
//! A row: version byte, then first and last instant, events, bytes of their texts, bytes as stored, as numbers. A body:
//! version byte, the length of a wrapped data key (nothing where there is none), that key, and the events, sealed under
//! it where there is one.

use bytes::Bytes;
use kernel::key::KeyReader;
use kernel::{Ctx, Millis, PackedTable, Reader, Result, Scope, Tx};

use super::event::{put_number, take_number};
use crate::errors::Damaged;

/// By group, stream and number.
static CHUNKS: PackedTable = PackedTable::new("logs/chunk");
/// By the same.
static BODIES: PackedTable = PackedTable::new("logs/body");

const VERSION: u8 = 1;
const PAGE: usize = 4_096;

/// Where a chunk is, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub stream: u64,
    pub number: u64,
    pub first_at: Millis,
    pub last_at: Millis,
    pub events: u64,
    /// Of the texts.
    pub text_bytes: u64,
    pub stored_bytes: u64,
}

/// A body as it is stored.
#[derive(Clone, Debug)]
pub struct Body {
    /// A data key as KMS wraps it; empty where there is none.
    pub wrapped_key: Bytes,
    pub events: Bytes,
}

impl Body {
    fn pack(&self) -> Bytes {
        let mut out = vec![VERSION];
        put_number(&mut out, u64::try_from(self.wrapped_key.len()).unwrap_or_default());
        out.extend_from_slice(&self.wrapped_key);
        out.extend_from_slice(&self.events);
        out.into()
    }

    fn unpack(bytes: &Bytes) -> Option<Self> {
        let (version, mut rest) = bytes.split_first()?;
        let length = usize::try_from(take_number(&mut rest)?).ok()?;
        let (key, events) = rest.split_at_checked(length).filter(|_| *version == VERSION)?;
        Some(Self { wrapped_key: bytes.slice_ref(key), events: bytes.slice_ref(events) })
    }
}

fn pack(chunk: &Chunk) -> Bytes {
    let mut out = vec![VERSION];
    let instant = |at: Millis| u64::try_from(at).unwrap_or_default();
    for number in [
        instant(chunk.first_at),
        instant(chunk.last_at - chunk.first_at),
        chunk.events,
        chunk.text_bytes,
        chunk.stored_bytes,
    ] {
        put_number(&mut out, number);
    }
    out.into()
}

fn unpack(stream: u64, number: u64, row: &[u8]) -> Option<Chunk> {
    let (version, mut rest) = row.split_first()?;
    let mut next = || take_number(&mut rest).filter(|_| *version == VERSION);
    let first_at = Millis::try_from(next()?).ok()?;
    let last_at = first_at.checked_add(Millis::try_from(next()?).ok()?)?;
    let (events, text_bytes, stored_bytes) = (next()?, next()?, next()?);
    Some(Chunk { stream, number, first_at, last_at, events, text_bytes, stored_bytes })
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, group: u64, chunk: &Chunk, body: &Body) -> Result<()> {
    let key = (group, chunk.stream, chunk.number);
    CHUNKS.put(tx, scope, key, pack(chunk))?;
    BODIES.put(tx, scope, key, body.pack())
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, group: u64, stream: u64, number: u64) -> Result<()> {
    CHUNKS.delete(tx, scope, (group, stream, number))?;
    BODIES.delete(tx, scope, (group, stream, number))
}

/// `None` where it is gone: merged into another, or past its time.
pub fn body(from: &mut impl Reader, scope: &Scope, group: u64, chunk: &Chunk) -> Result<Option<Body>> {
    let Some(bytes) = BODIES.get(from, scope, (group, chunk.stream, chunk.number))? else { return Ok(None) };
    Ok(Some(Body::unpack(&bytes).ok_or(Damaged("chunk"))?))
}

/// Chunks of a group, or of one of its streams.
pub fn list(
    from: &mut impl Reader,
    scope: &Scope,
    group: u64,
    stream: Option<u64>,
    limit: usize,
) -> Result<Vec<Chunk>> {
    let (mut all, mut after) = (Vec::new(), None::<Bytes>);
    while all.len() < limit {
        let count = PAGE.min(limit - all.len());
        let rows = match stream {
            Some(stream) => CHUNKS.list(from, scope, (group, stream), after.as_deref(), count)?,
            None => CHUNKS.list(from, scope, group, after.as_deref(), count)?,
        };
        let is_last = rows.len() < count;
        for (key, row) in &rows {
            let mut key = KeyReader(key);
            let (_, stream, number) = (key.number(), key.number(), key.number());
            let (Some(stream), Some(number)) = (stream, number) else { return Err(Damaged("chunk").into()) };
            all.push(unpack(stream, number, row).ok_or(Damaged("chunk"))?);
        }
        after = rows.into_iter().last().map(|(key, _)| key);
        if is_last {
            break;
        }
    }
    Ok(all)
}

/// All chunks of a group, or of some of its streams.
pub async fn list_of(ctx: &Ctx, group: u64, streams: Option<&[u64]>) -> Result<Vec<Chunk>> {
    let Some(streams) = streams else {
        return ctx.read(|snap| list(snap, ctx.scope(), group, None, usize::MAX)).await;
    };
    ctx.read(|snap| {
        let mut all = Vec::new();
        for stream in streams {
            all.extend(list(snap, ctx.scope(), group, Some(*stream), usize::MAX)?);
        }
        Ok(all)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_bodies_read_back() {
        let chunk = Chunk {
            stream: 7,
            number: 9,
            first_at: 1_767_225_600_000,
            last_at: 1_767_225_600_500,
            events: 3,
            text_bytes: 300,
            stored_bytes: 200,
        };
        assert_eq!(unpack(7, 9, &pack(&chunk)), Some(chunk));
        assert_eq!(unpack(7, 9, &pack(&chunk)[..4]), None);
        let body = Body { wrapped_key: Bytes::from_static(b"key"), events: Bytes::from_static(b"events") };
        let read = Body::unpack(&body.pack()).unwrap();
        assert_eq!((&read.wrapped_key[..], &read.events[..]), (&b"key"[..], &b"events"[..]));
        assert!(Body::unpack(&Bytes::from_static(&[2, 0])).is_none());
    }
}
