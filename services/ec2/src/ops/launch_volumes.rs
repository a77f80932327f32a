//! The volumes of a launch: those its image begins with, changed and added to by the request.

use kernel::{Ctx, Result, Scope, Tx};

use super::encryption;
use super::image::{Bootable, get_bootable};
use super::volume::{check_holds, fresh, get_snapshot};
use crate::errors;
use crate::rules::block_device::{DeviceWish, check_can_go, is_root};
use crate::rules::encryption::{Outcome, Wanted, decide};
use crate::rules::volume::{Asked, check, check_boots};
use crate::state::encryption::{Seal, defaults};
use crate::state::fast_restore;
use crate::state::id::{Id, ImageId, InstanceId, SnapshotId, VolumeId};
use crate::state::instance::RootVolume;
use crate::state::snapshot::{Snapshot, find_placed};
use crate::state::tag::{self, Tags};
use crate::state::volume::{self, Attachment, Hold};

/// One volume to be made.
#[derive(Clone, Debug)]
struct Planned {
    device: String,
    snapshot: Option<SnapshotId>,
    asked: Asked,
    delete_on_termination: bool,
    encryption: Wanted,
    seals: Vec<(VolumeId, Seal)>,
}

/// The volumes of the image as the request wants them, the root first; then those only the request names.
fn plan(image: &Bootable, wishes: &[DeviceWish]) -> Result<Vec<Planned>> {
    let mut planned = Vec::new();
    for device in &image.devices {
        let is_meant = |wish: &&DeviceWish| {
            wish.device == device.device
                || device.device == image.root_device && is_root(&wish.device, &image.root_device)
        };
        let wish = wishes.iter().find(is_meant);
        if let Some(wish) = wish.filter(|wish| wish.left_out) {
            check_can_go(&wish.device, device.device == image.root_device)?;
            continue;
        }
        let number = |rate: Option<u32>| rate.and_then(|rate| i32::try_from(rate).ok());
        let given = wish.cloned().unwrap_or_default();
        let keeps = given.asked.kind.as_ref().is_none_or(|kind| *kind == device.shape.kind);
        let kept = |rate| number(rate).filter(|_| keeps && device.shape.kind != "gp2");
        planned.push(Planned {
            device: device.device.clone(),
            snapshot: given.snapshot.or_else(|| device.snapshot.clone()),
            asked: Asked {
                size_gib: given.asked.size_gib.or_else(|| number(Some(device.shape.size_gib))),
                kind: given.asked.kind.or_else(|| Some(device.shape.kind.clone())),
                iops: given.asked.iops.or_else(|| kept(device.shape.iops)),
                throughput: given.asked.throughput.or_else(|| kept(device.shape.throughput)),
                multi_attach: false,
            },
            delete_on_termination: given.delete_on_termination.unwrap_or(device.delete_on_termination),
            encryption: given.encryption,
            seals: given.seals,
        });
    }
    let of_image = |wish: &DeviceWish| {
        let names = |device: &crate::state::image::ImageDevice| device.device == wish.device;
        image.devices.iter().any(names) || is_root(&wish.device, &image.root_device)
    };
    for wish in wishes.iter().filter(|wish| !wish.left_out && !of_image(wish)) {
        planned.push(Planned {
            device: wish.device.clone(),
            snapshot: wish.snapshot.clone(),
            asked: wish.asked.clone(),
            delete_on_termination: wish.delete_on_termination.unwrap_or(true),
            encryption: wish.encryption.clone(),
            seals: wish.seals.clone(),
        });
    }
    Ok(planned)
}

/// The wishes of a launch of so many instances, with keys for the volumes that are to be encrypted anew.
///
/// # Errors
/// Those of KMS, as EC2 tells them, and of wishes that cannot be.
pub async fn sealed(
    ctx: &Ctx,
    image: &ImageId,
    wishes: Vec<DeviceWish>,
    count: u32,
) -> Result<Vec<DeviceWish>> {
    let scope = ctx.scope();
    let look = ctx.read(|snap| {
        let image = get_bootable(snap, scope, image)?;
        let owner = image.owner(scope);
        let mut found = Vec::new();
        for planned in plan(&image, &wishes)? {
            let from = match &planned.snapshot {
                Some(id) => find_placed(snap, &owner, id)?,
                None => None,
            };
            found.push((planned, from));
        }
        Ok((defaults(snap, scope)?, found))
    });
    // What cannot be found is refused with the rest of the launch.
    let Ok((defaults, found)) = look.await else { return Ok(wishes) };
    let mut wishes = wishes;
    for (planned, from) in found {
        let seal = from.as_ref().and_then(|(_, from)| from.seal.as_ref());
        encryption::check_usable(ctx, seal).await?;
        let own = from.as_ref().is_none_or(|(place, _)| place == scope);
        let Outcome::Fresh(key) = decide(&planned.encryption, &defaults, seal, own)? else { continue };
        let at = match wishes.iter().position(|wish| is_meant(wish, &planned.device)) {
            Some(at) => at,
            None => {
                wishes.push(DeviceWish { device: planned.device, ..DeviceWish::default() });
                wishes.len() - 1
            }
        };
        for _ in 0..count {
            let id = VolumeId::fresh(ctx.ids());
            let made = encryption::seal(ctx, Outcome::Fresh(key.clone()), id.as_str()).await?;
            if let Some(wish) = wishes.get_mut(at) {
                wish.seals.extend(made.map(|seal| (id, seal)));
            }
        }
    }
    Ok(wishes)
}

fn is_meant(wish: &DeviceWish, device: &str) -> bool {
    !wish.left_out && (wish.device == device || is_root(&wish.device, device))
}

/// The id and the key of one volume: the first that no other instance of the launch has taken, else as its snapshot.
fn seal(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    seals: Vec<(VolumeId, Seal)>,
    from: Option<&Snapshot>,
) -> Result<(VolumeId, Option<Seal>)> {
    for (id, seal) in seals {
        if volume::find(tx, scope, &id)?.is_none() {
            return Ok((id, Some(seal)));
        }
    }
    Ok((VolumeId::fresh(tx.ctx().ids()), from.and_then(|from| from.seal.clone())))
}

/// Writes down the volumes of one instance. Returns its root.
pub fn insert(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    (instance, zone): (&InstanceId, &str),
    image: &Bootable,
    wishes: &[DeviceWish],
    tags: &Tags,
) -> Result<RootVolume> {
    let mut root = None;
    for planned in plan(image, wishes)? {
        let from =
            planned.snapshot.as_ref().map(|id| get_snapshot(tx, &image.owner(scope), id)).transpose()?;
        let shape = check(&planned.asked, from.as_ref().map(|from| from.size_gib))?;
        check_holds(&shape, from.as_ref())?;
        let is_root = planned.device == image.root_device;
        if is_root {
            check_boots(&shape.kind)?;
        }
        let kept = seal(tx, scope, planned.seals, from.as_ref())?;
        let mut volume = fresh(tx, kept, shape, zone, from.as_ref());
        volume.fast_restored = fast_restore::is_enabled(tx, scope, volume.snapshot.as_ref(), zone)?;
        volume.base = is_root.then(|| image.base.clone());
        volume.attachments.push(Attachment {
            instance: instance.clone(),
            device: planned.device,
            delete_on_termination: planned.delete_on_termination,
            at: tx.ctx().now(),
            wish: Hold::Keep,
            seen: false,
        });
        volume::put(tx, scope, &volume)?;
        tag::put(tx, scope, &volume.id, tags.clone())?;
        if is_root {
            root = Some(RootVolume {
                id: volume.id,
                size_gib: volume.shape.size_gib,
                volume_type: volume.shape.kind,
                delete_on_termination: planned.delete_on_termination,
            });
        }
    }
    root.ok_or_else(|| errors::image_without_root(&image.root_device))
}
