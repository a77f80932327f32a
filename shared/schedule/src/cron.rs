//! AWS's six fields: minutes, hours, days of the month, months, days of the week, years (EventBridge user guide, "Cron
//! expressions").

use jiff::Timestamp;
use jiff::civil::{Date, Weekday, date, time};
use jiff::tz::TimeZone;

use crate::{Millis, instant};

const YEAR_FIRST: i16 = 1970;
const YEAR_LAST: i16 = 2199;
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Minutes of the days that fit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cron {
    minutes: Vec<i16>,
    hours: Vec<i16>,
    days: Days,
    months: Vec<i16>,
    years: Vec<i16>,
}

/// Which days of a month.
#[derive(Clone, Debug, PartialEq)]
enum Days {
    Of(Vec<i16>),
    Last,
    /// So many days before the last.
    BeforeLast(i16),
    /// The weekday nearest to this day, within the month.
    NearestWeekday(i16),
    LastWeekday,
    /// 1 is Sunday.
    OfWeek(Vec<i16>),
    /// The last of these in the month.
    LastOfWeek(i16),
    /// The nth of these in the month.
    NthOfWeek(i16, i16),
}

impl Cron {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<String> = text.split_whitespace().map(str::to_ascii_uppercase).collect();
        let [minutes, hours, of_month, months, of_week, years] = fields.as_slice() else { return None };
        let days = match (of_month.as_str(), of_week.as_str()) {
            ("?", "?") => return None,
            ("?", of_week) => days_of_week(of_week)?,
            (of_month, "?") => days_of_month(of_month)?,
            _ => return None,
        };
        Some(Self {
            minutes: numbers(minutes, 0, 59, &[])?,
            hours: numbers(hours, 0, 23, &[])?,
            days,
            months: numbers(months, 1, 12, &MONTHS)?,
            years: numbers(years, YEAR_FIRST, YEAR_LAST, &[])?,
        })
    }

    pub(crate) fn next(&self, after: Millis, zone: &TimeZone) -> Option<Millis> {
        let today = zone.to_datetime(Timestamp::from_millisecond(after).ok()?).date();
        for year in self.years.iter().filter(|year| **year >= today.year()) {
            for month in &self.months {
                if (*year, *month) < (today.year(), i16::from(today.month())) {
                    continue;
                }
                let days = self.days.of(*year, i8::try_from(*month).ok()?);
                let found =
                    days.into_iter().filter(|day| *day >= today).find_map(|day| self.on(day, after, zone));
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    /// The first minute of a day that is after `after`.
    fn on(&self, day: Date, after: Millis, zone: &TimeZone) -> Option<Millis> {
        let minutes =
            self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (hour, minute)));
        let at = |(hour, minute): (&i16, &i16)| {
            let (hour, minute) = (i8::try_from(*hour).ok()?, i8::try_from(*minute).ok()?);
            instant(day.to_datetime(time(hour, minute, 0, 0)), zone)
        };
        // Where clocks go back, hours of the wall are not in the order of time.
        minutes.filter_map(at).filter(|at| *at > after).min()
    }
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

fn number(text: &str, least: i16, most: i16, names: &[&str]) -> Option<i16> {
    let named = names.iter().position(|name| *name == text).and_then(|at| i16::try_from(at).ok());
    let number = match named {
        Some(at) => at + least,
        None => text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))?,
    };
    (least..=most).contains(&number).then_some(number)
}

/// A list of numbers, ranges and steps: `1,5-9,*/15`.
fn numbers(text: &str, least: i16, most: i16, names: &[&str]) -> Option<Vec<i16>> {
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

impl Days {
    /// Those of a month, in order.
    fn of(&self, year: i16, month: i8) -> Vec<Date> {
        let length = i16::from(date(year, month, 1).days_in_month());
        let day = |day: i16| Date::new(year, month, i8::try_from(day).ok()?).ok();
        let all = || (1..=length).filter_map(day);
        let is = |date: &Date, of: i16| i16::from(date.weekday().to_sunday_one_offset()) == of;
        match self {
            Days::Of(days) => days.iter().filter_map(|number| day(*number)).collect(),
            Days::Last => day(length).into_iter().collect(),
            Days::BeforeLast(days) => day(length - days).into_iter().collect(),
            Days::NearestWeekday(number) => {
                day(*number).and_then(|near| nearest_weekday(near, length)).into_iter().collect()
            }
            Days::LastWeekday => all().rfind(|date| !is_weekend(*date)).into_iter().collect(),
            Days::OfWeek(days) => all().filter(|date| days.iter().any(|day| is(date, *day))).collect(),
            Days::LastOfWeek(day) => all().rfind(|date| is(date, *day)).into_iter().collect(),
            Days::NthOfWeek(day, nth) => {
                let nth = usize::try_from(nth - 1).unwrap_or_default();
                all().filter(|date| is(date, *day)).nth(nth).into_iter().collect()
            }
        }
    }
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Within the month: from the first on to Monday, from the last back to Friday.
fn nearest_weekday(near: Date, length: i16) -> Option<Date> {
    let day = i16::from(near.day());
    let moved = match near.weekday() {
        Weekday::Saturday if day == 1 => day + 2,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == length => day - 2,
        Weekday::Sunday => day + 1,
        _ => day,
    };
    Date::new(near.year(), near.month(), i8::try_from(moved).ok()?).ok()
}
