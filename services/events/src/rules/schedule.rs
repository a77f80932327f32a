//! Schedules: every so often, or by AWS's six fields (EventBridge user guide, "Schedule types").

use kernel::Millis;
use time::{Date, Month, OffsetDateTime, Time, Weekday};

const MINUTE_MS: Millis = 60_000;
const YEAR_FIRST: i64 = 1970;
const YEAR_LAST: i64 = 2199;
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// When something is to happen, again and again.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    Every(Millis),
    Cron(Box<Cron>),
}

/// Minutes of the days that fit. In UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    minutes: Vec<i64>,
    hours: Vec<i64>,
    days: Days,
    months: Vec<i64>,
    years: Vec<i64>,
}

/// Which days of a month.
#[derive(Clone, Debug, PartialEq)]
enum Days {
    Of(Vec<i64>),
    Last,
    /// So many days before the last.
    BeforeLast(i64),
    /// The weekday nearest to this day, within the month.
    NearestWeekday(i64),
    LastWeekday,
    /// 1 is Sunday.
    OfWeek(Vec<i64>),
    /// The last of these in the month.
    LastOfWeek(i64),
    /// The nth of these in the month.
    NthOfWeek(i64, i64),
}

/// Reads an expression; `None` where it is none.
pub fn read(text: &str) -> Option<Schedule> {
    let inside = |head: &str| text.strip_prefix(head)?.strip_suffix(')');
    if let Some(rate) = inside("rate(") {
        return every(rate).map(Schedule::Every);
    }
    cron(inside("cron(")?).map(|cron| Schedule::Cron(Box::new(cron)))
}

fn every(text: &str) -> Option<Millis> {
    let mut words = text.split_whitespace();
    let (count, unit, None) = (words.next()?, words.next()?, words.next()) else { return None };
    let count: Millis = count.parse().ok().filter(|count| *count > 0)?;
    let unit_ms = match (unit, count) {
        ("minute", 1) | ("minutes", 2..) => MINUTE_MS,
        ("hour", 1) | ("hours", 2..) => 60 * MINUTE_MS,
        ("day", 1) | ("days", 2..) => 24 * 60 * MINUTE_MS,
        _ => return None,
    };
    count.checked_mul(unit_ms).filter(|every| *every < 100 * 366 * 24 * 60 * MINUTE_MS)
}

fn cron(text: &str) -> Option<Cron> {
    let fields: Vec<String> = text.split_whitespace().map(str::to_ascii_uppercase).collect();
    let [minutes, hours, of_month, months, of_week, years] = fields.as_slice() else { return None };
    let days = match (of_month.as_str(), of_week.as_str()) {
        ("?", "?") => return None,
        ("?", of_week) => days_of_week(of_week)?,
        (of_month, "?") => days_of_month(of_month)?,
        _ => return None,
    };
    Some(Cron {
        minutes: numbers(minutes, 0, 59, &[])?,
        hours: numbers(hours, 0, 23, &[])?,
        days,
        months: numbers(months, 1, 12, &MONTHS)?,
        years: numbers(years, YEAR_FIRST, YEAR_LAST, &[])?,
    })
}

fn days_of_month(text: &str) -> Option<Days> {
    let day = |text: &str| number(text, 1, 31, &[]);
    Some(match text {
        "L" => Days::Last,
        "LW" => Days::LastWeekday,
        _ => match (text.strip_prefix("L-"), text.strip_suffix('W')) {
            (Some(before), _) => Days::BeforeLast(number(before, 0, 30, &[])?),
            (_, Some(nearest)) => Days::NearestWeekday(day(nearest)?),
            _ => Days::Of(numbers(text, 1, 31, &[])?),
        },
    })
}

fn days_of_week(text: &str) -> Option<Days> {
    let day = |text: &str| number(text, 1, 7, &DAYS);
    if text == "L" {
        return Some(Days::OfWeek(vec![7]));
    }
    if let Some((of, nth)) = text.split_once('#') {
        return Some(Days::NthOfWeek(day(of)?, number(nth, 1, 5, &[])?));
    }
    if let Some(last) = text.strip_suffix('L') {
        return Some(Days::LastOfWeek(day(last)?));
    }
    numbers(text, 1, 7, &DAYS).map(Days::OfWeek)
}

fn number(text: &str, least: i64, most: i64, names: &[&str]) -> Option<i64> {
    let named = names.iter().position(|name| *name == text).and_then(|at| i64::try_from(at).ok());
    let number = match named {
        Some(at) => at + least,
        None => text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))?,
    };
    (least..=most).contains(&number).then_some(number)
}

/// A list of numbers, ranges and steps: `1,5-9,*/15`.
fn numbers(text: &str, least: i64, most: i64, names: &[&str]) -> Option<Vec<i64>> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, number(step, 1, most.max(1), &[])?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from, least, most, names)?, number(to, least, most, names)?),
            None => {
                let from = number(range, least, most, names)?;
                // With a step, from there to the end.
                (from, if part.contains('/') { most } else { from })
            }
        };
        // Beyond the end a range begins anew: from Friday to Monday.
        let turned = if from <= to { from..=to } else { from..=most };
        let stride = usize::try_from(step).ok()?;
        all.extend(turned.step_by(stride));
        if from > to {
            all.extend((least..=to).step_by(stride));
        }
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

impl Schedule {
    /// The first time after `after`; where it is every so often, counted from `base`. `None` when there is none any more.
    pub fn next(&self, base: Millis, after: Millis) -> Option<Millis> {
        match self {
            Schedule::Every(every) => {
                let passed = (after - base).max(0) / every;
                Some(base + (passed + 1) * every)
            }
            Schedule::Cron(cron) => cron.next(after),
        }
    }
}

impl Cron {
    fn next(&self, after: Millis) -> Option<Millis> {
        let from = OffsetDateTime::from_unix_timestamp(after.div_euclid(1_000)).ok()?;
        let today = from.date();
        for year in self.years.iter().filter(|year| **year >= i64::from(today.year())) {
            for month in &self.months {
                let (year, month) = (i32::try_from(*year).ok()?, u8::try_from(*month).ok()?);
                if (year, month) < (today.year(), u8::from(today.month())) {
                    continue;
                }
                for date in self.days.of(year, Month::try_from(month).ok()?) {
                    if date < today {
                        continue;
                    }
                    if let Some(at) = self.on(date, after) {
                        return Some(at);
                    }
                }
            }
        }
        None
    }

    /// The first minute of a day that is after `after`.
    fn on(&self, date: Date, after: Millis) -> Option<Millis> {
        let minutes =
            self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (hour, minute)));
        let at = |(hour, minute): (&i64, &i64)| {
            let time = Time::from_hms(u8::try_from(*hour).ok()?, u8::try_from(*minute).ok()?, 0).ok()?;
            Some(date.with_time(time).assume_utc().unix_timestamp() * 1_000)
        };
        minutes.filter_map(at).find(|at| *at > after)
    }
}

impl Days {
    /// Those of a month, in order.
    fn of(&self, year: i32, month: Month) -> Vec<Date> {
        let length = i64::from(month.length(year));
        let date = |day: i64| Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok();
        let all = || (1..=length).filter_map(date);
        let is = |date: &Date, day: i64| i64::from(date.weekday().number_from_sunday()) == day;
        match self {
            Days::Of(days) => days.iter().filter_map(|day| date(*day)).collect(),
            Days::Last => date(length).into_iter().collect(),
            Days::BeforeLast(days) => date(length - days).into_iter().collect(),
            Days::NearestWeekday(day) => {
                date(*day).and_then(|near| nearest_weekday(near, length)).into_iter().collect()
            }
            Days::LastWeekday => all().rfind(|date| !is_weekend(*date)).into_iter().collect(),
            Days::OfWeek(days) => all().filter(|date| days.iter().any(|day| is(date, *day))).collect(),
            Days::LastOfWeek(day) => all().rfind(|date| is(date, *day)).into_iter().collect(),
            Days::NthOfWeek(day, nth) => {
                let nth = usize::try_from(*nth - 1).unwrap_or(0);
                all().filter(|date| is(date, *day)).nth(nth).into_iter().collect()
            }
        }
    }
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Never in another month.
fn nearest_weekday(date: Date, length: i64) -> Option<Date> {
    let day = i64::from(date.day());
    let moved = match date.weekday() {
        Weekday::Saturday if day > 1 => day - 1,
        Weekday::Saturday => day + 2,
        Weekday::Sunday if day < length => day + 1,
        Weekday::Sunday => day - 2,
        _ => day,
    };
    date.replace_day(u8::try_from(moved).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;

    fn at(text: &str) -> Millis {
        OffsetDateTime::parse(text, &Rfc3339).unwrap().unix_timestamp() * 1_000
    }

    #[track_caller]
    fn times(expression: &str, after: &str, wanted: &[&str]) {
        let schedule = read(expression).unwrap_or_else(|| panic!("{expression} does not read"));
        let mut last = at(after);
        for wanted in wanted {
            last = schedule.next(last, last).unwrap();
            assert_eq!(last, at(wanted), "{expression} after {after}: {wanted}");
        }
    }

    #[test]
    fn every_so_often() {
        assert_eq!(read("rate(1 minute)"), Some(Schedule::Every(60_000)));
        assert_eq!(read("rate(5 minutes)"), Some(Schedule::Every(300_000)));
        assert_eq!(read("rate(1 day)"), Some(Schedule::Every(86_400_000)));
        let schedule = read("rate(2 hours)").unwrap();
        assert_eq!(schedule.next(1_000, 1_000), Some(7_201_000));
        assert_eq!(schedule.next(1_000, 20_000_000), Some(21_601_000), "what was missed is not made up for");
    }

    #[test]
    fn by_six_fields() {
        times(
            "cron(0 10 * * ? *)",
            "2026-03-01T09:59:59Z",
            &["2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z"],
        );
        times("cron(15 12 * * ? *)", "2026-12-31T12:15:00Z", &["2027-01-01T12:15:00Z"]);
        times("cron(0 18 ? * MON-FRI *)", "2026-11-20T18:00:00Z", &["2026-11-23T18:00:00Z"]);
        times(
            "cron(0/15 * * * ? *)",
            "2026-11-20T18:46:00Z",
            &["2026-11-20T19:00:00Z", "2026-11-20T19:15:00Z"],
        );
        times("cron(0/5 8-17 ? * 2-6 *)", "2026-11-20T17:55:00Z", &["2026-11-23T08:00:00Z"]);
        times("cron(0 8 1 * ? *)", "2026-11-02T00:00:00Z", &["2026-12-01T08:00:00Z"]);
        times("cron(0 9 ? * 2#1 *)", "2026-11-03T00:00:00Z", &["2026-12-07T09:00:00Z"]);
        times("cron(0 9 ? * 6L *)", "2026-11-01T00:00:00Z", &["2026-11-27T09:00:00Z"]);
        times("cron(0 0 L * ? *)", "2028-02-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"]);
        times("cron(0 0 L-3 * ? *)", "2026-11-01T00:00:00Z", &["2026-11-27T00:00:00Z"]);
        times("cron(0 0 15W * ? *)", "2026-11-01T00:00:00Z", &["2026-11-16T00:00:00Z"]);
        times("cron(0 0 1W 8 ? *)", "2026-01-01T00:00:00Z", &["2026-08-03T00:00:00Z"]);
        times("cron(0 0 LW 10 ? *)", "2026-01-01T00:00:00Z", &["2026-10-30T00:00:00Z"]);
        times("cron(0 0 31 * ? *)", "2026-01-31T00:00:00Z", &["2026-03-31T00:00:00Z"]);
        times(
            "cron(0 12 ? JAN,jul FRI-MON 2027)",
            "2026-01-01T00:00:00Z",
            &["2027-01-01T12:00:00Z", "2027-01-02T12:00:00Z"],
        );
        assert_eq!(read("cron(0 0 30 2 ? *)").unwrap().next(0, 0), None);
        assert_eq!(read("cron(0 0 1 1 ? 2020)").unwrap().next(0, at("2026-01-01T00:00:00Z")), None);
    }

    #[test]
    fn what_is_no_schedule() {
        for bad in [
            "",
            "rate(1 minutes)",
            "rate(2 minute)",
            "rate(0 minutes)",
            "rate(-1 minutes)",
            "rate(1 second)",
            "rate(1minute)",
            "cron(0 10 * * * *)",
            "cron(0 10 ? * ? *)",
            "cron(0 10 * * ?)",
            "cron(60 10 * * ? *)",
            "cron(0 24 * * ? *)",
            "cron(0 10 32 * ? *)",
            "cron(0 10 ? * 8 *)",
            "cron(0 10 ? * 2#6 *)",
            "cron(0 10 * 13 ? *)",
            "cron(0 10 * * ? 2200)",
            "cron(a 10 * * ? *)",
            "cron(0/0 10 * * ? *)",
            "at(2026-01-01T00:00:00)",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
