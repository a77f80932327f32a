//! Policies: made, deleted, and set on listeners and on ports of instances.

use api_elb as api;
use kernel::{Ctx, Result};

use super::{change, get};
use crate::errors;
use crate::rules::policy as rules;
use crate::state::load_balancer::Says;

async fn add(ctx: &Ctx, balancer: &str, name: &str, says: Says) -> Result<()> {
    change(ctx, balancer, |_, one| rules::add(one, name, says.clone())).await.map(drop)
}

pub async fn create_lb_cookie_stickiness_policy(
    ctx: &Ctx,
    input: api::CreateLBCookieStickinessPolicyInput,
) -> Result<api::CreateLBCookieStickinessPolicyOutput> {
    let says = rules::balancer_cookie(input.cookie_expiration_period)?;
    add(ctx, &input.load_balancer_name, &input.policy_name, says).await?;
    Ok(api::CreateLBCookieStickinessPolicyOutput::default())
}

pub async fn create_app_cookie_stickiness_policy(
    ctx: &Ctx,
    input: api::CreateAppCookieStickinessPolicyInput,
) -> Result<api::CreateAppCookieStickinessPolicyOutput> {
    let says = rules::application_cookie(input.cookie_name)?;
    add(ctx, &input.load_balancer_name, &input.policy_name, says).await?;
    Ok(api::CreateAppCookieStickinessPolicyOutput::default())
}

pub async fn create_load_balancer_policy(
    ctx: &Ctx,
    input: api::CreateLoadBalancerPolicyInput,
) -> Result<api::CreateLoadBalancerPolicyOutput> {
    let says = rules::read(&input.policy_type_name, &input.policy_attributes.unwrap_or_default())?;
    add(ctx, &input.load_balancer_name, &input.policy_name, says).await?;
    Ok(api::CreateLoadBalancerPolicyOutput::default())
}

/// One that is not there is no error; one that is in use is.
pub async fn delete_load_balancer_policy(
    ctx: &Ctx,
    input: api::DeleteLoadBalancerPolicyInput,
) -> Result<api::DeleteLoadBalancerPolicyOutput> {
    let name = &input.policy_name;
    change(ctx, &input.load_balancer_name, |_, one| {
        let of_listeners = one.listeners.iter().flat_map(|listener| &listener.policies);
        if of_listeners.chain(one.backends.values().flatten()).any(|used| used == name) {
            return Err(errors::configuration(format!("The policy {name} is in use")));
        }
        one.policies.retain(|policy| policy.name != *name);
        Ok(())
    })
    .await?;
    Ok(api::DeleteLoadBalancerPolicyOutput::default())
}

pub async fn set_load_balancer_policies_of_listener(
    ctx: &Ctx,
    input: api::SetLoadBalancerPoliciesOfListenerInput,
) -> Result<api::SetLoadBalancerPoliciesOfListenerOutput> {
    let (port, names) = (input.load_balancer_port, input.policy_names);
    change(ctx, &input.load_balancer_name, |_, one| {
        let found = one.listeners.iter().position(|listener| listener.port == port);
        let listener = found.and_then(|at| one.listeners.get(at));
        let listener = listener.ok_or_else(|| errors::listener_not_found(port, &one.name))?;
        rules::check_of_listener(one, listener, &names)?;
        for listener in one.listeners.iter_mut().filter(|listener| listener.port == port) {
            listener.policies.clone_from(&names);
        }
        Ok(())
    })
    .await?;
    Ok(api::SetLoadBalancerPoliciesOfListenerOutput::default())
}

pub async fn set_load_balancer_policies_for_backend_server(
    ctx: &Ctx,
    input: api::SetLoadBalancerPoliciesForBackendServerInput,
) -> Result<api::SetLoadBalancerPoliciesForBackendServerOutput> {
    let (port, names) = (input.instance_port, input.policy_names);
    change(ctx, &input.load_balancer_name, |_, one| {
        rules::check_of_backend(one, port, &names)?;
        if names.is_empty() {
            one.backends.remove(&port);
        } else {
            one.backends.insert(port, names.clone());
        }
        Ok(())
    })
    .await?;
    Ok(api::SetLoadBalancerPoliciesForBackendServerOutput::default())
}

/// Those of a load balancer; the predefined ones without.
pub async fn describe_load_balancer_policies(
    ctx: &Ctx,
    input: api::DescribeLoadBalancerPoliciesInput,
) -> Result<api::DescribeLoadBalancerPoliciesOutput> {
    let scope = *ctx.scope();
    let mut all = match &input.load_balancer_name {
        Some(name) => {
            let one = ctx.read(|snap| get(snap, &scope, name)).await?;
            one.policies.iter().map(rules::shown).collect()
        }
        None => rules::PREDEFINED.iter().map(|(name, _)| rules::shown_predefined(name)).collect::<Vec<_>>(),
    };
    let wanted = input.policy_names.unwrap_or_default();
    if !wanted.is_empty() {
        let is = |one: &api::PolicyDescription, name: &str| one.policy_name.as_deref() == Some(name);
        if let Some(missing) = wanted.iter().find(|name| !all.iter().any(|one| is(one, name))) {
            return Err(errors::policy_not_found(missing));
        }
        all.retain(|one| wanted.iter().any(|name| is(one, name)));
    }
    Ok(api::DescribeLoadBalancerPoliciesOutput { policy_descriptions: Some(all) })
}

pub async fn describe_load_balancer_policy_types(
    _: &Ctx,
    input: api::DescribeLoadBalancerPolicyTypesInput,
) -> Result<api::DescribeLoadBalancerPolicyTypesOutput> {
    let wanted = input.policy_type_names.unwrap_or_default();
    let known = |name: &String| rules::TYPES.iter().any(|(known, ..)| known == name);
    if let Some(missing) = wanted.iter().find(|name| !known(name)) {
        return Err(errors::policy_type_not_found(missing));
    }
    let types =
        rules::TYPES.iter().filter(|(name, ..)| wanted.is_empty() || wanted.iter().any(|w| w == name));
    let shown = types.map(|(name, description, attributes)| api::PolicyTypeDescription {
        policy_type_name: Some((*name).to_owned()),
        description: Some((*description).to_owned()),
        policy_attribute_type_descriptions: Some(attributes.iter().map(attribute).collect()),
    });
    Ok(api::DescribeLoadBalancerPolicyTypesOutput { policy_type_descriptions: Some(shown.collect()) })
}

fn attribute(
    (name, kind, default, cardinality): &(&str, &str, Option<&str>, &str),
) -> api::PolicyAttributeTypeDescription {
    api::PolicyAttributeTypeDescription {
        attribute_name: Some((*name).to_owned()),
        attribute_type: Some((*kind).to_owned()),
        description: None,
        default_value: default.map(str::to_owned),
        cardinality: Some((*cardinality).to_owned()),
    }
}
