//! Who callers are: credentials and sessions, by what the services that keep identities know.

use std::sync::Arc;

use super::{HOUSE_SCOPE, House};
use crate::access_key::TEMPORARY;
use crate::arn::Region;
use crate::authorize::Granted;
use crate::caller::Principal;
use crate::credentials::{Credential, Credentials, NoCredential};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::identities::Identities;
use crate::scope::Scope;
use crate::sessions::{Issued, SessionGrant};

impl House {
    /// Who can say what identities there are; `None` when no service keeps any.
    pub fn identities(self: &Arc<Self>, region: Region) -> Option<Box<dyn Identities>> {
        let service = self.services.iter().find(|service| service.identities.is_some())?;
        let ctx = self.ctx(service.def.name, Scope { region, ..HOUSE_SCOPE });
        service.identities.as_ref().map(|make| make(ctx))
    }

    /// What the caller of `ctx` was granted, by the service that keeps identities; `None` when nobody knows it.
    pub(crate) async fn granted(self: &Arc<Self>, ctx: &Ctx) -> Result<Option<Granted>> {
        let Some(identities) = self.identities(ctx.region()) else { return Ok(None) };
        identities.granted(&ctx.caller().principal, ctx.caller().session.as_deref()).await
    }

    /// Issues a session's credentials. Whether its holder may have them is for who asks to know.
    ///
    /// # Errors
    /// When the grant is larger than [`SessionGrant::packed_percent`] lets it be.
    pub fn issue_session(&self, grant: &SessionGrant) -> Result<Issued> {
        self.session_seal.issue(self.ids(), grant)
    }

    /// The credential of a session, where its token is of this house and its holder still exists.
    async fn find_session(
        self: &Arc<Self>,
        access_key: &str,
        token: Option<&str>,
    ) -> std::result::Result<Credential, NoCredential> {
        let token = token.ok_or(NoCredential::InvalidToken)?;
        let opened = self.open_sessions.find(&self.session_seal, access_key, token);
        let opened = opened.ok_or(NoCredential::InvalidToken)?;
        let grant = &opened.session.grant;
        if grant.expires_at <= self.clock.now() {
            return Err(NoCredential::Expired);
        }
        let principal = opened.session.principal.clone();
        if let Some(identities) = self.identities(Region::HOUSE)
            && principal != Principal::Root
        {
            let granted = identities.granted(&principal, Some(&opened.session)).await;
            granted.map_err(NoCredential::Failed)?.ok_or(NoCredential::InvalidToken)?;
        }
        Ok(Credential {
            secret: opened.secret.clone(),
            account: grant.account,
            principal,
            session: Some(opened.session.clone()),
            expires_at: Some(grant.expires_at),
            is_well_known: false,
        })
    }
}

/// The credentials that the services of the house have issued.
impl Credentials for Arc<House> {
    fn find<'a>(
        &'a self,
        access_key: &'a str,
        session_token: Option<&'a str>,
    ) -> crate::BoxFuture<'a, std::result::Result<Credential, NoCredential>> {
        Box::pin(async move {
            if access_key.starts_with(TEMPORARY) {
                return self.find_session(access_key, session_token).await;
            }
            for service in self.services.iter() {
                if let Some(find) = &service.credentials {
                    let ctx = self.ctx(service.def.name, HOUSE_SCOPE);
                    return find(ctx, access_key.to_owned(), session_token.map(str::to_owned)).await;
                }
            }
            Err(NoCredential::Unknown)
        })
    }
}
