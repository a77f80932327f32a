//! Certificates with their keys: kept by the services that own them, handed only to services that take TLS off connections.

use std::fmt;
use std::sync::Arc;

use crate::BoxFuture;
use crate::arn::Arn;
use crate::clock::Millis;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::house::House;
use crate::scope::Scope;

/// A certificate with its chain, the leaf first, and its key, all in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyedCertificate {
    pub chain: String,
    pub key: String,
}

impl fmt::Debug for KeyedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedCertificate").finish_non_exhaustive()
    }
}

/// Finds a certificate by its ARN, in its scope.
pub(crate) type FindCertificate =
    Box<dyn Fn(Ctx, Arn) -> BoxFuture<'static, Result<Option<KeyedCertificate>>> + Send + Sync>;

/// Issues certificates that whoever trusts the house's own authority trusts. The binary plugs one in.
pub trait Issuer: Send + Sync {
    /// A certificate for these names, with a key of its own, for so long; the chain ends with the authority.
    ///
    /// # Errors
    /// When the authority cannot be used, or a name cannot be in a certificate.
    fn issue(&self, names: &[String], life_ms: Millis) -> Result<KeyedCertificate>;
}

impl House {
    /// The certificate an ARN names, from the service that keeps it; `None` where there is none.
    pub(crate) async fn certificate(
        self: &Arc<Self>,
        asking: &Ctx,
        arn: Arn,
    ) -> Result<Option<KeyedCertificate>> {
        let Some((service, find)) = self.keeper_of_certificates(&arn.service) else { return Ok(None) };
        let region = arn.region.parse().unwrap_or(asking.region());
        find(self.ctx(service, Scope { region, ..*asking.scope() }), arn).await
    }
}

impl Ctx {
    /// The certificate of this account that an ARN names, with its key; `None` where there is none.
    pub async fn certificate(&self, arn: Arn) -> Result<Option<KeyedCertificate>> {
        if arn.account != self.account().to_string() {
            return Ok(None);
        }
        self.house().certificate(self, arn).await
    }
}
