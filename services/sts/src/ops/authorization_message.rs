//! What a denial's encoded message says.

use api_sts::{DecodeAuthorizationMessageRequest, DecodeAuthorizationMessageResponse};
use kernel::{Ctx, Result};

use crate::errors;

pub(crate) async fn decode_authorization_message(
    ctx: &Ctx,
    input: DecodeAuthorizationMessageRequest,
) -> Result<DecodeAuthorizationMessageResponse> {
    let decoded = ctx.house().decode_denial(&input.encoded_message).ok_or_else(errors::bad_message)?;
    Ok(DecodeAuthorizationMessageResponse { decoded_message: Some(decoded) })
}
