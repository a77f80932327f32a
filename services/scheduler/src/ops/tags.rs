//! Tags of groups.

use api_scheduler as api;
use kernel::{Arn, Ctx, ResourceFacts, Result};

use crate::errors;
use crate::rules::arn::group_of;
use crate::rules::tag::{self, Tags};
use crate::state::group;

/// The group an ARN of this scope means.
fn named(ctx: &Ctx, arn: &str) -> Result<String> {
    group_of(ctx.scope(), arn).ok_or_else(|| errors::no_group(arn))
}

async fn change(ctx: &Ctx, arn: &str, f: impl Fn(&mut Tags) -> Result<()> + Send + Sync) -> Result<()> {
    let (scope, name) = (*ctx.scope(), named(ctx, arn)?);
    ctx.write(|tx| {
        let mut found = group::get(tx, &scope, &name)?;
        f(&mut found.tags)?;
        found.modified_at = ctx.now();
        group::put(tx, &scope, &found)
    })
    .await
}

pub async fn tag_resource(ctx: &Ctx, input: api::TagResourceInput) -> Result<api::TagResourceOutput> {
    change(ctx, &input.resource_arn, |tags| tag::add(tags, Some(input.tags.clone()))).await?;
    Ok(api::TagResourceOutput::default())
}

pub async fn untag_resource(ctx: &Ctx, input: api::UntagResourceInput) -> Result<api::UntagResourceOutput> {
    change(ctx, &input.resource_arn, |tags| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    })
    .await?;
    Ok(api::UntagResourceOutput::default())
}

pub async fn list_tags_for_resource(
    ctx: &Ctx,
    input: api::ListTagsForResourceInput,
) -> Result<api::ListTagsForResourceOutput> {
    let (scope, name) = (*ctx.scope(), named(ctx, &input.resource_arn)?);
    let found = ctx.read(|snap| group::get(snap, &scope, &name)).await?;
    Ok(api::ListTagsForResourceOutput { tags: Some(tag::shown(&found.tags)) })
}

/// What conditions of policies may ask about a group.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let scope = *ctx.scope();
    let Some(name) = arn.resource.strip_prefix("schedule-group/") else { return Ok(None) };
    let found = ctx.read(|snap| group::find(snap, &scope, name)).await?;
    Ok(found.map(|group| ResourceFacts::tagged(&group.tags)))
}
