//! Structures of an API kept as they were asked for, as JSON by the names of their members.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};
use shape::{Ref, Shape, Slot, Struct, Timestamp};
use std::result::Result;

/// A structure of an API as part of a record. Members it gets later are absent in older records.
#[derive(Clone, Default)]
pub struct Kept<T>(pub T);

impl<T: Struct> Serialize for Kept<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to_json(&self.0).serialize(to)
    }
}

impl<'de, T: Struct + Default> Deserialize<'de> for Kept<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        if !value.is_object() {
            return Err(de::Error::custom("a structure is an object"));
        }
        Ok(Self(from_json(&value)))
    }
}

/// The members that are there, by name.
pub fn to_json(of: &dyn Struct) -> Value {
    let members = of.schema().members.iter().enumerate();
    let present =
        members.filter_map(|(at, member)| Some((member.name.to_owned(), value_of(&of.get(at).view()?))));
    Value::Object(present.collect())
}

fn value_of(of: &Ref<'_>) -> Value {
    match of {
        Ref::Boolean(value) => Value::from(*value),
        Ref::Integer(value) => Value::from(*value),
        Ref::Long(value) => Value::from(*value),
        Ref::Float(value) => Value::from(*value),
        Ref::Double(value) => Value::from(*value),
        Ref::String(value) => Value::from(*value),
        Ref::Timestamp(value) => Value::from(value.as_millis()),
        Ref::Struct(value) => to_json(*value),
        Ref::List(list) => {
            (0..list.len()).filter_map(|at| list.at(at)?.view()).map(|one| value_of(&one)).collect()
        }
        Ref::Map(map) => {
            let mut object = Map::new();
            map.each(&mut |key, value| {
                object.extend(value.view().map(|value| (key.to_owned(), value_of(&value))));
            });
            Value::Object(object)
        }
        // No structure that is kept has any of these.
        Ref::Blob(_) | Ref::Stream(_) | Ref::Document(_) => Value::Null,
    }
}

/// A structure with the members of `value` that it knows and that are of their kind.
pub fn from_json<T: Struct + Default>(value: &Value) -> T {
    let mut made = T::default();
    fill(&mut made, value);
    made
}

fn fill(to: &mut dyn Struct, from: &Value) {
    for (at, member) in to.schema().members.iter().enumerate() {
        if let Some(value) = from.get(member.name).filter(|value| !value.is_null()) {
            put(to.get_mut(at), value);
        }
    }
}

fn put(to: &mut dyn Shape, from: &Value) {
    match to.slot() {
        Slot::Boolean(to) => *to = from.as_bool().unwrap_or_default(),
        Slot::Integer(to) => *to = from.as_i64().and_then(|n| n.try_into().ok()).unwrap_or_default(),
        Slot::Long(to) => *to = from.as_i64().unwrap_or_default(),
        #[expect(clippy::cast_possible_truncation, reason = "it was a float before")]
        Slot::Float(to) => *to = from.as_f64().unwrap_or_default() as f32,
        Slot::Double(to) => *to = from.as_f64().unwrap_or_default(),
        Slot::String(to) => from.as_str().unwrap_or_default().clone_into(to),
        Slot::Timestamp(to) => *to = Timestamp::from_millis(from.as_i64().unwrap_or_default()),
        Slot::Struct(to) => fill(to, from),
        Slot::List(to) => from.as_array().into_iter().flatten().for_each(|one| put(to.push(), one)),
        Slot::Map(to) => {
            for (key, value) in from.as_object().into_iter().flatten() {
                put(to.entry(key.clone()), value);
            }
        }
        Slot::Blob(_) | Slot::Stream(_) | Slot::Document(_) => {}
    }
}

/// Another structure with the members of the same names.
pub fn alike<T: Struct + Default>(from: &dyn Struct) -> T {
    from_json(&to_json(from))
}

/// `base` with the members that `change` has.
pub fn overlaid<T: Struct + Default>(base: &T, change: &dyn Struct) -> T {
    let mut merged = to_json(base);
    if let (Value::Object(merged), Value::Object(change)) = (&mut merged, to_json(change)) {
        merged.extend(change);
    }
    from_json(&merged)
}
