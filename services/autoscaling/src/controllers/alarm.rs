//! Alarms: made for target tracking, and what policies do when one goes off.

use std::sync::Arc;

use api_cloudwatch as cw;
use kernel::{Ctx, Event, Kind as ErrorKind, Result, Scope, Tx};
use scaling::{Way, alarm_name};
use serde_json::Value;

use super::group::CONTROLLER;
use crate::rules::cause::{self, Wanting};
use crate::rules::group::SIZE_MAX;
use crate::rules::policy as rules;
use crate::rules::tracking;
use crate::state::group::{self, Group};
use crate::state::instance::{self, Instance};
use crate::state::policy::{self, Kind, Policy};

pub const NAME: &str = "autoscaling/alarms";
pub const SOURCE: &str = "aws.cloudwatch";
pub const DETAIL_TYPE: &str = "CloudWatch Alarm Action";

/// The names of a policy's own alarms, as AWS makes them.
pub fn names(group: &str, uuids: [String; 2], scales_in: bool) -> Vec<String> {
    let [high, low] = uuids;
    let mut names = vec![alarm_name(group, Way::High, &high)];
    names.extend(scales_in.then(|| alarm_name(group, Way::Low, &low)));
    names
}

/// Makes the alarms of a policy, or makes them as they should be.
///
/// # Errors
/// CloudWatch's.
pub async fn ensure(ctx: &Ctx, policy: &Policy) -> Result<()> {
    let Some(asked) = &policy.asked.0.target_tracking_configuration else { return Ok(()) };
    let arn = policy.arn(ctx.scope());
    for name in &policy.alarms {
        let alarm = cw::PutMetricAlarmInput {
            alarm_name: name.clone(),
            alarm_description: Some(format!(
                "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {arn}."
            )),
            alarm_actions: Some(vec![arn.clone()]),
            ..tracking::alarm(policy.group(), asked, Way::of(name))
        };
        match ctx.call_as_service(cw::op::PutMetricAlarm, alarm).await {
            Err(error) if error.kind() == ErrorKind::Invalid => {
                return Err(crate::errors::validation(error.message()));
            }
            other => other?,
        }
    }
    Ok(())
}

/// # Errors
/// CloudWatch's.
pub async fn remove(ctx: &Ctx, names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let request = cw::DeleteAlarmsInput { alarm_names: names.to_vec() };
    match ctx.call_as_service(cw::op::DeleteAlarms, request).await {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What an alarm told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    alarm: String,
    state: String,
    threshold: Option<f64>,
    /// The newest first.
    values: Vec<f64>,
}

impl Told {
    fn of(event: &Event) -> Self {
        let text = |key: &str| event.detail.get(key).and_then(Value::as_str).unwrap_or_default();
        let data: Value = serde_json::from_str(text("NewStateReasonData")).unwrap_or_default();
        let points = data.get("evaluatedDatapoints").and_then(Value::as_array);
        let values = points.into_iter().flatten().filter_map(|point| point.get("value")?.as_f64());
        Self {
            alarm: text("AlarmName").to_owned(),
            state: text("NewStateValue").to_owned(),
            threshold: event.detail.get("Trigger").and_then(|trigger| trigger.get("Threshold")?.as_f64()),
            values: values.collect(),
        }
    }
}

/// An alarm does its action, where that is a policy here.
pub async fn take(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let action = event.detail.get("action").and_then(Value::as_str).unwrap_or_default();
    if !action.contains(":autoscaling:") {
        return Ok(());
    }
    let (ctx, scope) = (ctx.in_scope(event.scope), event.scope);
    let told = Told::of(&event);
    let touched = ctx
        .write(|tx| {
            if !tx.first_time(NAME, &event)? {
                return Ok(None);
            }
            let Some(policy) = policy::find_by_arn(tx, &scope, action)? else { return Ok(None) };
            let Some(group) = group::find(tx, &scope, policy.group())? else { return Ok(None) };
            if !policy.is_enabled() || group.is_suspended("AlarmNotification") || group.is_deleting {
                return Ok(None);
            }
            let name = policy.name();
            let (alarm, state) = (&*told.alarm, &*told.state);
            let wanting = Wanting::Alarm { alarm, state, policy: name };
            act(tx, &scope, group, &policy, &told, &wanting)
        })
        .await?;
    if let Some(name) = touched {
        ctx.nudge(CONTROLLER, &name);
    }
    Ok(())
}

/// What one asks of a policy directly.
pub fn asked(metric: Option<f64>, threshold: Option<f64>) -> Told {
    Told { threshold, values: metric.into_iter().collect(), ..Told::default() }
}

/// Does a policy: another capacity, if that is what comes of it. Gives the group's name then.
///
/// # Errors
/// When the store fails.
pub fn act(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    mut group: Group,
    policy: &Policy,
    told: &Told,
    wanting: &Wanting<'_>,
) -> Result<Option<String>> {
    let now = tx.ctx().now();
    let instances = instance::of_group(tx, scope, group.name())?;
    let Some(wanted) = wanted(&group, &instances, policy, told, now) else { return Ok(None) };
    let wanted = wanted.max(group.floor()).min(group.ceiling());
    if wanted == group.desired {
        return Ok(None);
    }
    group.cause = Some(cause::desired(now, wanting, group.desired, wanted));
    group.desired = wanted;
    if policy.kind() == Kind::Simple {
        let seconds = policy.asked.0.cooldown.unwrap_or_else(|| group.cooldown_s());
        group.cooldown_until = now + i64::from(seconds) * 1_000;
    }
    group::put(tx, scope, &group)?;
    Ok(Some(group.name().to_owned()))
}

/// The capacity a policy wants; `None` where it has nothing to say.
fn wanted(group: &Group, instances: &[Instance], policy: &Policy, told: &Told, now: i64) -> Option<i32> {
    let asked = &policy.asked.0;
    let warmup = group.warmup_ms(asked.estimated_instance_warmup);
    let is_warm =
        |one: &&Instance| one.counts() && one.in_service_at.is_some_and(|since| since + warmup <= now);
    let warm: i32 = instances.iter().filter(is_warm).map(|one| one.weight).sum();
    // What is on its way, or warming up, does not count yet.
    let steady = warm.min(group.desired);
    let is_settled = steady == group.desired;
    match policy.kind() {
        Kind::Simple => {
            let adjustment = asked.scaling_adjustment?;
            (group.cooldown_until <= now).then(|| rules::adjusted(asked, group.desired, adjustment))
        }
        Kind::Step => {
            let seen = scaling::aggregate(asked.metric_aggregation_type.as_deref(), &told.values)?;
            let adjustment = scaling::step_for(&rules::steps(asked), seen - told.threshold?)?;
            // What is warming up was added for this already.
            let wanted = rules::adjusted(asked, steady, adjustment);
            if wanted >= steady { Some(wanted.max(group.desired)) } else { is_settled.then_some(wanted) }
        }
        Kind::TargetTracking => {
            let configuration = asked.target_tracking_configuration.as_ref()?;
            let seen = *told.values.first()?;
            let wanted = scaling::capacity(steady, seen, configuration.target_value, SIZE_MAX);
            match Way::of(&told.alarm) {
                Way::High => Some(wanted.max(group.desired)),
                Way::Low if configuration.disable_scale_in == Some(true) || !is_settled => None,
                Way::Low => Some(wanted.min(group.desired)),
            }
        }
        Kind::Predictive => None,
    }
}
