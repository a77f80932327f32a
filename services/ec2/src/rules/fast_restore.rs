//! Fast snapshot restore: its states, and what it costs (EBS user guide, "Amazon EBS fast snapshot restore").

use kernel::meter::Usage;
use kernel::{Millis, Result};

use super::region;
use crate::errors;
use crate::state::fast_restore::FastRestore;
use crate::state::id::Id;

/// Snapshots and zones of one account and region together.
pub const RESTORES_MAX: usize = 50;
pub const FILTERS: &[&str] =
    &["availability-zone", "availability-zone-id", "owner-id", "snapshot-id", "state"];

/// `enabling`, `optimizing`, `enabled`, `disabling` or `disabled`.
pub fn state(one: &FastRestore) -> &'static str {
    match (one.disabling_at, &one.observed) {
        (Some(_), seen) if seen.disabled_at.is_some() => "disabled",
        (Some(_), _) => "disabling",
        (None, seen) if seen.enabled_at.is_some() => "enabled",
        (None, seen) if seen.optimizing_at.is_some() => "optimizing",
        (None, _) => "enabling",
    }
}

/// The zones a request names, by name or by id.
///
/// # Errors
/// When there are none, or one that the region does not have.
pub fn check_zones(region_name: &str, names: &[String], ids: &[String]) -> Result<Vec<String>> {
    let zones = region::zones(region_name);
    let mut found: Vec<String> = Vec::new();
    for name in names {
        let zone = zones.iter().find(|zone| zone.name == *name).ok_or_else(|| errors::zone_invalid(name))?;
        found.push(zone.name.clone());
    }
    for id in ids {
        let zone = zones.iter().find(|zone| zone.id == *id).ok_or_else(|| errors::zone_invalid(id))?;
        found.push(zone.name.clone());
    }
    found.sort();
    found.dedup();
    if found.is_empty() { Err(errors::missing("AvailabilityZone")) } else { Ok(found) }
}

/// What is paid for it: the hours of a snapshot in a zone, from when it is asked for.
pub fn usage(one: &FastRestore, now: Millis) -> Usage {
    let end_at = one.disabling_at.unwrap_or(now).max(one.enabling_at);
    Usage {
        service: "ec2".to_owned(),
        usage_type: "EBS:FastSnapshotRestore".to_owned(),
        resource: format!("{}/{}", one.snapshot.as_str(), one.zone),
        start_at: one.enabling_at,
        end_at,
        quantity: u64::try_from((end_at - one.enabling_at) / 1_000).unwrap_or(0),
        unit: "Seconds".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::fast_restore::Observed;
    use crate::state::id::SnapshotId;

    #[test]
    fn states_follow_what_is_asked_and_what_is_seen() {
        let seen = |optimizing, enabled, disabled| Observed {
            optimizing_at: optimizing,
            enabled_at: enabled,
            disabled_at: disabled,
        };
        for (disabling_at, observed, wanted) in [
            (None, seen(None, None, None), "enabling"),
            (None, seen(Some(1), None, None), "optimizing"),
            (None, seen(Some(1), Some(2), None), "enabled"),
            (Some(3), seen(None, None, None), "disabling"),
            (Some(3), seen(Some(1), Some(2), None), "disabling"),
            (Some(3), seen(Some(1), Some(2), Some(4)), "disabled"),
        ] {
            let snapshot = SnapshotId::parse("snap-12345678").unwrap();
            let (zone, owner) = ("us-east-1a".to_owned(), String::new());
            let one = FastRestore { snapshot, zone, owner, enabling_at: 0, disabling_at, observed };
            assert_eq!(state(&one), wanted);
            assert_eq!(usage(&one, 9_000).quantity, disabling_at.map_or(9, |_| 0));
        }
    }

    #[test]
    fn zones_are_named_once_by_name_or_id() {
        let text = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let zones = |names: &[&str], ids: &[&str]| check_zones("us-east-1", &text(names), &text(ids));
        assert_eq!(
            zones(&["us-east-1b", "us-east-1a"], &["use1-az1"]).unwrap(),
            ["us-east-1a", "us-east-1b"]
        );
        assert!(zones(&["eu-west-1a"], &[]).is_err() && zones(&[], &[]).is_err());
    }
}
