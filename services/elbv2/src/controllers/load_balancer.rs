//! Brings one load balancer in line: its interfaces, its front on the engine, and targets whose draining is over.

use kernel::{Ctx, Error, Millis, Next, Result, Scope, Tx};

use super::front;
use crate::service::Engines;
use crate::state::load_balancer::LoadBalancer;
use crate::state::node::Nodes;
use crate::state::usage::Usage;
use crate::state::{load_balancer, node, target, target_group};

/// The controller's name: its ids are load balancers'.
pub const CONTROLLER: &str = "elbv2/load-balancer";
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// How soon an interface is looked for again that its network does not have yet, as after the host was started anew.
const LOOK_AGAIN_MS: Millis = 200;

/// Those that are wanted, and those of which something is left.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let read = ctx.read(|snap| {
        let mut keys = load_balancer::ids_of_all_scopes(snap)?;
        node::ids_of_all_scopes(snap, &mut keys)?;
        Ok(keys)
    });
    let mut keys = read.await?;
    keys.sort();
    keys.dedup();
    Ok(keys)
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let scope = *ctx.scope();
    let read = ctx.read(|snap| Ok((load_balancer::find(snap, &scope, &id)?, node::get(snap, &scope, &id)?)));
    let (wanted, nodes) = read.await?;
    let Some(wanted) = wanted else {
        return remove(ctx, &id, &nodes).await;
    };
    if let Some(next) = next_interface(ctx, &wanted, &nodes).await? {
        return Ok(next);
    }
    let drained_in = forget_drained(ctx, &id).await?;
    let (spec, complete) = front::spec(ctx, &wanted, &nodes).await?;
    let trouble = ctx.own::<Engines>().fronts.ensure(spec).await.err().map(|error| {
        tracing::warn!(load_balancer = wanted.name, %error, "a load balancer is not complete");
        error.to_string()
    });
    let active = nodes.active || (complete && trouble.is_none());
    if active != nodes.active || trouble != nodes.trouble {
        let is_well = trouble.is_none();
        write(ctx, &id, |nodes| (nodes.active, nodes.trouble) = (active, trouble.clone())).await?;
        if !is_well {
            return Ok(Next::After(LOOK_AGAIN_MS));
        }
    }
    Ok(match (complete, drained_in) {
        (false, _) => Next::After(LOOK_AGAIN_MS),
        (true, Some(wait)) => Next::After(wait),
        (true, None) => Next::Done,
    })
}

/// Doors first, so that nobody comes in any more.
async fn remove(ctx: &Ctx, id: &str, nodes: &Nodes) -> Result<Next> {
    let fronts = &ctx.own::<Engines>().fronts;
    fronts.remove(&id.into()).await.map_err(Error::internal)?;
    for one in &nodes.nodes {
        one.remove(ctx).await?;
    }
    let scope = *ctx.scope();
    ctx.write(|tx| node::delete(tx, &scope, id)).await?;
    Ok(Next::Done)
}

/// One step towards the interfaces that are wanted; `None` when they are as wanted.
async fn next_interface(ctx: &Ctx, wanted: &LoadBalancer, nodes: &Nodes) -> Result<Option<Next>> {
    let interfaces = wanted.interfaces();
    let Some(step) = interfaces.next_step(&nodes.nodes) else { return Ok(None) };
    // The front leaves first: its doors there are closed before the interface goes.
    let leave = async |kept| {
        let (spec, _) = front::spec(ctx, wanted, &Nodes { nodes: kept, ..nodes.clone() }).await?;
        ctx.own::<Engines>().fronts.ensure(spec).await.map_err(Error::internal)
    };
    let changed = step.take(ctx, &interfaces, &nodes.nodes, leave).await?;
    write(ctx, &wanted.id, |nodes| changed.note(&mut nodes.nodes)).await?;
    Ok(Some(Next::Now))
}

async fn write(ctx: &Ctx, id: &str, change: impl Fn(&mut Nodes) + Send + Sync) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx: &mut Tx<'_, '_>| {
        let mut nodes = node::get(tx, &scope, id)?;
        change(&mut nodes);
        node::put(tx, &scope, id, &nodes)
    })
    .await
}

/// Forgets targets of its groups that have drained; gives the time until the next one will have.
async fn forget_drained(ctx: &Ctx, id: &str) -> Result<Option<Millis>> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let read = ctx.read(|snap| {
        let usage = Usage::read(snap, &scope)?;
        let mut due = Vec::new();
        for group in target_group::all(snap, &scope)? {
            if !usage.of(&group.id).any(|user| user == id) {
                continue;
            }
            let delay: Millis =
                group.attribute("deregistration_delay.timeout_seconds").parse().unwrap_or(300);
            for target in target::all(snap, &scope, &group.id)? {
                if let Some(since) = target.draining_since {
                    due.push((since + delay * 1_000, group.id.clone(), target));
                }
            }
        }
        Ok(due)
    });
    let (over, later): (Vec<_>, Vec<_>) = read.await?.into_iter().partition(|(at, ..)| *at <= now);
    if !over.is_empty() {
        ctx.write(|tx| {
            for (_, group, drained) in &over {
                let current = target::find(tx, &scope, group, &drained.key())?;
                if current.as_ref() == Some(drained) {
                    target::delete(tx, &scope, group, drained)?;
                }
            }
            Ok(())
        })
        .await?;
    }
    Ok(later.iter().map(|(at, ..)| at - now).min())
}
