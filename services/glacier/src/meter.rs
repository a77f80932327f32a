//! Usage lines: storage by the hour, early deletion, retrievals and capacity (Glacier pricing).

use kernel::{Millis, Usage};
use serde::{Deserialize, Serialize};

use crate::rules::archive::BILLED_DAYS_MIN;
use crate::rules::job::{Job, Kind};
use crate::rules::retrieval::Capacity;
use crate::rules::time::{DAY_MS, HOUR_MS};

/// Bytes kept beside each archive, for its name and its place in the index.
const BESIDE_BYTES: u64 = 32 * 1_024;

/// How far a vault's storage has been written down.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Metered {
    pub until: Millis,
    /// Byte-milliseconds of the hour that `until` lies in.
    pub this_hour: u128,
}

fn line(
    usage_type: &str,
    resource: &str,
    (start_at, end_at): (Millis, Millis),
    quantity: u64,
    unit: &str,
) -> Usage {
    Usage {
        service: "glacier".to_owned(),
        usage_type: usage_type.to_owned(),
        resource: resource.to_owned(),
        start_at,
        end_at,
        quantity,
        unit: unit.to_owned(),
    }
}

fn seconds(byte_millis: u128) -> u64 {
    u64::try_from(byte_millis / 1_000).unwrap_or(u64::MAX)
}

fn span(from: Millis, until: Millis) -> u128 {
    u128::try_from(until - from).unwrap_or_default()
}

/// What has lain in a vault since it was last asked, hour by hour.
pub fn storage(vault_arn: &str, archives: u64, size: u64, metered: &mut Metered, now: Millis) -> Vec<Usage> {
    let bytes = u128::from(size) + u128::from(archives) * u128::from(BESIDE_BYTES);
    let mut lines = Vec::new();
    while metered.until < now {
        let hour = metered.until - metered.until.rem_euclid(HOUR_MS);
        let until = now.min(hour + HOUR_MS);
        metered.this_hour += bytes * span(metered.until, until);
        metered.until = until;
        if metered.this_hour > 0 {
            let quantity = seconds(metered.this_hour);
            lines.push(line("TimedStorage-ByteHrs", vault_arn, (hour, until), quantity, "ByteSeconds"));
        }
        if until == hour + HOUR_MS {
            metered.this_hour = 0;
        }
    }
    lines
}

/// What is owed for an archive that goes before its time.
pub fn early_delete(archive_id: &str, size: u64, created_at: Millis, now: Millis) -> Option<Usage> {
    let until = created_at + BILLED_DAYS_MIN * DAY_MS;
    let quantity = seconds(u128::from(size) * span(now, until.max(now)));
    let owed = line("EarlyDelete-ByteHrs", archive_id, (now, until), quantity, "ByteSeconds");
    (now < until).then_some(owed)
}

/// Bytes that come back. Inventories cost nothing.
pub fn retrieval(job: &Job) -> Option<Usage> {
    let Kind::Archive(of) = &job.kind else { return None };
    let kind = format!("{}-Retrieval-Bytes", of.tier.name());
    Some(line(&kind, &job.id, (job.created_at, job.created_at), of.end - of.start, "Bytes"))
}

/// A unit of capacity, for all of its time.
pub fn capacity(unit: &Capacity) -> Usage {
    let lasts = seconds(span(unit.from, unit.until));
    line("ProvisionedCapacity", &unit.id, (unit.from, unit.until), lasts, "Seconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_is_written_by_the_hour() {
        let mut metered = Metered { until: HOUR_MS - 2_000, this_hour: 0 };
        let lines = storage("v", 1, 68, &mut metered, HOUR_MS + 3_000);
        let bytes = 68 + BESIDE_BYTES;
        let shown: Vec<_> = lines.iter().map(|l| (l.start_at, l.end_at, l.quantity)).collect();
        assert_eq!(shown, [(0, HOUR_MS, 2 * bytes), (HOUR_MS, HOUR_MS + 3_000, 3 * bytes)]);
        // The line of the same hour, brought up to date.
        let lines = storage("v", 0, 10, &mut metered, HOUR_MS + 4_000);
        assert_eq!((lines[0].start_at, lines[0].quantity), (HOUR_MS, 3 * bytes + 10));
        assert!(storage("v", 0, 10, &mut metered, HOUR_MS + 4_000).is_empty());
    }

    #[test]
    fn who_deletes_early_pays_for_the_rest() {
        let owed = early_delete("a", 2, 0, 89 * DAY_MS).unwrap();
        assert_eq!(owed.quantity, 2 * 86_400);
        assert!(early_delete("a", 2, 0, 90 * DAY_MS).is_none());
    }
}
