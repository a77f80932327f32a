//! Brings fleets to their target: once, or for as long as they are maintained.

use kernel::{Ctx, Error, Next, Result, Scope};

use super::instance;
use crate::ops::instance_state::{self, Wish};
use crate::ops::launch::{self, Origin};
use crate::rules::fleet::{self as rules, Kind};
use crate::rules::instance::State;
use crate::state::fleet::{self, Fault, Fleet, Member};
use crate::state::id::{Id, InstanceId};
use crate::state::{instance as instances, tag};

/// The controller's name: its ids are fleets'.
pub const CONTROLLER: &str = "ec2/fleet";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: i64 = 60_000;
/// Deleted fleets stay visible for so long.
const VISIBLE_MS: i64 = 48 * 3_600_000;
/// The tag AWS puts on a fleet's instances.
const TAG: &str = "aws:ec2:fleet-id";

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
        let (wanted, strategy) = match is_spot {
            false => (found.target.on_demand, &found.strategies.1),
            true => (found.target.spot, &found.strategies.0),
        };
        let mut missing = wanted.saturating_sub(units(ctx, found, is_spot).await?);
        for index in rules::order(&found.pools, strategy) {
            let Some(pool) = found.pools.get(index).filter(|_| missing > 0) else { continue };
            let count = rules::instances_for(missing, pool.weight);
            let request = rules::launch(pool, count, is_spot, found.behavior);
            match launch_some(ctx, request).await {
                Ok(ids) => {
                    let units = u32::try_from(ids.len()).unwrap_or(u32::MAX).saturating_mul(pool.weight);
                    missing = missing.saturating_sub(units);
                    made.extend(ids.into_iter().map(|instance| Member { instance, pool: index, is_spot }));
                }
                Err(error) => {
                    if error.kind() == kernel::Kind::Internal {
                        return Err(error);
                    }
                    let (code, message) = (error.code().to_owned(), error.message().to_owned());
                    faults.push(Fault { pool: index, is_spot, code, message });
                }
            }
        }
    }
    let written = ctx
        .write(|tx| {
            let current = fleet::find(tx, &scope, &found.id)?;
            let Some(mut current) = current else { return Ok(None) };
            for member in &made {
                let mut tags = tag::of(tx, &scope, &member.instance)?;
                tags.insert(TAG.to_owned(), current.id.clone());
                tag::put(tx, &scope, &member.instance, tags)?;
            }
            let gone = |member: &Member, tx: &mut kernel::Tx<'_, '_>| -> Result<bool> {
                Ok(instances::find(tx, &scope, &member.instance)?.is_none())
            };
            let mut members = Vec::new();
            for member in current.members.drain(..) {
                if !gone(&member, tx)? {
                    members.push(member);
                }
            }
            members.extend(made.iter().cloned());
            (current.members, current.faults, current.is_tried) = (members, faults.clone(), true);
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
    let scope = *ctx.scope();
    ctx.read(|snap| {
        let mut units = 0;
        for member in found.members.iter().filter(|member| member.is_spot == is_spot) {
            let weight = found.pools.get(member.pool).map_or(1, |pool| pool.weight);
            let lives = instances::find(snap, &scope, &member.instance)?
                .is_some_and(|one| !matches!(one.state(), State::Terminated | State::ShuttingDown));
            units += if lives { weight } else { 0 };
        }
        Ok(units)
    })
    .await
}

/// Ends the instances of a fleet that goes with them.
pub async fn terminate(ctx: &Ctx, found: &Fleet) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        for member in &found.members {
            if instances::find(tx, &scope, &member.instance)?.is_some() {
                instance_state::write(tx, &scope, &member.instance, Wish::Terminate)?;
            }
        }
        Ok(())
    })
    .await?;
    for member in &found.members {
        ctx.nudge(instance::CONTROLLER, member.instance.as_str());
    }
    Ok(())
}
