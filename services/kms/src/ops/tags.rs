//! Tags of keys.

use api_kms::{
    ListResourceTagsRequest, ListResourceTagsResponse, Tag, TagResourceRequest, UntagResourceRequest,
};
use kernel::{Access, Ctx, Key, Result};

use super::{change, cut, find_by_id, open_marker, page_size};
use crate::rules::key::{check_customers, check_kept};
use crate::rules::tags;

const PAGE_MAX: usize = 50;

/// As the gate is told of them.
pub fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.tag_key.as_str(), tag.tag_value.as_str()))
}

/// Making a key with tags takes leave to tag it as well.
pub fn making(access: Access, tags: Option<&[Tag]>) -> Access {
    access.request_tags(pairs(tags.unwrap_or_default())).also_to_tag("kms:TagResource")
}

pub async fn tag_resource(ctx: &Ctx, input: TagResourceRequest) -> Result<()> {
    let found = find_by_id(ctx, &input.key_id).await?;
    change(ctx, &found, |_, key| {
        check_customers(key, &found.arn)?;
        check_kept(key, &found.arn)?;
        tags::add(&mut key.tags, input.tags.clone())
    })
    .await
}

pub async fn untag_resource(ctx: &Ctx, input: UntagResourceRequest) -> Result<()> {
    let found = find_by_id(ctx, &input.key_id).await?;
    change(ctx, &found, |_, key| {
        check_customers(key, &found.arn)?;
        check_kept(key, &found.arn)?;
        key.tags.retain(|name, _| !input.tag_keys.contains(name));
        Ok(())
    })
    .await
}

pub async fn list_resource_tags(
    ctx: &Ctx,
    input: ListResourceTagsRequest,
) -> Result<ListResourceTagsResponse> {
    let found = find_by_id(ctx, &input.key_id).await?;
    let after = open_marker(ctx, "ListResourceTags", input.marker.as_deref())?;
    let tags = found.key.tags.into_iter().map(|(tag_key, tag_value)| Tag { tag_key, tag_value });
    let behind = |tag: &Tag| after.as_ref().is_none_or(|after| tag.tag_key.to_bytes() > *after);
    let size = page_size(input.limit, PAGE_MAX, PAGE_MAX);
    let mut page: Vec<Tag> = tags.filter(behind).collect();
    let next = cut(ctx, "ListResourceTags", &mut page, size, |tag| tag.tag_key.to_bytes());
    Ok(ListResourceTagsResponse { tags: Some(page), truncated: Some(next.is_some()), next_marker: next })
}
