//! The instants of a signature: `20150830T123600Z`, and the `Date` header when there is nothing better.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use time::macros::format_description;

/// A signing instant: seconds since 1970, and the text that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instant {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// ISO 8601 basic form, sixteen characters.
    pub text: String,
}

impl Instant {
    /// Reads ISO 8601's basic form, or the form of an HTTP `Date` header.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(seconds) = basic_seconds(text) {
            return Some(Self { seconds, text: text.to_owned() });
        }
        let seconds = OffsetDateTime::parse(text, &Rfc2822).ok()?.unix_timestamp();
        Some(Self::at(seconds))
    }

    /// The instant so many seconds after 1970; years beyond 9999 are cut to 1970.
    pub fn at(seconds: i64) -> Self {
        Self { seconds, text: basic_text(seconds) }
    }

    /// `YYYYMMDD`
    pub fn day(&self) -> &str {
        self.text.get(..8).unwrap_or_default()
    }
}

/// `20150830T123600Z` of seconds since 1970.
pub(super) fn basic_text(seconds: i64) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let instant = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    instant.format(&format).unwrap_or_default()
}

/// `2015-08-30T12:36:00Z` of seconds since 1970.
pub(super) fn extended_text(seconds: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let instant = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    instant.format(&format).unwrap_or_default()
}

/// Seconds since 1970 of `20150830T123600Z`.
fn basic_seconds(text: &str) -> Option<i64> {
    let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
    let [y1, y2, y3, y4, mo1, mo2, d1, d2, b'T', h1, h2, mi1, mi2, s1, s2, b'Z'] = bytes else { return None };
    let two = |tens: &u8, ones: &u8| -> Option<i64> {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        digits.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(mo1, mo2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(mi1, mi2)?, two(s1, s2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// The proleptic Gregorian calendar, years counted from March so that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_instant() {
        let basic = Instant::parse("20150830T123600Z").unwrap();
        assert_eq!(basic.seconds, 1_440_938_160);
        assert_eq!(Instant::parse("Sun, 30 Aug 2015 12:36:00 GMT").unwrap(), basic);
        assert_eq!(Instant::at(1_440_938_160), basic);
        assert_eq!(basic.day(), "20150830");
    }

    #[test]
    fn every_day_of_four_centuries_survives_the_round_trip() {
        for day in 0..146_097 {
            let at = day * 86_400 + 12_345;
            assert_eq!(basic_seconds(&basic_text(at)), Some(at));
        }
    }

    #[test]
    fn nonsense_is_no_instant() {
        for bad in
            ["", "20150830", "20150230T000000Z", "20151301T000000Z", "20150830T240000Z", "2015083äT1236Z"]
        {
            assert_eq!(Instant::parse(bad), None, "{bad}");
        }
    }
}
