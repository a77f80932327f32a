//! One invocation: tried until its target has it, then forgotten; or sent to the dead letters.

use std::collections::BTreeMap;

use api_sqs::MessageAttributeValue;
use kernel::{Ctx, Millis, Next, Result, Scope};
use retry::{Policy, Then};

use super::send;
use crate::rules::arn;
use crate::rules::input::{self, About, instant};
use crate::rules::target::{Place, place};
use crate::state::invocation::{self, Invocation};
use crate::state::schedule::Count;

pub const NAME: &str = "scheduler/invocation";
pub const CONCURRENCY: usize = 32;
pub const SWEEP_EVERY_MS: Millis = 60_000;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    ctx.read(|snap| invocation::ids_of_all_scopes(snap)).await
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let scope = *ctx.scope();
    let Some(mut one) = ctx.read(|snap| invocation::find(snap, &scope, &id)).await? else {
        return Ok(Next::Done);
    };
    let now = ctx.now();
    if now < one.due_at {
        return Ok(Next::After(one.due_at - now));
    }
    if one.dead.is_some() {
        return bury(ctx, one).await;
    }
    let Err(error) = call(ctx, &one).await else { return forget(ctx, &id).await };
    one.tries += 1;
    let policy = one.target.retry.unwrap_or_default();
    let exhausted = match policy.plan(one.begun_at, one.tries, now, &error, retry::chance(ctx)) {
        Then::TryAt(at) => {
            tracing::debug!(schedule = one.schedule, target = one.target.arn, %error, "a call will be tried again");
            one.due_at = at;
            ctx.write(|tx| invocation::put(tx, &scope, &one)).await?;
            return Ok(Next::After(at - now));
        }
        Then::GiveUp => None,
        Then::Exhausted(condition) => Some(condition.to_owned()),
    };
    tracing::debug!(schedule = one.schedule, target = one.target.arn, %error, "a call is given up");
    if one.target.dead_letters.is_none() {
        return forget(ctx, &id).await;
    }
    one.dead = Some((error.code().to_owned(), error.message().to_owned(), exhausted));
    ctx.write(|tx| invocation::put(tx, &scope, &one)).await?;
    Ok(Next::Now)
}

/// What the target is sent this time.
fn text(ctx: &Ctx, one: &Invocation) -> String {
    let schedule_arn = arn::schedule(ctx.scope(), Some(&one.group), &one.schedule);
    let about = About {
        schedule_arn: &schedule_arn,
        scheduled_at: one.scheduled_at,
        execution_id: &one.id,
        attempt: one.tries + 1,
    };
    match (&one.target.input, place(&one.target.arn)) {
        (Some(input), _) => input::filled(input, &about),
        (None, Ok(Place::Operation { .. } | Place::Bus { .. })) => "{}".to_owned(),
        (None, _) => input::default(ctx.scope(), &about),
    }
}

async fn call(ctx: &Ctx, one: &Invocation) -> Result<()> {
    let text = text(ctx, one);
    let role = send::as_role_of(ctx, one).await?;
    match place(&one.target.arn)? {
        Place::Queue { scope, name } => {
            send::to_queue(&role, (&scope, &name), text, one.target.group.clone(), None).await
        }
        Place::Bus { scope, arn } => send::to_bus(&role, one, (&scope, &arn), text).await,
        Place::Operation { service, action } => {
            send::to_operation(ctx, &role, (&service, &action), &text).await
        }
    }
}

/// To the queue for dead letters, with what went wrong; given up when that queue does not take it.
async fn bury(ctx: &Ctx, mut one: Invocation) -> Result<Next> {
    let scope = *ctx.scope();
    let queue = one.target.dead_letters.clone().unwrap_or_default();
    let Ok(Place::Queue { scope: of_queue, name }) = place(&queue) else { return forget(ctx, &one.id).await };
    let attributes = epitaph(ctx, &one);
    let sent = match send::as_role_of(ctx, &one).await {
        Ok(role) => send::to_queue(&role, (&of_queue, &name), text(ctx, &one), None, Some(attributes)).await,
        Err(error) => Err(error),
    };
    let Err(error) = sent else { return forget(ctx, &one.id).await };
    one.tries += 1;
    let now = ctx.now();
    match Policy::default().plan(one.begun_at, one.tries, now, &error, retry::chance(ctx)) {
        Then::TryAt(at) => {
            one.due_at = at;
            ctx.write(|tx| invocation::put(tx, &scope, &one)).await?;
            Ok(Next::After(at - now))
        }
        Then::GiveUp | Then::Exhausted(_) => {
            tracing::debug!(schedule = one.schedule, queue, %error, "a dead letter is lost");
            forget(ctx, &one.id).await
        }
    }
}

/// What is said of a call that is given up (user guide, "Configuring a dead-letter queue").
fn epitaph(ctx: &Ctx, one: &Invocation) -> BTreeMap<String, MessageAttributeValue> {
    let (code, message, exhausted) = one.dead.clone().unwrap_or_default();
    let said = |value: String| MessageAttributeValue {
        data_type: "String".to_owned(),
        string_value: Some(if value.is_empty() { "-".to_owned() } else { value }),
        ..MessageAttributeValue::default()
    };
    let schedule_arn = arn::schedule(ctx.scope(), Some(&one.group), &one.schedule);
    let mut all = vec![
        ("SCHEDULE_ARN", schedule_arn),
        ("TARGET_ARN", one.target.arn.clone()),
        ("EXECUTION_ID", one.id.clone()),
        ("SCHEDULED_TIME", instant(one.scheduled_at)),
        ("ERROR_CODE", code),
        ("ERROR_MESSAGE", message),
        ("RETRY_ATTEMPTS", (one.tries - 1).max(0).to_string()),
    ];
    all.extend(exhausted.map(|condition| ("EXHAUSTED_RETRY_CONDITION", condition)));
    all.into_iter().map(|(name, value)| (name.to_owned(), said(value))).collect()
}

async fn forget(ctx: &Ctx, id: &str) -> Result<Next> {
    let scope = *ctx.scope();
    ctx.write(|tx| invocation::delete(tx, &scope, id)).await?;
    ctx.own::<Count>().done();
    Ok(Next::Done)
}
