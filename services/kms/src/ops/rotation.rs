//! Rotation: by the calendar, and when asked.

use api_kms::{
    DisableKeyRotationRequest, EnableKeyRotationRequest, GetKeyRotationStatusRequest,
    GetKeyRotationStatusResponse, ListKeyRotationsRequest, ListKeyRotationsResponse,
    RotateKeyOnDemandRequest, RotateKeyOnDemandResponse, RotationsListEntry,
};
use kernel::{Ctx, Key as _, Result};
use shape::Timestamp;

use super::{change, cut, find_by_id, make_material, open_marker, page_size};
use crate::controllers::key::{Timed, timer};
use crate::errors;
use crate::rules::key::{check_enabled, check_kept};
use crate::rules::rotation::{ON_DEMAND_MAX, PERIOD_DAYS, check, next_at};
use crate::state::key::{MaterialOfKey, Rotated, Rotation};

const PAGE: usize = 100;
const PAGE_MAX: usize = 1_000;

pub async fn enable_key_rotation(ctx: &Ctx, input: EnableKeyRotationRequest) -> Result<()> {
    let found = find_by_id(ctx, &input.key_id).await?;
    let now = ctx.now();
    change(ctx, &found, |tx, key| {
        check_enabled(key, &found.arn)?;
        check(key, &found.arn)?;
        super::replica::check_primary(&found)?;
        let before = key.rotation.as_ref().map(|rotation| rotation.period_days);
        let period_days = input.rotation_period_in_days.or(before).unwrap_or(PERIOD_DAYS);
        if before == Some(period_days) {
            return Ok(());
        }
        let rotation = Rotation { period_days, next_at: next_at(now, period_days) };
        tx.schedule(&timer(&found.scope, Timed::Rotation, &key.id), rotation.next_at)?;
        key.rotation = Some(rotation);
        Ok(())
    })
    .await
}

pub async fn disable_key_rotation(ctx: &Ctx, input: DisableKeyRotationRequest) -> Result<()> {
    let found = find_by_id(ctx, &input.key_id).await?;
    change(ctx, &found, |tx, key| {
        check_enabled(key, &found.arn)?;
        check(key, &found.arn)?;
        key.rotation = None;
        tx.unschedule(&timer(&found.scope, Timed::Rotation, &key.id))
    })
    .await
}

pub async fn get_key_rotation_status(
    ctx: &Ctx,
    input: GetKeyRotationStatusRequest,
) -> Result<GetKeyRotationStatusResponse> {
    let found = find_by_id(ctx, &input.key_id).await?;
    check_kept(&found.key, &found.arn)?;
    if !found.key.managed {
        check(&found.key, &found.arn)?;
    }
    let rotation = found.key.rotation;
    Ok(GetKeyRotationStatusResponse {
        key_rotation_enabled: Some(rotation.is_some()),
        key_id: Some(found.arn),
        rotation_period_in_days: rotation.as_ref().map(|rotation| rotation.period_days),
        next_rotation_date: rotation.map(|rotation| Timestamp::from_millis(rotation.next_at)),
        // A rotation on demand is over when it is answered.
        on_demand_rotation_start_date: None,
    })
}

pub async fn rotate_key_on_demand(
    ctx: &Ctx,
    input: RotateKeyOnDemandRequest,
) -> Result<RotateKeyOnDemandResponse> {
    let found = find_by_id(ctx, &input.key_id).await?;
    check_enabled(&found.key, &found.arn)?;
    check(&found.key, &found.arn)?;
    super::replica::check_primary(&found)?;
    let (id, sealed) = make_material(ctx, &found.scope, &found.key.id, found.key.spec).await?;
    let now = ctx.now();
    ctx.write(|tx| {
        let key = crate::state::key::find(tx, &found.scope, &found.key.id)?;
        let key = key.ok_or_else(|| errors::no_such_key(&found.arn))?;
        check_enabled(&key, &found.arn)?;
        let on_demand = key.materials.iter().filter(|m| m.rotated == Some(Rotated::OnDemand)).count();
        if on_demand >= ON_DEMAND_MAX {
            return Err(errors::limit("The key has reached its number of on-demand rotations"));
        }
        let material = MaterialOfKey { id: id.clone(), since: now, rotated: Some(Rotated::OnDemand) };
        super::replica::spread(tx, &found.scope, &key, &material, &sealed)
    })
    .await?;
    Ok(RotateKeyOnDemandResponse { key_id: Some(found.arn) })
}

pub async fn list_key_rotations(
    ctx: &Ctx,
    input: ListKeyRotationsRequest,
) -> Result<ListKeyRotationsResponse> {
    let found = find_by_id(ctx, &input.key_id).await?;
    check_kept(&found.key, &found.arn)?;
    check(&found.key, &found.arn)?;
    let after = open_marker(ctx, "ListKeyRotations", input.marker.as_deref())?;
    let size = page_size(input.limit, PAGE, PAGE_MAX);
    let behind = |at: &u64| after.as_ref().is_none_or(|after| at.to_bytes() > *after);
    let numbered = (0u64..).zip(found.key.materials).filter(|(at, _)| behind(at));
    let mut rows: Vec<_> =
        numbered.filter_map(|(at, material)| material.rotated.map(|how| (at, how, material))).collect();
    let next = cut(ctx, "ListKeyRotations", &mut rows, size, |(at, ..)| at.to_bytes());
    let entry = |how, material: MaterialOfKey| RotationsListEntry {
        key_id: Some(found.key.id.clone()),
        rotation_date: Some(Timestamp::from_millis(material.since)),
        rotation_type: Some(if how == Rotated::Automatic { "AUTOMATIC" } else { "ON_DEMAND" }.to_owned()),
        ..Default::default()
    };
    Ok(ListKeyRotationsResponse {
        rotations: Some(rows.into_iter().map(|(_, how, material)| entry(how, material)).collect()),
        truncated: Some(next.is_some()),
        next_marker: next,
    })
}
