//! Tags of certificates.

use api_acm as api;
use kernel::{Arn, Ctx, ResourceFacts, Result};

use super::{get, read};
use crate::rules::tag;
use crate::state::certificate;

pub async fn add_tags_to_certificate(ctx: &Ctx, input: api::AddTagsToCertificateRequest) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let mut one = get(tx, &scope, &input.certificate_arn)?;
        tag::add(&mut one.tags, Some(input.tags.clone()))?;
        certificate::put(tx, &scope, &one)
    })
    .await
}

/// A tag with a value goes only where it has that value.
pub async fn remove_tags_from_certificate(
    ctx: &Ctx,
    input: api::RemoveTagsFromCertificateRequest,
) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let mut one = get(tx, &scope, &input.certificate_arn)?;
        one.tags.retain(|key, value| {
            let goes =
                |tag: &api::Tag| tag.key == *key && tag.value.as_ref().is_none_or(|given| given == value);
            !input.tags.iter().any(goes)
        });
        certificate::put(tx, &scope, &one)
    })
    .await
}

pub async fn list_tags_for_certificate(
    ctx: &Ctx,
    input: api::ListTagsForCertificateRequest,
) -> Result<api::ListTagsForCertificateResponse> {
    let one = read(ctx, &input.certificate_arn).await?;
    Ok(api::ListTagsForCertificateResponse { tags: Some(tag::shown(&one.tags)) })
}

/// What conditions of policies may ask about a certificate: its tags.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let (scope, arn) = (*ctx.scope(), arn.to_string());
    let found = ctx.read(|snap| certificate::find(snap, &scope, &arn)).await?;
    Ok(found.map(|one| ResourceFacts::tagged(&one.tags)))
}
