//! Sessions of a user, or of the account itself.

use api_sts::{GetSessionTokenRequest, GetSessionTokenResponse};
use kernel::{Ctx, Principal, Result, SessionGrant, SessionOf};

use super::{issue, take_mfa};
use crate::errors;
use crate::rules::duration;

pub(crate) async fn get_session_token(
    ctx: &Ctx,
    input: GetSessionTokenRequest,
) -> Result<GetSessionTokenResponse> {
    let caller = ctx.caller();
    if caller.session.is_some() {
        return Err(errors::needs_lasting_credentials("GetSessionToken"));
    }
    let of = match &caller.principal {
        Principal::Root => SessionOf::Root,
        Principal::Identity { arn, unique_id } => {
            SessionOf::User { arn: arn.to_string(), unique_id: unique_id.to_string() }
        }
        Principal::Service(_) | Principal::Anonymous => return Err(errors::needs_user("GetSessionToken")),
    };
    let mfa_at = take_mfa(ctx, input.serial_number.as_deref(), input.token_code.as_deref()).await?;
    let lasts = duration::of_user(input.duration_seconds, caller.principal == Principal::Root);
    let grant = SessionGrant {
        mfa_at,
        ..SessionGrant::new(caller.account, of, ctx.now(), ctx.now() + i64::from(lasts) * 1_000)
    };
    let (credentials, _) = issue(ctx, &grant)?;
    Ok(GetSessionTokenResponse { credentials: Some(credentials) })
}
