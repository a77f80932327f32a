//! Instants as S3 compares them: in whole seconds where HTTP gives no more.

use kernel::Millis;
use shape::Timestamp;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// A stored instant for an answer.
pub fn shown(at: Millis) -> Timestamp {
    Timestamp::from_millis(at)
}

/// Whole seconds: what a date in a header can say.
pub fn seconds(at: Millis) -> i64 {
    at.div_euclid(1_000)
}

const ISO: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// `1970-01-01T00:00:00.000Z`, as messages say it.
pub fn iso(at: Millis) -> String {
    let whole = OffsetDateTime::from_unix_timestamp(seconds(at)).ok();
    let text = whole.and_then(|whole| whole.format(ISO).ok()).unwrap_or_default();
    format!("{text}.{:03}Z", at.rem_euclid(1_000))
}

/// `1970-01-01T00-00Z`, for names of folders.
pub fn shown_basic(at: Millis) -> String {
    const FORM: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]-[minute]Z");
    let whole = OffsetDateTime::from_unix_timestamp(seconds(at)).ok();
    whole.and_then(|whole| whole.format(FORM).ok()).unwrap_or_default()
}

/// A date for a header.
pub fn to_http(at: Timestamp) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(at.seconds).ok()?.format(HTTP_DATE).ok()
}

/// A date of a header; one that does not read says nothing.
pub fn from_http(text: &str) -> Option<Timestamp> {
    let seconds = PrimitiveDateTime::parse(text, HTTP_DATE).ok()?.assume_utc().unix_timestamp();
    Some(Timestamp { seconds, nanos: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_headers_go_there_and_back() {
        let at = Timestamp { seconds: 784_111_777, nanos: 0 };
        let text = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(to_http(at).as_deref(), Some(text));
        assert_eq!(from_http(text).map(|at| at.seconds), Some(784_111_777));
        assert!(from_http("yesterday").is_none());
        assert_eq!(iso(784_111_777_005), "1994-11-06T08:49:37.005Z");
    }
}
