//! Whom images are shared with, and what else of them can be changed.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::image as described;
use super::image_make::{check_id, get_own};
use super::page::check_dry_run;
use super::snapshot_share::{is_with_everybody, named, share};
use crate::errors;
use crate::rules::image_standing::{bound_public, protection_shown};
use crate::state::block_public_access;
use crate::state::image::{self, Image};
use crate::state::snapshot::Shared;

pub async fn modify_image_attribute(ctx: &Ctx, input: api::ModifyImageAttributeRequest) -> Result<()> {
    let id = check_id(&input.image_id)?;
    let attribute = input.attribute.as_deref();
    if let Some(other) = attribute.filter(|name| !["description", "launchPermission"].contains(name)) {
        return Err(errors::attribute_unknown(other));
    }
    let permissions = input.launch_permission.unwrap_or_default();
    let one = |given: api::LaunchPermission| (given.user_id, given.group);
    let mut add: Vec<_> = permissions.add.unwrap_or_default().into_iter().map(one).collect();
    let mut remove: Vec<_> = permissions.remove.unwrap_or_default().into_iter().map(one).collect();
    let removes = input.operation_type.as_deref() == Some("remove");
    if removes { &mut remove } else { &mut add }.extend(named(input.user_ids, input.user_groups));
    let value = input.value.filter(|_| attribute == Some("description"));
    let description = input.description.and_then(|text| text.value).or(value);
    if description.is_none() && add.is_empty() && remove.is_empty() {
        return Err(errors::missing("attribute"));
    }
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let mut found = get_own(tx, &scope, &id)?;
        if is_with_everybody(&add) && block_public_access::get(tx, &scope)?.images {
            return Err(errors::public_images_blocked());
        }
        if found.standing.disabled && !add.is_empty() {
            return Err(errors::image_unavailable(&id));
        }
        share(&mut found.shared, &add, &remove)?;
        bound_public(&mut found);
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
        "deregistrationProtection" => {
            let value = Some(protection_shown(found.standing.protection, ctx.now()));
            shown.deregistration_protection = Some(api::AttributeValue { value });
        }
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
