//! Fast restore of snapshots: asked for zone by zone, ended, described.

use api_ec2 as api;
use kernel::{Access, Ctx, Error, Result, Scope, Tx};
use shape::{Struct, Timestamp};

use super::books;
use super::page::{Listing, check_dry_run};
use super::snapshot::{check_here, check_id};
use crate::controllers::fast_restore::CONTROLLER;
use crate::errors;
use crate::rules::fast_restore as rules;
use crate::rules::{region, reshape};
use crate::state::fast_restore::{self, FastRestore, Observed};
use crate::state::id::SnapshotId;
use crate::state::snapshot;

pub fn access(scope: &Scope, ids: &[String]) -> Result<Access> {
    Ok(Access::on_all(ids.iter().map(|id| scope.arn("ec2", format_args!("snapshot/{id}")))))
}

/// What is there now, and of each snapshot the zones in which it was refused, and why.
type Outcomes = (Vec<FastRestore>, Vec<(SnapshotId, Vec<(String, Error)>)>);

/// Changes each snapshot in each zone by itself: one that is refused does not keep the others.
async fn each(
    ctx: &Ctx,
    (ids, zones): (Vec<String>, Vec<String>),
    dry_run: Option<bool>,
    change: impl Fn(&mut Tx<'_, '_>, &SnapshotId, &str) -> Result<FastRestore> + Send + Sync,
) -> Result<Outcomes> {
    if ids.is_empty() {
        return Err(errors::missing("SourceSnapshotId"));
    }
    let ids = ids.iter().map(|id| check_id(id)).collect::<Result<Vec<_>>>()?;
    check_dry_run(dry_run)?;
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for id in ids {
        let mut of_one = Vec::new();
        for zone in &zones {
            match ctx.write(|tx| change(tx, &id, zone)).await {
                Ok(one) => {
                    ctx.nudge(CONTROLLER, &one.key());
                    done.push(one);
                }
                Err(error) => of_one.push((zone.clone(), error)),
            }
        }
        if !of_one.is_empty() {
            refused.push((id, of_one));
        }
    }
    Ok((done, refused))
}

/// What was refused of a snapshot, in the words of the first of the operations.
fn unsuccessful(
    scope: &Scope,
    (id, of_one): &(SnapshotId, Vec<(String, Error)>),
) -> api::EnableFastSnapshotRestoreErrorItem {
    let show = |(zone, error): &(String, Error)| api::EnableFastSnapshotRestoreStateErrorItem {
        availability_zone_id: Some(region::zone_id(scope.region.as_str(), zone)),
        availability_zone: Some(zone.clone()),
        error: Some(api::EnableFastSnapshotRestoreStateError {
            code: Some(error.code().to_owned()),
            message: Some(error.message().to_owned()),
        }),
    };
    api::EnableFastSnapshotRestoreErrorItem {
        snapshot_id: Some(id.to_string()),
        fast_snapshot_restore_state_errors: Some(of_one.iter().map(show).collect()),
    }
}

fn zones(ctx: &Ctx, names: Option<Vec<String>>, ids: Option<Vec<String>>) -> Result<Vec<String>> {
    rules::check_zones(ctx.region().as_str(), &names.unwrap_or_default(), &ids.unwrap_or_default())
}

pub async fn enable_fast_snapshot_restores(
    ctx: &Ctx,
    input: api::EnableFastSnapshotRestoresRequest,
) -> Result<api::EnableFastSnapshotRestoresResult> {
    let scope = *ctx.scope();
    let zones = zones(ctx, input.availability_zones, input.availability_zone_ids)?;
    let enable = |tx: &mut Tx<'_, '_>, id: &SnapshotId, zone: &str| {
        let found = snapshot::find_placed(tx, &scope, id)?;
        let (place, found) = found.ok_or_else(|| errors::snapshot_not_found(id))?;
        if found.observed.stored_at.is_none() {
            return Err(errors::snapshot_pending(id));
        }
        check_here(&found)?;
        let before = fast_restore::find(tx, &scope, &fast_restore::key(id, zone))?;
        if let Some(one) = before.filter(|one| one.disabling_at.is_none()) {
            return Ok(one);
        }
        if fast_restore::all(tx, &scope)?.len() >= rules::RESTORES_MAX {
            return Err(errors::fast_restores_too_many(rules::RESTORES_MAX));
        }
        let one = FastRestore {
            snapshot: id.clone(),
            zone: zone.to_owned(),
            owner: place.account.to_string(),
            enabling_at: tx.ctx().now(),
            disabling_at: None,
            observed: Observed::default(),
        };
        fast_restore::put(tx, &scope, &one)?;
        Ok(one)
    };
    let (done, refused) = each(ctx, (input.source_snapshot_ids, zones), input.dry_run, enable).await?;
    Ok(api::EnableFastSnapshotRestoresResult {
        successful: Some(done.iter().map(|one| shown(&scope, one)).collect()),
        unsuccessful: Some(refused.iter().map(|one| unsuccessful(&scope, one)).collect()),
    })
}

pub async fn disable_fast_snapshot_restores(
    ctx: &Ctx,
    input: api::DisableFastSnapshotRestoresRequest,
) -> Result<api::DisableFastSnapshotRestoresResult> {
    let scope = *ctx.scope();
    let zones = zones(ctx, input.availability_zones, input.availability_zone_ids)?;
    let disable = |tx: &mut Tx<'_, '_>, id: &SnapshotId, zone: &str| {
        let found = fast_restore::find(tx, &scope, &fast_restore::key(id, zone))?;
        let mut one = found.ok_or_else(|| errors::fast_restore_not_enabled(id, zone))?;
        if one.disabling_at.is_none() {
            one.disabling_at = Some(tx.ctx().now());
            tx.meter(&rules::usage(&one, tx.ctx().now()))?;
            fast_restore::put(tx, &scope, &one)?;
        }
        Ok(one)
    };
    let (done, refused) = each(ctx, (input.source_snapshot_ids, zones), input.dry_run, disable).await?;
    Ok(api::DisableFastSnapshotRestoresResult {
        successful: Some(done.iter().map(|one| same(&shown(&scope, one))).collect()),
        unsuccessful: Some(refused.iter().map(|one| same(&unsuccessful(&scope, one))).collect()),
    })
}

pub async fn describe_fast_snapshot_restores(
    ctx: &Ctx,
    input: api::DescribeFastSnapshotRestoresRequest,
) -> Result<api::DescribeFastSnapshotRestoresResult> {
    let (filters, page) = ((input.filters, rules::FILTERS), (input.max_results, input.next_token));
    let listing = Listing::open(ctx, "DescribeFastSnapshotRestores", None, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let all = ctx.read(|snap| fast_restore::all(snap, &scope)).await?;
    let keyed: Vec<_> = all.into_iter().map(|one| (one.key(), one)).collect();
    let values = |row: &(String, FastRestore), name: &str| values(&scope, &row.1, name);
    let none = std::collections::BTreeMap::new();
    let (rows, next_token) =
        listing.cut(ctx, keyed, &none, |row| row.0.as_str(), values, errors::snapshot_not_found)?;
    let fast_snapshot_restores = Some(rows.iter().map(|(_, one)| same(&shown(&scope, one))).collect());
    Ok(api::DescribeFastSnapshotRestoresResult { fast_snapshot_restores, next_token })
}

fn values(scope: &Scope, one: &FastRestore, name: &str) -> Vec<String> {
    vec![match name {
        "availability-zone" => one.zone.clone(),
        "availability-zone-id" => region::zone_id(scope.region.as_str(), &one.zone),
        "owner-id" => one.owner.clone(),
        "snapshot-id" => one.snapshot.to_string(),
        "state" => rules::state(one).to_owned(),
        _ => return Vec::new(),
    }]
}

/// As the one who asked for it sees it.
fn shown(scope: &Scope, one: &FastRestore) -> api::EnableFastSnapshotRestoreSuccessItem {
    let at = |at: Option<i64>| at.map(Timestamp::from_millis);
    let reason = match rules::state(one) {
        "enabling" | "disabling" => "Client.UserInitiated",
        _ => "Client.UserInitiated - Lifecycle state transition",
    };
    api::EnableFastSnapshotRestoreSuccessItem {
        snapshot_id: Some(one.snapshot.to_string()),
        availability_zone: Some(one.zone.clone()),
        availability_zone_id: Some(region::zone_id(scope.region.as_str(), &one.zone)),
        state: Some(rules::state(one).to_owned()),
        state_transition_reason: Some(reason.to_owned()),
        owner_id: Some(one.owner.clone()),
        enabling_time: at(Some(one.enabling_at)),
        optimizing_time: at(one.observed.optimizing_at),
        enabled_time: at(one.observed.enabled_at),
        disabling_time: at(one.disabling_at),
        disabled_time: at(one.observed.disabled_at),
        ..Default::default()
    }
}

/// The same in the words of another operation.
fn same<S: Struct + Default>(one: &dyn Struct) -> S {
    let mut same = S::default();
    reshape::fill(&mut same, &reshape::read(one));
    same
}

/// Brings the usage lines of what is enabled up to date.
pub async fn keep_books(ctx: &Ctx) -> Result<()> {
    let (now, all) = (ctx.now(), ctx.read(|snap| fast_restore::all_scopes(snap)).await?);
    books::keep(ctx, all, |tx, scope, one| match fast_restore::find(tx, scope, &one.key())? {
        Some(one) if one.disabling_at.is_none() => tx.meter(&rules::usage(&one, now)),
        _ => Ok(()),
    })
    .await
}
