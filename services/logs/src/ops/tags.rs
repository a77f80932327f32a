//! Tags of groups, by ARN and in the older way by name.

use api_logs::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, ListTagsLogGroupRequest,
    ListTagsLogGroupResponse, TagLogGroupRequest, TagResourceRequest, UntagLogGroupRequest,
    UntagResourceRequest,
};
use kernel::{Arn, Ctx, ResourceFacts, Result, Scope};

use super::group_by_name;
use crate::errors;
use crate::rules::name::group_of;
use crate::rules::tags::{self, Tags};
use crate::state::group;

fn name_of(ctx: &Ctx, resource: &str) -> Result<String> {
    let arn: Option<Arn> = resource.parse().ok();
    let arn = arn.filter(|arn| arn.service == "logs" && Scope::of_arn(arn) == Some(*ctx.scope()));
    let group = arn.as_ref().and_then(|arn| group_of(&arn.resource)).map(str::to_owned);
    group.ok_or_else(|| errors::not_found("resource"))
}

async fn add(ctx: &Ctx, name: &str, more: &Tags) -> Result<()> {
    group::change(ctx, name, |group| tags::add(&mut group.tags, more)).await
}

async fn remove(ctx: &Ctx, name: &str, keys: &[String]) -> Result<()> {
    group::change(ctx, name, |group| {
        group.tags.retain(|key, _| !keys.contains(key));
        Ok(())
    })
    .await
}

pub async fn tag_resource(ctx: &Ctx, input: TagResourceRequest) -> Result<()> {
    add(ctx, &name_of(ctx, &input.resource_arn)?, &input.tags).await
}

pub async fn untag_resource(ctx: &Ctx, input: UntagResourceRequest) -> Result<()> {
    remove(ctx, &name_of(ctx, &input.resource_arn)?, &input.tag_keys).await
}

pub async fn list_tags_for_resource(
    ctx: &Ctx,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse> {
    let group = group_by_name(ctx, &name_of(ctx, &input.resource_arn)?).await?;
    Ok(ListTagsForResourceResponse { tags: Some(group.tags) })
}

pub async fn tag_log_group(ctx: &Ctx, input: TagLogGroupRequest) -> Result<()> {
    add(ctx, &input.log_group_name, &input.tags).await
}

pub async fn untag_log_group(ctx: &Ctx, input: UntagLogGroupRequest) -> Result<()> {
    remove(ctx, &input.log_group_name, &input.tags).await
}

pub async fn list_tags_log_group(
    ctx: &Ctx,
    input: ListTagsLogGroupRequest,
) -> Result<ListTagsLogGroupResponse> {
    let group = group_by_name(ctx, &input.log_group_name).await?;
    Ok(ListTagsLogGroupResponse { tags: Some(group.tags) })
}

/// What conditions of policies may ask about a group.
pub async fn facts_of(ctx: &Ctx, of: Arn) -> Result<Option<ResourceFacts>> {
    let Some(name) = group_of(&of.resource) else { return Ok(None) };
    let group = ctx.read(|snap| group::find(snap, ctx.scope(), name)).await?;
    Ok(group.map(|group| ResourceFacts::tagged(&group.tags)))
}
