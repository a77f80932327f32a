//! Brings a snapshot into the store.

use kernel::{Ctx, Error, Millis, Next, Result, Scope};

use super::instance::machine_id;
use super::volume::block_id;
use crate::events;
use crate::ops::encryption;
use crate::service::Engines;
use crate::state::id::{Id, InstanceId, SnapshotId};
use crate::state::snapshot::{self, Snapshot};
use crate::state::{tag, volume};

/// The controller's name: its ids are snapshots'.
pub const CONTROLLER: &str = "ec2/snapshot";
pub const CONCURRENCY: usize = 4;
pub const SWEEP_EVERY_MS: i64 = 60_000;
/// How long one waits for the snapshot it is stored as a difference to.
const PARENT_MS: i64 = 100;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let mut all = ctx.read(|snap| snapshot::all_scopes(snap)).await?;
    all.retain(|(_, one)| one.deleted || one.observed.stored_at.is_none());
    Ok(all.into_iter().map(|(scope, one)| (scope, one.id.to_string())).collect())
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let Some(id) = SnapshotId::parse(&id) else { return Ok(Next::Done) };
    let Some(one) = ctx.read(|snap| snapshot::find(snap, ctx.scope(), &id)).await? else {
        return Ok(Next::Done);
    };
    let engine = &*ctx.own::<Engines>().volumes;
    let scope = *ctx.scope();
    if one.deleted {
        engine.remove_snapshot(&block_id(&id)?).await.map_err(Error::internal)?;
        ctx.write(|tx| {
            tag::forget(tx, &scope, &id)?;
            snapshot::delete(tx, &scope, &id)
        })
        .await?;
        return Ok(Next::Done);
    }
    if let Some(until) = one.open_until {
        return expire(ctx, &one, until).await;
    }
    let is_lost = !one.observed.taken && one.observed.failure.is_some();
    if one.observed.stored_at.is_some() || one.waits || is_lost {
        return Ok(Next::Done);
    }
    if let Some(from) = &one.copied {
        let old = encryption::open(ctx, one.copied_seal.as_ref()).await?;
        let new = encryption::open(ctx, one.seal.as_ref()).await?;
        let copied =
            engine.copy_snapshot(&block_id(from)?, &block_id(&id)?, (old.as_ref(), new.as_ref())).await;
        return note_stored(ctx, &id, copied.map_err(Error::internal)?).await;
    }
    if !one.observed.taken {
        take(ctx, &one).await?;
        return Ok(Next::Now);
    }
    let parent = match &one.parent {
        Some(parent) => ctx.read(|snap| snapshot::find_own(snap, &scope, parent)).await?,
        None => None,
    };
    if parent
        .as_ref()
        .is_some_and(|parent| parent.observed.stored_at.is_none() && parent.observed.failure.is_none())
    {
        return Ok(Next::After(PARENT_MS));
    }
    let parent = parent.map(|parent| block_id(&parent.id)).transpose()?;
    match engine.store(&block_id(&id)?, parent.as_ref()).await {
        Ok(stored) => note_stored(ctx, &id, stored).await,
        Err(error) => {
            let why = error.to_string();
            ctx.write(|tx| {
                let failed = snapshot::update(tx, &scope, &id, |one| {
                    let is_news = one.observed.failure.is_none();
                    one.observed.failure = Some(why.clone());
                    Ok(is_news.then(|| one.clone()))
                })?;
                failed.flatten().map_or(Ok(()), |one| tx.publish(&events::snapshot(ctx, &one)))
            })
            .await?;
            Err(Error::internal(error))
        }
    }
}

/// Who writes the blocks of a snapshot has their time for it; then it has failed.
async fn expire(ctx: &Ctx, one: &Snapshot, until: Millis) -> Result<Next> {
    let left = until - ctx.now();
    if left > 0 {
        return Ok(Next::After(left));
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        snapshot::update(tx, &scope, &one.id, |one| {
            one.open_until = None;
            one.observed.failure = Some("The snapshot was not completed in time.".to_owned());
            Ok(())
        })
    })
    .await?;
    ctx.own::<Engines>().volumes.remove_snapshot(&block_id(&one.id)?).await.map_err(Error::internal)?;
    Ok(Next::Done)
}

/// Takes the snapshot now: everything its instance has written is in it.
pub async fn take(ctx: &Ctx, one: &Snapshot) -> Result<()> {
    let engines = ctx.own::<Engines>();
    let found = ctx.read(|snap| volume::find(snap, ctx.scope(), &one.volume)).await?;
    for held in found.map(|volume| volume.attachments).unwrap_or_default() {
        match engines.machines.sync_disks(&machine_id(&held.instance)?).await {
            Err(compute::Error::Absent(_)) => {}
            synced => synced.map_err(Error::internal)?,
        }
    }
    let failure = match engines.volumes.take(&block_id(&one.id)?, &block_id(&one.volume)?).await {
        Ok(()) => None,
        // Trying again would not help: this host has no way to do it now.
        Err(block::Error::Host(why)) => Some(why),
        Err(error) => return Err(Error::internal(error)),
    };
    let scope = *ctx.scope();
    ctx.write(|tx| {
        snapshot::update(tx, &scope, &one.id, |one| {
            one.observed.taken = failure.is_none();
            one.observed.failure.clone_from(&failure);
            one.waits = false;
            Ok(())
        })
    })
    .await?;
    ctx.nudge(CONTROLLER, one.id.as_str());
    Ok(())
}

/// Whether a snapshot waits for the instance to be quiet.
pub async fn is_awaited(ctx: &Ctx, instance: &InstanceId) -> Result<bool> {
    Ok(!waiting(ctx, instance).await?.is_empty())
}

/// Takes those that waited for the instance to be quiet.
pub async fn take_waiting(ctx: &Ctx, instance: &InstanceId) -> Result<()> {
    for one in waiting(ctx, instance).await? {
        take(ctx, &one).await?;
    }
    Ok(())
}

async fn waiting(ctx: &Ctx, instance: &InstanceId) -> Result<Vec<Snapshot>> {
    ctx.read(|snap| {
        let volumes = volume::of_instance(snap, ctx.scope(), instance)?;
        let mut waiting = Vec::new();
        for one in snapshot::waiting(snap, ctx.scope())? {
            if volumes.iter().any(|volume| volume.id == one.volume) {
                waiting.push(one);
            }
        }
        Ok(waiting)
    })
    .await
}

async fn note_stored(ctx: &Ctx, id: &SnapshotId, stored: block::Stored) -> Result<Next> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    ctx.write(|tx| {
        let stored = snapshot::update(tx, &scope, id, |one| {
            one.observed.taken = true;
            one.observed.stored_at = Some(now);
            one.observed.read_bytes = stored.read_bytes;
            one.observed.stored_bytes = stored.stored_bytes;
            one.observed.blocks = stored.blocks;
            one.observed.failure = None;
            Ok(one.clone())
        })?;
        stored.map_or(Ok(()), |one| tx.publish(&events::snapshot(ctx, &one)))
    })
    .await?;
    Ok(Next::Done)
}
