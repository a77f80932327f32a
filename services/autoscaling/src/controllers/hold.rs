//! Where an instance waits for its lifecycle hooks.

use kernel::{Ctx, Event, Millis, Next, Result, Tx};
use serde_json::json;

use super::activity::{self, Doing, Outcome, SOURCE};
use super::instance::{Look, turn};
use crate::rules::cause;
use crate::state::group::Group;
use crate::state::hook::{self, Hook, LAUNCHING};
use crate::state::instance::{Held, Instance, Stage, Wish};

async fn hooks(ctx: &Ctx, group: &Group, transition: &str) -> Result<Vec<Hook>> {
    let (scope, name) = (*ctx.scope(), group.name());
    let all = ctx.read(|snap| hook::of_group(snap, &scope, name)).await?;
    Ok(all.into_iter().filter(|one| one.transition() == transition).collect())
}

/// Somebody wants to be asked on this way.
pub(super) async fn has_hooks(look: &Look<'_>, transition: &str) -> Result<bool> {
    Ok(!hooks(look.ctx, &look.group, transition).await?.is_empty())
}

/// Waits for those who want to be asked, or goes on.
pub(super) async fn begin(
    look: &Look<'_>,
    transition: &str,
    (waiting, then): (Stage, Stage),
) -> Result<Next> {
    let hooks = hooks(look.ctx, &look.group, transition).await?;
    if hooks.is_empty() {
        return look.to(then).await;
    }
    look.step(|tx, group, one| {
        let now = tx.ctx().now();
        one.stage = waiting;
        one.held.clear();
        for hook in &hooks {
            let held = Held {
                hook: hook.name().to_owned(),
                token: tx.ctx().ids().uuid(),
                since: now,
                until: now + hook.heartbeat_ms(),
            };
            tell(tx, group, one, hook, &held)?;
            one.held.push(held);
        }
        activity::change(tx, one, |found| "MidLifecycleAction".clone_into(&mut found.status))
    })
    .await
}

fn tell(tx: &mut Tx<'_, '_>, group: &Group, one: &Instance, hook: &Hook, held: &Held) -> Result<()> {
    let scope = *tx.ctx().scope();
    let is_launch = hook.transition() == LAUNCHING;
    let kind = if is_launch {
        "EC2 Instance-launch Lifecycle Action"
    } else {
        "EC2 Instance-terminate Lifecycle Action"
    };
    let (origin, destination) = match (is_launch, one.wish) {
        (true, Wish::Warm) => ("EC2", "WarmPool"),
        (true, _) if one.was_warm => ("WarmPool", "AutoScalingGroup"),
        (true, _) => ("EC2", "AutoScalingGroup"),
        (false, Wish::Warm) => ("AutoScalingGroup", "WarmPool"),
        (false, _) => ("AutoScalingGroup", "EC2"),
    };
    let id = one.id.clone().unwrap_or_default();
    let mut detail = json!({
        "LifecycleActionToken": held.token,
        "AutoScalingGroupName": group.name(),
        "LifecycleHookName": hook.name(),
        "EC2InstanceId": id,
        "LifecycleTransition": hook.transition(),
        "Origin": origin,
        "Destination": destination,
    });
    if let (Some(metadata), Some(detail)) = (&hook.0.0.notification_metadata, detail.as_object_mut()) {
        detail.insert("NotificationMetadata".to_owned(), json!(metadata));
    }
    let resources = vec![group.arn(&scope)];
    let event = Event::new(tx.ctx(), SOURCE, kind, resources, detail);
    tx.publish(&event)
}

/// Until every hook has been answered, or its time is over.
pub(super) async fn wait(look: &Look<'_>) -> Result<Next> {
    let (one, now) = (&look.instance, look.ctx.now());
    if one.is_abandoned {
        return abandoned(look).await;
    }
    let over: Vec<&Held> = one.held.iter().filter(|held| held.until <= now).collect();
    if !over.is_empty() {
        let (scope, name) = (*look.ctx.scope(), look.group.name());
        let known = look.ctx.read(|snap| hook::of_group(snap, &scope, name)).await?;
        let gives_up = |held: &&Held| !known.iter().any(|hook| hook.name() == held.hook && hook.continues());
        let is_abandoned = over.iter().any(gives_up);
        return look
            .step(|_, _, one| {
                one.held.retain(|held| held.until > now);
                one.is_abandoned = is_abandoned;
                Ok(())
            })
            .await;
    }
    if let Some(next) = one.held.iter().map(|held| held.until).min() {
        return Ok(Next::After((next - now).max(1)));
    }
    look.to(match one.stage {
        Stage::PendingWait => Stage::PendingProceed,
        Stage::WarmedPendingWait => Stage::WarmedPendingProceed,
        _ => Stage::TerminatingProceed,
    })
    .await
}

/// A launch that is abandoned is ended; an end goes on all the same.
async fn abandoned(look: &Look<'_>) -> Result<Next> {
    let now = look.ctx.now();
    look.step(|tx, group, one| {
        one.is_abandoned = false;
        one.held.clear();
        if one.stage == Stage::TerminatingWait {
            one.stage = Stage::TerminatingProceed;
            return Ok(());
        }
        let why = "Instance failed to complete user's Lifecycle Action: \
                   Lifecycle Action was abandoned: Lifecycle Action Completed with ABANDON Result";
        activity::change(tx, one, |found| found.message = Some(why.to_owned()))?;
        activity::finish(tx, one, &Outcome::Cancelled)?;
        let words = cause::unhealthy(now, "a lifecycle action that was abandoned");
        turn(tx, group, one, Wish::Terminate, (Doing::Terminate, &words))
    })
    .await
}

/// How long an answer may be put off: a hundred heartbeats, two days at most.
pub fn until(hook: &Hook, held: &Held, now: Millis) -> Millis {
    (now + hook.heartbeat_ms()).min(held.since + Millis::from(hook.global_s()) * 1_000)
}
