//! Values of records and expressions, and how they compare.

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use time::OffsetDateTime;

use super::instant;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A place that is not there.
    Missing,
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Instant(OffsetDateTime),
    List(Vec<Value>),
    /// In the order of the input.
    Map(Vec<(String, Value)>),
}

/// A number as a query or a CSV file writes it.
pub(super) fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::Integer(whole));
    }
    // What Rust would read besides: `inf`, `nan`.
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    text.parse::<f64>().ok().filter(|found| is_number && found.is_finite()).map(Value::Float)
}

impl Value {
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Missing | Self::Null)
    }

    /// The number it is, or says: fields of CSV are texts.
    pub(super) fn as_number(&self) -> Option<Value> {
        match self {
            Self::Integer(_) | Self::Float(_) => Some(self.clone()),
            Self::Text(text) => number(text),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers meet as floating ones, as they do in SQL")]
    pub(super) fn as_float(&self) -> Option<f64> {
        match self.as_number()? {
            Self::Integer(whole) => Some(whole as f64),
            Self::Float(float) => Some(float),
            _ => None,
        }
    }

    /// `None` where the two do not compare. A text meets a number as the number it says.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(b)),
            (Self::Instant(a), Self::Instant(b)) => Some(a.cmp(b)),
            (Self::Instant(a), Self::Text(b)) => Some(a.cmp(&instant::parse(b)?)),
            (Self::Text(a), Self::Instant(b)) => Some(instant::parse(a)?.cmp(b)),
            (Self::Text(a), Self::Bool(b)) => Some(truth(a)?.cmp(b)),
            (Self::Bool(a), Self::Text(b)) => Some(a.cmp(&truth(b)?)),
            (Self::Integer(_) | Self::Float(_), _) | (_, Self::Integer(_) | Self::Float(_)) => {
                match (self.as_number()?, other.as_number()?) {
                    (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
                    (a, b) => a.as_float()?.partial_cmp(&b.as_float()?),
                }
            }
            (Self::List(_), Self::List(_)) | (Self::Map(_), Self::Map(_)) => {
                (self == other).then_some(Ordering::Equal)
            }
            _ => None,
        }
    }

    /// Bytes it takes, about.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(list) => list.iter().map(Self::weight).sum(),
            Self::Map(members) => members.iter().map(|(name, value)| name.len() + value.weight()).sum(),
            _ => 1,
        }
    }

    /// As a field of CSV. What is nothing is empty; lists and maps are JSON.
    pub(super) fn to_field(&self) -> String {
        match self {
            Self::Missing | Self::Null => String::new(),
            Self::Text(text) => text.clone(),
            Self::Instant(at) => instant::shown(*at),
            other => {
                let mut text = String::new();
                other.write_json(&mut text);
                text
            }
        }
    }

    pub(super) fn write_json(&self, out: &mut String) {
        // Text takes whatever is written.
        let _ = match self {
            Self::Missing | Self::Null => write!(out, "null"),
            Self::Bool(truth) => write!(out, "{truth}"),
            Self::Integer(whole) => write!(out, "{whole}"),
            Self::Float(float) => write!(out, "{float}"),
            Self::Text(text) => write!(out, "{}", serde_json::Value::from(text.as_str())),
            Self::Instant(at) => write!(out, "\"{}\"", instant::shown(*at)),
            Self::List(list) => {
                out.push('[');
                for (at, one) in list.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    one.write_json(out);
                }
                write!(out, "]")
            }
            Self::Map(members) => {
                write_members(out, members.iter().map(|(name, value)| (name.as_str(), value)));
                Ok(())
            }
        };
    }
}

/// A JSON object; what is missing is left out.
pub(super) fn write_members<'v>(out: &mut String, members: impl Iterator<Item = (&'v str, &'v Value)>) {
    out.push('{');
    for (at, (name, value)) in members.filter(|(_, value)| **value != Value::Missing).enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        let _ = write!(out, "{}:", serde_json::Value::from(name));
        value.write_json(out);
    }
    out.push('}');
}

/// What a text says as a truth value.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }
    fn visit_i64<E>(self, whole: i64) -> Result<Value, E> {
        Ok(Value::Integer(whole))
    }
    #[expect(clippy::cast_precision_loss, reason = "beyond 63 bits numbers are floating ones")]
    fn visit_u64<E>(self, whole: u64) -> Result<Value, E> {
        Ok(i64::try_from(whole).map_or(Value::Float(whole as f64), Value::Integer))
    }
    fn visit_f64<E>(self, float: f64) -> Result<Value, E> {
        Ok(Value::Float(float))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }
    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(one) = from.next_element()? {
            list.push(one);
        }
        Ok(Value::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = from.next_entry()? {
            members.push(member);
        }
        Ok(Value::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn json_keeps_its_order() {
        let text = r#"{"z":1,"a":[true,null,2.5,"x\"y"],"m":{"b":-3,"a":{}}}"#;
        let mut out = String::new();
        json(text).write_json(&mut out);
        assert_eq!(out, text);
    }

    #[test]
    fn texts_meet_numbers() {
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(text("10").compare(&Value::Integer(9)), Some(Ordering::Greater));
        assert_eq!(text("10").compare(&text("9")), Some(Ordering::Less));
        assert_eq!(Value::Integer(2).compare(&Value::Float(2.5)), Some(Ordering::Less));
        assert_eq!(text("word").compare(&Value::Integer(9)), None);
        assert_eq!(Value::Null.compare(&Value::Null), None);
        assert_eq!(number("nan"), None);
        assert_eq!(number(" 1.50 "), Some(Value::Float(1.5)));
    }
}
