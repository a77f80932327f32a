//! Certificates that listeners name, from whoever keeps them.

use balance::{Certificate, Identity};
use kernel::{Arn, Ctx, Result};

use crate::rules::{listener as rules, ssl_policy};
use crate::state::listener::Listener;

/// The certificate an ARN names, if it can be served; `None` where there is none.
pub async fn find(ctx: &Ctx, arn: &str) -> Result<Option<Certificate>> {
    let Ok(arn) = arn.parse::<Arn>() else { return Ok(None) };
    let Some(found) = ctx.certificate(arn).await? else { return Ok(None) };
    let certificate = Certificate { chain: found.chain.into(), key: found.key.into() };
    Ok(balance::check_certificate(&certificate).is_ok().then_some(certificate))
}

/// Who a listener is; `None` where it speaks no TLS, or its default certificate is gone.
pub async fn identity(ctx: &Ctx, of: &Listener) -> Result<Option<Identity>> {
    let mut certificates = Vec::new();
    for arn in &of.certificates {
        certificates.extend(find(ctx, arn).await?);
    }
    let Some(policy) = of.ssl_policy.as_deref().filter(|_| !certificates.is_empty()) else { return Ok(None) };
    let alpn = rules::alpn_protocols(of.alpn.as_deref()).iter().map(|&name| name.to_owned()).collect();
    Ok(Some(Identity { certificates, versions: ssl_policy::versions(policy)?, alpn }))
}
