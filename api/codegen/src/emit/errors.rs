//! The errors of a service: those its model has, and those it forgot.

use std::collections::BTreeMap;

use super::put;
use crate::Error;
use crate::fix::ErrorFix;
use crate::model::Shape;
use crate::names::constant;
use crate::reach::Reach;

pub(super) fn write(out: &mut String, reach: &Reach<'_>) -> Result<(), Error> {
    let mut all: BTreeMap<&str, (Option<&Shape>, Option<&ErrorFix>)> = BTreeMap::new();
    for (name, shape) in reach.model.shapes.iter() {
        if shape.exception && reach.shapes.contains_key(name) {
            all.entry(name).or_default().0 = Some(shape);
        }
    }
    let unreached = |name: &str| {
        reach.model.shapes.get(name).is_some_and(|s| s.exception) && !reach.shapes.contains_key(name)
    };
    for (name, fix) in &reach.fix.errors {
        if !unreached(name) {
            all.entry(name).or_default().1 = Some(fix);
        }
    }
    put!(out, "/// What the operations may answer when they do not succeed.\npub mod error {{");
    for (name, (shape, fix)) in &all {
        definition(out, name, *shape, *fix);
    }
    let names: Vec<String> = all.keys().map(|name| format!("&{}", constant(name))).collect();
    put!(out, "    pub static ALL: &[&::shape::ErrorDef] = &[{}];\n}}", names.join(", "));
    Ok(())
}

fn definition(out: &mut String, name: &str, shape: Option<&Shape>, fix: Option<&ErrorFix>) {
    let modelled = shape.and_then(|s| s.error.as_ref());
    let fault = shape.is_some_and(|s| s.fault);
    let query_code = fix
        .and_then(|f| f.query_code.as_deref())
        .or_else(|| modelled.and_then(|e| e.code.as_deref()))
        .unwrap_or(name);
    let status = fix
        .and_then(|f| f.status)
        .or_else(|| modelled.and_then(|e| e.http_status_code))
        .unwrap_or(if fault { 500 } else { 400 });
    let sender = modelled.and_then(|e| e.sender_fault).unwrap_or(!fault && status < 500);
    put!(out, "    pub static {}: ::shape::ErrorDef =", constant(name));
    put!(
        out,
        "        ::shape::ErrorDef {{ code: {name:?}, query_code: {query_code:?}, status: {status}, sender: {sender} }};"
    );
}
