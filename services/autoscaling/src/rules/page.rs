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
    let from = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => {
            let position = ctx.open_page(operation, &token).and_then(|bytes| bytes.try_into().ok());
            let position = position.ok_or_else(errors::bad_token)?;
            usize::try_from(u64::from_be_bytes(position)).unwrap_or(usize::MAX)
        }
    };
    let size = usize::try_from(size.min(RECORDS_MAX)).unwrap_or(1);
    let count = all.len();
    let page: Vec<T> = all.into_iter().skip(from).take(size).collect();
    let end = from.saturating_add(page.len());
    let position = u64::try_from(end).unwrap_or(u64::MAX).to_be_bytes();
    Ok((page, (end < count).then(|| ctx.seal_page(operation, &position))))
}
