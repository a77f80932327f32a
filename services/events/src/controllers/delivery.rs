//! One delivery: tried until the target has it, then forgotten; or sent to the dead letters.

use std::collections::BTreeMap;

use api_sqs::MessageAttributeValue;
use kernel::{Ctx, Error, Kind, Millis, Next, Result, Scope};
use retry::{Policy, Then};

use super::send;
use crate::rules::dead_letter;
use crate::rules::target::{Place, place};
use crate::rules::transform::About;
use crate::state::delivery::{self, Delivery, Underway};

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
    let now = ctx.now();
    if now < one.due_at {
        return Ok(Next::After(one.due_at - now));
    }
    if one.dead.is_some() {
        return bury(ctx, one).await;
    }
    let Err(error) = deliver(ctx, &one).await else { return forget(ctx, &id).await };
    one.tries += 1;
    let policy = one.target.retry.unwrap_or_default();
    let exhausted = match policy.plan(one.begun_at, one.tries, now, &error, retry::chance(ctx)) {
        Then::TryAt(at) => {
            tracing::debug!(rule = one.rule, target = one.target.arn, %error, "a delivery will be tried again");
            one.due_at = at;
            ctx.write(|tx| delivery::put(tx, &scope, &one)).await?;
            return Ok(Next::After(at - now));
        }
        Then::GiveUp => None,
        Then::Exhausted(condition) => Some(condition.to_owned()),
    };
    tracing::debug!(rule = one.rule, target = one.target.arn, %error, "a delivery is given up");
    if one.target.dead_letters.is_none() {
        return forget(ctx, &id).await;
    }
    one.dead = Some((dead_letter::code(&error).to_owned(), error.message().to_owned(), exhausted));
    ctx.write(|tx| delivery::put(tx, &scope, &one)).await?;
    Ok(Next::Now)
}

async fn deliver(ctx: &Ctx, one: &Delivery) -> Result<()> {
    let about = About { rule_arn: &one.rule_arn, rule_name: &one.rule, taken_at: one.begun_at };
    let invalid = || Error::new(Kind::Invalid, "INVALID_JSON", "The input of the target is not valid JSON.");
    let text = one.target.input.of(&one.event, &about).ok_or_else(invalid)?;
    match place(&one.target.arn)? {
        Place::Queue { scope, name } => {
            let group = one.target.group.clone();
            send::to_queue(ctx, &one.rule_arn, (&scope, &name), text, group, None).await
        }
        Place::Bus(bus) => send::to_bus(ctx, one, &bus).await,
        Place::LogGroup { scope, name } => send::to_log_group(ctx, one, (&scope, name), text).await,
        Place::Action { scope, action } => send::act(ctx, one, &scope, action, &text).await,
    }
}

/// To the queue for dead letters, with what went wrong; given up when that queue does not take it.
async fn bury(ctx: &Ctx, mut one: Delivery) -> Result<Next> {
    let scope = *ctx.scope();
    let arn = one.target.dead_letters.clone().unwrap_or_default();
    let (Ok(Place::Queue { scope: of_queue, name }), Some((code, message, exhausted))) =
        (place(&arn), one.dead.clone())
    else {
        return forget(ctx, &one.id).await;
    };
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
        say("RETRY_ATTEMPTS", (one.tries - 1).to_string());
    }
    let sent =
        send::to_queue(ctx, &one.rule_arn, (&of_queue, &name), one.event.text(), None, Some(attributes))
            .await;
    let Err(error) = sent else { return forget(ctx, &one.id).await };
    one.tries += 1;
    let now = ctx.now();
    match Policy::default().plan(one.begun_at, one.tries, now, &error, retry::chance(ctx)) {
        Then::TryAt(at) => {
            one.due_at = at;
            ctx.write(|tx| delivery::put(tx, &scope, &one)).await?;
            Ok(Next::After(at - now))
        }
        Then::GiveUp | Then::Exhausted(_) => {
            tracing::debug!(rule = one.rule, queue = arn, %error, "a dead letter is lost");
            forget(ctx, &one.id).await
        }
    }
}

async fn forget(ctx: &Ctx, id: &str) -> Result<Next> {
    let scope = *ctx.scope();
    ctx.write(|tx| delivery::delete(tx, &scope, id)).await?;
    ctx.own::<Underway>().done();
    Ok(Next::Done)
}
