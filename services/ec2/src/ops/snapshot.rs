//! Snapshots: taken, described, deleted.

use api_ec2 as api;
use kernel::{Access, Ctx, Reader, Result, Scope, Tx};
use shape::Timestamp;

use super::page::{Listing, check_dry_run};
use super::snapshot_share::accounts;
use super::volume::{check_id as check_volume_id, get as get_volume};
use crate::controllers::snapshot::{self as controller, CONTROLLER};
use crate::errors;
use crate::rules::image::OWNER_ALIAS;
use crate::rules::snapshot_tier::storage_tier;
use crate::rules::tag::{self as tags_of, shown};
use crate::rules::volume::{snapshots_at_once_max, state as volume_state};
use crate::rules::volume_view::number;
use crate::rules::{instant, quota, snapshot_lock};
use crate::state::id::{Id, SnapshotId};
use crate::state::snapshot::{self, Snapshot};
use crate::state::tag::Tags;
use crate::state::volume::Volume;
use crate::state::{image, tag};

pub fn access(scope: &Scope, id: Option<&str>) -> Result<Access> {
    Ok(Access::on(scope.arn("ec2", format_args!("snapshot/{}", id.unwrap_or("*")))))
}

/// # Errors
/// `InvalidSnapshotID.Malformed`.
pub fn check_id(text: &str) -> Result<SnapshotId> {
    SnapshotId::parse(text).ok_or_else(|| errors::snapshot_malformed(text))
}

/// A snapshot of the account itself.
///
/// # Errors
/// `InvalidSnapshot.NotFound`.
pub fn get_own(from: &mut impl Reader, scope: &Scope, id: &SnapshotId) -> Result<Snapshot> {
    snapshot::find_own(from, scope, id)?.ok_or_else(|| errors::snapshot_not_found(id))
}

/// # Errors
/// `InvalidSnapshot.InUse` while an image is made of it.
pub fn check_unused(from: &mut impl Reader, scope: &Scope, id: &SnapshotId) -> Result<()> {
    match image::find_made_of(from, scope, id)? {
        Some(image) => Err(errors::snapshot_in_use(id, &image.id)),
        None => Ok(()),
    }
}

/// # Errors
/// `IncorrectState` for one that is in the archive.
pub fn check_here(one: &Snapshot) -> Result<()> {
    if one.is_here() { Ok(()) } else { Err(errors::snapshot_archived(&one.id)) }
}

/// Writes down a snapshot of a volume that is to be taken.
///
/// # Errors
/// `SnapshotLimitExceeded`, `ConcurrentSnapshotLimitExceeded`.
pub fn insert(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    of: &Volume,
    description: &str,
    waits: bool,
) -> Result<Snapshot> {
    let mut before = snapshot::all(tx, scope)?;
    quota::SNAPSHOTS.check(before.len())?;
    before.retain(|one| one.volume == of.id && !one.deleted && one.is_here());
    let most = snapshots_at_once_max(&of.shape.kind);
    if before.iter().filter(|one| one.observed.stored_at.is_none()).count() >= most {
        return Err(errors::snapshots_at_once(&of.id, most));
    }
    let parent =
        before.into_iter().max_by_key(|one| one.started_at).map(|one| one.id).or(of.snapshot.clone());
    let (id, size_gib) =
        (SnapshotId::fresh(tx.ctx().ids()), of.observed.size_gib.unwrap_or(of.shape.size_gib));
    let made = Snapshot {
        base: of.base.clone(),
        description: description.to_owned(),
        parent,
        seal: of.seal.clone(),
        waits,
        ..Snapshot::new(id, of.id.clone(), size_gib, tx.ctx().now())
    };
    snapshot::put(tx, scope, &made)?;
    Ok(made)
}

pub async fn create_snapshot(ctx: &Ctx, input: api::CreateSnapshotRequest) -> Result<api::Snapshot> {
    let id = check_volume_id(&input.volume_id)?;
    let mut tags = tags_of::of_specifications(input.tag_specifications, &["snapshot"])?;
    let tags = tags.remove("snapshot").unwrap_or_default();
    let description = input.description.unwrap_or_default();
    let scope = *ctx.scope();
    let made = ctx
        .write(|tx| {
            let volume = get_volume(tx, &scope, &id)?;
            if !matches!(volume_state(&volume), "available" | "in-use") {
                return Err(errors::volume_not_available(&id));
            }
            check_dry_run(input.dry_run)?;
            let made = insert(tx, &scope, &volume, &description, false)?;
            tag::put(tx, &scope, &made.id, tags.clone())?;
            Ok(made)
        })
        .await?;
    // The instant is that of the call. Where this fails, the controller tries again.
    if let Err(error) = controller::take(ctx, &made).await {
        tracing::info!(id = made.id.as_str(), %error, "a snapshot is taken later");
        ctx.nudge(CONTROLLER, made.id.as_str());
    }
    Ok(show(&made, &scope, Some(&tags)))
}

pub async fn delete_snapshot(ctx: &Ctx, input: api::DeleteSnapshotRequest) -> Result<()> {
    let id = check_id(&input.snapshot_id)?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let found = get_own(tx, &scope, &id)?;
        check_unused(tx, &scope, &id)?;
        snapshot_lock::check_deletion(&found, ctx.now())?;
        check_dry_run(input.dry_run)?;
        snapshot::put(tx, &scope, &Snapshot { deleted: true, ..found })
    })
    .await?;
    ctx.nudge(CONTROLLER, id.as_str());
    Ok(())
}

const FILTERS: &[&str] = &[
    "description",
    "encrypted",
    "owner-alias",
    "owner-id",
    "progress",
    "snapshot-id",
    "start-time",
    "status",
    "storage-tier",
    "volume-id",
    "volume-size",
];

pub async fn describe_snapshots(
    ctx: &Ctx,
    input: api::DescribeSnapshotsRequest,
) -> Result<api::DescribeSnapshotsResult> {
    for text in input.snapshot_ids.iter().flatten() {
        check_id(text)?;
    }
    let filters = (input.filters, FILTERS);
    let page = (input.max_results, input.next_token);
    let listing = Listing::open(ctx, "DescribeSnapshots", input.snapshot_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let (mut all, tags) =
        ctx.read(|snap| Ok((all_seen(snap, &scope)?, tag::of_all::<SnapshotId>(snap, &scope)?))).await?;
    let own = scope.account.to_string();
    let owners = accounts(input.owner_ids, &[OWNER_ALIAS], &own)?;
    let users = accounts(input.restorable_by_user_ids, &["all"], &own)?;
    all.retain(|(place, one)| {
        let visible = *place == scope || place.region == scope.region && one.shared.admits(scope.account);
        let owned = owners.is_empty() || owners.contains(&place.account.to_string());
        let restorable = users.is_empty()
            || users.iter().any(|user| match user.as_str() {
                "all" => one.shared.everybody,
                user => {
                    place.account.to_string() == user || one.shared.accounts.iter().any(|one| one == user)
                }
            });
        visible && owned && restorable && !one.deleted
    });
    let values = |(place, one): &(Scope, Snapshot), name: &str| values(place, one, name);
    let (rows, next_token) =
        listing.cut(ctx, all, &tags, |row| row.1.id.as_str(), values, errors::snapshot_not_found)?;
    let snapshots = rows.iter().map(|(place, one)| show(one, place, tags.get(one.id.as_str()))).collect();
    Ok(api::DescribeSnapshotsResult { next_token, snapshots: Some(snapshots) })
}

/// All there are, as this account sees whom they are shared with.
fn all_seen(from: &mut impl Reader, scope: &Scope) -> Result<Vec<(Scope, Snapshot)>> {
    let mut all = snapshot::all_scopes(from)?;
    for (place, one) in &mut all {
        if *place != *scope {
            snapshot::hide_from_everybody(from, place, one)?;
        }
    }
    Ok(all)
}

pub fn state(one: &Snapshot) -> &'static str {
    match (one.observed.stored_at, &one.observed.failure) {
        (Some(_), _) => "completed",
        (None, Some(_)) => "error",
        (None, None) => "pending",
    }
}

fn progress(one: &Snapshot) -> &'static str {
    if one.observed.stored_at.is_some() { "100%" } else { "0%" }
}

fn values(place: &Scope, one: &Snapshot, name: &str) -> Vec<String> {
    vec![match name {
        "description" => one.description.clone(),
        "encrypted" => one.seal.is_some().to_string(),
        "owner-id" => place.account.to_string(),
        "progress" => progress(one).to_owned(),
        "snapshot-id" => one.id.to_string(),
        "start-time" => instant::iso_millis(one.started_at),
        "status" => state(one).to_owned(),
        "storage-tier" => storage_tier(one).to_owned(),
        "volume-id" => one.volume.to_string(),
        "volume-size" => one.size_gib.to_string(),
        _ => return Vec::new(),
    }]
}

fn show(one: &Snapshot, place: &Scope, tags: Option<&Tags>) -> api::Snapshot {
    api::Snapshot {
        tags: tags.and_then(shown),
        storage_tier: Some(storage_tier(one).to_owned()),
        restore_expiry_time: one
            .tier
            .as_ref()
            .and_then(|tier| tier.seen.expires_at)
            .map(Timestamp::from_millis),
        completion_time: one.observed.stored_at.map(Timestamp::from_millis),
        full_snapshot_size_in_bytes: i64::try_from(one.observed.blocks.saturating_mul(block::BLOCK_BYTES))
            .ok(),
        snapshot_id: Some(one.id.to_string()),
        volume_id: Some(one.volume.to_string()),
        state: Some(state(one).to_owned()),
        state_message: one.observed.failure.clone(),
        start_time: Some(Timestamp::from_millis(one.started_at)),
        progress: Some(progress(one).to_owned()),
        owner_id: Some(place.account.to_string()),
        description: Some(one.description.clone()),
        volume_size: number(one.size_gib),
        encrypted: Some(one.seal.is_some()),
        kms_key_id: one.seal.as_ref().map(|seal| seal.key.clone()),
        ..Default::default()
    }
}
