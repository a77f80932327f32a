//! Brings one load balancer in line: its interfaces, its front on the engine, and instances whose draining is over.

use balance::FrontId;
use kernel::{Ctx, Error, Millis, Next, Result, Scope, Tx};

use super::front;
use crate::service::Engines;
use crate::state::load_balancer::LoadBalancer;
use crate::state::node::Nodes;
use crate::state::{instance, load_balancer, node};

/// The controller's name: its ids are load balancers' names.
pub const CONTROLLER: &str = "elb/load-balancer";
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// How soon an interface is looked for again that its network does not have yet, as after the host was started anew.
const LOOK_AGAIN_MS: Millis = 200;

/// Those that are wanted, and those of which something is left.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let read = ctx.read(|snap| {
        let wanted = load_balancer::all_scopes(snap)?.into_iter().map(|(scope, one)| (scope, one.name));
        Ok(wanted.chain(node::names_of_all_scopes(snap)?).collect::<Vec<_>>())
    });
    let mut keys = read.await?;
    keys.sort();
    keys.dedup();
    Ok(keys)
}

/// Every front there may be.
pub async fn fronts(ctx: &Ctx) -> Result<Vec<FrontId>> {
    let all = ctx.read(|snap| node::all_scopes(snap)).await?;
    Ok(all.iter().map(|(_, nodes)| load_balancer::front(&nodes.of)).collect())
}

pub async fn reconcile(ctx: &Ctx, name: String) -> Result<Next> {
    let scope = *ctx.scope();
    let read =
        ctx.read(|snap| Ok((load_balancer::find(snap, &scope, &name)?, node::find(snap, &scope, &name)?)));
    let (wanted, nodes) = read.await?;
    match (wanted, nodes) {
        (None, None) => Ok(Next::Done),
        (Some(wanted), None) => {
            let of = wanted.id.clone();
            ctx.write(|tx| node::put(tx, &scope, &name, &Nodes { of: of.clone(), nodes: Vec::new() }))
                .await?;
            Ok(Next::Now)
        }
        (Some(wanted), Some(nodes)) if wanted.id == nodes.of => serve(ctx, &wanted, &nodes).await,
        // It is gone, or another one has its name: that comes when this one is gone.
        (wanted, Some(nodes)) => {
            remove(ctx, &name, &nodes).await?;
            Ok(if wanted.is_some() { Next::Now } else { Next::Done })
        }
    }
}

async fn serve(ctx: &Ctx, wanted: &LoadBalancer, nodes: &Nodes) -> Result<Next> {
    if let Some(next) = next_interface(ctx, wanted, nodes).await? {
        return Ok(next);
    }
    let drained_in = forget_drained(ctx, wanted).await?;
    let (spec, complete) = front::spec(ctx, wanted, nodes).await?;
    if let Err(error) = ctx.own::<Engines>().fronts.ensure(spec).await {
        tracing::warn!(load_balancer = wanted.name, %error, "a load balancer is not complete");
        return Ok(Next::After(LOOK_AGAIN_MS));
    }
    Ok(match (complete, drained_in) {
        (false, _) => Next::After(LOOK_AGAIN_MS),
        (true, Some(wait)) => Next::After(wait),
        (true, None) => Next::Done,
    })
}

/// Doors first, so that nobody comes in any more.
async fn remove(ctx: &Ctx, name: &str, nodes: &Nodes) -> Result<()> {
    let fronts = &ctx.own::<Engines>().fronts;
    fronts.remove(&load_balancer::front(&nodes.of)).await.map_err(Error::internal)?;
    for one in &nodes.nodes {
        one.remove(ctx).await?;
    }
    let scope = *ctx.scope();
    ctx.write(|tx| node::delete(tx, &scope, name)).await
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
    change(ctx, wanted, |nodes| changed.note(&mut nodes.nodes)).await?;
    Ok(Some(Next::Now))
}

async fn change(ctx: &Ctx, of: &LoadBalancer, edit: impl Fn(&mut Nodes) + Send + Sync) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx: &mut Tx<'_, '_>| {
        let found = node::find(tx, &scope, &of.name)?.filter(|nodes| nodes.of == of.id);
        let Some(mut nodes) = found else { return Ok(()) };
        edit(&mut nodes);
        node::put(tx, &scope, &of.name, &nodes)
    })
    .await
}

/// Forgets instances that have drained; gives the time until the next one will have.
async fn forget_drained(ctx: &Ctx, of: &LoadBalancer) -> Result<Option<Millis>> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let delay = Millis::from(of.attributes.draining_s.unwrap_or_default()) * 1_000;
    let all = ctx.read(|snap| instance::all(snap, &scope, &of.id)).await?;
    let due = all.into_iter().filter_map(|one| Some((one.draining_since? + delay, one)));
    let (over, later): (Vec<_>, Vec<_>) = due.partition(|(at, _)| *at <= now);
    if !over.is_empty() {
        ctx.write(|tx| {
            for (_, drained) in &over {
                if instance::find(tx, &scope, &of.id, &drained.id)?.as_ref() == Some(drained) {
                    instance::delete(tx, &scope, &of.id, &drained.id)?;
                }
            }
            Ok(())
        })
        .await?;
    }
    Ok(later.iter().map(|(at, _)| at - now).min())
}
