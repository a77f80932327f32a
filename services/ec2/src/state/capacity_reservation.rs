//! The stored capacity reservation, and how much of it is in use.

use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::CapacityReservationId;
use super::instance;
use crate::errors;
use crate::rules::capacity_reservation as rules;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityReservation {
    pub id: CapacityReservationId,
    pub instance_type: String,
    pub zone: String,
    pub platform: String,
    pub count: u32,
    /// Only instances that name it run in it.
    pub targeted: bool,
    pub ebs_optimized: bool,
    pub ephemeral_storage: bool,
    pub created_at: Millis,
    pub ends_at: Option<Millis>,
    pub ended: Option<Ended>,
    pub ended_at: Option<Millis>,
    /// How many of it nobody used, and since when.
    pub unused: u32,
    pub unused_since: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    Cancelled,
    Expired,
}

static RESERVATIONS: Table<CapacityReservation> = Table::new("ec2/capacity-reservation");

/// The timer that ends one.
pub const EXPIRE: &str = "expire-capacity-reservation";

pub fn find(
    from: &mut impl Reader,
    scope: &Scope,
    id: &CapacityReservationId,
) -> Result<Option<CapacityReservation>> {
    RESERVATIONS.get(from, scope, id)
}

/// # Errors
/// `InvalidCapacityReservationId.NotFound`.
pub fn get(from: &mut impl Reader, scope: &Scope, id: &CapacityReservationId) -> Result<CapacityReservation> {
    find(from, scope, id)?.ok_or_else(|| errors::capacity_reservation_not_found(id))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<CapacityReservation>> {
    RESERVATIONS.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, CapacityReservation)>> {
    RESERVATIONS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, reservation: &CapacityReservation) -> Result<()> {
    RESERVATIONS.put(tx, scope, &reservation.id, reservation)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &CapacityReservationId) -> Result<()> {
    super::tag::forget(tx, scope, id)?;
    RESERVATIONS.delete(tx, scope, id)
}

/// How many instances run in it.
pub fn used(from: &mut impl Reader, scope: &Scope, id: &CapacityReservationId) -> Result<u32> {
    let instances = instance::all(from, scope)?;
    let inside = instances.iter().filter(|instance| instance.capacity.reservation.as_ref() == Some(id));
    Ok(u32::try_from(inside.count()).unwrap_or(u32::MAX))
}

/// Counts anew what is unused, and writes the usage line of what was until now. Called whenever either may differ.
pub fn settle(tx: &mut Tx<'_, '_>, scope: &Scope, id: &CapacityReservationId) -> Result<()> {
    let Some(mut reservation) = find(tx, scope, id)? else { return Ok(()) };
    let unused = match reservation.ended {
        Some(_) => 0,
        None => reservation.count.saturating_sub(used(tx, scope, id)?),
    };
    if unused == reservation.unused {
        return Ok(());
    }
    let now = tx.ctx().now();
    if let Some(line) = rules::usage(&reservation, now) {
        tx.meter(&line)?;
    }
    (reservation.unused, reservation.unused_since) = (unused, now);
    put(tx, scope, &reservation)
}
