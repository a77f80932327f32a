//! Has the blocks of snapshots at hand where that was asked for, and forgets where it was called off.

use kernel::{Ctx, Error, Millis, Next, Result, Scope};

use super::volume::block_id;
use crate::events;
use crate::rules::fast_restore as rules;
use crate::service::Engines;
use crate::state::fast_restore::{self, FastRestore};
use crate::state::snapshot;

/// The controller's name: its ids are a snapshot's and a zone.
pub const CONTROLLER: &str = "ec2/fast-restore";
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// One that has ended stays visible for so long.
const VISIBLE_MS: Millis = 3_600_000;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let all = ctx.read(|snap| fast_restore::all_scopes(snap)).await?;
    Ok(all.into_iter().map(|(scope, one)| (scope, one.key())).collect())
}

pub async fn reconcile(ctx: &Ctx, key: String) -> Result<Next> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let found = ctx
        .read(|snap| {
            let Some(one) = fast_restore::find(snap, &scope, &key)? else { return Ok(None) };
            let usable = snapshot::find_usable(snap, &scope, &one.snapshot)?;
            let usable = usable.is_some_and(|usable| usable.is_here());
            Ok(Some((one, usable)))
        })
        .await?;
    let Some((one, is_there)) = found else { return Ok(Next::Done) };
    let seen = &one.observed;
    match (one.disabling_at, seen.disabled_at) {
        (Some(_), Some(at)) if at + VISIBLE_MS < now => {
            ctx.write(|tx| fast_restore::delete(tx, &scope, &key)).await?;
            Ok(Next::Done)
        }
        (Some(_), Some(_)) => Ok(Next::Done),
        (Some(_), None) => change(ctx, &key, |one| one.observed.disabled_at = Some(now)).await,
        // With the snapshot, or its going to the archive, it ends by itself.
        (None, _) if !is_there => change(ctx, &key, |one| one.disabling_at = Some(now)).await,
        (None, _) if seen.optimizing_at.is_none() => {
            change(ctx, &key, |one| one.observed.optimizing_at = Some(now)).await
        }
        (None, _) if seen.enabled_at.is_none() => {
            let engine = &*ctx.own::<Engines>().volumes;
            engine.ready(&block_id(&one.snapshot)?).await.map_err(Error::internal)?;
            // That took its time.
            let now = ctx.now();
            change(ctx, &key, |one| one.observed.enabled_at = Some(now)).await
        }
        (None, _) => Ok(Next::Done),
    }
}

/// Writes one step down and tells of it.
async fn change(ctx: &Ctx, key: &str, change: impl Fn(&mut FastRestore) + Send + Sync) -> Result<Next> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let Some(mut one) = fast_restore::find(tx, &scope, key)? else { return Ok(()) };
        let was_on = one.disabling_at.is_none();
        change(&mut one);
        if was_on && one.disabling_at.is_some() {
            tx.meter(&rules::usage(&one, tx.ctx().now()))?;
        }
        fast_restore::put(tx, &scope, &one)?;
        tx.publish(&events::fast_restore(ctx, &one))
    })
    .await?;
    Ok(Next::Now)
}
