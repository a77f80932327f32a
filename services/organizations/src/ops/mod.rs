//! The operations, one file per resource.

pub mod account;
pub mod attachment;
pub mod handshake;
pub mod organization;
pub mod policy;
pub mod tags;
pub mod tree;
pub mod unit;

use kernel::{Ctx, Result};

use crate::errors;

const PAGE_MAX: i32 = 20;

/// A page of what is listed in the order of `key`, and the token of the next.
pub(crate) fn page<T>(
    ctx: &Ctx,
    operation: &str,
    items: Vec<T>,
    key: impl Fn(&T) -> &str,
    token: Option<&str>,
    max_results: Option<i32>,
) -> Result<(Vec<T>, Option<String>)> {
    let after = match token {
        None => None,
        Some(token) => {
            let position = ctx.open_page(operation, token).and_then(|bytes| String::from_utf8(bytes).ok());
            let invalid = || errors::invalid("INVALID_NEXT_TOKEN", "You specified an invalid next token.");
            Some(position.ok_or_else(invalid)?)
        }
    };
    let limit = usize::try_from(max_results.unwrap_or(PAGE_MAX)).unwrap_or_default().max(1);
    let behind = |item: &T| after.as_deref().is_none_or(|after| key(item) > after);
    let mut rest = items.into_iter().filter(behind);
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    let next = page.last().filter(|_| more).map(|last| ctx.seal_page(operation, key(last).as_bytes()));
    Ok((page, next))
}
