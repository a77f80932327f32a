//! awsJson 1.0 and 1.1, and the JSON bodies of rest-json: straight from bytes into slots and back.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::{Error, Kind, Result};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};
use shape::{
    Bytes, Document, ListSlot, Location, MapSlot, Member, Ref, Shape, Slot, Struct, Timestamp,
    TimestampFormat,
};

use super::check::{At, Check, Given, find};
use super::{rest, text, timestamp};

/// Reads a request's body. An empty body is an empty structure.
pub(super) fn decode(body: &[u8], input: &mut dyn Struct, check: &Check) -> Result<()> {
    let mut given = Given::default();
    let schema = input.schema();
    if !body.trim_ascii().is_empty() {
        read_members(body, input, &mut given, check)?;
    }
    check.root().require(schema, &given);
    Ok(())
}

/// Reads an object into a structure some of whose members may be bound elsewhere.
pub(super) fn read_members(
    body: &[u8],
    input: &mut dyn Struct,
    given: &mut Given,
    check: &Check,
) -> Result<()> {
    let at = check.root();
    run(body, check, |json| json.deserialize_map(Fields { at, into: input, given }))
}

/// Reads a whole body into one value.
pub(super) fn read_value(
    body: &[u8],
    shape: &mut dyn Shape,
    member: &'static Member,
    check: &Check,
) -> Result<bool> {
    let root = check.root();
    let at = root.member(member);
    run(body, check, |json| Value { at, member, target: Target::Shape(shape) }.deserialize(json))
}

fn run<'b, T>(
    body: &'b [u8],
    check: &Check,
    read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::SliceRead<'b>>) -> serde_json::Result<T>,
) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = read(&mut json).and_then(|value| json.end().map(|()| value));
    value.map_err(|error| {
        let message = check.why_unreadable().unwrap_or_else(|| format!("Malformed JSON: {error}"));
        Error::new(Kind::Invalid, "SerializationException", message)
    })
}

/// The members of one structure.
struct Fields<'a> {
    at: At<'a>,
    into: &'a mut dyn Struct,
    given: &'a mut Given,
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a structure")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let members = self.into.schema().members;
        let mut hint = 0;
        let check = self.at.check;
        while let Some(found) = map.next_key_seed(Name { members, hint: &mut hint, check })? {
            let Some((i, member)) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let at = self.at.member(member);
            let target = Target::Shape(self.into.get_mut(i));
            if map.next_value_seed(Value { at, member, target })? {
                self.given.add(i);
            }
        }
        Ok(())
    }
}

/// The name of a member, looked up without being copied.
struct Name<'a> {
    members: &'static [Member],
    hint: &'a mut usize,
    check: &'a Check,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<(usize, &'static Member)>;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<(usize, &'static Member)>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        if self.check.is_by_name() {
            // SDKs of some languages begin them with a capital, others do not.
            let is_it = |m: &Member| {
                m.name.get(1..) == name.get(1..)
                    && m.name.get(..1).zip(name.get(..1)).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
            };
            let found = self.members.iter().enumerate().find(|(_, m)| is_it(m));
            if found.is_none() {
                self.check.unreadable(format!("Unknown parameter: {name}"));
                return Err(E::custom("unknown parameter"));
            }
            return Ok(found);
        }
        Ok(find(self.members, self.hint, |m| m.wire == name && m.location == Location::Body))
    }
}

/// Where a value goes once it is known not to be `null`.
enum Target<'a> {
    Shape(&'a mut dyn Shape),
    Item(&'a mut dyn ListSlot),
    Entry(&'a mut dyn MapSlot, String),
}

impl<'a> Target<'a> {
    fn shape(self) -> &'a mut dyn Shape {
        match self {
            Target::Shape(shape) => shape,
            Target::Item(list) => list.push(),
            Target::Entry(map, key) => map.entry(key),
        }
    }
}

/// One value; `false` for `null`, which leaves an optional member absent and adds nothing to a list or map.
struct Value<'a> {
    at: At<'a>,
    member: &'static Member,
    target: Target<'a>,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        if self.at.is_too_deep() {
            return Err(unreadable(&self.at, "The request is nested too deeply"));
        }
        if self.member.schema.kind != shape::Kind::Document {
            return json.deserialize_any(self);
        }
        let document = Document(serde_json::Value::deserialize(json)?);
        if let Slot::Document(slot) = self.target.shape().slot() {
            *slot = document;
        }
        Ok(true)
    }
}

fn unreadable<E: serde::de::Error>(at: &At<'_>, why: impl Into<String>) -> E {
    at.check.unreadable(why);
    E::custom("unreadable")
}

impl Value<'_> {
    fn mismatch<E: serde::de::Error>(&self, found: &str) -> E {
        let wanted = self.member.schema.kind;
        unreadable(&self.at, format!("{found} can not be converted to {wanted:?} at '{}'", self.at.path()))
    }

    fn whole<E: serde::de::Error>(self, number: i64) -> Result<bool, E> {
        let (at, schema) = (self.at, self.member.schema);
        let wrong = || unreadable(&at, format!("NUMBER_VALUE can not be converted to {:?}", schema.kind));
        match self.target.shape().slot() {
            Slot::Integer(slot) => {
                *slot = i32::try_from(number).map_err(|_| wrong())?;
                at.number(schema, number);
            }
            Slot::Long(slot) => {
                *slot = number;
                at.number(schema, number);
            }
            Slot::Timestamp(slot) => *slot = Timestamp { seconds: number, nanos: 0 },
            #[expect(clippy::cast_precision_loss, reason = "a whole number given where a fraction is wanted")]
            Slot::Double(slot) => *slot = number as f64,
            #[expect(clippy::cast_precision_loss, reason = "a whole number given where a fraction is wanted")]
            Slot::Float(slot) => *slot = number as f32,
            _ => return Err(wrong()),
        }
        Ok(true)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.member.schema.kind)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        if let Target::Shape(shape) = self.target {
            shape.clear();
        }
        Ok(false)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<bool, E> {
        if self.member.schema.kind != shape::Kind::Boolean {
            return Err(self.mismatch(if value { "TRUE_VALUE" } else { "FALSE_VALUE" }));
        }
        if let Slot::Boolean(slot) = self.target.shape().slot() {
            *slot = value;
        }
        Ok(true)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<bool, E> {
        self.whole(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<bool, E> {
        match i64::try_from(value) {
            Ok(value) => self.whole(value),
            #[expect(
                clippy::cast_precision_loss,
                reason = "beyond 64 bits only a fraction's slot can hold it"
            )]
            Err(_) => self.visit_f64(value as f64),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<bool, E> {
        use shape::Kind as K;
        match self.member.schema.kind {
            K::Double | K::Float | K::Timestamp => {}
            // 2^53: beyond it a double no longer tells whole numbers apart.
            #[expect(clippy::cast_possible_truncation, reason = "whole and bounded")]
            K::Integer | K::Long if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => {
                return self.whole(value as i64);
            }
            _ => return Err(self.mismatch("NUMBER_VALUE")),
        }
        let at = self.at;
        match self.target.shape().slot() {
            Slot::Double(slot) => *slot = value,
            #[expect(clippy::cast_possible_truncation, reason = "the model holds half the precision")]
            Slot::Float(slot) => *slot = value as f32,
            Slot::Timestamp(slot) => {
                *slot = timestamp::from_seconds(value)
                    .ok_or_else(|| unreadable(&at, "Timestamp out of range"))?;
            }
            _ => {}
        }
        Ok(true)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<bool, E> {
        use shape::Kind as K;
        let (at, member) = (self.at, self.member);
        match member.schema.kind {
            K::String | K::Blob | K::Timestamp => {}
            K::Float | K::Double if matches!(value, "NaN" | "Infinity" | "-Infinity") => {}
            _ => return Err(self.mismatch("STRING_VALUE")),
        }
        text::read(value, self.target.shape(), member, TimestampFormat::EpochSeconds, &at)
            .map(|()| true)
            .map_err(|kind| {
                unreadable(&at, format!("STRING_VALUE can not be converted to {kind} at '{}'", at.path()))
            })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let Some(member) = self.member.schema.members.first() else {
            return Err(self.mismatch("Start of list"));
        };
        let at = self.at;
        let Slot::List(list) = self.target.shape().slot() else {
            return Err(unreadable(&at, "Start of list found where not expected"));
        };
        loop {
            let item = at.item(list.len());
            if seq.next_element_seed(Value { at: item, member, target: Target::Item(list) })?.is_none() {
                break;
            }
        }
        at.count(self.member.schema, list.len());
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let (at, schema) = (self.at, self.member.schema);
        match self.target.shape().slot() {
            Slot::Struct(into) => {
                let mut given = Given::default();
                Fields { at, into, given: &mut given }.visit_map(map)?;
                at.require(schema, &given);
            }
            Slot::Map(entries) => {
                let [key_member, member] = schema.members else { return Ok(true) };
                while let Some(key) = map.next_key::<String>()? {
                    at.key(&key).string(key_member.schema, &key);
                    let name = key.clone();
                    map.next_value_seed(Value {
                        at: at.key(&name),
                        member,
                        target: Target::Entry(entries, key),
                    })?;
                }
                at.count(schema, entries.len());
            }
            _ => return Err(unreadable(&at, "Start of structure or map found where not expected")),
        }
        Ok(true)
    }
}

/// Writes the body members of an output.
pub(super) fn encode(output: &dyn Struct) -> Bytes {
    let mut body = Vec::with_capacity(512);
    write(&mut body, &Members(output));
    body.into()
}

/// Writes one value.
pub(super) fn encode_value(value: Ref<'_>, member: &Member) -> Bytes {
    let mut body = Vec::new();
    write(&mut body, &Written(value, member));
    body.into()
}

/// Writing to memory fails only for map keys that are no strings, and ours are strings.
fn write(body: &mut Vec<u8>, value: &impl Serialize) {
    let done = serde_json::to_writer(body, value);
    debug_assert!(done.is_ok(), "{done:?}");
}

/// A structure's members that travel in the body.
pub(super) struct Members<'a>(pub(super) &'a dyn Struct);

impl Members<'_> {
    /// Adds them to an object that may have others.
    pub(super) fn add_to<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for (i, member) in self.0.schema().members.iter().enumerate() {
            if rest::answers_in_body(member)
                && let Some(value) = self.0.get(i).view()
            {
                map.serialize_entry(member.wire, &Written(value, member))?;
            }
        }
        Ok(())
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.add_to(&mut map)?;
        map.end()
    }
}

struct Written<'a>(Ref<'a>, &'a Member);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(value, member) = self;
        match value {
            Ref::Boolean(v) => serializer.serialize_bool(*v),
            Ref::Integer(v) => serializer.serialize_i32(*v),
            Ref::Long(v) => serializer.serialize_i64(*v),
            Ref::Float(v) => match text::not_a_number(f64::from(*v)) {
                Some(name) => serializer.serialize_str(name),
                None => serializer.serialize_f32(*v),
            },
            Ref::Double(v) => match text::not_a_number(*v) {
                Some(name) => serializer.serialize_str(name),
                None => serializer.serialize_f64(*v),
            },
            Ref::String(v) => serializer.serialize_str(v),
            Ref::Blob(v) => serializer.serialize_str(&STANDARD.encode(v)),
            Ref::Timestamp(v) => match timestamp::format_of(member, TimestampFormat::EpochSeconds) {
                TimestampFormat::EpochSeconds if v.nanos < 1_000_000 => serializer.serialize_i64(v.seconds),
                TimestampFormat::EpochSeconds => serializer.serialize_f64(timestamp::as_seconds(*v)),
                format => serializer.serialize_str(&timestamp::write(*v, format, false)),
            },
            Ref::Document(v) => v.0.serialize(serializer),
            Ref::Struct(v) => Members(*v).serialize(serializer),
            Ref::Stream(_) => serializer.serialize_unit(),
            Ref::List(list) => {
                let Some(element) = member.schema.members.first() else { return serializer.serialize_unit() };
                let mut seq = serializer.serialize_seq(Some(list.len()))?;
                for value in (0..list.len()).filter_map(|i| list.at(i).and_then(Shape::view)) {
                    seq.serialize_element(&Written(value, element))?;
                }
                seq.end()
            }
            Ref::Map(entries) => {
                let Some(element) = member.schema.members.get(1) else { return serializer.serialize_unit() };
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                let mut done = Ok(());
                entries.each(&mut |key, value| {
                    if let (Ok(()), Some(value)) = (&done, value.view()) {
                        done = map.serialize_entry(key, &Written(value, element));
                    }
                });
                done?;
                map.end()
            }
        }
    }
}
