//! The static table of every shape.

use super::{put, table, table_name};
use crate::Error;
use crate::model::{Reference, Shape, XmlNamespace};
use crate::reach::Reach;

pub(super) fn write(out: &mut String, reach: &Reach<'_>) -> Result<(), Error> {
    put!(out, "#[allow(non_upper_case_globals)]\npub mod schema {{\n    use super::schema;");
    put!(out, "    use ::shape::{{Kind, Member, Schema}};");
    for (name, shape) in &reach.shapes {
        put!(out, "    pub static {}: Schema = Schema {{", table_name(name));
        put!(out, "        name: {name:?}, kind: Kind::{},", kind(reach, name, shape)?);
        let members = Members { reach, owner: name, shape }.all()?;
        put!(out, "        members: &[{members}],");
        traits(out, reach, name, shape)?;
        put!(out, "        ..Schema::PLAIN\n    }};");
    }
    put!(out, "}}");
    Ok(())
}

fn kind(reach: &Reach<'_>, name: &str, shape: &Shape) -> Result<&'static str, Error> {
    Ok(match shape.kind.as_str() {
        "structure" if shape.document => "Document",
        "structure" => "Structure",
        "list" => "List",
        "map" => "Map",
        "string" | "character" => "String",
        "boolean" => "Boolean",
        "integer" | "short" | "byte" => "Integer",
        "long" => "Long",
        "float" => "Float",
        "double" => "Double",
        "timestamp" => "Timestamp",
        "blob" if reach.is_streaming(name) => "Stream",
        "blob" => "Blob",
        other => return Err(Error::Model(format!("{name} is of unknown type {other}"))),
    })
}

fn traits(out: &mut String, reach: &Reach<'_>, name: &str, shape: &Shape) -> Result<(), Error> {
    for (side, bound) in [("min", &shape.min), ("max", &shape.max)] {
        if let Some(bound) = bound.as_ref().and_then(whole) {
            put!(out, "        {side}: Some({bound}),");
        }
    }
    if let Some(pattern) = &shape.pattern {
        put!(out, "        pattern: Some({pattern:?}),");
    }
    if !shape.values.is_empty() {
        put!(out, "        values: &{:?},", shape.values);
    }
    for (flag, set) in
        [("sensitive", shape.sensitive), ("union", shape.union), ("flattened", shape.flattened)]
    {
        if set {
            put!(out, "        {flag}: true,");
        }
    }
    if let Some(format) = timestamp(shape.timestamp_format.as_deref())? {
        put!(out, "        timestamp: {format},");
    }
    if let Some(root) = reach.fix.xml_names.get(name).or(shape.location_name.as_ref()) {
        put!(out, "        xml_name: Some({root:?}),");
    }
    if let Some(namespace) = &shape.xml_namespace {
        put!(out, "        xml_namespace: Some({:?}),", namespace.uri());
    }
    Ok(())
}

/// A bound as the whole number it is; a bound beyond 64 bits bounds nothing.
fn whole(bound: &serde_json::Number) -> Option<i64> {
    bound.as_i64().or_else(|| format!("{:.0}", bound.as_f64()?).parse().ok())
}

fn timestamp(format: Option<&str>) -> Result<Option<&'static str>, Error> {
    Ok(Some(match format {
        None => return Ok(None),
        Some("iso8601") => "::shape::TimestampFormat::DateTime",
        Some("unixTimestamp") => "::shape::TimestampFormat::EpochSeconds",
        Some("rfc822") => "::shape::TimestampFormat::HttpDate",
        Some(other) => return Err(Error::Model(format!("unknown timestamp format {other}"))),
    }))
}

/// The members of one shape, as table rows.
struct Members<'a> {
    reach: &'a Reach<'a>,
    owner: &'a str,
    shape: &'a Shape,
}

impl Members<'_> {
    fn all(&self) -> Result<String, Error> {
        let mut out = String::new();
        for (name, used) in self.shape.members.iter() {
            let wire = used.location_name.as_deref().unwrap_or(name);
            put!(out, "\n            {},", self.row(name, wire, used)?);
        }
        // A list's element without a name takes the protocol's.
        let inner = [
            ("member", "", &self.shape.member),
            ("key", "key", &self.shape.key),
            ("value", "value", &self.shape.value),
        ];
        for (name, default, used) in inner {
            if let Some(used) = used {
                let wire = used.location_name.as_deref().unwrap_or(default);
                put!(out, "\n            {},", self.row(name, wire, used)?);
            }
        }
        Ok(out)
    }

    fn row(&self, name: &str, wire: &str, used: &Reference) -> Result<String, Error> {
        let mut row =
            format!("Member {{ name: {name:?}, wire: {wire:?}, query: {:?}, ", self.query(name, wire, used));
        let mut add = |text: String| row.push_str(&(text + ", "));
        add(format!("schema: &{}", table(&used.shape)));
        if let Some(location) = self.location(used)? {
            add(format!("location: ::shape::Location::{location}"));
        }
        if let Some(format) = timestamp(used.timestamp_format.as_deref())? {
            add(format!("timestamp: {format}"));
        }
        let required = self.shape.required.iter().any(|r| r == name);
        let payload = self.shape.payload.as_deref() == Some(name);
        for (flag, set) in [
            ("required", required),
            ("payload", payload),
            ("flattened", used.flattened),
            ("xml_attribute", used.xml_attribute),
            ("idempotency_token", used.idempotency_token),
            ("json_value", used.json_value),
        ] {
            if set {
                add(format!("{flag}: true"));
            }
        }
        if let Some(namespace) = &used.xml_namespace {
            add(format!("xml_namespace: Some({:?})", namespace.uri()));
        }
        if let Some(prefix) = used.xml_namespace.as_ref().and_then(XmlNamespace::prefix) {
            add(format!("xml_prefix: Some({prefix:?})"));
        }
        row.push_str("..Member::PLAIN }");
        Ok(row)
    }

    /// The name in query requests: EC2 capitalises the wire's name unless the model gives another.
    fn query(&self, name: &str, wire: &str, used: &Reference) -> String {
        let fixed = self.reach.fix.query_names.get(&format!("{}.{name}", self.owner));
        match fixed.or(used.query_name.as_ref()) {
            Some(query) => query.clone(),
            None if self.reach.model.metadata.protocol == "ec2" => capitalised(wire),
            None => wire.to_owned(),
        }
    }

    fn location(&self, used: &Reference) -> Result<Option<&'static str>, Error> {
        Ok(Some(match used.location.as_deref() {
            None => return Ok(None),
            Some("uri") => "Uri",
            Some("querystring") if self.reach.shape(&used.shape)?.kind == "map" => "QueryMap",
            Some("querystring") => "Query",
            Some("header") => "Header",
            Some("headers") => "HeaderPrefix",
            Some("statusCode") => "StatusCode",
            Some(other) => return Err(Error::Model(format!("unknown location {other}"))),
        }))
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
