//! Exports: what may be asked for, and how it lies in a bucket (user guide, "Exporting log data to Amazon S3").

use kernel::{Millis, Result};
use time::OffsetDateTime;

use crate::errors;

const PREFIX: &str = "exportedlogs";

/// # Errors
/// When the span is none.
pub fn check_span(from: Millis, to: Millis) -> Result<()> {
    match from < to {
        true => Ok(()),
        false => Err(errors::invalid("The specified time range is not valid: from must be before to")),
    }
}

fn prefix(given: Option<&str>) -> &str {
    given.filter(|given| !given.is_empty()).unwrap_or(PREFIX)
}

/// Written first, to see whether one may.
pub fn test_key(given: Option<&str>) -> String {
    format!("{}/aws-logs-write-test", prefix(given))
}

/// Of the events of one stream, one file after the other.
pub fn key(given: Option<&str>, task: &str, stream: &str, file: u32) -> String {
    format!("{}/{task}/{}/{file:06}.gz", prefix(given), stream.replace('/', "-"))
}

/// `2026-01-31T23:59:00.000Z`
pub fn instant(at: Millis) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)) else { return String::new() };
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    let (month, millis) = (u8::from(month), at.rem_euclid(1_000));
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_under_task_and_stream() {
        assert_eq!(key(Some("p"), "t", "a/b", 0), "p/t/a-b/000000.gz");
        assert_eq!(test_key(None), "exportedlogs/aws-logs-write-test");
        assert_eq!(instant(1_767_225_600_007), "2026-01-01T00:00:00.007Z");
        assert!(check_span(5, 5).is_err());
    }
}
