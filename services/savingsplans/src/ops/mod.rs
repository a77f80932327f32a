//! What each operation does.

pub mod offering;
pub mod plan;
pub mod plan_view;
pub mod tag;

use kernel::{Ctx, Reader, Result};

use crate::errors;
use crate::rules::plan::SavingsPlan;
use crate::state::plan as stored;

/// The largest page, which is also what is given where no size is asked for.
const PAGE_MAX: usize = 1_000;

/// # Errors
/// `ResourceNotFoundException`.
fn get(from: &mut impl Reader, ctx: &Ctx, id: &str) -> Result<SavingsPlan> {
    stored::find(from, ctx.scope(), id)?.ok_or_else(|| errors::plan_not_found(id))
}

/// A page of what is whole in memory, and the token of the next one.
fn page<T>(
    ctx: &Ctx,
    operation: &str,
    all: Vec<T>,
    size: Option<i32>,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>)> {
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0).unwrap_or(PAGE_MAX);
    // In the alphabet that the model has for tokens here.
    let token = token.map(|token| token.replace('+', "-").replace('/', "_"));
    let page = ctx.cut_page(operation, all, token.as_deref(), size.min(PAGE_MAX));
    let (page, next) = page.ok_or_else(errors::token_invalid)?;
    Ok((page, next.map(|next| next.replace('-', "+").replace('_', "/"))))
}
