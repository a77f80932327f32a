//! Encrypting and decrypting.

use api_kms::{
    DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, GenerateRandomRequest,
    GenerateRandomResponse, ReEncryptRequest, ReEncryptResponse,
};
use kernel::{Ctx, Result};

use super::{Found, check_tokens, end_dry_run, find};
use crate::errors;
use crate::rules::ciphertext::{Ciphertext, Context, Seal};
use crate::rules::key::{check_enabled, check_usage};
use crate::rules::material::{Material, oaep_bytes_max};
use crate::rules::reference::key_arn;
use crate::rules::spec::{Spec, Usage};
use crate::state::{key, material};

const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";

pub async fn encrypt(ctx: &Ctx, input: EncryptRequest) -> Result<EncryptResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let found = find(ctx, &input.key_id).await?;
    let algorithm = input.encryption_algorithm.unwrap_or_else(|| SYMMETRIC.to_owned());
    let context = input.encryption_context.unwrap_or_default();
    check(&found, &algorithm, "Encrypt")?;
    end_dry_run(input.dry_run)?;
    let blob = encrypt_under(ctx, &found, &algorithm, &context, &input.plaintext).await?;
    Ok(EncryptResponse {
        ciphertext_blob: Some(blob.into()),
        key_id: Some(found.arn),
        encryption_algorithm: Some(algorithm),
    })
}

/// Refuses keys that cannot encrypt or decrypt now, or not so.
fn check(found: &Found, algorithm: &str, operation: &str) -> Result<()> {
    let Found { arn, key, .. } = found;
    check_usage(key, arn, Usage::EncryptDecrypt, operation)?;
    check_enabled(key, arn)?;
    key.spec.check_algorithm(Usage::EncryptDecrypt, algorithm)
}

/// Encrypts under a key that was checked.
pub(super) async fn encrypt_under(
    ctx: &Ctx,
    found: &Found,
    algorithm: &str,
    context: &Context,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let Found { scope, arn, key } = found;
    let material_id = key.current.as_deref().ok_or_else(|| errors::pending_import(arn))?;
    let opened = material::open(ctx, scope, key, arn, material_id).await?;
    if let Material::Symmetric(opened) = &*opened {
        let mut salt = [0; 16];
        ctx.ids().0.fill(&mut salt);
        let seal = Seal { scope, key_id: &key.id, material_id, material: opened, salt };
        return seal.seal(context, plaintext).ok_or_else(errors::broken);
    }
    if !context.is_empty() {
        return Err(errors::invalid("You cannot specify an encryption context for an asymmetric KMS key."));
    }
    let bytes_max = oaep_bytes_max(key.spec, algorithm);
    if plaintext.len() > bytes_max {
        return Err(errors::too_long_for(algorithm, key.spec.name(), bytes_max));
    }
    opened.encrypt_rsa(algorithm, plaintext).map_err(|_| errors::broken())
}

/// What was decrypted, and with what.
struct Opened {
    plaintext: Vec<u8>,
    arn: String,
    algorithm: String,
    material_id: Option<String>,
}

/// What is to be decrypted.
struct Sealed<'a> {
    blob: Option<&'a [u8]>,
    key_id: Option<&'a str>,
    algorithm: Option<String>,
    context: Context,
    dry_run: Option<bool>,
}

pub async fn decrypt(ctx: &Ctx, input: DecryptRequest) -> Result<DecryptResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let sealed = Sealed {
        blob: input.ciphertext_blob.as_deref(),
        key_id: input.key_id.as_deref(),
        algorithm: input.encryption_algorithm,
        context: input.encryption_context.unwrap_or_default(),
        dry_run: input.dry_run,
    };
    let opened = open(ctx, sealed, "Decrypt").await?;
    Ok(DecryptResponse {
        key_id: Some(opened.arn),
        plaintext: Some(opened.plaintext.into()),
        encryption_algorithm: Some(opened.algorithm),
        key_material_id: opened.material_id,
        ..Default::default()
    })
}

async fn open(ctx: &Ctx, sealed: Sealed<'_>, operation: &str) -> Result<Opened> {
    let blob = sealed.blob.ok_or_else(|| errors::invalid("CiphertextBlob is required."))?;
    let algorithm = sealed.algorithm.unwrap_or_else(|| SYMMETRIC.to_owned());
    let named = match sealed.key_id {
        Some(key_id) => Some(find(ctx, key_id).await?),
        None => None,
    };
    if algorithm != SYMMETRIC {
        let found = named
            .ok_or_else(|| errors::invalid("KeyId is required for asymmetric encryption algorithms."))?;
        check(&found, &algorithm, operation)?;
        end_dry_run(sealed.dry_run)?;
        let Found { scope, arn, key } = &found;
        let material_id = key.current.as_deref().ok_or_else(|| errors::pending_import(arn))?;
        let material = material::open(ctx, scope, key, arn, material_id).await?;
        let plaintext = material.decrypt_rsa(&algorithm, blob).map_err(|_| errors::invalid_ciphertext())?;
        return Ok(Opened { plaintext, arn: found.arn, algorithm, material_id: None });
    }
    if named.as_ref().is_some_and(|found| found.key.spec != Spec::Symmetric) {
        return Err(errors::incorrect_key());
    }
    let ciphertext = Ciphertext::parse(blob)?;
    let found = match named {
        Some(found) if (&found.key.id, found.scope.account) != (&ciphertext.key_id, ciphertext.account) => {
            return Err(errors::incorrect_key());
        }
        Some(found) => found,
        None => owner(ctx, &ciphertext).await?,
    };
    check(&found, &algorithm, operation)?;
    let Found { scope, arn, key } = &found;
    if !key.materials.iter().any(|material| material.id == ciphertext.material_id) {
        return Err(errors::invalid_ciphertext());
    }
    let material = material::open(ctx, scope, key, arn, &ciphertext.material_id).await?;
    let Material::Symmetric(material) = &*material else { return Err(errors::broken()) };
    let plaintext = ciphertext.open(scope, material, &sealed.context)?;
    end_dry_run(sealed.dry_run)?;
    Ok(Opened { plaintext, arn: found.arn, algorithm, material_id: Some(ciphertext.material_id) })
}

/// The key that a ciphertext names.
async fn owner(ctx: &Ctx, ciphertext: &Ciphertext<'_>) -> Result<Found> {
    let scope = ciphertext.scope(ctx.scope());
    let key = ctx.read(|snap| key::find(snap, &scope, &ciphertext.key_id)).await?;
    let key = key.ok_or_else(errors::no_such_key_of_ciphertext)?;
    Ok(Found { scope, arn: key_arn(&scope, &key.id), key })
}

pub async fn re_encrypt(ctx: &Ctx, input: ReEncryptRequest) -> Result<ReEncryptResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let destination = find(ctx, &input.destination_key_id).await?;
    let algorithm = input.destination_encryption_algorithm.unwrap_or_else(|| SYMMETRIC.to_owned());
    check(&destination, &algorithm, "ReEncryptTo")?;
    let sealed = Sealed {
        blob: input.ciphertext_blob.as_deref(),
        key_id: input.source_key_id.as_deref(),
        algorithm: input.source_encryption_algorithm,
        context: input.source_encryption_context.unwrap_or_default(),
        dry_run: input.dry_run,
    };
    let source = open(ctx, sealed, "ReEncryptFrom").await?;
    let context = input.destination_encryption_context.unwrap_or_default();
    let blob = encrypt_under(ctx, &destination, &algorithm, &context, &source.plaintext).await?;
    let symmetric = destination.key.spec == Spec::Symmetric;
    Ok(ReEncryptResponse {
        ciphertext_blob: Some(blob.into()),
        source_key_id: Some(source.arn),
        key_id: Some(destination.arn),
        source_encryption_algorithm: Some(source.algorithm),
        destination_encryption_algorithm: Some(algorithm),
        source_key_material_id: source.material_id,
        destination_key_material_id: destination.key.current.filter(|_| symmetric),
    })
}

pub async fn generate_random(ctx: &Ctx, input: GenerateRandomRequest) -> Result<GenerateRandomResponse> {
    let length = input.number_of_bytes.and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or_else(|| errors::invalid("NumberOfBytes is required."))?;
    let mut bytes = vec![0; length];
    ctx.ids().0.fill(&mut bytes);
    Ok(GenerateRandomResponse { plaintext: Some(bytes.into()), ..Default::default() })
}
