//! What an instance refresh does next. Pure: facts in, one step out.

use api_autoscaling as api;
use kernel::{Millis, Result};

use crate::errors;
use crate::state::group::Group;
use crate::state::instance::{Instance, Origin, Stage, Wish};
use crate::state::refresh::{Refresh, Status};

/// What AWS does where nothing is said.
const MIN_HEALTHY: i32 = 90;
const MAX_HEALTHY: i32 = 100;
const CHECKPOINT_DELAY_S: i32 = 3_600;
/// How long it waits for instances that are protected or stand by (API reference, "RefreshPreferences").
const PATIENCE_MS: Millis = 3_600_000;
/// How often alarms are asked for while nothing else is done.
const ALARMS_EVERY_MS: Millis = 1_000;
/// Launches that fail in a row before the refresh does.
pub const FAILURES_MAX: u32 = 3;

/// # Errors
/// What no refresh may be.
pub fn check(asked: &api::StartInstanceRefreshType) -> Result<()> {
    if asked.strategy.as_deref().is_some_and(|strategy| strategy != "Rolling") {
        return Err(errors::validation("Only the strategy Rolling is supported here."));
    }
    let wishes = asked.preferences.clone().unwrap_or_default();
    let percentages = wishes.checkpoint_percentages.unwrap_or_default();
    if percentages.iter().zip(percentages.iter().skip(1)).any(|(one, next)| one >= next) {
        return Err(errors::validation("CheckpointPercentages must be in ascending order."));
    }
    if percentages.is_empty() && wishes.checkpoint_delay.is_some() {
        return Err(errors::validation("CheckpointDelay must be given together with CheckpointPercentages."));
    }
    let (min, max) = (wishes.min_healthy_percentage, wishes.max_healthy_percentage);
    if let Some(max) = max
        && (min.is_none() || max - min.unwrap_or_default() > 100)
    {
        return Err(errors::validation(
            "MinHealthyPercentage must be given with MaxHealthyPercentage, at most 100 below it.",
        ));
    }
    if wishes.auto_rollback == Some(true) && asked.desired_configuration.is_none() {
        return Err(errors::validation("AutoRollback needs a DesiredConfiguration."));
    }
    if let Some(desired) = &asked.desired_configuration {
        if desired.launch_template.is_some() == desired.mixed_instances_policy.is_some() {
            return Err(errors::validation(
                "DesiredConfiguration must have either a LaunchTemplate or a MixedInstancesPolicy.",
            ));
        }
        desired.mixed_instances_policy.as_ref().map_or(Ok(()), super::group::check_mixed)?;
    }
    Ok(())
}

pub struct Facts<'a> {
    pub group: &'a Group,
    pub refresh: &'a Refresh,
    pub instances: &'a [Instance],
    /// What instances should be from.
    pub origins: &'a [Origin],
    pub failures: u32,
    /// An alarm of the refresh is in ALARM.
    pub alarm: Option<&'a str>,
    pub now: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing to do before then, or before something changes.
    Wait(Option<Millis>),
    /// Slots to be replaced, the new before the old.
    Exchange(Vec<String>),
    /// Slots to be ended, after which the group fills up again.
    End(Vec<String>),
    Checkpoint(Millis),
    PastCheckpoint,
    Bake(Millis),
    Finish(Status, Option<String>),
    RollBack(String),
}

/// The instances that the refresh still has to replace.
pub fn stale<'a>(facts: &Facts<'a>) -> Vec<&'a Instance> {
    let wishes = facts.refresh.preferences();
    let ignores = wishes.scale_in_protected_instances.as_deref() == Some("Ignore");
    let counted = facts.instances.iter().filter(|one| one.counts());
    counted
        .filter(|one| !is_new(facts, one) && one.stage != Stage::Launching && !(ignores && one.protected))
        .collect()
}

fn is_new(facts: &Facts<'_>, one: &Instance) -> bool {
    let matches = facts.refresh.preferences().skip_matching == Some(true)
        || facts.refresh.status == Status::RollbackInProgress;
    match matches {
        true => facts.origins.contains(&one.origin) && one.stage != Stage::Launching,
        false => one.refresh.as_ref() == Some(&facts.refresh.id),
    }
}

/// What is done about old instances in standby, once no others are left.
fn standby(facts: &Facts<'_>) -> Option<Step> {
    let stands_by = |one: &&Instance| one.wish == Wish::Standby && !is_new(facts, one);
    let slots: Vec<_> = facts.instances.iter().filter(stands_by).map(|one| one.slot.clone()).collect();
    match facts.refresh.preferences().standby_instances.as_deref() {
        _ if slots.is_empty() => None,
        Some("Ignore") => None,
        Some("Terminate") => Some(Step::End(slots)),
        _ => Some(patience(facts, "in Standby")),
    }
}

/// Waits for somebody to release instances, but not for ever.
fn patience(facts: &Facts<'_>, what: &str) -> Step {
    let of_it = facts.instances.iter().filter(|one| one.refresh.as_ref() == Some(&facts.refresh.id));
    let since = of_it.filter_map(|one| one.in_service_at).max().unwrap_or(facts.refresh.started_at);
    let until = since.max(facts.refresh.started_at) + PATIENCE_MS;
    if facts.now < until {
        return Step::Wait(Some(until));
    }
    Step::Finish(Status::Failed, Some(format!("Instances have been {what} for an hour.")))
}

pub fn step(facts: &Facts<'_>) -> Step {
    let (refresh, now) = (facts.refresh, facts.now);
    let wishes = refresh.preferences();
    let warmup = facts.group.warmup_ms(wishes.instance_warmup);
    let is_moving = |one: &Instance| {
        let is_warming = one.refresh.as_ref() == Some(&refresh.id)
            && one.in_service_at.is_none_or(|since| since + warmup > now);
        one.wish == Wish::Serve && (is_warming || one.replaces.is_some() || one.stage != Stage::InService)
    };
    let moving = facts.instances.iter().filter(|one| is_moving(one)).count();
    let is_short = facts.instances.iter().filter(|one| one.counts()).map(|one| one.weight).sum::<i32>()
        < facts.group.desired;
    let is_busy = moving > 0 || is_short;
    if refresh.status == Status::Cancelling {
        return if is_busy { Step::Wait(None) } else { Step::Finish(Status::Cancelled, None) };
    }
    if let Some(trouble) = trouble(facts) {
        return trouble;
    }
    if let Some(until) = refresh.waits_until {
        // Alarms are asked for meanwhile.
        let has_alarms = wishes.alarm_specification.is_some();
        return match (until > now, refresh.status) {
            (true, _) => Step::Wait(Some(if has_alarms { until.min(now + ALARMS_EVERY_MS) } else { until })),
            (false, Status::Baking) => Step::Finish(Status::Successful, None),
            (false, _) => Step::PastCheckpoint,
        };
    }
    let stale = stale(facts);
    if stale.is_empty() || is_past_last_checkpoint(facts) {
        if is_busy {
            return Step::Wait(Some(now + 1_000));
        }
        if let Some(step) = standby(facts) {
            return step;
        }
        let bake = Millis::from(wishes.bake_time.unwrap_or_default()) * 1_000;
        return match refresh.status {
            Status::RollbackInProgress => Step::Finish(Status::RollbackSuccessful, None),
            _ if bake > 0 => Step::Bake(now + bake),
            _ => Step::Finish(Status::Successful, None),
        };
    }
    let until_checkpoint = match checkpoint(facts, stale.len()) {
        Some(0) if is_busy => return Step::Wait(Some(now + 1_000)),
        Some(0) => {
            let delay = wishes.checkpoint_delay.unwrap_or(CHECKPOINT_DELAY_S);
            return Step::Checkpoint(now + Millis::from(delay) * 1_000);
        }
        Some(left) => left,
        None => stale.len(),
    };
    if facts.group.is_suspended("InstanceRefresh") {
        return Step::Wait(None);
    }
    choose(facts, &stale, until_checkpoint, moving, is_busy)
}

fn trouble(facts: &Facts<'_>) -> Option<Step> {
    let refresh = facts.refresh;
    let reason = match facts.alarm {
        Some(alarm) => format!("CloudWatch alarm {alarm} is in ALARM state."),
        None if facts.failures >= FAILURES_MAX => "New instances could not be launched.".to_owned(),
        None => return None,
    };
    Some(match refresh.status {
        Status::RollbackInProgress if facts.alarm.is_some() => return None,
        Status::RollbackInProgress => Step::Finish(Status::RollbackFailed, Some(reason)),
        _ if refresh.preferences().auto_rollback == Some(true) => Step::RollBack(reason),
        _ => Step::Finish(Status::Failed, Some(reason)),
    })
}

/// How many more may be replaced before the next checkpoint; `None` where there is none before the end.
fn checkpoint(facts: &Facts<'_>, left: usize) -> Option<usize> {
    if facts.refresh.status == Status::RollbackInProgress {
        return None;
    }
    let all = facts.refresh.preferences().checkpoint_percentages.unwrap_or_default();
    let next = all.get(facts.refresh.passed).filter(|percent| **percent < 100)?;
    let total = usize::try_from(facts.refresh.total).unwrap_or_default().max(left);
    let until = (total * usize::try_from(*next).unwrap_or_default()).div_ceil(100);
    Some(until.saturating_sub(total - left))
}

/// Whether no more than was replaced is to be: checkpoints need not lead to the end.
fn is_past_last_checkpoint(facts: &Facts<'_>) -> bool {
    let all = facts.refresh.preferences().checkpoint_percentages.unwrap_or_default();
    facts.refresh.status != Status::RollbackInProgress
        && all.last().is_some_and(|last| *last < 100)
        && facts.refresh.passed >= all.len()
}

fn choose(facts: &Facts<'_>, stale: &[&Instance], most: usize, moving: usize, is_busy: bool) -> Step {
    let (wishes, group) = (facts.refresh.preferences(), facts.group);
    let policy = group.asked.0.instance_maintenance_policy.clone().unwrap_or_default();
    let given = |one: Option<i32>, of_group: Option<i32>| one.or(of_group.filter(|percent| *percent >= 0));
    let least = given(wishes.min_healthy_percentage, policy.min_healthy_percentage).unwrap_or(MIN_HEALTHY);
    let greatest = given(wishes.max_healthy_percentage, policy.max_healthy_percentage).unwrap_or(MAX_HEALTHY);
    let refreshes = wishes.scale_in_protected_instances.as_deref() == Some("Refresh");
    let is_replaced =
        |one: &Instance| facts.instances.iter().any(|other| other.replaces.as_ref() == Some(&one.slot));
    let free: Vec<&&Instance> =
        stale.iter().filter(|one| (!one.protected || refreshes) && !is_replaced(one)).collect();
    if free.is_empty() && moving == 0 {
        return patience(facts, "protected from scale in");
    }
    let slots =
        |count: usize| free.iter().take(count.min(most)).map(|one| one.slot.clone()).collect::<Vec<_>>();
    let desired = group.desired.max(1);
    let again = Some(facts.now + 1_000);
    if greatest > 100 || least >= 100 {
        let room = usize::try_from((desired * (greatest - 100)).div_euclid(100)).unwrap_or_default().max(1);
        let chosen = slots(room.saturating_sub(moving));
        return if chosen.is_empty() { Step::Wait(again) } else { Step::Exchange(chosen) };
    }
    let healthy = facts.instances.iter().filter(|one| one.is_in_service()).count();
    let needed = usize::try_from((desired * least + 99) / 100).unwrap_or_default();
    let room = healthy.saturating_sub(moving).saturating_sub(needed);
    if room == 0 {
        // Too few to miss one: then the new comes first.
        let chosen = if is_busy { Vec::new() } else { slots(1) };
        return if chosen.is_empty() { Step::Wait(again) } else { Step::Exchange(chosen) };
    }
    let chosen = slots(room);
    if chosen.is_empty() { Step::Wait(again) } else { Step::End(chosen) }
}
