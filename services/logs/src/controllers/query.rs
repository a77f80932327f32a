//! Runs queries, each over the chunks of its groups, one after the other.

use std::collections::HashMap;
use std::sync::Arc;

use kernel::{Ctx, Error, Kind, Millis, Next, Result, Scope};

use crate::meter;
use crate::ops::event_page;
use crate::rules::page::Place;
use crate::rules::query::parse;
use crate::rules::query::pointer::Pointer;
use crate::rules::query::row::{Event, Row, Source};
use crate::rules::query::run::Run;
use crate::state::group::{self, Group};
use crate::state::query::{self, Findings, Found, Query, Status};
use crate::state::stream;

pub const NAME: &str = "logs-queries";
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: Millis = 60_000;
const LISTED_MAX: usize = 10_000;
/// Whether it was stopped is looked at after so many chunks.
const LOOK_EVERY: usize = 64;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    query::list_running(ctx, LISTED_MAX).await
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let asked = ctx.read(|snap| query::find(snap, ctx.scope(), &id)).await?;
    let wanted = |query: &Query| match query.status {
        Status::Running => true,
        Status::Complete => ctx.own::<Findings>().find(ctx.scope(), &id).is_none(),
        Status::Failed | Status::Cancelled => false,
    };
    let Some(asked) = asked.filter(wanted) else { return Ok(Next::Done) };
    let ended = match find(ctx, &asked).await {
        Ok(Some(found)) => {
            meter::scanned(ctx, found.bytes);
            let bytes = found.bytes;
            ctx.own::<Findings>().keep(ctx.scope(), &id, found, ctx.now());
            Query { status: Status::Complete, bytes, ..asked }
        }
        Ok(None) => return Ok(Next::Done),
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable) => return Err(error),
        Err(_) => Query { status: Status::Failed, ..asked },
    };
    let ended_at = Some(ended.ended_at.unwrap_or(ctx.now()));
    ctx.write(|tx| match query::find(tx, ctx.scope(), &id)? {
        Some(now) if now.status == Status::Running => {
            query::put(tx, ctx.scope(), &Query { ended_at, ..ended.clone() })
        }
        _ => Ok(()),
    })
    .await?;
    Ok(Next::Done)
}

pub fn source_of(ctx: &Ctx, group: &str, stream: &str) -> Arc<Source> {
    let log = format!("{}:{group}", ctx.account());
    Arc::new(Source { group: group.to_owned(), stream: stream.to_owned(), log })
}

/// What a query finds; `None` when it was stopped.
async fn find(ctx: &Ctx, asked: &Query) -> Result<Option<Found>> {
    let failed = |words: String| Error::new(Kind::Limit, "LimitExceededException", words);
    let read = parse::Query::parse(&asked.text).map_err(|wrong| failed(wrong.words))?;
    let mut seeker =
        Seeker { ctx, asked, run: Some(Run::new(&read, asked.limit)), found: Found::default(), chunks: 0 };
    for name in &asked.groups {
        // A group that is gone has nothing any more.
        let Some(group) = ctx.read(|snap| group::find(snap, ctx.scope(), name)).await? else { continue };
        if !seeker.seek(&group).await? {
            return Ok(None);
        }
    }
    let Seeker { run, mut found, .. } = seeker;
    let run = run.ok_or_else(|| failed("the query holds too much".to_owned()))?;
    found.matched = run.matched;
    let (columns, rows) = run.finish().map_err(|_| failed("the query holds too much".to_owned()))?;
    for row in rows {
        let mut shown = query::Row::with_capacity(columns.len());
        for name in &columns {
            let value = match (&**name, &row.event) {
                ("@ptr", Some(event)) => Some(pointer(ctx, event)),
                _ => row.get(name).text(),
            };
            shown.extend(value.map(|value| (name.to_string(), value)));
        }
        found.rows.push(shown);
    }
    Ok(Some(found))
}

fn pointer(ctx: &Ctx, event: &Event<'_>) -> String {
    let Source { group, stream, .. } = &*event.source;
    let pointer = Pointer { group: group.clone(), stream_name: stream.clone(), place: event.place };
    ctx.seal_page("GetLogRecord", &serde_json::to_vec(&pointer).unwrap_or_default())
}

struct Seeker<'s> {
    ctx: &'s Ctx,
    asked: &'s Query,
    /// None once it holds too much.
    run: Option<Run<'s>>,
    found: Found,
    chunks: usize,
}

impl Seeker<'_> {
    /// `false` when the query was stopped.
    async fn seek(&mut self, group: &Group) -> Result<bool> {
        let (ctx, from, to) = (self.ctx, self.asked.from.max(group.begins_at(self.ctx.now())), self.asked.to);
        let streams = stream::list_where(ctx, group.id, |_| true).await?;
        let sources: HashMap<u64, Arc<Source>> = streams
            .into_iter()
            .map(|stream| (stream.id, source_of(ctx, &group.name, &stream.name)))
            .collect();
        let mut chunks = event_page::chunks_between(ctx, group, None, from, to.saturating_add(1)).await?;
        chunks.sort_by_key(|chunk| std::cmp::Reverse(chunk.last_at));
        for chunk in chunks {
            self.chunks += 1;
            if self.chunks.is_multiple_of(LOOK_EVERY) && is_stopped(ctx, &self.asked.id).await? {
                return Ok(false);
            }
            let Some(source) = sources.get(&chunk.stream) else { continue };
            let Some(open) = event_page::open(ctx, group, &chunk).await? else {
                // Merged while it was read: begin again.
                return Err(Error::new(Kind::Unavailable, "ServiceUnavailable", "The log group changed."));
            };
            self.found.bytes += chunk.text_bytes;
            for seen in open.events()?.into_iter().filter(|seen| (from..=to).contains(&seen.at)) {
                self.found.scanned += 1;
                let place = Place { at: seen.at, stream: chunk.stream, number: seen.number };
                let (at, ingested_at, message) = (seen.at, seen.ingested_at, seen.message.into());
                let row = Row::of_event(Event { at, ingested_at, message, place, source: source.clone() });
                if self.run.as_mut().is_some_and(|run| run.take(row).is_err()) {
                    self.run = None;
                }
            }
            drop(open);
            if self.run.is_none() {
                return Ok(true);
            }
            tokio::task::yield_now().await;
        }
        Ok(true)
    }
}

async fn is_stopped(ctx: &Ctx, id: &str) -> Result<bool> {
    let now = ctx.read(|snap| query::find(snap, ctx.scope(), id)).await?;
    Ok(now.is_none_or(|now| now.status == Status::Cancelled))
}
