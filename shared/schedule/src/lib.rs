//! When something is to happen, in the words AWS has for it: `rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)`,
//! `at(2026-01-31T09:00:00)`. Pure: it knows no clock, and of time zones what the system's tables say.

mod cron;

#[cfg(test)]
mod tests;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::cron::Cron;

/// Milliseconds since 1970, or between two instants.
pub type Millis = i64;

const MINUTE_MS: Millis = 60_000;

/// A schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Every(Millis),
    Cron(Box<Cron>),
    Once(DateTime),
}

/// How strictly units are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// `1 minute`, `2 minutes`.
    Grammatical,
    /// `1 minutes` too.
    Any,
}

impl Schedule {
    /// Reads an expression; `None` where it is none.
    pub fn parse(text: &str, units: Units) -> Option<Self> {
        let inside = |head: &str| text.strip_prefix(head)?.strip_suffix(')');
        let kind = if let Some(rate) = inside("rate(") {
            Kind::Every(every(rate, units)?)
        } else if let Some(at) = inside("at(") {
            Kind::Once(once(at)?)
        } else {
            Kind::Cron(Box::new(Cron::parse(inside("cron(")?)?))
        };
        Some(Self(kind))
    }

    /// What a rate says, in milliseconds.
    pub fn rate_ms(&self) -> Option<Millis> {
        if let Kind::Every(every) = self.0 { Some(every) } else { None }
    }

    pub fn is_once(&self) -> bool {
        matches!(self.0, Kind::Once(_))
    }

    /// The first time after `after`. Rates are counted from `base`, which is none of theirs itself; the others are of the
    /// zone's clocks. `None` when there is none any more.
    pub fn next(&self, base: Millis, after: Millis, zone: &TimeZone) -> Option<Millis> {
        match &self.0 {
            Kind::Every(every) => {
                let passed = (after - base).max(0) / every;
                Some(base + (passed + 1) * every)
            }
            Kind::Cron(cron) => cron.next(after, zone),
            Kind::Once(at) => instant(*at, zone).filter(|at| *at > after),
        }
    }
}

fn every(text: &str, units: Units) -> Option<Millis> {
    let mut words = text.split_whitespace();
    let (count, unit, None) = (words.next()?, words.next()?, words.next()) else { return None };
    let count: Millis = count.parse().ok().filter(|count| *count > 0)?;
    let (singular, is_plural) = unit.strip_suffix('s').map_or((unit, false), |unit| (unit, true));
    if units == Units::Grammatical && is_plural != (count > 1) {
        return None;
    }
    let unit_ms = match singular {
        "minute" => MINUTE_MS,
        "hour" => 60 * MINUTE_MS,
        "day" => 24 * 60 * MINUTE_MS,
        _ => return None,
    };
    count.checked_mul(unit_ms).filter(|every| *every < 100 * 366 * 24 * 60 * MINUTE_MS)
}

/// `2026-01-31T09:00:00`, and nothing else.
fn once(text: &str) -> Option<DateTime> {
    let is_plain = text.len() == 19 && text.as_bytes().get(10) == Some(&b'T');
    text.parse().ok().filter(|_| is_plain)
}

/// When clocks of the zone show this; the first time, where they show it twice, and never, where they leave it out.
fn instant(at: DateTime, zone: &TimeZone) -> Option<Millis> {
    let ambiguous = zone.to_ambiguous_timestamp(at);
    if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
        return None;
    }
    Some(ambiguous.earlier().ok()?.as_millisecond())
}
