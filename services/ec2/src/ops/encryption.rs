//! What a region encrypts by default, and the keys of volumes: made by KMS in the caller's name, opened for the engine.

use std::collections::BTreeMap;

use api_ec2 as api;
use api_kms::{DecryptRequest, DescribeKeyRequest, GenerateDataKeyWithoutPlaintextRequest, op};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use block::Key;
use kernel::{Arn, Ctx, Error, Result, Scope};

use super::page::check_dry_run;
use crate::errors;
use crate::rules::encryption::{OWN_KEY, Outcome};
use crate::state::encryption::{self, Defaults, Seal};

/// What KMS binds the key of a volume to.
const CONTEXT: &str = "aws:ebs:id";

/// The seal of what was decided, for the volume or snapshot of this id.
///
/// # Errors
/// Those of KMS, as EC2 tells them.
pub async fn seal(ctx: &Ctx, outcome: Outcome, id: &str) -> Result<Option<Seal>> {
    match outcome {
        Outcome::Plain => Ok(None),
        Outcome::Same(seal) => Ok(Some(seal)),
        Outcome::Fresh(key) => make(ctx, key, id).await.map(Some).map_err(errors::of_kms),
    }
}

async fn make(ctx: &Ctx, key: String, id: &str) -> Result<Seal> {
    let managed = key.ends_with(OWN_KEY);
    if managed {
        ensure_own_key(ctx).await?;
    }
    let wanted = GenerateDataKeyWithoutPlaintextRequest {
        key_id: key,
        number_of_bytes: i32::try_from(Key::BYTES).ok(),
        encryption_context: context_of(id),
        ..Default::default()
    };
    let made = ctx.call(op::GenerateDataKeyWithoutPlaintext, wanted).await?;
    let wrapped = STANDARD.encode(made.ciphertext_blob.unwrap_or_default());
    Ok(Seal { key: made.key_id.unwrap_or_default(), managed, wrapped, of: id.to_owned() })
}

/// AWS's own key for volumes is made when it is first asked for. Returns its ARN.
async fn ensure_own_key(ctx: &Ctx) -> Result<String> {
    let look = DescribeKeyRequest { key_id: OWN_KEY.to_owned(), ..Default::default() };
    let found = ctx.call_as_service(op::DescribeKey, look).await?;
    Ok(found.key_metadata.and_then(|key| key.arn).unwrap_or_default())
}

fn context_of(id: &str) -> Option<BTreeMap<String, String>> {
    Some(BTreeMap::from([(CONTEXT.to_owned(), id.to_owned())]))
}

fn opening(seal: &Seal) -> Result<DecryptRequest> {
    Ok(DecryptRequest {
        ciphertext_blob: Some(STANDARD.decode(&seal.wrapped).map_err(Error::internal)?.into()),
        encryption_context: context_of(&seal.of),
        key_id: Some(seal.key.clone()),
        ..Default::default()
    })
}

/// KMS's region for a seal: copies come from others.
fn place(ctx: &Ctx, seal: &Seal) -> Ctx {
    let region = seal.key.parse::<Arn>().ok().and_then(|arn| arn.region.parse().ok());
    ctx.in_scope(Scope { region: region.unwrap_or(ctx.scope().region), ..*ctx.scope() })
}

/// Whether the caller may use what is sealed, and its key is in order.
///
/// # Errors
/// Those of KMS, as EC2 tells them.
pub async fn check_usable(ctx: &Ctx, seal: Option<&Seal>) -> Result<()> {
    let Some(seal) = seal else { return Ok(()) };
    place(ctx, seal).call(op::Decrypt, opening(seal)?).await.map(drop).map_err(errors::of_kms)
}

/// The key itself, for the engine. Who may have it done was decided when it was asked for.
///
/// # Errors
/// Those of KMS, as EC2 tells them.
pub async fn open(ctx: &Ctx, seal: Option<&Seal>) -> Result<Option<Key>> {
    let Some(seal) = seal else { return Ok(None) };
    let opened =
        place(ctx, seal).call_as_service(op::Decrypt, opening(seal)?).await.map_err(errors::of_kms)?;
    Key::new(&opened.plaintext.unwrap_or_default()).map(Some).map_err(Error::internal)
}

async fn change(ctx: &Ctx, change: impl Fn(&mut Defaults) + Send + Sync) -> Result<Defaults> {
    let scope = *ctx.scope();
    ctx.write(|tx| encryption::change(tx, &scope, &change)).await
}

pub async fn enable_ebs_encryption_by_default(
    ctx: &Ctx,
    input: api::EnableEbsEncryptionByDefaultRequest,
) -> Result<api::EnableEbsEncryptionByDefaultResult> {
    check_dry_run(input.dry_run)?;
    let now = change(ctx, |defaults| defaults.encrypts = true).await?;
    Ok(api::EnableEbsEncryptionByDefaultResult { ebs_encryption_by_default: Some(now.encrypts) })
}

pub async fn disable_ebs_encryption_by_default(
    ctx: &Ctx,
    input: api::DisableEbsEncryptionByDefaultRequest,
) -> Result<api::DisableEbsEncryptionByDefaultResult> {
    check_dry_run(input.dry_run)?;
    let now = change(ctx, |defaults| defaults.encrypts = false).await?;
    Ok(api::DisableEbsEncryptionByDefaultResult { ebs_encryption_by_default: Some(now.encrypts) })
}

pub async fn get_ebs_encryption_by_default(
    ctx: &Ctx,
    input: api::GetEbsEncryptionByDefaultRequest,
) -> Result<api::GetEbsEncryptionByDefaultResult> {
    check_dry_run(input.dry_run)?;
    let now = ctx.read(|snap| encryption::defaults(snap, ctx.scope())).await?;
    let sse_type = Some(if now.encrypts { "sse-kms" } else { "none" }.to_owned());
    Ok(api::GetEbsEncryptionByDefaultResult { ebs_encryption_by_default: Some(now.encrypts), sse_type })
}

pub async fn get_ebs_default_kms_key_id(
    ctx: &Ctx,
    input: api::GetEbsDefaultKmsKeyIdRequest,
) -> Result<api::GetEbsDefaultKmsKeyIdResult> {
    check_dry_run(input.dry_run)?;
    let now = ctx.read(|snap| encryption::defaults(snap, ctx.scope())).await?;
    Ok(api::GetEbsDefaultKmsKeyIdResult { kms_key_id: Some(now.key.unwrap_or_else(|| OWN_KEY.to_owned())) })
}

pub async fn modify_ebs_default_kms_key_id(
    ctx: &Ctx,
    input: api::ModifyEbsDefaultKmsKeyIdRequest,
) -> Result<api::ModifyEbsDefaultKmsKeyIdResult> {
    let look = DescribeKeyRequest { key_id: input.kms_key_id, ..Default::default() };
    let found = ctx.call(op::DescribeKey, look).await.map_err(errors::of_kms)?;
    let found = found.key_metadata.unwrap_or_default();
    if found.key_spec.as_deref() != Some("SYMMETRIC_DEFAULT") {
        return Err(errors::invalid_value(found.key_id, "KmsKeyId"));
    }
    check_dry_run(input.dry_run)?;
    let now = change(ctx, |defaults| defaults.key.clone_from(&found.arn)).await?;
    Ok(api::ModifyEbsDefaultKmsKeyIdResult { kms_key_id: now.key })
}

pub async fn reset_ebs_default_kms_key_id(
    ctx: &Ctx,
    input: api::ResetEbsDefaultKmsKeyIdRequest,
) -> Result<api::ResetEbsDefaultKmsKeyIdResult> {
    check_dry_run(input.dry_run)?;
    change(ctx, |defaults| defaults.key = None).await?;
    let key = ensure_own_key(ctx).await.map_err(errors::of_kms)?;
    Ok(api::ResetEbsDefaultKmsKeyIdResult { kms_key_id: Some(key) })
}
