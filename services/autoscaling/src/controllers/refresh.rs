//! Replaces the instances of a group by new ones, a few at a time.

use api_cloudwatch as cw;
use kernel::{Ctx, Event, Millis, Result, Scope, Tx};
use serde_json::json;

use super::activity::{Doing, SOURCE};
use super::group::begin;
use super::instance::turn;
use super::launch::Source;
use crate::rules::cause;
use crate::rules::plan::New;
use crate::rules::refresh::{Facts, Step, stale, step};
use crate::state::group::{self, Group};
use crate::state::instance::{self, Instance, Origin, Wish};
use crate::state::refresh::{self, Refresh, Rollback, Status};

/// What new instances are made from: what the refresh under way asks for, else what the group does.
///
/// # Errors
/// When the store fails.
pub async fn source_of(ctx: &Ctx, group: &Group) -> Result<Source> {
    let (scope, name) = (*ctx.scope(), group.name());
    let active = ctx.read(|snap| refresh::active(snap, &scope, name)).await?;
    Ok(active.as_ref().map_or_else(|| Source::of_group(group), |active| source(active, group)))
}

fn source(refresh: &Refresh, group: &Group) -> Source {
    match &refresh.asked.0.desired_configuration {
        Some(desired) if refresh.status.leads() => {
            Source::of(None, desired.launch_template.as_ref(), desired.mixed_instances_policy.as_ref())
        }
        _ => Source::of_group(group),
    }
}

/// One step of the refresh under way; gives when to look again, and the instances it touched.
///
/// # Errors
/// When EC2, CloudWatch or the store cannot answer.
pub async fn go_on(ctx: &Ctx, group: &Group, source: &Source) -> Result<(Option<Millis>, Vec<String>)> {
    let (scope, name) = (*ctx.scope(), group.name());
    let Some(active) = ctx.read(|snap| refresh::active(snap, &scope, name)).await? else {
        return Ok((None, Vec::new()));
    };
    let origins = match source.origins(ctx).await {
        Ok(origins) => origins,
        Err(error) if error.kind() == kernel::Kind::Invalid => Vec::new(),
        Err(error) => return Err(error),
    };
    let alarm = alarm_of(ctx, &active).await?;
    ctx.write(|tx| take_step(tx, &scope, name, (source, &origins), alarm.as_deref())).await
}

/// The first alarm of the refresh that is in ALARM.
async fn alarm_of(ctx: &Ctx, active: &Refresh) -> Result<Option<String>> {
    let names = active.preferences().alarm_specification.and_then(|one| one.alarms).unwrap_or_default();
    if names.is_empty() {
        return Ok(None);
    }
    let request = cw::DescribeAlarmsInput {
        alarm_names: Some(names),
        state_value: Some("ALARM".to_owned()),
        ..Default::default()
    };
    let found = ctx.call_as_service(cw::op::DescribeAlarms, request).await?;
    Ok(found.metric_alarms.into_iter().flatten().filter_map(|one| one.alarm_name).next())
}

fn take_step(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    name: &str,
    (source, origins): (&Source, &[Origin]),
    alarm: Option<&str>,
) -> Result<(Option<Millis>, Vec<String>)> {
    let now = tx.ctx().now();
    let mut touched = Vec::new();
    let (Some(mut active), Some(group)) = (refresh::active(tx, scope, name)?, group::find(tx, scope, name)?)
    else {
        return Ok((None, touched));
    };
    let instances = instance::of_group(tx, scope, name)?;
    let failures = group::memory(tx, scope, name)?.failures;
    let facts =
        Facts { group: &group, refresh: &active, instances: &instances, origins, failures, alarm, now };
    let left = i32::try_from(stale(&facts).len()).unwrap_or(i32::MAX);
    let next = step(&facts);
    let before = (active.left, active.total, active.status);
    active.left = left;
    active.total = active.total.max(left);
    if active.status == Status::Pending {
        active.status = Status::InProgress;
    }
    let mut again_at = Some(now);
    match next {
        Step::Wait(until) => again_at = until,
        Step::Exchange(slots) => exchange(tx, &group, &instances, (source, &slots), &mut touched)?,
        Step::End(slots) => {
            for mut one in instances.iter().filter(|one| slots.contains(&one.slot)).cloned() {
                let words = cause::unhealthy(now, cause::REFRESH);
                turn(tx, &group, &mut one, Wish::Terminate, (Doing::Terminate, &words))?;
                instance::put(tx, scope, &one)?;
                touched.push(one.key());
            }
        }
        Step::Checkpoint(until) => {
            active.waits_until = Some(until);
            tell(tx, scope, &group, &active, "EC2 Auto Scaling Instance Refresh Checkpoint Reached")?;
        }
        Step::PastCheckpoint => {
            active.waits_until = None;
            active.passed += 1;
        }
        Step::Bake(until) => {
            active.status = Status::Baking;
            active.waits_until = Some(until);
        }
        Step::RollBack(reason) => roll_back(tx, scope, &mut active, reason)?,
        Step::Finish(status, reason) => {
            finish(tx, scope, &group, &mut active, (status, reason))?;
            again_at = None;
        }
    }
    let is_other = before != (active.left, active.total, active.status);
    if is_other || !matches!(again_at, Some(at) if at > now) {
        refresh::put(tx, scope, &active)?;
    }
    Ok((again_at, touched))
}

fn exchange(
    tx: &mut Tx<'_, '_>,
    group: &Group,
    instances: &[Instance],
    (source, slots): (&Source, &[String]),
    touched: &mut Vec<String>,
) -> Result<()> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    for mut old in instances.iter().filter(|one| slots.contains(&one.slot)).cloned() {
        old.why = Some(cause::REFRESH.to_owned());
        instance::put(tx, &scope, &old)?;
        let place = group.places.iter().find(|place| **place == old.place).or(group.places.first());
        let Some(place) = place.cloned() else { continue };
        let replaces = Some(old.slot.clone());
        let cause = cause::launched_for(now, cause::REFRESH);
        let new = New { place, cause, replaces, from_pool: None, wish: Wish::Serve };
        let there: Vec<&Instance> =
            instances.iter().filter(|one| one.counts() && one.slot != old.slot).collect();
        touched.push(begin(tx, group, instances, &new, source.next_is_spot(&there))?.key());
    }
    Ok(())
}

/// Begins the way back to what the group was made from.
pub fn roll_back(tx: &mut Tx<'_, '_>, scope: &Scope, active: &mut Refresh, reason: String) -> Result<()> {
    let now = tx.ctx().now();
    let name = active.group().to_owned();
    let mut memory = group::memory(tx, scope, &name)?;
    (memory.failures, memory.retry_at) = (0, 0);
    group::remember(tx, scope, &name, &memory)?;
    let percentage = active.percentage();
    active.rollback = Some(Rollback { reason, started_at: now, percentage, left: active.left });
    active.status = Status::RollbackInProgress;
    active.waits_until = None;
    (active.total, active.left) = (0, 0);
    Ok(())
}

fn finish(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    group: &Group,
    active: &mut Refresh,
    (status, reason): (Status, Option<String>),
) -> Result<()> {
    active.status = status;
    active.reason = reason;
    active.ended_at = Some(tx.ctx().now());
    active.waits_until = None;
    if status == Status::Successful
        && let Some(desired) = active.asked.0.desired_configuration.clone()
    {
        let mut group = group.clone();
        let asked = &mut group.asked.0;
        asked.launch_configuration_name = None;
        asked.launch_template = desired.launch_template;
        asked.mixed_instances_policy = desired.mixed_instances_policy;
        group::put(tx, scope, &group)?;
    }
    let what = match status {
        Status::Successful => "EC2 Auto Scaling Instance Refresh Succeeded",
        Status::Cancelled => "EC2 Auto Scaling Instance Refresh Cancelled",
        Status::RollbackSuccessful => "EC2 Auto Scaling Instance Refresh Rollback Succeeded",
        Status::RollbackFailed => "EC2 Auto Scaling Instance Refresh Rollback Failed",
        _ => "EC2 Auto Scaling Instance Refresh Failed",
    };
    tell(tx, scope, group, active, what)
}

fn tell(tx: &mut Tx<'_, '_>, scope: &Scope, group: &Group, active: &Refresh, what: &str) -> Result<()> {
    let detail = json!({ "AutoScalingGroupName": group.name(), "InstanceRefreshId": active.id });
    let event = Event::new(tx.ctx(), SOURCE, what, vec![group.arn(scope)], detail);
    tx.publish(&event)
}
