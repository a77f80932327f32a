//! Scheduled events: raised by whoever runs this cloud, moved by whoever owns the instance.
//!
//! `POST /_aws/ec2/instance-events`, from this host, with `{"InstanceId", "Code", "NotBefore", "NotAfter",
//! "NotBeforeDeadline", "Description"}`, times in seconds since 1970, raises one and answers its id; `DELETE
//! /_aws/ec2/instance-events?InstanceId=…&InstanceEventId=…` cancels it.

use api_ec2 as api;
use kernel::{Ctx, LocalRequest, LocalResponse, Millis, Result, Scope};
use serde::Deserialize;
use serde_json::json;
use shape::Timestamp;

use super::instance::{check_id, get};
use super::page::check_dry_run;
use crate::errors;
use crate::rules::scheduled_event as rules;
use crate::state::id::{Id, InstanceId};
use crate::state::instance;
use crate::state::scheduled_event::{self, End, ScheduledEvent};

pub const PATH: &str = "/_aws/ec2/instance-events";
const DESCRIPTION_CHARS_MAX: usize = 255;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Wanted {
    instance_id: String,
    code: String,
    not_before: u32,
    not_after: Option<u32>,
    not_before_deadline: Option<u32>,
    #[serde(default)]
    description: String,
}

fn millis(seconds: u32) -> Millis {
    Millis::from(seconds) * 1_000
}

/// Raises an event.
pub async fn raise(ctx: &Ctx, request: LocalRequest) -> Result<LocalResponse> {
    let wanted: Wanted = match serde_json::from_slice(&request.body) {
        Ok(wanted) if request.from_loopback => wanted,
        Ok(_) => return Ok(refused(403, "only from this host")),
        Err(error) => return Ok(refused(400, &error.to_string())),
    };
    let Some(code) = rules::parse(&wanted.code) else { return Ok(refused(400, "no such Code")) };
    let times = (wanted.not_before, wanted.not_after, wanted.not_before_deadline);
    let (from, is_ordered) = (times.0, |to: Option<u32>| to.is_none_or(|to| to >= times.0));
    if !is_ordered(times.1) || !is_ordered(times.2) || millis(from) < ctx.now() {
        return Ok(refused(400, "NotBefore is not to come, or after NotAfter or NotBeforeDeadline"));
    }
    if wanted.description.chars().count() > DESCRIPTION_CHARS_MAX {
        return Ok(refused(400, "Description is too long"));
    }
    let Some((scope, instance)) = place(ctx, &wanted.instance_id).await? else {
        return Ok(refused(404, "no such instance"));
    };
    let write = ctx.write(|tx| {
        if scheduled_event::of_instance(tx, &scope, &instance)?.len() >= rules::EVENTS_MAX {
            return Ok(None);
        }
        let event = ScheduledEvent {
            id: format!("instance-event-{}", tx.ctx().ids().hex(17)),
            instance: instance.clone(),
            code,
            description: wanted.description.clone(),
            not_before: millis(wanted.not_before),
            not_after: wanted.not_after.map(millis),
            deadline: wanted.not_before_deadline.map(millis),
            ended: None,
        };
        scheduled_event::put(tx, &scope, &event)?;
        Ok(Some(event.id))
    });
    match write.await? {
        Some(id) => Ok(LocalResponse::json(200, &json!({ "InstanceEventId": id }))),
        None => Ok(refused(400, "the instance has too many events")),
    }
}

/// Cancels an event that is still to come.
pub async fn cancel(ctx: &Ctx, request: LocalRequest) -> Result<LocalResponse> {
    if !request.from_loopback {
        return Ok(refused(403, "only from this host"));
    }
    let (instance, id) = (request.query("InstanceId"), request.query("InstanceEventId"));
    let Some((scope, instance)) = place(ctx, instance.unwrap_or_default()).await? else {
        return Ok(refused(404, "no such instance"));
    };
    let write = ctx.write(|tx| {
        let found = scheduled_event::find(tx, &scope, &instance, id.unwrap_or_default())?;
        let Some(mut event) = found.filter(|event| event.ended.is_none()) else { return Ok(false) };
        event.ended = Some(End::Canceled);
        scheduled_event::put(tx, &scope, &event).map(|()| true)
    });
    match write.await? {
        true => Ok(LocalResponse::json(200, &json!({}))),
        false => Ok(refused(404, "no such event to come")),
    }
}

/// Whose instance it is, whichever account and region that is.
async fn place(ctx: &Ctx, text: &str) -> Result<Option<(Scope, InstanceId)>> {
    let Some(id) = InstanceId::parse(text) else { return Ok(None) };
    let scope = ctx.read(|snap| instance::find_place(snap, &id)).await?;
    Ok(scope.map(|scope| (scope, id)))
}

fn refused(status: u16, why: &str) -> LocalResponse {
    LocalResponse::json(status, &json!({ "message": why }))
}

/// An event as AWS shows it.
pub(super) fn show(event: &ScheduledEvent) -> api::InstanceStatusEvent {
    api::InstanceStatusEvent {
        instance_event_id: Some(event.id.clone()),
        code: Some(rules::word(event.code).to_owned()),
        description: Some(rules::description(event)),
        not_before: Some(Timestamp::from_millis(event.not_before)),
        not_after: event.not_after.map(Timestamp::from_millis),
        not_before_deadline: event.deadline.map(Timestamp::from_millis),
    }
}

pub async fn modify_instance_event_start_time(
    ctx: &Ctx,
    input: api::ModifyInstanceEventStartTimeRequest,
) -> Result<api::ModifyInstanceEventStartTimeResult> {
    let id = check_id(&input.instance_id)?;
    let (event, to) = (input.instance_event_id, input.not_before.as_millis());
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let write = ctx.write(|tx| {
        get(tx, &scope, &id)?;
        let found = scheduled_event::find(tx, &scope, &id, &event)?;
        let mut event = found.ok_or_else(|| errors::event_not_found(&event))?;
        rules::check_start(&event, to, tx.ctx().now())?;
        // The window keeps its length.
        event.not_after = event.not_after.map(|end| end + to - event.not_before);
        event.not_before = to;
        scheduled_event::put(tx, &scope, &event)?;
        Ok(event)
    });
    Ok(api::ModifyInstanceEventStartTimeResult { event: Some(show(&write.await?)) })
}
