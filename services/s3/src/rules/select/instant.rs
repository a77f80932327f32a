//! Instants as queries write them: ISO 8601 to any precision (S3 user guide, "Date functions").

use time::{Date, Duration, Month, OffsetDateTime, Time, UtcOffset};

use super::query::Part;

/// `2007T`, `2007-02T`, `2007-02-23`, `2007-02-23T12:14Z`, `2007-02-23T12:14:33.079-08:00`
pub(super) fn parse(text: &str) -> Option<OffsetDateTime> {
    let (day, rest) = text.split_once('T').unwrap_or((text, ""));
    if day.len() < 10 && !text.ends_with('T') {
        return None;
    }
    let mut parts = day.split('-');
    let year = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let mut number = |default| parts.next().map_or(Some(default), |part| part.parse::<u8>().ok());
    let (month, date) = (number(1)?, number(1)?);
    if parts.next().is_some() {
        return None;
    }
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, date).ok()?;
    if rest.is_empty() {
        return Some(date.midnight().assume_utc());
    }
    let at = rest.find(['Z', '+', '-'])?;
    let (clock, zone) = rest.split_at(at);
    Some(date.with_time(time_of(clock)?).assume_offset(zone_of(zone)?))
}

/// `12:14`, `12:14:33`, `12:14:33.079`
fn time_of(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let (hour, minute) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (second, fraction) = match parts.next() {
        Some(text) => text.split_once('.').unwrap_or((text, "")),
        None => ("0", ""),
    };
    if parts.next().is_some() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    Time::from_hms_nano(hour, minute, second.parse().ok()?, nanos).ok()
}

fn zone_of(text: &str) -> Option<UtcOffset> {
    if text == "Z" {
        return Some(UtcOffset::UTC);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes): (i8, i8) = (hours.parse().ok()?, minutes.parse().ok()?);
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

pub(super) fn shown(at: OffsetDateTime) -> String {
    let nanos = at.nanosecond();
    let fraction = if nanos == 0 { String::new() } else { format!(".{nanos:09}") };
    let clock =
        format!("{:02}:{:02}:{:02}{}", at.hour(), at.minute(), at.second(), fraction.trim_end_matches('0'));
    let zone = if at.offset().is_utc() { "Z".to_owned() } else { zone(at, ":") };
    format!("{:04}-{:02}-{:02}T{clock}{zone}", at.year(), u8::from(at.month()), at.day())
}

fn zone(at: OffsetDateTime, between: &str) -> String {
    let (hours, minutes, _) = at.offset().as_hms();
    let sign = if at.offset().is_negative() { '-' } else { '+' };
    format!("{sign}{:02}{between}{:02}", hours.abs(), minutes.abs())
}

pub(super) fn extract(part: Part, at: OffsetDateTime) -> i64 {
    let (hours, minutes, _) = at.offset().as_hms();
    match part {
        Part::Year => i64::from(at.year()),
        Part::Month => i64::from(u8::from(at.month())),
        Part::Day => i64::from(at.day()),
        Part::Hour => i64::from(at.hour()),
        Part::Minute => i64::from(at.minute()),
        Part::Second => i64::from(at.second()),
        Part::TimezoneHour => i64::from(hours),
        Part::TimezoneMinute => i64::from(minutes),
    }
}

/// `None` beyond what a calendar has.
pub(super) fn add(part: Part, count: i64, at: OffsetDateTime) -> Option<OffsetDateTime> {
    let seconds = |each: i64| Some(Duration::seconds(count.checked_mul(each)?));
    let months = match part {
        Part::Year => count.checked_mul(12)?,
        Part::Month => count,
        Part::Day => return at.checked_add(seconds(86_400)?),
        Part::Hour => return at.checked_add(seconds(3_600)?),
        Part::Minute => return at.checked_add(seconds(60)?),
        _ => return at.checked_add(seconds(1)?),
    };
    let whole = i64::from(at.year()).checked_mul(12)?.checked_add(i64::from(u8::from(at.month())) - 1)?;
    let whole = whole.checked_add(months)?;
    let year = i32::try_from(whole.div_euclid(12)).ok()?;
    let month = Month::try_from(u8::try_from(whole.rem_euclid(12) + 1).ok()?).ok()?;
    let day = at.day().min(month.length(year));
    Some(at.replace_date(Date::from_calendar_date(year, month, day).ok()?))
}

/// How many whole parts lie between.
pub(super) fn difference(part: Part, from: OffsetDateTime, until: OffsetDateTime) -> i64 {
    let between = until - from;
    let months = || {
        let of = |at: OffsetDateTime| i64::from(at.year()) * 12 + i64::from(u8::from(at.month()));
        let count = of(until.to_offset(from.offset())) - of(from);
        // The last month may not be whole.
        match add(Part::Month, count, from) {
            Some(reached) if count > 0 && reached > until => count - 1,
            Some(reached) if count < 0 && reached < until => count + 1,
            _ => count,
        }
    };
    match part {
        Part::Year => months() / 12,
        Part::Month => months(),
        Part::Day => between.whole_days(),
        Part::Hour => between.whole_hours(),
        Part::Minute => between.whole_minutes(),
        _ => between.whole_seconds(),
    }
}

/// By a pattern of letters, each as often as it says. `None` for a letter that means nothing.
pub(super) fn format(at: OffsetDateTime, pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(letter) = chars.next() {
        if letter == '\'' {
            out.extend(chars.by_ref().take_while(|c| *c != '\''));
            continue;
        }
        let mut count = 1;
        while letter.is_ascii_alphabetic() && chars.next_if_eq(&letter).is_some() {
            count += 1;
        }
        let hour = if at.hour().is_multiple_of(12) { 12 } else { at.hour() % 12 };
        let month = at.month().to_string();
        let field = match (letter, count) {
            ('y', 2) => format!("{:02}", at.year().rem_euclid(100)),
            ('y', 1 | 3..=9) => format!("{:0count$}", at.year()),
            ('M', 1 | 2) => format!("{:0count$}", u8::from(at.month())),
            ('M', 3) => month.chars().take(3).collect(),
            ('M', 4) => month,
            ('M', 5) => month.chars().take(1).collect(),
            ('d', 1 | 2) => format!("{:0count$}", at.day()),
            ('a', 1) => (if at.hour() < 12 { "AM" } else { "PM" }).to_owned(),
            ('h', 1 | 2) => format!("{hour:0count$}"),
            ('H', 1 | 2) => format!("{:0count$}", at.hour()),
            ('m', 1 | 2) => format!("{:0count$}", at.minute()),
            ('s', 1 | 2) => format!("{:0count$}", at.second()),
            ('S', 1..=9) => format!("{:09}", at.nanosecond()).chars().take(count).collect(),
            ('n', 1) => at.nanosecond().to_string(),
            ('X', 1..=5) if at.offset().is_utc() => "Z".to_owned(),
            ('X' | 'x', 1) => zone(at, "").chars().take(3).collect(),
            ('X' | 'x', 2 | 4) => zone(at, ""),
            ('X' | 'x', 3 | 5) => zone(at, ":"),
            (letter, _) if letter.is_ascii_alphabetic() => return None,
            (other, _) => other.to_string(),
        };
        out.push_str(&field);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_and_shown() {
        for (text, expected) in [
            ("2007T", Some("2007-01-01T00:00:00Z")),
            ("2007-02T", Some("2007-02-01T00:00:00Z")),
            ("2007-02-23", Some("2007-02-23T00:00:00Z")),
            ("2007-02-23T12:14Z", Some("2007-02-23T12:14:00Z")),
            ("2007-02-23T12:14:33.079-08:00", Some("2007-02-23T12:14:33.079-08:00")),
            ("2007", None),
            ("2007-13T", None),
            ("2007-02-23T25:00Z", None),
            ("2007-02-23T12:14", None),
            ("word", None),
        ] {
            assert_eq!(parse(text).map(shown).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn dates_are_counted() {
        let at = |text: &str| parse(text).unwrap();
        assert_eq!(shown(add(Part::Month, 1, at("2020-01-31T00:00Z")).unwrap()), "2020-02-29T00:00:00Z");
        assert_eq!(shown(add(Part::Day, -1, at("2020-01-01T00:00Z")).unwrap()), "2019-12-31T00:00:00Z");
        assert_eq!(add(Part::Year, i64::MAX, at("2020T")), None);
        assert_eq!(difference(Part::Year, at("2010-01-01T"), at("2011-01-01T")), 1);
        assert_eq!(difference(Part::Month, at("2010-01-31T"), at("2010-03-01T")), 1);
        assert_eq!(difference(Part::Month, at("2010-03-01T"), at("2010-01-31T")), -1);
        assert_eq!(difference(Part::Day, at("2010-01-01T23:00Z"), at("2010-01-02T01:00Z")), 0);
        let moment = at("1969-07-20T20:18:05.25Z");
        assert_eq!(format(moment, "MMMM d, y h:mm a").as_deref(), Some("July 20, 1969 8:18 PM"));
        assert_eq!(format(moment, "yyyy-MM-dd'T'HH:mm:ss.SSX").as_deref(), Some("1969-07-20T20:18:05.25Z"));
        assert_eq!(format(moment, "q"), None);
    }
}
