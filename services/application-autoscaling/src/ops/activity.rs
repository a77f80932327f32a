//! What was done to capacities, and why.

use api_application_autoscaling as api;
use kernel::{Ctx, Result};
use shape::Timestamp;

use super::{Of, page};
use crate::state::activity::{self, Activity, NotScaled};

pub async fn describe_scaling_activities(
    ctx: &Ctx,
    input: api::DescribeScalingActivitiesRequest,
) -> Result<api::DescribeScalingActivitiesResponse> {
    let scope = *ctx.scope();
    let resources = input.resource_id.into_iter().collect();
    let of = Of::new(input.service_namespace, resources, input.scalable_dimension)?;
    let is_whole = input.include_not_scaled_activities == Some(true);
    let mut all = ctx.read(|snap| activity::all(snap, &scope)).await?;
    all.retain(|one| of.has(&one.key) && (is_whole || one.not_scaled.is_none()));
    let asked = (input.next_token, input.max_results);
    let (page, next_token) = page(ctx, "DescribeScalingActivities", all, asked)?;
    let scaling_activities = Some(page.into_iter().map(view).collect());
    Ok(api::DescribeScalingActivitiesResponse { scaling_activities, next_token })
}

fn view(one: Activity) -> api::ScalingActivity {
    let reason = |why: NotScaled| api::NotScaledReason {
        max_capacity: (why.code == "AlreadyAtMaxCapacity").then_some(why.max),
        min_capacity: (why.code == "AlreadyAtMinCapacity").then_some(why.min),
        current_capacity: (why.code == "AlreadyAtDesiredCapacity").then_some(why.current),
        code: why.code,
    };
    api::ScalingActivity {
        activity_id: one.id,
        service_namespace: one.key.namespace().to_owned(),
        resource_id: one.key.resource,
        scalable_dimension: one.key.dimension,
        description: one.description,
        cause: one.cause,
        start_time: Timestamp::from_millis(one.started_at),
        end_time: one.ended_at.map(Timestamp::from_millis),
        status_code: one.status,
        status_message: one.message,
        not_scaled_reasons: one.not_scaled.map(|why| vec![reason(why)]),
        ..Default::default()
    }
}
