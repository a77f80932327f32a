//! Puts lines into a stream of a log group, whatever calls it takes.

use api_logs::{
    CreateLogGroupRequest, CreateLogStreamRequest, InputLogEvent, PutLogEventsRequest, op as logs,
};
use kernel::{Ctx, Error, Kind as Failed, Millis, Result};

/// Of one call of PutLogEvents: events, bytes with what each counts beyond its text, and the time between the first and the
/// last (CloudWatch Logs API reference).
const EVENTS_MAX: usize = 5_000;
const EVENTS_BYTES_MAX: usize = 900_000;
const EVENT_BYTES: usize = 26;
const SPAN_MS: Millis = 86_400_000;

/// Puts these lines, in order of their times. A group or stream that is missing is made. Tells whether lines were not kept,
/// of a time that is too long ago or too far ahead.
///
/// # Errors
/// What CloudWatch Logs says; calls before that have put their part.
pub async fn put(ctx: &Ctx, group: &str, stream: &str, lines: Vec<(Millis, String)>) -> Result<bool> {
    let mut has_lost = false;
    for some in parts(lines) {
        has_lost |= put_part(ctx, group, stream, some).await?;
    }
    Ok(has_lost)
}

/// As many events together as one call takes.
fn parts(lines: Vec<(Millis, String)>) -> Vec<Vec<InputLogEvent>> {
    let mut parts: Vec<Vec<InputLogEvent>> = Vec::new();
    let mut bytes = usize::MAX;
    for (timestamp, message) in lines {
        let more = message.len() + EVENT_BYTES;
        let first = parts.last().and_then(|part| part.first()).map(|event| event.timestamp);
        if first.is_some_and(|first| timestamp - first >= SPAN_MS)
            || bytes.saturating_add(more) > EVENTS_BYTES_MAX
            || parts.last().is_none_or(|part| part.len() >= EVENTS_MAX)
        {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += more;
        if let Some(part) = parts.last_mut() {
            part.push(InputLogEvent { timestamp, message });
        }
    }
    parts
}

async fn put_part(ctx: &Ctx, group: &str, stream: &str, events: Vec<InputLogEvent>) -> Result<bool> {
    let request = PutLogEventsRequest {
        log_group_name: group.to_owned(),
        log_stream_name: stream.to_owned(),
        log_events: events,
        ..PutLogEventsRequest::default()
    };
    match ctx.call(logs::PutLogEvents, request.clone()).await {
        Err(error) if error.kind() == Failed::NotFound => {}
        outcome => return outcome.map(|put| put.rejected_log_events_info.is_some()),
    }
    let exists = |error: Error| if error.kind() == Failed::Conflict { Ok(()) } else { Err(error) };
    let name = group.to_owned();
    let make = CreateLogGroupRequest { log_group_name: name.clone(), ..CreateLogGroupRequest::default() };
    // Who may not make groups may still write to one that is there.
    let made = ctx.call(logs::CreateLogGroup, make).await;
    let make = CreateLogStreamRequest { log_group_name: name, log_stream_name: stream.to_owned() };
    match ctx.call(logs::CreateLogStream, make).await {
        Ok(_) => {}
        Err(error) if error.kind() == Failed::NotFound => return made.and(Err(error)),
        Err(error) => exists(error)?,
    }
    ctx.call(logs::PutLogEvents, request).await.map(|put| put.rejected_log_events_info.is_some())
}
