//! What there is to choose from, and how much of it.

use api_autoscaling as api;
use kernel::{Ctx, Result};

use crate::rules::{group as rules, launch_configuration as configurations, termination};
use crate::state::hook::{LAUNCHING, TERMINATING};
use crate::state::{group, launch_configuration};

pub async fn describe_account_limits(ctx: &Ctx, (): ()) -> Result<api::DescribeAccountLimitsAnswer> {
    let scope = *ctx.scope();
    let read = ctx
        .read(|snap| Ok((group::all(snap, &scope)?.len(), launch_configuration::all(snap, &scope)?.len())));
    let (groups, made) = read.await?;
    let number = |count: usize| i32::try_from(count).ok();
    Ok(api::DescribeAccountLimitsAnswer {
        max_number_of_auto_scaling_groups: number(rules::GROUPS_MAX),
        max_number_of_launch_configurations: number(configurations::CONFIGURATIONS_MAX),
        number_of_auto_scaling_groups: number(groups),
        number_of_launch_configurations: number(made),
    })
}

pub async fn describe_termination_policy_types(
    _: &Ctx,
    (): (),
) -> Result<api::DescribeTerminationPolicyTypesAnswer> {
    let types = termination::POLICIES.map(str::to_owned).to_vec();
    Ok(api::DescribeTerminationPolicyTypesAnswer { termination_policy_types: Some(types) })
}

pub async fn describe_adjustment_types(_: &Ctx, (): ()) -> Result<api::DescribeAdjustmentTypesAnswer> {
    let one = |name: &str| api::AdjustmentType { adjustment_type: Some(name.to_owned()) };
    let types = ["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"].map(one).to_vec();
    Ok(api::DescribeAdjustmentTypesAnswer { adjustment_types: Some(types) })
}

pub async fn describe_lifecycle_hook_types(_: &Ctx, (): ()) -> Result<api::DescribeLifecycleHookTypesAnswer> {
    let types = [LAUNCHING, TERMINATING].map(str::to_owned).to_vec();
    Ok(api::DescribeLifecycleHookTypesAnswer { lifecycle_hook_types: Some(types) })
}
