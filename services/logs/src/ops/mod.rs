//! The operations.

pub mod encryption;
pub mod event_filter;
pub mod event_get;
pub mod event_page;
pub mod event_put;
pub mod export;
pub mod group;
pub mod group_fields;
pub mod group_list;
pub mod metric_filter;
pub mod policy;
pub mod query;
pub mod query_definition;
pub mod retention;
pub mod stream;
pub mod subscription;
pub mod tags;
pub mod tail;

use kernel::{Access, Ctx, Result};

use crate::errors;
use crate::state::group::{Group, get};

/// No resource is asked for: leave is given for all or none.
pub(crate) fn anything() -> Result<Access> {
    Ok(Access::any())
}

pub(crate) async fn group_by_name(ctx: &Ctx, name: &str) -> Result<Group> {
    ctx.read(|snap| get(snap, ctx.scope(), name)).await
}

/// A position in a listing by text, sealed for the operation.
pub(crate) fn seal(ctx: &Ctx, operation: &str, position: &str) -> String {
    ctx.seal_page(operation, position.as_bytes())
}

/// # Errors
/// When it is no token of this operation.
pub(crate) fn unseal(ctx: &Ctx, operation: &str, token: Option<&str>) -> Result<Option<String>> {
    let Some(token) = token else { return Ok(None) };
    let bytes = ctx.open_page(operation, token).ok_or_else(errors::bad_token)?;
    String::from_utf8(bytes).map(Some).map_err(|_| errors::bad_token())
}

/// One page of what is in order, by the text each is known by; and the token of the next.
pub(crate) fn page<T>(
    ctx: &Ctx,
    operation: &str,
    token: Option<&str>,
    limit: usize,
    all: Vec<(String, T)>,
) -> Result<(Vec<T>, Option<String>)> {
    let after = unseal(ctx, operation, token)?;
    let start = after.map_or(0, |after| behind(&all, &after));
    let mut rest = all.into_iter().skip(start);
    let page: Vec<(String, T)> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(page.last()).map(|(name, _)| seal(ctx, operation, name));
    Ok((page.into_iter().map(|(_, item)| item).collect(), next))
}

/// Where a listing goes on behind `after`, which may be gone by now: where it stood, if names tell. In another order the
/// listing begins anew rather than never ends.
fn behind<T>(all: &[(String, T)], after: &str) -> usize {
    if let Some(at) = all.iter().position(|(name, _)| name == after) {
        return at + 1;
    }
    // Of one alone nothing tells the order.
    if all.len() < 2 {
        0
    } else if all.is_sorted_by(|(one, _), (next, _)| one <= next) {
        all.partition_point(|(name, _)| name.as_str() <= after)
    } else if all.is_sorted_by(|(one, _), (next, _)| one >= next) {
        all.partition_point(|(name, _)| name.as_str() >= after)
    } else {
        0
    }
}

/// How many a caller wants of at most `max`.
pub(crate) fn limit_of(given: Option<i32>, usual: usize) -> usize {
    given.and_then(|given| usize::try_from(given).ok()).filter(|given| *given > 0).unwrap_or(usual)
}
