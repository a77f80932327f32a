//! Instants as text and as numbers, in the three formats of AWS.

use shape::{Member, Timestamp, TimestampFormat};
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// The format of a member: its own, its shape's, or the place's.
pub(super) fn format_of(member: &Member, place: TimestampFormat) -> TimestampFormat {
    [member.timestamp, member.schema.timestamp]
        .into_iter()
        .find(|format| *format != TimestampFormat::Default)
        .unwrap_or(place)
}

/// Reads an instant; an epoch number is accepted whatever the format.
pub(super) fn parse(text: &str, format: TimestampFormat) -> Option<Timestamp> {
    let text = text.trim();
    if text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
        && !text.is_empty()
    {
        return from_seconds(text.parse().ok()?);
    }
    match format {
        TimestampFormat::HttpDate => {
            http_date(text).or_else(|| date_time(text)).or_else(|| old_http_date(text))
        }
        _ => date_time(text).or_else(|| http_date(text)),
    }
}

fn date_time(text: &str) -> Option<Timestamp> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(from_date)
}

/// The two older forms of HTTP, which are never written any more and still read (RFC 9110, section 5.6.7):
/// `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`.
fn old_http_date(text: &str) -> Option<Timestamp> {
    const C: &[BorrowedFormatItem<'_>] = format_description!(
        "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
    );
    const LONG: &[BorrowedFormatItem<'_>] =
        format_description!("[weekday], [day]-[month repr:short]-[year] [hour]:[minute]:[second] GMT");
    // A year of two digits: none here is of the century before last, or so far ahead.
    let whole = match text.split_once(' ') {
        Some((day, rest)) if day.ends_with(',') && rest.get(6..7) == Some("-") => {
            let (date, year) = (rest.get(..7)?, rest.get(7..9)?);
            let century = if year < "70" { "20" } else { "19" };
            format!("{day} {date}{century}{}", rest.get(7..)?)
        }
        _ => text.to_owned(),
    };
    let date =
        PrimitiveDateTime::parse(&whole, C).or_else(|_| PrimitiveDateTime::parse(&whole, LONG)).ok()?;
    Some(from_date(date.assume_utc()))
}

/// `Sun, 02 Jan 2000 20:34:56 GMT`, perhaps with a fraction after the seconds, which RFC 2822 does not have.
fn http_date(text: &str) -> Option<Timestamp> {
    let Some((head, rest)) = text.split_once('.') else {
        return OffsetDateTime::parse(text, &Rfc2822).ok().map(from_date);
    };
    let (fraction, zone) = rest.split_once(' ')?;
    let whole = OffsetDateTime::parse(&format!("{head} {zone}"), &Rfc2822).ok()?;
    let digits = format!("{fraction:0<9}");
    Some(Timestamp { nanos: digits.get(..9)?.parse().ok()?, ..from_date(whole) })
}

fn from_date(date: OffsetDateTime) -> Timestamp {
    Timestamp { seconds: date.unix_timestamp(), nanos: date.nanosecond() }
}

/// From seconds since 1970 with a fraction, kept to the microsecond a double can hold.
pub(super) fn from_seconds(seconds: f64) -> Option<Timestamp> {
    const MICROS: f64 = 1e6;
    // ±253,402,300,799 s is year 9999, the last that has a four-digit name.
    if !seconds.is_finite() || seconds.abs() > 253_402_300_799.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above to 2.6e17, well within 64 bits")]
    let micros = (seconds * MICROS).round() as i64;
    let nanos = u32::try_from(micros.rem_euclid(1_000_000)).ok()? * 1_000;
    Some(Timestamp { seconds: micros.div_euclid(1_000_000), nanos })
}

/// Seconds since 1970, in milliseconds' precision.
pub(super) fn as_seconds(instant: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a double holds milliseconds until the year 287396")]
    let millis = instant.as_millis() as f64;
    millis / 1e3
}

/// Writes an instant. `millis`: EC2 always writes them, the others where there are any.
pub(super) fn write(instant: Timestamp, format: TimestampFormat, millis: bool) -> String {
    let whole = instant.nanos < 1_000_000;
    let date = OffsetDateTime::from_unix_timestamp(instant.seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let date = date.to_offset(UtcOffset::UTC) + time::Duration::nanoseconds(i64::from(instant.nanos));
    let written = match format {
        TimestampFormat::EpochSeconds if whole => Ok(instant.seconds.to_string()),
        TimestampFormat::EpochSeconds => Ok(as_seconds(instant).to_string()),
        TimestampFormat::HttpDate => date.format(format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        )),
        _ if whole && !millis => {
            date.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
        }
        _ => date.format(format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        )),
    };
    written.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_in_all_their_forms() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "1994-11-06T08:49:37Z",
            "784111777",
        ] {
            let read = parse(text, TimestampFormat::HttpDate);
            assert_eq!(read.map(|at| at.seconds), Some(784_111_777), "{text}");
        }
        for text in ["yesterday", "", "Sunday, 06-Nov", "Sun Nov 6"] {
            assert!(parse(text, TimestampFormat::HttpDate).is_none(), "{text}");
        }
    }
}
