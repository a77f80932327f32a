//! Reading events in order, from whichever chunks hold them.
//!
//! Chunks overlap: batches come in any order. They are opened by their first instant (or, backwards, their last), and
//! what was found is settled as soon as no later chunk can have anything before it.

use kernel::{Ctx, Millis, Result};

use super::encryption;
use crate::errors::Damaged;
use crate::rules::batch::EVENT_OVERHEAD;
use crate::rules::page::{Place, Way};
use crate::state::chunk::{self, Chunk};
use crate::state::event::{self, Event, Open};
use crate::state::group::Group;

/// Bytes of the events of a page, as they are counted.
const PAGE_BYTES: usize = 1 << 20;
/// Bytes looked through for one page.
pub const SCAN_BYTES: u64 = 256 << 20;
/// Chunks are merged and removed while they are read: then the list is made again.
const TRIES: usize = 8;

/// What a page is to hold.
pub struct Want<'w> {
    pub group: &'w Group,
    /// Ids of streams; all where it is none.
    pub streams: Option<Vec<u64>>,
    pub from: Millis,
    /// Exclusive.
    pub to: Millis,
    pub way: Way,
    /// Where the page begins: exclusive.
    pub place: Option<Place>,
    pub limit: usize,
    pub pick: &'w (dyn Fn(&str) -> bool + Send + Sync),
}

/// Events in their order, whichever way they were read.
#[derive(Debug, Default)]
pub struct Page {
    pub events: Vec<(Place, Event)>,
    /// Where the next page begins, the same way.
    pub next: Option<Place>,
    /// Nothing more lies that way.
    pub is_last: bool,
}

/// A chunk that is open; `None` when it is gone.
pub async fn open(ctx: &Ctx, group: &Group, chunk: &Chunk) -> Result<Option<Open>> {
    let body = ctx.read(|snap| chunk::body(snap, ctx.scope(), group.id, chunk)).await?;
    let Some(body) = body else { return Ok(None) };
    let packed = encryption::open(ctx, group, &body).await?;
    Ok(Some(event::open(&packed)?))
}

/// Chunks of a group that may have events of a span.
pub async fn chunks_between(
    ctx: &Ctx,
    group: &Group,
    streams: Option<&[u64]>,
    from: Millis,
    to: Millis,
) -> Result<Vec<Chunk>> {
    let mut chunks = chunk::list_of(ctx, group.id, streams).await?;
    chunks.retain(|chunk| chunk.last_at >= from && chunk.first_at < to);
    Ok(chunks)
}

/// # Errors
/// When what is stored is damaged, or sealed under a key that cannot be used any more.
pub async fn page(ctx: &Ctx, want: &Want<'_>) -> Result<Page> {
    for _ in 0..TRIES {
        if let Some(page) = try_page(ctx, want).await? {
            return Ok(page);
        }
    }
    Err(Damaged("chunk").into())
}

async fn try_page(ctx: &Ctx, want: &Want<'_>) -> Result<Option<Page>> {
    let from = want.from.max(want.group.begins_at(ctx.now()));
    let mut chunks = chunks_between(ctx, want.group, want.streams.as_deref(), from, want.to).await?;
    let span = Span { from, ..Span::of(want) };
    chunks.retain(|chunk| span.meets(chunk));
    match want.way {
        Way::Forward => chunks.sort_by_key(|chunk| chunk.first_at),
        Way::Backward => chunks.sort_by_key(|chunk| std::cmp::Reverse(chunk.last_at)),
    }
    let mut found: Vec<(Place, Event)> = Vec::new();
    let mut scanned = 0;
    for chunk in &chunks {
        let border = span.border(chunk);
        if found.len() > want.limit {
            span.settle(&mut found, want.limit + 1);
            if found.last().is_some_and(|(place, _)| span.is_before(place.at, border)) {
                break;
            }
        }
        if scanned > SCAN_BYTES && span.gets_on(border) {
            found.retain(|(place, _)| span.is_before(place.at, border));
            span.settle(&mut found, want.limit + 1);
            return Ok(Some(span.page(found, Some(border))));
        }
        let Some(opened) = open(ctx, want.group, chunk).await? else { return Ok(None) };
        scanned += chunk.text_bytes;
        for seen in opened.events()? {
            let place = Place { at: seen.at, stream: chunk.stream, number: seen.number };
            if span.has(place) && (want.pick)(seen.message) {
                found.push((place, seen.to_event()));
            }
        }
        drop(opened);
        tokio::task::yield_now().await;
    }
    span.settle(&mut found, want.limit + 1);
    Ok(Some(span.page(found, None)))
}

/// What a page takes, and in which order.
#[derive(Clone, Copy)]
struct Span {
    from: Millis,
    to: Millis,
    way: Way,
    place: Option<Place>,
    limit: usize,
}

impl Span {
    fn of(want: &Want<'_>) -> Self {
        let Want { from, to, way, place, limit, .. } = *want;
        Self { from, to, way, place, limit }
    }

    fn meets(&self, chunk: &Chunk) -> bool {
        self.place.is_none_or(|place| match self.way {
            Way::Forward => chunk.last_at >= place.at,
            Way::Backward => chunk.first_at <= place.at,
        })
    }

    fn has(&self, place: Place) -> bool {
        let is_on = self.place.is_none_or(|begin| match self.way {
            Way::Forward => place > begin,
            Way::Backward => place < begin,
        });
        is_on && (self.from..self.to).contains(&place.at)
    }

    /// The first instant that this chunk and those behind it have.
    fn border(&self, chunk: &Chunk) -> Millis {
        match self.way {
            Way::Forward => chunk.first_at,
            Way::Backward => chunk.last_at,
        }
    }

    fn is_before(&self, at: Millis, border: Millis) -> bool {
        match self.way {
            Way::Forward => at < border,
            Way::Backward => at > border,
        }
    }

    /// Whether a page that ends at this border is a step beyond where it began.
    fn gets_on(&self, border: Millis) -> bool {
        let begin = self.place.map(|place| place.at);
        let edge = if self.way == Way::Forward { self.from } else { self.to };
        self.is_before(begin.unwrap_or(edge), border)
    }

    /// The first of them, in the order they are read.
    fn settle(&self, found: &mut Vec<(Place, Event)>, count: usize) {
        match self.way {
            Way::Forward => found.sort_by_key(|(place, _)| *place),
            Way::Backward => found.sort_by_key(|(place, _)| std::cmp::Reverse(*place)),
        }
        found.truncate(count);
    }

    /// The page of what was found; `border` is where looking stopped before the end.
    fn page(&self, mut found: Vec<(Place, Event)>, border: Option<Millis>) -> Page {
        let mut bytes = 0;
        let fits = |(_, event): &&(Place, Event)| {
            bytes += event.message.len() + EVENT_OVERHEAD;
            bytes <= PAGE_BYTES
        };
        let count =
            found.iter().take(self.limit).take_while(fits).count().max(usize::from(!found.is_empty()));
        let is_whole = count == found.len();
        found.truncate(count);
        let stopped = border.filter(|_| is_whole).map(|at| match self.way {
            Way::Forward => Place { at, stream: 0, number: 0 },
            Way::Backward => Place { at, stream: u64::MAX, number: u64::MAX },
        });
        let next = stopped.or_else(|| found.last().map(|(place, _)| *place));
        if self.way == Way::Backward {
            found.reverse();
        }
        Page { events: found, next, is_last: is_whole && stopped.is_none() }
    }
}
