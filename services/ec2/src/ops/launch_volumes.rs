//! The volumes of a launch: those its image begins with, changed and added to by the request.

use kernel::{Result, Scope, Tx};

use super::image::Bootable;
use super::volume::{check_holds, fresh, get_snapshot};
use crate::errors;
use crate::rules::block_device::{DeviceWish, is_root};
use crate::rules::volume::{Asked, check};
use crate::state::id::{InstanceId, SnapshotId};
use crate::state::instance::RootVolume;
use crate::state::tag::{self, Tags};
use crate::state::volume::{self, Attachment, Hold};

/// One volume to be made.
#[derive(Clone, Debug)]
struct Planned {
    device: String,
    snapshot: Option<SnapshotId>,
    asked: Asked,
    delete_on_termination: bool,
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
        if wish.is_some_and(|wish| wish.left_out) && device.device != image.root_device {
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
            },
            delete_on_termination: given.delete_on_termination.unwrap_or(device.delete_on_termination),
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
        });
    }
    Ok(planned)
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
        let mut volume = fresh(tx, shape, zone, from.as_ref());
        let is_root = planned.device == image.root_device;
        volume.base = is_root.then(|| image.base.clone());
        volume.attachment = Some(Attachment {
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
