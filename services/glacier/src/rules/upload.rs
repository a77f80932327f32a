//! Uploads in parts: their sizes, and whether the parts make an archive.

use std::ops::Range;

use kernel::Result;

use super::archive::ARCHIVE_BYTES_MAX;
use super::tree_hash::LEAF_BYTES;
use crate::errors;

/// Parts of an upload (API reference, "Initiate Multipart Upload").
pub const PARTS_MAX: u64 = 10_000;
const PART_BYTES_MAX: u64 = 4 << 30;

/// # Errors
/// *MissingParameterValueException*, *InvalidParameterValueException*.
pub fn part_size(given: Option<&str>) -> Result<u64> {
    let text = given.ok_or_else(|| errors::missing("x-amz-part-size"))?;
    let size = text.parse::<u64>().ok();
    let fits = |size: &u64| size.is_power_of_two() && (LEAF_BYTES..=PART_BYTES_MAX).contains(size);
    size.filter(fits).ok_or_else(|| {
        errors::invalid(format!(
            "Invalid part size: {text}. The part size must be a megabyte (1024 KB) multiplied by a power of 2, at \
             least 1 MB and at most 4 GB."
        ))
    })
}

/// Whether a range can be one of the parts.
///
/// # Errors
/// *InvalidParameterValueException*.
pub fn check_part(range: &Range<u64>, part_size: u64) -> Result<()> {
    let length = range.end - range.start;
    if !range.start.is_multiple_of(part_size) || length > part_size {
        let message = format!("Content-Range {range:?} does not lie at a part of {part_size} bytes");
        return Err(errors::invalid(message));
    }
    if range.start / part_size >= PARTS_MAX {
        return Err(errors::invalid(format!("An upload has at most {PARTS_MAX} parts")));
    }
    Ok(())
}

/// # Errors
/// *MissingParameterValueException*, *InvalidParameterValueException*.
pub fn archive_size(given: Option<&str>) -> Result<u64> {
    let text = given.ok_or_else(|| errors::missing("x-amz-archive-size"))?;
    let size = text.parse::<u64>().ok().filter(|size| (1..=ARCHIVE_BYTES_MAX).contains(size));
    size.ok_or_else(|| errors::invalid(format!("Invalid archive size: {text}")))
}

/// Whether parts, in order, are the whole of an archive: one after the other, all but the last full.
///
/// # Errors
/// *InvalidParameterValueException*.
pub fn check_whole(parts: &[Range<u64>], part_size: u64, size: u64) -> Result<()> {
    let mut end = 0;
    for part in parts {
        let full = part.end - part.start == part_size;
        if part.start != end || !(full || part.end == size) {
            let message = format!("The parts do not cover the archive: there is a gap at byte {end}");
            return Err(errors::invalid(message));
        }
        end = part.end;
    }
    if end != size {
        let message = format!("The archive size {size} differs from that of the uploaded parts, {end}");
        return Err(errors::invalid(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn part_sizes_are_powers_of_two() {
        assert_eq!(part_size(Some("1048576")).unwrap(), MIB);
        assert_eq!(part_size(Some("4294967296")).unwrap(), 4 << 30);
        for bad in ["0", "1048577", "3145728", "8589934592", "524288", "x"] {
            assert!(part_size(Some(bad)).is_err(), "{bad}");
        }
        assert_eq!(part_size(None).unwrap_err().code(), "MissingParameterValueException");
        assert!(archive_size(Some("0")).is_err());
    }

    #[test]
    fn parts_lie_at_their_places_and_cover_the_whole() {
        assert!(check_part(&(MIB..2 * MIB), MIB).is_ok());
        assert!(check_part(&(MIB..MIB + 5), MIB).is_ok());
        assert!(check_part(&(5..MIB), MIB).is_err());
        assert!(check_part(&(0..2 * MIB), MIB).is_err());
        assert!(check_part(&(PARTS_MAX * MIB..PARTS_MAX * MIB + 1), MIB).is_err());
        let size = 2 * MIB + 5;
        assert!(check_whole(&[0..MIB, MIB..2 * MIB, 2 * MIB..size], MIB, size).is_ok());
        assert!(check_whole(&[0..MIB, 2 * MIB..size], MIB, size).is_err());
        assert!(check_whole(&[0..MIB, MIB..2 * MIB], MIB, size).is_err());
        assert!(check_whole(&[0..5, MIB..size], MIB, size).is_err());
        assert!(check_whole(&[], MIB, size).is_err());
    }
}
