//! The contents page: everything classic load balancers do.

use std::sync::Arc;

use api_elb::{SERVICE, Tag, op};
use kernel::{Access, Ctx, Error, Plugs, Result, Scope, Service, ServiceBuilder};

use crate::controllers::{access_log, instance as instances, load_balancer as controller, metric};
use crate::ops::{attributes, health, instance, limits, listener, load_balancer, policy, subnet, tags};
use crate::state::load_balancer::arn;

/// The machinery load balancers stand on.
pub struct Engines {
    pub fronts: Arc<dyn balance::Fronts>,
    pub networks: Arc<dyn net::Networks>,
}

/// Classic load balancing on the engines it is given.
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
    listeners_and_policies(&mut s);
    what_belongs_to_them(&mut s);

    s.controller(
        controller::CONTROLLER,
        controller::CONCURRENCY,
        controller::SWEEP_EVERY_MS,
        controller::list,
        controller::reconcile,
    );
    s.subscribe(
        "elb/instances",
        Some(instances::SOURCE),
        Some(instances::DETAIL_TYPE),
        instances::state_changed,
    );
    s.sweep("elb-metrics", every_ms, metric::put_all);
    s.sweep("elb-access-logs", every_ms, access_log::carry_all);
    s.on_reset(forget);
    s.build()
}

/// On no resource in particular: looking is allowed or it is not.
fn any<I>(_: &Scope, _: &I) -> Result<Access> {
    Ok(Access::any())
}

/// On a load balancer by its name.
fn on(scope: &Scope, name: &str) -> Result<Access> {
    Ok(Access::on(arn(scope, name)))
}

fn pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_deref().unwrap_or_default()))
}

fn load_balancers(s: &mut ServiceBuilder) {
    s.op(op::CreateLoadBalancer, load_balancer::create_load_balancer).access(|s, i| {
        let tags = i.tags.as_deref().unwrap_or_default();
        let access = Access::on(arn(s, &i.load_balancer_name)).request_tags(pairs(tags));
        Ok(access.also_to_tag("elasticloadbalancing:AddTags"))
    });
    s.op(op::DescribeLoadBalancers, load_balancer::describe_load_balancers).access(any);
    s.op(op::DeleteLoadBalancer, load_balancer::delete_load_balancer)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::ApplySecurityGroupsToLoadBalancer, subnet::apply_security_groups_to_load_balancer)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::AttachLoadBalancerToSubnets, subnet::attach_load_balancer_to_subnets)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::DetachLoadBalancerFromSubnets, subnet::detach_load_balancer_from_subnets)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::EnableAvailabilityZonesForLoadBalancer, subnet::enable_availability_zones_for_load_balancer)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::DisableAvailabilityZonesForLoadBalancer, subnet::disable_availability_zones_for_load_balancer)
        .access(|s, i| on(s, &i.load_balancer_name));
}

fn listeners_and_policies(s: &mut ServiceBuilder) {
    s.op(op::CreateLoadBalancerListeners, listener::create_load_balancer_listeners)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::DeleteLoadBalancerListeners, listener::delete_load_balancer_listeners)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::SetLoadBalancerListenerSSLCertificate, listener::set_load_balancer_listener_ssl_certificate)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::SetLoadBalancerPoliciesOfListener, policy::set_load_balancer_policies_of_listener)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::SetLoadBalancerPoliciesForBackendServer, policy::set_load_balancer_policies_for_backend_server)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::CreateLBCookieStickinessPolicy, policy::create_lb_cookie_stickiness_policy)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::CreateAppCookieStickinessPolicy, policy::create_app_cookie_stickiness_policy)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::CreateLoadBalancerPolicy, policy::create_load_balancer_policy)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::DeleteLoadBalancerPolicy, policy::delete_load_balancer_policy)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::DescribeLoadBalancerPolicies, policy::describe_load_balancer_policies).access(any);
    s.op(op::DescribeLoadBalancerPolicyTypes, policy::describe_load_balancer_policy_types).access(any);
}

fn what_belongs_to_them(s: &mut ServiceBuilder) {
    s.op(op::RegisterInstancesWithLoadBalancer, instance::register_instances_with_load_balancer)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::DeregisterInstancesFromLoadBalancer, instance::deregister_instances_from_load_balancer)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::ConfigureHealthCheck, health::configure_health_check)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::DescribeInstanceHealth, health::describe_instance_health).access(any);
    s.op(op::DescribeLoadBalancerAttributes, attributes::describe_load_balancer_attributes).access(any);
    s.op(op::ModifyLoadBalancerAttributes, attributes::modify_load_balancer_attributes)
        .access(|s, i| on(s, &i.load_balancer_name));
    s.op(op::DescribeAccountLimits, limits::describe_account_limits).access(any);
    s.op(op::AddTags, tags::add_tags).access(|s, i| {
        let arns = i.load_balancer_names.iter().map(|name| arn(s, name)).collect::<Vec<_>>();
        Ok(Access::on_all(arns).request_tags(pairs(&i.tags)))
    });
    s.op(op::RemoveTags, tags::remove_tags).access(|s, i| {
        let arns = i.load_balancer_names.iter().map(|name| arn(s, name)).collect::<Vec<_>>();
        let keys: Vec<String> = i.tags.iter().filter_map(|tag| tag.key.clone()).collect();
        Ok(Access::on_all(arns).tag_keys(&keys))
    });
    s.op(op::DescribeTags, tags::describe_tags).access(any);
}

/// Closes every door; interfaces go with EC2's networks.
async fn forget(ctx: &Ctx) -> Result<()> {
    let fronts = &ctx.own::<Engines>().fronts;
    for id in controller::fronts(ctx).await? {
        fronts.remove(&id).await.map_err(Error::internal)?;
    }
    Ok(())
}
