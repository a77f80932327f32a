//! Data keys and data key pairs: made here, sealed under a key, and not kept.

use api_kms::{
    GenerateDataKeyPairRequest, GenerateDataKeyPairResponse, GenerateDataKeyPairWithoutPlaintextRequest,
    GenerateDataKeyPairWithoutPlaintextResponse, GenerateDataKeyRequest, GenerateDataKeyResponse,
    GenerateDataKeyWithoutPlaintextRequest, GenerateDataKeyWithoutPlaintextResponse,
};
use kernel::{Ctx, Result};

use super::ciphertext::encrypt_under;
use super::{Found, check_tokens, end_dry_run, find, make_secret};
use crate::errors;
use crate::rules::ciphertext::Context;
use crate::rules::key::{check_enabled, check_usage};
use crate::rules::material::Material;
use crate::rules::spec::{Spec, Usage};

const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

/// Finds a key that may seal data keys now.
async fn find_sealing(ctx: &Ctx, key_id: &str, operation: &str) -> Result<Found> {
    let found = find(ctx, key_id).await?;
    let Found { arn, key, .. } = &found;
    check_usage(key, arn, Usage::EncryptDecrypt, operation)?;
    if key.spec != Spec::Symmetric {
        return Err(errors::spec_not_for(arn, key.spec.name(), operation));
    }
    check_enabled(key, arn)?;
    Ok(found)
}

fn length_of(spec: Option<&str>, bytes: Option<i32>) -> Result<usize> {
    match (spec, bytes) {
        (Some("AES_128"), None) => Ok(16),
        (Some(_), None) => Ok(32),
        (None, Some(bytes)) => Ok(usize::try_from(bytes).unwrap_or_default()),
        _ => Err(errors::invalid("Please specify either number of bytes or key spec.")),
    }
}

pub async fn generate_data_key(ctx: &Ctx, input: GenerateDataKeyRequest) -> Result<GenerateDataKeyResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let length = length_of(input.key_spec.as_deref(), input.number_of_bytes)?;
    let found = find_sealing(ctx, &input.key_id, "GenerateDataKey").await?;
    end_dry_run(input.dry_run)?;
    let mut plaintext = vec![0; length];
    ctx.ids().0.fill(&mut plaintext);
    let context = input.encryption_context.unwrap_or_default();
    let blob = encrypt_under(ctx, &found, ALGORITHM, &context, &plaintext).await?;
    Ok(GenerateDataKeyResponse {
        ciphertext_blob: Some(blob.into()),
        plaintext: Some(plaintext.into()),
        key_id: Some(found.arn),
        key_material_id: found.key.current,
        ..Default::default()
    })
}

pub async fn generate_data_key_without_plaintext(
    ctx: &Ctx,
    input: GenerateDataKeyWithoutPlaintextRequest,
) -> Result<GenerateDataKeyWithoutPlaintextResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let length = length_of(input.key_spec.as_deref(), input.number_of_bytes)?;
    let found = find_sealing(ctx, &input.key_id, "GenerateDataKeyWithoutPlaintext").await?;
    end_dry_run(input.dry_run)?;
    let mut plaintext = vec![0; length];
    ctx.ids().0.fill(&mut plaintext);
    let context = input.encryption_context.unwrap_or_default();
    let blob = encrypt_under(ctx, &found, ALGORITHM, &context, &plaintext).await?;
    Ok(GenerateDataKeyWithoutPlaintextResponse {
        ciphertext_blob: Some(blob.into()),
        key_id: Some(found.arn),
        key_material_id: found.key.current,
    })
}

/// A data key pair: public half, private half, and that sealed.
struct Pair {
    public: Vec<u8>,
    private: Vec<u8>,
    sealed: Vec<u8>,
}

async fn make_pair(ctx: &Ctx, found: &Found, spec: Spec, context: &Context) -> Result<Pair> {
    let private = make_secret(spec).await?;
    let material = Material::read(spec, &private).map_err(|_| errors::broken())?;
    let public = material.public_key().ok_or_else(errors::broken)?.to_vec();
    let sealed = encrypt_under(ctx, found, ALGORITHM, context, &private).await?;
    Ok(Pair { public, private, sealed })
}

pub async fn generate_data_key_pair(
    ctx: &Ctx,
    input: GenerateDataKeyPairRequest,
) -> Result<GenerateDataKeyPairResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let spec = Spec::parse(&input.key_pair_spec)?;
    let found = find_sealing(ctx, &input.key_id, "GenerateDataKeyPair").await?;
    end_dry_run(input.dry_run)?;
    let context = input.encryption_context.unwrap_or_default();
    let pair = make_pair(ctx, &found, spec, &context).await?;
    Ok(GenerateDataKeyPairResponse {
        private_key_ciphertext_blob: Some(pair.sealed.into()),
        private_key_plaintext: Some(pair.private.into()),
        public_key: Some(pair.public.into()),
        key_id: Some(found.arn),
        key_pair_spec: Some(input.key_pair_spec),
        key_material_id: found.key.current,
        ..Default::default()
    })
}

pub async fn generate_data_key_pair_without_plaintext(
    ctx: &Ctx,
    input: GenerateDataKeyPairWithoutPlaintextRequest,
) -> Result<GenerateDataKeyPairWithoutPlaintextResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let spec = Spec::parse(&input.key_pair_spec)?;
    let found = find_sealing(ctx, &input.key_id, "GenerateDataKeyPairWithoutPlaintext").await?;
    end_dry_run(input.dry_run)?;
    let context = input.encryption_context.unwrap_or_default();
    let pair = make_pair(ctx, &found, spec, &context).await?;
    Ok(GenerateDataKeyPairWithoutPlaintextResponse {
        private_key_ciphertext_blob: Some(pair.sealed.into()),
        public_key: Some(pair.public.into()),
        key_id: Some(found.arn),
        key_pair_spec: Some(input.key_pair_spec),
        key_material_id: found.key.current,
    })
}
