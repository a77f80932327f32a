//! Tables and values made at run time, for models that no build script has seen.

use std::any::Any;
use std::collections::BTreeMap;

use api_codegen::model::{Metadata, Operation, Reference, Shape as Modelled, XmlNamespace};
use api_codegen::ordered::Ordered;
use serde_json::Value as Json;
use shape::{
    Body, Bytes, Checks, Document, Kind, ListRef, ListSlot, Location, MapRef, MapSlot, Member, OpDef,
    Protocol, Ref, Schema, ServiceDef, Shape, Slot, Struct, Timestamp, TimestampFormat,
};

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn name(text: &str) -> &'static str {
    String::leak(text.to_owned())
}

/// Tables of one model. Recursion is unrolled to a fixed depth, which is deeper than any vector.
pub(crate) struct Tables<'a> {
    pub(crate) metadata: &'a Metadata,
    pub(crate) shapes: &'a Ordered<Modelled>,
}

const UNROLLED: u32 = 9;

impl Tables<'_> {
    pub(crate) fn service(&self, protocol: Protocol) -> &'static ServiceDef {
        leak(ServiceDef {
            name: "test",
            id: "Test",
            signing_name: "test",
            action_prefix: "test",
            endpoint_prefix: "test",
            target_prefix: "",
            version: "",
            protocols: leak([protocol]),
            xml_namespace: "",
            error_namespace: "",
            routing: shape::Routing::PLAIN,
            query_compatible: self.metadata.aws_query_compatible.is_some(),
            checks: Checks::Standard,
            ops: &[],
            unserved: &[],
            errors: &[],
        })
    }

    pub(crate) fn operation(&self, op_name: &str, op: &Operation) -> &'static OpDef {
        let schema = |used: &Option<Reference>| {
            used.as_ref().map_or(&shape::UNIT, |r| self.schema(&r.shape, false, UNROLLED))
        };
        leak(OpDef {
            name: name(op_name),
            service: "test",
            method: name(&op.http.method),
            uri: name(&op.http.request_uri),
            status: op.http.response_code.unwrap_or(200),
            input: schema(&op.input),
            output: schema(&op.output),
            result_wrapper: op.output.as_ref().and_then(|output| output.result_wrapper.as_deref()).map(name),
            input_root: None,
            input_namespace: None,
            output_root: None,
            errors: &[],
            unsigned: false,
            harmless: &[],
            honoured: shape::Honoured::All,
            checksum_required: false,
            gzip: false,
        })
    }

    pub(crate) fn schema(&self, shape_name: &str, streaming: bool, depth: u32) -> &'static Schema {
        let shape = self.shapes.get(shape_name).unwrap_or_else(|| panic!("no shape {shape_name}"));
        let mut members = Vec::new();
        if depth > 0 {
            for (key, used) in shape.members.iter() {
                members.push(self.member(
                    shape,
                    key,
                    used.location_name.as_deref().unwrap_or(key),
                    used,
                    depth,
                ));
            }
            for (key, default, used) in
                [("member", "", &shape.member), ("key", "key", &shape.key), ("value", "value", &shape.value)]
            {
                if let Some(used) = used {
                    let wire = used.location_name.as_deref().unwrap_or(default);
                    members.push(self.member(shape, key, wire, used, depth));
                }
            }
        }
        let kind = match shape.kind.as_str() {
            "structure" if shape.document => Kind::Document,
            "structure" => Kind::Structure,
            "list" => Kind::List,
            "map" => Kind::Map,
            "boolean" => Kind::Boolean,
            "integer" | "short" | "byte" => Kind::Integer,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "timestamp" => Kind::Timestamp,
            "blob" if streaming || shape.streaming => Kind::Stream,
            "blob" => Kind::Blob,
            _ => Kind::String,
        };
        leak(Schema {
            name: name(shape_name),
            kind,
            members: Vec::leak(members),
            min: shape.min.as_ref().and_then(serde_json::Number::as_i64),
            max: shape.max.as_ref().and_then(serde_json::Number::as_i64),
            pattern: shape.pattern.as_deref().map(name),
            values: Vec::leak(shape.values.iter().map(|value| name(value)).collect()),
            union: shape.union,
            flattened: shape.flattened,
            timestamp: format(shape.timestamp_format.as_deref()),
            xml_name: shape.location_name.as_deref().map(name),
            xml_namespace: shape.xml_namespace.as_ref().map(|ns| name(ns.uri())),
            ..Schema::PLAIN
        })
    }

    fn member(&self, owner: &Modelled, key: &str, wire: &str, used: &Reference, depth: u32) -> Member {
        let capital = |text: &str| text[..1].to_uppercase() + &text[1..];
        let query = match &used.query_name {
            Some(query) => query.clone(),
            None if self.metadata.protocol == "ec2" && !wire.is_empty() => capital(wire),
            None => wire.to_owned(),
        };
        let is_map = self.shapes.get(&used.shape).is_some_and(|s| s.kind == "map");
        Member {
            name: name(key),
            wire: name(wire),
            query: name(&query),
            schema: self.schema(&used.shape, used.streaming, depth - 1),
            location: match used.location.as_deref() {
                Some("uri") => Location::Uri,
                Some("querystring") if is_map => Location::QueryMap,
                Some("querystring") => Location::Query,
                Some("header") => Location::Header,
                Some("headers") => Location::HeaderPrefix,
                Some("statusCode") => Location::StatusCode,
                _ => Location::Body,
            },
            required: owner.required.iter().any(|r| r == key),
            payload: owner.payload.as_deref() == Some(key),
            flattened: used.flattened,
            xml_attribute: used.xml_attribute,
            xml_namespace: used.xml_namespace.as_ref().map(|ns| name(ns.uri())),
            xml_prefix: used.xml_namespace.as_ref().and_then(XmlNamespace::prefix).map(name),
            timestamp: format(used.timestamp_format.as_deref()),
            idempotency_token: used.idempotency_token,
            json_value: used.json_value,
        }
    }
}

fn format(format: Option<&str>) -> TimestampFormat {
    match format {
        Some("iso8601") => TimestampFormat::DateTime,
        Some("unixTimestamp") => TimestampFormat::EpochSeconds,
        Some("rfc822") => TimestampFormat::HttpDate,
        _ => TimestampFormat::Default,
    }
}

/// A structure of any schema.
pub(crate) struct Record {
    schema: &'static Schema,
    fields: Vec<Field>,
}

/// A value of any schema, absent or present.
pub(crate) struct Field {
    schema: &'static Schema,
    value: Option<Value>,
}

enum Value {
    Boolean(bool),
    Integer(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    String(String),
    Blob(Bytes),
    Stream(Body),
    Timestamp(Timestamp),
    Document(Document),
    Record(Record),
    List(Items),
    Map(Entries),
}

struct Items(&'static Schema, Vec<Field>);
struct Entries(&'static Schema, BTreeMap<String, Field>);

impl Record {
    pub(crate) fn new(schema: &'static Schema) -> Self {
        Self { schema, fields: schema.members.iter().map(|m| Field::absent(m.schema)).collect() }
    }

    pub(crate) fn fill(&mut self, json: &Json) {
        for (member, field) in self.schema.members.iter().zip(&mut self.fields) {
            match json.get(member.name) {
                None | Some(Json::Null) => {}
                Some(json) => field.fill(json),
            }
        }
    }
}

impl Field {
    fn absent(schema: &'static Schema) -> Self {
        Self { schema, value: None }
    }

    fn fill(&mut self, json: &Json) {
        let double = || match json.as_str() {
            Some("NaN") => f64::NAN,
            Some("Infinity") => f64::INFINITY,
            Some("-Infinity") => f64::NEG_INFINITY,
            _ => json.as_f64().unwrap(),
        };
        match self.slot() {
            Slot::Boolean(slot) => *slot = json.as_bool().unwrap(),
            Slot::Integer(slot) => *slot = i32::try_from(json.as_i64().unwrap()).unwrap(),
            Slot::Long(slot) => *slot = json.as_i64().unwrap(),
            #[expect(clippy::cast_possible_truncation)]
            Slot::Float(slot) => *slot = double() as f32,
            Slot::Double(slot) => *slot = double(),
            Slot::String(slot) => *slot = json.as_str().map_or_else(|| json.to_string(), str::to_owned),
            Slot::Blob(slot) => *slot = Bytes::from(json.as_str().unwrap().to_owned()),
            Slot::Stream(slot) => *slot = Body::from_bytes(json.as_str().unwrap().to_owned()),
            #[expect(clippy::cast_possible_truncation)]
            Slot::Timestamp(slot) => {
                *slot = Timestamp::from_millis((json.as_f64().unwrap() * 1e3).round() as i64);
            }
            Slot::Document(slot) => *slot = Document(json.clone()),
            Slot::Struct(_) => {
                let Some(Value::Record(record)) = &mut self.value else { unreachable!() };
                record.fill(json);
            }
            Slot::List(_) => {
                let Some(Value::List(items)) = &mut self.value else { unreachable!() };
                for json in json.as_array().unwrap().iter().filter(|json| !json.is_null()) {
                    items.1.push(Field::absent(items.0));
                    items.1.last_mut().unwrap().fill(json);
                }
            }
            Slot::Map(_) => {
                let Some(Value::Map(entries)) = &mut self.value else { unreachable!() };
                for (key, json) in json.as_object().unwrap().iter().filter(|(_, json)| !json.is_null()) {
                    let mut field = Field::absent(entries.0);
                    field.fill(json);
                    entries.1.insert(key.clone(), field);
                }
            }
        }
    }

    fn made(schema: &'static Schema) -> Value {
        match schema.kind {
            Kind::Boolean => Value::Boolean(false),
            Kind::Integer => Value::Integer(0),
            Kind::Long => Value::Long(0),
            Kind::Float => Value::Float(0.0),
            Kind::Double => Value::Double(0.0),
            Kind::String => Value::String(String::new()),
            Kind::Blob => Value::Blob(Bytes::new()),
            Kind::Stream => Value::Stream(Body::empty()),
            Kind::Timestamp => Value::Timestamp(Timestamp::default()),
            Kind::Document => Value::Document(Document::default()),
            Kind::Structure => Value::Record(Record::new(schema)),
            Kind::List => Value::List(Items(schema.members[0].schema, Vec::new())),
            Kind::Map => Value::Map(Entries(schema.members[1].schema, BTreeMap::new())),
        }
    }
}

impl Struct for Record {
    fn schema(&self) -> &'static Schema {
        self.schema
    }
    fn get(&self, i: usize) -> &dyn Shape {
        &self.fields[i]
    }
    fn get_mut(&mut self, i: usize) -> &mut dyn Shape {
        &mut self.fields[i]
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send + Sync> {
        self
    }
}

impl Shape for Field {
    fn view(&self) -> Option<Ref<'_>> {
        Some(match self.value.as_ref()? {
            Value::Boolean(v) => Ref::Boolean(*v),
            Value::Integer(v) => Ref::Integer(*v),
            Value::Long(v) => Ref::Long(*v),
            Value::Float(v) => Ref::Float(*v),
            Value::Double(v) => Ref::Double(*v),
            Value::String(v) => Ref::String(v),
            Value::Blob(v) => Ref::Blob(v),
            Value::Stream(v) => Ref::Stream(v),
            Value::Timestamp(v) => Ref::Timestamp(*v),
            Value::Document(v) => Ref::Document(v),
            Value::Record(v) => Ref::Struct(v),
            Value::List(v) => Ref::List(v),
            Value::Map(v) => Ref::Map(v),
        })
    }
    fn slot(&mut self) -> Slot<'_> {
        match self.value.get_or_insert_with(|| Field::made(self.schema)) {
            Value::Boolean(v) => Slot::Boolean(v),
            Value::Integer(v) => Slot::Integer(v),
            Value::Long(v) => Slot::Long(v),
            Value::Float(v) => Slot::Float(v),
            Value::Double(v) => Slot::Double(v),
            Value::String(v) => Slot::String(v),
            Value::Blob(v) => Slot::Blob(v),
            Value::Stream(v) => Slot::Stream(v),
            Value::Timestamp(v) => Slot::Timestamp(v),
            Value::Document(v) => Slot::Document(v),
            Value::Record(v) => Slot::Struct(v),
            Value::List(v) => Slot::List(v),
            Value::Map(v) => Slot::Map(v),
        }
    }
    fn clear(&mut self) {
        self.value = None;
    }
}

impl ListRef for Items {
    fn len(&self) -> usize {
        self.1.len()
    }
    fn at(&self, i: usize) -> Option<&dyn Shape> {
        self.1.get(i).map(|field| field as &dyn Shape)
    }
}

impl ListSlot for Items {
    fn len(&self) -> usize {
        self.1.len()
    }
    fn push(&mut self) -> &mut dyn Shape {
        self.1.push(Field { schema: self.0, value: Some(Field::made(self.0)) });
        self.1.last_mut().unwrap()
    }
}

impl MapRef for Entries {
    fn len(&self) -> usize {
        self.1.len()
    }
    fn each(&self, f: &mut dyn FnMut(&str, &dyn Shape)) {
        for (key, field) in &self.1 {
            f(key, field);
        }
    }
}

impl MapSlot for Entries {
    fn len(&self) -> usize {
        self.1.len()
    }
    fn entry(&mut self, key: String) -> &mut dyn Shape {
        let made = Field { schema: self.0, value: Some(Field::made(self.0)) };
        self.1.insert(key.clone(), made);
        self.1.get_mut(&key).unwrap()
    }
}

/// A value as the JSON a vector would write it in.
pub(crate) fn to_json(value: &Ref<'_>) -> Json {
    let double = |v: f64| match v {
        v if v.is_nan() => Json::from("NaN"),
        f64::INFINITY => Json::from("Infinity"),
        f64::NEG_INFINITY => Json::from("-Infinity"),
        v => Json::from(v),
    };
    match value {
        Ref::Boolean(v) => Json::from(*v),
        Ref::Integer(v) => Json::from(*v),
        Ref::Long(v) => Json::from(*v),
        // By way of its shortest text, so that 1.1 stays 1.1.
        Ref::Float(v) => double(v.to_string().parse().unwrap()),
        Ref::Double(v) => double(*v),
        Ref::String(v) => Json::from(*v),
        Ref::Blob(v) => Json::from(String::from_utf8_lossy(v)),
        Ref::Stream(v) => {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            Json::from(String::from_utf8_lossy(&runtime.block_on(v.collect(1 << 20)).unwrap()))
        }
        #[expect(clippy::cast_precision_loss)]
        Ref::Timestamp(v) => Json::from(v.as_millis() as f64 / 1e3),
        Ref::Document(v) => v.0.clone(),
        Ref::Struct(v) => record_to_json(*v),
        Ref::List(v) => (0..v.len()).filter_map(|i| v.at(i)?.view()).map(|v| to_json(&v)).collect(),
        Ref::Map(v) => {
            let mut map = serde_json::Map::new();
            v.each(&mut |key, value| {
                map.extend(value.view().map(|v| (key.to_owned(), to_json(&v))));
            });
            Json::Object(map)
        }
    }
}

pub(crate) fn record_to_json(record: &dyn Struct) -> Json {
    let members = record.schema().members.iter().enumerate();
    members.filter_map(|(i, m)| Some((m.name.to_owned(), to_json(&record.get(i).view()?)))).collect()
}
