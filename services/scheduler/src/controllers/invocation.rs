//! One invocation: tried until its target has it, then forgotten; or sent to the dead letters.

use std::collections::BTreeMap;

use api_sqs::MessageAttributeValue;
use kernel::{Ctx, Error, Kind, Millis, Next, Result, Scope};
use retry::{Dead, Tally, Underway};

use super::send;
use crate::rules::arn;
use crate::rules::input::{self, About, instant};
use crate::rules::target::{Place, letters, place};
use crate::state::invocation::{self, Invocation};

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
    let (now, due_at) = (ctx.now(), one.course.due_at());
    if now < due_at {
        return Ok(Next::After(due_at - now));
    }
    let dead = one.course.dead.clone();
    let is_letter = dead.is_some();
    let sent = match dead {
        None => call(ctx, &one).await,
        Some(dead) => bury(ctx, &one, dead).await,
    };
    let Err(error) = sent else {
        count(ctx, &one, is_letter, None, true);
        return forget(ctx, &id).await;
    };
    tracing::debug!(schedule = one.schedule, target = one.target.arn, %error, "a call failed");
    let (policy, has_letters) = (one.target.retry.unwrap_or_default(), one.target.dead_letters.is_some());
    let at = one.course.failed(ctx, policy, (&error, error.code()), has_letters);
    let is_over = at.is_none() || one.course.dead.is_some() != is_letter;
    count(ctx, &one, is_letter, Some(&error), is_over);
    let Some(at) = at else { return forget(ctx, &id).await };
    ctx.write(|tx| invocation::put(tx, &scope, &one)).await?;
    Ok(if at > now { Next::After(at - now) } else { Next::Now })
}

/// Counts what came of a try, of the call or of its dead letter (user guide, "Monitoring with Amazon CloudWatch").
fn count(ctx: &Ctx, one: &Invocation, is_letter: bool, error: Option<&Error>, is_over: bool) {
    let of = [("ScheduleGroup", one.group.as_str())];
    let add = |metric| ctx.own::<Tally>().add(*ctx.scope(), &of, metric);
    if !is_letter {
        add("InvocationAttemptCount");
    }
    match (is_letter, error) {
        (false, None) => {}
        (false, Some(error)) => {
            let is_throttled = error.kind() == Kind::Throttled;
            add(if is_throttled { "TargetErrorThrottledCount" } else { "TargetErrorCount" });
            if is_over {
                add("InvocationDroppedCount");
            }
        }
        (true, None) => add("InvocationsSentToDeadLetterCount"),
        (true, Some(_)) if is_over => add("InvocationsFailedToBeSentToDeadLetterCount"),
        (true, Some(_)) => {}
    }
}

/// What the target is sent this time.
fn text(ctx: &Ctx, one: &Invocation) -> String {
    let schedule_arn = arn::schedule(ctx.scope(), Some(&one.group), &one.schedule);
    let about = About {
        schedule_arn: &schedule_arn,
        scheduled_at: one.scheduled_at,
        execution_id: &one.id,
        // A dead letter tells of the last.
        attempt: one.course.own.tries + i32::from(one.course.dead.is_none()),
    };
    match (&one.target.input, place(&one.target.arn, ctx.partition())) {
        (Some(input), _) => input::filled(input, &about),
        (None, Ok(Place::Operation { .. } | Place::Bus { .. })) => "{}".to_owned(),
        (None, _) => input::default(ctx.scope(), &about),
    }
}

async fn call(ctx: &Ctx, one: &Invocation) -> Result<()> {
    let text = text(ctx, one);
    let role = send::as_role_of(ctx, one).await?;
    match place(&one.target.arn, ctx.partition())? {
        Place::Queue { scope, name } => {
            send::to_queue(&role, (&scope, &name), text, one.target.group.clone(), None).await
        }
        Place::Bus { scope, arn } => send::to_bus(&role, one, (&scope, &arn), text).await,
        Place::Operation { service, action } => {
            send::to_operation(ctx, &role, (&service, &action), &text).await
        }
    }
}

/// To the queue for dead letters, with what went wrong.
async fn bury(ctx: &Ctx, one: &Invocation, dead: Dead) -> Result<()> {
    let (scope, name) = letters(one.target.dead_letters.as_deref().unwrap_or_default(), ctx.partition())?;
    let (text, attributes) = (text(ctx, one), epitaph(ctx, one, dead));
    let role = send::as_role_of(ctx, one).await?;
    send::to_queue(&role, (&scope, &name), text, None, Some(attributes)).await
}

/// What is said of a call that is given up (user guide, "Configuring a dead-letter queue").
fn epitaph(
    ctx: &Ctx,
    one: &Invocation,
    (code, message, exhausted): Dead,
) -> BTreeMap<String, MessageAttributeValue> {
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
        ("RETRY_ATTEMPTS", one.course.own.retries().to_string()),
    ];
    all.extend(exhausted.map(|condition| ("EXHAUSTED_RETRY_CONDITION", condition)));
    all.into_iter().map(|(name, value)| (name.to_owned(), said(value))).collect()
}

async fn forget(ctx: &Ctx, id: &str) -> Result<Next> {
    let scope = *ctx.scope();
    ctx.write(|tx| invocation::delete(tx, &scope, id)).await?;
    ctx.own::<Underway>().done();
    Ok(Next::Done)
}
