//! A row on its way through a query: an event, and what was computed of it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use kernel::Millis;

use super::value::Value;
use crate::rules::page::Place;

/// An event as queries see it.
#[derive(Clone, Debug)]
pub struct Event<'e> {
    pub at: Millis,
    pub ingested_at: Millis,
    pub message: Cow<'e, str>,
    pub place: Place,
    pub source: Arc<Source>,
}

/// Where events come from.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    pub group: String,
    pub stream: String,
    /// `account:group`
    pub log: String,
}

#[derive(Clone, Debug)]
pub struct Row<'e> {
    /// None where rows are of several events.
    pub event: Option<Event<'e>>,
    computed: Vec<(Arc<str>, Value)>,
    /// Of what was computed.
    computed_bytes: usize,
    json: OnceCell<Option<serde_json::Value>>,
}

/// Fields of one event that are discovered.
const FIELDS_MAX: usize = 1_000;
/// Text that is computed of one event: what would be more is absent.
const COMPUTED_BYTES_MAX: usize = 4 << 20;
/// Of a row in memory, beside its texts.
const ROW_BYTES: usize = 256;

impl<'e> Row<'e> {
    pub fn of_event(event: Event<'e>) -> Self {
        Self { event: Some(event), computed: Vec::new(), computed_bytes: 0, json: OnceCell::new() }
    }

    pub fn computed(fields: Vec<(Arc<str>, Value)>) -> Self {
        let computed_bytes = fields.iter().map(|(_, value)| value.bytes()).sum();
        Self { event: None, computed: fields, computed_bytes, json: OnceCell::new() }
    }

    /// What it holds in memory.
    pub fn bytes(&self) -> usize {
        self.event.as_ref().map_or(0, |event| event.message.len()) + self.computed_bytes + ROW_BYTES
    }

    /// One that outlives the chunk its event is in.
    pub fn into_owned(self) -> Row<'static> {
        let event = self.event.map(|event| Event {
            at: event.at,
            ingested_at: event.ingested_at,
            message: Cow::Owned(event.message.into_owned()),
            place: event.place,
            source: event.source,
        });
        Row { event, computed: self.computed, computed_bytes: self.computed_bytes, json: OnceCell::new() }
    }

    pub fn set(&mut self, name: Arc<str>, value: Value) {
        let place = self.computed.iter().position(|(known, _)| *known == name);
        let place = place.unwrap_or_else(|| {
            self.computed.push((name, Value::Absent));
            self.computed.len() - 1
        });
        let Some((_, kept)) = self.computed.get_mut(place) else { return };
        let others = self.computed_bytes - kept.bytes();
        *kept = if others + value.bytes() <= COMPUTED_BYTES_MAX { value } else { Value::Absent };
        self.computed_bytes = others + kept.bytes();
    }

    pub fn get(&self, name: &str) -> Value {
        if let Some((_, value)) = self.computed.iter().find(|(known, _)| **known == *name) {
            return value.clone();
        }
        let Some(event) = &self.event else { return Value::Absent };
        match name {
            "@timestamp" => Value::Instant(event.at),
            "@ingestionTime" => Value::Instant(event.ingested_at),
            "@message" => Value::Text(event.message.clone().into_owned()),
            "@logStream" => Value::Text(event.source.stream.clone()),
            "@log" => Value::Text(event.source.log.clone()),
            _ if name.starts_with('@') => Value::Absent,
            _ => {
                let json = self.json.get_or_init(|| object(&event.message));
                json.as_ref().and_then(|json| find(json, name)).map_or(Value::Absent, Value::of_json)
            }
        }
    }
}

fn object(message: &str) -> Option<serde_json::Value> {
    message.trim_start().starts_with('{').then(|| serde_json::from_str(message).ok())?
}

/// A member by its name; dots lead into others, as do places in arrays.
fn find<'v>(value: &'v serde_json::Value, name: &str) -> Option<&'v serde_json::Value> {
    if let Some(found) = step(value, name) {
        return Some(found);
    }
    name.match_indices('.').find_map(|(at, _)| {
        let (head, rest) = (name.get(..at)?, name.get(at + 1..)?);
        find(step(value, head)?, rest)
    })
}

fn step<'v>(value: &'v serde_json::Value, name: &str) -> Option<&'v serde_json::Value> {
    match value {
        serde_json::Value::Object(members) => members.get(name),
        serde_json::Value::Array(values) => values.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

/// All fields of an event, those of its JSON too.
pub fn fields_of(event: &Event<'_>) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = vec![
        ("@timestamp".to_owned(), event.at.to_string()),
        ("@ingestionTime".to_owned(), event.ingested_at.to_string()),
        ("@message".to_owned(), event.message.clone().into_owned()),
        ("@logStream".to_owned(), event.source.stream.clone()),
        ("@log".to_owned(), event.source.log.clone()),
    ];
    if let Some(json) = object(&event.message) {
        discover(&json, String::new(), &mut fields);
    }
    fields
}

fn discover(value: &serde_json::Value, name: String, fields: &mut Vec<(String, String)>) {
    let within = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        serde_json::Value::Object(members) => {
            members.iter().for_each(|(key, member)| discover(member, within(key), fields));
        }
        serde_json::Value::Array(values) => {
            let places = values.iter().enumerate();
            places.for_each(|(at, value)| discover(value, within(&at.to_string()), fields));
        }
        leaf => {
            let text = leaf.as_bool().map(|is| is.to_string()).or_else(|| Value::of_json(leaf).text());
            if fields.len() < FIELDS_MAX {
                fields.extend(text.map(|text| (name, text)));
            }
        }
    }
}
