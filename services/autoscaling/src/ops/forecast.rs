//! What predictive policies foretell.

use api_autoscaling as api;
use kernel::{Ctx, Millis, Result};
use shape::Timestamp;

use crate::errors;
use crate::rules::forecast::HOUR_MS;
use crate::rules::predictive;
use crate::state::policy::{self, Kind};
use crate::state::{forecast, group};

/// API reference, GetPredictiveScalingForecast.
const SPAN_MS_MAX: Millis = 30 * 24 * HOUR_MS;

pub async fn get_predictive_scaling_forecast(
    ctx: &Ctx,
    input: api::GetPredictiveScalingForecastType,
) -> Result<api::GetPredictiveScalingForecastAnswer> {
    let scope = *ctx.scope();
    let (from, to) = (input.start_time.as_millis(), input.end_time.as_millis());
    if from >= to || to - from > SPAN_MS_MAX {
        return Err(errors::validation("StartTime must be before EndTime, and at most 30 days."));
    }
    let (group_name, name) = (&input.auto_scaling_group_name, &input.policy_name);
    let read = ctx.read(|snap| {
        group::find(snap, &scope, group_name)?.ok_or_else(|| errors::group_not_found(group_name))?;
        let found = if name.starts_with("arn:") {
            policy::find_by_arn(snap, &scope, name)?.filter(|one| one.group() == group_name)
        } else {
            policy::find(snap, &scope, group_name, name)?
        };
        let found = found.ok_or_else(|| errors::policy_not_found(name))?;
        if found.kind() != Kind::Predictive {
            return Err(errors::validation(format!("{name} is no predictive scaling policy.")));
        }
        Ok((forecast::find(snap, &scope, &found)?, found))
    });
    let (known, found) = read.await?;
    let known = known.ok_or_else(|| {
        errors::validation("There is no forecast yet: at least 24 hours of data are needed for one.")
    })?;
    let mut asked = found.asked.0.predictive_scaling_configuration.unwrap_or_default();
    predictive::complete(&mut asked);
    let hours: Vec<_> = known.hours.iter().filter(|one| (from..to).contains(&(one.at * HOUR_MS))).collect();
    let timestamps: Vec<Timestamp> =
        hours.iter().map(|one| Timestamp::from_millis(one.at * HOUR_MS)).collect();
    let load = api::LoadForecast {
        timestamps: timestamps.clone(),
        values: hours.iter().map(|one| one.load).collect(),
        metric_specification: asked.metric_specifications.into_iter().next().unwrap_or_default(),
    };
    let values = hours.iter().map(|one| f64::from(one.capacity)).collect();
    Ok(api::GetPredictiveScalingForecastAnswer {
        load_forecast: vec![load],
        capacity_forecast: api::CapacityForecast { timestamps, values },
        update_time: Timestamp::from_millis(known.made_at),
    })
}
