//! The secret behind an object's bytes: the bucket's, the customer's, or a data key that KMS hands to the caller.

use api_kms::{DecryptRequest, DescribeKeyRequest, GenerateDataKeyRequest, op};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::{Ctx, Result, Scope};

use super::{bucket_arn, vault};
use crate::errors;
use crate::rules::encryption::{CustomerKey, Encryption, OfKms, Wanted, WantedKms};
use crate::rules::seal::Secret;
use crate::state::bucket::Bucket;
use crate::state::data_key::{DataKeys, Given, REUSE_MS, Use};

/// The key KMS has for objects that name none; made when the first of them is put.
const OWN_KEY: &str = "alias/aws/s3";

/// A secret for a new object, and what is to be stored of it.
///
/// # Errors
/// Those of KMS, as S3 words them.
pub(super) async fn sealing(
    ctx: &Ctx,
    bucket: &Bucket,
    key: &str,
    wanted: &Wanted,
) -> Result<(Secret, Encryption)> {
    match wanted {
        Wanted::S3 => Ok((vault(ctx).secret(bucket)?, Encryption::S3)),
        Wanted::Customer(key) => Ok((key.secret, Encryption::Customer { key_md5: key.md5.clone() })),
        Wanted::Kms(wanted) => {
            let given = of_kms(ctx, bucket, key, wanted).await?;
            Ok((given.secret, Encryption::Kms(Box::new(given.of))))
        }
    }
}

async fn of_kms(ctx: &Ctx, bucket: &Bucket, key: &str, wanted: &WantedKms) -> Result<Given> {
    let now = ctx.now();
    // What is bound to a context of the caller's own is nobody else's.
    let shared = (wanted.bucket_key && wanted.context.is_empty())
        .then(|| Use::Seal(bucket.id, wanted.key_id.clone(), ctx.caller().arn()));
    if let Some(given) = shared.as_ref().and_then(|what| ctx.own::<DataKeys>().find(what, now)) {
        return Ok(given);
    }
    let given = ask(ctx, bucket, key, wanted).await.map_err(errors::of_kms)?;
    if let Some(what) = shared {
        ctx.own::<DataKeys>().keep(what, given.clone(), now);
    }
    Ok(given)
}

/// A new data key, in the caller's name. A key that is named without its account is the caller's own.
async fn ask(ctx: &Ctx, bucket: &Bucket, key: &str, wanted: &WantedKms) -> Result<Given> {
    let ctx = ctx.in_scope(Scope { account: ctx.caller().account, region: bucket.region });
    let key_id = wanted.key_id.clone().unwrap_or_else(|| OWN_KEY.to_owned());
    if key_id.ends_with(OWN_KEY) {
        let look = DescribeKeyRequest { key_id: key_id.clone(), ..Default::default() };
        ctx.call_as_service(op::DescribeKey, look).await?;
    }
    let context = wanted.context(&bucket_arn(ctx.partition(), bucket), key);
    let input = GenerateDataKeyRequest {
        key_id,
        key_spec: Some("AES_256".to_owned()),
        encryption_context: Some(context.clone()),
        ..Default::default()
    };
    let made = ctx.call(op::GenerateDataKey, input).await?;
    let of = OfKms {
        key: made.key_id.unwrap_or_default(),
        wrapped: STANDARD.encode(made.ciphertext_blob.unwrap_or_default()),
        context,
        bucket_key: wanted.bucket_key,
        given: wanted.given.clone(),
    };
    let secret = secret_of(&made.plaintext.unwrap_or_default())?;
    Ok(Given { secret, of, ends_at: ctx.now() + REUSE_MS })
}

fn secret_of(bytes: &[u8]) -> Result<Secret> {
    bytes.try_into().map_err(|_| errors::damaged("a data key"))
}

/// The secret of what was stored so, for this caller, who has brought the customer's key where it takes one.
///
/// # Errors
/// Those of KMS, as S3 words them; *InvalidRequest*, *AccessDenied* for a customer's key that is missing or wrong.
pub(super) async fn opening(
    ctx: &Ctx,
    bucket: &Bucket,
    encryption: &Encryption,
    customer: Option<&CustomerKey>,
) -> Result<Secret> {
    encryption.check(customer)?;
    match (encryption, customer) {
        (_, Some(key)) => Ok(key.secret),
        (Encryption::Kms(of), None) => opened_by_kms(ctx, bucket, of).await,
        (_, None) => vault(ctx).secret(bucket),
    }
}

async fn opened_by_kms(ctx: &Ctx, bucket: &Bucket, of: &OfKms) -> Result<Secret> {
    let now = ctx.now();
    let what = Use::Open(of.wrapped.clone(), ctx.caller().arn());
    if let Some(given) = ctx.own::<DataKeys>().find(&what, now).filter(|_| of.bucket_key) {
        return Ok(given.secret);
    }
    let inside = ctx.in_scope(Scope { account: ctx.caller().account, region: bucket.region });
    let wrapped = STANDARD.decode(&of.wrapped).map_err(|_| errors::damaged("a wrapped data key"))?;
    let input = DecryptRequest {
        ciphertext_blob: Some(wrapped.into()),
        encryption_context: Some(of.context.clone()),
        key_id: Some(of.key.clone()),
        ..Default::default()
    };
    let opened = inside.call(op::Decrypt, input).await.map_err(errors::of_kms)?;
    let secret = secret_of(&opened.plaintext.unwrap_or_default())?;
    if of.bucket_key {
        ctx.own::<DataKeys>().keep(what, Given { secret, of: of.clone(), ends_at: now + REUSE_MS }, now);
    }
    Ok(secret)
}

/// Lets go of every key in memory.
pub async fn forget(ctx: &Ctx) -> Result<()> {
    ctx.own::<DataKeys>().forget_all();
    Ok(())
}
