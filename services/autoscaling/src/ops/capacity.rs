//! The number of a group's instances, as somebody says it.

use api_autoscaling as api;
use kernel::{Ctx, Result};

use super::{change, nudge_instances};
use crate::controllers::activity::Doing;
use crate::controllers::instance::turn;
use crate::errors;
use crate::rules::cause::{self, Wanting};
use crate::state::instance::{self, Wish};

pub async fn set_desired_capacity(ctx: &Ctx, input: api::SetDesiredCapacityType) -> Result<()> {
    let now = ctx.now();
    let honors = input.honor_cooldown == Some(true);
    change(ctx, &input.auto_scaling_group_name, |_, group| {
        let (min, max) = (group.asked.0.min_size, group.asked.0.max_size);
        let wanted = input.desired_capacity;
        if wanted > max {
            return Err(errors::validation(format!(
                "New SetDesiredCapacity value {wanted} is above max value {max} for the AutoScalingGroup."
            )));
        }
        if wanted < min {
            return Err(errors::validation(format!(
                "New SetDesiredCapacity value {wanted} is below min value {min} for the AutoScalingGroup."
            )));
        }
        if honors && group.cooldown_until > now {
            return Err(errors::cooling_down(group.name()));
        }
        if wanted != group.desired {
            group.cause = Some(cause::desired(now, &Wanting::Asked, group.desired, wanted));
            group.desired = wanted;
        }
        Ok(())
    })
    .await
}

pub async fn terminate_instance_in_auto_scaling_group(
    ctx: &Ctx,
    input: api::TerminateInstanceInAutoScalingGroupType,
) -> Result<api::ActivityType> {
    let (scope, now, id) = (*ctx.scope(), ctx.now(), &input.instance_id);
    let found = ctx.read(|snap| instance::find_by_id(snap, &scope, id)).await?;
    let name = found.ok_or_else(|| errors::instance_not_found(id))?.group;
    let (one, begun) = change(ctx, &name, |tx, group| {
        let found = instance::find_by_id(tx, &scope, id)?;
        let mut one = found.ok_or_else(|| errors::instance_not_found(id))?;
        if one.wish == Wish::Terminate {
            return Err(errors::validation(format!("Instance {id} is already being terminated.")));
        }
        let mut capacity = None;
        if input.should_decrement_desired_capacity && one.counts() {
            let to = group.desired - one.weight;
            if to < group.asked.0.min_size {
                return Err(errors::validation(
                    "Currently, desiredSize equals minSize. Terminating instance without replacement will violate group's \
                     min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's \
                     min size.",
                ));
            }
            capacity = Some((group.desired, to));
            group.desired = to;
        }
        let words = cause::asked(now, id, "taken out of service", capacity);
        turn(tx, group, &mut one, Wish::Terminate, (Doing::Terminate, &words))?;
        instance::put(tx, &scope, &one)?;
        let key = one.activity.clone().unwrap_or_default();
        Ok((one.clone(), crate::state::activity::find(tx, &scope, &one.group, &key)?))
    })
    .await?;
    nudge_instances(ctx, &[one]);
    Ok(api::ActivityType { activity: begun.as_ref().map(super::activity::view) })
}
