//! The operations, by what they are about.

pub mod certificate;
pub mod certificate_view;
pub mod tags;

use kernel::{Ctx, Reader, Result, Scope};

use crate::errors;
use crate::state::certificate::{Certificate, find};

/// # Errors
/// `InvalidArnException`, `ResourceNotFoundException`.
pub(crate) fn get(from: &mut impl Reader, scope: &Scope, arn: &str) -> Result<Certificate> {
    if !arn.starts_with("arn:") || !arn.contains(":certificate/") {
        return Err(errors::bad_arn(arn));
    }
    find(from, scope, arn)?.ok_or_else(|| errors::not_found(arn, &scope.account.to_string()))
}

pub(crate) async fn read(ctx: &Ctx, arn: &str) -> Result<Certificate> {
    let scope = *ctx.scope();
    ctx.read(|snap| get(snap, &scope, arn)).await
}
