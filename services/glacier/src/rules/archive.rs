//! Archives: their descriptions, and how old they are.

use kernel::{Millis, Result};

use super::time::DAY_MS;
use crate::errors;

/// Bytes taken in one request (API reference, "Upload Archive").
pub const UPLOAD_BYTES_MAX: u64 = 4 << 30;
/// Bytes of an archive, put in parts (API reference, "Initiate Multipart Upload"): 10,000 parts of 4 GiB.
pub const ARCHIVE_BYTES_MAX: u64 = 10_000 * (4 << 30);
const DESCRIPTION_LENGTH_MAX: usize = 1_024;
/// An archive deleted earlier is billed to this age (Glacier pricing).
pub const BILLED_DAYS_MIN: i64 = 90;

/// # Errors
/// *InvalidParameterValueException*.
pub fn check_description(given: Option<String>) -> Result<Option<String>> {
    let text = given.filter(|text| !text.is_empty());
    let fits = |text: &String| {
        text.len() <= DESCRIPTION_LENGTH_MAX && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    match text {
        Some(text) if !fits(&text) => {
            Err(errors::invalid("Invalid description: at most 1024 printable ASCII characters"))
        }
        text => Ok(text),
    }
}

/// `glacier:ArchiveAgeInDays`
pub fn age_days(created_at: Millis, now: Millis) -> i64 {
    (now - created_at).max(0) / DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_printable() {
        assert_eq!(check_description(Some("my ~ archive".into())).unwrap().as_deref(), Some("my ~ archive"));
        assert_eq!(check_description(Some(String::new())).unwrap(), None);
        assert!(check_description(Some("ü".into())).is_err());
        assert!(check_description(Some("x".repeat(1_025))).is_err());
    }

    #[test]
    fn ages_are_whole_days() {
        assert_eq!(age_days(0, DAY_MS - 1), 0);
        assert_eq!(age_days(0, 365 * DAY_MS), 365);
        assert_eq!(age_days(5, 0), 0);
    }
}
