//! Brings one instance of a group in line with what is wanted of it: one step at a time, each safe to be done again.

use kernel::{Ctx, Millis, Next, Result, Scope, Tx};

use super::activity::{self, Doing, Outcome};
use super::group::CONTROLLER as GROUP;
use super::target::{self, Fares};
use super::{departure, ec2, hold, launch, refresh, warm};
use crate::state::group::{self, Group};
use crate::state::hook::LAUNCHING;
use crate::state::instance::{self, Instance, Stage, Wish};

/// The controller's name: its ids are `slot:group`.
pub const CONTROLLER: &str = "autoscaling/instance";
pub const CONCURRENCY: usize = 16;
pub const SWEEP_EVERY_MS: Millis = 30_000;

/// How soon a thing is looked at again that EC2 or a balancer is about to change, and later, when it takes long.
pub(super) const SOON_MS: Millis = 100;
const LATER_MS: Millis = 1_000;
const LONG_MS: Millis = 30_000;
/// A target that never becomes healthy is waited for as long as the grace period, and at least so long.
const HEALTHY_WITHIN_MS: Millis = 60_000;
const BACKOFF_FIRST_MS: Millis = 5_000;
const BACKOFF_MAX_MS: Millis = 300_000;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let all = ctx.read(|snap| instance::all_scopes(snap)).await?;
    Ok(all.into_iter().map(|(scope, one)| (scope, one.key())).collect())
}

/// An instance, its group, and the run it is looked at in.
pub(super) struct Look<'a> {
    pub(super) ctx: &'a Ctx,
    pub(super) group: Group,
    pub(super) instance: Instance,
}

impl Look<'_> {
    pub(super) fn id(&self) -> &str {
        self.instance.id.as_deref().unwrap_or_default()
    }

    /// Changes the record, if it is still where it was looked at, in one transaction with what `edit` does besides.
    pub(super) async fn step(
        &self,
        edit: impl Fn(&mut Tx<'_, '_>, &Group, &mut Instance) -> Result<()> + Send + Sync,
    ) -> Result<Next> {
        let (scope, seen) = (*self.ctx.scope(), &self.instance);
        self.ctx
            .write(|tx| {
                let found = instance::find(tx, &scope, &seen.group, &seen.slot)?;
                let group = group::find(tx, &scope, &seen.group)?;
                let (Some(mut current), Some(group)) = (found, group) else { return Ok(()) };
                if (current.stage, current.wish) != (seen.stage, seen.wish) {
                    return Ok(());
                }
                edit(tx, &group, &mut current)?;
                instance::put(tx, &scope, &current)
            })
            .await?;
        self.ctx.nudge(GROUP, &seen.group);
        Ok(Next::Now)
    }

    pub(super) async fn to(&self, stage: Stage) -> Result<Next> {
        self.step(|_, _, one| {
            one.stage = stage;
            Ok(())
        })
        .await
    }

    fn pause(&self, since: Millis) -> Next {
        Next::After(if self.ctx.now() - since < LONG_MS { SOON_MS } else { LATER_MS })
    }
}

pub async fn reconcile(ctx: &Ctx, key: String) -> Result<Next> {
    let Some((slot, group)) = key.split_once(':') else { return Ok(Next::Done) };
    let scope = *ctx.scope();
    let read =
        ctx.read(|snap| Ok((group::find(snap, &scope, group)?, instance::find(snap, &scope, group, slot)?)));
    let (Some(group), Some(instance)) = read.await? else { return Ok(Next::Done) };
    let look = Look { ctx, group, instance };
    let one = &look.instance;
    match (one.stage, one.wish) {
        (Stage::Launching, Wish::Serve | Wish::Warm) => begin(&look).await,
        (Stage::Launching, _) if one.id.is_none() => give_up(&look).await,
        (Stage::Pending, Wish::Serve) => pending(&look).await,
        (Stage::WarmedPending, Wish::Warm) => warm::pending(&look).await,
        (Stage::WarmedPendingProceed, Wish::Warm) => warm::rest(&look).await,
        (Stage::WarmedStopped | Stage::WarmedRunning, Wish::Warm) => Ok(Next::Done),
        (Stage::WarmedStopped | Stage::WarmedRunning, Wish::Serve) => warm::wake(&look).await,
        (Stage::PendingWait | Stage::WarmedPendingWait, Wish::Serve | Wish::Warm) => hold::wait(&look).await,
        (Stage::TerminatingWait, _) => hold::wait(&look).await,
        (Stage::PendingProceed, Wish::Serve) => enter(&look).await,
        (Stage::InService, Wish::Serve) => serve(&look).await,
        (Stage::Standby, Wish::Standby) => Ok(Next::Done),
        (Stage::Standby, Wish::Serve) => look.to(Stage::Pending).await,
        (Stage::Terminating | Stage::Detaching | Stage::EnteringStandby, _) => departure::drain(&look).await,
        (Stage::TerminatingProceed, Wish::Warm) => warm::rest(&look).await,
        (Stage::TerminatingProceed, _) => departure::end(&look).await,
        (_, wish) => departure::leave(&look, wish).await,
    }
}

/// Asks EC2 for it.
async fn begin(look: &Look<'_>) -> Result<Next> {
    let source = refresh::source_of(look.ctx, &look.group).await?;
    match launch::launch(look.ctx, &look.group, &source, &look.instance).await {
        Ok(made) => {
            look.step(|tx, _, one| {
                one.id = Some(made.id.clone());
                one.instance_type.clone_from(&made.seen.instance_type);
                one.image.clone_from(&made.seen.image);
                one.origin.clone_from(&made.origin);
                one.is_spot = made.seen.is_spot;
                (one.weight, one.weight_is_given) = (made.weight, made.weight_is_given);
                one.place.zone.clone_from(&made.seen.zone);
                one.stage = if one.wish == Wish::Warm { Stage::WarmedPending } else { Stage::Pending };
                activity::named(tx, one)
            })
            .await
        }
        Err(error) if error.kind() == kernel::Kind::Internal => Err(error),
        Err(error) => {
            let why = launch::words(&error);
            tracing::info!(group = look.group.name(), why, "an instance could not be launched");
            failed(look, &why).await
        }
    }
}

/// A launch came to nothing: the activity says why, and the next try waits.
async fn failed(look: &Look<'_>, why: &str) -> Result<Next> {
    let (scope, now, seen) = (*look.ctx.scope(), look.ctx.now(), &look.instance);
    look.ctx
        .write(|tx| {
            let Some(mut one) = instance::find(tx, &scope, &seen.group, &seen.slot)? else { return Ok(()) };
            activity::finish(tx, &mut one, &Outcome::Failed(why.to_owned()))?;
            instance::delete(tx, &scope, &one)?;
            put_off(tx, &scope, &seen.group, now)
        })
        .await?;
    look.ctx.nudge(GROUP, &seen.group);
    Ok(Next::Done)
}

/// The next launch waits, longer each time.
fn put_off(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str, now: Millis) -> Result<()> {
    let mut memory = group::memory(tx, scope, name)?;
    let wait = BACKOFF_FIRST_MS.saturating_mul(1 << memory.failures.min(10)).min(BACKOFF_MAX_MS);
    memory.failures += 1;
    memory.retry_at = now + wait;
    group::remember(tx, scope, name, &memory)
}

/// It is not wanted any more before EC2 was asked; or was it? A launch that was asked for is taken up first.
pub(super) async fn give_up(look: &Look<'_>) -> Result<Next> {
    if let Some((id, seen)) = ec2::find_by_token(look.ctx, &look.instance.slot).await? {
        return look
            .step(|_, _, one| {
                one.id = Some(id.clone());
                one.instance_type.clone_from(&seen.instance_type);
                one.stage = Stage::TerminatingProceed;
                Ok(())
            })
            .await;
    }
    let (scope, seen) = (*look.ctx.scope(), &look.instance);
    look.ctx
        .write(|tx| {
            let Some(mut one) = instance::find(tx, &scope, &seen.group, &seen.slot)? else { return Ok(()) };
            activity::finish(tx, &mut one, &Outcome::Cancelled)?;
            instance::delete(tx, &scope, &one)
        })
        .await?;
    look.ctx.nudge(GROUP, &seen.group);
    Ok(Next::Done)
}

/// Until it runs. Balancers know it meanwhile, unless somebody is to be asked first.
async fn pending(look: &Look<'_>) -> Result<Next> {
    let is_asked = hold::has_hooks(look, LAUNCHING).await?;
    if !is_asked && !look.instance.was_warm && next_target(look).await? {
        return Ok(Next::Now);
    }
    let seen = ec2::describe(look.ctx, &[look.id().to_owned()]).await?.remove(look.id());
    match seen {
        Some(seen) if seen.state == "running" => {
            hold::begin(look, LAUNCHING, (Stage::PendingWait, Stage::PendingProceed)).await
        }
        Some(seen) if look.instance.was_warm && matches!(&*seen.state, "stopped" | "stopping") => {
            if seen.state == "stopped" {
                ec2::start(look.ctx, look.id()).await?;
            }
            Ok(look.pause(look.instance.created_at))
        }
        Some(seen) if !seen.is_over() => Ok(look.pause(look.instance.created_at)),
        _ => died(look).await,
    }
}

/// It ended before it served.
async fn died(look: &Look<'_>) -> Result<Next> {
    let now = look.ctx.now();
    look.step(|tx, group, one| {
        let why = "Instance became unhealthy while waiting for instance to be in InService state. \
                   Termination Reason: Client.InstanceInitiatedShutdown: Instance initiated shutdown";
        activity::finish(tx, one, &Outcome::Failed(why.to_owned()))?;
        let cause = crate::rules::cause::unhealthy(now, crate::rules::cause::EC2_CHECK);
        turn(tx, group, one, Wish::Terminate, (Doing::Terminate, &cause))?;
        let scope = *tx.ctx().scope();
        put_off(tx, &scope, group.name(), now)
    })
    .await
}

/// Makes it a target of one more group, if there is one; noted first, so that it is taken out again whatever happens.
async fn next_target(look: &Look<'_>) -> Result<bool> {
    if look.group.is_suspended("AddToLoadBalancer") {
        return Ok(false);
    }
    let missing = |group: &String| !look.instance.registered.contains(group);
    let Some(next) = look.group.sources().into_iter().find(missing) else { return Ok(false) };
    look.step(|_, _, one| {
        one.registered.push(next.clone());
        Ok(())
    })
    .await?;
    target::register(look.ctx, &next, look.id()).await?;
    Ok(true)
}

/// Into service when every balancer has found it healthy.
async fn enter(look: &Look<'_>) -> Result<Next> {
    if next_target(look).await? {
        return Ok(Next::Now);
    }
    let since = look.instance.created_at;
    let patience = look.group.grace_ms().max(HEALTHY_WITHIN_MS);
    for group in &look.instance.registered {
        let mut fares = target::fares(look.ctx, group, look.id()).await?;
        // Noted, and not done: the process was killed between.
        if fares == Fares::Absent && target::register(look.ctx, group, look.id()).await? {
            fares = Fares::Initial;
        }
        let waits = matches!(fares, Fares::Initial | Fares::Unhealthy | Fares::Draining);
        if waits && look.ctx.now() - since < patience {
            let seen = ec2::describe(look.ctx, &[look.id().to_owned()]).await?.remove(look.id());
            if seen.is_none_or(|seen| seen.is_over()) {
                return died(look).await;
            }
            return Ok(look.pause(since));
        }
    }
    let now = look.ctx.now();
    look.step(|tx, group, one| {
        one.stage = Stage::InService;
        one.in_service_at = Some(now);
        one.was_warm = false;
        activity::finish(tx, one, &Outcome::Successful)?;
        let scope = *tx.ctx().scope();
        group::remember(tx, &scope, group.name(), &group::Memory::default())
    })
    .await?;
    Ok(Next::Now)
}

/// Follows the target groups of its group.
async fn serve(look: &Look<'_>) -> Result<Next> {
    if next_target(look).await? {
        return Ok(Next::Now);
    }
    let wanted = look.group.sources();
    for group in look.instance.registered.iter().filter(|one| wanted.contains(one)) {
        if target::fares(look.ctx, group, look.id()).await? == Fares::Absent {
            target::register(look.ctx, group, look.id()).await?;
        }
    }
    let Some(stray) = look.instance.registered.iter().find(|one| !wanted.contains(one)) else {
        return Ok(Next::Done);
    };
    target::deregister(look.ctx, stray, look.id()).await?;
    look.step(|_, _, one| {
        one.registered.retain(|known| known != stray);
        Ok(())
    })
    .await
}

/// Wants something else of an instance, with the activity that tells so. The caller puts the record.
///
/// # Errors
/// When the store fails.
pub fn turn(
    tx: &mut Tx<'_, '_>,
    group: &Group,
    one: &mut Instance,
    wish: Wish,
    (doing, cause): (Doing, &str),
) -> Result<()> {
    one.wish = wish;
    one.held.clear();
    one.replaces = None;
    activity::begin(tx, group, one, doing, cause).map(drop)
}
