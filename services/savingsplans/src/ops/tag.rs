//! Tags of plans.

use api_savingsplans as api;
use kernel::{Arn, Ctx, ResourceFacts, Result};

use super::get;
use crate::errors;
use crate::rules::tag;
use crate::state::{at_home, plan};

/// The id in a plan's ARN; one of another account names nothing that is there.
fn id_of<'a>(ctx: &Ctx, arn: &'a str) -> Result<&'a str> {
    let id = arn.rsplit('/').next().unwrap_or_default();
    if arn == plan::arn(ctx.scope(), id) { Ok(id) } else { Err(errors::plan_not_found(arn)) }
}

pub async fn tag_resource(ctx: &Ctx, input: api::TagResourceRequest) -> Result<api::TagResourceResponse> {
    let ctx = at_home(ctx);
    ctx.write(|tx| {
        let mut one = get(tx, &ctx, id_of(&ctx, &input.resource_arn)?)?;
        tag::add(&mut one.tags, &input.tags)?;
        plan::put(tx, ctx.scope(), &one)
    })
    .await?;
    Ok(api::TagResourceResponse {})
}

pub async fn untag_resource(
    ctx: &Ctx,
    input: api::UntagResourceRequest,
) -> Result<api::UntagResourceResponse> {
    let ctx = at_home(ctx);
    ctx.write(|tx| {
        let mut one = get(tx, &ctx, id_of(&ctx, &input.resource_arn)?)?;
        one.tags.retain(|key, _| !input.tag_keys.contains(key));
        plan::put(tx, ctx.scope(), &one)
    })
    .await?;
    Ok(api::UntagResourceResponse {})
}

pub async fn list_tags_for_resource(
    ctx: &Ctx,
    input: api::ListTagsForResourceRequest,
) -> Result<api::ListTagsForResourceResponse> {
    let ctx = at_home(ctx);
    let one = ctx.read(|snap| get(snap, &ctx, id_of(&ctx, &input.resource_arn)?)).await?;
    Ok(api::ListTagsForResourceResponse { tags: Some(one.tags) })
}

/// What conditions of policies may ask about a plan: its tags.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let (ctx, arn) = (at_home(ctx), arn.to_string());
    let Ok(id) = id_of(&ctx, &arn) else { return Ok(None) };
    let found = ctx.read(|snap| plan::find(snap, ctx.scope(), id)).await?;
    Ok(found.map(|one| ResourceFacts::tagged(&one.tags)))
}
