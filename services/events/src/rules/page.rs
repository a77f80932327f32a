//! Pages of listings.

use kernel::{Ctx, Result};

use crate::errors;

const PAGE_MAX: usize = 100;

/// A page of `all`, which is in the order of its names, and the token for the next one.
///
/// # Errors
/// When the token is none of ours.
pub fn cut<T>(
    ctx: &Ctx,
    operation: &str,
    all: Vec<T>,
    (token, limit): (Option<String>, Option<i32>),
    name: impl Fn(&T) -> &str,
) -> Result<(Vec<T>, Option<String>)> {
    let after = match token {
        None => None,
        Some(token) => {
            let position = ctx.open_page(operation, &token).and_then(|bytes| String::from_utf8(bytes).ok());
            Some(
                position.ok_or_else(|| {
                    errors::bad_parameter("NextToken", "it is not a token of this listing.")
                })?,
            )
        }
    };
    let size = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let mut left: Vec<T> =
        all.into_iter().filter(|one| after.as_deref().is_none_or(|after| name(one) > after)).collect();
    if left.len() <= size {
        return Ok((left, None));
    }
    left.truncate(size);
    let token = left.last().map(|last| ctx.seal_page(operation, name(last).as_bytes()));
    Ok((left, token))
}
