//! Sealing and opening bodies: under the house's key, or under data keys that KMS hands to the caller.

use std::collections::BTreeMap;

use api_kms::{DecryptRequest, DescribeKeyRequest, GenerateDataKeyRequest, op};
use bytes::Bytes;
use kernel::{Ctx, Error, KeySealer, Millis, Result, Sealer};
use std::sync::Arc;

use crate::errors;
use crate::rules::address::Address;
use crate::state::data_key::{DataKeys, Ready, Use};
use crate::state::message::{Message, Sealed};
use crate::state::open::OpenQueue;

/// The key KMS has for queues that name it; made when the first of them is used.
const OWN_KEY: &str = "alias/aws/sqs";
/// What KMS binds a data key to.
const CONTEXT: &str = "aws:sqs:arn";

/// A key for what is being sent to a queue.
pub struct Sealing {
    ready: Ready,
    /// The queue's ARN, where the key is KMS's.
    of_kms: Option<String>,
}

/// The key a queue's messages are sealed under, for this sender; `None` where the queue asks for none.
///
/// # Errors
/// Those of KMS, as SQS words them.
pub async fn sealing(ctx: &Ctx, queue: &OpenQueue) -> Result<Option<Sealing>> {
    let record = queue.record();
    let Some(key_id) = &record.settings.kms_key else {
        return Ok(match record.settings.managed_sse {
            true => Some(Sealing { ready: ctx.own::<DataKeys>().of_house(ctx).await?, of_kms: None }),
            false => None,
        });
    };
    let what = Use::Seal(queue.arn.clone(), key_id.clone(), ctx.caller().arn());
    let now = ctx.now();
    let ready = match ctx.own::<DataKeys>().find(&what, now) {
        Some(ready) => ready,
        None => {
            let ends_at = now + Millis::from(record.settings.data_key_reuse_s) * 1_000;
            let ready = ask_for_key(ctx, queue, key_id, ends_at).await.map_err(errors::of_kms)?;
            ctx.own::<DataKeys>().keep(what, ready.clone(), now);
            ready
        }
    };
    Ok(Some(Sealing { ready, of_kms: Some(queue.arn.clone()) }))
}

fn context_of(arn: &str) -> Option<BTreeMap<String, String>> {
    Some(BTreeMap::from([(CONTEXT.to_owned(), arn.to_owned())]))
}

/// A new data key, in the caller's name. It is decrypted once before it is used, so that who sends what nobody could
/// read is refused, as AWS does.
async fn ask_for_key(ctx: &Ctx, queue: &OpenQueue, key_id: &str, ends_at: Millis) -> Result<Ready> {
    let ctx = ctx.in_scope(queue.scope);
    if key_id.ends_with(OWN_KEY) {
        let look = DescribeKeyRequest { key_id: key_id.to_owned(), ..Default::default() };
        ctx.call_as_service(op::DescribeKey, look).await?;
    }
    let wanted = GenerateDataKeyRequest {
        key_id: key_id.to_owned(),
        key_spec: Some("AES_256".to_owned()),
        encryption_context: context_of(&queue.arn),
        ..Default::default()
    };
    let wrapped = ctx.call(op::GenerateDataKey, wanted).await?.ciphertext_blob.unwrap_or_default();
    let wrapped: Bytes = Bytes::from(wrapped.to_vec());
    let key = unwrap(&ctx, &wrapped, &queue.arn).await?;
    Ok(Ready { key, wrapped, ends_at })
}

/// Has KMS open a data key, in the caller's name.
async fn unwrap(ctx: &Ctx, wrapped: &Bytes, queue_arn: &str) -> Result<Arc<KeySealer>> {
    let wanted = DecryptRequest {
        ciphertext_blob: Some(wrapped.to_vec().into()),
        encryption_context: context_of(queue_arn),
        ..Default::default()
    };
    let plaintext = ctx.call(op::Decrypt, wanted).await?.plaintext.unwrap_or_default();
    Ok(Arc::new(KeySealer::new(&plaintext)?))
}

/// Seals a message's body, bound to its id.
pub fn seal(sealing: &Sealing, message: &mut Message) -> Result<()> {
    let text = sealing.ready.key.seal(&message.id.to_be_bytes(), message.body.as_bytes())?;
    message.body = String::new();
    message.sealed = Some(Sealed {
        text: text.into(),
        wrapped: sealing.ready.wrapped.clone(),
        queue_arn: sealing.of_kms.clone(),
    });
    Ok(())
}

/// Opens a message's body for the caller, where it is sealed. A key of KMS is asked for again after the queue's time.
///
/// # Errors
/// Those of KMS, as SQS words them.
pub async fn open(ctx: &Ctx, queue: &OpenQueue, message: &mut Message) -> Result<()> {
    let Some(Sealed { text, wrapped, queue_arn }) = message.sealed.take() else { return Ok(()) };
    let key = match queue_arn {
        None => ctx.own::<DataKeys>().open_of_house(&wrapped, ctx.now())?,
        Some(arn) => opened_by_kms(ctx, queue, wrapped, &arn).await.map_err(errors::of_kms)?,
    };
    let body = key.open(&message.id.to_be_bytes(), &text)?;
    message.body = String::from_utf8(body).map_err(Error::internal)?;
    Ok(())
}

async fn opened_by_kms(ctx: &Ctx, queue: &OpenQueue, wrapped: Bytes, arn: &str) -> Result<Arc<KeySealer>> {
    let now = ctx.now();
    let what = Use::Open(wrapped.clone(), ctx.caller().arn());
    if let Some(ready) = ctx.own::<DataKeys>().find(&what, now) {
        return Ok(ready.key);
    }
    let scope = Address::of_arn(arn).map_or(queue.scope, |address| address.scope);
    let key = unwrap(&ctx.in_scope(scope), &wrapped, arn).await?;
    let ends_at = now + Millis::from(queue.record().settings.data_key_reuse_s) * 1_000;
    ctx.own::<DataKeys>().keep(what, Ready { key: key.clone(), wrapped, ends_at }, now);
    Ok(key)
}
