//! Where the secret behind an access key is found: a small plug between the wire, which verifies, and whoever issues keys.

use std::sync::Arc;

use crate::BoxFuture;
use crate::arn::AccountId;
use crate::caller::Principal;
use crate::clock::Millis;
use crate::error::Error;
use crate::sessions::Session;

/// What an access key stands for.
#[derive(Clone)]
pub struct Credential {
    /// The key's secret half, as the client holds it.
    pub secret: Arc<str>,
    pub account: AccountId,
    pub principal: Principal,
    /// The session it is of; `None` for lasting ones.
    pub session: Option<Arc<Session>>,
    /// When a temporary credential ends; `None` for lasting ones.
    pub expires_at: Option<Millis>,
    /// Everybody knows it: it proves nothing, and serves programs on this host only.
    pub is_well_known: bool,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = (&self.account, &self.principal, &self.expires_at);
        f.debug_tuple("Credential").field(&shown).finish()
    }
}

/// Why there is no credential to verify with.
#[derive(Debug)]
pub enum NoCredential {
    /// Nobody holds this access key, or its holder is gone.
    Unknown,
    /// The session token does not belong to the access key, or is missing where the key needs one.
    InvalidToken,
    /// The key was temporary and its time is over.
    Expired,
    /// The answer could not be had.
    Failed(Error),
}

/// Finds credentials by access key.
pub trait Credentials: Send + Sync + 'static {
    /// The credential of `access_key`, as signed together with `session_token` where the request bears one.
    fn find<'a>(
        &'a self,
        access_key: &'a str,
        session_token: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Credential, NoCredential>>;
}
