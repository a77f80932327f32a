//! Any structure as `{:?}` shows it: absent members left out, sensitive ones hidden.

use std::fmt::{self, Debug, Formatter};

use crate::{ListRef, MapRef, Ref, Shape, Struct};

/// Writes a structure; generated types implement [`Debug`] with it.
///
/// # Errors
/// When the formatter does.
pub fn debug(value: &dyn Struct, f: &mut Formatter<'_>) -> fmt::Result {
    let schema = value.schema();
    let mut out = f.debug_struct(schema.name);
    for (i, member) in schema.members.iter().enumerate() {
        match value.get(i).view() {
            Some(_) if member.schema.sensitive => out.field(member.name, &format_args!("***")),
            Some(view) => out.field(member.name, &View(view)),
            None => &mut out,
        };
    }
    out.finish()
}

struct View<'a>(Ref<'a>);

impl Debug for View<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ref::Boolean(v) => v.fmt(f),
            Ref::Integer(v) => v.fmt(f),
            Ref::Long(v) => v.fmt(f),
            Ref::Float(v) => v.fmt(f),
            Ref::Double(v) => v.fmt(f),
            Ref::String(v) => v.fmt(f),
            Ref::Blob(v) => write!(f, "{} bytes", v.len()),
            Ref::Stream(v) => v.fmt(f),
            Ref::Timestamp(v) => v.fmt(f),
            Ref::Document(v) => v.0.fmt(f),
            Ref::Struct(v) => debug(*v, f),
            Ref::List(v) => list(*v, f),
            Ref::Map(v) => map(*v, f),
        }
    }
}

fn list(value: &dyn ListRef, f: &mut Formatter<'_>) -> fmt::Result {
    let items = (0..value.len()).filter_map(|i| value.at(i).and_then(Shape::view));
    f.debug_list().entries(items.map(View)).finish()
}

fn map(value: &dyn MapRef, f: &mut Formatter<'_>) -> fmt::Result {
    let mut out = f.debug_map();
    value.each(&mut |key, item| {
        if let Some(view) = item.view() {
            out.entry(&key, &View(view));
        }
    });
    out.finish()
}
