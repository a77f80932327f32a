//! What may be exported, and how far it is seen to be (VM Import/Export user guide, "Exporting a VM directly from an AMI").

use block::Format;
use kernel::Result;

use crate::errors;
use crate::state::export_task::ExportTask;
use crate::state::image::{Image, ImageDevice};

/// Of an account in a region at a time.
pub const ACTIVE_MAX: usize = 5;
pub const FILTERS: &[&str] = &["task-state"];
const GIB: u64 = 1 << 30;
const DESCRIPTION_CHARS_MAX: usize = 255;

/// # Errors
/// For any other than AWS's three.
pub fn format(name: &str) -> Result<Format> {
    match name {
        "VMDK" => Ok(Format::Vmdk),
        "VHD" => Ok(Format::Vhd),
        "RAW" => Ok(Format::Raw),
        _ => Err(errors::invalid_value(name, "DiskImageFormat")),
    }
}

/// # Errors
/// For more than 255 characters.
pub fn description(text: Option<String>) -> Result<String> {
    let text = text.unwrap_or_default();
    let fits = text.chars().count() <= DESCRIPTION_CHARS_MAX;
    if fits { Ok(text) } else { Err(errors::invalid_because(text, "Description", "It is too long.")) }
}

/// The volumes of an image, the root first.
///
/// # Errors
/// For encrypted ones: AWS exports none.
pub fn disks(image: &Image) -> Result<(&ImageDevice, &[ImageDevice])> {
    match image.devices.split_first() {
        Some(_) if image.devices.iter().any(|device| device.encrypted) => {
            Err(errors::export_encrypted(&image.id))
        }
        Some(disks) => Ok(disks),
        None => Err(errors::image_without_root(&image.root_device)),
    }
}

/// The objects' keys: `exports/export-ami-0123456789abcdef0.vmdk`, further disks with their number before the dot.
pub fn keys(task: &ExportTask) -> Vec<String> {
    let (begin, end) = (format!("{}{}", task.prefix, task.id), task.format.to_ascii_lowercase());
    let further = (2..).take(task.more.len()).map(|number| format!("{begin}-{number}.{end}"));
    std::iter::once(format!("{begin}.{end}")).chain(further).collect()
}

/// `active`, `completed`, `deleting` or `deleted`.
pub fn status(task: &ExportTask) -> &'static str {
    match (&task.ended, task.cancelled) {
        (None, false) => "active",
        (None, true) => "deleting",
        (Some(ended), false) if ended.failure.is_none() => "completed",
        (Some(_), _) => "deleted",
    }
}

/// How long the disk is: that of the root, or as much more as all files below and over it may take.
pub fn disk_bytes(size_gib: u32, base_bytes: u64) -> u64 {
    let own = u64::from(size_gib) * GIB;
    // What is written over may be all new; an eighth is the file system's own.
    let base = base_bytes.saturating_add(base_bytes / 8);
    if base_bytes * 2 < own { own } else { (own + base).next_multiple_of(GIB) }
}

/// Of the bytes of one disk of so many that are uploaded; making a disk is a third of its work.
pub fn progress((index, count): (usize, usize), sent: u64, of: u64) -> u8 {
    let disk = 33 + sent.min(of).saturating_mul(66).checked_div(of).unwrap_or(0);
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let whole = number(index).saturating_mul(100).saturating_add(disk).checked_div(number(count));
    u8::try_from(whole.unwrap_or(0).min(99)).unwrap_or(99)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_aws_s() {
        assert_eq!(format("VMDK").unwrap(), Format::Vmdk);
        assert_eq!(format("RAW").unwrap(), Format::Raw);
        for bad in ["qcow2", "vmdk", ""] {
            assert_eq!(format(bad).unwrap_err().code(), "InvalidParameterValue");
        }
    }

    #[test]
    fn a_disk_has_room_for_all_files() {
        assert_eq!(disk_bytes(8, 300 << 20), 8 * GIB);
        assert_eq!(disk_bytes(8, 5 * GIB), 14 * GIB);
    }

    #[test]
    fn progress_ends_before_the_end() {
        let one = |sent| progress((0, 1), sent, 10);
        assert_eq!((one(0), one(5), one(10)), (33, 66, 99));
        let second = |sent| progress((1, 2), sent, 10);
        assert_eq!((progress((0, 2), 10, 10), second(0), second(10)), (49, 66, 99));
    }
}
