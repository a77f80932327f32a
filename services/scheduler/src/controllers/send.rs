//! How each kind of target is called, in the role of the schedule.

use std::collections::BTreeMap;

use api_events::{PutEventsRequest, PutEventsRequestEntry};
use api_sqs::{MessageAttributeValue, SendMessageRequest};
use kernel::plugs::ReadInput;
use kernel::{Ctx, Error, Kind, Millis, Result, Scope};
use shape::Timestamp;

use crate::rules::arn;
use crate::rules::target::operation;
use crate::state::invocation::Invocation;

/// Who roles must trust.
const PRINCIPAL: &str = "scheduler.amazonaws.com";
const SESSION: &str = "scheduler";
/// How long a role is taken on for.
const ROLE_MS: Millis = 900_000;

/// In a role that trusts the service, asked for a group of this scope; `None` where it does not.
pub async fn in_role(ctx: &Ctx, role_arn: &str, group: &str) -> Result<Option<Ctx>> {
    let scope = ctx.scope();
    let claims = [
        ("aws:SourceAccount".to_owned(), scope.account.to_string()),
        ("aws:SourceArn".to_owned(), arn::group(scope, group)),
    ];
    ctx.in_role_by(PRINCIPAL, role_arn, SESSION, ROLE_MS, &claims).await
}

/// # Errors
/// When the role is not to be had any more.
pub async fn as_role_of(ctx: &Ctx, one: &Invocation) -> Result<Ctx> {
    let role_arn = &one.target.role_arn;
    let denied = || {
        let message = format!("The role {role_arn} cannot be assumed.");
        Error::new(Kind::Denied, "AccessDenied", message)
    };
    in_role(ctx, role_arn, &one.group).await?.ok_or_else(denied)
}

/// Sends a message to a queue.
pub async fn to_queue(
    role: &Ctx,
    (scope, name): (&Scope, &str),
    text: String,
    group: Option<String>,
    attributes: Option<BTreeMap<String, MessageAttributeValue>>,
) -> Result<()> {
    let input = SendMessageRequest {
        queue_url: format!("{}/{name}", scope.account),
        message_body: text,
        message_group_id: group,
        message_attributes: attributes,
        ..SendMessageRequest::default()
    };
    role.in_scope(*scope).call(api_sqs::op::SendMessage, input).await.map(|_| ())
}

/// Puts an event on a bus.
pub async fn to_bus(
    role: &Ctx,
    one: &Invocation,
    (scope, bus): (&Scope, &str),
    detail: String,
) -> Result<()> {
    let (source, detail_type) = one.target.event.clone().unwrap_or_default();
    let entry = PutEventsRequestEntry {
        source: Some(source),
        detail_type: Some(detail_type),
        detail: Some(detail),
        event_bus_name: Some(bus.to_owned()),
        time: Some(Timestamp::from_millis(one.scheduled_at)),
        resources: Some(vec![arn::schedule(role.scope(), Some(&one.group), &one.schedule)]),
        ..PutEventsRequestEntry::default()
    };
    let input = PutEventsRequest { entries: vec![entry], ..PutEventsRequest::default() };
    let put = role.in_scope(*scope).call(api_events::op::PutEvents, input).await?;
    let failed = put.entries.unwrap_or_default().into_iter().find(|entry| entry.error_code.is_some());
    match failed {
        None => Ok(()),
        Some(entry) => {
            let code = entry.error_code.unwrap_or_default();
            let kind = match code.as_str() {
                "ThrottlingException" => Kind::Throttled,
                "InternalFailure" | "InternalException" => Kind::Internal,
                _ => Kind::Invalid,
            };
            Err(Error::new(kind, "ValidationException", entry.error_message.unwrap_or(code)))
        }
    }
}

/// Calls an operation of a service of the house, as an SDK would.
pub async fn to_operation(ctx: &Ctx, role: &Ctx, (service, action): (&str, &str), text: &str) -> Result<()> {
    let house = ctx.house();
    let (def, op) = operation(house.services(), service, action)?;
    let mut input = house.new_input(op)?;
    ctx.own::<ReadInput>()(def, op, text.as_bytes(), &mut *input)?;
    role.call_def(op, input).await.map(drop)
}
