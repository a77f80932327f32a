//! The contents page: everything Application Auto Scaling does.

use api_application_autoscaling::{SERVICE, op};
use kernel::{Access, Millis, Plugs, Result, Scope, Service, ServiceBuilder};
use scaling::alarm::{DETAIL_TYPE, SOURCE};
use scaling::owner::{self, Owner};

use crate::controllers::{alarm, scheduled_action as scheduled_actions, target as targets};
use crate::ops::{activity, policy, scheduled_action, tag, target};
use crate::state::activity as stored;
use crate::state::policy::Policy;
use crate::state::scheduled_action::TIMER;

/// Activities too old are looked for this often.
const SWEEP_EVERY_MS: Millis = 3_600_000;

/// The service, ready for a house.
pub fn service(_: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.resource_facts(tag::facts_of);

    // targets
    s.op(op::RegisterScalableTarget, target::register_scalable_target).access(|scope, i| {
        let tags = i.tags.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
        let access = on(scope, &i.service_namespace, &i.scalable_dimension).request_tags(tags);
        Ok(access.also_to_tag("application-autoscaling:TagResource"))
    });
    s.op(op::DeregisterScalableTarget, target::deregister_scalable_target)
        .access(|scope, i| Ok(on(scope, &i.service_namespace, &i.scalable_dimension)));
    s.op(op::DescribeScalableTargets, target::describe_scalable_targets).access(any);
    s.op(op::DescribeScalingActivities, activity::describe_scaling_activities).access(any);
    s.op(op::TagResource, tag::tag_resource).access(|_, i| {
        let tags = i.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Ok(Access::on(&i.resource_arn).request_tags(tags))
    });
    s.op(op::UntagResource, tag::untag_resource)
        .access(|_, i| Ok(Access::on(&i.resource_arn).tag_keys(&i.tag_keys)));
    s.op(op::ListTagsForResource, tag::list_tags_for_resource).access(|_, i| Ok(Access::on(&i.resource_arn)));

    // policies
    s.op(op::PutScalingPolicy, policy::put_scaling_policy)
        .access(|scope, i| Ok(on(scope, &i.service_namespace, &i.scalable_dimension)));
    s.op(op::DescribeScalingPolicies, policy::describe_scaling_policies).access(any);
    s.op(op::DeleteScalingPolicy, policy::delete_scaling_policy)
        .access(|scope, i| Ok(on(scope, &i.service_namespace, &i.scalable_dimension)));

    // scheduled actions
    s.op(op::PutScheduledAction, scheduled_action::put_scheduled_action)
        .access(|scope, i| Ok(on(scope, &i.service_namespace, &i.scalable_dimension)));
    s.op(op::DescribeScheduledActions, scheduled_action::describe_scheduled_actions).access(any);
    s.op(op::DeleteScheduledAction, scheduled_action::delete_scheduled_action)
        .access(|scope, i| Ok(on(scope, &i.service_namespace, &i.scalable_dimension)));

    s.controller(
        targets::CONTROLLER,
        targets::CONCURRENCY,
        targets::SWEEP_EVERY_MS,
        targets::list,
        targets::reconcile,
    );
    s.controller(
        Policy::CONTROLLER,
        alarm::CONCURRENCY,
        alarm::SWEEP_EVERY_MS,
        owner::list::<Policy>,
        owner::reconcile::<Policy>,
    );
    s.subscribe(alarm::NAME, Some(SOURCE), Some(DETAIL_TYPE), alarm::take);
    s.timer(TIMER, scheduled_actions::due);
    s.sweep("application-autoscaling-activities", SWEEP_EVERY_MS, stored::sweep);
    s.build()
}

/// On no resource in particular: looking is allowed or it is not.
fn any<I>(_: &Scope, _: &I) -> Result<Access> {
    Ok(Access::any())
}

/// The ARN of a target comes out by reading only; its keys are known.
fn on(scope: &Scope, namespace: &str, dimension: &str) -> Access {
    Access::on(scope.arn("application-autoscaling", "scalable-target/*"))
        .condition("application-autoscaling:service-namespace", [namespace.to_owned()])
        .condition("application-autoscaling:scalable-dimension", [dimension.to_owned()])
}
