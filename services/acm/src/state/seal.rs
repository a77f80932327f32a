//! Keys at rest: sealed by the house's sealer, bound to their certificate.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Ctx, Error, Result, Sealer};

/// The sealer the binary plugged in.
pub struct Seal(pub Arc<dyn Sealer>);

pub fn seal(ctx: &Ctx, arn: &str, key: &str) -> Result<String> {
    Ok(STANDARD.encode(ctx.own::<Seal>().0.seal(arn.as_bytes(), key.as_bytes())?))
}

/// # Errors
/// When it was sealed for another, under another root key, or is damaged.
pub fn open(ctx: &Ctx, arn: &str, sealed: &str) -> Result<String> {
    let sealed = STANDARD.decode(sealed).map_err(Error::internal)?;
    let key = ctx.own::<Seal>().0.open(arn.as_bytes(), &sealed)?;
    String::from_utf8(key).map_err(Error::internal)
}
