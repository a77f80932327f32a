//! Tags of load balancers.

use api_elb as api;
use kernel::{Arn, Ctx, ResourceFacts, Result};

use super::get;
use crate::rules::tag as rules;
use crate::state::Pairs;
use crate::state::load_balancer;

/// Changes the tags of all of them, or of none.
async fn change_all(
    ctx: &Ctx,
    names: &[String],
    edit: impl Fn(&mut Pairs) -> Result<()> + Send + Sync,
) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        for name in names {
            let mut one = get(tx, &scope, name)?;
            edit(&mut one.tags)?;
            load_balancer::put(tx, &scope, &one)?;
        }
        Ok(())
    })
    .await
}

pub async fn add_tags(ctx: &Ctx, input: api::AddTagsInput) -> Result<api::AddTagsOutput> {
    change_all(ctx, &input.load_balancer_names, |tags| rules::add(tags, &input.tags)).await?;
    Ok(api::AddTagsOutput::default())
}

pub async fn remove_tags(ctx: &Ctx, input: api::RemoveTagsInput) -> Result<api::RemoveTagsOutput> {
    let is_named = |key: &String| input.tags.iter().any(|tag| tag.key.as_ref() == Some(key));
    change_all(ctx, &input.load_balancer_names, |tags| {
        tags.retain(|key, _| !is_named(key));
        Ok(())
    })
    .await?;
    Ok(api::RemoveTagsOutput::default())
}

pub async fn describe_tags(ctx: &Ctx, input: api::DescribeTagsInput) -> Result<api::DescribeTagsOutput> {
    let scope = *ctx.scope();
    let read = ctx.read(|snap| {
        let describe = |name: &String| {
            let tags = Some(rules::shown(&get(snap, &scope, name)?.tags));
            Ok(api::TagDescription { load_balancer_name: Some(name.clone()), tags })
        };
        input.load_balancer_names.iter().map(describe).collect::<Result<Vec<_>>>()
    });
    Ok(api::DescribeTagsOutput { tag_descriptions: Some(read.await?) })
}

/// What conditions of policies may ask about a load balancer: its tags.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let scope = *ctx.scope();
    let Some(name) = arn.resource.strip_prefix("loadbalancer/") else { return Ok(None) };
    let found = ctx.read(|snap| load_balancer::find(snap, &scope, name)).await?;
    Ok(found.map(|one| ResourceFacts { has_own_tag_key: true, ..ResourceFacts::tagged(&one.tags) }))
}
