//! Tags of groups.

use std::collections::BTreeMap;

use api_autoscaling as api;
use kernel::{Arn, Ctx, ResourceFacts, Result};

use super::get_group;
use crate::errors;
use crate::rules::{page, tag as rules};
use crate::state::group;

fn group_of(tag: &api::Tag) -> Result<&str> {
    tag.resource_id.as_deref().ok_or_else(|| errors::validation("A tag must name its group by ResourceId."))
}

pub async fn create_or_update_tags(ctx: &Ctx, input: api::CreateOrUpdateTagsType) -> Result<()> {
    let scope = *ctx.scope();
    rules::check(&input.tags)?;
    ctx.write(|tx| {
        for tag in &input.tags {
            let mut found = get_group(tx, &scope, group_of(tag)?)?;
            let name = found.name().to_owned();
            let tags = found.asked.0.tags.get_or_insert_with(Vec::new);
            tags.retain(|known| known.key != tag.key);
            tags.push(rules::complete(tag, &name));
            tags.sort_by(|a, b| a.key.cmp(&b.key));
            if tags.len() > rules::TAGS_MAX {
                return Err(errors::limit(format!("A group can have at most {} tags.", rules::TAGS_MAX)));
            }
            group::put(tx, &scope, &found)?;
        }
        Ok(())
    })
    .await
}

pub async fn delete_tags(ctx: &Ctx, input: api::DeleteTagsType) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        for tag in &input.tags {
            let mut found = get_group(tx, &scope, group_of(tag)?)?;
            let is_meant =
                |known: &api::Tag| known.key == tag.key && (tag.value.is_none() || tag.value == known.value);
            found.asked.0.tags.get_or_insert_with(Vec::new).retain(|known| !is_meant(known));
            group::put(tx, &scope, &found)?;
        }
        Ok(())
    })
    .await
}

pub async fn describe_tags(ctx: &Ctx, input: api::DescribeTagsType) -> Result<api::TagsType> {
    let scope = *ctx.scope();
    let filters = input.filters.unwrap_or_default();
    let groups = ctx.read(|snap| group::all(snap, &scope)).await?;
    let mut found = Vec::new();
    for tag in groups.iter().flat_map(|one| one.asked.0.tags.iter().flatten()) {
        if matches(tag, &filters)? {
            found.push(kept::alike::<api::TagDescription>(tag));
        }
    }
    let (tags, next_token) = page::cut(ctx, "DescribeTags", found, (input.next_token, input.max_records))?;
    Ok(api::TagsType { tags: Some(tags), next_token })
}

fn matches(tag: &api::Tag, filters: &[api::Filter]) -> Result<bool> {
    for filter in filters {
        let values = filter.values.as_deref().unwrap_or_default();
        let is = |text: &str| values.iter().any(|value| value == text);
        let holds = match filter.name.as_deref().unwrap_or_default() {
            "auto-scaling-group" => is(tag.resource_id.as_deref().unwrap_or_default()),
            "key" => is(&tag.key),
            "value" => is(tag.value.as_deref().unwrap_or_default()),
            "propagate-at-launch" => is(&tag.propagate_at_launch.unwrap_or_default().to_string()),
            other => return Err(errors::validation(format!("Filter type {other} is not correct."))),
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What policies may ask about a group.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let scope = *ctx.scope();
    let Some((_, name)) = arn.resource.rsplit_once("autoScalingGroupName/") else { return Ok(None) };
    let name = name.split(':').next().unwrap_or_default();
    let Some(found) = ctx.read(|snap| group::find(snap, &scope, name)).await? else { return Ok(None) };
    let tags = found.asked.0.tags.unwrap_or_default();
    let pairs: BTreeMap<String, String> =
        tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect();
    Ok(Some(ResourceFacts { has_own_tag_key: true, ..ResourceFacts::tagged(&pairs) }))
}
