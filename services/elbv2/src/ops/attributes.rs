//! Attributes of load balancers, target groups and listeners.

use api_elbv2 as api;
use kernel::{Ctx, Result};

use super::{get_listener, get_load_balancer, get_target_group, nudge, nudge_users};
use crate::controllers::access_log;
use crate::errors;
use crate::rules::attribute as rules;
use crate::state::{listener, load_balancer, target_group};

macro_rules! shown {
    ($shape:ident, $pairs:expr) => {{
        let pair = |(key, value): (String, String)| api::$shape { key: Some(key), value: Some(value) };
        Some($pairs.into_iter().map(pair).collect())
    }};
}

macro_rules! given {
    ($attributes:expr) => {
        $attributes.iter().map(|one| (one.key.clone(), one.value.clone())).collect()
    };
}

pub async fn describe_load_balancer_attributes(
    ctx: &Ctx,
    input: api::DescribeLoadBalancerAttributesInput,
) -> Result<api::DescribeLoadBalancerAttributesOutput> {
    let scope = *ctx.scope();
    let one = ctx.read(|snap| get_load_balancer(snap, &scope, &input.load_balancer_arn)).await?;
    let all = rules::all_of_load_balancer(&one);
    Ok(api::DescribeLoadBalancerAttributesOutput { attributes: shown!(LoadBalancerAttribute, all) })
}

pub async fn modify_load_balancer_attributes(
    ctx: &Ctx,
    input: api::ModifyLoadBalancerAttributesInput,
) -> Result<api::ModifyLoadBalancerAttributesOutput> {
    let scope = *ctx.scope();
    let mut wanted = ctx.read(|snap| get_load_balancer(snap, &scope, &input.load_balancer_arn)).await?;
    rules::set_of_load_balancer(&mut wanted, given!(input.attributes))?;
    let names_bucket = |one: &api::LoadBalancerAttribute| {
        one.key.as_deref().is_some_and(|key| key.starts_with("access_logs."))
    };
    if wanted.is_logged() && input.attributes.iter().any(names_bucket) {
        let bucket = wanted.attribute("access_logs.s3.bucket");
        access_log::check(ctx, &wanted)
            .await
            .map_err(|refusal| errors::closed_bucket(bucket).because(refusal))?;
    }
    let write = ctx.write(|tx| {
        let mut one = get_load_balancer(tx, &scope, &input.load_balancer_arn)?;
        rules::set_of_load_balancer(&mut one, given!(input.attributes))?;
        load_balancer::put(tx, &scope, &one)?;
        Ok(one)
    });
    let one = write.await?;
    nudge(ctx, &one.id);
    let all = rules::all_of_load_balancer(&one);
    Ok(api::ModifyLoadBalancerAttributesOutput { attributes: shown!(LoadBalancerAttribute, all) })
}

pub async fn describe_target_group_attributes(
    ctx: &Ctx,
    input: api::DescribeTargetGroupAttributesInput,
) -> Result<api::DescribeTargetGroupAttributesOutput> {
    let scope = *ctx.scope();
    let one = ctx.read(|snap| get_target_group(snap, &scope, &input.target_group_arn)).await?;
    let all = rules::all_of_target_group(&one);
    Ok(api::DescribeTargetGroupAttributesOutput { attributes: shown!(TargetGroupAttribute, all) })
}

pub async fn modify_target_group_attributes(
    ctx: &Ctx,
    input: api::ModifyTargetGroupAttributesInput,
) -> Result<api::ModifyTargetGroupAttributesOutput> {
    let scope = *ctx.scope();
    let write = ctx.write(|tx| {
        let mut one = get_target_group(tx, &scope, &input.target_group_arn)?;
        rules::set_of_target_group(&mut one, given!(input.attributes))?;
        target_group::put(tx, &scope, &one)?;
        Ok(one)
    });
    let one = write.await?;
    nudge_users(ctx, &one.id).await?;
    let all = rules::all_of_target_group(&one);
    Ok(api::ModifyTargetGroupAttributesOutput { attributes: shown!(TargetGroupAttribute, all) })
}

pub async fn describe_listener_attributes(
    ctx: &Ctx,
    input: api::DescribeListenerAttributesInput,
) -> Result<api::DescribeListenerAttributesOutput> {
    let scope = *ctx.scope();
    let (_, one) = ctx.read(|snap| get_listener(snap, &scope, &input.listener_arn)).await?;
    let all = rules::all_of_listener(&one.protocol, &one.attributes);
    Ok(api::DescribeListenerAttributesOutput { attributes: shown!(ListenerAttribute, all) })
}

pub async fn modify_listener_attributes(
    ctx: &Ctx,
    input: api::ModifyListenerAttributesInput,
) -> Result<api::ModifyListenerAttributesOutput> {
    let scope = *ctx.scope();
    let write = ctx.write(|tx| {
        let (of, mut one) = get_listener(tx, &scope, &input.listener_arn)?;
        rules::set_of_listener(&one.protocol, &mut one.attributes, given!(input.attributes))?;
        listener::put(tx, &scope, &one)?;
        Ok((of, one))
    });
    let (of, one) = write.await?;
    nudge(ctx, &of.id);
    let all = rules::all_of_listener(&one.protocol, &one.attributes);
    Ok(api::ModifyListenerAttributesOutput { attributes: shown!(ListenerAttribute, all) })
}
