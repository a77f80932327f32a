//! Ranges of bytes: of archives to retrieve, of parts, of outputs.

use std::ops::Range;

use kernel::Result;

use super::tree_hash::LEAF_BYTES;
use crate::errors;

fn parse(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last < u64::MAX).then(|| first..last + 1)
}

/// `0-4194303`
pub fn shown(range: &Range<u64>) -> String {
    format!("{}-{}", range.start, range.end.saturating_sub(1))
}

/// `bytes 0-4194303/*` of a part.
///
/// # Errors
/// *MissingParameterValueException*, *InvalidParameterValueException*.
pub fn of_part(header: Option<&str>) -> Result<Range<u64>> {
    let header = header.ok_or_else(|| errors::missing("Content-Range"))?;
    let range = header.strip_prefix("bytes ").and_then(|rest| rest.strip_suffix("/*")).and_then(parse);
    range.ok_or_else(|| errors::invalid(format!("Invalid Content-Range: {header}")))
}

/// What is to be retrieved of an archive of `size`: whole mebibytes, or to the end.
///
/// # Errors
/// *InvalidParameterValueException*.
pub fn to_retrieve(given: Option<&str>, size: u64) -> Result<Range<u64>> {
    let Some(text) = given else { return Ok(0..size) };
    let invalid = || errors::invalid(format!("Invalid retrieval byte range: {text}"));
    let range = parse(text).ok_or_else(invalid)?;
    let whole = range.end.is_multiple_of(LEAF_BYTES) || range.end == size;
    if range.end > size || !range.start.is_multiple_of(LEAF_BYTES) || !whole {
        return Err(invalid());
    }
    Ok(range)
}

/// `bytes=0-1048575` of an output of `size`; cut at its end.
///
/// # Errors
/// *InvalidParameterValueException*.
pub fn of_output(header: &str, size: u64) -> Result<Range<u64>> {
    let range = header.strip_prefix("bytes=").and_then(|text| match text.strip_suffix('-') {
        Some(first) => first.parse().ok().map(|first| first..size),
        None => parse(text),
    });
    let range = range.map(|range| range.start..range.end.min(size)).filter(|range| !range.is_empty());
    range.ok_or_else(|| errors::invalid(format!("Invalid Range: {header}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn ranges_of_parts_and_outputs() {
        assert_eq!(of_part(Some("bytes 0-9/*")).unwrap(), 0..10);
        for bad in ["bytes 9-0/*", "0-9/*", "bytes 0-9", "bytes -9/*", "bytes 0-18446744073709551615/*"] {
            assert!(of_part(Some(bad)).is_err(), "{bad}");
        }
        assert_eq!(of_part(None).unwrap_err().code(), "MissingParameterValueException");
        assert_eq!(of_output("bytes=3-100", 10).unwrap(), 3..10);
        assert_eq!(of_output("bytes=3-", 10).unwrap(), 3..10);
        assert!(of_output("bytes=10-11", 10).is_err() && of_output("bytes=0-0", 0).is_err());
        assert_eq!(shown(&(0..10)), "0-9");
    }

    #[test]
    fn whole_mebibytes_are_retrieved() {
        let size = 3 * MIB + 7;
        let of = |text: &str| to_retrieve(Some(text), size).ok();
        assert_eq!(to_retrieve(None, size).unwrap(), 0..size);
        assert_eq!(of("0-1048575"), Some(0..MIB));
        assert_eq!(of(&format!("{}-{}", MIB, size - 1)), Some(MIB..size));
        assert_eq!(of("0-5"), None);
        assert_eq!(of("1-1048575"), None);
        assert_eq!(of(&format!("0-{}", 4 * MIB - 1)), None);
    }
}
