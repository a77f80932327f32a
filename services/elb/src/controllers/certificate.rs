//! Certificates that listeners name, from whoever keeps them.

use balance::{Certificate, Identity, Versions};
use kernel::{Arn, Ctx, Result};

use crate::errors;

/// The certificate an ARN names, if it can be served; `None` where there is none.
async fn find(ctx: &Ctx, arn: &str) -> Result<Option<Certificate>> {
    let Ok(arn) = arn.parse::<Arn>() else { return Ok(None) };
    let Some(found) = ctx.certificate(arn).await? else { return Ok(None) };
    let certificate = Certificate { chain: found.chain.into(), key: found.key.into() };
    Ok(balance::check_certificate(&certificate).is_ok().then_some(certificate))
}

/// # Errors
/// `CertificateNotFound`.
pub async fn check_there(ctx: &Ctx, arn: &str) -> Result<()> {
    find(ctx, arn).await?.map(drop).ok_or_else(|| errors::certificate_not_found(arn))
}

/// Who a listener is; `None` where its certificate is gone. Of what predefined policies allow, TLS 1.2 is spoken.
pub async fn identity(ctx: &Ctx, arn: &str) -> Result<Option<Identity>> {
    let found = find(ctx, arn).await?;
    Ok(found.map(|one| Identity { certificates: vec![one], versions: Versions::Tls12, alpn: Vec::new() }))
}
