//! Handlers, one file per resource.

pub(crate) mod access_key;
pub(crate) mod assume_role;
pub(crate) mod authorization_message;
pub(crate) mod caller_identity;
pub(crate) mod federation_token;
pub(crate) mod saml;
pub(crate) mod session_token;
mod vouched;
pub(crate) mod web_identity;

use api_sts::Credentials;
use kernel::{Ctx, Identities, Issued, Result, SessionGrant};
use shape::Timestamp;

use crate::errors;
use crate::rules::narrowing;

/// Issues what was granted, as answers show it, with its packed size in percent.
fn issue(ctx: &Ctx, grant: &SessionGrant) -> Result<(Credentials, Option<i32>)> {
    let packed = narrowing::check_packed(grant)?;
    let Issued { access_key_id, secret, session_token, expires_at } = ctx.house().issue_session(grant)?;
    let credentials = Credentials {
        access_key_id,
        secret_access_key: secret,
        session_token,
        expiration: Timestamp::from_millis(expires_at),
    };
    Ok((credentials, packed))
}

/// Who can say what identities there are.
fn identities(ctx: &Ctx) -> Result<Box<dyn Identities>> {
    let none = || kernel::gate::not_implemented("sts", "sessions without a service that keeps identities");
    ctx.house().identities(ctx.region()).ok_or_else(none)
}

/// Every managed policy passed must be there for `account`.
async fn check_policies(ctx: &Ctx, grant: &SessionGrant) -> Result<()> {
    for arn in &grant.policy_arns {
        if !identities(ctx)?.knows_policy(grant.account, arn).await? {
            return Err(errors::no_such_policy(arn));
        }
    }
    Ok(())
}

/// Takes the code of the caller's MFA device, where one is given: when it was.
async fn take_mfa(ctx: &Ctx, serial: Option<&str>, code: Option<&str>) -> Result<Option<kernel::Millis>> {
    let (serial, code) = match (serial, code) {
        (None, None) => return Ok(None),
        (Some(serial), Some(code)) => (serial, code),
        _ => return Err(errors::mfa_half_given()),
    };
    let is_taken = identities(ctx)?.check_mfa(&ctx.caller().arn(), serial, code).await?;
    if is_taken { Ok(Some(ctx.now())) } else { Err(errors::mfa_failed()) }
}
