//! The operations, by what they are about.

pub mod archive;
pub mod bus;
pub mod event;
pub mod permission;
pub mod replay;
pub mod rule;
pub mod tags;
pub mod target;

use kernel::{Ctx, Reader, Result, Scope};

use crate::errors;
use crate::rules::arn::BusName;
use crate::state::bus::{self as buses, Bus};
use crate::state::rule::{self as rules, Rule};

/// # Errors
/// `ResourceNotFoundException`.
pub(crate) fn get_bus(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Bus> {
    buses::find(from, scope, name)?.ok_or_else(|| errors::no_bus(name))
}

/// # Errors
/// `ResourceNotFoundException`, of the bus or of the rule.
pub(crate) fn get_rule(from: &mut impl Reader, scope: &Scope, bus: &str, name: &str) -> Result<Rule> {
    get_bus(from, scope, bus)?;
    rules::find(from, scope, bus, name)?.ok_or_else(|| errors::no_rule(name, bus))
}

/// The bus a request names, and a context in its scope.
pub(crate) fn at_bus(ctx: &Ctx, given: Option<&str>) -> Result<(Ctx, String)> {
    let BusName { scope, name } = BusName::read(ctx.scope(), given)?;
    Ok((ctx.in_scope(scope), name))
}
