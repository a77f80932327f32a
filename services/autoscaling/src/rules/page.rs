//! Pages of listings.

use kernel::{Ctx, Result};

use crate::errors;

/// The largest page, and the usual one.
pub const RECORDS_MAX: i32 = 100;
pub const RECORDS_USUAL: i32 = 50;

/// Cuts a page out of what was found, in its order; gives the token of the next.
///
/// # Errors
/// When the size is out of bounds or the token is not one of this operation.
pub fn cut<T>(
    ctx: &Ctx,
    operation: &str,
    all: Vec<T>,
    (token, size): (Option<String>, Option<i32>),
) -> Result<(Vec<T>, Option<String>)> {
    let size = size.unwrap_or(RECORDS_USUAL);
    if size < 1 {
        return Err(errors::validation("MaxRecords must be at least 1"));
    }
    let size = usize::try_from(size.min(RECORDS_MAX)).unwrap_or(1);
    ctx.cut_page(operation, all, token.as_deref(), size).ok_or_else(errors::bad_token)
}
