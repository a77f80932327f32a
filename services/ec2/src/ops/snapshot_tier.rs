//! The archive of snapshots: asked for, restored from, looked at.

use api_ec2 as api;
use kernel::{Ctx, Reader, Result, Scope};
use shape::Timestamp;

use super::page::{Listing, check_dry_run};
use super::snapshot::{check_id, check_unused, get_own, state};
use crate::controllers::snapshot_tier::CONTROLLER;
use crate::errors;
use crate::rules::snapshot_tier::{
    self as rules, ARCHIVALS_MAX, RESTORES_MAX, progress, status, storage_tier,
};
use crate::rules::tag::shown;
use crate::state::id::{Id, SnapshotId};
use crate::state::snapshot::{self, Snapshot};
use crate::state::snapshot_tier::{Tier, Wish};
use crate::state::tag;
use crate::state::tag::Tags;

/// The factor by which restores take less time than AWS's.
pub struct Speed(pub u32);

/// # Errors
/// Where too many are on their way already, to or from the archive.
fn check_room(from: &mut impl Reader, scope: &Scope, wish: Wish) -> Result<()> {
    let of_kind = |tier: &Tier| (tier.wish == Wish::Archive) == (wish == Wish::Archive);
    let under_way = |one: &Snapshot| {
        let tier = one.tier.as_ref().filter(|tier| tier.seen.done_at.is_none());
        !one.deleted && tier.is_some_and(of_kind)
    };
    let count = snapshot::all(from, scope)?.iter().filter(|one| under_way(one)).count();
    match wish {
        Wish::Archive if count >= ARCHIVALS_MAX => Err(errors::tierings_too_many("archivals", ARCHIVALS_MAX)),
        Wish::Archive => Ok(()),
        _ if count >= RESTORES_MAX => Err(errors::tierings_too_many("restores", RESTORES_MAX)),
        _ => Ok(()),
    }
}

/// # Errors
/// `InvalidSnapshot.InUse` while an image is made of it, `IncorrectState`.
pub async fn modify_snapshot_tier(
    ctx: &Ctx,
    input: api::ModifySnapshotTierRequest,
) -> Result<api::ModifySnapshotTierResult> {
    let id = check_id(&input.snapshot_id)?;
    match input.storage_tier.as_deref() {
        Some("archive") => {}
        Some(other) => return Err(errors::invalid_value(other, "StorageTier")),
        None => return Err(errors::missing("StorageTier")),
    }
    let scope = *ctx.scope();
    let tier = ctx
        .write(|tx| {
            let mut one = get_own(tx, &scope, &id)?;
            check_unused(tx, &scope, &id)?;
            let tier = rules::archival(&one, tx.ctx().now())?;
            check_room(tx, &scope, tier.wish)?;
            check_dry_run(input.dry_run)?;
            one.tier = Some(tier.clone());
            snapshot::put(tx, &scope, &one)?;
            Ok(tier)
        })
        .await?;
    ctx.nudge(CONTROLLER, id.as_str());
    Ok(api::ModifySnapshotTierResult {
        snapshot_id: Some(id.to_string()),
        tiering_start_time: Some(Timestamp::from_millis(tier.asked_at)),
    })
}

/// # Errors
/// `IncorrectState` where there is no archive, `ResourceLimitExceeded`.
pub async fn restore_snapshot_tier(
    ctx: &Ctx,
    input: api::RestoreSnapshotTierRequest,
) -> Result<api::RestoreSnapshotTierResult> {
    let id = check_id(&input.snapshot_id)?;
    let wish = rules::check_restore(input.temporary_restore_days, input.permanent_restore)?;
    let (scope, speed) = (*ctx.scope(), ctx.own::<Speed>().0);
    let tier = ctx
        .write(|tx| {
            let mut one = get_own(tx, &scope, &id)?;
            let tier = rules::restoral(&one, wish, tx.ctx().now(), speed)?;
            if one.tier.as_ref().is_some_and(|before| before.seen.done_at.is_some()) {
                check_room(tx, &scope, wish)?;
            }
            check_dry_run(input.dry_run)?;
            one.tier = Some(tier.clone());
            snapshot::put(tx, &scope, &one)?;
            Ok(tier)
        })
        .await?;
    ctx.nudge(CONTROLLER, id.as_str());
    Ok(api::RestoreSnapshotTierResult {
        snapshot_id: Some(id.to_string()),
        restore_start_time: Some(Timestamp::from_millis(tier.asked_at)),
        restore_duration: match wish {
            Wish::Temporary { days } => i32::try_from(days).ok(),
            _ => None,
        },
        is_permanent_restore: Some(wish == Wish::Permanent),
    })
}

const FILTERS: &[&str] = &["last-tiering-operation", "snapshot-id", "volume-id"];

pub async fn describe_snapshot_tier_status(
    ctx: &Ctx,
    input: api::DescribeSnapshotTierStatusRequest,
) -> Result<api::DescribeSnapshotTierStatusResult> {
    let (filters, page) = ((input.filters, FILTERS), (input.max_results, input.next_token));
    let listing = Listing::open(ctx, "DescribeSnapshotTierStatus", None, filters, page)?;
    check_dry_run(input.dry_run)?;
    let (scope, now) = (*ctx.scope(), ctx.now());
    let (mut all, tags) =
        ctx.read(|snap| Ok((snapshot::all(snap, &scope)?, tag::of_all::<SnapshotId>(snap, &scope)?))).await?;
    all.retain(|one| !one.deleted);
    let (rows, next_token) =
        listing.cut(ctx, all, &tags, |one| one.id.as_str(), values, errors::snapshot_not_found)?;
    let statuses = rows.iter().map(|one| show(one, &scope, now, tags.get(one.id.as_str())));
    Ok(api::DescribeSnapshotTierStatusResult { snapshot_tier_statuses: Some(statuses.collect()), next_token })
}

fn values(one: &Snapshot, name: &str) -> Vec<String> {
    match name {
        "snapshot-id" => vec![one.id.to_string()],
        "volume-id" => vec![one.volume.to_string()],
        "last-tiering-operation" => one.tier.iter().map(|tier| status(tier).to_owned()).collect(),
        _ => Vec::new(),
    }
}

fn show(one: &Snapshot, scope: &Scope, now: i64, tags: Option<&Tags>) -> api::SnapshotTierStatus {
    let tier = one.tier.as_ref();
    let at = |at: fn(&Tier) -> Option<i64>| tier.and_then(at).map(Timestamp::from_millis);
    api::SnapshotTierStatus {
        snapshot_id: Some(one.id.to_string()),
        volume_id: Some(one.volume.to_string()),
        status: Some(state(one).to_owned()),
        owner_id: Some(scope.account.to_string()),
        tags: tags.and_then(shown),
        storage_tier: Some(storage_tier(one).to_owned()),
        last_tiering_start_time: at(|tier| Some(tier.asked_at)),
        last_tiering_progress: tier.map(|tier| progress(tier, now)),
        last_tiering_operation_status: tier.map(|tier| status(tier).to_owned()),
        archival_complete_time: at(|tier| tier.seen.archived_at),
        restore_expiry_time: at(|tier| tier.seen.expires_at),
        ..Default::default()
    }
}
