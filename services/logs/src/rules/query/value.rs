//! Values of queries: what an event has, and what is computed of it.

use std::cmp::Ordering;

use kernel::Millis;
use time::OffsetDateTime;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Absent,
    Number(f64),
    Text(String),
    Instant(Millis),
}

/// Longest text that is computed: what would be longer is absent. Events are not longer either.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

impl Value {
    /// What it holds in memory beside itself.
    pub fn bytes(&self) -> usize {
        if let Self::Text(text) = self { text.len() } else { 0 }
    }

    pub fn truth(is: bool) -> Self {
        Self::Number(if is { 1.0 } else { 0.0 })
    }

    pub fn is_true(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty() && text != "false" && text != "0",
            Self::Instant(_) => true,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "instants are far below 2^53")]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Absent => None,
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Instant(at) => Some(*at as f64),
        }
    }

    /// As it is shown; nothing where it is absent.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Instant(at) => Some(instant(*at)),
        }
    }

    pub fn of_json(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Absent,
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Number(number) => number.as_f64().map_or(Self::Absent, Self::Number),
            serde_json::Value::Bool(is) => Self::truth(*is),
            other => Self::Text(other.to_string()),
        }
    }

    /// Numbers by size, before everything else by its text; what is absent last of all.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (Some(_), None) => {
                if *other == Self::Absent {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (None, Some(_)) => {
                if *self == Self::Absent {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (None, None) => self.text().cmp(&other.text()),
        }
    }
}

/// `2026-01-31 23:59:00.000`
pub fn instant(at: Millis) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)) else { return at.to_string() };
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    let (month, millis) = (u8::from(month), at.rem_euclid(1_000));
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}")
}

/// The milliseconds a number says, if it says any.
pub fn millis(number: f64) -> Option<Millis> {
    const MOST: f64 = 9e15;
    if number.abs() > MOST {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    Some(number.round() as Millis)
}
