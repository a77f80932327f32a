//! What the service that keeps identities tells the house and those of its services that may not depend on it.

use std::sync::Arc;

use policy::Policy;

use crate::BoxFuture;
use crate::arn::{AccountId, Arn};
use crate::authorize::Granted;
use crate::caller::Principal;
use crate::clock::Millis;
use crate::error::Result;
use crate::sessions::Session;

/// A role as it is now.
#[derive(Clone, Debug)]
pub struct Role {
    pub arn: String,
    /// Its unique id, `AROA…`.
    pub id: String,
    pub name: String,
    /// How long its sessions may last, in seconds.
    pub session_s_max: i32,
    pub tags: Vec<(String, String)>,
    /// Who may take it on.
    pub trust: Arc<Policy>,
    /// What its sessions' ARNs begin with; their names follow.
    pub session_arns: String,
    /// The action by which services take it on.
    pub take_on_action: &'static str,
}

/// An OpenID Connect provider whose word an account takes.
#[derive(Clone, Debug)]
pub struct OidcProvider {
    pub arn: String,
    /// The audiences it vouches for here.
    pub clients: Vec<String>,
    /// SHA-1 digests of certificates, in hexadecimal: one of them must be in the chain its keys are fetched by.
    pub thumbprints: Vec<String>,
}

/// A SAML provider whose word an account takes.
#[derive(Clone, Debug)]
pub struct SamlProvider {
    pub arn: String,
    /// What its assertions name as their issuer.
    pub entity_id: String,
    /// Certificates of the keys it signs with: DER.
    pub certificates: Vec<Vec<u8>>,
    /// When what is known of it ends.
    pub valid_until: Option<Millis>,
}

/// Made of a context of the service that keeps identities ([`crate::ServiceBuilder::keeps_identities`]).
pub trait Identities: Send + Sync + 'static {
    /// What a user, a role's session or a federated user was granted; `None` when it is gone.
    fn granted<'a>(
        &'a self,
        principal: &'a Principal,
        session: Option<&'a Session>,
    ) -> BoxFuture<'a, Result<Option<Granted>>>;

    /// The role of this very ARN, path and all.
    fn role<'a>(&'a self, arn: &'a Arn) -> BoxFuture<'a, Result<Option<Role>>>;

    /// The unique id of the user or role of this very ARN, path and all.
    fn id<'a>(&'a self, arn: &'a Arn) -> BoxFuture<'a, Result<Option<String>>>;

    /// The ARN, as it is now, of the user or role with this id that once had the ARN `was`; `None` when it is gone.
    fn arn<'a>(&'a self, was: &'a Arn, id: &'a str) -> BoxFuture<'a, Result<Option<String>>>;

    /// Whether somebody besides root can come into `account` and make keys there: a user with an active access key
    /// and leave to do so.
    fn has_administrator<'a>(&'a self, account: AccountId) -> BoxFuture<'a, Result<bool>>;

    /// Whether a managed policy that `account` may use has this ARN.
    fn knows_policy<'a>(&'a self, account: AccountId, arn: &'a str) -> BoxFuture<'a, Result<bool>>;

    /// The provider at a URL, which is given without its scheme.
    fn oidc_provider<'a>(
        &'a self,
        account: AccountId,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Option<OidcProvider>>>;

    /// The SAML provider of this ARN.
    fn saml_provider<'a>(&'a self, arn: &'a Arn) -> BoxFuture<'a, Result<Option<SamlProvider>>>;

    /// Whether `code` is one that the MFA device of `user` (an ARN) shows now. No code is taken twice.
    fn check_mfa<'a>(&'a self, user: &'a str, serial: &'a str, code: &'a str) -> BoxFuture<'a, Result<bool>>;
}
