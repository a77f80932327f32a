//! The operations, by what they are about.

pub mod attributes;
pub mod certificate;
pub mod limits;
pub mod listener;
pub mod load_balancer;
pub mod load_balancer_update;
pub mod network;
pub mod rule;
pub mod ssl_policy;
pub mod tags;
pub mod target;
pub mod target_group;
pub mod target_health;

use kernel::{Ctx, Reader, Result, Scope};

use crate::controllers::load_balancer::CONTROLLER;
use crate::errors;
use crate::rules::arn::Named;
use crate::state::listener::Listener;
use crate::state::load_balancer::LoadBalancer;
use crate::state::rule::Rule;
use crate::state::target_group::TargetGroup;
use crate::state::usage::Usage;
use crate::state::{
    listener as listeners, load_balancer as load_balancers, rule as rules, target_group as groups,
};

/// # Errors
/// `LoadBalancerNotFound`; `ValidationError` for what is no ARN of one.
pub(crate) fn get_load_balancer(from: &mut impl Reader, scope: &Scope, arn: &str) -> Result<LoadBalancer> {
    let Some(Named::LoadBalancer { id }) = Named::of(arn) else {
        return Err(errors::bad_arn(arn, "load balancer"));
    };
    let found = load_balancers::find(from, scope, &id)?.filter(|one| one.arn(scope) == arn);
    found.ok_or_else(|| errors::load_balancer_not_found(arn))
}

/// # Errors
/// As [`get_load_balancer`].
pub(crate) fn get_target_group(from: &mut impl Reader, scope: &Scope, arn: &str) -> Result<TargetGroup> {
    let Some(Named::TargetGroup { id }) = Named::of(arn) else {
        return Err(errors::bad_arn(arn, "target group"));
    };
    let found = groups::find(from, scope, &id)?.filter(|one| one.arn(scope) == arn);
    found.ok_or_else(|| errors::target_group_not_found(arn))
}

/// # Errors
/// As [`get_load_balancer`].
pub(crate) fn get_listener(
    from: &mut impl Reader,
    scope: &Scope,
    arn: &str,
) -> Result<(LoadBalancer, Listener)> {
    let Some(Named::Listener { of, id }) = Named::of(arn) else {
        return Err(errors::bad_arn(arn, "listener"));
    };
    let found = load_balancers::find(from, scope, &of)?.zip(listeners::find(from, scope, &of, &id)?);
    let found = found.filter(|(load_balancer, listener)| listener.arn(scope, load_balancer) == arn);
    found.ok_or_else(|| errors::listener_not_found(arn))
}

/// A rule, or the default one of its listener.
pub(crate) enum FoundRule {
    Rule(Rule),
    Default,
}

/// # Errors
/// As [`get_load_balancer`].
pub(crate) fn get_rule(
    from: &mut impl Reader,
    scope: &Scope,
    arn: &str,
) -> Result<(LoadBalancer, Listener, FoundRule)> {
    let Some(Named::Rule { of, listener, id }) = Named::of(arn) else {
        return Err(errors::bad_arn(arn, "rule"));
    };
    let home = load_balancers::find(from, scope, &of)?.zip(listeners::find(from, scope, &of, &listener)?);
    let Some((load_balancer, listener)) = home else { return Err(errors::rules_not_found()) };
    if id == default_rule_id(&listener) {
        return Ok((load_balancer, listener, FoundRule::Default));
    }
    let found = rules::find(from, scope, &listener.id, &id)?;
    let rule = found.ok_or_else(errors::rules_not_found)?;
    Ok((load_balancer, listener, FoundRule::Rule(rule)))
}

/// The default rule has no record of its own.
pub(crate) fn default_rule_id(listener: &Listener) -> String {
    listener.id.chars().rev().collect()
}

/// Sixteen hexadecimal digits.
pub(crate) fn fresh_id(ctx: &Ctx) -> String {
    ctx.ids().hex(16)
}

pub(crate) fn nudge(ctx: &Ctx, load_balancer: &str) {
    ctx.nudge(CONTROLLER, load_balancer);
}

/// Lets the load balancers that use a target group know.
pub(crate) async fn nudge_users(ctx: &Ctx, group: &str) -> Result<()> {
    let scope = *ctx.scope();
    let usage = ctx.read(|snap| Usage::read(snap, &scope)).await?;
    usage.of(group).for_each(|user| nudge(ctx, user));
    Ok(())
}
