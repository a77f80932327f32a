//! Volumes: made, described, deleted.

use api_ec2 as api;
use kernel::tokens::{Token, fingerprint};
use kernel::tx::Reader;
use kernel::{Access, Ctx, Result, Scope, Tx};

use super::encryption;
use super::page::{Listing, check_dry_run};
use super::snapshot::check_here;
use crate::controllers::volume::CONTROLLER;
use crate::errors;
use crate::rules;
use crate::rules::encryption::{Outcome, Wanted};
use crate::rules::volume::{Asked, attachment_state, check, check_quotas, state};
use crate::rules::volume_view::show;
use crate::rules::{instant, region, tag as tags_of};
use crate::state::encryption::{Seal, defaults};
use crate::state::id::{Id, SnapshotId, VolumeId};
use crate::state::snapshot::{self, Snapshot};
use crate::state::volume::{self, Attachment, Observed, Shape, Volume};
use crate::state::{fast_restore, tag};

const FILTERS: &[&str] = &[
    "attachment.attach-time",
    "attachment.delete-on-termination",
    "attachment.device",
    "attachment.instance-id",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "create-time",
    "encrypted",
    "fast-restored",
    "multi-attach-enabled",
    "operator.managed",
    "operator.principal",
    "size",
    "snapshot-id",
    "status",
    "volume-id",
    "volume-type",
];

pub fn access(scope: &Scope, id: Option<&str>) -> Result<Access> {
    Ok(Access::on(scope.arn("ec2", format_args!("volume/{}", id.unwrap_or("*")))))
}

/// # Errors
/// `InvalidVolumeID.Malformed`.
pub fn check_id(text: &str) -> Result<VolumeId> {
    VolumeId::parse(text).ok_or_else(|| errors::volume_malformed(text))
}

/// # Errors
/// `InvalidVolume.NotFound`.
pub fn get(from: &mut impl Reader, scope: &Scope, id: &VolumeId) -> Result<Volume> {
    volume::find(from, scope, id)?.ok_or_else(|| errors::volume_not_found(id))
}

/// A snapshot that volumes can be made from.
///
/// # Errors
/// When there is none that this account may use, or it has not been taken yet.
pub fn get_snapshot(from: &mut impl Reader, scope: &Scope, id: &SnapshotId) -> Result<Snapshot> {
    let found = snapshot::find_usable(from, scope, id)?.ok_or_else(|| errors::snapshot_not_found(id))?;
    check_here(&found)?;
    if found.observed.taken { Ok(found) } else { Err(errors::snapshot_pending(id)) }
}

/// A volume that is not attached, from nothing or from a snapshot.
pub fn fresh(
    tx: &Tx<'_, '_>,
    (id, seal): (VolumeId, Option<Seal>),
    shape: Shape,
    zone: &str,
    from: Option<&Snapshot>,
) -> Volume {
    Volume {
        id,
        shape,
        zone: zone.to_owned(),
        seal,
        snapshot_seal: from.and_then(|from| from.seal.clone()),
        snapshot: from.map(|from| from.id.clone()),
        base: from.and_then(|from| from.base.clone()),
        created_at: tx.ctx().now(),
        billed_since: None,
        auto_enable_io: false,
        deleted: false,
        fast_restored: false,
        attachments: Vec::new(),
        modification: None,
        observed: Observed::default(),
    }
}

/// # Errors
/// When it is smaller than what it shall hold.
pub fn check_holds(shape: &Shape, from: Option<&Snapshot>) -> Result<()> {
    match from {
        Some(from) if shape.size_gib < from.size_gib => {
            Err(errors::volume_smaller_than_snapshot(shape.size_gib, &from.id))
        }
        _ => Ok(()),
    }
}

/// How a volume is to be kept. What it is made from must be the caller's to read.
async fn decide(ctx: &Ctx, wanted: &Wanted, from: Option<&SnapshotId>) -> Result<Outcome> {
    let scope = ctx.scope();
    let (defaults, found) = ctx
        .read(|snap| {
            let found = match from {
                Some(id) => Some(
                    snapshot::find_placed(snap, scope, id)?.ok_or_else(|| errors::snapshot_not_found(id))?,
                ),
                None => None,
            };
            Ok((defaults(snap, scope)?, found))
        })
        .await?;
    let seal = found.as_ref().and_then(|(_, from)| from.seal.as_ref());
    encryption::check_usable(ctx, seal).await?;
    let own = found.as_ref().is_none_or(|(place, _)| place == scope);
    rules::encryption::decide(wanted, &defaults, seal, own)
}

pub async fn create_volume(ctx: &Ctx, input: api::CreateVolumeRequest) -> Result<api::Volume> {
    const OPERATION: &str = "CreateVolume";
    let print = fingerprint(&input);
    let snapshot = input.snapshot_id.filter(|id| !id.is_empty());
    let snapshot =
        snapshot.map(|text| SnapshotId::parse(&text).ok_or_else(|| errors::snapshot_malformed(&text)));
    let snapshot = snapshot.transpose()?;
    let zone = input.availability_zone.ok_or_else(|| errors::missing("availabilityZone"))?;
    if !region::zones(ctx.region().as_str()).iter().any(|known| known.name == zone) {
        return Err(errors::zone_not_found(&zone));
    }
    let asked = Asked {
        size_gib: input.size,
        kind: input.volume_type,
        iops: input.iops,
        throughput: input.throughput,
        multi_attach: input.multi_attach_enabled.unwrap_or(false),
    };
    let mut tags = tags_of::of_specifications(input.tag_specifications, &["volume"])?;
    let tags = tags.remove("volume").unwrap_or_default();
    let token = input.client_token.filter(|token| !token.is_empty());
    let scope = *ctx.scope();
    let id = VolumeId::fresh(ctx.ids());
    let outcome = decide(ctx, &Wanted::new(input.encrypted, input.kms_key_id), snapshot.as_ref()).await?;
    let seal = encryption::seal(ctx, outcome, id.as_str()).await?;
    let made = ctx
        .write(|tx| {
            if let Some(token) = &token {
                match tx.find_token(OPERATION, token, &print)? {
                    Token::Fresh => {}
                    Token::Repeated(made) => return get(tx, &scope, &check_id(&made)?),
                    Token::Mismatched => return Err(errors::token_mismatched(token)),
                }
            }
            let from = snapshot.as_ref().map(|id| get_snapshot(tx, &scope, id)).transpose()?;
            let shape = check(&asked, from.as_ref().map(|from| from.size_gib))?;
            check_holds(&shape, from.as_ref())?;
            check_quotas(&shape, &volume::all(tx, &scope)?)?;
            check_dry_run(input.dry_run)?;
            let mut volume = fresh(tx, (id.clone(), seal.clone()), shape, &zone, from.as_ref());
            volume.fast_restored = fast_restore::is_enabled(tx, &scope, volume.snapshot.as_ref(), &zone)?;
            volume::put(tx, &scope, &volume)?;
            tag::put(tx, &scope, &volume.id, tags.clone())?;
            if let Some(token) = &token {
                tx.remember_token(OPERATION, token, &print, volume.id.as_str())?;
            }
            Ok(volume)
        })
        .await?;
    ctx.nudge(CONTROLLER, made.id.as_str());
    Ok(show(&made, &scope, Some(&tags)))
}

pub async fn delete_volume(ctx: &Ctx, input: api::DeleteVolumeRequest) -> Result<()> {
    let id = check_id(&input.volume_id)?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let volume = get(tx, &scope, &id)?;
        if let Some(held) = volume.attachments.first() {
            return Err(errors::volume_in_use(&id, &held.instance));
        }
        check_dry_run(input.dry_run)?;
        volume::put(tx, &scope, &Volume { deleted: true, ..volume })
    })
    .await?;
    ctx.nudge(CONTROLLER, id.as_str());
    Ok(())
}

pub async fn describe_volumes(
    ctx: &Ctx,
    input: api::DescribeVolumesRequest,
) -> Result<api::DescribeVolumesResult> {
    for text in input.volume_ids.iter().flatten() {
        check_id(text)?;
    }
    let filters = (input.filters, FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeVolumes", input.volume_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let (volumes, tags) =
        ctx.read(|snap| Ok((volume::all(snap, scope)?, tag::of_all::<VolumeId>(snap, scope)?))).await?;
    let values = |volume: &Volume, name: &str| values(volume, scope, name);
    let (rows, next_token) =
        listing.cut(ctx, volumes, &tags, |row| row.id.as_str(), values, errors::volume_not_found)?;
    let volumes = rows.iter().map(|volume| show(volume, scope, tags.get(volume.id.as_str()))).collect();
    Ok(api::DescribeVolumesResult { next_token, volumes: Some(volumes) })
}

fn values(volume: &Volume, scope: &Scope, name: &str) -> Vec<String> {
    let held = |of: fn(&Attachment) -> String| volume.attachments.iter().map(of).collect();
    let text = match name {
        "attachment.attach-time" => return held(|held| instant::iso_millis(held.at)),
        "attachment.delete-on-termination" => return held(|held| held.delete_on_termination.to_string()),
        "attachment.device" => return held(|held| held.device.clone()),
        "attachment.instance-id" => return held(|held| held.instance.to_string()),
        "attachment.status" => return held(|held| attachment_state(held).to_owned()),
        "availability-zone" => Some(volume.zone.clone()),
        "availability-zone-id" => Some(region::zone_id(scope.region.as_str(), &volume.zone)),
        "create-time" => Some(instant::iso_millis(volume.created_at)),
        "encrypted" => Some(volume.seal.is_some().to_string()),
        "fast-restored" => Some(volume.fast_restored.to_string()),
        "multi-attach-enabled" => Some(volume.shape.multi_attach.to_string()),
        "operator.managed" => Some("false".to_owned()),
        "size" => Some(volume.shape.size_gib.to_string()),
        "snapshot-id" => volume.snapshot.as_ref().map(ToString::to_string),
        "status" => Some(state(volume).to_owned()),
        "volume-id" => Some(volume.id.to_string()),
        "volume-type" => Some(volume.shape.kind.clone()),
        _ => None,
    };
    text.into_iter().collect()
}

const STATUS_FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "volume-status.details-name",
    "volume-status.details-status",
    "volume-status.status",
];

pub async fn describe_volume_status(
    ctx: &Ctx,
    input: api::DescribeVolumeStatusRequest,
) -> Result<api::DescribeVolumeStatusResult> {
    for text in input.volume_ids.iter().flatten() {
        check_id(text)?;
    }
    let filters = (input.filters, STATUS_FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeVolumeStatus", input.volume_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = ctx.scope();
    let volumes = ctx.read(|snap| volume::all(snap, scope)).await?;
    let values = |volume: &Volume, name: &str| match name {
        "volume-status.details-name" => vec!["io-enabled".to_owned(), "io-performance".to_owned()],
        "volume-status.details-status" => vec!["passed".to_owned(), "not-applicable".to_owned()],
        "volume-status.status" => vec![health(volume).to_owned()],
        other => values(volume, scope, other),
    };
    let none = std::collections::BTreeMap::new();
    let (rows, next_token) =
        listing.cut(ctx, volumes, &none, |row| row.id.as_str(), values, errors::volume_not_found)?;
    let volume_statuses = rows.iter().map(|volume| show_status(volume, scope)).collect();
    Ok(api::DescribeVolumeStatusResult { next_token, volume_statuses: Some(volume_statuses) })
}

/// A volume that is not there yet, or could not be made, has no health to speak of.
fn health(volume: &Volume) -> &'static str {
    match (volume.observed.size_gib, &volume.observed.failure) {
        (_, Some(_)) => "impaired",
        (Some(_), None) => "ok",
        (None, None) => "insufficient-data",
    }
}

fn show_status(volume: &Volume, scope: &Scope) -> api::VolumeStatusItem {
    let detail = |name: &str, status: &str| api::VolumeStatusDetails {
        name: Some(name.to_owned()),
        status: Some(status.to_owned()),
    };
    let enabled = if health(volume) == "ok" { "passed" } else { "failed" };
    api::VolumeStatusItem {
        actions: Some(Vec::new()),
        availability_zone: Some(volume.zone.clone()),
        availability_zone_id: Some(region::zone_id(scope.region.as_str(), &volume.zone)),
        events: Some(Vec::new()),
        volume_id: Some(volume.id.to_string()),
        volume_status: Some(api::VolumeStatusInfo {
            details: Some(vec![detail("io-enabled", enabled), detail("io-performance", "not-applicable")]),
            status: Some(health(volume).to_owned()),
        }),
        ..Default::default()
    }
}
