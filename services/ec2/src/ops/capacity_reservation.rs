//! Capacity reservations: room that is kept, and who runs in it.

use api_ec2 as api;
use kernel::timers::TimerKey;
use kernel::tokens::fingerprint;
use kernel::tx::Reader;
use kernel::{Access, Ctx, Result, Scope, Tx};

use super::books;
use super::capacity::{Room, check_size};
use super::instance::{check_id, get};
use super::page::{Listing, Once, check_dry_run};
use super::spot;
use crate::errors;
use crate::rules::capacity_reservation::{self as rules, FILTERS, VISIBLE_MS, show, values};
use crate::rules::instance::State as InstanceState;
use crate::rules::instance_type::{self, InstanceType};
use crate::rules::spot::Why;
use crate::rules::tag::of_one;
use crate::state::capacity_reservation::{self as state, CapacityReservation, EXPIRE, Ended, settle};
use crate::state::id::{CapacityReservationId, Id, InstanceId};
use crate::state::instance::{self, Preference};
use crate::state::tag;

/// The reservation one more instance runs in; `None` where it needs room of its own.
///
/// # Errors
/// `ReservationCapacityExceeded`, where it may run in none other.
pub fn pick(
    from: &mut impl Reader,
    scope: &Scope,
    preference: &Preference,
    size: &InstanceType,
    zone: &str,
) -> Result<Option<CapacityReservationId>> {
    if let Preference::Targeted(id) = preference {
        state::get(from, scope, id)?;
    }
    let reservations = state::all(from, scope)?;
    let picked = rules::pick(preference, (size.name, zone), &reservations).map(|one| one.id.clone());
    match preference {
        Preference::Only | Preference::Targeted(_) if picked.is_none() => {
            Err(errors::capacity_reservation_full())
        }
        _ => Ok(picked),
    }
}

/// Puts an instance that starts again, or wants another reservation, where it fits.
pub fn rejoin(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId) -> Result<()> {
    let Some(found) = instance::find(tx, scope, id)? else { return Ok(()) };
    let Some(size) = instance_type::find(&found.instance_type) else { return Ok(()) };
    let picked = match found.spot {
        Some(_) => None,
        None => pick(tx, scope, &found.capacity.preference, size, &found.zone)?,
    };
    let before = found.capacity.reservation;
    instance::update(tx, scope, id, |instance| {
        instance.capacity.reservation.clone_from(&picked);
        Ok(())
    })?;
    before.iter().chain(&picked).try_for_each(|reservation| settle(tx, scope, reservation))
}

/// Instances that run already and fit an open reservation use it.
fn absorb(tx: &mut Tx<'_, '_>, scope: &Scope, reservation: &CapacityReservation) -> Result<()> {
    for id in absorbable(tx, scope, reservation)? {
        instance::update(tx, scope, &id, |instance| {
            instance.capacity.reservation = Some(reservation.id.clone());
            Ok(())
        })?;
    }
    settle(tx, scope, &reservation.id)
}

fn absorbable(
    from: &mut impl Reader,
    scope: &Scope,
    reservation: &CapacityReservation,
) -> Result<Vec<InstanceId>> {
    let fits = |one: &instance::Instance| {
        let runs = matches!(one.state(), InstanceState::Running | InstanceState::Pending);
        let may = matches!(one.capacity.preference, Preference::Open | Preference::Only);
        runs && may
            && !reservation.targeted
            && one.spot.is_none()
            && one.capacity.reservation.is_none()
            && (one.instance_type.as_str(), one.zone.as_str())
                == (reservation.instance_type.as_str(), reservation.zone.as_str())
    };
    let all = instance::all(from, scope)?;
    let count = usize::try_from(reservation.count).unwrap_or(usize::MAX);
    Ok(all.into_iter().filter(fits).take(count).map(|one| one.id).collect())
}

/// To make one, with its tags.
pub fn create_access(scope: &Scope, input: &api::CreateCapacityReservationRequest) -> Result<Access> {
    let given = input.tag_specifications.iter().flatten().flat_map(|given| given.tags.iter().flatten());
    let tags = given.filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref().unwrap_or_default())));
    let access = Access::on(scope.arn("ec2", "capacity-reservation/*"));
    Ok(access.request_tags(tags).also_to_tag("ec2:CreateTags"))
}

pub async fn create_capacity_reservation(
    ctx: &Ctx,
    input: api::CreateCapacityReservationRequest,
) -> Result<api::CreateCapacityReservationResult> {
    let once = Once::new("CreateCapacityReservation", input.client_token.as_ref(), fingerprint(&input));
    let scope = *ctx.scope();
    let wanted = rules::check(&input, scope.region.as_str(), ctx.now())?;
    let tags = of_one::<CapacityReservationId>(input.tag_specifications.clone())?;
    check_size(ctx, wanted.size)?;
    let room = Room::look(ctx, wanted.size, false).await?;
    check_dry_run(input.dry_run)?;
    let made = ctx
        .write(|tx| {
            if let Some(made) = once.find(tx)? {
                return state::get(tx, &scope, &made);
            }
            let now = tx.ctx().now();
            let reservation = CapacityReservation {
                id: CapacityReservationId::fresh(tx.ctx().ids()),
                instance_type: wanted.size.name.to_owned(),
                zone: wanted.zone.clone(),
                platform: input.instance_platform.clone(),
                count: wanted.count,
                targeted: wanted.targeted,
                ebs_optimized: input.ebs_optimized.unwrap_or(false),
                ephemeral_storage: input.ephemeral_storage.unwrap_or(false),
                created_at: now,
                ends_at: wanted.ends_at,
                ended: None,
                ended_at: None,
                unused: wanted.count,
                unused_since: now,
            };
            let inside = absorbable(tx, &scope, &reservation)?.len();
            let inside = u32::try_from(inside).unwrap_or(u32::MAX);
            make_room(tx, wanted.size, room.clone(), wanted.count - inside.min(wanted.count))?;
            state::put(tx, &scope, &reservation)?;
            absorb(tx, &scope, &reservation)?;
            tag::put(tx, &scope, &reservation.id, tags.clone())?;
            expire_at(tx, &scope, &reservation)?;
            once.remember(tx, &reservation.id)?;
            state::get(tx, &scope, &reservation.id)
        })
        .await?;
    let shown = show(&made, &scope, Some(&tags));
    Ok(api::CreateCapacityReservationResult { capacity_reservation: Some(shown) })
}

/// # Errors
/// `InsufficientInstanceCapacity`.
fn make_room(tx: &mut Tx<'_, '_>, size: &InstanceType, mut room: Room, count: u32) -> Result<()> {
    for _ in 0..count {
        for one in room.take().ok_or_else(|| errors::no_room(size.name))? {
            spot::announce(tx, &one.scope, &one.id, Why::Capacity)?;
        }
    }
    Ok(())
}

fn expire_at(tx: &mut Tx<'_, '_>, scope: &Scope, reservation: &CapacityReservation) -> Result<()> {
    let timer = TimerKey { scope: *scope, ..TimerKey::new(tx.ctx(), EXPIRE, reservation.id.to_string()) };
    match reservation.ends_at.filter(|_| reservation.ended.is_none()) {
        Some(at) => tx.schedule(&timer, at),
        None => tx.unschedule(&timer),
    }
}

/// Lets a reservation go. What runs in it runs on.
fn end(tx: &mut Tx<'_, '_>, scope: &Scope, id: &CapacityReservationId, how: Ended) -> Result<()> {
    let mut reservation = state::get(tx, scope, id)?;
    (reservation.ended, reservation.ended_at) = (Some(how), Some(tx.ctx().now()));
    state::put(tx, scope, &reservation)?;
    settle(tx, scope, id)?;
    expire_at(tx, scope, &reservation)?;
    let inside = instance::all(tx, scope)?.into_iter();
    for one in inside.filter(|one| one.capacity.reservation.as_ref() == Some(id)) {
        instance::update(tx, scope, &one.id, |instance| {
            instance.capacity.reservation = None;
            Ok(())
        })?;
    }
    Ok(())
}

/// The timer of one that ends.
pub async fn expire(ctx: &Ctx, id: String) -> Result<()> {
    let scope = *ctx.scope();
    let Ok(id) = rules::check_id(&id) else { return Ok(()) };
    ctx.write(|tx| match state::find(tx, &scope, &id)? {
        Some(one) if one.ended.is_none() && one.ends_at.is_some_and(|at| at <= tx.ctx().now()) => {
            end(tx, &scope, &id, Ended::Expired)
        }
        _ => Ok(()),
    })
    .await
}

pub async fn cancel_capacity_reservation(
    ctx: &Ctx,
    input: api::CancelCapacityReservationRequest,
) -> Result<api::CancelCapacityReservationResult> {
    let id = rules::check_id(&input.capacity_reservation_id)?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let reservation = state::get(tx, &scope, &id)?;
        if reservation.ended.is_some() {
            return Err(errors::capacity_reservation_ended(&id, rules::state(&reservation)));
        }
        check_dry_run(input.dry_run)?;
        end(tx, &scope, &id, Ended::Cancelled)
    })
    .await?;
    Ok(api::CancelCapacityReservationResult { r#return: Some(true) })
}

pub async fn modify_capacity_reservation(
    ctx: &Ctx,
    input: api::ModifyCapacityReservationRequest,
) -> Result<api::ModifyCapacityReservationResult> {
    let id = rules::check_id(&input.capacity_reservation_id)?;
    let count = input.instance_count.map(rules::check_count).transpose()?;
    let ends_at = rules::check_end(input.end_date_type.as_deref(), input.end_date, ctx.now())?;
    let targeted = rules::check_criteria(input.instance_match_criteria.as_deref())?;
    // Asks to take on all that other accounts let run in it; there are none.
    if input.accept == Some(true) {
        return Err(errors::unsupported("Accepting a capacity reservation"));
    }
    let scope = *ctx.scope();
    let before = ctx.read(|snap| state::get(snap, &scope, &id)).await?;
    let size = instance_type::find(&before.instance_type)
        .ok_or_else(|| errors::instance_type_unknown(&before.instance_type))?;
    let room = Room::look(ctx, size, false).await?;
    ctx.write(|tx| {
        let mut reservation = state::get(tx, &scope, &id)?;
        if reservation.ended.is_some() {
            return Err(errors::capacity_reservation_ended(&id, rules::state(&reservation)));
        }
        if let Some(count) = count {
            let used = state::used(tx, &scope, &id)?;
            if count < used {
                return Err(errors::capacity_reservation_in_use(count, used));
            }
            make_room(tx, size, room.clone(), count.saturating_sub(reservation.count))?;
            reservation.count = count;
        }
        reservation.ends_at = ends_at.unwrap_or(reservation.ends_at);
        reservation.targeted = targeted.unwrap_or(reservation.targeted);
        check_dry_run(input.dry_run)?;
        state::put(tx, &scope, &reservation)?;
        expire_at(tx, &scope, &reservation)?;
        settle(tx, &scope, &id)
    })
    .await?;
    Ok(api::ModifyCapacityReservationResult { r#return: Some(true) })
}

pub async fn describe_capacity_reservations(
    ctx: &Ctx,
    input: api::DescribeCapacityReservationsRequest,
) -> Result<api::DescribeCapacityReservationsResult> {
    let ids = input.capacity_reservation_ids;
    ids.iter().flatten().try_for_each(|id| rules::check_id(id).map(drop))?;
    let (filters, page) = ((input.filters, FILTERS), (input.max_results, input.next_token));
    let listing = Listing::open(ctx, "DescribeCapacityReservations", ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let (reservations, tags) = ctx
        .read(|snap| Ok((state::all(snap, &scope)?, tag::of_all::<CapacityReservationId>(snap, &scope)?)))
        .await?;
    let missing = errors::capacity_reservation_not_found;
    let (reservations, next_token) = listing.cut(
        ctx,
        reservations,
        &tags,
        |one| one.id.as_str(),
        |one, name| values(one, &scope, name),
        missing,
    )?;
    let shown = reservations.iter().map(|one| show(one, &scope, tags.get(one.id.as_str()))).collect();
    Ok(api::DescribeCapacityReservationsResult { capacity_reservations: Some(shown), next_token })
}

pub async fn get_capacity_reservation_usage(
    ctx: &Ctx,
    input: api::GetCapacityReservationUsageRequest,
) -> Result<api::GetCapacityReservationUsageResult> {
    const OPERATION: &str = "GetCapacityReservationUsage";
    let id = rules::check_id(&input.capacity_reservation_id)?;
    let page = super::page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let (reservation, used) =
        ctx.read(|snap| Ok((state::get(snap, &scope, &id)?, state::used(snap, &scope, &id)?))).await?;
    let usage = api::InstanceUsage {
        account_id: Some(scope.account.to_string()),
        used_instance_count: i32::try_from(used).ok(),
    };
    let (usages, last) = page.cut(vec![usage], |usage| usage.account_id.clone().unwrap_or_default());
    Ok(api::GetCapacityReservationUsageResult {
        capacity_reservation_id: Some(id.to_string()),
        instance_type: Some(reservation.instance_type.clone()),
        total_instance_count: i32::try_from(reservation.count).ok(),
        available_instance_count: i32::try_from(reservation.unused).ok(),
        state: Some(rules::state(&reservation).to_owned()),
        instance_usages: Some(usages),
        next_token: super::page::seal(ctx, OPERATION, last),
        ..Default::default()
    })
}

/// Of a stopped instance; it runs by it from its next start on.
pub async fn modify_instance_capacity_reservation_attributes(
    ctx: &Ctx,
    input: api::ModifyInstanceCapacityReservationAttributesRequest,
) -> Result<api::ModifyInstanceCapacityReservationAttributesResult> {
    let id = check_id(&input.instance_id)?;
    let preference = rules::check_preference(Some(input.capacity_reservation_specification))?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let found = get(tx, &scope, &id)?;
        if found.state() != InstanceState::Stopped {
            return Err(errors::must_be_stopped(&id));
        }
        if let Preference::Targeted(target) = &preference {
            state::get(tx, &scope, target)?;
        }
        check_dry_run(input.dry_run)?;
        instance::update(tx, &scope, &id, |instance| {
            instance.capacity.preference = preference.clone();
            Ok(())
        })
    })
    .await?;
    Ok(api::ModifyInstanceCapacityReservationAttributesResult { r#return: Some(true) })
}

/// Brings usage lines up to date, and forgets reservations that ended long ago.
pub async fn keep_books(ctx: &Ctx) -> Result<()> {
    let (now, all) = (ctx.now(), ctx.read(|snap| state::all_scopes(snap)).await?);
    books::keep(ctx, all, |tx, scope, one| match state::find(tx, scope, &one.id)? {
        Some(one) if one.ended_at.is_some_and(|at| at + VISIBLE_MS < now) => {
            state::delete(tx, scope, &one.id)
        }
        Some(one) => rules::usage(&one, now).map_or(Ok(()), |line| tx.meter(&line)),
        None => Ok(()),
    })
    .await
}
