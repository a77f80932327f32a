//! Secrets at rest: sealed by the house's sealer, bound to what they belong to.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Ctx, Error, Result, Sealer};

/// The sealer the binary plugged in.
pub struct Seal(pub Arc<dyn Sealer>);

/// Seals `secret` so that it opens only for `owner`: a key's id, a device's serial number.
pub fn seal(ctx: &Ctx, owner: &str, secret: &[u8]) -> Result<String> {
    let sealed = ctx.own::<Seal>().0.seal(owner.as_bytes(), secret)?;
    Ok(STANDARD.encode(sealed))
}

/// # Errors
/// When it was sealed for another, under another key, or is damaged.
pub fn open(ctx: &Ctx, owner: &str, sealed: &str) -> Result<Vec<u8>> {
    let sealed = STANDARD.decode(sealed).map_err(Error::internal)?;
    Ok(ctx.own::<Seal>().0.open(owner.as_bytes(), &sealed)?)
}
