//! Alarms: those of target tracking are kept as their policies want them, and what policies do when one goes off.

use std::sync::Arc;

use api_cloudwatch as cw;
use kernel::{Ctx, Error, Event, Millis, Reader, Result, Scope, Tx};
use scaling::Way;
use scaling::alarm::{self, Told};
use scaling::chore::Chores;
use scaling::owner::{Owner, Trial};

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

pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: Millis = 60_000;

/// The subscription to what alarms tell.
pub const NAME: &str = "autoscaling/alarms";

impl Owner for Policy {
    const CONTROLLER: &'static str = "autoscaling/alarm";

    fn chores() -> &'static Chores {
        &ALARMS
    }

    fn having(from: &mut impl Reader, scope: &Scope, alarm: &str) -> Result<Option<Self>> {
        Ok(policy::all(from, scope)?.into_iter().find(|one| one.alarms.iter().any(|name| name == alarm)))
    }

    fn alarms(&self) -> &[String] {
        &self.alarms
    }

    fn arn(&self, scope: &Scope) -> String {
        self.arn(scope)
    }

    fn alarm(&self, name: &str) -> Option<cw::PutMetricAlarmInput> {
        let asked = self.asked.0.target_tracking_configuration.as_ref()?;
        Some(tracking::alarm(self.group(), asked, Way::of(name)))
    }

    fn trial(&self) -> Option<&Trial<Self>> {
        self.trial.as_ref()
    }

    fn take_trial(&mut self) -> Option<Trial<Self>> {
        self.trial.take()
    }

    fn is_stored(&self, from: &mut impl Reader, scope: &Scope) -> Result<bool> {
        policy::is_stored(from, scope, self)
    }

    fn put(&self, tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<()> {
        policy::put(tx, scope, self)
    }

    fn hold(&self, tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<()> {
        policy::hold(tx, scope, self)
    }

    fn delete(&self, tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<()> {
        policy::delete(tx, scope, self)
    }

    fn refusal(why: &str) -> Error {
        errors::validation(why)
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
