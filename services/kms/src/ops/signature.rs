//! Signing, verifying, and the public half of a key.

use std::sync::Arc;

use api_kms::{
    GetPublicKeyRequest, GetPublicKeyResponse, SignRequest, SignResponse, VerifyRequest, VerifyResponse,
};
use aws_lc_rs::digest::Digest;
use kernel::{Ctx, Result};

use super::{Found, check_tokens, end_dry_run, find};
use crate::errors;
use crate::rules::key::{check_enabled, check_usage};
use crate::rules::material::{Material, digest};
use crate::rules::spec::Usage;
use crate::state::material;

/// A key's material, for what it is about to do.
pub(super) async fn open_current(ctx: &Ctx, found: &Found) -> Result<Arc<Material>> {
    let Found { scope, arn, key } = found;
    let id = key.current.as_deref().ok_or_else(|| errors::pending_import(arn))?;
    material::open(ctx, scope, key, arn, id).await
}

fn digest_to_sign(algorithm: &str, message: &[u8], kind: Option<&str>) -> Result<Digest> {
    let is_digest = match kind {
        None | Some("RAW") => false,
        Some("DIGEST") => true,
        Some(other) => {
            return Err(errors::invalid(format!("MessageType {other} is not valid for {algorithm}.")));
        }
    };
    let too_long = || errors::invalid(format!("Digest is invalid length for algorithm {algorithm}."));
    digest(algorithm, message, is_digest).ok_or_else(too_long)
}

async fn find_signing(ctx: &Ctx, key_id: &str, algorithm: &str, operation: &str) -> Result<Found> {
    let found = find(ctx, key_id).await?;
    check_usage(&found.key, &found.arn, Usage::SignVerify, operation)?;
    check_enabled(&found.key, &found.arn)?;
    found.key.spec.check_algorithm(Usage::SignVerify, algorithm)?;
    Ok(found)
}

pub async fn sign(ctx: &Ctx, input: SignRequest) -> Result<SignResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let algorithm = input.signing_algorithm;
    let found = find_signing(ctx, &input.key_id, &algorithm, "Sign").await?;
    let digest = digest_to_sign(&algorithm, &input.message, input.message_type.as_deref())?;
    end_dry_run(input.dry_run)?;
    let signed = open_current(ctx, &found).await?.sign(&algorithm, &digest).map_err(|_| errors::broken())?;
    Ok(SignResponse {
        key_id: Some(found.arn),
        signature: Some(signed.into()),
        signing_algorithm: Some(algorithm),
    })
}

pub async fn verify(ctx: &Ctx, input: VerifyRequest) -> Result<VerifyResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let algorithm = input.signing_algorithm;
    let found = find_signing(ctx, &input.key_id, &algorithm, "Verify").await?;
    let digest = digest_to_sign(&algorithm, &input.message, input.message_type.as_deref())?;
    let verified = open_current(ctx, &found).await?.verify(&algorithm, &digest, &input.signature);
    verified.map_err(|_| errors::invalid_signature())?;
    end_dry_run(input.dry_run)?;
    Ok(VerifyResponse {
        key_id: Some(found.arn),
        signature_valid: Some(true),
        signing_algorithm: Some(algorithm),
    })
}

pub async fn get_public_key(ctx: &Ctx, input: GetPublicKeyRequest) -> Result<GetPublicKeyResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let found = find(ctx, &input.key_id).await?;
    let Found { arn, key, .. } = &found;
    if !key.spec.is_asymmetric() {
        return Err(errors::unsupported(format!(
            "{arn} key spec is {} which is not valid for GetPublicKey.",
            key.spec.name()
        )));
    }
    check_enabled(key, arn)?;
    let material = open_current(ctx, &found).await?;
    let algorithms = |usage| {
        let names = key.spec.algorithms(usage).iter().map(|name| (*name).to_owned());
        (key.usage == usage).then(|| names.collect::<Vec<_>>())
    };
    Ok(GetPublicKeyResponse {
        key_id: Some(arn.clone()),
        public_key: material.public_key().map(|der| der.to_vec().into()),
        customer_master_key_spec: Some(key.spec.name().to_owned()),
        key_spec: Some(key.spec.name().to_owned()),
        key_usage: Some(key.usage.name().to_owned()),
        encryption_algorithms: algorithms(Usage::EncryptDecrypt),
        signing_algorithms: algorithms(Usage::SignVerify),
        ..Default::default()
    })
}
