//! How each kind of target is reached.

use std::collections::BTreeMap;

use api_ec2 as ec2;
use api_logs as logs;
use api_sqs::{MessageAttributeValue, SendMessageRequest};
use kernel::{Access, Ctx, Error, Kind, Millis, Result, Scope};
use serde_json::Value;
use shape::Operation;

use super::delivery::hand_over;
use crate::errors;
use crate::rules::arn::BusName;
use crate::rules::target::Action;
use crate::state::bus;
use crate::state::delivery::{Delivery, check_room};
use crate::state::routes::{Routes, chosen, send};

/// Buses an event may come by, one after the other.
const HOPS_MAX: u32 = 5;
/// How long a role is taken on for.
const ROLE_MS: Millis = 900_000;
const SESSION: &str = "EventBridge";

/// Calls an operation in the role of a target that has one; else as the rule, which must be let in by who is called.
async fn call<O: Operation>(
    there: &Ctx,
    (one, role): (&Delivery, Option<&Ctx>),
    op: O,
    input: O::Input,
) -> Result<O::Output> {
    match role {
        Some(role) => role.in_scope(*there.scope()).call(op, input).await,
        None => there.call_for(&one.rule_arn, op, input).await,
    }
}

/// Sends a message to a queue, which may be another account's.
pub async fn to_queue(ctx: &Ctx, one: &Delivery, (scope, name): (&Scope, &str), text: String) -> Result<()> {
    let role = own_role(ctx, one).await?;
    let input = SendMessageRequest {
        queue_url: format!("{}/{name}", scope.account),
        message_body: text,
        message_group_id: one.target.group.clone(),
        ..SendMessageRequest::default()
    };
    let there = ctx.in_scope(*scope);
    call(&there, (one, role.as_ref()), api_sqs::op::SendMessage, input).await.map(|_| ())
}

/// Sends the event to a queue whose policy lets the rule do so, role or no role (user guide, "Granting permissions to the
/// dead-letter queue").
pub async fn to_dead_letters(
    ctx: &Ctx,
    one: &Delivery,
    (scope, name): (&Scope, &str),
    said: BTreeMap<String, MessageAttributeValue>,
) -> Result<()> {
    let input = SendMessageRequest {
        queue_url: format!("{}/{name}", scope.account),
        message_body: one.event.text(),
        message_attributes: Some(said),
        ..SendMessageRequest::default()
    };
    call(&ctx.in_scope(*scope), (one, None), api_sqs::op::SendMessage, input).await.map(|_| ())
}

/// What a template for a log group makes (user guide, "Amazon CloudWatch Logs log groups as targets").
#[derive(serde::Deserialize)]
struct Line {
    timestamp: Millis,
    message: String,
}

/// Writes an event into a log group. Each rule has a stream of its own there.
pub async fn to_log_group(
    ctx: &Ctx,
    one: &Delivery,
    (scope, group): (&Scope, String),
    text: String,
) -> Result<()> {
    let there = ctx.in_scope(*scope);
    let role = own_role(ctx, one).await?;
    let by = (one, role.as_ref());
    let stream = one.rule_arn.rsplit(':').next().unwrap_or_default().replace('/', "-");
    let line: Option<Line> = serde_json::from_str(&text).ok();
    let line = line.unwrap_or(Line { timestamp: one.event.at(), message: text });
    let event = logs::InputLogEvent { timestamp: line.timestamp, message: line.message };
    let input = logs::PutLogEventsRequest {
        log_group_name: group.clone(),
        log_stream_name: stream.clone(),
        log_events: vec![event],
        ..Default::default()
    };
    let put = match call(&there, by, logs::op::PutLogEvents, input.clone()).await {
        // The first of the rule there, or the stream was deleted; or there is no group, which is said next.
        Err(error) if error.kind() == Kind::NotFound => {
            let made = logs::CreateLogStreamRequest { log_group_name: group, log_stream_name: stream };
            match call(&there, by, logs::op::CreateLogStream, made).await {
                Err(error) if error.kind() != Kind::Conflict => return Err(error),
                _ => {}
            }
            call(&there, by, logs::op::PutLogEvents, input).await?
        }
        other => other?,
    };
    // Too old or too far ahead: no later try will help.
    match put.rejected_log_events_info {
        None => Ok(()),
        Some(_) => Err(Error::new(
            Kind::Invalid,
            "InvalidParameterException",
            "The log group rejects the event's time.",
        )),
    }
}

/// In the role of the target.
async fn in_role(ctx: &Ctx, one: &Delivery, role_arn: &str) -> Result<Ctx> {
    let denied = || {
        let message = format!("The role {role_arn} cannot be assumed for target {}.", one.target.arn);
        Error::new(Kind::Denied, "AccessDenied", message)
    };
    ctx.in_role(role_arn, SESSION, ROLE_MS).await?.ok_or_else(denied)
}

async fn own_role(ctx: &Ctx, one: &Delivery) -> Result<Option<Ctx>> {
    match &one.target.role_arn {
        Some(role_arn) => in_role(ctx, one, role_arn).await.map(Some),
        None => Ok(None),
    }
}

/// Puts the event, as it is, to the rules of another bus. In one account nobody else need allow it.
pub async fn to_bus(ctx: &Ctx, one: &Delivery, to: &BusName) -> Result<()> {
    let arn = to.arn();
    if one.hops >= HOPS_MAX {
        let message = format!("The event has come by {HOPS_MAX} buses already.");
        return Err(Error::new(Kind::Invalid, "ValidationException", message));
    }
    let access = Access::on(&arn)
        .condition("events:eventBusInvocation", ["true".to_owned()])
        .condition("events:source", [one.event.source.clone()])
        .condition("events:detail-type", [one.event.detail_type.clone()]);
    match &one.target.role_arn {
        Some(role_arn) => in_role(ctx, one, role_arn).await?.authorize("events:PutEvents", &access).await?,
        None if to.scope.account == ctx.account() => {}
        None => {
            ctx.acting_for(&one.rule_arn).in_scope(to.scope).authorize("events:PutEvents", &access).await?;
        }
    }
    let there = ctx.in_scope(to.scope);
    let found = there.read(|snap| bus::find(snap, &to.scope, &to.name)).await?;
    found.ok_or_else(|| errors::no_bus(&to.name))?;
    let routes = there.own::<Routes>().of(&there, &to.name).await?;
    let rules = chosen(&routes, &one.event);
    if rules.is_empty() {
        return Ok(());
    }
    check_room(&there)?;
    let ids = there.write(|tx| send(tx, &to.scope, &rules, &one.event, one.hops + 1)).await?;
    hand_over(&there, &ids);
    Ok(())
}

/// Does something to the instance or volume that the input names, by id or ARN, in the role of the target.
pub async fn act(ctx: &Ctx, one: &Delivery, scope: &Scope, action: Action, text: &str) -> Result<()> {
    let named = serde_json::from_str::<Value>(text).ok();
    let named = named.as_ref().and_then(Value::as_str).unwrap_or(text);
    let id = named.rsplit('/').next().unwrap_or_default().to_owned();
    let role_arn = one.target.role_arn.clone().unwrap_or_default();
    let ctx = in_role(ctx, one, &role_arn).await?.in_scope(*scope);
    match action {
        Action::RebootInstance => {
            let input = ec2::RebootInstancesRequest { instance_ids: vec![id], ..Default::default() };
            ctx.call(ec2::op::RebootInstances, input).await.map(|_| ())
        }
        Action::StopInstance => {
            let input = ec2::StopInstancesRequest { instance_ids: vec![id], ..Default::default() };
            ctx.call(ec2::op::StopInstances, input).await.map(|_| ())
        }
        Action::TerminateInstance => {
            let input = ec2::TerminateInstancesRequest { instance_ids: vec![id], ..Default::default() };
            ctx.call(ec2::op::TerminateInstances, input).await.map(|_| ())
        }
        Action::CreateSnapshot => {
            let input = ec2::CreateSnapshotRequest { volume_id: id, ..Default::default() };
            ctx.call(ec2::op::CreateSnapshot, input).await.map(|_| ())
        }
    }
}
