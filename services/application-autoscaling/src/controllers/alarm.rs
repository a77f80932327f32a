//! Alarms: those of target tracking are kept as their policies want them, and what any alarm tells is asked of the target.

use std::sync::Arc;

use api_cloudwatch as cw;
use kernel::{Ctx, Event, Kind, Millis, Next, Result, Scope};
use scaling::Way;
use scaling::alarm::{Told, policy_of};

use super::target::{CONTROLLER, is_passing};
use crate::errors;
use crate::rules::tracking;
use crate::state::chore::ALARMS;
use crate::state::policy::{self, Does, Policy};
use crate::state::target::{self, By, Demand};

/// The controller that sees to alarms, by their names.
pub const CHORES: &str = "application-autoscaling/alarm";
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: Millis = 60_000;

/// The subscription to what alarms tell.
pub const NAME: &str = "application-autoscaling/alarms";

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    ctx.read(|snap| ALARMS.of_all_scopes(snap)).await
}

pub async fn reconcile(ctx: &Ctx, alarm: String) -> Result<Next> {
    let scope = *ctx.scope();
    let found = ctx
        .read(|snap| {
            let Some(id) = ALARMS.find(snap, &scope, &alarm)? else { return Ok(None) };
            let has = |one: &Policy| one.alarms.contains(&alarm);
            Ok(Some((id, policy::all(snap, &scope)?.into_iter().find(has))))
        })
        .await?;
    let Some((id, owner)) = found else { return Ok(Next::Done) };
    match settle(ctx, &alarm, Some(&id), owner.as_ref()).await {
        // Whoever put the policy is told so, or was; there is nothing to be made.
        Err(error) if !is_passing(&error) => tracing::debug!(alarm, %error, "an alarm cannot be made"),
        other => other?,
    }
    Ok(Next::Done)
}

/// Makes the alarms of a policy that was just put, and deletes those of before that it has no more.
///
/// # Errors
/// CloudWatch's. Where it refuses one, the policy is taken back.
pub async fn settle_all(ctx: &Ctx, made: &Policy, over: &[String]) -> Result<()> {
    let scope = *ctx.scope();
    let wanted = made.alarms.iter().map(|alarm| (alarm, Some(made)));
    for (alarm, owner) in wanted.chain(over.iter().map(|alarm| (alarm, None))) {
        let id = ctx.read(|snap| ALARMS.find(snap, &scope, alarm)).await?;
        settle(ctx, alarm, id.as_deref(), owner).await?;
    }
    Ok(())
}

/// Makes an alarm as its policy wants it, or deletes it where none does: as things were when its chore had this id.
async fn settle(ctx: &Ctx, alarm: &str, id: Option<&str>, owner: Option<&Policy>) -> Result<()> {
    let scope = *ctx.scope();
    let outcome = match owner {
        Some(policy) => ensure(ctx, policy, alarm).await,
        None => remove(ctx, alarm).await,
    };
    if outcome.as_ref().is_err_and(is_passing) {
        return outcome;
    }
    let is_refused = outcome.is_err();
    let again = ctx
        .write(|tx| {
            let again = ALARMS.done(tx, &scope, alarm, id)?;
            match owner {
                Some(owner) if is_refused => policy::take_back(tx, &scope, owner)?,
                Some(owner) => policy::confirm(tx, &scope, owner)?,
                None => {}
            }
            Ok(again)
        })
        .await?;
    if is_refused {
        owner.into_iter().flat_map(|owner| &owner.alarms).for_each(|alarm| ctx.nudge(CHORES, alarm));
    } else if again {
        ctx.nudge(CHORES, alarm);
    }
    outcome
}

async fn ensure(ctx: &Ctx, policy: &Policy, name: &str) -> Result<()> {
    let (Some(Does::Tracks(asked)), Some(of)) = (policy.does(), policy.key.find_dimension()) else {
        return Ok(());
    };
    let arn = policy.arn(ctx.scope());
    let alarm = cw::PutMetricAlarmInput {
        alarm_name: name.to_owned(),
        alarm_description: Some(format!("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {arn}.")),
        alarm_actions: Some(vec![arn]),
        ..tracking::alarm(&policy.key.resource, asked, of, Way::of(name))
    };
    match ctx.call_as_service(cw::op::PutMetricAlarm, alarm).await {
        Err(error) if error.kind() == Kind::Invalid => Err(errors::validation(error.message())),
        other => other.map(drop),
    }
}

async fn remove(ctx: &Ctx, name: &str) -> Result<()> {
    let request = cw::DeleteAlarmsInput { alarm_names: vec![name.to_owned()] };
    match ctx.call_as_service(cw::op::DeleteAlarms, request).await {
        Err(error) if error.kind() != Kind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// An alarm does its action, where that is a policy here.
pub async fn take(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let Some(named) = policy_of(&event.detail) else { return Ok(()) };
    let (ctx, scope) = (ctx.in_scope(event.scope), event.scope);
    let touched = ctx
        .write(|tx| {
            if !tx.first_time(NAME, &event)? {
                return Ok(None);
            }
            let Some(policy) = policy::find_by_arn(tx, &scope, named)? else { return Ok(None) };
            let Some(mut target) = target::find(tx, &scope, &policy.key)? else { return Ok(None) };
            let by = By::Policy { name: policy.name().to_owned(), told: Told::of(&event.detail) };
            target.demand(Demand { id: tx.ctx().ids().uuid(), by });
            target::put(tx, &scope, &target)?;
            Ok(Some(target.key.text()))
        })
        .await?;
    if let Some(key) = touched {
        ctx.nudge(CONTROLLER, &key);
    }
    Ok(())
}

/// Whether the low alarms of these have all gone off: capacity goes only where no policy would keep it.
///
/// # Errors
/// CloudWatch's.
pub async fn all_low(ctx: &Ctx, policies: &[Policy]) -> Result<bool> {
    let low = |one: &Policy| one.alarms.iter().find(|name| Way::of(name) == Way::Low).cloned();
    let names: Vec<String> = policies.iter().filter_map(low).collect();
    if names.is_empty() {
        return Ok(true);
    }
    let request = cw::DescribeAlarmsInput { alarm_names: Some(names.clone()), ..Default::default() };
    let found = ctx.call_as_service(cw::op::DescribeAlarms, request).await?;
    let alarms = found.metric_alarms.unwrap_or_default();
    Ok(alarms.iter().filter(|one| one.state_value.as_deref() == Some("ALARM")).count() == names.len())
}
