//! Alarms: those of target tracking are kept as their policies want them, and what any alarm tells is asked of the target.

use std::sync::Arc;

use api_cloudwatch as cw;
use kernel::{Ctx, Event, Kind, Millis, Next, Result, Scope};
use scaling::Way;
use serde_json::Value;

use super::target::CONTROLLER;
use crate::errors;
use crate::rules::tracking;
use crate::state::chore;
use crate::state::policy::{self, Does, Policy};
use crate::state::target::{self, By, Demand, Told};

/// The controller that sees to alarms, by their names.
pub const CHORES: &str = "application-autoscaling/alarm";
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: Millis = 60_000;

/// The subscription to what alarms tell.
pub const NAME: &str = "application-autoscaling/alarms";
pub const SOURCE: &str = "aws.cloudwatch";
pub const DETAIL_TYPE: &str = "CloudWatch Alarm Action";

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    ctx.read(|snap| chore::of_all_scopes(snap)).await
}

pub async fn reconcile(ctx: &Ctx, alarm: String) -> Result<Next> {
    match settle(ctx, &alarm).await {
        // Whoever put the policy is told so, or was; there is nothing to be made.
        Err(error) if error.kind() == Kind::Invalid => {
            tracing::debug!(alarm, %error, "an alarm cannot be made");
        }
        other => other?,
    }
    Ok(Next::Done)
}

/// Makes an alarm as the policy that has it wants it, or deletes it where none has.
///
/// # Errors
/// CloudWatch's. What it refuses is not tried again.
pub async fn settle(ctx: &Ctx, alarm: &str) -> Result<()> {
    let scope = *ctx.scope();
    let found = ctx
        .read(|snap| {
            let Some(id) = chore::find(snap, &scope, alarm)? else { return Ok(None) };
            let has = |one: &Policy| one.alarms.iter().any(|own| own == alarm);
            Ok(Some((id, policy::all(snap, &scope)?.into_iter().find(has))))
        })
        .await?;
    let Some((id, owner)) = found else { return Ok(()) };
    let outcome = match &owner {
        Some(policy) => ensure(ctx, policy, alarm).await,
        None => remove(ctx, alarm).await,
    };
    if outcome.as_ref().err().is_none_or(|error| error.kind() == Kind::Invalid) {
        ctx.write(|tx| chore::done(tx, &scope, alarm, &id)).await?;
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

fn told(event: &Event) -> Told {
    let text = |key: &str| event.detail.get(key).and_then(Value::as_str).unwrap_or_default();
    let data: Value = serde_json::from_str(text("NewStateReasonData")).unwrap_or_default();
    let points = data.get("evaluatedDatapoints").and_then(Value::as_array);
    let values = points.into_iter().flatten().filter_map(|point| point.get("value")?.as_f64());
    Told {
        alarm: text("AlarmName").to_owned(),
        state: text("NewStateValue").to_owned(),
        threshold: event.detail.get("Trigger").and_then(|trigger| trigger.get("Threshold")?.as_f64()),
        values: values.collect(),
    }
}

/// An alarm does its action, where that is a policy here.
pub async fn take(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let action = event.detail.get("action").and_then(Value::as_str).unwrap_or_default();
    if !action.contains(":autoscaling:") {
        return Ok(());
    }
    let (ctx, scope) = (ctx.in_scope(event.scope), event.scope);
    let touched = ctx
        .write(|tx| {
            if !tx.first_time(NAME, &event)? {
                return Ok(None);
            }
            let Some(policy) = policy::find_by_arn(tx, &scope, action)? else { return Ok(None) };
            let Some(mut target) = target::find(tx, &scope, &policy.key)? else { return Ok(None) };
            let by = By::Policy { name: policy.name().to_owned(), told: told(&event) };
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
