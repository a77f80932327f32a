//! Page tokens: sealed here, so that what rules say of pages needs no secret.

use kernel::{Ctx, Result};

use crate::errors;
use crate::rules::page::Page;

/// The page a request asks for.
///
/// # Errors
/// When MaxResults is out of bounds, or the token is not one this operation gave in this scope.
pub fn open(ctx: &Ctx, operation: &str, max_results: Option<i32>, token: Option<String>) -> Result<Page> {
    let after = token.map(|token| {
        let position = ctx.open_page(operation, &token).and_then(|bytes| String::from_utf8(bytes).ok());
        position.ok_or_else(|| errors::token_invalid(&token))
    });
    Page::check(max_results, after.transpose()?)
}

/// The token of the page after the one that ended with `last`.
pub fn seal(ctx: &Ctx, operation: &str, last: Option<String>) -> Option<String> {
    last.map(|last| ctx.seal_page(operation, last.as_bytes()))
}
