//! Alarms: those of target tracking are kept as their policies want them, and what policies do when one goes off.

use std::sync::Arc;

use api_cloudwatch as cw;
use kernel::{Ctx, Error, Event, Kind as ErrorKind, Millis, Next, Result, Scope, Tx};
use scaling::Way;
use scaling::alarm::{self, Told};

use super::group::CONTROLLER;
use crate::errors;
use crate::rules::cause::{self, Wanting};
use crate::rules::group::SIZE_MAX;
use crate::rules::policy as rules;
use crate::rules::tracking;
use crate::state::chore::ALARMS;
use crate::state::group::{self, Group};
use crate::state::instance::{self, Instance};
use crate::state::policy::{self, Kind, Policy};

/// The controller that sees to alarms, by their names.
pub const CHORES: &str = "autoscaling/alarm";
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: Millis = 60_000;

/// The subscription to what alarms tell.
pub const NAME: &str = "autoscaling/alarms";

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
    let wanted = made.alarms.iter().map(|alarm| (alarm, Some(made)));
    for (alarm, owner) in wanted.chain(over.iter().map(|alarm| (alarm, None))) {
        settle_now(ctx, alarm, owner).await?;
    }
    Ok(())
}

/// Deletes the alarms of a policy that is no more: those that cannot be now, soon.
pub async fn remove_all(ctx: &Ctx, alarms: &[String]) {
    for alarm in alarms {
        if let Err(error) = settle_now(ctx, alarm, None).await {
            tracing::debug!(alarm, %error, "an alarm cannot be deleted yet");
            ctx.nudge(CHORES, alarm);
        }
    }
}

async fn settle_now(ctx: &Ctx, alarm: &str, owner: Option<&Policy>) -> Result<()> {
    let scope = *ctx.scope();
    let id = ctx.read(|snap| ALARMS.find(snap, &scope, alarm)).await?;
    settle(ctx, alarm, id.as_deref(), owner).await
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

/// Whether trying again may help.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Internal | ErrorKind::Unavailable | ErrorKind::Throttled)
}

async fn ensure(ctx: &Ctx, policy: &Policy, name: &str) -> Result<()> {
    let Some(asked) = &policy.asked.0.target_tracking_configuration else { return Ok(()) };
    let arn = policy.arn(ctx.scope());
    let alarm = cw::PutMetricAlarmInput {
        alarm_name: name.to_owned(),
        alarm_description: Some(format!("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {arn}.")),
        alarm_actions: Some(vec![arn]),
        ..tracking::alarm(policy.group(), asked, Way::of(name))
    };
    match ctx.call_as_service(cw::op::PutMetricAlarm, alarm).await {
        Err(error) if error.kind() == ErrorKind::Invalid => Err(errors::validation(error.message())),
        other => other.map(drop),
    }
}

async fn remove(ctx: &Ctx, name: &str) -> Result<()> {
    let request = cw::DeleteAlarmsInput { alarm_names: vec![name.to_owned()] };
    match ctx.call_as_service(cw::op::DeleteAlarms, request).await {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// An alarm does its action, where that is a policy here.
pub async fn take(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    let Some(named) = alarm::policy_of(&event.detail) else { return Ok(()) };
    let (ctx, scope) = (ctx.in_scope(event.scope), event.scope);
    let told = Told::of(&event.detail);
    let touched = ctx
        .write(|tx| {
            if !tx.first_time(NAME, &event)? {
                return Ok(None);
            }
            let Some(policy) = policy::find_by_arn(tx, &scope, named)? else { return Ok(None) };
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
