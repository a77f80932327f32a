//! Images made, shared and given up.

use api_ec2 as api;
use kernel::tx::Reader;
use kernel::{Access, Ctx, Error, Result, Scope, Tx};

use super::page::check_dry_run;
use super::snapshot_set::take_all;
use super::{instance, snapshot as snapshots};
use crate::controllers::{instance as instances, snapshot as controller};
use crate::errors;
use crate::rules::block_device::{self, DeviceWish, check_can_go};
use crate::rules::image as builtin;
use crate::rules::image_standing::is_protected;
use crate::rules::instance::State;
use crate::rules::snapshot_lock;
use crate::rules::tag as tags_of;
use crate::state::id::{Id, ImageId, InstanceId, SnapshotId};
use crate::state::image::{self, Image, ImageDevice, Standing};
use crate::state::instance as stored;
use crate::state::snapshot::{Shared, Snapshot};
use crate::state::tag::Tags;
use crate::state::volume::Shape;
use crate::state::{snapshot, tag, volume};

/// What DeregisterImage says of a snapshot that it deleted with the image.
const DELETED: &str = "success";

pub fn access(scope: &Scope, id: Option<&str>) -> Result<Access> {
    Ok(Access::on(scope.arn("ec2", format_args!("image/{}", id.unwrap_or("*")))))
}

/// # Errors
/// `InvalidAMIID.Malformed`.
pub fn check_id(text: &str) -> Result<ImageId> {
    ImageId::parse(text).ok_or_else(|| errors::image_malformed(text))
}

/// An image of this account.
///
/// # Errors
/// When there is none, or it is somebody else's.
pub fn get_own(from: &mut impl Reader, scope: &Scope, id: &ImageId) -> Result<Image> {
    if builtin::find(id).is_some() {
        return Err(errors::image_not_yours(id));
    }
    match image::find(from, scope, id)? {
        Some(found) => Ok(found),
        None => match image::find_anywhere(from, id)? {
            Some((place, found)) if place.region == scope.region && found.shared.admits(scope.account) => {
                Err(errors::image_not_yours(id))
            }
            _ => Err(errors::images_not_found(&[id.to_string()])),
        },
    }
}

pub fn check_name(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<()> {
    let fits = (3..=128).contains(&name.chars().count());
    let plain = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if !fits || !name.chars().all(plain) {
        return Err(errors::image_name_malformed());
    }
    match image::all(from, scope)?.iter().find(|image| image.name == name) {
        Some(other) => Err(errors::image_name_taken(name, &other.id)),
        None => Ok(()),
    }
}

pub async fn create_image(ctx: &Ctx, input: api::CreateImageRequest) -> Result<api::CreateImageResult> {
    let id = instance::check_id(&input.instance_id)?;
    let wishes = block_device::check(input.block_device_mappings)?;
    block_device::check_unencrypted(&wishes)?;
    let mut tags = tags_of::of_specifications(input.tag_specifications, &["image", "snapshot"])?;
    let frozen = Freeze {
        name: input.name,
        description: input.description.unwrap_or_default(),
        wishes,
        image_tags: tags.remove("image").unwrap_or_default(),
        snapshot_tags: tags.remove("snapshot").unwrap_or_default(),
        reboots: input.no_reboot != Some(true),
    };
    let scope = *ctx.scope();
    let (made, taken, waits) = ctx
        .write(|tx| {
            let done = freeze(tx, &scope, &id, &frozen)?;
            check_dry_run(input.dry_run)?;
            Ok(done)
        })
        .await?;
    if waits {
        // Between its end and its next start.
        ctx.nudge(instances::CONTROLLER, id.as_str());
    } else {
        take_all(ctx, &taken).await;
    }
    Ok(api::CreateImageResult { image_id: Some(made.id.to_string()) })
}

/// What an image of an instance is to be.
struct Freeze {
    name: String,
    description: String,
    wishes: Vec<DeviceWish>,
    image_tags: Tags,
    snapshot_tags: Tags,
    reboots: bool,
}

/// Writes down an image and the snapshots it is made of. The last says whether these wait for a reboot.
fn freeze(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    id: &InstanceId,
    wanted: &Freeze,
) -> Result<(Image, Vec<Snapshot>, bool)> {
    let found = instance::get(tx, scope, id)?;
    if !matches!(found.state(), State::Running | State::Stopped) {
        return Err(errors::instance_not_ready(id));
    }
    check_name(tx, scope, &wanted.name)?;
    let waits = wanted.reboots && found.state() == State::Running;
    let (mut taken, mut devices, mut base) = (Vec::new(), Vec::new(), None);
    for volume in volume::of_instance(tx, scope, id)? {
        let Some(held) = volume.held_by(id) else { continue };
        let is_root = volume.id == found.root.id;
        let wish = wanted.wishes.iter().find(|wish| wish.device == held.device);
        if let Some(wish) = wish.filter(|wish| wish.left_out) {
            check_can_go(&wish.device, is_root)?;
            continue;
        }
        let description = format!("Created by CreateImage({id}) for {}", volume.id);
        let one = snapshots::insert(tx, scope, &volume, &description, waits)?;
        tag::put(tx, scope, &one.id, wanted.snapshot_tags.clone())?;
        let keep = wish.and_then(|wish| wish.delete_on_termination);
        let device = ImageDevice {
            device: held.device.clone(),
            snapshot: Some(one.id.clone()),
            encrypted: one.seal.is_some(),
            shape: Shape { multi_attach: false, ..volume.shape.clone() },
            delete_on_termination: keep.unwrap_or(held.delete_on_termination || is_root),
        };
        if is_root {
            base.clone_from(&volume.base);
            devices.insert(0, device);
        } else {
            devices.push(device);
        }
        taken.push(one);
    }
    let unknown = || Error::internal("the root volume is not on record");
    let made = Image {
        id: ImageId::fresh(tx.ctx().ids()),
        name: wanted.name.clone(),
        description: wanted.description.clone(),
        base: base.ok_or_else(unknown)?,
        root_device: devices.first().map(|device| device.device.clone()).ok_or_else(unknown)?,
        devices,
        created_at: tx.ctx().now(),
        instance: Some(id.clone()),
        shared: Shared::default(),
        failure: None,
        standing: Standing::default(),
    };
    image::put(tx, scope, &made)?;
    tag::put(tx, scope, &made.id, wanted.image_tags.clone())?;
    if waits {
        stored::update(tx, scope, id, |instance| {
            instance.desired.reboots += 1;
            Ok(())
        })?;
    }
    Ok((made, taken, waits))
}

pub async fn deregister_image(
    ctx: &Ctx,
    input: api::DeregisterImageRequest,
) -> Result<api::DeregisterImageResult> {
    let id = check_id(&input.image_id)?;
    let scope = *ctx.scope();
    let doomed = if input.delete_associated_snapshots == Some(true) {
        let found = ctx.read(|snap| get_own(snap, &scope, &id)).await?;
        allowed_deletions(ctx, &found).await
    } else {
        Vec::new()
    };
    let ends = ctx
        .write(|tx| {
            let found = get_own(tx, &scope, &id)?;
            if is_protected(found.standing.protection, tx.ctx().now()) {
                return Err(errors::image_protected(&id));
            }
            check_dry_run(input.dry_run)?;
            image::delete(tx, &scope, &id)?;
            tag::forget(tx, &scope, &id)?;
            let end = |(one, may): &(SnapshotId, bool)| {
                let code = if *may { delete_unused(tx, &scope, one)? } else { "missing-permissions" };
                Ok((one.clone(), code))
            };
            doomed.iter().map(end).collect::<Result<Vec<_>>>()
        })
        .await?;
    for (one, _) in ends.iter().filter(|(_, code)| *code == DELETED) {
        ctx.nudge(controller::CONTROLLER, one.as_str());
    }
    let shown = |(one, code): (SnapshotId, &str)| api::DeleteSnapshotReturnCode {
        snapshot_id: Some(one.to_string()),
        return_code: Some(code.to_owned()),
    };
    Ok(api::DeregisterImageResult {
        r#return: Some(true),
        delete_snapshot_results: Some(ends.into_iter().map(shown).collect()),
    })
}

/// The snapshots of an image, each with whether the caller may delete it.
async fn allowed_deletions(ctx: &Ctx, image: &Image) -> Vec<(SnapshotId, bool)> {
    let mut all = Vec::new();
    for one in image.devices.iter().filter_map(|device| device.snapshot.clone()) {
        let may = match snapshots::access(ctx.scope(), Some(one.as_str())) {
            Ok(access) => ctx.authorize("ec2:DeleteSnapshot", &access).await.is_ok(),
            Err(_) => false,
        };
        all.push((one, may));
    }
    all
}

/// Gives up a snapshot unless another image has it, or a lock holds it; how that ended, in AWS's word.
fn delete_unused(tx: &mut Tx<'_, '_>, scope: &Scope, id: &SnapshotId) -> Result<&'static str> {
    let uses = |image: &Image| image.devices.iter().any(|device| device.snapshot.as_ref() == Some(id));
    if image::all(tx, scope)?.iter().any(uses) {
        return Ok("skipped");
    }
    let now = tx.ctx().now();
    let found = snapshot::find(tx, scope, id)?.filter(|one| !one.deleted);
    let free = found.filter(|one| snapshot_lock::check_deletion(one, now).is_ok());
    let Some(free) = free else { return Ok("client-error") };
    snapshot::put(tx, scope, &Snapshot { deleted: true, ..free })?;
    Ok(DELETED)
}
