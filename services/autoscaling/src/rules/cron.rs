//! Times that come again: five fields, as cron has them, in a zone of time.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kernel::Millis;

/// Days looked ahead: the longest way to a 29th of February.
const DAYS_MAX: i32 = 8 * 366;

/// Minutes, hours, days of the month, months, days of the week, each as a set of bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    week_days: u64,
    /// Both kinds of days are given: either is enough.
    either: bool,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEK: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Cron {
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, week_days] = fields.as_slice() else { return None };
        let week = field(week_days, (0, 7), &WEEK, 0)?;
        Some(Self {
            minutes: field(minutes, (0, 59), &[], 0)?,
            hours: field(hours, (0, 23), &[], 0)?,
            days: field(days, (1, 31), &[], 0)?,
            months: field(months, (1, 12), &MONTHS, 1)?,
            // Sunday is 0 and 7.
            week_days: (week | week >> 7) & 0x7f,
            either: !days.starts_with('*') && !week_days.starts_with('*'),
        })
    }

    /// The first time after `after`; none within eight years is none.
    pub fn next(&self, after: Millis, zone: &TimeZone) -> Option<Millis> {
        let start = jiff::Timestamp::from_millisecond(after).ok()?.to_zoned(zone.clone());
        let mut date = start.date();
        for _ in 0..DAYS_MAX {
            if self.is_on(date)
                && let Some(found) = self.on_day(date, after, zone)
            {
                return Some(found);
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    fn is_on(&self, date: Date) -> bool {
        let has = |bits: u64, at: i8| bits >> at & 1 == 1;
        let week_day = date.weekday().to_sunday_zero_offset();
        let (day, week) = (has(self.days, date.day()), has(self.week_days, week_day));
        has(self.months, date.month()) && if self.either { day || week } else { day && week }
    }

    fn on_day(&self, date: Date, after: Millis, zone: &TimeZone) -> Option<Millis> {
        let hours = (0..24i8).filter(|hour| self.hours >> hour & 1 == 1);
        let times = hours.flat_map(|hour| {
            let minutes = (0..60i8).filter(|minute| self.minutes >> minute & 1 == 1);
            minutes.map(move |minute| (hour, minute))
        });
        let instant = |(hour, minute): (i8, i8)| {
            let at = date.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?;
            Some(at.timestamp().as_millisecond())
        };
        times.filter_map(instant).filter(|at| *at > after).min()
    }
}

fn field(text: &str, (least, most): (u64, u64), names: &[&str], first: u64) -> Option<u64> {
    let number = |word: &str| -> Option<u64> {
        let named = names.iter().zip(first..).find(|(name, _)| name.eq_ignore_ascii_case(word));
        let number = named.map(|(_, number)| number).or_else(|| word.parse().ok())?;
        (least..=most).contains(&number).then_some(number)
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u64>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            // A step from one number on goes to the end.
            None if part.contains('/') => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return None;
        }
        let step = usize::try_from(step).ok()?;
        (from..=to).step_by(step).for_each(|at| bits |= 1 << at);
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let after: jiff::Timestamp = after.parse().unwrap();
        let found = Cron::parse(cron).unwrap().next(after.as_millisecond(), &zone).unwrap();
        jiff::Timestamp::from_millisecond(found).unwrap().to_string()
    }

    #[test]
    fn times_come_again_in_their_zone() {
        assert_eq!(next("0 9 * * *", "2026-01-01T00:00:00Z", "UTC"), "2026-01-01T09:00:00Z");
        assert_eq!(next("0 9 * * *", "2026-01-01T09:00:00Z", "UTC"), "2026-01-02T09:00:00Z");
        assert_eq!(next("30 22 * * MON-FRI", "2026-01-02T23:00:00Z", "UTC"), "2026-01-05T22:30:00Z");
        assert_eq!(next("*/15 * * * *", "2026-01-01T00:01:00Z", "UTC"), "2026-01-01T00:15:00Z");
        assert_eq!(next("0 0 29 2 *", "2026-01-01T00:00:00Z", "UTC"), "2028-02-29T00:00:00Z");
        assert_eq!(next("0 0 1 * 0", "2026-01-02T00:00:00Z", "UTC"), "2026-01-04T00:00:00Z");
        // Summer and winter: the same hour on the wall.
        assert_eq!(next("0 9 * * *", "2026-07-01T00:00:00Z", "Europe/Berlin"), "2026-07-01T07:00:00Z");
        assert_eq!(next("0 9 * * *", "2026-01-01T00:00:00Z", "Europe/Berlin"), "2026-01-01T08:00:00Z");
    }

    #[test]
    fn what_is_no_cron_is_refused() {
        for bad in [
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "5-1 * * * *",
            "*/0 * * * *",
        ] {
            assert_eq!(Cron::parse(bad), None, "{bad}");
        }
    }
}
