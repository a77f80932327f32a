//! The contents page: everything auto scaling does.

use api_autoscaling::{SERVICE, op};
use kernel::{Access, Millis, Plugs, Result, Scope, Service, ServiceBuilder};
use scaling::alarm::{DETAIL_TYPE, SOURCE};
use scaling::owner::{self, Owner};

use crate::controllers::{
    alarm, event, group as groups, instance as instances, metric as metrics, predictive,
    scheduled_action as scheduled_actions,
};
use crate::ops::{
    activity, capacity, choice, forecast, group, group_list, hook, instance, launch_configuration,
    load_balancer, metric, on_group, policy, process, refresh, scheduled_action, standby, tag, target_group,
    warm_pool,
};
use crate::rules::tag::pairs;
use crate::state::activity as stored;
use crate::state::forecast::TIMER as FORECASTS;
use crate::state::policy::Policy;
use crate::state::scheduled_action::TIMER;

/// Activities too old are looked for this often.
const SWEEP_EVERY_MS: Millis = 3_600_000;

/// The service, ready for a house.
pub fn service(_: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.resource_facts(tag::facts_of);
    launch_configurations(&mut s);
    auto_scaling_groups(&mut s);
    members(&mut s);
    traffic(&mut s);
    listings(&mut s);
    policies(&mut s);
    hooks(&mut s);

    s.controller(
        groups::CONTROLLER,
        groups::CONCURRENCY,
        groups::SWEEP_EVERY_MS,
        groups::list,
        groups::reconcile,
    );
    s.controller(
        instances::CONTROLLER,
        instances::CONCURRENCY,
        instances::SWEEP_EVERY_MS,
        instances::list,
        instances::reconcile,
    );
    s.controller(
        Policy::CONTROLLER,
        alarm::CONCURRENCY,
        alarm::SWEEP_EVERY_MS,
        owner::list::<Policy>,
        owner::reconcile::<Policy>,
    );
    s.subscribe(
        "autoscaling/instances",
        Some(event::SOURCE),
        Some(event::STATE_CHANGE),
        event::state_changed,
    );
    s.subscribe("autoscaling/rebalance", Some(event::SOURCE), Some(event::REBALANCE), event::rebalance);
    s.subscribe(alarm::NAME, Some(SOURCE), Some(DETAIL_TYPE), alarm::take);
    s.timer(TIMER, scheduled_actions::due);
    s.timer(FORECASTS, predictive::due);
    s.sweep("autoscaling-metrics", metrics::EVERY_MS, metrics::put_all);
    s.sweep("autoscaling-activities", SWEEP_EVERY_MS, stored::sweep);
    s.build()
}

/// On no resource in particular: looking is allowed or it is not.
fn any<I>(_: &Scope, _: &I) -> Result<Access> {
    Ok(Access::any())
}

fn launch_configurations(s: &mut ServiceBuilder) {
    let on = |scope: &Scope, name: &str| {
        let path = format_args!("launchConfiguration:*:launchConfigurationName/{name}").to_string();
        Access::on(scope.arn("autoscaling", path))
    };
    s.op(op::CreateLaunchConfiguration, launch_configuration::create_launch_configuration)
        .access(move |scope, i| Ok(on(scope, &i.launch_configuration_name)));
    s.op(op::DescribeLaunchConfigurations, launch_configuration::describe_launch_configurations).access(any);
    s.op(op::DeleteLaunchConfiguration, launch_configuration::delete_launch_configuration)
        .access(move |scope, i| Ok(on(scope, &i.launch_configuration_name)));
}

fn auto_scaling_groups(s: &mut ServiceBuilder) {
    s.op(op::CreateAutoScalingGroup, group::create_auto_scaling_group).access(|scope, i| {
        Ok(on_group(scope, &i.auto_scaling_group_name).request_tags(pairs(i.tags.as_deref())))
    });
    s.op(op::UpdateAutoScalingGroup, group::update_auto_scaling_group)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DeleteAutoScalingGroup, group::delete_auto_scaling_group)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::SetDesiredCapacity, capacity::set_desired_capacity)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::SuspendProcesses, process::suspend_processes)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::ResumeProcesses, process::resume_processes)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::EnableMetricsCollection, metric::enable_metrics_collection)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DisableMetricsCollection, metric::disable_metrics_collection)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::CreateOrUpdateTags, tag::create_or_update_tags).access(|scope, i| {
        let groups = i.tags.iter().map(|tag| tag.resource_id.as_deref().unwrap_or("*"));
        let arns = groups.flat_map(|name| on_group(scope, name).resources);
        Ok(Access::on_all(arns).request_tags(pairs(Some(&i.tags))))
    });
    s.op(op::DeleteTags, tag::delete_tags).access(|scope, i| {
        let groups = i.tags.iter().map(|tag| tag.resource_id.as_deref().unwrap_or("*"));
        let arns: Vec<String> = groups.flat_map(|name| on_group(scope, name).resources).collect();
        let keys: Vec<String> = i.tags.iter().map(|tag| tag.key.clone()).collect();
        Ok(Access::on_all(arns).tag_keys(&keys))
    });
}

fn members(s: &mut ServiceBuilder) {
    s.op(op::AttachInstances, instance::attach_instances)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DetachInstances, instance::detach_instances)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::EnterStandby, standby::enter_standby)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::ExitStandby, standby::exit_standby)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::SetInstanceProtection, instance::set_instance_protection)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    // The group of an instance comes out by reading only.
    s.op(op::SetInstanceHealth, instance::set_instance_health).access(|scope, _| Ok(on_group(scope, "*")));
    s.op(op::TerminateInstanceInAutoScalingGroup, capacity::terminate_instance_in_auto_scaling_group)
        .access(|scope, _| Ok(on_group(scope, "*")));
}

fn traffic(s: &mut ServiceBuilder) {
    s.op(op::AttachLoadBalancerTargetGroups, target_group::attach_load_balancer_target_groups)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DetachLoadBalancerTargetGroups, target_group::detach_load_balancer_target_groups)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DescribeLoadBalancerTargetGroups, target_group::describe_load_balancer_target_groups)
        .access(any);
    s.op(op::AttachLoadBalancers, load_balancer::attach_load_balancers)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DetachLoadBalancers, load_balancer::detach_load_balancers)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DescribeLoadBalancers, load_balancer::describe_load_balancers).access(any);
    s.op(op::AttachTrafficSources, target_group::attach_traffic_sources)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DetachTrafficSources, target_group::detach_traffic_sources)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DescribeTrafficSources, target_group::describe_traffic_sources).access(any);
}

fn listings(s: &mut ServiceBuilder) {
    s.op(op::DescribeAutoScalingGroups, group_list::describe_auto_scaling_groups).access(any);
    s.op(op::DescribeAutoScalingInstances, group_list::describe_auto_scaling_instances).access(any);
    s.op(op::DescribeScalingActivities, activity::describe_scaling_activities).access(any);
    s.op(op::DescribeTags, tag::describe_tags).access(any);
    s.op(op::DescribeScalingProcessTypes, process::describe_scaling_process_types).access(any);
    s.op(op::DescribeMetricCollectionTypes, metric::describe_metric_collection_types).access(any);
    s.op(op::DescribeAccountLimits, choice::describe_account_limits).access(any);
    s.op(op::DescribeAdjustmentTypes, choice::describe_adjustment_types).access(any);
    s.op(op::DescribeTerminationPolicyTypes, choice::describe_termination_policy_types).access(any);
    s.op(op::DescribeLifecycleHookTypes, choice::describe_lifecycle_hook_types).access(any);
}

/// On a policy by its ARN, or on one of a group.
fn on_policy(scope: &Scope, group: Option<&str>, name: &str) -> Result<Access> {
    if name.starts_with("arn:") {
        return Ok(Access::on(name));
    }
    Ok(on_group(scope, group.unwrap_or("*")))
}

fn policies(s: &mut ServiceBuilder) {
    s.op(op::PutScalingPolicy, policy::put_scaling_policy)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DescribePolicies, policy::describe_policies).access(any);
    s.op(op::DeletePolicy, policy::delete_policy)
        .access(|scope, i| on_policy(scope, i.auto_scaling_group_name.as_deref(), &i.policy_name));
    s.op(op::ExecutePolicy, policy::execute_policy)
        .access(|scope, i| on_policy(scope, i.auto_scaling_group_name.as_deref(), &i.policy_name));
    s.op(op::GetPredictiveScalingForecast, forecast::get_predictive_scaling_forecast)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::PutScheduledUpdateGroupAction, scheduled_action::put_scheduled_update_group_action)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::BatchPutScheduledUpdateGroupAction, scheduled_action::batch_put_scheduled_update_group_action)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DeleteScheduledAction, scheduled_action::delete_scheduled_action)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::BatchDeleteScheduledAction, scheduled_action::batch_delete_scheduled_action)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DescribeScheduledActions, scheduled_action::describe_scheduled_actions).access(any);
}

fn hooks(s: &mut ServiceBuilder) {
    s.op(op::PutLifecycleHook, hook::put_lifecycle_hook)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DeleteLifecycleHook, hook::delete_lifecycle_hook)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DescribeLifecycleHooks, hook::describe_lifecycle_hooks).access(any);
    s.op(op::CompleteLifecycleAction, hook::complete_lifecycle_action)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::RecordLifecycleActionHeartbeat, hook::record_lifecycle_action_heartbeat)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::StartInstanceRefresh, refresh::start_instance_refresh)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::CancelInstanceRefresh, refresh::cancel_instance_refresh)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::RollbackInstanceRefresh, refresh::rollback_instance_refresh)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DescribeInstanceRefreshes, refresh::describe_instance_refreshes).access(any);
    s.op(op::PutWarmPool, warm_pool::put_warm_pool)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DeleteWarmPool, warm_pool::delete_warm_pool)
        .access(|scope, i| Ok(on_group(scope, &i.auto_scaling_group_name)));
    s.op(op::DescribeWarmPool, warm_pool::describe_warm_pool).access(any);
}
