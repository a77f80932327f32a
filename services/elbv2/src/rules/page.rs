//! Pages of listings.

use kernel::{Ctx, Result};

use crate::errors;

/// The largest page, and the usual one.
const PAGE_MAX: i32 = 400;

/// What one call may name (API reference, DescribeLoadBalancers).
const NAMED_MAX: usize = 20;

/// # Errors
/// `ValidationError` where more are named.
pub fn check_named(what: &str, count: usize) -> Result<()> {
    if count > NAMED_MAX {
        return Err(errors::validation(format!("At most {NAMED_MAX} {what} can be described at once")));
    }
    Ok(())
}

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
    let page = ctx.cut_page(operation, all, marker.as_deref(), usize::try_from(size).unwrap_or(1));
    page.ok_or_else(|| errors::validation("'Marker' is not valid"))
}
