//! Keeps the number of a group's instances: looks, plans, and begins what the instances' own controller does.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Ctx, Millis, Next, Result, Scope, Tx};
use scaling::owner;

use super::activity::{self, Doing};
use super::instance::{CONTROLLER as INSTANCE, turn};
use super::launch::Source;
use super::{health, refresh};
use crate::rules::cause;
use crate::rules::plan::{Facts, New, Plan, plan};
use crate::rules::termination::Current;
use crate::state::group::{self, Group};
use crate::state::instance::{self, Instance, Origin, Wish};
use crate::state::policy::{self, Policy};
use crate::state::{launch_configuration, refresh as refreshes, scheduled_action};

/// The controller's name: its ids are groups'.
pub const CONTROLLER: &str = "autoscaling/group";
pub const CONCURRENCY: usize = 8;
pub const SWEEP_EVERY_MS: Millis = 30_000;

/// How often the health of instances is asked: of EC2, which also tells by itself, and of balancers, which do not.
const HEALTH_EVERY_MS: Millis = 15_000;
const TARGETS_EVERY_MS: Millis = 2_000;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let all = ctx.read(|snap| group::all_scopes(snap)).await?;
    Ok(all.into_iter().map(|(scope, one)| (scope, one.name().to_owned())).collect())
}

pub async fn reconcile(ctx: &Ctx, name: String) -> Result<Next> {
    let scope = *ctx.scope();
    let read =
        ctx.read(|snap| Ok((group::find(snap, &scope, &name)?, instance::of_group(snap, &scope, &name)?)));
    let (group, instances) = read.await?;
    let Some(group) = group else { return Ok(Next::Done) };
    if group.is_deleting && instances.is_empty() {
        return remove(ctx, &group).await;
    }
    health::check(ctx, &group, &instances).await?;
    let source = refresh::source_of(ctx, &group).await?;
    let current = current(ctx, &source, &instances).await?;
    let (made, touched) = ctx.write(|tx| work(tx, &name, &source, &current)).await?;
    touched.iter().for_each(|key| ctx.nudge(INSTANCE, key));
    let (refresh_at, refreshed) = refresh::go_on(ctx, &group, &source).await?;
    refreshed.iter().for_each(|key| ctx.nudge(INSTANCE, key));
    let again_at = made.again_at.into_iter().chain(refresh_at).min();
    if instances.is_empty() && touched.is_empty() && again_at.is_none() {
        return Ok(Next::Done);
    }
    let every = if group.asks_targets() { TARGETS_EVERY_MS } else { HEALTH_EVERY_MS };
    Ok(Next::After(again_at.map_or(every, |at| (at - ctx.now()).clamp(1, every))))
}

/// What the group would launch now; nothing known where that is not there any more.
async fn current(ctx: &Ctx, source: &Source, instances: &[Instance]) -> Result<Current> {
    let origin = match source.origins(ctx).await {
        Ok(origins) => origins.into_iter().next().unwrap_or_default(),
        Err(error) if error.kind() == kernel::Kind::Invalid => Origin::default(),
        Err(error) => return Err(error),
    };
    // Only those that instances are from: most groups launch from templates, and have nothing looked up.
    let names: BTreeSet<&String> =
        instances.iter().filter_map(|one| one.origin.configuration.as_ref()).collect();
    let mut configurations = BTreeMap::new();
    for name in names {
        let found = ctx.read(|snap| launch_configuration::find(snap, ctx.scope(), name)).await?;
        configurations.extend(found.map(|found| (name.clone(), found.created_at)));
    }
    Ok(Current { origin, now: ctx.now(), configurations })
}

/// Plans on what is stored now, and writes down what is begun; gives the keys of the instances it touched.
fn work(
    tx: &mut Tx<'_, '_>,
    name: &str,
    source: &Source,
    current: &Current,
) -> Result<(Plan, BTreeSet<String>)> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    let mut touched = BTreeSet::new();
    let Some(mut group) = group::find(tx, &scope, name)? else { return Ok((Plan::default(), touched)) };
    let instances = instance::of_group(tx, &scope, name)?;
    let retry_at = group::memory(tx, &scope, name)?.retry_at;
    let unit = source.unit();
    let before = (group.cause.is_some(), group.is_replacing);
    let facts = Facts { group: &group, instances: &instances, current, now, retry_at, unit };
    let made = plan(&facts);
    for end in &made.ends {
        let Some(found) = instances.iter().find(|one| one.slot == end.slot) else { continue };
        let mut one = found.clone();
        let doing = if end.wish == Wish::Warm { Doing::ToPool } else { Doing::Terminate };
        turn(tx, &group, &mut one, end.wish, (doing, &end.cause))?;
        instance::put(tx, &scope, &one)?;
        touched.insert(one.key());
    }
    for slot in &made.handed_over {
        let Some(mut one) = instance::find(tx, &scope, name, slot)? else { continue };
        one.replaces = None;
        instance::put(tx, &scope, &one)?;
    }
    let mut there: Vec<Instance> = instances.iter().filter(|one| one.counts()).cloned().collect();
    for new in &made.launches {
        let counted: Vec<&Instance> = there.iter().collect();
        let one = begin(tx, &group, &instances, new, source.next_is_spot(&counted))?;
        touched.insert(one.key());
        there.push(one);
    }
    let pool_is_gone = group.is_pool_deleting && !instances.iter().any(Instance::is_warm);
    if pool_is_gone {
        group.warm_pool = None;
        group.is_pool_deleting = false;
    }
    if made.is_stuck
        && let Some(wanted) = group.cause.take()
    {
        // Said once of what was wanted.
        activity::fail(tx, &group, cause::PROTECTED, &cause::stuck(now, &wanted))?;
    }
    if made.is_settled {
        (group.cause, group.is_replacing) = (None, false);
    }
    group.is_replacing |= made.is_replacing;
    if before != (group.cause.is_some(), group.is_replacing) || pool_is_gone {
        group::put(tx, &scope, &group)?;
    }
    Ok((made, touched))
}

pub(super) fn begin(
    tx: &mut Tx<'_, '_>,
    group: &Group,
    instances: &[Instance],
    new: &New,
    is_spot: bool,
) -> Result<Instance> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    let from_pool = new.from_pool.as_ref().and_then(|slot| instances.iter().find(|one| one.slot == *slot));
    if let Some(found) = from_pool {
        let mut one = found.clone();
        turn(tx, group, &mut one, Wish::Serve, (Doing::FromPool, &new.cause))?;
        instance::put(tx, &scope, &one)?;
        return Ok(one);
    }
    let refresh = refreshes::active(tx, &scope, group.name())?.filter(|one| one.status.is_active());
    let mut one = Instance {
        slot: tx.ctx().ids().uuid(),
        refresh: refresh.map(|one| one.id),
        wish: new.wish,
        is_spot,
        protected: group.asked.0.new_instances_protected_from_scale_in == Some(true),
        replaces: new.replaces.clone(),
        ..Instance::blank(group.name(), &new.place, now)
    };
    activity::begin(tx, group, &mut one, Doing::Launch, &new.cause)?;
    instance::put(tx, &scope, &one)?;
    Ok(one)
}

/// A group that goes is gone when its last instance is.
///
/// # Errors
/// When the store fails.
pub async fn remove_if_empty(ctx: &Ctx, name: &str) -> Result<()> {
    let scope = *ctx.scope();
    let read =
        ctx.read(|snap| Ok((group::find(snap, &scope, name)?, instance::of_group(snap, &scope, name)?)));
    match read.await? {
        (Some(group), instances) if group.is_deleting && instances.is_empty() => {
            remove(ctx, &group).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// The group goes, with everything that is its own.
async fn remove(ctx: &Ctx, group: &Group) -> Result<Next> {
    let (scope, name) = (*ctx.scope(), group.name());
    let write = ctx.write(|tx| {
        let policies = policy::of_group(tx, &scope, name)?;
        policies.iter().try_for_each(|one| policy::delete(tx, &scope, one))?;
        for one in refreshes::of_group(tx, &scope, name)? {
            refreshes::delete(tx, &scope, &one)?;
        }
        for one in scheduled_action::of_group(tx, &scope, name)? {
            scheduled_action::delete(tx, &scope, &one)?;
        }
        for hook in crate::state::hook::of_group(tx, &scope, name)? {
            crate::state::hook::delete(tx, &scope, name, hook.name())?;
        }
        group::delete(tx, &scope, name)?;
        Ok(policies)
    });
    for one in write.await? {
        owner::remove_all::<Policy>(ctx, &one.alarms).await;
    }
    Ok(Next::Done)
}
