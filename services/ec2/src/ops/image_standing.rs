//! Images deprecated, disabled and protected, and all of that undone.

use api_ec2 as api;
use kernel::clock::Millis;
use kernel::{Ctx, Result};

use super::image::state;
use super::image_make::{check_id, get_own};
use super::page::check_dry_run;
use crate::errors;
use crate::rules::image_standing as rules;
use crate::state::image::{self, Image, Protection};
use crate::state::snapshot::Shared;

/// Changes an image of the caller's.
async fn change(
    ctx: &Ctx,
    id: &str,
    dry_run: Option<bool>,
    f: impl Fn(&mut Image, Millis) -> Result<()> + Send + Sync,
) -> Result<Image> {
    let id = check_id(id)?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let mut found = get_own(tx, &scope, &id)?;
        if !["available", "disabled"].contains(&state(tx, &scope, &found)?) {
            return Err(errors::image_unavailable(&id));
        }
        f(&mut found, tx.ctx().now())?;
        check_dry_run(dry_run)?;
        image::put(tx, &scope, &found)?;
        Ok(found)
    })
    .await
}

pub async fn enable_image_deprecation(
    ctx: &Ctx,
    input: api::EnableImageDeprecationRequest,
) -> Result<api::EnableImageDeprecationResult> {
    let wanted = input.deprecate_at.as_millis();
    let deprecate = |image: &mut Image, now| {
        image.standing.deprecated_from = Some(rules::deprecation(image, wanted, now)?);
        Ok(())
    };
    change(ctx, &input.image_id, input.dry_run, deprecate).await?;
    Ok(api::EnableImageDeprecationResult { r#return: Some(true) })
}

pub async fn disable_image_deprecation(
    ctx: &Ctx,
    input: api::DisableImageDeprecationRequest,
) -> Result<api::DisableImageDeprecationResult> {
    let cancel = |image: &mut Image, _| {
        if image.shared.everybody {
            return Err(errors::public_image_deprecated(&image.id));
        }
        image.standing.deprecated_from = None;
        Ok(())
    };
    change(ctx, &input.image_id, input.dry_run, cancel).await?;
    Ok(api::DisableImageDeprecationResult { r#return: Some(true) })
}

pub async fn disable_image(ctx: &Ctx, input: api::DisableImageRequest) -> Result<api::DisableImageResult> {
    let disable = |image: &mut Image, _| {
        image.standing.disabled = true;
        image.shared = Shared::default();
        Ok(())
    };
    change(ctx, &input.image_id, input.dry_run, disable).await?;
    Ok(api::DisableImageResult { r#return: Some(true) })
}

pub async fn enable_image(ctx: &Ctx, input: api::EnableImageRequest) -> Result<api::EnableImageResult> {
    let enable = |image: &mut Image, _| {
        image.standing.disabled = false;
        Ok(())
    };
    change(ctx, &input.image_id, input.dry_run, enable).await?;
    Ok(api::EnableImageResult { r#return: Some(true) })
}

pub async fn enable_image_deregistration_protection(
    ctx: &Ctx,
    input: api::EnableImageDeregistrationProtectionRequest,
) -> Result<api::EnableImageDeregistrationProtectionResult> {
    let cooldown = input.with_cooldown.unwrap_or(false);
    let protect = |image: &mut Image, _| {
        image.standing.protection = Protection::On { cooldown };
        Ok(())
    };
    let image = change(ctx, &input.image_id, input.dry_run, protect).await?;
    Ok(api::EnableImageDeregistrationProtectionResult { r#return: shown(ctx, &image) })
}

pub async fn disable_image_deregistration_protection(
    ctx: &Ctx,
    input: api::DisableImageDeregistrationProtectionRequest,
) -> Result<api::DisableImageDeregistrationProtectionResult> {
    let release = |image: &mut Image, now| {
        image.standing.protection = rules::switched_off(image.standing.protection, now);
        Ok(())
    };
    let image = change(ctx, &input.image_id, input.dry_run, release).await?;
    Ok(api::DisableImageDeregistrationProtectionResult { r#return: shown(ctx, &image) })
}

fn shown(ctx: &Ctx, image: &Image) -> Option<String> {
    Some(rules::protection_shown(image.standing.protection, ctx.now()))
}
