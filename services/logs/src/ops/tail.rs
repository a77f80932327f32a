//! Live tail: what is put into groups, shown as it comes, as a stream of events.

use std::collections::HashMap;
use std::sync::Arc;

use api_logs::{StartLiveTailRequest, StartLiveTailResponse};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use http_body::Frame;
use http_body_util::StreamBody;
use kernel::{Access, Ctx, Millis, Result, Scope};
use serde_json::{Value, json};
use shape::{Body, BodyError, event};

use super::group_by_name;
use crate::rules::name::{of_identifier, stream_arn};
use crate::rules::tail::{SESSION_MS, UPDATE_MS, check};
use crate::state::tail::{Pending, Session, Shown, Tails};

const JSON: &str = "application/json";

pub fn start_access(scope: &Scope, input: &StartLiveTailRequest) -> Result<Access> {
    let arn = |named: &String| match of_identifier(scope, named) {
        Ok(name) => stream_arn(scope, &name, ""),
        Err(_) => named.clone(),
    };
    Ok(Access::on_all(input.log_group_identifiers.iter().map(arn)))
}

pub async fn start_live_tail(ctx: &Ctx, input: StartLiveTailRequest) -> Result<StartLiveTailResponse> {
    let (names, wanted) = check(ctx.scope(), &input)?;
    let mut groups = HashMap::new();
    for name in names {
        let id = group_by_name(ctx, &name).await?.id;
        groups.insert(id, Arc::from(name));
    }
    let session = ctx.own::<Tails>().open(*ctx.scope(), groups, wanted)?;
    let started_at = ctx.now();
    let tail =
        Tail { ends_at: started_at + SESSION_MS, next_at: started_at + UPDATE_MS, ctx: ctx.clone(), session };
    let updates = stream::unfold(Some(tail), |tail: Option<Tail>| async move { tail?.next().await });
    let frames = stream::iter([start(ctx, &input)]).chain(updates);
    let frames = frames.map(|bytes| Ok::<_, BodyError>(Frame::data(bytes)));
    Ok(StartLiveTailResponse { response_stream: Body::new(StreamBody::new(frames.boxed())) })
}

/// The answer itself, which has nothing but the stream, and its first event.
fn start(ctx: &Ctx, input: &StartLiveTailRequest) -> Bytes {
    let mut out = BytesMut::new();
    out.extend_from_slice(&event::message("initial-response", Some(JSON), b"{}"));
    let mut said = json!({
        "requestId": ctx.request_id(),
        "sessionId": ctx.ids().uuid(),
        "logGroupIdentifiers": input.log_group_identifiers,
    });
    if let Value::Object(said) = &mut said {
        let given = [
            ("logStreamNames", input.log_stream_names.as_ref().map(|names| json!(names))),
            ("logStreamNamePrefixes", input.log_stream_name_prefixes.as_ref().map(|names| json!(names))),
            ("logEventFilterPattern", input.log_event_filter_pattern.as_ref().map(|text| json!(text))),
        ];
        said.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    out.extend_from_slice(&event::message("sessionStart", Some(JSON), said.to_string().as_bytes()));
    out.freeze()
}

/// A session that goes on. It is closed when nobody takes its stream any more.
struct Tail {
    ctx: Ctx,
    session: Arc<Session>,
    next_at: Millis,
    ends_at: Millis,
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.ctx.own::<Tails>().close(&self.session);
    }
}

impl Tail {
    async fn next(mut self) -> Option<(Bytes, Option<Self>)> {
        tokio::select! {
            () = self.ctx.sleep_until(self.next_at.min(self.ends_at)) => {}
            () = self.ctx.house_leaves() => return None,
        }
        let now = self.ctx.now();
        if now >= self.ends_at {
            let said = json!({ "message": "The Live Tail session has reached its limit of three hours." });
            let end = event::exception("SessionTimeoutException", JSON, said.to_string().as_bytes());
            return Some((end, None));
        }
        // Who reads slowly is not shown the past seconds one by one.
        self.next_at = (self.next_at + UPDATE_MS).max(now);
        let update = update(&self.ctx, &self.session.take());
        Some((update, Some(self)))
    }
}

fn update(ctx: &Ctx, pending: &Pending) -> Bytes {
    let shown = |event: &Shown| {
        json!({
            "logGroupIdentifier": format!("{}:{}", ctx.account(), event.group),
            "logStreamName": &*event.stream,
            "message": event.message,
            "timestamp": event.at,
            "ingestionTime": event.ingested_at,
        })
    };
    let said = json!({
        "sessionMetadata": { "sampled": pending.is_sampled },
        "sessionResults": pending.events.iter().map(shown).collect::<Vec<_>>(),
    });
    event::message("sessionUpdate", Some(JSON), said.to_string().as_bytes())
}
