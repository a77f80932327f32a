//! Whose an access key is.

use api_sts::{GetAccessKeyInfoRequest, GetAccessKeyInfoResponse};
use kernel::{Ctx, Result, access_key};

use crate::errors;

/// The id says it, whether or not the key is still there.
pub(crate) async fn get_access_key_info(
    _: &Ctx,
    input: GetAccessKeyInfoRequest,
) -> Result<GetAccessKeyInfoResponse> {
    let account = access_key::account_of(&input.access_key_id).ok_or_else(errors::unknown_access_key)?;
    Ok(GetAccessKeyInfoResponse { account: Some(account.to_string()) })
}
