//! Tags of everything that has an ARN.

use api_elbv2 as api;
use kernel::{Arn, Ctx, Reader, ResourceFacts, Result, Scope, Tx};

use super::{FoundRule, get_listener, get_load_balancer, get_rule, get_target_group};
use crate::errors;
use crate::rules::arn::Named;
use crate::rules::tag as rules;
use crate::state::{Pairs, listener, load_balancer, rule, target_group};

/// Resources whose tags one request may ask for.
const RESOURCES_MAX: usize = 20;

fn find(from: &mut impl Reader, scope: &Scope, arn: &str) -> Result<Pairs> {
    match Named::of(arn) {
        Some(Named::LoadBalancer { .. }) => Ok(get_load_balancer(from, scope, arn)?.tags),
        Some(Named::TargetGroup { .. }) => Ok(get_target_group(from, scope, arn)?.tags),
        Some(Named::Listener { .. }) => Ok(get_listener(from, scope, arn)?.1.tags),
        Some(Named::Rule { .. }) => match get_rule(from, scope, arn)?.2 {
            FoundRule::Rule(one) => Ok(one.tags),
            FoundRule::Default => Ok(Pairs::new()),
        },
        None => Err(errors::bad_arn(arn, "resource")),
    }
}

fn change(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    arn: &str,
    edit: &dyn Fn(&mut Pairs) -> Result<()>,
) -> Result<()> {
    match Named::of(arn) {
        Some(Named::LoadBalancer { .. }) => {
            let mut one = get_load_balancer(tx, scope, arn)?;
            edit(&mut one.tags)?;
            load_balancer::put(tx, scope, &one)
        }
        Some(Named::TargetGroup { .. }) => {
            let mut one = get_target_group(tx, scope, arn)?;
            edit(&mut one.tags)?;
            target_group::put(tx, scope, &one)
        }
        Some(Named::Listener { .. }) => {
            let (_, mut one) = get_listener(tx, scope, arn)?;
            edit(&mut one.tags)?;
            listener::put(tx, scope, &one)
        }
        Some(Named::Rule { .. }) => {
            let FoundRule::Rule(mut one) = get_rule(tx, scope, arn)?.2 else {
                return Err(errors::default_rule());
            };
            edit(&mut one.tags)?;
            rule::put(tx, scope, &one)
        }
        None => Err(errors::bad_arn(arn, "resource")),
    }
}

pub async fn add_tags(ctx: &Ctx, input: api::AddTagsInput) -> Result<api::AddTagsOutput> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let add = |tags: &mut Pairs| rules::add(tags, input.tags.clone(), false);
        input.resource_arns.iter().try_for_each(|arn| change(tx, &scope, arn, &add))
    })
    .await?;
    Ok(api::AddTagsOutput::default())
}

pub async fn remove_tags(ctx: &Ctx, input: api::RemoveTagsInput) -> Result<api::RemoveTagsOutput> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let remove = |tags: &mut Pairs| {
            tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        };
        input.resource_arns.iter().try_for_each(|arn| change(tx, &scope, arn, &remove))
    })
    .await?;
    Ok(api::RemoveTagsOutput::default())
}

pub async fn describe_tags(ctx: &Ctx, input: api::DescribeTagsInput) -> Result<api::DescribeTagsOutput> {
    let scope = *ctx.scope();
    if input.resource_arns.len() > RESOURCES_MAX {
        return Err(errors::validation(format!(
            "At most {RESOURCES_MAX} resources can be described at once"
        )));
    }
    let read = ctx.read(|snap| {
        let describe = |arn: &String| {
            let tags = Some(rules::shown(&find(snap, &scope, arn)?));
            Ok(api::TagDescription { resource_arn: Some(arn.clone()), tags })
        };
        input.resource_arns.iter().map(describe).collect::<Result<Vec<_>>>()
    });
    Ok(api::DescribeTagsOutput { tag_descriptions: Some(read.await?) })
}

/// What conditions of policies may ask about a resource: its tags.
pub async fn facts_of(ctx: &Ctx, arn: Arn) -> Result<Option<ResourceFacts>> {
    let scope = *ctx.scope();
    let text = arn.to_string();
    let found = ctx.read(|snap| Ok(find(snap, &scope, &text).ok())).await?;
    Ok(found.map(|tags| ResourceFacts { has_own_tag_key: true, ..ResourceFacts::tagged(&tags) }))
}
