//! Tags of buses and rules.

use api_events as api;
use kernel::{Arn, Ctx, ResourceFacts, Result, Scope, Tx};

use super::{get_bus, get_rule};
use crate::errors;
use crate::rules::arn::Named;
use crate::rules::tag::{self, Tags};
use crate::state::{bus, rule};

fn named(ctx: &Ctx, text: &str) -> Result<(Scope, Named)> {
    let missing = || errors::not_found(format!("Resource {text} does not exist."));
    let arn: Arn = text.parse().map_err(|_| errors::bad_parameter("ResourceARN", "it is no ARN."))?;
    // Of other accounts too, where their bus's policy lets the caller.
    let is_here = |scope: &Scope| scope.region == ctx.scope().region;
    let scope = Scope::of_arn(&arn).filter(is_here).ok_or_else(missing)?;
    Ok((scope, Named::of(&arn.resource).ok_or_else(missing)?))
}

async fn change(ctx: &Ctx, text: &str, f: impl Fn(&mut Tags) -> Result<()> + Send + Sync) -> Result<()> {
    let (scope, named) = named(ctx, text)?;
    ctx.write(|tx: &mut Tx<'_, '_>| match &named {
        Named::Bus(name) => {
            let mut found = get_bus(tx, &scope, name)?;
            f(&mut found.tags)?;
            bus::put(tx, &scope, &found)
        }
        Named::Rule { bus, name } => {
            let mut found = get_rule(tx, &scope, bus, name)?;
            f(&mut found.tags)?;
            rule::put(tx, &scope, &found)
        }
    })
    .await
}

pub async fn tag_resource(ctx: &Ctx, input: api::TagResourceRequest) -> Result<api::TagResourceResponse> {
    change(ctx, &input.resource_arn, |tags| tag::add(tags, Some(input.tags.clone()))).await?;
    Ok(api::TagResourceResponse::default())
}

pub async fn untag_resource(
    ctx: &Ctx,
    input: api::UntagResourceRequest,
) -> Result<api::UntagResourceResponse> {
    change(ctx, &input.resource_arn, |tags| {
        tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    })
    .await?;
    Ok(api::UntagResourceResponse::default())
}

pub async fn list_tags_for_resource(
    ctx: &Ctx,
    input: api::ListTagsForResourceRequest,
) -> Result<api::ListTagsForResourceResponse> {
    let (scope, named) = named(ctx, &input.resource_arn)?;
    let read = ctx.read(|snap| match &named {
        Named::Bus(name) => Ok(get_bus(snap, &scope, name)?.tags),
        Named::Rule { bus, name } => Ok(get_rule(snap, &scope, bus, name)?.tags),
    });
    Ok(api::ListTagsForResourceResponse { tags: Some(tag::shown(&read.await?)) })
}

/// What conditions of policies may ask about a bus or a rule.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let scope = *ctx.scope();
    let read = ctx.read(|snap| {
        Ok(match Named::of(&arn.resource) {
            Some(Named::Bus(name)) => bus::find(snap, &scope, &name)?.map(|bus| bus.tags),
            Some(Named::Rule { bus, name }) => rule::find(snap, &scope, &bus, &name)?.map(|rule| rule.tags),
            None => None,
        })
    });
    Ok(read.await?.map(|tags| ResourceFacts::tagged(&tags)))
}
