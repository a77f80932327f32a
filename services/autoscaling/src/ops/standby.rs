//! Instances set aside for a while, and taken back.

use api_autoscaling as api;
use kernel::{Ctx, Result};

use super::instance::{check_ids, leave};
use super::{change, named, nudge_instances};
use crate::controllers::activity::Doing;
use crate::controllers::instance::turn;
use crate::errors;
use crate::rules::cause;
use crate::state::activity;
use crate::state::instance::{self, Stage, Wish};

const IDS_MAX: usize = 20;

pub async fn enter_standby(ctx: &Ctx, input: api::EnterStandbyQuery) -> Result<api::EnterStandbyAnswer> {
    let scope = *ctx.scope();
    let ids = check_ids(input.instance_ids, IDS_MAX)?;
    let decrements = input.should_decrement_desired_capacity;
    let (touched, activities) = change(ctx, &input.auto_scaling_group_name, |tx, group| {
        let (mut touched, mut activities) = (Vec::new(), Vec::new());
        for mut one in named(tx, &scope, group.name(), &ids)? {
            let id = one.id.clone().unwrap_or_default();
            if !one.is_in_service() {
                return Err(errors::validation(format!("The instance {id} is not in InService.")));
            }
            let capacity = leave(group, &one, decrements, &id)?;
            let words = cause::asked(tx.ctx().now(), &id, "moved to standby", capacity);
            turn(tx, group, &mut one, Wish::Standby, (Doing::ToStandby, &words))?;
            one.stage = Stage::EnteringStandby;
            instance::put(tx, &scope, &one)?;
            let key = one.activity.clone().unwrap_or_default();
            activities.extend(activity::find(tx, &scope, &one.group, &key)?);
            touched.push(one);
        }
        Ok((touched, activities))
    })
    .await?;
    nudge_instances(ctx, &touched);
    Ok(api::EnterStandbyAnswer { activities: Some(activities.iter().map(super::activity::view).collect()) })
}

pub async fn exit_standby(ctx: &Ctx, input: api::ExitStandbyQuery) -> Result<api::ExitStandbyAnswer> {
    let scope = *ctx.scope();
    let ids = check_ids(input.instance_ids, IDS_MAX)?;
    let (touched, activities) = change(ctx, &input.auto_scaling_group_name, |tx, group| {
        let (mut touched, mut activities) = (Vec::new(), Vec::new());
        for mut one in named(tx, &scope, group.name(), &ids)? {
            let id = one.id.clone().unwrap_or_default();
            if one.stage != Stage::Standby {
                return Err(errors::validation(format!("The instance {id} is not in Standby.")));
            }
            let (from, to) = (group.desired, group.desired + one.weight);
            if to > group.asked.0.max_size {
                return Err(errors::validation(format!(
                    "AutoScalingGroup {} has min-size={}, max-size={}, and desired-size={from}. \
                     To take instance {id} back, please update the AutoScalingGroup sizes appropriately.",
                    group.name(),
                    group.asked.0.min_size,
                    group.asked.0.max_size
                )));
            }
            group.desired = to;
            let words = cause::asked(tx.ctx().now(), &id, "moved out of standby", Some((from, to)));
            turn(tx, group, &mut one, Wish::Serve, (Doing::FromStandby, &words))?;
            instance::put(tx, &scope, &one)?;
            let key = one.activity.clone().unwrap_or_default();
            activities.extend(activity::find(tx, &scope, &one.group, &key)?);
            touched.push(one);
        }
        Ok((touched, activities))
    })
    .await?;
    nudge_instances(ctx, &touched);
    Ok(api::ExitStandbyAnswer { activities: Some(activities.iter().map(super::activity::view).collect()) })
}
