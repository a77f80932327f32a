//! Pages of listings.

use kernel::{Ctx, Result};

use crate::errors;

/// The largest page, and the usual one.
const RECORDS_MAX: i32 = 100;
const RECORDS_USUAL: i32 = 50;
/// Operations whose pages are smaller (API reference).
const OF_FIFTY: [&str; 3] = ["DescribeAutoScalingInstances", "DescribeTrafficSources", "DescribeWarmPool"];

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
    let most = if OF_FIFTY.contains(&operation) { RECORDS_USUAL } else { RECORDS_MAX };
    if !(1..=most).contains(&size) {
        return Err(errors::validation(format!("MaxRecords must be between 1 and {most}")));
    }
    let size = usize::try_from(size).unwrap_or(1);
    ctx.cut_page(operation, all, token.as_deref(), size).ok_or_else(errors::bad_token)
}
