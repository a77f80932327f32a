//! Tags of accounts, units, roots and policies.

use api_organizations::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, TagResourceRequest, UntagResourceRequest,
};
use kernel::{Ctx, Result};

use super::page;
use crate::errors;
use crate::rules::tags;
use crate::state::organization::{Organization, change, managed};

fn check(organization: &Organization, id: &str) -> Result<()> {
    let is_there = organization.is_target(id) || organization.policies.contains_key(id);
    if is_there { Ok(()) } else { Err(errors::no_such_target()) }
}

pub async fn tag_resource(ctx: &Ctx, input: TagResourceRequest) -> Result<()> {
    change(ctx, move |_, organization| {
        check(organization, &input.resource_id)?;
        tags::add(organization.tags.entry(input.resource_id.clone()).or_default(), &input.tags)
    })
    .await
}

pub async fn untag_resource(ctx: &Ctx, input: UntagResourceRequest) -> Result<()> {
    change(ctx, move |_, organization| {
        check(organization, &input.resource_id)?;
        if let Some(tags) = organization.tags.get_mut(&input.resource_id) {
            tags.retain(|key, _| !input.tag_keys.contains(key));
        }
        Ok(())
    })
    .await
}

pub async fn list_tags_for_resource(
    ctx: &Ctx,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse> {
    let organization = managed(ctx).await?;
    check(&organization, &input.resource_id)?;
    let all = tags::shown(organization.tags.get(&input.resource_id));
    let token = input.next_token.as_deref();
    let (tags, next_token) = page(ctx, "ListTagsForResource", all, |tag| &tag.key, token, None)?;
    Ok(ListTagsForResourceResponse { tags: Some(tags), next_token })
}
