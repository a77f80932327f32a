//! Brings fleets to their target: once, or for as long as they are maintained.

use std::collections::BTreeMap;

use kernel::{Ctx, Error, Millis, Next, Result, Scope};

use super::instance;
use crate::ops::instance_state::{self, Wish};
use crate::ops::launch::{self, Origin};
use crate::rules::fleet::{self as rules, Kind};
use crate::rules::instance::State;
use crate::state::fleet::{self, Entry, Fault, Fleet, Member};
use crate::state::id::{Id, InstanceId};
use crate::state::{instance as instances, tag};

/// The controller's name: its ids are fleets'.
pub const CONTROLLER: &str = "ec2/fleet";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: i64 = 60_000;
/// Deleted fleets stay visible for so long.
const VISIBLE_MS: i64 = 48 * 3_600_000;
/// The tags AWS puts on a fleet's instances, and on a spot fleet's.
const TAGS: (&str, &str) = ("aws:ec2:fleet-id", "aws:ec2spot:fleet-request-id");

/// Every fleet that may still need something.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let all = ctx.read(|snap| fleet::all_scopes(snap)).await?;
    let open = all.into_iter().filter(|(_, one)| {
        one.deleted.is_some() || one.kind == Kind::Maintain || one.kind == Kind::Request && !one.is_tried
    });
    Ok(open.map(|(scope, one)| (scope, one.id)).collect())
}

/// Launches what is missing. What finds no room is tried again by the sweep.
pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let scope = *ctx.scope();
    let Some(found) = ctx.read(|snap| fleet::find(snap, &scope, &id)).await? else { return Ok(Next::Done) };
    match found.deleted {
        Some(deleted) if deleted.at + VISIBLE_MS < ctx.now() => {
            ctx.write(|tx| fleet::delete(tx, &scope, &id)).await?;
        }
        Some(_) => {}
        None if found.kind == Kind::Maintain || !found.is_tried => {
            if found.kind == Kind::Maintain && !found.keeps_excess {
                trim(ctx, &found).await?;
            }
            fill(ctx, &found).await?;
        }
        None => {}
    }
    Ok(Next::Done)
}

/// Tries every pool in its order until nothing is missing, and writes down what came of it.
pub async fn fill(ctx: &Ctx, found: &Fleet) -> Result<Fleet> {
    let scope = *ctx.scope();
    let (mut made, mut faults) = (Vec::new(), Vec::new());
    for is_spot in [false, true] {
        let (more, failed) = launch_missing(ctx, found, is_spot).await?;
        made.extend(more);
        faults.extend(failed);
    }
    let written = ctx
        .write(|tx| {
            let current = fleet::find(tx, &scope, &found.id)?;
            let Some(mut current) = current else { return Ok(None) };
            for member in &made {
                let mut tags = tag::of(tx, &scope, &member.instance)?;
                let name = if current.spot_fleet.is_some() { TAGS.1 } else { TAGS.0 };
                tags.insert(name.to_owned(), current.id.clone());
                tag::put(tx, &scope, &member.instance, tags)?;
            }
            let mut members = Vec::new();
            for member in std::mem::take(&mut current.members) {
                if instances::find(tx, &scope, &member.instance)?.is_some() {
                    members.push(member);
                }
            }
            // Its pools may be others by now: what was refused in those that were is of no use any more.
            let faults = if current.pools == found.pools { faults.clone() } else { Vec::new() };
            current.members = members;
            for member in &made {
                let Some(pool) = found.pools.get(member.pool) else { continue };
                let pool = current.place_of(pool);
                current.members.push(Member { pool, ..member.clone() });
            }
            note(&mut current, tx.ctx().now(), &made, &faults);
            (current.faults, current.is_tried) = (faults, true);
            fleet::put(tx, &scope, &current)?;
            Ok(Some(current))
        })
        .await?;
    let written = written.ok_or_else(|| Error::internal(Vanished))?;
    // It was deleted while it was filled.
    if written.deleted.is_some_and(|deleted| deleted.terminates) {
        terminate(ctx, &written).await?;
    }
    Ok(written)
}

/// Launches what is missing of one market, and tells what it could not.
async fn launch_missing(ctx: &Ctx, found: &Fleet, is_spot: bool) -> Result<(Vec<Member>, Vec<Fault>)> {
    let (wanted, strategy) = match is_spot {
        false => (found.target.on_demand, &found.strategies.1),
        true => (found.target.spot, &found.strategies.0),
    };
    let (mut made, mut faults) = (Vec::new(), Vec::new());
    let mut there = units_by_pool(ctx, found, is_spot).await?;
    let mut missing = wanted.saturating_sub(there.values().sum());
    let mut open = rules::order(&found.pools, strategy);
    open.retain(|index| *index >= found.retired_pools);
    while missing > 0 && !open.is_empty() {
        for (index, count) in rules::shares(strategy, &found.pools, &open, &there, missing) {
            let Some(pool) = found.pools.get(index) else { continue };
            let request = rules::launch(pool, count, is_spot, found.behavior);
            let launched = match launch_some(ctx, request).await {
                Ok(ids) => ids,
                Err(error) if error.kind() == kernel::Kind::Internal => return Err(error),
                Err(error) => {
                    let (code, message) = (error.code().to_owned(), error.message().to_owned());
                    faults.push(Fault { pool: index, is_spot, code, message });
                    Vec::new()
                }
            };
            let number = u32::try_from(launched.len()).unwrap_or(u32::MAX);
            if number < count {
                open.retain(|other| *other != index);
            }
            let units = number.saturating_mul(pool.weight);
            missing = missing.saturating_sub(units);
            *there.entry(index).or_default() += units;
            made.extend(launched.into_iter().map(|instance| Member { instance, pool: index, is_spot }));
        }
    }
    Ok((made, faults))
}

/// What a run has changed, for who asks a spot fleet for its history.
fn note(fleet: &mut Fleet, now: Millis, made: &[Member], faults: &[Fault]) {
    if !fleet.is_tried {
        fleet.note(Entry::of_fleet(now, "active"));
    }
    for member in made {
        fleet.note(Entry::of_instance(now, "launched", &member.instance));
    }
    // What was wrong before is not told again.
    let new: Vec<Fault> = faults.iter().filter(|fault| !fleet.faults.contains(fault)).cloned().collect();
    for fault in &new {
        fleet.note(Entry::of_fault(now, fault));
    }
}

/// Ends what a fleet has beyond its target, the youngest first.
async fn trim(ctx: &Ctx, found: &Fleet) -> Result<()> {
    let mut doomed = Vec::new();
    for (is_spot, wanted) in [(false, found.target.on_demand), (true, found.target.spot)] {
        let mut excess = units(ctx, found, is_spot).await?.saturating_sub(wanted);
        for member in found.members.iter().rev().filter(|member| member.is_spot == is_spot) {
            let weight = found.pools.get(member.pool).map_or(1, |pool| pool.weight);
            if weight <= excess && lives(ctx, &member.instance).await? {
                excess -= weight;
                doomed.push(member.clone());
            }
        }
    }
    if doomed.is_empty() {
        return Ok(());
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let Some(mut current) = fleet::find(tx, &scope, &found.id)? else { return Ok(()) };
        for member in &doomed {
            current.note(Entry::of_instance(tx.ctx().now(), "terminated", &member.instance));
        }
        fleet::put(tx, &scope, &current)
    })
    .await?;
    end(ctx, &doomed).await
}

async fn lives(ctx: &Ctx, id: &InstanceId) -> Result<bool> {
    let found = ctx.read(|snap| instances::find(snap, ctx.scope(), id)).await?;
    Ok(found.is_some_and(|one| !matches!(one.state(), State::Terminated | State::ShuttingDown)))
}

#[derive(Debug, thiserror::Error)]
#[error("the fleet is gone")]
struct Vanished;

async fn launch_some(ctx: &Ctx, request: api_ec2::RunInstancesRequest) -> Result<Vec<InstanceId>> {
    let order = launch::look(ctx, request).await?;
    let origin = Origin::Call { print: String::new() };
    let views = launch::launch(ctx, &order, &origin).await?;
    Ok(views.into_iter().map(|view| view.instance.id).collect())
}

/// Units a fleet has of one market.
pub async fn units(ctx: &Ctx, found: &Fleet, is_spot: bool) -> Result<u32> {
    Ok(units_by_pool(ctx, found, is_spot).await?.into_values().sum())
}

async fn units_by_pool(ctx: &Ctx, found: &Fleet, is_spot: bool) -> Result<BTreeMap<usize, u32>> {
    let scope = *ctx.scope();
    ctx.read(|snap| {
        let mut units = BTreeMap::new();
        for member in found.members.iter().filter(|member| member.is_spot == is_spot) {
            let weight = found.pools.get(member.pool).map_or(1, |pool| pool.weight);
            let lives = instances::find(snap, &scope, &member.instance)?
                .is_some_and(|one| !matches!(one.state(), State::Terminated | State::ShuttingDown));
            *units.entry(member.pool).or_default() += if lives { weight } else { 0 };
        }
        Ok(units)
    })
    .await
}

/// Ends the instances of a fleet that goes with them.
pub async fn terminate(ctx: &Ctx, found: &Fleet) -> Result<()> {
    end(ctx, &found.members).await
}

async fn end(ctx: &Ctx, members: &[Member]) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        for member in members {
            if instances::find(tx, &scope, &member.instance)?.is_some() {
                instance_state::write(tx, &scope, &member.instance, Wish::Terminate)?;
            }
        }
        Ok(())
    })
    .await?;
    for member in members {
        ctx.nudge(instance::CONTROLLER, member.instance.as_str());
    }
    Ok(())
}
