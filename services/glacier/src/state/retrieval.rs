//! What an account may retrieve in a region, what it has retrieved, and the capacity it bought.

use kernel::{Key, Millis, Reader, Result, Scope, Table, Tx};

use crate::rules::retrieval::{Capacity, Limit};
use crate::rules::time::{DAY_MS, HOUR_MS};

static LIMIT: Table<Limit> = Table::new("glacier/retrieval-policy");
/// By the hour: bytes that standard retrievals asked for.
static ASKED: Table<u64> = Table::new("glacier/retrieved");
static CAPACITY: Table<Capacity> = Table::new("glacier/capacity");
/// Hours of a day, and the one that goes on.
const HOURS_MAX: usize = 25;
/// Units read at once; expired ones are forgotten with the next purchase.
const UNITS_MAX: usize = 100;

pub fn limit(from: &mut impl Reader, scope: &Scope) -> Result<Limit> {
    Ok(LIMIT.get(from, scope, ())?.unwrap_or_default())
}

pub fn set_limit(tx: &mut Tx<'_, '_>, limit: Limit) -> Result<()> {
    let scope = *tx.ctx().scope();
    LIMIT.put(tx, &scope, (), &limit)
}

/// Bytes asked for in this hour, and in this day.
pub fn asked(from: &mut impl Reader, scope: &Scope, now: Millis) -> Result<(u64, u64)> {
    let (hour, day) = (now - now.rem_euclid(HOUR_MS), now - now.rem_euclid(DAY_MS));
    let before = (day - 1).to_bytes();
    let rows = ASKED.list(from, scope, (), Some(&before), HOURS_MAX)?;
    let today = rows.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
    Ok((ASKED.get(from, scope, hour)?.unwrap_or_default(), today))
}

/// Notes that so many were asked for.
pub fn ask(tx: &mut Tx<'_, '_>, bytes: u64) -> Result<()> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    let (hour, day) = (now - now.rem_euclid(HOUR_MS), now - now.rem_euclid(DAY_MS));
    // Yesterday's hours are of no use to anybody.
    for (key, _) in ASKED.list(tx, &scope, (), None, HOURS_MAX)? {
        if let Some(old) = kernel::key::KeyReader(&key).signed().filter(|at| *at < day) {
            ASKED.delete(tx, &scope, old)?;
        }
    }
    let before = ASKED.get(tx, &scope, hour)?.unwrap_or_default();
    ASKED.put(tx, &scope, hour, &before.saturating_add(bytes))
}

/// The units that are in force.
pub fn capacity(from: &mut impl Reader, scope: &Scope, now: Millis) -> Result<Vec<Capacity>> {
    let rows = CAPACITY.list(from, scope, (), None, UNITS_MAX)?;
    Ok(rows.into_iter().map(|(_, unit)| unit).filter(|unit| now < unit.until).collect())
}

/// Adds a unit, and forgets those that have expired.
pub fn add_capacity(tx: &mut Tx<'_, '_>, unit: &Capacity) -> Result<()> {
    let (scope, now) = (*tx.ctx().scope(), tx.ctx().now());
    for (_, old) in CAPACITY.list(tx, &scope, (), None, UNITS_MAX)? {
        if old.until <= now {
            CAPACITY.delete(tx, &scope, old.id.as_str())?;
        }
    }
    CAPACITY.put(tx, &scope, unit.id.as_str(), unit)
}
