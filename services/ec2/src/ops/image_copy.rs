//! Copies of images, with their snapshots, also from other regions and other accounts.

use api_ec2 as api;
use kernel::tokens::{Token, fingerprint};
use kernel::{Ctx, Result, Scope};

use super::image::get_bootable;
use super::image_make::{check_id, check_name};
use super::page::check_dry_run;
use super::snapshot_copy::{self, Copy, source_of};
use crate::controllers::snapshot::CONTROLLER;
use crate::errors;
use crate::rules::encryption::Wanted;
use crate::rules::tag as tags_of;
use crate::state::id::{Id, ImageId};
use crate::state::image::{self, Image, ImageDevice, Standing};
use crate::state::snapshot::{self, Shared};
use crate::state::tag;

const OPERATION: &str = "CopyImage";

pub async fn copy_image(ctx: &Ctx, input: api::CopyImageRequest) -> Result<api::CopyImageResult> {
    let print = fingerprint(&input);
    let from = check_id(&input.source_image_id)?;
    let source = source_of(ctx, &input.source_region)?;
    let wanted = Wanted::new(input.encrypted, input.kms_key_id);
    let mut tags = tags_of::of_specifications(input.tag_specifications, &["image", "snapshot"])?;
    let (mut image_tags, snapshot_tags) =
        (tags.remove("image").unwrap_or_default(), tags.remove("snapshot").unwrap_or_default());
    let (found, old_tags) =
        ctx.read(|snap| Ok((get_bootable(snap, &source, &from)?, tag::of(snap, &source, &from)?))).await?;
    if input.copy_image_tags == Some(true) {
        image_tags = tags_of::merge(old_tags, &image_tags)?;
        image_tags.retain(|key, _| !key.starts_with("aws:"));
    }
    let mut devices: Vec<(ImageDevice, Option<Copy>)> = Vec::new();
    for device in &found.devices {
        let copy = match &device.snapshot {
            Some(id) => Some(plan(ctx, source, &from, id, &wanted).await?),
            None => None,
        };
        devices.push((device.clone(), copy));
    }
    let token = input.client_token.filter(|token| !token.is_empty());
    let description = format!("Copied for DestinationAmi from SourceAmi {from} of {}", source.region);
    let scope = *ctx.scope();
    let (id, copied) = ctx
        .write(|tx| {
            if let Some(token) = &token {
                match tx.find_token(OPERATION, token, &print)? {
                    Token::Fresh => {}
                    Token::Repeated(made) => return Ok((made, Vec::new())),
                    Token::Mismatched => return Err(errors::token_mismatched(token)),
                }
            }
            check_name(tx, &scope, &input.name)?;
            let (mut made, mut copied) = (Vec::new(), Vec::new());
            for (device, copy) in devices.iter().cloned() {
                let Some(copy) = copy else {
                    made.push(device);
                    continue;
                };
                let one = snapshot_copy::insert(tx, &scope, &copy, &description)?;
                tag::put(tx, &scope, &one.id, snapshot_tags.clone())?;
                let encrypted = one.seal.is_some();
                made.push(ImageDevice { snapshot: Some(one.id.clone()), encrypted, ..device });
                copied.push(one.id);
            }
            let image = Image {
                id: ImageId::fresh(tx.ctx().ids()),
                name: input.name.clone(),
                description: input.description.clone().unwrap_or_default(),
                base: found.base.clone(),
                root_device: found.root_device.clone(),
                devices: made,
                created_at: tx.ctx().now(),
                instance: None,
                shared: Shared::default(),
                failure: None,
                standing: Standing::default(),
            };
            check_dry_run(input.dry_run)?;
            image::put(tx, &scope, &image)?;
            tag::put(tx, &scope, &image.id, image_tags.clone())?;
            if let Some(token) = &token {
                tx.remember_token(OPERATION, token, &print, image.id.as_str())?;
            }
            Ok((image.id.to_string(), copied))
        })
        .await?;
    for one in &copied {
        ctx.nudge(CONTROLLER, one.as_str());
    }
    Ok(api::CopyImageResult { image_id: Some(id) })
}

/// The copy of one of the image's snapshots: who may launch an image may not always read what it is made of.
async fn plan(
    ctx: &Ctx,
    source: Scope,
    image: &ImageId,
    id: &crate::state::id::SnapshotId,
    wanted: &Wanted,
) -> Result<Copy> {
    if ctx.read(|snap| snapshot::find_usable(snap, &source, id)).await?.is_none() {
        return Err(errors::snapshot_not_permitted(image));
    }
    // Devices without a snapshot stay empty; all others follow the same wish.
    snapshot_copy::plan(ctx, source, id, wanted).await
}
