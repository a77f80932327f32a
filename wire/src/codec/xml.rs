//! XML both ways: a bounded tree to read, a string to write, and the walk of shapes over each.

use std::borrow::Cow;

use kernel::{Error, Kind, Result};
use quick_xml::Reader;
use quick_xml::escape::{escape, unescape};
use quick_xml::events::{BytesStart, Event};
use shape::{Location, Member, Ref, Schema, Shape, Slot, Struct, TimestampFormat};

use super::check::{At, Given, find};
use super::{DEPTH_MAX, rest, text};

/// An element as read: names without their prefix.
#[derive(Debug, Default)]
pub(super) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

fn malformed(why: impl std::fmt::Display) -> Error {
    Error::new(Kind::Invalid, "MalformedXML", format!("The XML you provided was not well-formed: {why}"))
}

/// Reads a document's root element. Document types are refused: nothing here expands entities.
pub(super) fn parse(body: &[u8]) -> Result<Element> {
    let body = std::str::from_utf8(body).map_err(malformed)?;
    let mut reader = Reader::from_str(body);
    let mut open = vec![Element::default()];
    loop {
        if open.len() > DEPTH_MAX as usize {
            return Err(malformed("nested too deeply"));
        }
        match reader.read_event().map_err(malformed)? {
            Event::Start(tag) => open.push(element(&tag)?),
            Event::Empty(tag) => adopt(&mut open, element(&tag)?),
            Event::End(_) => {
                if let Some(done) = open.pop() {
                    adopt(&mut open, done);
                }
            }
            Event::Text(part) => append(&mut open, &part.xml10_content()),
            Event::CData(part) => append(&mut open, &part.xml10_content()),
            Event::GeneralRef(name) => {
                let written = format!("&{};", name.xml10_content());
                append(&mut open, &unescape(&written).map_err(malformed)?);
            }
            Event::DocType(_) => return Err(malformed("a document type is not allowed")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(mut top), true) if top.children.len() == 1 => {
            top.children.pop().ok_or_else(|| malformed("no element"))
        }
        _ => Err(malformed("one root element is expected")),
    }
}

fn element(tag: &BytesStart<'_>) -> Result<Element> {
    let name = tag.local_name().into_inner().to_owned();
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(malformed)?;
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(malformed)?;
        attributes.push((attribute.key.into_inner().to_owned(), value.into_owned()));
    }
    Ok(Element { name, attributes, ..Element::default() })
}

fn adopt(open: &mut [Element], child: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(child);
    }
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// Fills a structure's body members from an element's children and attributes. A child that is none of them, or stands there
/// once too often, is refused: what is misspelt would be taken for what was left out.
pub(super) fn read_members(
    from: &Element,
    into: &mut dyn Struct,
    given: &mut Given,
    at: &At<'_>,
) -> Result<()> {
    let members = into.schema().members;
    let mut hint = 0;
    for (name, value) in &from.attributes {
        if let Some((i, member)) = find(members, &mut hint, |m| m.xml_attribute && m.wire == name) {
            scalar(value, into.get_mut(i), member, &at.member(member))?;
            given.add(i);
        }
    }
    for child in &from.children {
        let is = |m: &Member| m.location == Location::Body && !m.xml_attribute && local(m.wire) == child.name;
        let Some((i, member)) = find(members, &mut hint, is) else { return Err(unexpected(child)) };
        let at = at.member(member);
        match into.get_mut(i) {
            shape if is_flattened(member) => read_flattened(child, shape, member, &at)?,
            _ if given.has(i) => return Err(unexpected(child)),
            shape => read_value(child, shape, member, &at)?,
        }
        given.add(i);
    }
    Ok(())
}

fn unexpected(element: &Element) -> Error {
    malformed(format_args!("{} is not expected there", element.name))
}

/// The document's root, which must have one of these names.
pub(super) fn parse_as(names: &[&str], body: &[u8]) -> Result<Element> {
    let root = parse(body)?;
    let is_one = names.iter().any(|name| root.name == local(name));
    if is_one { Ok(root) } else { Err(unexpected(&root)) }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

pub(super) fn is_flattened(member: &Member) -> bool {
    member.flattened || member.schema.flattened
}

/// Fills one value from its element.
pub(super) fn read_value(
    from: &Element,
    shape: &mut dyn Shape,
    member: &'static Member,
    at: &At<'_>,
) -> Result<()> {
    let schema = member.schema;
    match shape.slot() {
        Slot::Struct(into) => {
            let mut given = Given::default();
            read_members(from, into, &mut given, at)?;
            at.require(schema, &given);
        }
        Slot::List(list) => {
            let Some(element) = schema.members.first() else { return Ok(()) };
            for child in &from.children {
                if child.name != local(Dialect::REST.item(element)) {
                    return Err(unexpected(child));
                }
                let item = at.item(list.len());
                read_value(child, list.push(), element, &item)?;
            }
            at.count(schema, list.len());
        }
        Slot::Map(map) => {
            for entry in &from.children {
                read_entry(entry, map, schema, at)?;
            }
            at.count(schema, map.len());
        }
        _ => scalar(&from.text, shape, member, at)?,
    }
    Ok(())
}

/// One more element or entry of a flattened list or map.
fn read_flattened(from: &Element, shape: &mut dyn Shape, member: &'static Member, at: &At<'_>) -> Result<()> {
    match (shape.slot(), member.schema.members.first()) {
        (Slot::List(list), Some(element)) => {
            let item = at.item(list.len());
            read_value(from, list.push(), element, &item)
        }
        (Slot::Map(map), _) => read_entry(from, map, member.schema, at),
        _ => Ok(()),
    }
}

fn read_entry(
    from: &Element,
    map: &mut dyn shape::MapSlot,
    schema: &'static Schema,
    at: &At<'_>,
) -> Result<()> {
    let [key_member, value_member] = schema.members else { return Ok(()) };
    let child = |name: &str| from.children.iter().find(|child| child.name == local(name));
    let key = child(key_member.wire).ok_or_else(|| malformed("an entry has no key"))?.text.clone();
    at.key(&key).string(key_member.schema, &key);
    let name = key.clone();
    let slot = map.entry(key);
    match child(value_member.wire) {
        Some(value) => read_value(value, slot, value_member, &at.key(&name)),
        None => Ok(()),
    }
}

fn scalar(value: &str, shape: &mut dyn Shape, member: &'static Member, at: &At<'_>) -> Result<()> {
    text::read(value, shape, member, TimestampFormat::DateTime, at)
        .map_err(|kind| malformed(format_args!("{} is not of type {kind}", at.path())))
}

/// Whose names and habits an answer has.
#[derive(Clone, Copy)]
pub(super) struct Dialect {
    /// Names from [`Member::query`] instead of [`Member::wire`].
    pub(super) query_names: bool,
    /// Milliseconds are written even where there are none.
    pub(super) millis: bool,
}

impl Dialect {
    pub(super) const REST: Self = Self { query_names: false, millis: false };

    fn name(self, member: &Member) -> &'static str {
        if self.query_names { member.query } else { member.wire }
    }

    /// An element of a list with a wrapper, which may have no name of its own.
    fn item(self, element: &Member) -> &'static str {
        match self.name(element) {
            "" => "member",
            name => name,
        }
    }
}

/// A text as XML has it. A carriage return would be read as a line feed, and no other control character may stand there as
/// it is; parsers of XML 1.0 take most of them in no form.
pub fn characters(text: &str) -> Cow<'_, str> {
    let is_bare = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n');
    let escaped = escape(text);
    if !escaped.contains(is_bare) {
        return escaped;
    }
    let mut out = String::with_capacity(escaped.len() + 8);
    for c in escaped.chars() {
        match is_bare(c) {
            true => out.push_str(&format!("&#x{:X};", u32::from(c))),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// An XML document being written.
pub(super) struct Writer {
    out: String,
    dialect: Dialect,
}

impl Writer {
    pub(super) fn new(dialect: Dialect) -> Self {
        let mut out = String::with_capacity(1_024);
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        Self { out, dialect }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// An element around what `inside` writes.
    pub(super) fn within(&mut self, name: &str, namespace: Option<&str>, inside: impl FnOnce(&mut Self)) {
        self.open(name, namespace.map(|uri| ("xmlns".to_owned(), uri.to_owned())).as_slice());
        inside(self);
        self.close(name);
    }

    fn open(&mut self, name: &str, attributes: &[(String, String)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push_str(&format!(" {key}=\"{}\"", escape(value.as_str())));
        }
        self.out.push('>');
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.within(name, None, |w| w.characters(text));
    }

    pub(super) fn characters(&mut self, text: &str) {
        self.out.push_str(&characters(text));
    }

    /// The members of a structure that travel in the body, attributes apart.
    pub(super) fn members(&mut self, value: &dyn Struct) {
        self.members_but(value, |_| false);
    }

    /// The same without some of them.
    pub(super) fn members_but(&mut self, value: &dyn Struct, leave_out: fn(&Member) -> bool) {
        for (i, member) in value.schema().members.iter().enumerate() {
            if rest::answers_in_body(member)
                && !member.xml_attribute
                && !leave_out(member)
                && let Some(view) = value.get(i).view()
            {
                self.value(self.dialect.name(member), &view, member, is_flattened(member));
            }
        }
    }

    /// A structure as an element of this name, with its attributes and namespaces.
    pub(super) fn structure(
        &mut self,
        name: &str,
        value: &dyn Struct,
        member: &Member,
        namespace: Option<&str>,
    ) {
        let uri = namespace.or(member.xml_namespace).or(member.schema.xml_namespace);
        // A structure's own namespace is that of its attributes, where they have a prefix.
        let mut inners = member.schema.members.iter().filter(|inner| inner.xml_attribute);
        let of_attribute = inners.find_map(|inner| Some(inner.wire.split_once(':')?.0));
        let prefix = member.xml_prefix.or(of_attribute);
        let key = prefix.map_or("xmlns".to_owned(), |prefix| format!("xmlns:{prefix}"));
        let mut attributes: Vec<(String, String)> =
            uri.map(|uri| (key, uri.to_owned())).into_iter().collect();
        for (i, inner) in value.schema().members.iter().enumerate() {
            if inner.xml_attribute
                && let Some(view) = value.get(i).view()
                && let Some(text) = text::write(&view, inner, TimestampFormat::DateTime, self.dialect.millis)
            {
                attributes.push((inner.wire.to_owned(), text));
            }
        }
        self.open(name, &attributes);
        self.members(value);
        self.close(name);
    }

    fn value(&mut self, name: &'static str, value: &Ref<'_>, member: &Member, flattened: bool) {
        match value {
            Ref::Struct(inner) => self.structure(name, *inner, member, None),
            Ref::List(list) => {
                let Some(element) = member.schema.members.first() else { return };
                let items = (0..list.len()).filter_map(|i| list.at(i).and_then(Shape::view));
                if flattened {
                    items.for_each(|view| self.value(name, &view, element, false));
                } else {
                    let item = self.dialect.item(element);
                    self.within(name, member.xml_namespace, |w| {
                        items.for_each(|view| w.value(item, &view, element, false));
                    });
                }
            }
            Ref::Map(map) if flattened => self.entries(name, *map, member.schema),
            Ref::Map(map) => {
                self.within(name, member.xml_namespace, |w| w.entries("entry", *map, member.schema));
            }
            scalar => {
                let text = text::write(scalar, member, TimestampFormat::DateTime, self.dialect.millis);
                let text = text.unwrap_or_default();
                self.within(name, member.xml_namespace, |w| w.characters(&text));
            }
        }
    }

    fn entries(&mut self, name: &str, map: &dyn shape::MapRef, schema: &Schema) {
        let [key_member, value_member] = schema.members else { return };
        let (key_name, value_name) = (self.dialect.name(key_member), self.dialect.name(value_member));
        map.each(&mut |key, value| {
            if let Some(view) = value.view() {
                self.within(name, None, |w| {
                    w.within(key_name, key_member.xml_namespace, |w| w.characters(key));
                    w.value(value_name, &view, value_member, false);
                });
            }
        });
    }
}
