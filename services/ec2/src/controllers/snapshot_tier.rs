//! Puts snapshots away and brings them back, in their time.

use kernel::{Ctx, Error, Millis, Next, Result, Scope};

use super::volume::block_id;
use crate::rules::snapshot_tier::{self as rules, Step};
use crate::rules::storage_usage;
use crate::service::Engines;
use crate::state::id::{Id, SnapshotId};
use crate::state::snapshot::{self, Shared, Snapshot};
use crate::state::snapshot_tier::Tier;
use crate::state::snapshot_use;

/// The controller's name: its ids are snapshots'.
pub const CONTROLLER: &str = "ec2/snapshot-tier";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// How long an archival waits for those that still copy from the snapshot.
const NEEDED_MS: Millis = 1_000;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let now = ctx.now();
    let mut all = ctx.read(|snap| snapshot::all_scopes(snap)).await?;
    all.retain(|(_, one)| {
        let step = one.tier.as_ref().map_or(Step::Nothing, |tier| rules::plan(tier, now));
        !one.deleted && step != Step::Nothing
    });
    Ok(all.into_iter().map(|(scope, one)| (scope, one.id.to_string())).collect())
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let Some(id) = SnapshotId::parse(&id) else { return Ok(Next::Done) };
    let Some(one) = ctx.read(|snap| snapshot::find_own(snap, ctx.scope(), &id)).await? else {
        return Ok(Next::Done);
    };
    let Some(tier) = &one.tier else { return Ok(Next::Done) };
    let engine = &*ctx.own::<Engines>().volumes;
    let block = block_id(&id)?;
    match rules::plan(tier, ctx.now()) {
        Step::Nothing => Ok(Next::Done),
        Step::Wait(ms) => Ok(Next::After(ms)),
        // Nobody may begin to use it while it goes.
        Step::Archive if !leave(ctx, &id).await? => Ok(Next::After(NEEDED_MS)),
        Step::Archive => {
            let bytes = engine.archive(&block).await.map_err(Error::internal)?;
            note(ctx, &id, |one, now| {
                one.shared = Shared::default();
                change(one, |tier| rules::archived(tier, bytes, now));
            })
            .await
        }
        Step::Restore => {
            let stored = engine.restore(&block).await.map_err(Error::internal)?;
            note(ctx, &id, |one, now| {
                one.observed.stored_bytes = stored.stored_bytes;
                change(one, |tier| rules::restored(tier, now));
            })
            .await
        }
        Step::Forget => {
            engine.remove_archive(&block).await.map_err(Error::internal)?;
            note(ctx, &id, |one, now| change(one, |tier| rules::forgotten(tier, now))).await
        }
    }
}

fn change(one: &mut Snapshot, change: impl FnOnce(&mut Tier)) {
    if let Some(tier) = &mut one.tier {
        change(tier);
    }
}

/// Has nobody use the snapshot any more, unless something is still made of it, or it is wanted again.
async fn leave(ctx: &Ctx, id: &SnapshotId) -> Result<bool> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let Some(mut one) = snapshot::find_own(tx, &scope, id)? else { return Ok(false) };
        let now = tx.ctx().now();
        let is_wanted = |tier: &Tier| rules::plan(tier, now) == Step::Archive;
        if !one.tier.as_ref().is_some_and(is_wanted) || snapshot_use::is_used(tx, id)? {
            return Ok(false);
        }
        snapshot::note_usage(tx, &one)?;
        change(&mut one, |tier| tier.seen.is_here = false);
        snapshot::put(tx, &scope, &one)?;
        Ok(true)
    })
    .await
}

/// Writes a step down, with the last lines of what ends by it.
async fn note(
    ctx: &Ctx,
    id: &SnapshotId,
    change: impl Fn(&mut Snapshot, Millis) + Send + Sync,
) -> Result<Next> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let Some(mut one) = snapshot::find_own(tx, &scope, id)? else { return Ok(()) };
        let now = tx.ctx().now();
        snapshot::note_usage(tx, &one)?;
        let before = one.clone();
        change(&mut one, now);
        if let Some(line) = storage_usage::of_step(&before, &one, now) {
            tx.meter(&line)?;
        }
        snapshot::put(tx, &scope, &one)
    })
    .await?;
    Ok(Next::Now)
}
