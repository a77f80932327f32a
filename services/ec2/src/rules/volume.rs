//! What volumes may be (EBS user guide, "Amazon EBS volume types"), and what they are seen as.

use kernel::Result;

use crate::errors;
use crate::state::volume::{Attachment, Hold, Shape, Volume};

/// What AWS takes where a request names no type.
pub const KIND_DEFAULT: &str = "gp2";
const MIB: u64 = 1 << 20;

/// The limits of a volume type.
struct Limits {
    kind: &'static str,
    size_gib: (u32, u32),
    /// What may be asked for; none where it follows from the size.
    iops: Option<(u32, u32)>,
    /// Per GiB.
    iops_ratio: u32,
}

const TYPES: [Limits; 7] = [
    Limits { kind: "gp2", size_gib: (1, 16_384), iops: None, iops_ratio: 3 },
    Limits { kind: "gp3", size_gib: (1, 16_384), iops: Some((3_000, 80_000)), iops_ratio: 500 },
    Limits { kind: "io1", size_gib: (4, 16_384), iops: Some((100, 64_000)), iops_ratio: 50 },
    Limits { kind: "io2", size_gib: (4, 65_536), iops: Some((100, 256_000)), iops_ratio: 1_000 },
    Limits { kind: "st1", size_gib: (125, 16_384), iops: None, iops_ratio: 0 },
    Limits { kind: "sc1", size_gib: (125, 16_384), iops: None, iops_ratio: 0 },
    Limits { kind: "standard", size_gib: (1, 1_024), iops: None, iops_ratio: 0 },
];

/// Types whose volumes several instances may have at once.
const SHAREABLE: [&str; 2] = ["io1", "io2"];

/// Types no instance starts from.
const NOT_FOR_BOOT: [&str; 2] = ["st1", "sc1"];
/// Quotas of a region (Service Quotas, Amazon EBS): of each type, and of rates that are paid for.
const STORAGE_TIB_MAX: u32 = 50;
const IO2_STORAGE_TIB_MAX: u32 = 20;
const IO1_IOPS_MAX: u32 = 300_000;
const IO2_IOPS_MAX: u32 = 100_000;

/// What a request says of a volume.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub size_gib: Option<i32>,
    pub kind: Option<String>,
    pub iops: Option<i32>,
    pub throughput: Option<i32>,
    pub multi_attach: bool,
}

/// The shape asked for; the size is that of the snapshot where none is given.
///
/// # Errors
/// AWS's refusals for sizes, rates and their ratios.
pub fn check(asked: &Asked, snapshot_gib: Option<u32>) -> Result<Shape> {
    let kind = asked.kind.as_deref().filter(|kind| !kind.is_empty()).unwrap_or(KIND_DEFAULT);
    let limits = TYPES.iter().find(|limits| limits.kind == kind);
    let limits = limits.ok_or_else(|| errors::volume_type_unknown(kind))?;
    let size_gib = match asked.size_gib {
        Some(size) => {
            let fits = u32::try_from(size)
                .ok()
                .filter(|size| (limits.size_gib.0..=limits.size_gib.1).contains(size));
            fits.ok_or_else(|| errors::volume_size(size.into(), kind, limits.size_gib))?
        }
        None => snapshot_gib.ok_or_else(errors::volume_without_size)?,
    };
    if !(limits.size_gib.0..=limits.size_gib.1).contains(&size_gib) {
        return Err(errors::volume_size(size_gib.into(), kind, limits.size_gib));
    }
    let iops = check_iops(asked.iops, size_gib, limits)?;
    let throughput = match asked.throughput {
        Some(_) if kind != "gp3" => return Err(errors::throughput_not_for(kind)),
        Some(wanted) => {
            let most = iops.unwrap_or(3_000) / 4;
            let fits = u32::try_from(wanted).ok().filter(|wanted| (125..=2_000.min(most)).contains(wanted));
            Some(fits.ok_or_else(|| errors::throughput_out_of_range(wanted.into()))?)
        }
        None => (kind == "gp3").then_some(125),
    };
    if asked.multi_attach && !SHAREABLE.contains(&kind) {
        return Err(errors::multi_attach_not_for(kind));
    }
    Ok(Shape { size_gib, kind: kind.to_owned(), iops, throughput, multi_attach: asked.multi_attach })
}

/// Snapshots of one volume that may be in progress (EBS quotas); those that failed count until they are deleted.
pub fn snapshots_at_once_max(kind: &str) -> usize {
    if NOT_FOR_BOOT.contains(&kind) { 1 } else { 5 }
}

/// # Errors
/// `BootForVolumeTypeUnsupported`.
pub fn check_boots(kind: &str) -> Result<()> {
    if NOT_FOR_BOOT.contains(&kind) { Err(errors::not_for_boot(kind)) } else { Ok(()) }
}

/// Whether the region's volumes, with one more that has this shape, are within its quotas.
///
/// # Errors
/// `VolumeLimitExceeded`, `MaxIOPSLimitExceeded`.
pub fn check_quotas(shape: &Shape, others: &[Volume]) -> Result<()> {
    let alike = || others.iter().map(|one| &one.shape).filter(|one| one.kind == shape.kind).chain([shape]);
    let storage_tib_max = if shape.kind == "io2" { IO2_STORAGE_TIB_MAX } else { STORAGE_TIB_MAX };
    if alike().map(|one| u64::from(one.size_gib)).sum::<u64>() > u64::from(storage_tib_max) * 1_024 {
        return Err(errors::volume_storage_limit(&shape.kind, storage_tib_max));
    }
    let iops_max = match shape.kind.as_str() {
        "io1" => IO1_IOPS_MAX,
        "io2" => IO2_IOPS_MAX,
        _ => return Ok(()),
    };
    match alike().filter_map(|one| one.iops).map(u64::from).sum::<u64>() > u64::from(iops_max) {
        true => Err(errors::iops_limit(&shape.kind, iops_max)),
        false => Ok(()),
    }
}

/// Whether several instances may have the volume, after a change of its shape to a type.
///
/// # Errors
/// AWS's refusals: only `io2` is opened to several or closed again, while none or only one has it, and a volume of several
/// keeps its type, one of `io1` all of its shape.
pub fn check_sharing(volume: &Volume, wanted: Option<bool>, kind: &str) -> Result<bool> {
    let before = &volume.shape;
    if before.multi_attach && (kind != before.kind || kind == "io1") {
        return Err(errors::multi_attach_shape(&volume.id));
    }
    let wanted = wanted.unwrap_or(before.multi_attach);
    if wanted == before.multi_attach {
        return Ok(wanted);
    }
    if kind != "io2" || before.kind != "io2" {
        return Err(errors::multi_attach_change(kind));
    }
    let holders_max = usize::from(before.multi_attach);
    if volume.attachments.len() > holders_max {
        return Err(errors::multi_attach_held(&volume.id));
    }
    Ok(wanted)
}

fn check_iops(asked: Option<i32>, size_gib: u32, limits: &Limits) -> Result<Option<u32>> {
    let kind = limits.kind;
    let Some(range) = limits.iops else {
        return match asked {
            Some(_) => Err(errors::iops_not_for(kind)),
            None if kind == "gp2" => Ok(Some((size_gib * limits.iops_ratio).clamp(100, 16_000))),
            None => Ok(None),
        };
    };
    let iops = match asked {
        Some(wanted) => {
            let fits = u32::try_from(wanted).ok().filter(|wanted| (range.0..=range.1).contains(wanted));
            fits.ok_or_else(|| errors::iops_out_of_range(wanted.into(), kind, range))?
        }
        None if kind == "gp3" => return Ok(Some(3_000)),
        None => return Err(errors::iops_missing(kind)),
    };
    // A small gp3 volume has its 3,000 whatever its size.
    if iops > size_gib.saturating_mul(limits.iops_ratio).max(range.0) {
        return Err(errors::iops_ratio(kind, limits.iops_ratio));
    }
    Ok(Some(iops))
}

/// What the machine may ask of the device. A small `gp2` volume may always do what AWS lets it do in bursts; magnetic
/// ones are held to their throughput.
pub fn limits(shape: &Shape) -> compute::Limits {
    let iops = |floor: u64| shape.iops.map(|iops| u64::from(iops).max(floor));
    let mib = |mib: u64| Some(mib * MIB);
    let (operations, bytes) = match shape.kind.as_str() {
        "gp2" => (iops(3_000), mib(250)),
        "gp3" => (iops(0), mib(u64::from(shape.throughput.unwrap_or(125)))),
        "st1" => (None, mib(500)),
        "sc1" => (None, mib(250)),
        "standard" => (Some(200), mib(90)),
        // A KiB-sized quarter of a MiB per operation, up to what the type has.
        _ => (iops(0), mib(shape.iops.map_or(1_000, |iops| u64::from(iops) / 4).clamp(62, 4_000))),
    };
    compute::Limits { operations, bytes }
}

/// What users see.
pub fn state(volume: &Volume) -> &'static str {
    match (volume.deleted, volume.observed.size_gib, &volume.observed.failure, volume.attachments.first()) {
        (_, _, _, Some(_)) => "in-use",
        (true, ..) => "deleting",
        (_, None, Some(_), _) => "error",
        (_, None, None, _) => "creating",
        _ => "available",
    }
}

pub fn attachment_state(held: &Attachment) -> &'static str {
    match (held.wish, held.seen) {
        (Hold::LetGo { .. }, _) => "detaching",
        (Hold::Keep, true) => "attached",
        (Hold::Keep, false) => "attaching",
    }
}

/// A device's name as the guest has it: `/dev/sdf` is `sdf`.
///
/// # Errors
/// For a name that is not one of AWS's.
pub fn check_device(device: &str) -> Result<&str> {
    let name = device.strip_prefix("/dev/").unwrap_or(device);
    let rest =
        name.strip_prefix("sd").or_else(|| name.strip_prefix("xvd")).or_else(|| name.strip_prefix("hd"));
    let fits = rest.is_some_and(|rest| {
        let letters = rest.trim_end_matches(|c: char| c.is_ascii_digit());
        (1..=2).contains(&letters.len())
            && letters.bytes().all(|b| b.is_ascii_lowercase())
            && rest.len() - letters.len() <= 2
    });
    if fits { Ok(name) } else { Err(errors::device_invalid(device)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(kind: &str, size: i32, iops: Option<i32>, throughput: Option<i32>) -> Result<Shape> {
        let kind = Some(kind.to_owned());
        let asked = Asked { size_gib: Some(size), kind, iops, throughput, ..Asked::default() };
        check(&asked, None)
    }

    #[test]
    fn types_have_their_limits() {
        assert_eq!(shape("gp2", 1_000, None, None).unwrap().iops, Some(3_000));
        assert_eq!(shape("gp2", 8, None, None).unwrap().iops, Some(100));
        let gp3 = shape("gp3", 10, None, None).unwrap();
        assert_eq!((gp3.iops, gp3.throughput), (Some(3_000), Some(125)));
        assert!(shape("gp3", 100, Some(6_000), Some(1_000)).is_ok());
        assert!(shape("io1", 10, Some(500), None).is_ok());
        for (kind, size, iops, throughput, code) in [
            ("gp2", 16_385, None, None, "InvalidParameterValue"),
            ("gp2", 0, None, None, "InvalidParameterValue"),
            ("st1", 100, None, None, "InvalidParameterValue"),
            ("nvme", 10, None, None, "UnknownVolumeType"),
            ("gp2", 10, Some(300), None, "InvalidParameterCombination"),
            ("io1", 10, None, None, "MissingParameter"),
            ("io1", 10, Some(501), None, "InvalidParameterValue"),
            ("io2", 10, Some(99), None, "InvalidParameterValue"),
            ("gp3", 10, None, Some(1_000), "InvalidParameterValue"),
            ("gp2", 10, None, Some(125), "InvalidParameterCombination"),
        ] {
            assert_eq!(shape(kind, size, iops, throughput).unwrap_err().code(), code, "{kind} {size}");
        }
        assert_eq!(check(&Asked::default(), None).unwrap_err().code(), "MissingParameter");
        assert_eq!(check(&Asked::default(), Some(9)).unwrap().size_gib, 9);
    }

    #[test]
    fn device_names_are_those_of_disks() {
        for good in ["/dev/sdf", "/dev/xvdba", "sdh", "/dev/sda1", "/dev/sdf15"] {
            assert!(check_device(good).is_ok(), "{good}");
        }
        for bad in
            ["", "/dev/", "/dev/null", "/dev/sd", "/dev/sd1", "/dev/sdabc", "/dev/sda/../x", "/dev/sdf123"]
        {
            assert!(check_device(bad).is_err(), "{bad}");
        }
    }
}
