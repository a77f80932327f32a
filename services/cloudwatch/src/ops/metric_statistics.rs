//! GetMetricStatistics: statistics of one metric, each unit for itself.

use std::collections::BTreeMap;

use api_cloudwatch::{Datapoint, GetMetricStatisticsInput, GetMetricStatisticsOutput};
use kernel::{Ctx, Millis, Result};
use shape::Timestamp;

use crate::errors;
use crate::rules::bins::Bins;
use crate::rules::metric::{MetricKey, check_dimensions};
use crate::rules::period;
use crate::rules::statistic::Statistic;
use crate::state::read::each_sample;
use crate::state::series::AllSeries;

const DATAPOINTS_MAX: i64 = 1_440;
const EXTENDED_MAX: usize = 10;

struct Asked {
    plain: Vec<Statistic>,
    extended: Vec<(String, Statistic)>,
}

pub async fn get_metric_statistics(
    ctx: &Ctx,
    input: GetMetricStatisticsInput,
) -> Result<GetMetricStatisticsOutput> {
    let GetMetricStatisticsInput { namespace, metric_name, dimensions, period, unit, .. } = &input;
    let asked = asked(&input)?;
    let period_ms = period::check(*period, "Period")?;
    let (from, to) = (input.start_time.as_millis(), input.end_time.as_millis());
    period::check_range(from, to)?;
    let dimensions = dimensions.clone().unwrap_or_default();
    check_dimensions(&dimensions, || "Dimensions".to_owned())?;
    let start = period::start(from, period_ms, ctx.now());
    let wanted = to.saturating_sub(start) / period_ms;
    if wanted > DATAPOINTS_MAX {
        return Err(errors::too_many_datapoints(wanted, DATAPOINTS_MAX));
    }
    let key = MetricKey::new(namespace.clone(), metric_name.clone(), dimensions);
    let series = ctx.own::<AllSeries>().find(ctx.scope(), &key, unit.as_deref());
    let keeps_spread = !asked.extended.is_empty();
    let mut bins: Vec<Bins> = series.iter().map(|_| Bins::new(start, to, period_ms, keeps_spread)).collect();
    each_sample(ctx, &series, start, to, |place, at, sample| {
        if let Some(bins) = bins.get_mut(place) {
            bins.add(at, sample);
        }
    })
    .await?;
    let mut points = Vec::new();
    for (mut bins, series) in bins.into_iter().zip(&series) {
        bins.finish();
        points.extend(datapoints(&bins, &asked, &series.unit));
    }
    Ok(GetMetricStatisticsOutput { label: Some(metric_name.clone()), datapoints: Some(points) })
}

fn asked(input: &GetMetricStatisticsInput) -> Result<Asked> {
    let plain = input.statistics.as_deref().unwrap_or_default();
    let extended = input.extended_statistics.as_deref().unwrap_or_default();
    if plain.is_empty() && extended.is_empty() {
        return Err(errors::combination("Must specify either Statistics or ExtendedStatistics"));
    }
    if !plain.is_empty() && !extended.is_empty() {
        return Err(errors::combination("Must specify either Statistics or ExtendedStatistics, not both"));
    }
    if extended.len() > EXTENDED_MAX {
        return Err(errors::collection_too_big("ExtendedStatistics", EXTENDED_MAX));
    }
    let each = |list: &str, at: usize, name: &str, found: Option<Statistic>| {
        found.ok_or_else(|| errors::unsupported_statistic(name, &format!("{list}.member.{}", at + 1)))
    };
    let plain = plain.iter().enumerate();
    let plain = plain.map(|(at, name)| each("Statistics", at, name, Statistic::parse_plain(name)));
    let extended = extended.iter().enumerate().map(|(at, name)| {
        let found = Statistic::parse(name).filter(|statistic| statistic.needs_spread());
        Ok((name.clone(), each("ExtendedStatistics", at, name, found)?))
    });
    Ok(Asked { plain: plain.collect::<Result<_>>()?, extended: extended.collect::<Result<_>>()? })
}

fn datapoints(bins: &Bins, asked: &Asked, unit: &str) -> Vec<Datapoint> {
    let mut points: BTreeMap<Millis, Datapoint> = BTreeMap::new();
    let new = |at: Millis| Datapoint {
        timestamp: Some(Timestamp::from_millis(at)),
        unit: Some(unit.to_owned()),
        ..Datapoint::default()
    };
    for statistic in &asked.plain {
        for (at, value) in bins.of(*statistic) {
            let point = points.entry(at).or_insert_with(|| new(at));
            match statistic {
                Statistic::SampleCount => point.sample_count = Some(value),
                Statistic::Average => point.average = Some(value),
                Statistic::Sum => point.sum = Some(value),
                Statistic::Minimum => point.minimum = Some(value),
                Statistic::Maximum => point.maximum = Some(value),
                Statistic::Percentile(_) | Statistic::Between(..) => {}
            }
        }
    }
    for (name, statistic) in &asked.extended {
        for (at, value) in bins.of(*statistic) {
            let point = points.entry(at).or_insert_with(|| new(at));
            point.extended_statistics.get_or_insert_default().insert(name.clone(), value);
        }
    }
    points.into_values().collect()
}
