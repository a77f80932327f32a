//! Refuses, by name, input members that no handler would read.

use kernel::{Error, Kind, Result};
use shape::{Honoured, OpDef, Ref, Struct};

/// One place for all operations: what [`OpDef::honoured`] leaves out must not be given.
pub(super) fn check(op: &OpDef, input: &dyn Struct) -> Result<()> {
    let Honoured::AllBut(refused) = op.honoured else { return Ok(()) };
    match refused.iter().find(|path| given(input, path)) {
        None => Ok(()),
        Some(path) => {
            let message = format!("The parameter {path} is not supported by {}.", op.name);
            Err(Error::new(Kind::Unsupported, "UnsupportedOperation", message).status_is(400))
        }
    }
}

/// Whether anything stands at a dotted path.
fn given(value: &dyn Struct, path: &str) -> bool {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let at = value.schema().members.iter().position(|m| m.name == name);
    let Some(found) = at.and_then(|i| value.get(i).view()) else { return false };
    rest.is_empty() || within(&found, rest)
}

fn within(value: &Ref<'_>, path: &str) -> bool {
    match value {
        Ref::Struct(inner) => given(*inner, path),
        Ref::List(list) => {
            (0..list.len()).any(|i| list.at(i).and_then(|e| e.view()).is_some_and(|e| within(&e, path)))
        }
        Ref::Map(map) => {
            let mut any = false;
            map.each(&mut |_, entry| any = any || entry.view().is_some_and(|e| within(&e, path)));
            any
        }
        _ => false,
    }
}
