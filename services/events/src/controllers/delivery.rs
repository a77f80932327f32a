//! One delivery: tried until the target has it, then forgotten; or sent to the dead letters.

use std::collections::BTreeMap;

use api_sqs::MessageAttributeValue;
use kernel::{Ctx, Millis, Next, Result, Scope};
use retry::{Dead, Tally, Underway};

use super::send;
use crate::errors;
use crate::rules::arn::DEFAULT;
use crate::rules::dead_letter;
use crate::rules::target::{Place, place};
use crate::rules::transform::About;
use crate::state::delivery::{self, Delivery};

pub const NAME: &str = "events/delivery";
pub const CONCURRENCY: usize = 32;
pub const SWEEP_EVERY_MS: Millis = 60_000;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    ctx.read(|snap| delivery::ids_of_all_scopes(snap)).await
}

/// Counts what was begun, and has it looked at now.
pub fn hand_over(ctx: &Ctx, ids: &[String]) {
    ctx.own::<Underway>().add(ids.len());
    ids.iter().for_each(|id| ctx.nudge(NAME, id));
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let scope = *ctx.scope();
    let Some(mut one) = ctx.read(|snap| delivery::find(snap, &scope, &id)).await? else {
        return Ok(Next::Done);
    };
    let (now, due_at) = (ctx.now(), one.course.due_at());
    if now < due_at {
        return Ok(Next::After(due_at - now));
    }
    let dead = one.course.dead.clone();
    let is_letter = dead.is_some();
    let sent = match dead {
        None => deliver(ctx, &one).await,
        Some(dead) => bury(ctx, &one, dead).await,
    };
    let Err(error) = sent else {
        count(ctx, &one, is_letter, true, true);
        return forget(ctx, &id).await;
    };
    tracing::debug!(rule = one.rule, target = one.target.arn, %error, "a delivery failed");
    let (policy, has_letters) = (one.target.retry.unwrap_or_default(), one.target.dead_letters.is_some());
    let code = dead_letter::code(&error);
    let tried = one.clone();
    let at = one.course.failed(ctx, policy, (&error, code), has_letters);
    let is_over = at.is_none() || one.course.dead.is_some() != is_letter;
    count(ctx, &tried, is_letter, false, is_over);
    let Some(at) = at else { return forget(ctx, &id).await };
    ctx.write(|tx| delivery::put(tx, &scope, &one)).await?;
    Ok(if at > now { Next::After(at - now) } else { Next::Now })
}

/// Counts what came of a try of a delivery, as it was before it, or of its dead letter (user guide, "Monitoring Amazon
/// EventBridge").
fn count(ctx: &Ctx, one: &Delivery, is_letter: bool, is_done: bool, is_over: bool) {
    let mut of = vec![("RuleName", one.rule.as_str())];
    if one.bus != DEFAULT {
        of.insert(0, ("EventBusName", &one.bus));
    }
    let add = |metric, happened| {
        if happened {
            ctx.own::<Tally>().add(*ctx.scope(), &of, metric);
        }
    };
    let (is_first, is_try) = (one.course.own.tries == 0, !is_letter);
    add("TriggeredRules", is_try && is_first && one.leads);
    add("InvocationAttempts", is_try);
    add("RetryInvocationAttempts", is_try && !is_first);
    add("SuccessfulInvocationAttempts", is_try && is_done);
    add("Invocations", is_try && is_over);
    add("FailedInvocations", is_try && is_over && !is_done);
    add("InvocationsSentToDlq", is_letter && is_done);
    add("InvocationsFailedToBeSentToDlq", is_letter && is_over && !is_done);
}

async fn deliver(ctx: &Ctx, one: &Delivery) -> Result<()> {
    let about = About { rule_arn: &one.rule_arn, rule_name: &one.rule, taken_at: one.course.own.begun_at };
    let text = one.target.input.of(&one.event, &about).map_err(errors::no_input)?;
    match place(&one.target.arn)? {
        Place::Queue { scope, name } => send::to_queue(ctx, one, (&scope, &name), text).await,
        Place::Bus(bus) => send::to_bus(ctx, one, &bus).await,
        Place::LogGroup { scope, name } => send::to_log_group(ctx, one, (&scope, name), text).await,
        Place::Action { scope, action } => send::act(ctx, one, &scope, action, &text).await,
    }
}

/// To the queue for dead letters, with what went wrong.
async fn bury(ctx: &Ctx, one: &Delivery, (code, message, exhausted): Dead) -> Result<()> {
    let queue = one.target.dead_letters.as_deref().unwrap_or_default();
    let Place::Queue { scope, name } = place(queue)? else { return Err(errors::no_letters()) };
    let mut attributes = BTreeMap::new();
    let mut say = |name: &str, value: String| {
        let value = MessageAttributeValue {
            data_type: "String".to_owned(),
            string_value: Some(value),
            ..MessageAttributeValue::default()
        };
        attributes.insert(name.to_owned(), value);
    };
    say("RULE_ARN", one.rule_arn.clone());
    say("TARGET_ARN", one.target.arn.clone());
    say("ERROR_CODE", code);
    say("ERROR_MESSAGE", if message.is_empty() { "-".to_owned() } else { message });
    if let Some(condition) = exhausted {
        say("EXHAUSTED_RETRY_CONDITION", condition);
        say("RETRY_ATTEMPTS", one.course.own.retries().to_string());
    }
    send::to_dead_letters(ctx, one, (&scope, &name), attributes).await
}

async fn forget(ctx: &Ctx, id: &str) -> Result<Next> {
    let scope = *ctx.scope();
    ctx.write(|tx| delivery::delete(tx, &scope, id)).await?;
    ctx.own::<Underway>().done();
    Ok(Next::Done)
}
