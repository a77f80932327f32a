//! The events of one stream, page by page in either direction; and one event by its pointer.

use std::collections::BTreeMap;

use api_logs::{
    GetLogEventsRequest, GetLogEventsResponse, GetLogRecordRequest, GetLogRecordResponse, OutputLogEvent,
};
use kernel::{Ctx, Millis, Result};

use super::event_page::{self, Want};
use super::{group_by_name, limit_of};
use crate::controllers::query::source_of;
use crate::errors;
use crate::rules::name::chosen;
use crate::rules::page::{Place, Way, read_token, token};
use crate::rules::query::pointer::Pointer;
use crate::rules::query::row::{Event, fields_of};
use crate::state::{group, stream};

const LIMIT: usize = 10_000;

pub async fn get_log_events(ctx: &Ctx, input: GetLogEventsRequest) -> Result<GetLogEventsResponse> {
    let (name, identifier) = (input.log_group_name.as_deref(), input.log_group_identifier.as_deref());
    let group = group_by_name(ctx, &chosen(ctx.scope(), name, identifier)?).await?;
    let stream = ctx.read(|snap| stream::get(snap, ctx.scope(), group.id, &input.log_stream_name)).await?;
    let given = input.next_token.as_deref().map(read_token).transpose()?;
    let usual = if input.start_from_head == Some(true) { Way::Forward } else { Way::Backward };
    let (way, place) = given.map_or((usual, None), |(way, place)| (way, Some(place)));
    let want = Want {
        group: &group,
        streams: Some(vec![stream.id]),
        from: input.start_time.unwrap_or(0),
        to: input.end_time.unwrap_or(Millis::MAX),
        way,
        place,
        limit: limit_of(input.limit, LIMIT),
        pick: &|_| true,
    };
    let page = event_page::page(ctx, &want).await?;
    let stopped = page.next.or(place).unwrap_or_default();
    let first = page.events.first().map_or(stopped, |(place, _)| *place);
    let last = page.events.last().map_or(stopped, |(place, _)| *place);
    let (forward, backward) = match way {
        // Where looking stopped early, the next look goes on from there.
        Way::Forward => (stopped.max(last), first),
        Way::Backward => (last, if page.events.is_empty() { stopped } else { stopped.min(first) }),
    };
    let show = |(_, event): (Place, crate::state::event::Event)| OutputLogEvent {
        timestamp: Some(event.at),
        message: Some(event.message),
        ingestion_time: Some(event.ingested_at),
    };
    Ok(GetLogEventsResponse {
        events: Some(page.events.into_iter().map(show).collect()),
        next_forward_token: Some(token(Way::Forward, forward)),
        next_backward_token: Some(token(Way::Backward, backward)),
    })
}

/// Every field of an event that a query found.
pub async fn get_log_record(ctx: &Ctx, input: GetLogRecordRequest) -> Result<GetLogRecordResponse> {
    let wrong = || errors::invalid("The specified log record pointer is not valid.");
    let opened = ctx.open_page("GetLogRecord", &input.log_record_pointer).ok_or_else(wrong)?;
    let pointer: Pointer = serde_json::from_slice(&opened).map_err(|_| wrong())?;
    let none = || errors::not_found("log record");
    let found = ctx.read(|snap| group::find(snap, ctx.scope(), &pointer.group)).await?.ok_or_else(none)?;
    let Place { at, stream, number } = pointer.place;
    let before = Place { number: number.saturating_sub(1), ..pointer.place };
    let want = Want {
        group: &found,
        streams: Some(vec![stream]),
        from: at,
        to: at + 1,
        way: Way::Forward,
        place: Some(before),
        limit: 1,
        pick: &|_| true,
    };
    let page = event_page::page(ctx, &want).await?;
    let (_, event) = page.events.into_iter().find(|(place, _)| *place == pointer.place).ok_or_else(none)?;
    let source = source_of(ctx, &found.name, &pointer.stream_name);
    let (at, ingested_at, message) = (event.at, event.ingested_at, event.message.into());
    let seen = Event { at, ingested_at, message, place: pointer.place, source };
    let fields: BTreeMap<String, String> = fields_of(&seen).into_iter().collect();
    Ok(GetLogRecordResponse { log_record: Some(fields) })
}
