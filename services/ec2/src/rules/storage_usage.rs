//! What volumes and snapshots cost: lines a bill is computed from (EBS pricing: by type and size, by rates beyond what a
//! type includes, by what snapshots store).

use kernel::{Millis, Usage};

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

/// The line of a snapshot: what it added to the store, since it has been there.
pub fn of_snapshot(one: &Snapshot, now: Millis) -> Option<Usage> {
    let since = one.observed.stored_at?;
    Some(Usage {
        service: "ec2".to_owned(),
        usage_type: "EBS:SnapshotUsage".to_owned(),
        resource: one.id.to_string(),
        start_at: since,
        end_at: now,
        quantity: one.observed.stored_bytes.div_ceil(KIB).saturating_mul(seconds(since, now)),
        unit: "KiBSeconds".to_owned(),
    })
}

fn seconds(since: Millis, now: Millis) -> u64 {
    u64::try_from((now - since) / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::volume::{Asked, check};
    use crate::state::id::{Id, VolumeId};
    use crate::state::volume::Observed;

    fn lines(kind: &str, size: i32, iops: Option<i32>, throughput: Option<i32>) -> Vec<(String, u64)> {
        let asked = Asked { size_gib: Some(size), kind: Some(kind.to_owned()), iops, throughput };
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
            attachment: None,
            modification: None,
        };
        of_volume(&volume, 11_000).into_iter().map(|line| (line.usage_type, line.quantity)).collect()
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
