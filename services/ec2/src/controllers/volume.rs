//! Brings a volume to what was asked of it, and devices to machines: one step at a time, from facts read again.

use block::{Id as BlockId, Known, Source, Wish};
use compute::Device;
use futures_util::future::try_join_all;
use kernel::{Ctx, Error, Next, Result, Scope};

use super::image_store::files_id;
use super::instance::machine_id;
use crate::events;
use crate::ops::encryption;
use crate::rules::volume::{check_device, limits};
use crate::service::Engines;
use crate::state::encryption::Seal;
use crate::state::id::{Id, InstanceId, VolumeId};
use crate::state::volume::{self, Attachment, Hold, Volume};
use crate::state::{image_store, snapshot, tag};

/// The controller's name: its ids are volumes'.
pub const CONTROLLER: &str = "ec2/volume";
pub const CONCURRENCY: usize = 16;
pub const SWEEP_EVERY_MS: i64 = 60_000;
/// How often a device that a guest still uses is asked for.
const BUSY_MS: i64 = 250;
const GIB: u64 = 1 << 30;

/// Devices of one machine are changed by one at a time, so that nobody brings back an older list.
#[derive(Default)]
pub struct Turns(tokio::sync::Mutex<()>);

/// Every volume that may still need something.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let mut volumes = ctx.read(|snap| volume::all_scopes(snap)).await?;
    volumes.retain(|(_, volume)| !is_settled(volume));
    Ok(volumes.into_iter().map(|(scope, volume)| (scope, volume.id.to_string())).collect())
}

fn is_settled(volume: &Volume) -> bool {
    !volume.deleted
        && volume.observed.size_gib == Some(volume.shape.size_gib)
        && volume.attachments.iter().all(|held| held.seen && held.wish == Hold::Keep)
}

/// Does one step.
pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let Some(id) = VolumeId::parse(&id) else { return Ok(Next::Done) };
    let Some(volume) = ctx.read(|snap| volume::find(snap, ctx.scope(), &id)).await? else {
        return Ok(Next::Done);
    };
    let engine = &*ctx.own::<Engines>().volumes;
    match volume.attachments.iter().find(|held| held.wish != Hold::Keep) {
        Some(leaving) => return let_go(ctx, &volume, leaving).await,
        None if volume.deleted && volume.attachments.is_empty() => {
            match engine.remove(&block_id(&id)?).await {
                Err(block::Error::Busy(_)) => return Ok(Next::After(BUSY_MS)),
                removed => removed.map_err(Error::internal)?,
            }
            let scope = *ctx.scope();
            ctx.write(|tx| {
                tag::forget(tx, &scope, &id)?;
                volume::delete(tx, &scope, &id)?;
                tx.publish(&events::volume(ctx, &id, ("deleteVolume", "deleted"), None))
            })
            .await?;
            return Ok(Next::Done);
        }
        None => {}
    }
    let volume = ensure(ctx, volume).await?;
    for held in volume.attachments.iter().filter(|held| !held.seen) {
        // An instance without a machine takes it along when it boots.
        if has_machine(ctx, &held.instance).await? {
            show_devices(ctx, &held.instance, false).await?;
        }
    }
    Ok(Next::Done)
}

/// The engine's volume bears the same name.
pub fn block_id(id: &impl Id) -> Result<BlockId> {
    BlockId::new(id.as_str()).map_err(Error::internal)
}

async fn has_machine(ctx: &Ctx, id: &InstanceId) -> Result<bool> {
    let found = ctx.own::<Engines>().machines.observe(&machine_id(id)?).await.map_err(Error::internal)?;
    Ok(found != compute::Observed::Absent)
}

/// Makes the volume, or makes it as long as asked for.
async fn ensure(ctx: &Ctx, volume: Volume) -> Result<Volume> {
    if volume.observed.size_gib == Some(volume.shape.size_gib) && is_modified(&volume) {
        return Ok(volume);
    }
    let outcome = match wish(ctx, &volume).await {
        Ok(wish) => {
            ctx.own::<Engines>().volumes.ensure(block_id(&volume.id)?, wish).await.map_err(Error::internal)
        }
        Err(refusal) => Err(refusal),
    };
    let failure = outcome
        .as_ref()
        .err()
        .map(|error| error.cause().map_or_else(|| error.to_string(), ToString::to_string));
    // Told once: that it is there, or that it could not be made at first.
    let is_news =
        volume.observed.size_gib.is_none() && (failure.is_none() || volume.observed.failure.is_none());
    let scope = *ctx.scope();
    let now = ctx.now();
    let seen = ctx
        .write(|tx| {
            if is_news {
                let result = if failure.is_none() { "available" } else { "failed" };
                tx.publish(&events::volume(ctx, &volume.id, ("createVolume", result), failure.as_deref()))?;
            }
            volume::update(tx, &scope, &volume.id, |seen| {
                if failure.is_none() {
                    seen.observed.size_gib = Some(volume.shape.size_gib);
                    if seen.shape == volume.shape
                        && let Some(change) = &mut seen.modification
                    {
                        change.ended_at = change.ended_at.or(Some(now));
                    }
                }
                seen.observed.failure.clone_from(&failure);
                Ok(seen.clone())
            })
        })
        .await?;
    outcome?;
    for held in volume.attachments.iter().filter(|held| held.seen) {
        // The limits of its type may have changed.
        show_devices(ctx, &held.instance, false).await?;
    }
    Ok(seen.unwrap_or(volume))
}

/// What the engine shall make of a volume. One that is there only grows, for which it takes no keys.
async fn wish(ctx: &Ctx, volume: &Volume) -> Result<Wish> {
    let is_there = volume.observed.size_gib.is_some();
    let seal = |seal: &Option<Seal>| seal.clone().filter(|_| !is_there);
    let key = encryption::open(ctx, seal(&volume.seal).as_ref()).await?;
    let source = match (&volume.snapshot, &volume.base) {
        (Some(id), _) => {
            let old = encryption::open(ctx, seal(&volume.snapshot_seal).as_ref()).await?;
            Source::Snapshot(block_id(id)?, old)
        }
        (None, Some(_)) => Source::FileSystem,
        (None, None) => Source::Empty,
    };
    Ok(Wish { size_bytes: u64::from(volume.shape.size_gib) * GIB, source, key })
}

fn is_modified(volume: &Volume) -> bool {
    volume.modification.as_ref().is_none_or(|change| change.ended_at.is_some())
}

/// Makes what an instance boots with: every volume, as a device of the host. Returns the root's device file.
pub async fn prepare(ctx: &Ctx, instance: &InstanceId) -> Result<(Vec<Volume>, Vec<Device>)> {
    let mut volumes = ctx.read(|snap| volume::of_instance(snap, ctx.scope(), instance)).await?;
    volumes.retain(|volume| volume.held_by(instance).is_some_and(|held| held.wish == Hold::Keep));
    let each = volumes.into_iter().map(|volume| async {
        let volume = ensure(ctx, volume).await?;
        let device = device(ctx, &volume, instance).await?;
        Ok::<_, Error>((volume, device))
    });
    Ok(try_join_all(each).await?.into_iter().unzip())
}

/// The volume as a device of the host, with the name and the limits it has in its machine.
async fn device(ctx: &Ctx, volume: &Volume, instance: &InstanceId) -> Result<Device> {
    let (engine, id) = (&*ctx.own::<Engines>().volumes, block_id(&volume.id)?);
    // The key is asked for when the device is made; one that is there goes on when KMS would refuse it.
    let attached = match engine.find_device(&id).await.map_err(Error::internal)? {
        Some(device) => device,
        None => {
            let key = encryption::open(ctx, volume.seal.as_ref()).await?;
            engine.attach(&id, key.as_ref()).await.map_err(Error::internal)?
        }
    };
    let name = check_device(volume.held_by(instance).map_or("", |held| held.device.as_str()))?.to_owned();
    let shape = &volume.shape;
    Ok(Device { name, node: attached.node, limits: limits(shape), shared: shape.multi_attach })
}

/// Gives the instance's machine the devices it shall have now, and writes down that it has them.
pub async fn show_devices(ctx: &Ctx, instance: &InstanceId, force: bool) -> Result<()> {
    let _turn = ctx.own::<Turns>().0.lock().await;
    let (volumes, devices) = prepare(ctx, instance).await?;
    let machines = &*ctx.own::<Engines>().machines;
    match machines.set_devices(&machine_id(instance)?, devices, force).await {
        Err(compute::Error::Absent(_)) => return Ok(()),
        shown => shown.map_err(Error::internal)?,
    }
    let unseen = |volume: &Volume| volume.held_by(instance).is_some_and(|held| !held.seen);
    if !volumes.iter().any(unseen) {
        return Ok(());
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        for volume in &volumes {
            volume::update(tx, &scope, &volume.id, |volume| {
                if let Some(held) = volume.held_by_mut(instance) {
                    held.seen = true;
                }
                Ok(())
            })?;
        }
        Ok(())
    })
    .await
}

/// Takes a volume from an instance. One that the guest still has mounted stays until that is over, unless others have it
/// too: whose use of it that is cannot be told then.
async fn let_go(ctx: &Ctx, volume: &Volume, held: &Attachment) -> Result<Next> {
    let others = volume.attachments.len() > 1;
    show_devices(ctx, &held.instance, others || held.wish == Hold::LetGo { force: true }).await?;
    if !others {
        match ctx.own::<Engines>().volumes.detach(&block_id(&volume.id)?).await {
            Ok(()) => {}
            Err(block::Error::Busy(_)) => return Ok(Next::After(BUSY_MS)),
            Err(error) => return Err(Error::internal(error)),
        }
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        volume::update(tx, &scope, &volume.id, |seen| {
            seen.attachments.retain(|one| one.instance != held.instance);
            Ok(())
        })
    })
    .await?;
    Ok(Next::Now)
}

/// Before the first call: removes what no record knows.
pub async fn open(ctx: &Ctx) -> Result<()> {
    let known = ctx
        .read(|snap| {
            let volumes = volume::all_scopes(snap)?;
            let snapshots = snapshot::all_scopes(snap)?;
            let mut stores = image_store::all_stores(snap)?;
            stores.retain(|(_, task)| task.base.is_some() && task.ended.is_none());
            Ok((volumes, snapshots, stores))
        })
        .await?;
    let ids =
        |volumes: Vec<&Volume>| volumes.iter().map(|volume| block_id(&volume.id)).collect::<Result<Vec<_>>>();
    let (volumes, snapshots, stores) = known;
    let mut kept: Vec<_> = snapshots.iter().map(|(_, one)| block_id(&one.id)).collect::<Result<_>>()?;
    for (_, task) in &stores {
        kept.push(files_id(task)?);
    }
    let known = Known {
        volumes: ids(volumes.iter().map(|(_, volume)| volume).collect())?,
        attached: ids(volumes.iter().map(|(_, v)| v).filter(|v| !v.attachments.is_empty()).collect())?,
        snapshots: kept,
    };
    ctx.own::<Engines>().volumes.sweep(known).await.map_err(Error::internal)
}

/// Brings the usage lines of all volumes and snapshots up to date.
pub async fn keep_books(ctx: &Ctx) -> Result<()> {
    let read = ctx.read(|snap| Ok((volume::all_scopes(snap)?, snapshot::all_scopes(snap)?)));
    let (volumes, snapshots) = read.await?;
    // Read again, each: one deleted meanwhile has its last line.
    for (scope, one) in volumes {
        let ctx = ctx.in_scope(scope);
        ctx.write(|tx| match volume::find(tx, &scope, &one.id)? {
            Some(one) => volume::note_usage(tx, &one),
            None => Ok(()),
        })
        .await?;
    }
    for (scope, one) in snapshots {
        let ctx = ctx.in_scope(scope);
        ctx.write(|tx| match snapshot::find(tx, &scope, &one.id)? {
            Some(one) => snapshot::note_usage(tx, &one),
            None => Ok(()),
        })
        .await?;
    }
    Ok(())
}

/// Lets go of everything, before the store forgets it. Machines are gone by then.
pub async fn remove_all(ctx: &Ctx) -> Result<()> {
    ctx.own::<Engines>().volumes.sweep(Known::default()).await.map_err(Error::internal)
}
