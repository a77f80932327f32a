//! `Range` of one range of bytes (RFC 9110, section 14), as S3 reads it.

use std::ops::Range;

use kernel::Result;

use crate::errors;

/// Which bytes of an object of `size` a header asks for. `None` means all of it: a header of another form is ignored.
///
/// # Errors
/// *InvalidRange* when no byte is in it.
pub fn parse(header: &str, size: u64) -> Result<Option<Range<u64>>> {
    let Some((first, last)) = header.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let (first, last) = (first.trim(), last.trim());
    // Beyond what can be counted is beyond every object.
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = match (first, last) {
        ("", "") => return Ok(None),
        ("", suffix) => match number(suffix) {
            None => return Ok(None),
            Some(length) => size.saturating_sub(length)..size,
        },
        (first, last) => {
            let last = if last.is_empty() { Some(u64::MAX) } else { number(last) };
            let (Some(first), Some(last)) = (number(first), last) else { return Ok(None) };
            if last < first {
                return Ok(None);
            }
            first..last.saturating_add(1).min(size)
        }
    };
    if range.is_empty() { Err(errors::invalid_range(header, size)) } else { Ok(Some(range)) }
}

/// `bytes 0-9/100`
pub fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

/// `bytes=0-9` of `x-amz-copy-source-range`, which must lie inside the source.
///
/// # Errors
/// *InvalidArgument*, *InvalidRange*.
pub fn parse_copy(header: &str, size: u64) -> Result<Range<u64>> {
    let malformed = || {
        errors::invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
        )
    };
    let (first, last) =
        header.strip_prefix("bytes=").and_then(|r| r.split_once('-')).ok_or_else(malformed)?;
    let (Ok(first), Ok(last)) = (first.parse::<u64>(), last.parse::<u64>()) else { return Err(malformed()) };
    if last < first {
        return Err(malformed());
    }
    if last >= size {
        let message = format!("Range specified is not valid for source object of size: {size}");
        return Err(errors::invalid_argument(message));
    }
    Ok(first..last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (header, size, expected) in [
            ("bytes=0-0", 10, Some(Some(0..1))),
            ("bytes=2-", 10, Some(Some(2..10))),
            ("bytes=-3", 10, Some(Some(7..10))),
            ("bytes=-30", 10, Some(Some(0..10))),
            ("bytes=5-100", 10, Some(Some(5..10))),
            ("bytes=10-", 10, None),
            ("bytes=1-99999999999999999999", 10, Some(Some(1..10))),
            ("bytes=-99999999999999999999", 10, Some(Some(0..10))),
            ("bytes=99999999999999999999-", 10, None),
            ("bytes=99999999999999999999-99999999999999999999", 10, None),
            ("bytes=-0", 10, None),
            ("bytes=0-0", 0, None),
            ("bytes=5-2", 10, Some(None)),
            ("bytes=a-b", 10, Some(None)),
            ("bytes=0-1,3-4", 10, Some(None)),
            ("lines=0-1", 10, Some(None)),
            ("bytes=-", 10, Some(None)),
        ] {
            assert_eq!(parse(header, size).ok(), expected, "{header} of {size}");
        }
        assert_eq!(content_range(&(2..5), 10), "bytes 2-4/10");
    }

    #[test]
    fn ranges_of_copies_lie_inside() {
        assert_eq!(parse_copy("bytes=0-9", 10).ok(), Some(0..10));
        assert!(parse_copy("bytes=0-10", 10).is_err());
        assert!(parse_copy("bytes=3-2", 10).is_err());
        assert!(parse_copy("0-2", 10).is_err());
    }
}
