//! Tags of scalable targets.

use api_application_autoscaling as api;
use kernel::{Arn, Ctx, ResourceFacts, Result};

use crate::errors;
use crate::rules::tag;
use crate::state::target::{self, Target};

async fn change(ctx: &Ctx, arn: &str, f: impl Fn(&mut Target) -> Result<()> + Send + Sync) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let found = target::find_by_arn(tx, &scope, arn)?;
        let mut found = found.ok_or_else(|| errors::no_tagged(arn))?;
        f(&mut found)?;
        target::put(tx, &scope, &found)
    })
    .await
}

pub async fn tag_resource(ctx: &Ctx, input: api::TagResourceRequest) -> Result<api::TagResourceResponse> {
    change(ctx, &input.resource_arn, |found| tag::add(&mut found.tags, &input.tags)).await?;
    Ok(api::TagResourceResponse::default())
}

pub async fn untag_resource(
    ctx: &Ctx,
    input: api::UntagResourceRequest,
) -> Result<api::UntagResourceResponse> {
    change(ctx, &input.resource_arn, |found| {
        found.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    })
    .await?;
    Ok(api::UntagResourceResponse::default())
}

pub async fn list_tags_for_resource(
    ctx: &Ctx,
    input: api::ListTagsForResourceRequest,
) -> Result<api::ListTagsForResourceResponse> {
    let (scope, arn) = (*ctx.scope(), input.resource_arn);
    let found = ctx.read(|snap| target::find_by_arn(snap, &scope, &arn)).await?;
    let found = found.ok_or_else(|| errors::no_tagged(&arn))?;
    Ok(api::ListTagsForResourceResponse { tags: Some(found.tags) })
}

/// What conditions of policies may ask about a target.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let (scope, arn) = (*ctx.scope(), arn.to_string());
    let found = ctx.read(|snap| target::find_by_arn(snap, &scope, &arn)).await?;
    Ok(found.map(|target| ResourceFacts::tagged(&target.tags)))
}
