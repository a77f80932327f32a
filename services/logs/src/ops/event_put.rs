//! Events, put into a stream: checked, given to metric filters and subscriptions, stored in one transaction.

use api_logs::{InputLogEvent, PutLogEventsRequest, PutLogEventsResponse, RejectedLogEventsInfo};
use kernel::{Ctx, Event, Millis, Result};

use super::{encryption, metric_filter, subscription};
use crate::controllers::{chunk as merging, point as telling};
use crate::rules::batch::{self, Taken};
use crate::rules::embedded;
use crate::rules::metric::Point;
use crate::state::chunk::{Body, Chunk};
use crate::state::event::{self, Seen};
use crate::state::group::Group;
use crate::state::point::{self, Quiet};
use crate::state::sizes::Sizes;
use crate::state::stream::{self, Doors, Stream};
use crate::state::tail::Tails;
use crate::state::{chunk, group};
use crate::{errors, meter};

/// Every so many chunks, those of a stream are looked at for merging.
const MERGE_EVERY: u64 = 32;

pub async fn put_log_events(ctx: &Ctx, input: PutLogEventsRequest) -> Result<PutLogEventsResponse> {
    let own = ctx.clone();
    // What was begun is brought to its end: memory and store change together.
    ctx.see_through(async move { put(&own, input).await }).await
}

async fn put(ctx: &Ctx, input: PutLogEventsRequest) -> Result<PutLogEventsResponse> {
    let PutLogEventsRequest { log_group_name, log_stream_name, log_events, .. } = input;
    let find = |snap: &mut kernel::Snapshot<'_>| {
        let group = group::get(snap, ctx.scope(), &log_group_name)?;
        let stream = stream::get(snap, ctx.scope(), group.id, &log_stream_name)?;
        Ok((group, stream))
    };
    let (group, stream) = ctx.read(find).await?;
    let sizes: Vec<(Millis, usize)> =
        log_events.iter().map(|event| (event.timestamp, event.message.len())).collect();
    let taken = batch::check(&sizes, ctx.now(), group.keeps_ms())?;
    let events = log_events.get(taken.events.clone()).unwrap_or_default();
    let _door = ctx.own::<Doors>().enter(stream.id).await;
    // Who was at the door before may have put some.
    let stream = ctx.read(|snap| stream::get(snap, ctx.scope(), group.id, &stream.name)).await?;
    let next = match events.is_empty() {
        true => stream.next,
        false => store(ctx, &group, &stream, events).await?,
    };
    meter::ingested(ctx, u64::try_from(taken.bytes).unwrap_or_default());
    let rejected = rejected(&taken);
    Ok(PutLogEventsResponse {
        next_sequence_token: Some(format!("{next:056}")),
        rejected_log_events_info: rejected,
        ..PutLogEventsResponse::default()
    })
}

fn rejected(taken: &Taken) -> Option<RejectedLogEventsInfo> {
    let index = |at: Option<usize>| at.and_then(|at| i32::try_from(at).ok());
    let Taken { too_old_end, expired_end, too_new_start, .. } = taken;
    let any = too_old_end.is_some() || expired_end.is_some() || too_new_start.is_some();
    any.then(|| RejectedLogEventsInfo {
        too_new_log_event_start_index: index(*too_new_start),
        too_old_log_event_end_index: index(*too_old_end),
        expired_log_event_end_index: index(*expired_end),
    })
}

/// Everything one put writes.
struct Written {
    stream: Stream,
    chunk: Chunk,
    body: Body,
    points: Vec<Point>,
    sent: Vec<Event>,
}

/// Gives the number of the stream's next event.
async fn store(ctx: &Ctx, group: &Group, stream: &Stream, events: &[InputLogEvent]) -> Result<u64> {
    let now = ctx.now();
    let seen = (stream.next..).zip(events).map(|(number, event)| Seen {
        at: event.timestamp,
        number,
        ingested_at: now,
        message: &event.message,
    });
    let seen: Vec<Seen<'_>> = seen.collect();
    let body = encryption::seal(ctx, group, event::pack(seen.iter().copied())).await?;
    let (mut points, matched) = metric_filter::points(ctx, group, &seen);
    points.extend(embedded::points(seen.iter().map(|event| event.message)));
    let sent = subscription::to_send(ctx, group, stream, &seen)?;
    let written = write_down(stream, &seen, body, now).ok_or(errors::Damaged("batch"))?;
    let written = Written { points, sent, ..written };
    let (scope, chance) = (*ctx.scope(), u64::from_str_radix(&ctx.ids().hex(16), 16).unwrap_or_default());
    ctx.write(|tx| {
        let there = group::get(tx, &scope, &group.name)?;
        let before = stream::get(tx, &scope, group.id, &stream.name)?;
        if there.id != group.id || before.id != stream.id {
            return Err(errors::not_found("log stream"));
        }
        stream::put(tx, &scope, group.id, &written.stream)?;
        chunk::put(tx, &scope, group.id, &written.chunk, &written.body)?;
        if !written.points.is_empty() {
            point::put(tx, &scope, (now, chance), &written.points)?;
        }
        written.sent.iter().try_for_each(|event| tx.publish(event))
    })
    .await?;
    ctx.own::<Sizes>().add(group.id, written.chunk.stored_bytes);
    ctx.own::<Tails>().tell(group.id, &stream.name, &seen);
    for (name, transformation, any) in matched {
        ctx.own::<Quiet>().note(scope, group.id, name, transformation, any);
    }
    if !written.points.is_empty() {
        ctx.nudge(telling::NAME, telling::ALL);
    }
    if written.chunk.number.is_multiple_of(MERGE_EVERY) {
        ctx.nudge(merging::NAME, &merging::name(&group.name, &stream.name));
    }
    Ok(written.stream.next)
}

fn write_down(stream: &Stream, seen: &[Seen<'_>], body: Body, now: Millis) -> Option<Written> {
    let (first, last) = (seen.first()?, seen.last()?);
    let count = |count: usize| u64::try_from(count).unwrap_or_default();
    let chunk = Chunk {
        stream: stream.id,
        number: stream.next_chunk,
        first_at: first.at,
        last_at: last.at,
        events: count(seen.len()),
        text_bytes: count(seen.iter().map(|event| event.message.len()).sum()),
        stored_bytes: count(body.events.len()),
    };
    let stream = Stream {
        first_at: Some(stream.first_at.map_or(first.at, |at| at.min(first.at))),
        last_at: Some(stream.last_at.map_or(last.at, |at| at.max(last.at))),
        ingested_at: Some(now),
        next: stream.next + count(seen.len()),
        next_chunk: stream.next_chunk + 1,
        ..stream.clone()
    };
    Some(Written { stream, chunk, body, points: Vec::new(), sent: Vec::new() })
}
