//! Locks of snapshots: put on, taken off, looked at.

use api_ec2 as api;
use kernel::{Ctx, Millis, Result, Scope};
use shape::Timestamp;

use super::page::{Listing, check_dry_run};
use super::snapshot::{check_id, get_own};
use crate::errors;
use crate::rules::snapshot_lock::{self as rules, cool_off_until, expires_at, starts_at, state};
use crate::state::id::{Id, SnapshotId};
use crate::state::snapshot::{self, Snapshot};
use crate::state::snapshot_lock::{Ends, Lock};
use crate::state::tag;

/// # Errors
/// `SnapshotLocked` for what would end a lock in compliance mode earlier.
pub async fn lock_snapshot(ctx: &Ctx, input: api::LockSnapshotRequest) -> Result<api::LockSnapshotResult> {
    let id = check_id(&input.snapshot_id)?;
    let ends = (input.lock_duration, input.expiration_date.map(Timestamp::as_millis));
    let asked = rules::check(&input.lock_mode, input.cool_off_period, ends, ctx.now())?;
    let scope = *ctx.scope();
    let (one, lock) = ctx
        .write(|tx| {
            let mut one = get_own(tx, &scope, &id)?;
            let lock = rules::locked(&one, &asked, tx.ctx().now())?;
            check_dry_run(input.dry_run)?;
            one.lock = Some(lock.clone());
            snapshot::put(tx, &scope, &one)?;
            Ok((one, lock))
        })
        .await?;
    let shown = show(&one, &lock, &scope, ctx.now());
    Ok(api::LockSnapshotResult {
        snapshot_id: shown.snapshot_id,
        lock_state: shown.lock_state,
        lock_duration: shown.lock_duration,
        cool_off_period: shown.cool_off_period,
        cool_off_period_expires_on: shown.cool_off_period_expires_on,
        lock_created_on: shown.lock_created_on,
        lock_expires_on: shown.lock_expires_on,
        lock_duration_start_time: shown.lock_duration_start_time,
    })
}

/// # Errors
/// `SnapshotLocked` in compliance mode after its cool-off period.
pub async fn unlock_snapshot(
    ctx: &Ctx,
    input: api::UnlockSnapshotRequest,
) -> Result<api::UnlockSnapshotResult> {
    let id = check_id(&input.snapshot_id)?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let mut one = get_own(tx, &scope, &id)?;
        rules::check_unlock(&one, tx.ctx().now())?;
        check_dry_run(input.dry_run)?;
        one.lock = None;
        snapshot::put(tx, &scope, &one)
    })
    .await?;
    Ok(api::UnlockSnapshotResult { snapshot_id: Some(id.to_string()) })
}

pub async fn describe_locked_snapshots(
    ctx: &Ctx,
    input: api::DescribeLockedSnapshotsRequest,
) -> Result<api::DescribeLockedSnapshotsResult> {
    for text in input.snapshot_ids.iter().flatten() {
        check_id(text)?;
    }
    let (filters, page) = ((input.filters, &["lock-state"][..]), (input.max_results, input.next_token));
    let listing = Listing::open(ctx, "DescribeLockedSnapshots", input.snapshot_ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let (scope, now) = (*ctx.scope(), ctx.now());
    let (all, tags) =
        ctx.read(|snap| Ok((snapshot::all(snap, &scope)?, tag::of_all::<SnapshotId>(snap, &scope)?))).await?;
    let locked = |one: Snapshot| one.lock.clone().filter(|_| !one.deleted).map(|lock| (one, lock));
    let all = all.into_iter().filter_map(locked).collect();
    let values = |(one, lock): &(Snapshot, Lock), name: &str| match name {
        "lock-state" => vec![state(one, lock, now).to_owned()],
        _ => Vec::new(),
    };
    let (rows, next_token) =
        listing.cut(ctx, all, &tags, |row| row.0.id.as_str(), values, errors::snapshot_not_found)?;
    let snapshots = rows.iter().map(|(one, lock)| show(one, lock, &scope, now)).collect();
    Ok(api::DescribeLockedSnapshotsResult { snapshots: Some(snapshots), next_token })
}

fn show(one: &Snapshot, lock: &Lock, scope: &Scope, now: Millis) -> api::LockedSnapshotsInfo {
    let starts_at = starts_at(one, lock);
    let days = match lock.ends {
        Ends::After(days) => Some(days),
        Ends::At(at) => {
            let ms = at - starts_at.unwrap_or(lock.created_at);
            u32::try_from(ms.max(0).div_euclid(86_400_000)).ok()
        }
    };
    let at = |at: Option<Millis>| at.map(Timestamp::from_millis);
    let number = |number: Option<u32>| number.and_then(|number| i32::try_from(number).ok());
    api::LockedSnapshotsInfo {
        owner_id: Some(scope.account.to_string()),
        snapshot_id: Some(one.id.to_string()),
        lock_state: Some(state(one, lock, now).to_owned()),
        lock_duration: number(days),
        cool_off_period: number(lock.cool_off_hours),
        cool_off_period_expires_on: at(cool_off_until(lock)),
        lock_created_on: at(Some(lock.created_at)),
        lock_duration_start_time: at(starts_at),
        lock_expires_on: at(expires_at(one, lock)),
    }
}
