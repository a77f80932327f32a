//! Moments as policies write them: ISO 8601 in the W3C's forms, or seconds since 1970.

use std::str::FromStr;

const SECONDS_PER_DAY: i64 = 86_400;
/// Years that AWS can read.
const YEARS: std::ops::RangeInclusive<i64> = -292_275_054..=292_278_993;

/// Seconds since 1970-01-01T00:00:00Z, and nanoseconds after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    seconds: i64,
    nanos: u32,
}

impl FromStr for Moment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // A dash or a `T` tells a date from a count of seconds.
        match text.contains(['-', 't', 'T']) {
            true => date(text).ok_or(()),
            false => seconds(text).ok_or(()),
        }
    }
}

fn seconds(text: &str) -> Option<Moment> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    Some(Moment { seconds: digits(whole, 1..=19)?, nanos: nanos(fraction)? })
}

/// `YYYY[-MM[-DD]][Thh[:mm[:ss[.f]]][zone]]`
fn date(text: &str) -> Option<Moment> {
    let (date, time) = match text.find(['t', 'T']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, ""),
    };
    let (sign, date) = date.strip_prefix('-').map_or((1, date), |date| (-1, date));
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 1..=9)? * sign;
    let month = parts.next().map_or(Some(1), |part| digits(part, 1..=2))?;
    let day = parts.next().map_or(Some(1), |part| digits(part, 1..=2))?;
    if parts.next().is_some()
        || !YEARS.contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
    {
        return None;
    }
    let (clock, offset) = zone(time)?;
    let (time_seconds, nanos) = clock_time(clock)?;
    let seconds = days_since_1970(year, month, day) * SECONDS_PER_DAY + time_seconds - offset;
    Some(Moment { seconds, nanos })
}

/// Cuts the zone off a time; its offset in seconds. Without one it is UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix(['z', 'Z']) {
        return Some((clock, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let (clock, zone) = time.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let zone = zone.get(1..)?;
    let (hours, minutes) = match zone.split_once(':') {
        Some((hours, minutes)) => (digits(hours, 2..=2)?, digits(minutes, 2..=2)?),
        None if zone.len() == 4 => (digits(zone.get(..2)?, 2..=2)?, digits(zone.get(2..)?, 2..=2)?),
        None => (digits(zone, 2..=2)?, 0),
    };
    (hours <= 23 && minutes <= 59).then_some((clock, sign * (hours * 3600 + minutes * 60)))
}

/// Seconds and nanoseconds since midnight.
fn clock_time(clock: &str) -> Option<(i64, u32)> {
    if clock.is_empty() {
        return Some((0, 0));
    }
    let mut parts = clock.splitn(3, ':');
    let hours = digits(parts.next()?, 1..=2)?;
    let minutes = parts.next().map_or(Some(0), |part| digits(part, 1..=2))?;
    let (seconds, nanos) = match parts.next() {
        None => (0, 0),
        Some(part) => {
            let (whole, fraction) = part.split_once('.').unwrap_or((part, ""));
            (digits(whole, 1..=2)?, nanos(fraction)?)
        }
    };
    (hours <= 23 && minutes <= 59 && seconds <= 59).then_some((hours * 3600 + minutes * 60 + seconds, nanos))
}

fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let plain = length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Up to nine digits after the point.
fn nanos(fraction: &str) -> Option<u32> {
    if fraction.is_empty() {
        return Some(0);
    }
    let value = u32::try_from(digits(fraction, 1..=9)?).ok()?;
    let missing = u32::try_from(9 - fraction.len()).ok()?;
    Some(value * 10_u32.pow(missing))
}

/// By the proleptic Gregorian calendar, in which March begins the year that leap days end.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<(i64, u32)> {
        text.parse::<Moment>().ok().map(|moment| (moment.seconds, moment.nanos))
    }

    #[test]
    fn moments_in_all_their_forms() {
        assert_eq!(at("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(at("2000-03-01"), Some((951_868_800, 0)));
        assert_eq!(at("2020"), Some((2020, 0)), "a bare number counts seconds");
        assert_eq!(at("2020-01"), Some((1_577_836_800, 0)));
        assert_eq!(at("2020-02-29t12:30Z"), Some((1_582_979_400, 0)));
        assert_eq!(at("2020-01-01T00:00:00.25+01:00"), Some((1_577_833_200, 250_000_000)));
        assert_eq!(at("2020-01-01T00:00:00-0130"), Some((1_577_842_200, 0)));
        assert_eq!(at("1577836800"), Some((1_577_836_800, 0)));
        assert_eq!(at("1577836800.5"), Some((1_577_836_800, 500_000_000)));
        assert_eq!(at("0001-01-01T00:00:00Z"), Some((-62_135_596_800, 0)));
        for odd_but_read in ["01T", "2016-12-13t2:00:00.593194+23", "-292275054", "9223372036854775807"] {
            assert!(at(odd_but_read).is_some(), "{odd_but_read}");
        }
    }

    #[test]
    fn what_is_no_moment() {
        let bad = [
            "",
            "sdfdsf",
            "234-13",
            "2020-00-01",
            "2020-01-32",
            "2020-1-1-1",
            "2016-12-13t2:00:00.593194+1",
            "2016-12-13t2:00:00.1999999999+10:59",
            "9223372036854775808",
            "2020-01-01T24:00",
            "2020-01-01T10:60",
            "2020-01-01T10:00:60Z",
            "T",
            "-",
            "2020-01-01T10:00:00ZZ",
            "２０２０-01",
            "-9999999999",
        ];
        for bad in bad {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
