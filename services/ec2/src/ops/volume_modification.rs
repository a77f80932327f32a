//! Volumes that change while they are used, and their few attributes.

use api_ec2 as api;
use kernel::{Ctx, Result};

use super::page::{Listing, check_dry_run};
use super::volume::{check_id, get};
use crate::controllers::volume::CONTROLLER;
use crate::errors;
use crate::rules::instant;
use crate::rules::volume::{Asked, check, check_quotas, check_sharing, state};
use crate::rules::volume_view::{modification, modification_state};
use crate::state::id::Id;
use crate::state::volume::{self, Modification, Volume};

pub async fn modify_volume(ctx: &Ctx, input: api::ModifyVolumeRequest) -> Result<api::ModifyVolumeResult> {
    let id = check_id(&input.volume_id)?;
    let scope = *ctx.scope();
    let now = ctx.now();
    let changed = ctx
        .write(|tx| {
            let mut volume = get(tx, &scope, &id)?;
            if !matches!(state(&volume), "available" | "in-use") {
                return Err(errors::volume_not_available(&id));
            }
            if volume.modification.as_ref().is_some_and(|change| change.ended_at.is_none()) {
                return Err(errors::modification_running(&id));
            }
            let before = volume.shape.clone();
            let kind = input.volume_type.clone().unwrap_or_else(|| before.kind.clone());
            let multi_attach = check_sharing(&volume, input.multi_attach_enabled, &kind)?;
            // Rates stay, where the type stays and they do not follow from the size.
            let keeps = kind == before.kind && kind != "gp2";
            let kept = |rate: Option<u32>| rate.filter(|_| keeps).and_then(|rate| i32::try_from(rate).ok());
            let asked = Asked {
                size_gib: input.size,
                kind: Some(kind),
                iops: input.iops.or(kept(before.iops)),
                throughput: input.throughput.or(kept(before.throughput)),
                multi_attach,
            };
            let shape = check(&asked, Some(before.size_gib))?;
            if shape.size_gib < before.size_gib {
                return Err(errors::cannot_shrink());
            }
            let mut others = volume::all(tx, &scope)?;
            others.retain(|one| one.id != id);
            check_quotas(&shape, &others)?;
            check_dry_run(input.dry_run)?;
            volume.shape = shape;
            volume.modification = Some(Modification { before, started_at: now, ended_at: None });
            volume::put(tx, &scope, &volume)?;
            Ok(volume)
        })
        .await?;
    ctx.nudge(CONTROLLER, id.as_str());
    let shown = changed.modification.as_ref().map(|change| modification(&changed, change));
    Ok(api::ModifyVolumeResult { volume_modification: shown })
}

const FILTERS: &[&str] = &[
    "modification-state",
    "original-iops",
    "original-size",
    "original-volume-type",
    "originalMultiAttachEnabled",
    "start-time",
    "target-iops",
    "target-size",
    "target-volume-type",
    "targetMultiAttachEnabled",
    "volume-id",
];

pub async fn describe_volumes_modifications(
    ctx: &Ctx,
    input: api::DescribeVolumesModificationsRequest,
) -> Result<api::DescribeVolumesModificationsResult> {
    for text in input.volume_ids.iter().flatten() {
        check_id(text)?;
    }
    let filters = (input.filters, FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeVolumesModifications", input.volume_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let mut volumes = ctx.read(|snap| volume::all(snap, ctx.scope())).await?;
    volumes.retain(|volume| volume.modification.is_some());
    let none = std::collections::BTreeMap::new();
    let (rows, next_token) =
        listing.cut(ctx, volumes, &none, |row| row.id.as_str(), values, errors::modification_unknown)?;
    let show = |volume: &Volume| volume.modification.as_ref().map(|change| modification(volume, change));
    let shown = rows.iter().filter_map(show).collect();
    Ok(api::DescribeVolumesModificationsResult { volumes_modifications: Some(shown), next_token })
}

fn values(volume: &Volume, name: &str) -> Vec<String> {
    let Some(change) = &volume.modification else { return Vec::new() };
    let (before, after) = (&change.before, &volume.shape);
    let number = |rate: Option<u32>| rate.map(|rate| rate.to_string());
    let text = match name {
        "modification-state" => Some(modification_state(change).to_owned()),
        "original-iops" => number(before.iops),
        "original-size" => number(Some(before.size_gib)),
        "original-volume-type" => Some(before.kind.clone()),
        "start-time" => Some(instant::iso_millis(change.started_at)),
        "target-iops" => number(after.iops),
        "target-size" => number(Some(after.size_gib)),
        "target-volume-type" => Some(after.kind.clone()),
        "volume-id" => Some(volume.id.to_string()),
        "originalMultiAttachEnabled" => Some(before.multi_attach.to_string()),
        "targetMultiAttachEnabled" => Some(after.multi_attach.to_string()),
        _ => None,
    };
    text.into_iter().collect()
}

pub async fn describe_volume_attribute(
    ctx: &Ctx,
    input: api::DescribeVolumeAttributeRequest,
) -> Result<api::DescribeVolumeAttributeResult> {
    let id = check_id(&input.volume_id)?;
    let volume = ctx.read(|snap| get(snap, ctx.scope(), &id)).await?;
    check_dry_run(input.dry_run)?;
    let mut shown =
        api::DescribeVolumeAttributeResult { volume_id: Some(id.to_string()), ..Default::default() };
    match input.attribute.as_str() {
        "autoEnableIO" => {
            shown.auto_enable_io = Some(api::AttributeBooleanValue { value: Some(volume.auto_enable_io) });
        }
        "productCodes" => shown.product_codes = Some(Vec::new()),
        other => return Err(errors::attribute_unknown(other)),
    }
    Ok(shown)
}

pub async fn modify_volume_attribute(ctx: &Ctx, input: api::ModifyVolumeAttributeRequest) -> Result<()> {
    let id = check_id(&input.volume_id)?;
    let wanted = input.auto_enable_io.and_then(|wanted| wanted.value);
    let wanted = wanted.ok_or_else(|| errors::missing("AutoEnableIO"))?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let volume = get(tx, &scope, &id)?;
        check_dry_run(input.dry_run)?;
        volume::put(tx, &scope, &Volume { auto_enable_io: wanted, ..volume })
    })
    .await
}
