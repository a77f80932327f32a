//! awsQuery: form parameters in, XML out. The tree of parameters is EC2's as well.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kernel::{Error, Kind, Result};
use shape::{OpDef, ServiceDef, Shape, Slot, Struct, TimestampFormat};

use super::check::{At, Check, Given, find};
use super::xml::{Dialect, Writer, is_flattened};
use super::{DEPTH_MAX, text};

/// Parameters of one request: beyond any list AWS accepts, short of what would take memory.
const PARAMETERS_MAX: usize = 20_000;

/// Dotted parameter names as a tree.
#[derive(Default)]
pub(super) struct Node<'a> {
    value: Option<Cow<'a, str>>,
    children: BTreeMap<Cow<'a, str>, Node<'a>>,
}

pub(super) fn malformed(why: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "MalformedQueryString", why)
}

/// Builds the tree from the query string and a form body.
pub(super) fn tree<'a>(body: &'a [u8], query: &'a [(String, String)]) -> Result<Node<'a>> {
    let mut root = Node::default();
    let given = query.iter().map(|(key, value)| (Cow::from(key.as_str()), Cow::from(value.as_str())));
    for (count, (key, value)) in given.chain(form_urlencoded::parse(body)).enumerate() {
        if count == PARAMETERS_MAX {
            return Err(malformed("The request has too many parameters"));
        }
        let mut at = &mut root;
        for (depth, part) in key.split('.').enumerate() {
            if depth > DEPTH_MAX as usize {
                return Err(malformed("The request is nested too deeply"));
            }
            at = at.children.entry(Cow::Owned(part.to_owned())).or_default();
        }
        at.value = Some(value);
    }
    Ok(root)
}

impl<'a> Node<'a> {
    pub(super) fn children(&self) -> impl Iterator<Item = (&str, &Node<'a>)> {
        self.children.iter().map(|(name, node)| (name.as_ref(), node))
    }

    pub(super) fn text(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }

    fn child(&self, name: &str) -> Option<&Node<'a>> {
        self.children.get(name)
    }

    /// Numbered children in the order of their numbers; gaps are closed up, as AWS does.
    ///
    /// # Errors
    /// A child's name that is no number from 1.
    pub(super) fn items(&self) -> std::result::Result<Vec<&Node<'a>>, &str> {
        let mut items = Vec::with_capacity(self.children.len());
        for (name, node) in &self.children {
            let number: u32 = name.parse().map_err(|_| name.as_ref())?;
            items.push((number, node));
        }
        items.sort_by_key(|(number, _)| *number);
        Ok(items.into_iter().map(|(_, node)| node).collect())
    }
}

/// Reads a request. Parameters the model does not have are ignored, as AWS's query services do.
pub(super) fn decode(
    body: &[u8],
    query: &[(String, String)],
    input: &mut dyn Struct,
    check: &Check,
) -> Result<()> {
    let mut root = tree(body, query)?;
    for name in ["Action", "Version"] {
        root.children.remove(name);
    }
    structure(&root, input, &check.root())
}

fn structure(node: &Node<'_>, into: &mut dyn Struct, at: &At<'_>) -> Result<()> {
    let schema = into.schema();
    let (mut given, mut hint) = (Given::default(), 0);
    for (name, child) in node.children() {
        if let Some((i, member)) = find(schema.members, &mut hint, |m| m.query == name) {
            value(child, into.get_mut(i), member, &at.member(member), is_flattened(member))?;
            given.add(i);
        }
    }
    at.require(schema, &given);
    Ok(())
}

fn value(
    node: &Node<'_>,
    shape: &mut dyn Shape,
    member: &'static shape::Member,
    at: &At<'_>,
    flattened: bool,
) -> Result<()> {
    let schema = member.schema;
    match (shape.slot(), schema.members) {
        (Slot::Struct(into), _) => structure(node, into, at)?,
        (Slot::List(list), [element]) => {
            let name = if element.query.is_empty() { "member" } else { element.query };
            for child in numbered(node, if flattened { None } else { Some(name) }, at)? {
                let item = at.item(list.len());
                value(child, list.push(), element, &item, false)?;
            }
            at.count(schema, list.len());
        }
        (Slot::Map(map), [key_member, value_member]) => {
            for entry in numbered(node, if flattened { None } else { Some("entry") }, at)? {
                let key = entry.child(key_member.query).map(Node::text).unwrap_or_default();
                at.key(key).string(key_member.schema, key);
                let slot = map.entry(key.to_owned());
                if let Some(child) = entry.child(value_member.query) {
                    value(child, slot, value_member, &at.key(key), false)?;
                }
            }
            at.count(schema, map.len());
        }
        _ => scalar(node, shape, member, at)?,
    }
    Ok(())
}

fn numbered<'n, 'a>(node: &'n Node<'a>, wrapper: Option<&str>, at: &At<'_>) -> Result<Vec<&'n Node<'a>>> {
    let list = match wrapper {
        Some(name) => node.child(name),
        None => Some(node),
    };
    let items = list.map_or(Ok(Vec::new()), Node::items);
    items.map_err(|name| malformed(format!("{name} in {} is not a number", at.parameter())))
}

pub(super) fn scalar(
    node: &Node<'_>,
    shape: &mut dyn Shape,
    member: &'static shape::Member,
    at: &At<'_>,
) -> Result<()> {
    text::read(node.text(), shape, member, TimestampFormat::DateTime, at).map_err(|kind| {
        let message = format!(
            "Value ({}) for parameter {} is invalid. Must be of type {kind}.",
            node.text(),
            at.parameter()
        );
        Error::new(Kind::Invalid, "InvalidParameterValue", message)
    })
}

/// `<OpResponse><OpResult>…</OpResult><ResponseMetadata>…`
pub(super) fn encode(service: &ServiceDef, op: &OpDef, output: &dyn Struct, request_id: &str) -> String {
    let mut w = Writer::new(Dialect { query_names: true, millis: false });
    let namespace = Some(service.xml_namespace).filter(|uri| !uri.is_empty());
    w.within(&format!("{}Response", op.name), namespace, |w| {
        match op.result_wrapper {
            Some(wrapper) => w.within(wrapper, None, |w| w.members(output)),
            None => w.members(output),
        }
        w.within("ResponseMetadata", None, |w| w.text("RequestId", request_id));
    });
    w.finish()
}
