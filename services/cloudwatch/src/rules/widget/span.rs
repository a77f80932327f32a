//! From when to when a widget is: instants, or so long before now.

use jiff::{Span, Timestamp, tz::TimeZone};
use kernel::{Millis, Result};

use super::fields::Fields;

const START: &str = "-PT3H";

/// `start` and `end`: three hours up to now, where nothing is said.
pub(super) fn read(fields: &mut Fields, now: Millis) -> Result<(Millis, Millis)> {
    let mut instant = |name: &str, default: &str| -> Result<Millis> {
        let text = fields.text(name)?.unwrap_or_else(|| default.to_owned());
        at(&text, now)
            .ok_or_else(|| fields.refuse(name, "must be an instant like 2026-01-31T23:59:00Z, or like -PT3H"))
    };
    let (from, to) = (instant("start", START)?, instant("end", "PT0H")?);
    if from >= to {
        return Err(fields.refuse("start", "must be before end"));
    }
    Ok((from, to))
}

/// An instant, or a time before now.
pub(super) fn at(text: &str, now: Millis) -> Option<Millis> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let span: Span = text.parse().ok().filter(|_| text.trim_start_matches('-').starts_with('P'))?;
    let now = Timestamp::from_millisecond(now).ok()?.to_zoned(TimeZone::UTC);
    Some(now.checked_add(span).ok()?.timestamp().as_millisecond())
}
