//! Anomaly detectors: put, described, deleted.

use std::sync::Arc;

use api_cloudwatch::{
    AnomalyDetector, AnomalyDetectorConfiguration, DeleteAnomalyDetectorInput, DeleteAnomalyDetectorOutput,
    DescribeAnomalyDetectorsInput, DescribeAnomalyDetectorsOutput, MetricCharacteristics,
    MetricMathAnomalyDetector, PutAnomalyDetectorInput, PutAnomalyDetectorOutput, Range,
    SingleMetricAnomalyDetector,
};
use kernel::{Ctx, Result};
use shape::Timestamp;

use crate::controllers::detector::NAME;
use crate::errors;
use crate::rules::detector::{Named, check, check_configuration};
use crate::state::alarm::dimensions;
use crate::state::detector::{self, Configuration, Detector, Detectors, Watched};

const PAGE: usize = 50;
const PAGE_MAX: usize = 100;
const OPERATION: &str = "DescribeAnomalyDetectors";

pub async fn put_anomaly_detector(
    ctx: &Ctx,
    input: PutAnomalyDetectorInput,
) -> Result<PutAnomalyDetectorOutput> {
    let PutAnomalyDetectorInput { namespace, metric_name, dimensions, stat, .. } = input;
    let flat = SingleMetricAnomalyDetector { namespace, metric_name, dimensions, stat, ..Default::default() };
    let (single, math) = (input.single_metric_anomaly_detector, input.metric_math_anomaly_detector);
    let of = check(Named { flat, single, math })?;
    let configuration = check_configuration(input.configuration)?;
    let has_spikes = input.metric_characteristics.and_then(|of| of.periodic_spikes);
    let id = detector::put(ctx, of, configuration, has_spikes).await?;
    ctx.nudge(NAME, &id);
    Ok(PutAnomalyDetectorOutput::default())
}

pub async fn delete_anomaly_detector(
    ctx: &Ctx,
    input: DeleteAnomalyDetectorInput,
) -> Result<DeleteAnomalyDetectorOutput> {
    let DeleteAnomalyDetectorInput { namespace, metric_name, dimensions, stat, .. } = input;
    let flat = SingleMetricAnomalyDetector { namespace, metric_name, dimensions, stat, ..Default::default() };
    let (single, math) = (input.single_metric_anomaly_detector, input.metric_math_anomaly_detector);
    detector::delete(ctx, &check(Named { flat, single, math })?).await?;
    Ok(DeleteAnomalyDetectorOutput::default())
}

pub async fn describe_anomaly_detectors(
    ctx: &Ctx,
    input: DescribeAnomalyDetectorsInput,
) -> Result<DescribeAnomalyDetectorsOutput> {
    let after = input.next_token.as_deref().map(|token| {
        let opened = ctx.open_page(OPERATION, token).and_then(|bytes| String::from_utf8(bytes).ok());
        opened.ok_or_else(errors::bad_next_token)
    });
    let after = after.transpose()?;
    let limit = match input.max_results {
        None => PAGE,
        Some(max) => usize::try_from(max)
            .ok()
            .filter(|max| *max > 0)
            .ok_or_else(|| errors::invalid_value(&max.to_string(), "MaxResults"))?
            .min(PAGE_MAX),
    };
    let all = ctx.own::<Detectors>().of(ctx.scope());
    let mut rest = all.into_iter().filter(|detector| {
        after.as_ref().is_none_or(|after| detector.id > *after) && wants(&input, &detector.of)
    });
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let next = page.last().filter(|_| rest.next().is_some());
    let next_token = next.map(|detector| ctx.seal_page(OPERATION, detector.id.as_bytes()));
    let shown = page.iter().map(|detector| shown(ctx, detector)).collect();
    Ok(DescribeAnomalyDetectorsOutput { anomaly_detectors: Some(shown), next_token })
}

/// Those of single metrics, where no type is asked for.
fn wants(input: &DescribeAnomalyDetectorsInput, of: &Watched) -> bool {
    let has = |kind: &str| match &input.anomaly_detector_types {
        Some(types) if !types.is_empty() => types.iter().any(|wanted| wanted == kind),
        _ => kind == "SINGLE_METRIC",
    };
    match of {
        Watched::Math(_) => {
            let asks_metric =
                input.namespace.is_some() || input.metric_name.is_some() || input.dimensions.is_some();
            has("METRIC_MATH") && !asks_metric
        }
        Watched::Metric { metric, .. } => {
            has("SINGLE_METRIC")
                && input.namespace.as_ref().is_none_or(|wanted| *wanted == metric.namespace)
                && input.metric_name.as_ref().is_none_or(|wanted| *wanted == metric.name)
                && input
                    .dimensions
                    .iter()
                    .flatten()
                    .all(|wanted| metric.dimension(&wanted.name).is_some_and(|value| value == wanted.value))
        }
    }
}

fn shown(ctx: &Ctx, detector: &Arc<Detector>) -> AnomalyDetector {
    let state = match ctx.own::<Detectors>().has_learned(ctx.scope(), detector) {
        None => "PENDING_TRAINING",
        Some(false) => "TRAINED_INSUFFICIENT_DATA",
        Some(true) => "TRAINED",
    };
    let Configuration { zone, excluded } = &detector.configuration;
    let range = |(start, end): &(i64, i64)| Range {
        start_time: Timestamp::from_millis(*start),
        end_time: Timestamp::from_millis(*end),
    };
    let common = AnomalyDetector {
        configuration: Some(AnomalyDetectorConfiguration {
            excluded_time_ranges: Some(excluded.iter().map(range).collect()),
            metric_timezone: zone.clone(),
        }),
        metric_characteristics: detector
            .has_spikes
            .map(|has| MetricCharacteristics { periodic_spikes: Some(has) }),
        state_value: Some(state.to_owned()),
        ..AnomalyDetector::default()
    };
    match &detector.of {
        Watched::Math(queries) => AnomalyDetector {
            metric_math_anomaly_detector: Some(MetricMathAnomalyDetector {
                metric_data_queries: Some(queries.iter().map(Into::into).collect()),
            }),
            ..common
        },
        Watched::Metric { metric, statistic } => {
            let single = SingleMetricAnomalyDetector {
                namespace: Some(metric.namespace.clone()),
                metric_name: Some(metric.name.clone()),
                dimensions: Some(dimensions(&metric.dimensions)),
                stat: Some(statistic.clone()),
                ..SingleMetricAnomalyDetector::default()
            };
            AnomalyDetector {
                namespace: single.namespace.clone(),
                metric_name: single.metric_name.clone(),
                dimensions: single.dimensions.clone(),
                stat: single.stat.clone(),
                single_metric_anomaly_detector: Some(single),
                ..common
            }
        }
    }
}
