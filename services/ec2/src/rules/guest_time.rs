//! Times that stand in lines of log files: the agent's `timestamp_format` (CloudWatch user guide, "Manually create or edit
//! the CloudWatch agent configuration file").

use regex_lite::Regex;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

/// A month ahead, a time without a year is of the year before.
const AHEAD_MAX_S: i64 = 30 * 86_400;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Directives, and what of a line they stand for.
const DIRECTIVES: [(&str, &str); 21] = [
    ("-m", r"\s?\d{1,2}"),
    ("-d", r"\s?\d{1,2}"),
    ("-I", r"\d{1,2}"),
    ("-M", r"\d{1,2}"),
    ("-S", r"\d{1,2}"),
    ("B", r"[A-Za-z]{3,9}"),
    ("b", r"[A-Za-z]{3}"),
    ("m", r"\d{2}"),
    ("A", r"[A-Za-z]{6,9}"),
    ("a", r"[A-Za-z]{3}"),
    ("d", r"\d{2}"),
    ("H", r"\d{2}"),
    ("I", r"\d{2}"),
    ("M", r"\d{2}"),
    ("S", r"\d{2}"),
    ("Y", r"\d{4}"),
    ("y", r"\d{2}"),
    ("p", r"[AaPp][Mm]"),
    ("Z", r"[A-Z]{3,4}"),
    ("z", r"[+-]\d{4}"),
    ("f", r"\d{1,9}"),
];

/// A format, ready to be looked for in lines.
#[derive(Clone, Debug)]
pub struct Format {
    text: String,
    pattern: Regex,
    /// What the groups of the pattern are.
    letters: Vec<char>,
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Format {}

/// The clock of a guest: how far it is from UTC, and what it calls that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    offset_s: i32,
    name: String,
}

impl Zone {
    /// Of what `date '+%z %Z'` prints; UTC of anything else.
    pub fn read(text: &str) -> Self {
        let (offset, name) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        Self { offset_s: offset_s(offset).unwrap_or(0), name: name.to_owned() }
    }
}

impl Format {
    /// # Errors
    /// Says what is not honoured, or what a format must tell and this does not.
    pub fn read(text: &str) -> Result<Self, String> {
        let (mut pattern, mut letters) = (String::new(), Vec::new());
        let (before, mut rest) =
            text.split_once('%').map_or((text, None), |(before, rest)| (before, Some(rest)));
        pattern.push_str(&regex_lite::escape(before));
        while let Some(directive) = rest {
            let known =
                DIRECTIVES.iter().find_map(|(name, what)| Some((name, what, directive.strip_prefix(name)?)));
            let Some((name, what, after)) = known else {
                let name: String = directive.chars().take(1).collect();
                return Err(format!("timestamp_format: %{name} is not honoured"));
            };
            // A day that is set in by a space stands at a line's beginning without it.
            let what = if pattern.is_empty() { what.trim_start_matches(r"\s?") } else { what };
            pattern.push_str(&format!("({what})"));
            letters.extend(name.chars().last());
            let (plain, next) =
                after.split_once('%').map_or((after, None), |(plain, next)| (plain, Some(next)));
            pattern.push_str(&regex_lite::escape(plain));
            rest = next;
        }
        let has = |any: &str| letters.iter().any(|letter| any.contains(*letter));
        if !(has("bBm") && has("d") && (has("H") || has("I") && has("p")) && has("M")) {
            return Err("timestamp_format must tell month, day, hour and minute".to_owned());
        }
        let pattern = Regex::new(&pattern).map_err(|error| format!("timestamp_format: {error}"))?;
        Ok(Self { text: text.to_owned(), pattern, letters })
    }

    pub fn is_in(&self, line: &str) -> bool {
        self.pattern.is_match(line)
    }

    /// The first time in a line, in milliseconds since 1970; `None` where there is none. `zone` is where nothing else is
    /// said, and `now_ms` tells the year.
    pub fn time_in(&self, line: &str, zone: &Zone, now_ms: i64) -> Option<i64> {
        let found = self.pattern.captures(line)?;
        let mut year = None;
        let (mut month, mut day, mut hour, mut minute, mut second, mut nanos) = (1u8, 1u8, 0u8, 0u8, 0u8, 0);
        let (mut is_afternoon, mut offset) = (None, zone.offset_s);
        for (at, letter) in self.letters.iter().enumerate() {
            let text = found.get(at + 1)?.as_str().trim();
            let number = || text.parse::<u8>().ok();
            match letter {
                'Y' => year = text.parse::<i32>().ok(),
                // As Go takes it: from 1969 on.
                'y' => year = number().map(|year| i32::from(year) + if year >= 69 { 1900 } else { 2000 }),
                'B' | 'b' => month = month_of(text)?,
                'm' => month = number()?,
                'd' => day = number()?,
                'H' | 'I' => hour = number()?,
                'M' => minute = number()?,
                'S' => second = number()?,
                'p' => is_afternoon = Some(text.starts_with(['P', 'p'])),
                'f' => nanos = format!("{text:0<9}").parse().ok()?,
                'z' => offset = offset_s(text)?,
                // As Go takes it: a name that is not its own says nothing.
                'Z' if text != zone.name => offset = 0,
                _ => {}
            }
        }
        hour = match is_afternoon {
            Some(is_afternoon) => hour % 12 + if is_afternoon { 12 } else { 0 },
            None => hour,
        };
        let time = Time::from_hms_nano(hour, minute, second.min(59), nanos).ok()?;
        let in_year = |year: i32| {
            let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
            let offset = UtcOffset::from_whole_seconds(offset).ok()?;
            let at = PrimitiveDateTime::new(date, time).assume_offset(offset);
            i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
        };
        let Some(year) = year else {
            let this = OffsetDateTime::from_unix_timestamp(now_ms.div_euclid(1_000)).ok()?.year();
            let at = in_year(this);
            let is_ahead = at.is_none_or(|at| at - now_ms > AHEAD_MAX_S * 1_000);
            return if is_ahead { in_year(this - 1) } else { at };
        };
        in_year(year)
    }
}

fn month_of(text: &str) -> Option<u8> {
    let short = text.get(..3)?.to_ascii_lowercase();
    let at = MONTHS.iter().position(|month| *month == short)?;
    u8::try_from(at + 1).ok()
}

/// Of `+hhmm`, in seconds.
fn offset_s(text: &str) -> Option<i32> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.strip_prefix(['+', '-']).filter(|digits| digits.len() == 4)?;
    let number: i32 = digits.parse().ok()?;
    Some(sign * (number / 100 * 3_600 + number % 100 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-05T00:00:00Z.
    const NOW_MS: i64 = 1_767_571_200_000;

    fn at(format: &str, line: &str, zone: &Zone) -> Option<String> {
        let at = Format::read(format).unwrap().time_in(line, zone, NOW_MS)?;
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).unwrap();
        Some(at.format(&time::format_description::well_known::Rfc3339).unwrap())
    }

    #[test]
    fn times_are_read_where_they_stand() {
        let utc = Zone::default();
        for (format, line, wanted) in [
            ("%Y-%m-%d %H:%M:%S", "x 2025-12-31 23:59:58 y", "2025-12-31T23:59:58Z"),
            ("%Y-%m-%dT%H:%M:%S.%f%z", "[2026-01-02T03:04:05.25+0100]", "2026-01-02T02:04:05.25Z"),
            ("%d/%b/%Y:%H:%M:%S %z", "1.2.3.4 - [10/Oct/2025:13:55:36 -0700]", "2025-10-10T20:55:36Z"),
            ("%b %-d %H:%M:%S", "Jan  4 10:00:00 host", "2026-01-04T10:00:00Z"),
            ("%b %d %H:%M:%S", "Dec 30 10:00:00 host", "2025-12-30T10:00:00Z"),
            ("%B %d, %y %I:%M:%S %p", "September 09, 25 12:30:00 AM", "2025-09-09T00:30:00Z"),
            ("%m/%d/%Y %-I:%M %p", "12/01/2025 1:05 pm", "2025-12-01T13:05:00Z"),
            ("%a %b %d %H:%M:%S %Z %Y", "Mon Jan 05 00:00:00 PST 2026", "2026-01-05T00:00:00Z"),
            ("[%Y.%m.%d %H:%M]", "[2026.01.05 00:00]", "2026-01-05T00:00:00Z"),
        ] {
            assert_eq!(at(format, line, &utc).as_deref(), Some(wanted), "{format}");
        }
        for line in ["no time", "2025-13-01 00:00:00", "2025-02-30 00:00:00", "2025-01-01 25:00:00"] {
            assert_eq!(at("%Y-%m-%d %H:%M:%S", line, &utc), None, "{line}");
        }
    }

    #[test]
    fn a_guest_has_a_clock_of_its_own() {
        let zone = Zone::read("-0800 PST\n");
        let format = "%Y-%m-%d %H:%M:%S %Z";
        assert_eq!(at(format, "2026-01-01 00:00:00 PST", &zone).unwrap(), "2026-01-01T08:00:00Z");
        assert_eq!(at(format, "2026-01-01 00:00:00 UTC", &zone).unwrap(), "2026-01-01T00:00:00Z");
        assert_eq!(at("%Y-%m-%d %H:%M", "2026-01-01 00:00", &zone).unwrap(), "2026-01-01T08:00:00Z");
        assert_eq!(
            (Zone::read(""), Zone::read("sh: no")),
            (Zone::default(), Zone { offset_s: 0, name: "no".into() })
        );
    }

    #[test]
    fn formats_that_cannot_be_honoured_are_refused() {
        for (format, why) in [("%Y-%j %H", "%j is not honoured"), ("%H:%M:%S", "must tell month"), ("%", "%")]
        {
            let error = Format::read(format).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert!(Format::read("%m%d%H%M").unwrap().is_in("at 01020304"));
    }
}
