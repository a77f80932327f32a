//! The archive of snapshots: what may be asked for, how long it takes, and what the next step is (EBS user guide, "Archive
//! Amazon EBS snapshots").

use kernel::{Millis, Result};

use crate::errors;
use crate::state::snapshot::Snapshot;
use crate::state::snapshot_tier::{Seen, Tier, Wish};

const HOUR_MS: Millis = 3_600_000;
const DAY_MS: Millis = 24 * HOUR_MS;
/// A restore takes a day, an hour more for each of so many GiB, and three days at the most.
const RESTORE_MS_MIN: Millis = DAY_MS;
const RESTORE_MS_MAX: Millis = 3 * DAY_MS;
const GIB_AN_HOUR: Millis = 100;
/// What an archive is paid for at the least.
pub const ARCHIVED_MS_MIN: Millis = 90 * DAY_MS;
const DAYS_MAX: i32 = 180;
/// Of an account in a region, at a time (EBS user guide, "Quotas").
pub const ARCHIVALS_MAX: usize = 25;
pub const RESTORES_MAX: usize = 5;

/// How long it takes until a snapshot of this size is back, with the cloud's factor.
pub fn restore_ms(size_gib: u32, speed: u32) -> Millis {
    let whole = RESTORE_MS_MIN + Millis::from(size_gib) / GIB_AN_HOUR * HOUR_MS;
    whole.min(RESTORE_MS_MAX) / Millis::from(speed.max(1))
}

/// What a restore asks for.
///
/// # Errors
/// For neither or both of the two kinds, and for days out of bounds.
pub fn check_restore(days: Option<i32>, is_permanent: Option<bool>) -> Result<Wish> {
    match (days, is_permanent.unwrap_or(false)) {
        (None, true) => Ok(Wish::Permanent),
        (Some(_), true) => {
            Err(errors::combination("TemporaryRestoreDays and PermanentRestore cannot be used together"))
        }
        (None, false) => Err(errors::missing("TemporaryRestoreDays")),
        (Some(days), false) => match u32::try_from(days) {
            Ok(counted @ 1..) if days <= DAYS_MAX => Ok(Wish::Temporary { days: counted }),
            _ => Err(errors::invalid_because(days, "TemporaryRestoreDays", "It must be from 1 to 180.")),
        },
    }
}

/// The archival of a snapshot.
///
/// # Errors
/// `IncorrectState`, where it is not complete, or on its way to or from the archive.
pub fn archival(one: &Snapshot, now: Millis) -> Result<Tier> {
    if one.observed.stored_at.is_none() {
        return Err(errors::snapshot_pending(&one.id));
    }
    match &one.tier {
        Some(tier) if tier.wish != Wish::Permanent || tier.seen.done_at.is_none() => {
            Err(errors::snapshot_tiering(&one.id, status(tier)))
        }
        tier => Ok(Tier {
            wish: Wish::Archive,
            asked_at: now,
            due_at: now,
            seen: Seen {
                done_at: None,
                archived_at: None,
                archive_bytes: 0,
                is_here: true,
                here_since: tier.as_ref().and_then(|tier| tier.seen.here_since),
                expires_at: None,
            },
        }),
    }
}

/// A restore, or another end of one that was temporary.
///
/// # Errors
/// `IncorrectState`, where there is no archive to restore from.
pub fn restoral(one: &Snapshot, wish: Wish, now: Millis, speed: u32) -> Result<Tier> {
    let Some(tier) = one.tier.as_ref().filter(|tier| tier.seen.archived_at.is_some()) else {
        return Err(errors::snapshot_not_archived(&one.id));
    };
    let is_on_its_way = tier.wish != Wish::Archive && tier.seen.done_at.is_none();
    if tier.wish == Wish::Permanent || tier.wish == Wish::Archive && tier.seen.is_here {
        return Err(errors::snapshot_tiering(&one.id, status(tier)));
    }
    let mut next = Tier { wish, ..tier.clone() };
    match wish {
        // Its days begin anew.
        Wish::Temporary { days } if tier.seen.is_here => {
            next.seen.expires_at = Some(now + Millis::from(days) * DAY_MS);
        }
        _ if is_on_its_way => {}
        _ => {
            next.asked_at = now;
            next.due_at = if tier.seen.is_here { now } else { now + restore_ms(one.size_gib, speed) };
            next.seen.done_at = None;
        }
    }
    Ok(next)
}

/// The one next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Puts it away, for the first time or again.
    Archive,
    Restore,
    /// Removes the archive.
    Forget,
    Wait(Millis),
    Nothing,
}

pub fn plan(tier: &Tier, now: Millis) -> Step {
    let seen = &tier.seen;
    match tier.wish {
        Wish::Archive if seen.done_at.is_none() => Step::Archive,
        Wish::Archive => Step::Nothing,
        _ if seen.done_at.is_none() && now < tier.due_at => Step::Wait(tier.due_at - now),
        Wish::Permanent if !seen.is_here => Step::Restore,
        Wish::Permanent if seen.done_at.is_none() => Step::Forget,
        Wish::Permanent => Step::Nothing,
        Wish::Temporary { .. } if seen.done_at.is_none() => Step::Restore,
        Wish::Temporary { .. } => match seen.expires_at {
            Some(at) if at <= now => Step::Archive,
            Some(at) => Step::Wait(at - now),
            None => Step::Nothing,
        },
    }
}

/// What is known after a step.
pub fn archived(tier: &mut Tier, bytes: u64, now: Millis) {
    let seen = &mut tier.seen;
    if seen.archived_at.is_none() {
        (seen.archived_at, seen.archive_bytes) = (Some(now), bytes);
    }
    (seen.is_here, seen.here_since, seen.expires_at) = (false, None, None);
    // What was asked for meanwhile is still to be done.
    if tier.wish == Wish::Archive {
        seen.done_at = seen.done_at.or(Some(now));
    }
}

pub fn restored(tier: &mut Tier, now: Millis) {
    let seen = &mut tier.seen;
    (seen.is_here, seen.here_since) = (true, Some(now));
    if let Wish::Temporary { days } = tier.wish {
        seen.done_at = Some(now);
        seen.expires_at = Some(now + Millis::from(days) * DAY_MS);
    }
}

pub fn forgotten(tier: &mut Tier, now: Millis) {
    let seen = &mut tier.seen;
    (seen.archived_at, seen.archive_bytes, seen.expires_at) = (None, 0, None);
    seen.done_at = Some(now);
}

/// As `DescribeSnapshotTierStatus` calls the last thing that was asked.
pub fn status(tier: &Tier) -> &'static str {
    match (tier.wish, tier.seen.done_at) {
        (Wish::Archive, None) => "archival-in-progress",
        (Wish::Archive, Some(_)) => "archival-completed",
        (Wish::Temporary { .. }, None) => "temporary-restore-in-progress",
        (Wish::Temporary { .. }, Some(_)) => "temporary-restore-completed",
        (Wish::Permanent, None) => "permanent-restore-in-progress",
        (Wish::Permanent, Some(_)) => "permanent-restore-completed",
    }
}

/// In hundredths. An archival is done at once as soon as it begins.
pub fn progress(tier: &Tier, now: Millis) -> i32 {
    if tier.seen.done_at.is_some() {
        return 100;
    }
    let (gone, whole) = ((now - tier.asked_at).max(0), (tier.due_at - tier.asked_at).max(1));
    i32::try_from((gone * 100 / whole).min(99)).unwrap_or(0)
}

/// `standard` or `archive`.
pub fn storage_tier(one: &Snapshot) -> &'static str {
    let is_archived = |tier: &Tier| tier.seen.archived_at.is_some();
    if one.tier.as_ref().is_some_and(is_archived) { "archive" } else { "standard" }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::state::id::{Id, SnapshotId, VolumeId};
    use crate::state::snapshot::Observed;

    pub(crate) fn snapshot(size_gib: u32) -> Snapshot {
        let ids = (SnapshotId::parse("snap-12345678"), VolumeId::parse("vol-12345678"));
        let observed = Observed { stored_at: Some(1), ..Observed::default() };
        Snapshot { observed, ..Snapshot::new(ids.0.unwrap(), ids.1.unwrap(), size_gib, 0) }
    }

    #[test]
    fn a_restore_takes_one_to_three_days() {
        for (size, hours) in [(1, 24), (100, 25), (1_000, 34), (4_800, 72), (16_384, 72)] {
            assert_eq!(restore_ms(size, 1), hours * HOUR_MS, "{size}");
        }
        assert_eq!(restore_ms(1, 24), HOUR_MS);
    }

    #[test]
    fn it_goes_away_comes_back_for_days_and_goes_again() {
        let mut one = snapshot(1);
        assert!(restoral(&one, Wish::Permanent, 5, 1).is_err(), "not archived");
        let mut tier = archival(&one, 10).unwrap();
        assert_eq!((plan(&tier, 10), status(&tier)), (Step::Archive, "archival-in-progress"));
        one.tier = Some(tier.clone());
        assert!(archival(&one, 11).is_err() && restoral(&one, Wish::Permanent, 11, 1).is_err());
        archived(&mut tier, 7, 20);
        one.tier = Some(tier);
        assert_eq!(storage_tier(&one), "archive");
        assert!(archival(&one, 21).is_err());

        let mut tier = restoral(&one, Wish::Temporary { days: 2 }, 30, 1).unwrap();
        assert_eq!(plan(&tier, 30), Step::Wait(DAY_MS));
        assert_eq!((status(&tier), progress(&tier, 30 + DAY_MS / 2)), ("temporary-restore-in-progress", 50));
        let back = 30 + DAY_MS;
        assert_eq!(plan(&tier, back), Step::Restore);
        restored(&mut tier, back);
        assert_eq!(plan(&tier, back), Step::Wait(2 * DAY_MS));
        one.tier = Some(tier);
        let longer = restoral(&one, Wish::Temporary { days: 9 }, back + 1, 1).unwrap();
        assert_eq!(longer.seen.expires_at, Some(back + 1 + 9 * DAY_MS));
        let mut tier = one.tier.unwrap();
        assert_eq!(plan(&tier, back + 2 * DAY_MS), Step::Archive);
        archived(&mut tier, 7, back + 2 * DAY_MS);
        assert_eq!(plan(&tier, back + 3 * DAY_MS), Step::Nothing);
        assert_eq!(tier.seen.archived_at, Some(20), "it was there all the time");
    }

    #[test]
    fn what_is_asked_for_while_it_goes_is_still_to_be_done() {
        let one = snapshot(1);
        let mut tier = archival(&one, 0).unwrap();
        tier.wish = Wish::Permanent;
        archived(&mut tier, 7, 5);
        assert_eq!((tier.seen.done_at, tier.seen.archived_at), (None, Some(5)));
    }

    #[test]
    fn it_comes_back_for_good() {
        let mut one = snapshot(1);
        let mut tier = archival(&one, 0).unwrap();
        archived(&mut tier, 7, 0);
        one.tier = Some(tier);
        let mut tier = restoral(&one, Wish::Permanent, 0, 24).unwrap();
        assert_eq!(plan(&tier, 0), Step::Wait(HOUR_MS));
        assert_eq!(plan(&tier, HOUR_MS), Step::Restore);
        restored(&mut tier, HOUR_MS);
        assert_eq!((plan(&tier, HOUR_MS), status(&tier)), (Step::Forget, "permanent-restore-in-progress"));
        forgotten(&mut tier, HOUR_MS);
        assert_eq!((plan(&tier, HOUR_MS), status(&tier)), (Step::Nothing, "permanent-restore-completed"));
        one.tier = Some(tier);
        assert_eq!(storage_tier(&one), "standard");
        assert!(restoral(&one, Wish::Permanent, 0, 1).is_err());
        let again = archival(&one, 9).unwrap();
        assert_eq!((again.seen.here_since, plan(&again, 9)), (Some(HOUR_MS), Step::Archive));
    }

    #[test]
    fn a_temporary_restore_becomes_one_for_good_at_once() {
        let mut one = snapshot(1);
        let mut tier = archival(&one, 0).unwrap();
        archived(&mut tier, 7, 0);
        one.tier = Some(tier);
        let waiting = restoral(&one, Wish::Temporary { days: 1 }, 0, 1).unwrap();
        one.tier = Some(waiting.clone());
        let other = restoral(&one, Wish::Permanent, 5, 1).unwrap();
        assert_eq!((other.due_at, other.asked_at), (waiting.due_at, 0), "it keeps its place");
        let mut back = waiting;
        restored(&mut back, DAY_MS);
        one.tier = Some(back);
        let kept = restoral(&one, Wish::Permanent, DAY_MS, 1).unwrap();
        assert_eq!(plan(&kept, DAY_MS), Step::Forget);
    }

    #[test]
    fn a_restore_is_of_one_kind() {
        assert_eq!(check_restore(Some(180), None).unwrap(), Wish::Temporary { days: 180 });
        assert_eq!(check_restore(None, Some(true)).unwrap(), Wish::Permanent);
        for (days, is_permanent) in
            [(None, None), (None, Some(false)), (Some(1), Some(true)), (Some(0), None), (Some(181), None)]
        {
            assert!(check_restore(days, is_permanent).is_err(), "{days:?} {is_permanent:?}");
        }
    }
}
