//! Who the caller is.

use api_sts::{GetCallerIdentityRequest, GetCallerIdentityResponse};
use kernel::{Ctx, Principal, Result};

pub(crate) async fn get_caller_identity(
    ctx: &Ctx,
    _: GetCallerIdentityRequest,
) -> Result<GetCallerIdentityResponse> {
    let caller = ctx.caller();
    let account = caller.account.to_string();
    let user_id = match &caller.principal {
        Principal::Identity { unique_id, .. } => unique_id.to_string(),
        Principal::Root | Principal::Service(_) | Principal::Anonymous => account.clone(),
    };
    Ok(GetCallerIdentityResponse { user_id: Some(user_id), account: Some(account), arn: Some(caller.arn()) })
}
