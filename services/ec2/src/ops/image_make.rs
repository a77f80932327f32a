//! Images made, shared and given up.

use api_ec2 as api;
use kernel::tx::Reader;
use kernel::{Access, Ctx, Error, Result, Scope, Tx};

use super::page::check_dry_run;
use super::{image as described, instance, snapshot as snapshots};
use crate::controllers::{instance as instances, snapshot as controller};
use crate::errors;
use crate::rules::block_device;
use crate::rules::image as builtin;
use crate::rules::instance::State;
use crate::rules::tag as tags_of;
use crate::rules::volume::check;
use crate::state::id::{Id, ImageId};
use crate::state::image::{self, Image, ImageDevice};
use crate::state::instance as stored;
use crate::state::snapshot::{Shared, Snapshot};
use crate::state::{snapshot, tag, volume};

pub fn access(scope: &Scope, id: Option<&str>) -> Result<Access> {
    Ok(Access::on(scope.arn("ec2", format_args!("image/{}", id.unwrap_or("*")))))
}

/// # Errors
/// `InvalidAMIID.Malformed`.
fn check_id(text: &str) -> Result<ImageId> {
    ImageId::parse(text).ok_or_else(|| errors::image_malformed(text))
}

/// An image of this account.
///
/// # Errors
/// When there is none, or it is somebody else's.
fn get_own(from: &mut impl Reader, scope: &Scope, id: &ImageId) -> Result<Image> {
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

fn check_name(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<()> {
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
    let mut tags = tags_of::of_specifications(input.tag_specifications, &["image", "snapshot"])?;
    let (image_tags, snapshot_tags) =
        (tags.remove("image").unwrap_or_default(), tags.remove("snapshot").unwrap_or_default());
    let scope = *ctx.scope();
    let reboots = input.no_reboot != Some(true);
    let (made, taken, waits) = ctx
        .write(|tx| {
            let found = instance::get(tx, &scope, &id)?;
            if !matches!(found.state(), State::Running | State::Stopped) {
                return Err(errors::instance_not_ready(&id));
            }
            check_name(tx, &scope, &input.name)?;
            let waits = reboots && found.state() == State::Running;
            let mut taken: Vec<Snapshot> = Vec::new();
            let mut devices = Vec::new();
            let mut base = None;
            for volume in volume::of_instance(tx, &scope, &id)? {
                let Some(held) = &volume.attachment else { continue };
                let is_root = volume.id == found.root.id;
                let wish = wishes.iter().find(|wish| wish.device == held.device);
                if wish.is_some_and(|wish| wish.left_out) && !is_root {
                    continue;
                }
                let description = format!("Created by CreateImage({id}) for {}", volume.id);
                let one = snapshots::insert(tx, &scope, &volume, &description, waits)?;
                tag::put(tx, &scope, &one.id, snapshot_tags.clone())?;
                let keep = wish.and_then(|wish| wish.delete_on_termination);
                let device = ImageDevice {
                    device: held.device.clone(),
                    snapshot: Some(one.id.clone()),
                    shape: volume.shape.clone(),
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
            let root_device = devices.first().map(|device| device.device.clone()).ok_or_else(unknown)?;
            let made = Image {
                id: ImageId::fresh(tx.ctx().ids()),
                name: input.name.clone(),
                description: input.description.clone().unwrap_or_default(),
                base: base.ok_or_else(unknown)?,
                root_device,
                devices,
                created_at: tx.ctx().now(),
                instance: Some(id.clone()),
                shared: Shared::default(),
            };
            check_dry_run(input.dry_run)?;
            image::put(tx, &scope, &made)?;
            tag::put(tx, &scope, &made.id, image_tags.clone())?;
            if waits {
                stored::update(tx, &scope, &id, |instance| {
                    instance.desired.reboots += 1;
                    Ok(())
                })?;
            }
            Ok((made, taken, waits))
        })
        .await?;
    if waits {
        // Between its end and its next start.
        ctx.nudge(instances::CONTROLLER, id.as_str());
    } else {
        for one in &taken {
            if let Err(error) = controller::take(ctx, one).await {
                tracing::info!(id = one.id.as_str(), %error, "a snapshot is taken later");
                ctx.nudge(controller::CONTROLLER, one.id.as_str());
            }
        }
    }
    Ok(api::CreateImageResult { image_id: Some(made.id.to_string()) })
}

pub async fn register_image(ctx: &Ctx, input: api::RegisterImageRequest) -> Result<api::RegisterImageResult> {
    let wishes = block_device::check(input.block_device_mappings)?;
    let mut tags = tags_of::of_specifications(input.tag_specifications, &["image"])?;
    let tags = tags.remove("image").unwrap_or_default();
    if let Some(architecture) = input.architecture.filter(|wanted| wanted != builtin::architecture()) {
        return Err(errors::invalid_value(architecture, "architecture"));
    }
    if let Some(kind) = input.virtualization_type.filter(|kind| kind != "hvm") {
        return Err(errors::invalid_value(kind, "virtualizationType"));
    }
    let root_device = input.root_device_name.filter(|name| !name.is_empty());
    let root_device = root_device.ok_or_else(|| errors::missing("rootDeviceName"))?;
    let scope = *ctx.scope();
    let made = ctx
        .write(|tx| {
            check_name(tx, &scope, &input.name)?;
            let mut devices = Vec::new();
            let mut base = None;
            for wish in wishes.iter().filter(|wish| !wish.left_out) {
                let from = match &wish.snapshot {
                    Some(id) => Some(super::volume::get_snapshot(tx, &scope, id)?),
                    None => None,
                };
                let shape = check(&wish.asked, from.as_ref().map(|from| from.size_gib))?;
                super::volume::check_holds(&shape, from.as_ref())?;
                let is_root = wish.device == root_device;
                let device = ImageDevice {
                    device: wish.device.clone(),
                    snapshot: wish.snapshot.clone(),
                    shape,
                    delete_on_termination: wish.delete_on_termination.unwrap_or(is_root),
                };
                if is_root {
                    base = from.and_then(|from| from.base);
                    devices.insert(0, device);
                } else {
                    devices.push(device);
                }
            }
            let made = Image {
                id: ImageId::fresh(tx.ctx().ids()),
                name: input.name.clone(),
                description: input.description.clone().unwrap_or_default(),
                base: base.ok_or_else(|| errors::image_without_root(&root_device))?,
                root_device: root_device.clone(),
                devices,
                created_at: tx.ctx().now(),
                instance: None,
                shared: Shared::default(),
            };
            check_dry_run(input.dry_run)?;
            image::put(tx, &scope, &made)?;
            tag::put(tx, &scope, &made.id, tags.clone())?;
            Ok(made)
        })
        .await?;
    Ok(api::RegisterImageResult { image_id: Some(made.id.to_string()) })
}

pub async fn deregister_image(
    ctx: &Ctx,
    input: api::DeregisterImageRequest,
) -> Result<api::DeregisterImageResult> {
    let id = check_id(&input.image_id)?;
    let scope = *ctx.scope();
    let with_snapshots = input.delete_associated_snapshots == Some(true);
    let doomed = ctx
        .write(|tx| {
            let found = get_own(tx, &scope, &id)?;
            check_dry_run(input.dry_run)?;
            image::delete(tx, &scope, &id)?;
            tag::forget(tx, &scope, &id)?;
            let snapshots = found.devices.into_iter().filter_map(|device| device.snapshot);
            let doomed: Vec<_> = snapshots.filter(|_| with_snapshots).collect();
            let mut gone = Vec::new();
            for one in doomed {
                if delete_unused(tx, &scope, &one)? {
                    gone.push(one);
                }
            }
            Ok(gone)
        })
        .await?;
    for one in &doomed {
        ctx.nudge(controller::CONTROLLER, one.as_str());
    }
    Ok(api::DeregisterImageResult { r#return: Some(true), ..Default::default() })
}

/// Gives up a snapshot unless another image has it.
fn delete_unused(tx: &mut Tx<'_, '_>, scope: &Scope, id: &crate::state::id::SnapshotId) -> Result<bool> {
    let uses = |image: &Image| image.devices.iter().any(|device| device.snapshot.as_ref() == Some(id));
    if image::all(tx, scope)?.iter().any(uses) {
        return Ok(false);
    }
    let deleted = snapshot::update(tx, scope, id, |one| {
        one.deleted = true;
        Ok(())
    })?;
    Ok(deleted.is_some())
}

pub async fn modify_image_attribute(ctx: &Ctx, input: api::ModifyImageAttributeRequest) -> Result<()> {
    let id = check_id(&input.image_id)?;
    let permissions = input.launch_permission.unwrap_or_default();
    let one = |given: api::LaunchPermission| (given.user_id, given.group);
    let mut add: Vec<_> = permissions.add.unwrap_or_default().into_iter().map(one).collect();
    let mut remove: Vec<_> = permissions.remove.unwrap_or_default().into_iter().map(one).collect();
    let users = input.user_ids.unwrap_or_default().into_iter().map(|user| (Some(user), None));
    let groups = input.user_groups.unwrap_or_default().into_iter().map(|group| (None, Some(group)));
    let old = users.chain(groups);
    if input.operation_type.as_deref() == Some("remove") {
        remove.extend(old);
    } else {
        add.extend(old);
    }
    let described = input.attribute.as_deref() == Some("description");
    let description = input.description.and_then(|text| text.value).or(input.value.filter(|_| described));
    if description.is_none() && add.is_empty() && remove.is_empty() {
        return Err(errors::missing("attribute"));
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let mut found = get_own(tx, &scope, &id)?;
        snapshots::share(&mut found.shared, &add, &remove)?;
        if let Some(text) = &description {
            found.description.clone_from(text);
        }
        check_dry_run(input.dry_run)?;
        image::put(tx, &scope, &found)
    })
    .await
}

pub async fn describe_image_attribute(
    ctx: &Ctx,
    input: api::DescribeImageAttributeRequest,
) -> Result<api::ImageAttribute> {
    let id = check_id(&input.image_id)?;
    let found = ctx.read(|snap| get_own(snap, ctx.scope(), &id)).await?;
    check_dry_run(input.dry_run)?;
    let mut shown = api::ImageAttribute { image_id: Some(id.to_string()), ..Default::default() };
    match input.attribute.as_str() {
        "launchPermission" => {
            let all = found.shared.everybody.then(|| (None, Some("all".to_owned())));
            let users = found.shared.accounts.into_iter().map(|user| (Some(user), None));
            let show = |(user_id, group)| api::LaunchPermission { user_id, group, ..Default::default() };
            shown.launch_permissions = Some(all.into_iter().chain(users).map(show).collect());
        }
        "description" => {
            shown.description = Some(api::AttributeValue { value: Some(found.description) });
        }
        "blockDeviceMapping" => shown.block_device_mappings = Some(described::mappings(&found)),
        "productCodes" => shown.product_codes = Some(Vec::new()),
        other => return Err(errors::attribute_unknown(other)),
    }
    Ok(shown)
}

pub async fn reset_image_attribute(ctx: &Ctx, input: api::ResetImageAttributeRequest) -> Result<()> {
    let id = check_id(&input.image_id)?;
    if input.attribute != "launchPermission" {
        return Err(errors::attribute_unknown(&input.attribute));
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let found = get_own(tx, &scope, &id)?;
        check_dry_run(input.dry_run)?;
        image::put(tx, &scope, &Image { shared: Shared::default(), ..found })
    })
    .await
}
