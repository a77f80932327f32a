//! Merges the small chunks of a stream into greater ones, a bounded run at a time, in one transaction each.

use std::collections::BTreeMap;

use kernel::{Ctx, Millis, Next, Result, Scope};

use crate::ops::{encryption, event_page};
use crate::state::chunk::{self, Chunk};
use crate::state::event::{self, Open, Seen};
use crate::state::group::{self, Group};
use crate::state::sizes::Sizes;
use crate::state::stream;

pub const NAME: &str = "logs-chunks";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: Millis = 900_000;

/// A chunk with as much text is left alone.
const TEXT_BYTES: u64 = 512 * 1024;
/// Chunks merged at once, at the most and at the least.
const RUN_MAX: usize = 512;
const RUN_MIN: usize = 8;
const LISTED_MAX: usize = 10_000;

/// How a stream is named here: neither name has a colon.
pub fn name(group: &str, stream: &str) -> String {
    format!("{group}:{stream}")
}

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let mut wanted = Vec::new();
    for (scope, group) in group::list_all(ctx).await? {
        let own = ctx.in_scope(scope);
        let mut small: BTreeMap<u64, usize> = BTreeMap::new();
        for chunk in chunk::list_of(&own, group.id, None).await? {
            *small.entry(chunk.stream).or_default() += usize::from(chunk.text_bytes < TEXT_BYTES / 2);
        }
        small.retain(|_, count| *count >= RUN_MIN);
        if small.is_empty() {
            continue;
        }
        let streams = stream::list_where(&own, group.id, |stream| small.contains_key(&stream.id)).await?;
        wanted.extend(streams.into_iter().map(|stream| (scope, name(&group.name, &stream.name))));
        if wanted.len() > LISTED_MAX {
            break;
        }
    }
    Ok(wanted)
}

/// The first run that is worth it: neighbours by number, none of them great.
fn run(chunks: &[Chunk]) -> &[Chunk] {
    let mut start = 0;
    while start < chunks.len() {
        let (mut end, mut bytes) = (start, 0);
        for chunk in chunks.get(start..).unwrap_or_default() {
            bytes += chunk.text_bytes;
            if chunk.text_bytes >= TEXT_BYTES / 2 || bytes > TEXT_BYTES * 2 || end - start >= RUN_MAX {
                break;
            }
            end += 1;
        }
        if end - start >= RUN_MIN {
            return chunks.get(start..end).unwrap_or_default();
        }
        start = end.max(start) + 1;
    }
    &[]
}

pub async fn reconcile(ctx: &Ctx, name: String) -> Result<Next> {
    let Some((group, stream)) = name.split_once(':') else { return Ok(Next::Done) };
    let Some(group) = ctx.read(|snap| group::find(snap, ctx.scope(), group)).await? else {
        return Ok(Next::Done);
    };
    let found = ctx.read(|snap| stream::find(snap, ctx.scope(), group.id, stream)).await?;
    let Some(stream) = found else { return Ok(Next::Done) };
    let chunks = chunk::list_of(ctx, group.id, Some(&[stream.id])).await?;
    match run(&chunks) {
        [] => Ok(Next::Done),
        some => merge(ctx, &group, some).await,
    }
}

async fn merge(ctx: &Ctx, group: &Group, chunks: &[Chunk]) -> Result<Next> {
    let mut opened: Vec<Open> = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        match event_page::open(ctx, group, chunk).await? {
            Some(open) => opened.push(open),
            // Removed meanwhile: look again.
            None => return Ok(Next::Now),
        }
    }
    let (packed, merged) = {
        let mut events: Vec<Seen<'_>> = Vec::new();
        for open in &opened {
            events.extend(open.events()?);
        }
        events.sort_by_key(|event| (event.at, event.number));
        (event::pack(events.iter().copied()), merged(chunks))
    };
    let Some(merged) = merged else { return Ok(Next::Done) };
    drop(opened);
    let body = encryption::seal(ctx, group, packed).await?;
    let merged = Chunk { stored_bytes: u64::try_from(body.events.len()).unwrap_or_default(), ..merged };
    let done = ctx
        .write(|tx| {
            for chunk in chunks {
                if chunk::body(tx, ctx.scope(), group.id, chunk)?.is_none() {
                    return Ok(false);
                }
                chunk::delete(tx, ctx.scope(), group.id, chunk.stream, chunk.number)?;
            }
            chunk::put(tx, ctx.scope(), group.id, &merged, &body)?;
            Ok(true)
        })
        .await?;
    if done {
        ctx.own::<Sizes>().add(group.id, merged.stored_bytes);
        ctx.own::<Sizes>().take(group.id, chunks.iter().map(|chunk| chunk.stored_bytes).sum());
    }
    Ok(Next::Now)
}

/// What all of them are together, under the number of the first.
fn merged(chunks: &[Chunk]) -> Option<Chunk> {
    let first = chunks.first()?;
    Some(Chunk {
        first_at: chunks.iter().map(|chunk| chunk.first_at).min()?,
        last_at: chunks.iter().map(|chunk| chunk.last_at).max()?,
        events: chunks.iter().map(|chunk| chunk.events).sum(),
        text_bytes: chunks.iter().map(|chunk| chunk.text_bytes).sum(),
        ..*first
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_neighbours_are_merged_and_great_ones_left_alone() {
        let of = |sizes: &[u64]| {
            (1..)
                .zip(sizes)
                .map(|(number, size)| Chunk {
                    stream: 1,
                    number,
                    first_at: 0,
                    last_at: 0,
                    events: 1,
                    text_bytes: *size,
                    stored_bytes: 1,
                })
                .collect::<Vec<_>>()
        };
        let numbers = |sizes: &[u64]| run(&of(sizes)).iter().map(|chunk| chunk.number).collect::<Vec<_>>();
        assert_eq!(numbers(&[1; 7]), Vec::<u64>::new());
        assert_eq!(numbers(&[1; 8]).len(), 8);
        assert_eq!(numbers(&[TEXT_BYTES, 1, 1, 1, 1, 1, 1, 1, 1, TEXT_BYTES]), (2..=9).collect::<Vec<_>>());
        assert_eq!(numbers(&[1; 1_000]).len(), RUN_MAX);
        assert!(numbers(&[TEXT_BYTES / 4; 20]).len() <= 9);
    }
}
