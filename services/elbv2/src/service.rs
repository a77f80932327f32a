//! The contents page: everything load balancing does.

use std::sync::Arc;

use api_elbv2::{SERVICE, op};
use kernel::{Access, Ctx, Error, Plugs, Result, Scope, Service, ServiceBuilder};

use crate::controllers::{access_log, instance, load_balancer as controller, metric};
use crate::ops::{
    attributes, certificate, limits, listener, load_balancer, load_balancer_update, rule, ssl_policy, tags,
    target, target_group, target_health,
};
use crate::rules::tag::pairs;

/// The machinery load balancers stand on.
pub struct Engines {
    pub fronts: Arc<dyn balance::Fronts>,
    pub networks: Arc<dyn net::Networks>,
}

/// Load balancing on the engines it is given.
///
/// Panics when an engine is missing: a mistake in the binary.
pub fn service(plugs: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(Engines { fronts: plugs.get(), networks: plugs.get() });
    let every_ms = metric::every_ms(plugs.setting(metric::SETTING));
    s.own(metric::Books::new(every_ms));
    s.own(access_log::Files::default());
    s.resource_facts(tags::facts_of);
    load_balancers(&mut s);
    target_groups(&mut s);
    listeners(&mut s);

    s.op(op::AddTags, tags::add_tags).access(|_, i| {
        Ok(Access::on_all(i.resource_arns.clone()).request_tags(
            i.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_deref().unwrap_or_default())),
        ))
    });
    s.op(op::RemoveTags, tags::remove_tags)
        .access(|_, i| Ok(Access::on_all(i.resource_arns.clone()).tag_keys(&i.tag_keys)));
    s.op(op::DescribeTags, tags::describe_tags).access(any);
    s.op(op::DescribeAccountLimits, limits::describe_account_limits).access(any);
    s.op(op::DescribeSSLPolicies, ssl_policy::describe_ssl_policies).access(any);

    s.controller(
        controller::CONTROLLER,
        controller::CONCURRENCY,
        controller::SWEEP_EVERY_MS,
        controller::list,
        controller::reconcile,
    );
    s.subscribe(
        "elbv2/instances",
        Some(instance::SOURCE),
        Some(instance::DETAIL_TYPE),
        instance::state_changed,
    );
    s.sweep("elbv2-metrics", every_ms, metric::put_all);
    s.sweep("elbv2-access-logs", every_ms, access_log::carry_all);
    s.on_reset(forget);
    s.build()
}

/// On no resource in particular: looking is allowed or it is not.
fn any<I>(_: &Scope, _: &I) -> Result<Access> {
    Ok(Access::any())
}

/// On something new, of any id.
fn fresh(scope: &Scope, path: std::fmt::Arguments<'_>, tags: &Option<Vec<api_elbv2::Tag>>) -> Result<Access> {
    let access = Access::on(scope.arn(crate::rules::arn::SERVICE, path)).request_tags(pairs(tags));
    Ok(access.also_to_tag("elasticloadbalancing:AddTags"))
}

fn load_balancers(s: &mut ServiceBuilder) {
    s.op(op::CreateLoadBalancer, load_balancer::create_load_balancer).access(|s, i| {
        let kind = if i.r#type.as_deref() == Some("network") { "net" } else { "app" };
        fresh(s, format_args!("loadbalancer/{kind}/{}/*", i.name), &i.tags)
    });
    s.op(op::DescribeLoadBalancers, load_balancer::describe_load_balancers).access(any);
    s.op(op::DeleteLoadBalancer, load_balancer::delete_load_balancer)
        .access(|_, i| Ok(Access::on(&i.load_balancer_arn)));
    s.op(op::SetSecurityGroups, load_balancer_update::set_security_groups)
        .access(|_, i| Ok(Access::on(&i.load_balancer_arn)));
    s.op(op::SetSubnets, load_balancer_update::set_subnets)
        .access(|_, i| Ok(Access::on(&i.load_balancer_arn)));
    s.op(op::SetIpAddressType, load_balancer_update::set_ip_address_type)
        .access(|_, i| Ok(Access::on(&i.load_balancer_arn)));
    s.op(op::DescribeLoadBalancerAttributes, attributes::describe_load_balancer_attributes).access(any);
    s.op(op::ModifyLoadBalancerAttributes, attributes::modify_load_balancer_attributes)
        .access(|_, i| Ok(Access::on(&i.load_balancer_arn)));
}

fn target_groups(s: &mut ServiceBuilder) {
    s.op(op::CreateTargetGroup, target_group::create_target_group)
        .access(|s, i| fresh(s, format_args!("targetgroup/{}/*", i.name), &i.tags));
    s.op(op::DescribeTargetGroups, target_group::describe_target_groups).access(any);
    s.op(op::ModifyTargetGroup, target_group::modify_target_group)
        .access(|_, i| Ok(Access::on(&i.target_group_arn)));
    s.op(op::DeleteTargetGroup, target_group::delete_target_group)
        .access(|_, i| Ok(Access::on(&i.target_group_arn)));
    s.op(op::DescribeTargetGroupAttributes, attributes::describe_target_group_attributes).access(any);
    s.op(op::ModifyTargetGroupAttributes, attributes::modify_target_group_attributes)
        .access(|_, i| Ok(Access::on(&i.target_group_arn)));
    s.op(op::RegisterTargets, target::register_targets).access(|_, i| Ok(Access::on(&i.target_group_arn)));
    s.op(op::DeregisterTargets, target::deregister_targets)
        .access(|_, i| Ok(Access::on(&i.target_group_arn)));
    s.op(op::DescribeTargetHealth, target_health::describe_target_health).access(any);
}

fn listeners(s: &mut ServiceBuilder) {
    s.op(op::CreateListener, listener::create_listener)
        .access(|_, i| Ok(Access::on(&i.load_balancer_arn).request_tags(pairs(&i.tags))));
    s.op(op::DescribeListeners, listener::describe_listeners).access(any);
    s.op(op::ModifyListener, listener::modify_listener).access(|_, i| Ok(Access::on(&i.listener_arn)));
    s.op(op::DeleteListener, listener::delete_listener).access(|_, i| Ok(Access::on(&i.listener_arn)));
    s.op(op::DescribeListenerAttributes, attributes::describe_listener_attributes).access(any);
    s.op(op::ModifyListenerAttributes, attributes::modify_listener_attributes)
        .access(|_, i| Ok(Access::on(&i.listener_arn)));
    s.op(op::AddListenerCertificates, certificate::add_listener_certificates)
        .access(|_, i| Ok(Access::on(&i.listener_arn)));
    s.op(op::RemoveListenerCertificates, certificate::remove_listener_certificates)
        .access(|_, i| Ok(Access::on(&i.listener_arn)));
    s.op(op::DescribeListenerCertificates, certificate::describe_listener_certificates).access(any);
    s.op(op::CreateRule, rule::create_rule)
        .access(|_, i| Ok(Access::on(&i.listener_arn).request_tags(pairs(&i.tags))));
    s.op(op::DescribeRules, rule::describe_rules).access(any);
    s.op(op::ModifyRule, rule::modify_rule).access(|_, i| Ok(Access::on(&i.rule_arn)));
    s.op(op::DeleteRule, rule::delete_rule).access(|_, i| Ok(Access::on(&i.rule_arn)));
    s.op(op::SetRulePriorities, rule::set_rule_priorities)
        .access(|_, i| Ok(Access::on_all(i.rule_priorities.iter().filter_map(|pair| pair.rule_arn.clone()))));
}

/// Closes every door; interfaces go with EC2's networks.
async fn forget(ctx: &Ctx) -> Result<()> {
    let fronts = &ctx.own::<Engines>().fronts;
    for (_, id) in controller::list(ctx).await? {
        fronts.remove(&id.as_str().into()).await.map_err(Error::internal)?;
    }
    Ok(())
}
