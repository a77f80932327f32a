//! Instants as EC2 writes them in text.

use kernel::clock::Millis;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const PLAIN: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const ISO: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const GMT: &[BorrowedFormatItem<'_>] =
    format_description!("[day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// `2026-01-01 00:00:00`
pub fn utc(at: Millis) -> String {
    write(at, PLAIN)
}

/// `2026-01-01T00:00:00Z`
pub fn iso(at: Millis) -> String {
    write(at, ISO)
}

/// `01 Jan 2026 00:00:00 GMT`, as the metadata writes the times of events.
pub fn gmt(at: Millis) -> String {
    write(at, GMT)
}

/// `2026-01-01T00:00:00.000Z`, as filters compare instants.
pub fn iso_millis(at: Millis) -> String {
    let seconds = iso(at);
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), at.rem_euclid(1_000))
}

fn write(at: Millis, format: &[BorrowedFormatItem<'_>]) -> String {
    let instant = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000));
    instant.ok().and_then(|instant| instant.format(format).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_in_utc() {
        assert_eq!(utc(1_767_225_600_000), "2026-01-01 00:00:00");
        assert_eq!(iso(1_767_225_600_999), "2026-01-01T00:00:00Z");
        assert_eq!(iso_millis(1_767_225_600_009), "2026-01-01T00:00:00.009Z");
    }
}
