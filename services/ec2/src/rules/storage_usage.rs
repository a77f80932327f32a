//! What volumes and snapshots cost: lines a bill is computed from (EBS pricing: by type and size, by rates beyond what a
//! type includes, by what snapshots store).

use kernel::{Millis, Usage};

use super::snapshot_tier::ARCHIVED_MS_MIN;
use crate::state::snapshot::Snapshot;
use crate::state::volume::Volume;

/// What `gp3` includes: operations, and MiB, per second.
const GP3_INCLUDED: (u32, u32) = (3_000, 125);
const KIB: u64 = 1_024;

/// Lines of a volume since its shape was last changed; none for one that was never made.
pub fn of_volume(volume: &Volume, now: Millis) -> Vec<Usage> {
    let shape = &volume.shape;
    if volume.observed.size_gib.is_none() {
        return Vec::new();
    }
    let since = volume.billed_since.unwrap_or(volume.created_at);
    let line = |usage_type: String, amount: u32, unit: &str| Usage {
        service: "ec2".to_owned(),
        usage_type,
        resource: volume.id.to_string(),
        start_at: since,
        end_at: now,
        quantity: u64::from(amount).saturating_mul(seconds(since, now)),
        unit: unit.to_owned(),
    };
    // The oldest types have the names they had when there were few.
    let name = match shape.kind.as_str() {
        "standard" => String::new(),
        "io1" => ".piops".to_owned(),
        kind => format!(".{kind}"),
    };
    let mut lines = vec![line(format!("EBS:VolumeUsage{name}"), shape.size_gib, "GiBSeconds")];
    let (operations, throughput) = match shape.kind.as_str() {
        "gp3" => GP3_INCLUDED,
        "io1" | "io2" => (0, u32::MAX),
        _ => (u32::MAX, u32::MAX),
    };
    let beyond = |rate: Option<u32>, included: u32| rate.map_or(0, |rate| rate.saturating_sub(included));
    let operations = beyond(shape.iops, operations);
    let throughput = beyond(shape.throughput, throughput);
    if operations > 0 {
        lines.push(line(format!("EBS:VolumeP-IOPS{name}"), operations, "IOPSSeconds"));
    }
    if throughput > 0 {
        lines.push(line(format!("EBS:VolumeP-Throughput{name}"), throughput, "MiBpsSeconds"));
    }
    lines
}

fn of_bytes(one: &Snapshot, name: &str, (since, until): (Millis, Millis), bytes: u64) -> Usage {
    Usage {
        service: "ec2".to_owned(),
        usage_type: format!("EBS:Snapshot{name}"),
        resource: one.id.to_string(),
        start_at: since,
        end_at: until,
        quantity: bytes.div_ceil(KIB).saturating_mul(seconds(since, until)),
        unit: "KiBSeconds".to_owned(),
    }
}

/// Lines of a snapshot: what it added to the store, since it has been there, and its archive.
pub fn of_snapshot(one: &Snapshot, now: Millis) -> Vec<Usage> {
    let back_since = one.tier.as_ref().and_then(|tier| tier.seen.here_since);
    let here_since = back_since.or(one.observed.stored_at).filter(|_| one.is_here());
    let here = here_since.map(|since| of_bytes(one, "Usage", (since, now), one.observed.stored_bytes));
    let archive = archive(one).map(|(since, bytes)| of_bytes(one, "ArchiveStorage", (since, now), bytes));
    here.into_iter().chain(archive).collect()
}

/// Since when there is an archive, and its length.
fn archive(one: &Snapshot) -> Option<(Millis, u64)> {
    let seen = &one.tier.as_ref()?.seen;
    Some((seen.archived_at?, seen.archive_bytes))
}

/// What is owed for an archive that goes before its time.
pub fn of_end(one: &Snapshot, now: Millis) -> Option<Usage> {
    let (since, bytes) = archive(one)?;
    let until = since + ARCHIVED_MS_MIN;
    (now < until).then(|| of_bytes(one, "ArchiveEarlyDelete", (now, until), bytes))
}

/// What a step between the tiers costs: the bytes that come back, and the rest of an archive's time.
pub fn of_step(before: &Snapshot, after: &Snapshot, now: Millis) -> Option<Usage> {
    if archive(after).is_none() {
        return of_end(before, now);
    }
    let (_, bytes) = archive(before).filter(|_| !before.is_here() && after.is_here())?;
    Some(Usage {
        quantity: bytes,
        unit: "Bytes".to_owned(),
        ..of_bytes(before, "ArchiveRetrieval", (now, now), bytes)
    })
}

fn seconds(since: Millis, now: Millis) -> u64 {
    u64::try_from((now - since) / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::snapshot_tier;
    use crate::rules::snapshot_tier::tests::snapshot;
    use crate::rules::volume::{Asked, check};
    use crate::state::id::{Id, VolumeId};
    use crate::state::volume::Observed;

    fn lines(kind: &str, size: i32, iops: Option<i32>, throughput: Option<i32>) -> Vec<(String, u64)> {
        let kind = Some(kind.to_owned());
        let asked = Asked { size_gib: Some(size), kind, iops, throughput, ..Asked::default() };
        let shape = check(&asked, None).unwrap();
        let volume = Volume {
            id: VolumeId::parse("vol-12345678").unwrap(),
            observed: Observed { size_gib: Some(shape.size_gib), failure: None },
            shape,
            zone: String::new(),
            snapshot: None,
            seal: None,
            snapshot_seal: None,
            base: None,
            created_at: 1_000,
            billed_since: None,
            auto_enable_io: false,
            fast_restored: false,
            deleted: false,
            attachments: Vec::new(),
            modification: None,
        };
        of_volume(&volume, 11_000).into_iter().map(|line| (line.usage_type, line.quantity)).collect()
    }

    #[test]
    fn snapshots_are_counted_where_they_are() {
        let day = 86_400_000;
        let shown = |lines: Vec<Usage>| -> Vec<(String, u64)> {
            lines.into_iter().map(|line| (line.usage_type, line.quantity)).collect()
        };
        let line = |name: &str, quantity| (format!("EBS:Snapshot{name}"), quantity);
        let mut one = snapshot(1);
        one.observed.stored_at = Some(0);
        one.observed.stored_bytes = 2 * KIB;
        assert_eq!(shown(of_snapshot(&one, 10_000)), [line("Usage", 20)]);
        let mut tier = snapshot_tier::archival(&one, 10_000).unwrap();
        snapshot_tier::archived(&mut tier, 4 * KIB, 10_000);
        one.tier = Some(tier);
        assert_eq!(shown(of_snapshot(&one, 15_000)), [line("ArchiveStorage", 20)]);
        assert!(of_end(&one, 10_000 + 90 * day).is_none());
        let owed = of_end(&one, 10_000 + 89 * day).unwrap();
        assert_eq!((owed.usage_type.as_str(), owed.quantity), ("EBS:SnapshotArchiveEarlyDelete", 4 * 86_400));
        let mut back = one.clone();
        snapshot_tier::restored(back.tier.as_mut().unwrap(), 20_000);
        let paid = of_step(&one, &back, 20_000).unwrap();
        assert_eq!((paid.usage_type.as_str(), paid.quantity), ("EBS:SnapshotArchiveRetrieval", 4 * KIB));
        assert_eq!(shown(of_snapshot(&back, 30_000)), [line("Usage", 20), line("ArchiveStorage", 80)]);
        let mut kept = back.clone();
        snapshot_tier::forgotten(kept.tier.as_mut().unwrap(), 30_000);
        assert_eq!(of_step(&back, &kept, 30_000).unwrap().usage_type, "EBS:SnapshotArchiveEarlyDelete");
    }

    #[test]
    fn volumes_are_counted_by_size_and_by_what_goes_beyond_their_type() {
        let line = |name: &str, quantity| (format!("EBS:{name}"), quantity);
        for (kind, size, iops, throughput, wanted) in [
            ("standard", 10, None, None, vec![line("VolumeUsage", 100)]),
            ("gp2", 10, None, None, vec![line("VolumeUsage.gp2", 100)]),
            ("gp3", 10, None, None, vec![line("VolumeUsage.gp3", 100)]),
            (
                "gp3",
                100,
                Some(4_000),
                Some(225),
                vec![
                    line("VolumeUsage.gp3", 1_000),
                    line("VolumeP-IOPS.gp3", 10_000),
                    line("VolumeP-Throughput.gp3", 1_000),
                ],
            ),
            (
                "io1",
                10,
                Some(500),
                None,
                vec![line("VolumeUsage.piops", 100), line("VolumeP-IOPS.piops", 5_000)],
            ),
            ("st1", 125, None, None, vec![line("VolumeUsage.st1", 1_250)]),
        ] {
            assert_eq!(lines(kind, size, iops, throughput), wanted, "{kind}");
        }
    }
}
