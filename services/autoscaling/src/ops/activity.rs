//! What groups did.

use api_autoscaling as api;
use kernel::{Ctx, Result};
use shape::Timestamp;

use super::get_group;
use crate::errors;
use crate::rules::page;
use crate::state::activity::{self, Activity};

pub async fn describe_scaling_activities(
    ctx: &Ctx,
    input: api::DescribeScalingActivitiesType,
) -> Result<api::ActivitiesType> {
    let scope = *ctx.scope();
    let ids = input.activity_ids.unwrap_or_default();
    let keeps_deleted = input.include_deleted_groups == Some(true);
    let filters = input.filters.unwrap_or_default();
    let found = ctx
        .read(|snap| match &input.auto_scaling_group_name {
            Some(name) => {
                if !keeps_deleted {
                    get_group(snap, &scope, name)?;
                }
                activity::of_group(snap, &scope, name)
            }
            None => {
                let mut all = activity::all(snap, &scope)?;
                if !keeps_deleted {
                    let groups = crate::state::group::all(snap, &scope)?;
                    all.retain(|one| groups.iter().any(|group| group.name() == one.group));
                }
                Ok(all)
            }
        })
        .await?;
    let mut kept = Vec::new();
    for one in found {
        if (ids.is_empty() || ids.contains(&one.id)) && matches(&one, &filters)? {
            kept.push(one);
        }
    }
    let (page, next_token) =
        page::cut(ctx, "DescribeScalingActivities", kept, (input.next_token, input.max_records))?;
    Ok(api::ActivitiesType { activities: page.iter().map(view).collect(), next_token })
}

fn matches(one: &Activity, filters: &[api::Filter]) -> Result<bool> {
    for filter in filters {
        let values = filter.values.as_deref().unwrap_or_default();
        let instant = |text: &String| {
            text.parse::<jiff::Timestamp>()
                .map(jiff::Timestamp::as_millisecond)
                .map_err(|_| errors::validation(format!("{text} is not a timestamp.")))
        };
        let holds = match filter.name.as_deref().unwrap_or_default() {
            "StartTimeLowerBound" => {
                values.iter().map(instant).collect::<Result<Vec<_>>>()?.iter().all(|at| one.started_at >= *at)
            }
            "StartTimeUpperBound" => {
                values.iter().map(instant).collect::<Result<Vec<_>>>()?.iter().all(|at| one.started_at <= *at)
            }
            "Status" => values.contains(&one.status),
            other => return Err(errors::validation(format!("Filter type {other} is not correct."))),
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(crate) fn view(one: &Activity) -> api::Activity {
    api::Activity {
        activity_id: one.id.clone(),
        auto_scaling_group_name: one.group.clone(),
        description: Some(one.description.clone()),
        cause: one.cause.clone(),
        start_time: Timestamp::from_millis(one.started_at),
        end_time: one.ended_at.map(Timestamp::from_millis),
        status_code: one.status.clone(),
        status_message: one.message.clone(),
        progress: Some(one.progress),
        details: Some(one.details.clone()),
        auto_scaling_group_state: None,
        auto_scaling_group_arn: Some(one.group_arn.clone()),
    }
}
