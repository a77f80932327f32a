//! One plain struct per structure, with its two accessors.

use super::{fields, is_structure, put, table};
use crate::Error;
use crate::names::type_name;
use crate::reach::Reach;

pub(super) fn write(out: &mut String, reach: &Reach<'_>) -> Result<(), Error> {
    for (name, shape) in &reach.shapes {
        if !is_structure(shape) {
            continue;
        }
        let rust = type_name(name);
        let fields = fields(reach, name, shape)?;
        let derives = if reach.is_streaming(name) { "Default" } else { "Clone, Default" };
        put!(out, "#[derive({derives})]\npub struct {rust} {{");
        for (field, kind) in &fields {
            put!(out, "    pub {field}: {kind},");
        }
        put!(out, "}}");
        accessors(out, name, &rust, &fields);
    }
    Ok(())
}

fn accessors(out: &mut String, name: &str, rust: &str, fields: &[(String, String)]) {
    put!(out, "impl ::shape::Struct for {rust} {{");
    put!(out, "    fn schema(&self) -> &'static ::shape::Schema {{ &{} }}", table(name));
    for (method, borrow) in [("get(&self", "&"), ("get_mut(&mut self", "&mut ")] {
        put!(out, "    fn {method}, i: usize) -> {borrow}dyn ::shape::Shape {{");
        put!(out, "        match i {{");
        for (at, (field, _)) in fields.iter().enumerate() {
            put!(out, "            {at} => {borrow}self.{field},");
        }
        put!(out, "            _ => ::shape::no_member(i),");
        put!(out, "        }}\n    }}");
    }
    put!(out, "    ::shape::any!();\n}}");
    put!(out, "::shape::structure!({rust});");
}
