//! Pages of listings.

use kernel::{Ctx, Result};

use crate::errors;

/// The largest page, and the usual one.
const PAGE_MAX: i32 = 400;

/// Cuts a page out of what was found, in its order; gives the marker of the next.
///
/// # Errors
/// When the size is out of bounds or the marker is not one of this operation.
pub fn cut<T>(
    ctx: &Ctx,
    operation: &str,
    all: Vec<T>,
    (marker, size): (Option<String>, Option<i32>),
) -> Result<(Vec<T>, Option<String>)> {
    let size = size.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&size) {
        return Err(errors::validation(format!("'pageSize' must be between 1 and {PAGE_MAX} inclusive")));
    }
    let from = match marker.filter(|marker| !marker.is_empty()) {
        None => 0,
        Some(marker) => {
            let position = ctx.open_page(operation, &marker).and_then(|bytes| bytes.try_into().ok());
            let position = position.ok_or_else(|| errors::validation("'Marker' is not valid"))?;
            usize::try_from(u64::from_be_bytes(position)).unwrap_or(usize::MAX)
        }
    };
    let size = usize::try_from(size).unwrap_or(1);
    let count = all.len();
    let page: Vec<T> = all.into_iter().skip(from).take(size).collect();
    let end = from.saturating_add(page.len());
    let position = u64::try_from(end).unwrap_or(u64::MAX).to_be_bytes();
    Ok((page, (end < count).then(|| ctx.seal_page(operation, &position))))
}
