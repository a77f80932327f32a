//! Foretells the capacity of groups by their policies, and has it ready before its hour.

use api_autoscaling as api;
use api_cloudwatch as cw;
use kernel::{Ctx, Millis, Result, Tx};
use shape::Timestamp;

use super::group::CONTROLLER;
use crate::rules::cause::{self, Wanting};
use crate::rules::forecast::{self as rules, HISTORY_H, HOUR_MS, Series, hour};
use crate::rules::predictive::{self, Source};
use crate::state::forecast::{self, Forecast, Hour};
use crate::state::group;
use crate::state::policy::{self, Kind, Policy};

/// Forecasts are made anew so often (user guide, "How predictive scaling works").
const RENEW_MS: Millis = 6 * HOUR_MS;
/// What was foretold is shown for so long.
const SHOWN_H: i64 = 30 * 24;

/// The timer of a policy, `group:policy`, has gone off.
pub async fn due(ctx: &Ctx, key: String) -> Result<()> {
    let Some((group_name, name)) = key.split_once(':') else { return Ok(()) };
    let (scope, now) = (*ctx.scope(), ctx.now());
    let read = ctx.read(|snap| {
        let found =
            policy::find(snap, &scope, group_name, name)?.filter(|one| one.kind() == Kind::Predictive);
        let Some(found) = found else { return Ok(None) };
        Ok(Some((forecast::find(snap, &scope, &found)?, found)))
    });
    let Some((known, found)) = read.await? else { return Ok(()) };
    let is_old = known.as_ref().is_none_or(|known| now - known.made_at >= RENEW_MS);
    let made = if is_old { foretell(ctx, &found, now).await? } else { None };
    ctx.write(|tx| {
        let current = policy::find(tx, &scope, group_name, name)?;
        // Another was put meanwhile: its own timer is set.
        if current.is_none_or(|current| current.stamp() != found.stamp()) {
            return Ok(());
        }
        if let Some(made) = &made {
            let mut hours = known.clone().unwrap_or_default().hours;
            hours.retain(|one| one.at >= hour(now) - SHOWN_H && one.at < hour(now));
            hours.extend(made);
            forecast::put(tx, &scope, &found, &Forecast { made_at: now, hours })?;
        }
        apply(tx, group_name, now)?;
        let Some(asked) = &found.asked.0.predictive_scaling_configuration else { return Ok(()) };
        let buffer = predictive::buffer_ms(asked);
        forecast::schedule(tx, &found, (hour(now + buffer) + 1) * HOUR_MS - buffer)
    })
    .await?;
    ctx.nudge(CONTROLLER, group_name);
    Ok(())
}

/// The next two days; `None` while too little is known.
async fn foretell(ctx: &Ctx, of: &Policy, now: Millis) -> Result<Option<Vec<Hour>>> {
    let asked = of.asked.0.predictive_scaling_configuration.as_ref();
    let Some(wanted) = asked.and_then(|asked| asked.metric_specifications.first()) else { return Ok(None) };
    let from = hour(now);
    let sources = predictive::sources(of.group(), wanted);
    let load = series(ctx, &sources.load, from).await?;
    let Some(loads) = rules::forecast(&load, from) else { return Ok(None) };
    let ratio = match sources.ratio {
        Some(ratio) => Some(ratio),
        None => {
            let scaling = series(ctx, &sources.scaling, from).await?;
            rules::ratio(&scaling, &series(ctx, &sources.capacity, from).await?, &load)
        }
    };
    let Some(ratio) = ratio else { return Ok(None) };
    let capacity = |load: f64| predictive::capacity(load, ratio, wanted.target_value);
    Ok(Some((from..).zip(loads).map(|(at, load)| Hour { at, load, capacity: capacity(load) }).collect()))
}

/// The hours before `until`, as CloudWatch knows them; nothing where it cannot say.
async fn series(ctx: &Ctx, of: &Source, until: i64) -> Result<Series> {
    let (mut found, mut next_token) = (std::collections::BTreeMap::<i64, (f64, f64)>::new(), None);
    loop {
        let request = cw::GetMetricDataInput {
            metric_data_queries: of.queries.clone(),
            start_time: Timestamp::from_millis((until - HISTORY_H) * HOUR_MS),
            end_time: Timestamp::from_millis(until * HOUR_MS),
            next_token,
            ..Default::default()
        };
        let answer = match ctx.call_if_served(cw::op::GetMetricData, request).await {
            Err(error) if error.kind() == kernel::Kind::Invalid => {
                tracing::info!(%error, "a predictive policy asks for what cannot be answered");
                None
            }
            outcome => outcome?,
        };
        let Some(answer) = answer else { break };
        for result in answer.metric_data_results.unwrap_or_default().into_iter().take(1) {
            let points =
                result.timestamps.unwrap_or_default().into_iter().zip(result.values.unwrap_or_default());
            for (at, value) in points {
                let sum = found.entry(hour(at.as_millis())).or_default();
                *sum = (sum.0 + value, sum.1 + 1.0);
            }
        }
        next_token = answer.next_token;
        if next_token.is_none() {
            break;
        }
    }
    Ok(found.into_iter().map(|(hour, (sum, count))| (hour, sum / count / of.per)).collect())
}

/// A group has at least what its policies foretell. It shrinks by other policies.
///
/// # Errors
/// When the store fails.
pub fn apply(tx: &mut Tx<'_, '_>, group_name: &str, now: Millis) -> Result<()> {
    let scope = *tx.ctx().scope();
    let Some(mut found) = group::find(tx, &scope, group_name)?.filter(|one| !one.is_deleting) else {
        return Ok(());
    };
    let before = (found.predicted, found.ceiling);
    (found.predicted, found.ceiling) = (None, None);
    for one in policy::of_group(tx, &scope, group_name)? {
        let asked: Option<&api::PredictiveScalingConfiguration> =
            one.asked.0.predictive_scaling_configuration.as_ref();
        let Some(asked) = asked.filter(|asked| one.is_enabled() && predictive::scales(asked)) else {
            continue;
        };
        let known = forecast::find(tx, &scope, &one)?.unwrap_or_default();
        let Some(wanted) = known.capacity_at(hour(now + predictive::buffer_ms(asked))) else { continue };
        let ceiling = predictive::ceiling(asked, wanted, found.asked.0.max_size);
        found.predicted = found.predicted.max(Some(wanted));
        found.ceiling = found.ceiling.max(Some(ceiling));
    }
    let wanted = found.desired.max(found.floor());
    if wanted != found.desired {
        found.cause = Some(cause::desired(now, &Wanting::Predicted, found.desired, wanted));
        found.desired = wanted;
    } else if before == (found.predicted, found.ceiling) {
        return Ok(());
    }
    group::put(tx, &scope, &found)
}
