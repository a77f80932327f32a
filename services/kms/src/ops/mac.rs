//! Message authentication codes.

use api_kms::{GenerateMacRequest, GenerateMacResponse, VerifyMacRequest, VerifyMacResponse};
use kernel::{Ctx, Result};

use super::signature::open_current;
use super::{Found, check_tokens, end_dry_run, find};
use crate::errors;
use crate::rules::key::{check_enabled, check_usage};
use crate::rules::spec::Usage;

async fn find_mac(ctx: &Ctx, key_id: &str, algorithm: &str, operation: &str) -> Result<Found> {
    let found = find(ctx, key_id).await?;
    check_usage(&found.key, &found.arn, Usage::GenerateVerifyMac, operation)?;
    check_enabled(&found.key, &found.arn)?;
    found.key.spec.check_algorithm(Usage::GenerateVerifyMac, algorithm)?;
    Ok(found)
}

pub async fn generate_mac(ctx: &Ctx, input: GenerateMacRequest) -> Result<GenerateMacResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let found = find_mac(ctx, &input.key_id, &input.mac_algorithm, "GenerateMac").await?;
    end_dry_run(input.dry_run)?;
    let mac = open_current(ctx, &found).await?.mac(&input.message).map_err(|_| errors::broken())?;
    Ok(GenerateMacResponse {
        mac: Some(mac.into()),
        mac_algorithm: Some(input.mac_algorithm),
        key_id: Some(found.arn),
    })
}

pub async fn verify_mac(ctx: &Ctx, input: VerifyMacRequest) -> Result<VerifyMacResponse> {
    check_tokens(ctx, input.grant_tokens.as_deref())?;
    let found = find_mac(ctx, &input.key_id, &input.mac_algorithm, "VerifyMac").await?;
    let verified = open_current(ctx, &found).await?.verify_mac(&input.message, &input.mac);
    verified.map_err(|_| errors::invalid_mac())?;
    end_dry_run(input.dry_run)?;
    Ok(VerifyMacResponse {
        key_id: Some(found.arn),
        mac_valid: Some(true),
        mac_algorithm: Some(input.mac_algorithm),
    })
}
