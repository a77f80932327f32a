//! Instants as Glacier writes and reads them: ISO 8601.

use kernel::{Millis, Result};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::errors;

pub const HOUR_MS: Millis = 3_600_000;
pub const DAY_MS: Millis = 24 * HOUR_MS;

const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

fn whole(at: Millis) -> String {
    let read = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)).ok();
    read.and_then(|at| at.format(SECONDS).ok()).unwrap_or_default()
}

/// `2012-03-20T17:03:43.221Z`
pub fn iso(at: Millis) -> String {
    format!("{}.{:03}Z", whole(at), at.rem_euclid(1_000))
}

/// `2012-03-20T17:03:43Z`
pub fn iso_seconds(at: Millis) -> String {
    format!("{}Z", whole(at))
}

/// # Errors
/// *InvalidParameterValueException* for what is no date.
pub fn parse(text: &str) -> Result<Millis> {
    let read = OffsetDateTime::parse(text, &Rfc3339);
    let read = read.map_err(|_| errors::invalid(format!("Invalid date: {text}")))?;
    Ok(read.unix_timestamp() * 1_000 + Millis::from(read.millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        let text = "2012-03-20T17:03:43.221Z";
        assert_eq!(iso(parse(text).unwrap()), text);
        assert_eq!(iso_seconds(parse(text).unwrap()), "2012-03-20T17:03:43Z");
        assert!(parse("yesterday").is_err());
    }
}
