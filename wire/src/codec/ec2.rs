//! EC2's dialect of query: lists without wrappers, names of their own, and unknown parameters refused.

use kernel::{Error, Kind, Result};
use shape::{Member, OpDef, ServiceDef, Shape, Slot, Struct};

use super::check::{At, Check, Given, find};
use super::query::{Node, scalar, tree};
use super::xml::{Dialect, Writer};

/// Parameters of the protocol itself, and of signatures in the query string.
const COMMON: [&str; 6] = ["Action", "Version", "AWSAccessKeyId", "Signature", "Timestamp", "SecurityToken"];

/// Reads a request.
pub(super) fn decode(
    body: &[u8],
    query: &[(String, String)],
    input: &mut dyn Struct,
    check: &Check,
) -> Result<()> {
    let root = tree(body, query)?;
    structure(&root, input, &check.root(), |name| {
        COMMON.contains(&name) || name.starts_with("X-Amz-") || name.starts_with("Signature")
    })
}

fn structure(
    node: &Node<'_>,
    into: &mut dyn Struct,
    at: &At<'_>,
    is_common: impl Fn(&str) -> bool,
) -> Result<()> {
    let schema = into.schema();
    let (mut given, mut hint) = (Given::default(), 0);
    for (name, child) in node.children() {
        match find(schema.members, &mut hint, |m| m.query == name) {
            Some((i, member)) => {
                value(child, into.get_mut(i), member, &at.member(member))?;
                given.add(i);
            }
            None if is_common(name) => {}
            None => return Err(unknown(at, name)),
        }
    }
    at.require(schema, &given);
    Ok(())
}

fn unknown(at: &At<'_>, name: &str) -> Error {
    let head = at.parameter();
    let dot = if head.is_empty() { "" } else { "." };
    not_recognized(&format!("{head}{dot}{name}"))
}

fn not_recognized(parameter: &str) -> Error {
    Error::new(Kind::Invalid, "UnknownParameter", format!("The parameter {parameter} is not recognized"))
}

fn value(node: &Node<'_>, shape: &mut dyn Shape, member: &'static Member, at: &At<'_>) -> Result<()> {
    match (shape.slot(), member.schema.members) {
        // A list without a number, say: of what is given nothing would be read.
        (Slot::Struct(_) | Slot::List(_), _) if !node.text().is_empty() => {
            Err(not_recognized(&at.parameter()))
        }
        (Slot::Struct(into), _) => structure(node, into, at, |_| false),
        (Slot::List(list), [element]) => {
            for child in node.items().map_err(|name| unknown(at, name))? {
                let item = at.item(list.len());
                value(child, list.push(), element, &item)?;
            }
            at.count(member.schema, list.len());
            Ok(())
        }
        _ => scalar(node, shape, member, at),
    }
}

/// `<OpResponse><requestId>…</requestId>…`
pub(super) fn encode(service: &ServiceDef, op: &OpDef, output: &dyn Struct, request_id: &str) -> String {
    let mut w = Writer::new(Dialect { query_names: false, millis: true });
    let namespace = Some(service.xml_namespace).filter(|uri| !uri.is_empty());
    w.within(&format!("{}Response", op.name), namespace, |w| {
        w.text("requestId", request_id);
        w.members(output);
        // Operations without a result say that they did what was asked.
        if op.output.members.is_empty() {
            w.text("return", "true");
        }
    });
    w.finish()
}
