//! Sealing what a group keeps under data keys of its KMS key, which KMS hands to the service itself: the key's policy
//! lets it in (user guide, "Encrypt log data using AWS KMS").

use std::collections::BTreeMap;
use std::sync::Arc;

use api_kms::{DecryptRequest, DescribeKeyRequest, GenerateDataKeyRequest, op};
use api_logs::{AssociateKmsKeyRequest, DisassociateKmsKeyRequest};
use bytes::Bytes;
use kernel::{Ctx, Error, KeySealer, Kind, Result, Sealer};

use crate::errors;
use crate::rules::name::group_arn;
use crate::rules::principal::of_region;
use crate::state::chunk::Body;
use crate::state::group::{self, Group};
use crate::state::key::{KEPT_MS, Keys, Ready, Use};

/// What KMS binds data keys to.
const CONTEXT: &str = "aws:logs:arn";

pub async fn associate_kms_key(ctx: &Ctx, input: AssociateKmsKeyRequest) -> Result<()> {
    let name = input.log_group_name.ok_or_else(|| errors::invalid("logGroupName must be specified"))?;
    super::group_by_name(ctx, &name).await?;
    let key = check_key(ctx, &name, &input.kms_key_id).await?;
    group::change(ctx, &name, |group| {
        group.kms_key = Some(key.clone());
        Ok(())
    })
    .await
}

pub async fn disassociate_kms_key(ctx: &Ctx, input: DisassociateKmsKeyRequest) -> Result<()> {
    let name = input.log_group_name.ok_or_else(|| errors::invalid("logGroupName must be specified"))?;
    group::change(ctx, &name, |group| {
        group.kms_key = None;
        Ok(())
    })
    .await
}

fn own_name(ctx: &Ctx) -> &'static str {
    of_region(ctx.region().as_str())
}

fn context_of(arn: &str) -> Option<BTreeMap<String, String>> {
    Some(BTreeMap::from([(CONTEXT.to_owned(), arn.to_owned())]))
}

/// The ARN of a key that can be used for a group.
///
/// # Errors
/// When the key is none, or its policy does not let the service in.
pub async fn check_key(ctx: &Ctx, group: &str, key: &str) -> Result<String> {
    if !key.starts_with("arn:") || key.contains(":alias/") {
        return Err(errors::invalid("The specified kmsKeyId must be the ARN of a key"));
    }
    let arn = group_arn(ctx.scope(), group);
    let look = DescribeKeyRequest { key_id: key.to_owned(), ..Default::default() };
    ctx.call_named(own_name(ctx), &arn, op::DescribeKey, look).await.map_err(|error| refused(error, &arn))?;
    new_key(ctx, &arn, key).await?;
    Ok(key.to_owned())
}

fn refused(error: Error, arn: &str) -> Error {
    match error.kind() {
        Kind::Internal | Kind::Unavailable | Kind::Throttled => error,
        _ => errors::key_refused(arn).because(error),
    }
}

async fn new_key(ctx: &Ctx, arn: &str, key: &str) -> Result<Ready> {
    let wanted = GenerateDataKeyRequest {
        key_id: key.to_owned(),
        key_spec: Some("AES_256".to_owned()),
        encryption_context: context_of(arn),
        ..Default::default()
    };
    let made = ctx
        .call_named(own_name(ctx), arn, op::GenerateDataKey, wanted)
        .await
        .map_err(|error| refused(error, arn))?;
    let plaintext = made.plaintext.unwrap_or_default();
    Ok(Ready {
        key: Arc::new(KeySealer::new(&plaintext)?),
        wrapped: Bytes::from(made.ciphertext_blob.unwrap_or_default().to_vec()),
        ends_at: ctx.now() + KEPT_MS,
    })
}

/// The body of new events, sealed where the group has a key.
pub async fn seal(ctx: &Ctx, group: &Group, events: Vec<u8>) -> Result<Body> {
    let Some(key) = &group.kms_key else {
        return Ok(Body { wrapped_key: Bytes::new(), events: events.into() });
    };
    let what = Use::Seal(group.id, key.clone());
    let ready = match ctx.own::<Keys>().find(&what, ctx.now()) {
        Some(ready) => ready,
        None => {
            let ready = new_key(ctx, &group_arn(ctx.scope(), &group.name), key).await?;
            ctx.own::<Keys>().keep(what, ready.clone(), ctx.now());
            ready
        }
    };
    let sealed = ready.key.seal(&group.id.to_be_bytes(), &events)?;
    Ok(Body { wrapped_key: ready.wrapped, events: sealed.into() })
}

/// The events of a body.
///
/// # Errors
/// When the key they are sealed under cannot be used any more.
pub async fn open(ctx: &Ctx, group: &Group, body: &Body) -> Result<Bytes> {
    if body.wrapped_key.is_empty() {
        return Ok(body.events.clone());
    }
    let what = Use::Open(body.wrapped_key.clone());
    let key = match ctx.own::<Keys>().find(&what, ctx.now()) {
        Some(ready) => ready.key,
        None => {
            let arn = group_arn(ctx.scope(), &group.name);
            let wanted = DecryptRequest {
                ciphertext_blob: Some(body.wrapped_key.to_vec().into()),
                encryption_context: context_of(&arn),
                ..Default::default()
            };
            let opened = ctx
                .call_named(own_name(ctx), &arn, op::Decrypt, wanted)
                .await
                .map_err(|error| refused(error, &arn))?;
            let key = Arc::new(KeySealer::new(&opened.plaintext.unwrap_or_default())?);
            let (wrapped, ends_at) = (body.wrapped_key.clone(), ctx.now() + KEPT_MS);
            ctx.own::<Keys>().keep(what, Ready { key: key.clone(), wrapped, ends_at }, ctx.now());
            key
        }
    };
    Ok(key.open(&group.id.to_be_bytes(), &body.events)?.into())
}
