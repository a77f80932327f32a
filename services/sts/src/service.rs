//! The contents page of STS.

use api_sts::op;
use kernel::{Access, Plugs, Service, ServiceBuilder};

use crate::ops::{
    access_key, assume_role, authorization_message, caller_identity, federation_token, saml, session_token,
    web_identity,
};
use crate::state::provider_keys::ProviderKeys;

pub fn service(_: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&api_sts::SERVICE);
    s.own(ProviderKeys::default());
    // sessions
    s.op(op::AssumeRole, assume_role::assume_role).access(assume_role::access);
    s.op(op::AssumeRoleWithWebIdentity, web_identity::assume_role_with_web_identity)
        .access(|_, _| Ok(Access::open()));
    s.op(op::AssumeRoleWithSAML, saml::assume_role_with_saml).access(|_, _| Ok(Access::open()));
    s.op(op::GetFederationToken, federation_token::get_federation_token).access(federation_token::access);
    // AWS: no permission is needed to be given what one has already.
    s.op(op::GetSessionToken, session_token::get_session_token).access(|_, _| Ok(Access::free()));
    // who and why
    // Whoever has signed may ask who they are: AWS lets no policy forbid it.
    s.op(op::GetCallerIdentity, caller_identity::get_caller_identity).access(|_, _| Ok(Access::free()));
    s.op(op::GetAccessKeyInfo, access_key::get_access_key_info).access(|_, _| Ok(Access::free()));
    s.op(op::DecodeAuthorizationMessage, authorization_message::decode_authorization_message)
        .access(|_, _| Ok(Access::any()));
    s.build()
}
