//! The Rust source: one part per file.

mod errors;
mod operations;
mod structs;
mod tables;
mod values;

use crate::Error;
use crate::model::{Reference, Shape};
use crate::names::{field, type_name};
use crate::reach::Reach;

/// All of a service.
pub(crate) fn service(reach: &Reach<'_>) -> Result<String, Error> {
    let mut out = String::from("// Generated from `models/`. Not to be edited.\n");
    structs::write(&mut out, reach)?;
    tables::write(&mut out, reach)?;
    operations::write(&mut out, reach)?;
    errors::write(&mut out, reach)?;
    values::write(&mut out, reach);
    Ok(out)
}

/// `writeln!` to a string, which does not fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        use std::fmt::Write as _;
        let _ = writeln!($out, $($arg)*);
    }};
}
pub(crate) use put;

/// A shape that becomes a struct of its own.
fn is_structure(shape: &Shape) -> bool {
    shape.kind == "structure" && !shape.document
}

/// The static that describes a shape.
fn table(shape: &str) -> String {
    format!("schema::{}", table_name(shape))
}

fn table_name(shape: &str) -> String {
    shape.replace(|c: char| !c.is_alphanumeric(), "_")
}

/// The Rust type of a value of this shape.
fn type_of(reach: &Reach<'_>, used: &Reference) -> Result<String, Error> {
    let shape = reach.shape(&used.shape)?;
    let part = |part: &Option<Reference>| match part {
        Some(part) => type_of(reach, part),
        None => Err(Error::Model(format!("{} has no element", used.shape))),
    };
    Ok(match shape.kind.as_str() {
        _ if shape.eventstream || used.eventstream => {
            return Err(Error::Model(format!("{} is an event stream, which no codec speaks", used.shape)));
        }
        "structure" if shape.document => "::shape::Document".to_owned(),
        "structure" => type_name(&used.shape),
        "list" => format!("::std::vec::Vec<{}>", part(&shape.member)?),
        "map" => format!("::std::collections::BTreeMap<::std::string::String, {}>", part(&shape.value)?),
        "string" | "character" => "::std::string::String".to_owned(),
        "boolean" => "bool".to_owned(),
        "integer" | "short" | "byte" => "i32".to_owned(),
        "long" => "i64".to_owned(),
        "float" => "f32".to_owned(),
        "double" => "f64".to_owned(),
        "timestamp" => "::shape::Timestamp".to_owned(),
        "blob" if shape.streaming || used.streaming => "::shape::Body".to_owned(),
        "blob" => "::shape::Bytes".to_owned(),
        other => return Err(Error::Model(format!("{} is of unknown type {other}", used.shape))),
    })
}

/// A structure's fields: name and type.
fn fields(reach: &Reach<'_>, name: &str, shape: &Shape) -> Result<Vec<(String, String)>, Error> {
    let mut fields = Vec::new();
    for (member, used) in shape.members.iter() {
        let mut kind = type_of(reach, used)?;
        if reach.is_recursive(name, used) {
            kind = format!("::std::boxed::Box<{kind}>");
        }
        let streams = kind == "::shape::Body";
        if !streams && !shape.required.iter().any(|r| r == member) {
            kind = format!("::std::option::Option<{kind}>");
        }
        fields.push((field(member), kind));
    }
    Ok(fields)
}
