//! What an alarm may be.

use api_cloudwatch::{Metric, MetricDataQuery, MetricStat, PutCompositeAlarmInput, PutMetricAlarmInput};
use kernel::{Millis, Result, Scope};

use super::action::{self, ACTIONS_MAX, Action};
use super::composite;
use super::detector::band_of;
use super::evaluation::{Comparison, Limit, Missing, Rule, Side};
use super::math::kind::Kind;
use super::metric::{MetricKey, check_dimensions};
use super::period;
use super::query::{self, Asks, Query, Reading};
use super::statistic::Statistic;
use crate::errors;
use crate::state::alarm::{Actions, Asked, MetricWatch, Observed, Watch};

const DAY_S: i64 = 86_400;
/// Queries of one alarm.
const QUERIES_MAX: usize = 20;
/// Metrics among them.
const METRICS_MAX: usize = 10;

fn null(member: &str) -> kernel::Error {
    errors::validation(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}

/// The actions of an alarm, each checked.
fn actions(
    scope: &Scope,
    enabled: Option<bool>,
    [ok, alarm, insufficient]: [Option<Vec<String>>; 3],
) -> Result<Actions> {
    let actions = Actions {
        enabled: enabled.unwrap_or(true),
        ok: ok.unwrap_or_default(),
        alarm: alarm.unwrap_or_default(),
        insufficient: insufficient.unwrap_or_default(),
    };
    for list in [&actions.ok, &actions.alarm, &actions.insufficient] {
        if list.len() > ACTIONS_MAX {
            return Err(errors::validation(format!(
                "An alarm can have at most {ACTIONS_MAX} actions for a state."
            )));
        }
        list.iter().try_for_each(|arn| action::parse(arn, scope).map(|_| ()))?;
    }
    Ok(actions)
}

/// # Errors
/// What no alarm may be.
pub fn check_metric(scope: &Scope, input: PutMetricAlarmInput) -> Result<Asked> {
    let lists =
        [input.ok_actions.clone(), input.alarm_actions.clone(), input.insufficient_data_actions.clone()];
    let actions = actions(scope, input.actions_enabled, lists)?;
    let observed = observed(&input)?;
    if let Some(id) = &input.threshold_metric_id {
        check_band(input.metrics.clone().unwrap_or_default(), id)?;
    }
    let watch = MetricWatch {
        evaluation_periods: input.evaluation_periods.ok_or_else(|| null("evaluationPeriods"))?,
        datapoints_to_alarm: input.datapoints_to_alarm,
        threshold: input.threshold,
        threshold_metric: input.threshold_metric_id,
        comparison: input.comparison_operator.ok_or_else(|| null("comparisonOperator"))?,
        treat_missing: input.treat_missing_data,
        low_samples: input.evaluate_low_sample_count_percentile,
        observed,
    };
    let rule = rule(&watch)?;
    let period_s = period_ms(&watch, &queries_of(&watch)?) / 1_000;
    let span_s = i64::from(watch.evaluation_periods).saturating_mul(period_s);
    // Hours and longer may be looked at for a week.
    let (span_max, words) = if period_s >= 3_600 { (7 * DAY_S, "seven days") } else { (DAY_S, "a day") };
    if span_s > span_max {
        return Err(errors::validation(format!(
            "Metrics cannot be checked across more than {words} (EvaluationPeriods * Period must be <= {span_max})."
        )));
    }
    if rule.needed > rule.periods {
        return Err(errors::validation("DatapointsToAlarm must be less than or equal to EvaluationPeriods."));
    }
    let on_instance = match &watch.observed {
        Observed::Metric(metric) => metric.key().dimension("InstanceId").is_some(),
        Observed::Queries(_) => false,
    };
    let acts =
        |list: &[String]| list.iter().any(|arn| matches!(action::parse(arn, scope), Ok(Action::Instance)));
    let stops = acts(&actions.ok) || acts(&actions.alarm) || acts(&actions.insufficient);
    if stops && !on_instance {
        return Err(errors::validation("EC2 actions need a metric with the dimension InstanceId."));
    }
    Ok(Asked {
        name: input.alarm_name,
        description: input.alarm_description,
        actions,
        watch: Watch::Metric(watch),
    })
}

/// The band of an alarm must be one, and of a query of the alarm.
fn check_band(queries: Vec<MetricDataQuery>, id: &str) -> Result<()> {
    let refuse = |why: &str| errors::validation(format!("Invalid ThresholdMetricId {id}: {why}"));
    if queries.is_empty() {
        return Err(refuse("it is the id of an element of Metrics, and there are none."));
    }
    let checked = query::check(queries)?;
    let band =
        checked.iter().find(|query| query.id == id).ok_or_else(|| refuse("no element has this id."))?;
    let Asks::Math(call @ super::math::parse::Expression::Call(name, _), _) = &band.asks else {
        return Err(refuse("its expression must be ANOMALY_DETECTION_BAND."));
    };
    if name != "ANOMALY_DETECTION_BAND" {
        return Err(refuse("its expression must be ANOMALY_DETECTION_BAND."));
    }
    let (of, _) = band_of(call).map_err(|why| refuse(&why))?;
    let at = checked.iter().position(|query| query.id == of).ok_or_else(|| refuse("it is of no element."))?;
    super::detector::check_no_band(&checked, &query::behind(&checked, at)?)
}

fn observed(input: &PutMetricAlarmInput) -> Result<Observed> {
    let single = input.metric_name.is_some()
        || input.namespace.is_some()
        || input.dimensions.is_some()
        || input.statistic.is_some()
        || input.extended_statistic.is_some()
        || input.unit.is_some();
    if let Some(queries) = &input.metrics {
        if single || input.period.is_some() {
            return Err(errors::validation(
                "Metrics cannot be specified together with MetricName, Namespace, Dimensions, Period, Unit, Statistic \
                 or ExtendedStatistic.",
            ));
        }
        if queries.len() > QUERIES_MAX {
            return Err(errors::validation(format!("An alarm can have at most {QUERIES_MAX} Metrics.")));
        }
        let checked = query::check(queries.clone())?;
        if checked.iter().filter(|query| matches!(query.asks, Asks::Metric(_))).count() > METRICS_MAX {
            return Err(errors::validation(format!("An alarm can be of at most {METRICS_MAX} metrics.")));
        }
        let order = query::in_order(&checked)?;
        let is_watched =
            |query: &&Query| query.is_returned && Some(&query.id) != input.threshold_metric_id.as_ref();
        let mut watched = checked.iter().filter(is_watched);
        let (Some(watched), None) = (watched.next(), watched.next()) else {
            return Err(errors::validation("Exactly one element of the metrics list should return data."));
        };
        if checked.iter().any(|query| query.calls("SEARCH").is_some()) {
            return Err(errors::validation("SEARCH is not supported on Metric Alarms."));
        }
        if query::kinds(&checked, &order)?.get(watched.id.as_str()) != Some(&Kind::One) {
            let why = "An alarm watches one time series, and it comes to another number of them.";
            return Err(query::in_expression(&watched.id, why));
        }
        return Ok(Observed::Queries(queries.iter().map(Into::into).collect()));
    }
    let metric_name = input.metric_name.clone().ok_or_else(|| null("metricName"))?;
    let namespace = input.namespace.clone().ok_or_else(|| null("namespace"))?;
    let period = input.period.ok_or_else(|| null("period"))?;
    period::check(period, "Period")?;
    let dimensions = input.dimensions.clone().unwrap_or_default();
    check_dimensions(&dimensions, || "Dimensions".to_owned())?;
    let statistic = match (&input.statistic, &input.extended_statistic) {
        (Some(plain), None) if Statistic::parse_plain(plain).is_some() => plain,
        (None, Some(extended)) if Statistic::parse(extended).is_some_and(Statistic::needs_spread) => extended,
        (None, Some(other)) => return Err(errors::unsupported_statistic(other, "ExtendedStatistic")),
        (Some(other), None) => return Err(errors::unsupported_statistic(other, "Statistic")),
        (Some(_), Some(_)) => {
            return Err(errors::validation("Only one of Statistic and ExtendedStatistic can be specified."));
        }
        (None, None) => {
            return Err(errors::validation("Either Statistic or ExtendedStatistic must be specified."));
        }
    };
    let key = MetricKey::new(namespace, metric_name, dimensions);
    let (unit, statistic) = (input.unit.clone(), statistic.clone());
    Ok(Observed::Metric(crate::state::alarm::ObservedMetric::new(key, statistic, period, unit)))
}

/// When a metric alarm goes off.
pub fn rule(watch: &MetricWatch) -> Result<Rule> {
    let limit = limit(watch)?;
    let missing = match watch.treat_missing.as_deref() {
        None | Some("missing") => Missing::Missing,
        Some("ignore") => Missing::Ignore,
        Some("breaching") => Missing::Breaching,
        Some("notBreaching") => Missing::NotBreaching,
        Some(other) => {
            let known = "breaching, notBreaching, ignore, missing";
            return Err(errors::validation(format!(
                "TreatMissingData must be one of [{known}], not {other}."
            )));
        }
    };
    if let Some(other) = watch.low_samples.as_deref().filter(|word| !matches!(*word, "evaluate" | "ignore")) {
        return Err(errors::validation(format!(
            "EvaluateLowSampleCountPercentile must be evaluate or ignore, not {other}."
        )));
    }
    let count = |number: i32| {
        usize::try_from(number).ok().filter(|number| *number > 0).ok_or_else(|| null("evaluationPeriods"))
    };
    let periods = count(watch.evaluation_periods)?;
    let needed = watch.datapoints_to_alarm.map_or(Ok(periods), count)?;
    Ok(Rule { periods, needed, limit, missing })
}

fn limit(watch: &MetricWatch) -> Result<Limit> {
    let side = match watch.comparison.as_str() {
        "GreaterThanUpperThreshold" => Some(Side::Upper),
        "LessThanLowerThreshold" => Some(Side::Lower),
        "LessThanLowerOrGreaterThanUpperThreshold" => Some(Side::Either),
        _ => None,
    };
    match (side, watch.threshold, &watch.threshold_metric) {
        (_, Some(_), Some(_)) => {
            Err(errors::validation("Threshold and ThresholdMetricId cannot be specified together."))
        }
        (Some(side), None, Some(_)) => Ok(Limit::Band(side)),
        (Some(_), ..) => Err(errors::validation(format!(
            "{} is for alarms on a band: ThresholdMetricId must be specified.",
            watch.comparison
        ))),
        (None, None, Some(_)) => Err(errors::validation(format!(
            "{} compares with a threshold, not with a band of ThresholdMetricId.",
            watch.comparison
        ))),
        (None, None, None) => Err(null("threshold")),
        (None, Some(threshold), None) if threshold.is_finite() => {
            let comparison = match watch.comparison.as_str() {
                "GreaterThanThreshold" => Comparison::Greater,
                "GreaterThanOrEqualToThreshold" => Comparison::GreaterOrEqual,
                "LessThanThreshold" => Comparison::Less,
                "LessThanOrEqualToThreshold" => Comparison::LessOrEqual,
                other => {
                    return Err(errors::validation(format!("Invalid ComparisonOperator: {other}.")));
                }
            };
            Ok(Limit::Threshold(comparison, threshold))
        }
        (None, Some(_), None) => Err(errors::validation("The threshold must be a finite number.")),
    }
}

/// The period by which an alarm is evaluated: that of its metric, or the coarsest of those of its queries.
pub fn period_ms(watch: &MetricWatch, queries: &[Query]) -> Millis {
    let periods = queries.iter().map(|query| match &query.asks {
        Asks::Metric(reading) => reading.period_ms,
        Asks::Math(_, period_ms) if query.is_returned => *period_ms,
        Asks::Math(..) => 0,
    });
    let all: Vec<Millis> = periods.collect();
    let metrics = match &watch.observed {
        Observed::Metric(_) => all.first().copied(),
        // An expression's own period counts where it is given or nothing else is there.
        Observed::Queries(stored) => {
            let read =
                stored.iter().zip(&all).filter(|(query, _)| query.metric.is_some() || query.period.is_some());
            read.map(|(_, period)| *period).max()
        }
    };
    metrics.or_else(|| all.into_iter().max()).unwrap_or(60_000).max(1_000)
}

/// What is asked to know an alarm's points.
pub fn queries_of(watch: &MetricWatch) -> Result<Vec<Query>> {
    match &watch.observed {
        Observed::Metric(metric) => query::check(vec![MetricDataQuery {
            id: "m1".to_owned(),
            metric_stat: Some(MetricStat {
                metric: Metric { ..metric.key().to_metric() },
                period: metric.period,
                stat: metric.statistic.clone(),
                unit: metric.unit.clone(),
            }),
            ..MetricDataQuery::default()
        }]),
        Observed::Queries(queries) => query::check(queries.iter().map(Into::into).collect()),
    }
}

/// So few samples say nothing about a percentile (user guide, "Percentile-based alarms and low data samples").
pub fn is_few(reading: &Reading, samples: f64) -> bool {
    match reading.statistic {
        Statistic::Percentile(rank) => {
            let share = rank / 100.0;
            samples < 10.0 / if share > 0.5 { 1.0 - share } else { share }
        }
        _ => false,
    }
}

/// # Errors
/// What no composite alarm may be.
pub fn check_composite(scope: &Scope, input: PutCompositeAlarmInput) -> Result<Asked> {
    let lists = [input.ok_actions, input.alarm_actions, input.insufficient_data_actions];
    let actions = actions(scope, input.actions_enabled, lists)?;
    let all = [&actions.ok, &actions.alarm, &actions.insufficient].into_iter().flatten();
    for arn in all {
        if action::parse(arn, scope)? != Action::Message {
            return Err(errors::validation(format!("Composite alarms cannot do this: {arn}")));
        }
    }
    let rule = composite::Rule::parse(&input.alarm_rule);
    let rule = rule.map_err(|why| errors::validation(format!("AlarmRule is not valid: {why}")))?;
    let mut names = Vec::new();
    rule.alarms(&mut names);
    if names.len() > composite::CHILDREN_MAX {
        return Err(errors::validation(format!(
            "AlarmRule can name at most {} alarms.",
            composite::CHILDREN_MAX
        )));
    }
    Ok(Asked {
        name: input.alarm_name,
        description: input.alarm_description,
        actions,
        watch: Watch::Composite(input.alarm_rule),
    })
}
