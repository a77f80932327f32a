//! Locks of snapshots: what may be asked for, and what is seen of them (EBS user guide, "Amazon EBS snapshot lock").

use kernel::{Millis, Result};

use crate::errors;
use crate::state::snapshot::Snapshot;
use crate::state::snapshot_lock::{Ends, Lock, Mode};

const HOUR_MS: Millis = 3_600_000;
const DAY_MS: Millis = 24 * HOUR_MS;
const COOL_OFF_HOURS_MAX: i32 = 72;
const DAYS_MAX: i32 = 36_500;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub mode: Mode,
    pub cool_off_hours: Option<u32>,
    pub ends: Ends,
}

/// # Errors
/// For a mode, a cool-off period or an end that does not fit.
pub fn check(
    mode: &str,
    cool_off_hours: Option<i32>,
    (days, at): (Option<i32>, Option<Millis>),
    now: Millis,
) -> Result<Asked> {
    let mode = match mode {
        "governance" => Mode::Governance,
        "compliance" => Mode::Compliance,
        other => return Err(errors::invalid_value(other, "LockMode")),
    };
    if mode == Mode::Governance && cool_off_hours.is_some() {
        return Err(errors::combination("CoolOffPeriod is for the compliance mode only"));
    }
    let within = |given: i32, name: &str, most: i32| {
        let counted = u32::try_from(given).ok().filter(|_| (1..=most).contains(&given));
        counted.ok_or_else(|| errors::invalid_because(given, name, &format!("It must be from 1 to {most}.")))
    };
    let cool_off_hours =
        cool_off_hours.map(|hours| within(hours, "CoolOffPeriod", COOL_OFF_HOURS_MAX)).transpose()?;
    let ends = match (days, at) {
        (Some(days), None) => Ends::After(within(days, "LockDuration", DAYS_MAX)?),
        (None, Some(at)) if at > now => Ends::At(at),
        (None, Some(_)) => return Err(errors::combination("ExpirationDate must be in the future")),
        (Some(_), Some(_)) => {
            return Err(errors::combination("LockDuration and ExpirationDate cannot be used together"));
        }
        (None, None) => return Err(errors::missing("LockDuration")),
    };
    Ok(Asked { mode, cool_off_hours, ends })
}

/// Since when a lock's days are counted; `None` while its snapshot is pending.
pub fn starts_at(one: &Snapshot, lock: &Lock) -> Option<Millis> {
    one.observed.stored_at.map(|stored| stored.max(lock.created_at))
}

pub fn expires_at(one: &Snapshot, lock: &Lock) -> Option<Millis> {
    match lock.ends {
        Ends::At(at) => Some(at),
        Ends::After(days) => Some(starts_at(one, lock)? + Millis::from(days) * DAY_MS),
    }
}

pub fn cool_off_until(lock: &Lock) -> Option<Millis> {
    lock.cool_off_hours.map(|hours| lock.created_at + Millis::from(hours) * HOUR_MS)
}

/// `governance`, `compliance-cooloff`, `compliance` or `expired`.
pub fn state(one: &Snapshot, lock: &Lock, now: Millis) -> &'static str {
    match lock.mode {
        _ if expires_at(one, lock).is_some_and(|at| at <= now) => "expired",
        Mode::Governance => "governance",
        Mode::Compliance if cool_off_until(lock).is_some_and(|until| now < until) => "compliance-cooloff",
        Mode::Compliance => "compliance",
    }
}

/// The lock that an account's snapshot has then.
///
/// # Errors
/// Where one that nobody can take back would end earlier, or be of another kind.
pub fn locked(one: &Snapshot, asked: &Asked, now: Millis) -> Result<Lock> {
    let new =
        Lock { mode: asked.mode, created_at: now, cool_off_hours: asked.cool_off_hours, ends: asked.ends };
    let Some(old) = one.lock.as_ref().filter(|old| state(one, old, now) == "compliance") else {
        return Ok(new);
    };
    if asked.mode != Mode::Compliance || asked.cool_off_hours.is_some() {
        return Err(errors::snapshot_locked(&one.id, "Its lock can only be extended."));
    }
    // Its days are counted from where they were.
    let new = Lock { created_at: old.created_at, cool_off_hours: old.cool_off_hours, ..new };
    let is_longer = match (expires_at(one, old), expires_at(one, &new)) {
        (Some(old), Some(new)) => new >= old,
        (None, None) => matches!((old.ends, new.ends), (Ends::After(old), Ends::After(new)) if new >= old),
        _ => false,
    };
    if is_longer { Ok(new) } else { Err(errors::snapshot_locked(&one.id, "Its lock can only be extended.")) }
}

/// # Errors
/// `SnapshotLocked` for one that is in compliance mode for good; what has no lock.
pub fn check_unlock(one: &Snapshot, now: Millis) -> Result<()> {
    match one.lock.as_ref().map(|lock| state(one, lock, now)) {
        None => Err(errors::snapshot_not_locked(&one.id)),
        Some("compliance") => {
            Err(errors::snapshot_locked(&one.id, "It is locked in compliance mode and cannot be unlocked."))
        }
        Some(_) => Ok(()),
    }
}

/// # Errors
/// `SnapshotLocked`.
pub fn check_deletion(one: &Snapshot, now: Millis) -> Result<()> {
    let is_locked = |lock: &Lock| state(one, lock, now) != "expired";
    if one.lock.as_ref().is_some_and(is_locked) {
        return Err(errors::snapshot_locked(&one.id, "It cannot be deleted."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::snapshot_tier::tests::snapshot;

    fn asked(mode: &str, cool_off: Option<i32>, days: i32) -> Asked {
        check(mode, cool_off, (Some(days), None), 0).unwrap()
    }

    #[test]
    fn requests_say_how_and_until_when() {
        assert_eq!(asked("compliance", Some(72), 36_500).cool_off_hours, Some(72));
        assert_eq!(check("governance", None, (None, Some(9)), 8).unwrap().ends, Ends::At(9));
        for (mode, cool_off, days, at) in [
            ("other", None, Some(1), None),
            ("governance", Some(1), Some(1), None),
            ("compliance", Some(0), Some(1), None),
            ("compliance", Some(73), Some(1), None),
            ("compliance", None, Some(0), None),
            ("compliance", None, Some(36_501), None),
            ("compliance", None, None, None),
            ("compliance", None, Some(1), Some(9)),
            ("compliance", None, None, Some(8)),
        ] {
            assert!(check(mode, cool_off, (days, at), 8).is_err(), "{mode} {cool_off:?} {days:?} {at:?}");
        }
    }

    #[test]
    fn states_follow_the_clock_and_say_what_is_allowed() {
        let mut one = snapshot(1);
        assert!(check_unlock(&one, 0).is_err() && check_deletion(&one, 0).is_ok());
        // Mode, cool-off, when it is looked at; what is seen, whether it may be unlocked, and deleted.
        for (mode, cool_off, now, expected, unlocks, deletes) in [
            ("governance", None, HOUR_MS, "governance", true, false),
            ("governance", None, 10 + DAY_MS, "expired", true, true),
            ("compliance", None, 10, "compliance", false, false),
            ("compliance", Some(2), HOUR_MS, "compliance-cooloff", true, false),
            ("compliance", Some(2), 10 + 2 * HOUR_MS, "compliance", false, false),
            ("compliance", Some(2), 10 + DAY_MS, "expired", true, true),
        ] {
            one.lock = None;
            let lock = locked(&one, &asked(mode, cool_off, 1), 10).unwrap();
            assert_eq!(state(&one, &lock, now), expected);
            one.lock = Some(lock);
            assert_eq!(check_unlock(&one, now).is_ok(), unlocks, "{mode} {now}");
            assert_eq!(check_deletion(&one, now).is_ok(), deletes, "{mode} {now}");
        }
    }

    #[test]
    fn what_nobody_can_take_back_is_only_extended() {
        let mut one = snapshot(1);
        one.lock = Some(locked(&one, &asked("compliance", None, 5), 10).unwrap());
        for (mode, cool_off, days, is_ok) in [
            ("compliance", None, 5, true),
            ("compliance", None, 6, true),
            ("compliance", None, 4, false),
            ("compliance", Some(1), 6, false),
            ("governance", None, 6, false),
        ] {
            assert_eq!(locked(&one, &asked(mode, cool_off, days), DAY_MS).is_ok(), is_ok, "{mode} {days}");
        }
        let cooling = locked(&snapshot(1), &asked("compliance", Some(2), 5), 10).unwrap();
        one.lock = Some(cooling);
        assert_eq!(locked(&one, &asked("governance", None, 1), HOUR_MS).unwrap().mode, Mode::Governance);
    }

    #[test]
    fn days_begin_when_the_snapshot_is_complete() {
        let mut one = snapshot(1);
        one.observed.stored_at = None;
        let lock = locked(&one, &asked("governance", None, 1), 10).unwrap();
        assert_eq!(expires_at(&one, &lock), None);
        one.observed.stored_at = Some(50);
        assert_eq!(expires_at(&one, &lock), Some(50 + DAY_MS));
    }
}
