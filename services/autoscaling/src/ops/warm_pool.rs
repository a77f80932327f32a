//! The warm pool of a group.

use api_autoscaling as api;
use kept::{Kept, overlaid};
use kernel::{Ctx, Result};

use super::{change, get_group, group_list};
use crate::errors;
use crate::rules::page;
use crate::state::instance;

pub async fn put_warm_pool(ctx: &Ctx, input: api::PutWarmPoolType) -> Result<api::PutWarmPoolAnswer> {
    if input.pool_state.as_deref() == Some("Hibernated") {
        return Err(errors::validation(
            "Instances do not hibernate here: PoolState must be Stopped or Running.",
        ));
    }
    change(ctx, &input.auto_scaling_group_name, |_, group| {
        if group.asked.0.mixed_instances_policy.is_some() {
            return Err(errors::validation(
                "You can't add a warm pool to an Auto Scaling group that has a mixed instances policy.",
            ));
        }
        if group.is_pool_deleting {
            return Err(errors::group_is_deleting());
        }
        let asked = group.warm_pool.as_ref().map_or_else(|| input.clone(), |pool| overlaid(&pool.0, &input));
        group.warm_pool = Some(Kept(asked));
        Ok(())
    })
    .await?;
    Ok(api::PutWarmPoolAnswer::default())
}

pub async fn delete_warm_pool(
    ctx: &Ctx,
    input: api::DeleteWarmPoolType,
) -> Result<api::DeleteWarmPoolAnswer> {
    let scope = *ctx.scope();
    let force = input.force_delete == Some(true);
    change(ctx, &input.auto_scaling_group_name, |tx, group| {
        if group.warm_pool.is_none() {
            return Err(errors::validation(format!("No warm pool found for group {}", group.name())));
        }
        let all = instance::of_group(tx, &scope, group.name())?;
        if !all.iter().any(instance::Instance::is_warm) {
            group.warm_pool = None;
        } else if force {
            group.is_pool_deleting = true;
        } else {
            return Err(errors::pool_in_use());
        }
        Ok(())
    })
    .await?;
    Ok(api::DeleteWarmPoolAnswer::default())
}

pub async fn describe_warm_pool(
    ctx: &Ctx,
    input: api::DescribeWarmPoolType,
) -> Result<api::DescribeWarmPoolAnswer> {
    let (scope, name) = (*ctx.scope(), &input.auto_scaling_group_name);
    let read = ctx.read(|snap| Ok((get_group(snap, &scope, name)?, instance::of_group(snap, &scope, name)?)));
    let (group, instances) = read.await?;
    let warm = instances.iter().filter(|one| one.is_warm() && one.id.is_some());
    let all = warm.map(group_list::instance_view).collect();
    let (page, next_token) = page::cut(ctx, "DescribeWarmPool", all, (input.next_token, input.max_records))?;
    let warm_pool_configuration = group.warm_pool.as_ref().map(|pool| group_list::pool_view(&group, &pool.0));
    Ok(api::DescribeWarmPoolAnswer { warm_pool_configuration, instances: Some(page), next_token })
}
