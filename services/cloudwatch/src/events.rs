//! What CloudWatch tells: that an alarm has another state, and each thing that is to be done about it.

use kernel::{Ctx, Event, Millis};
use serde_json::{Value, json};

use crate::rules::evaluation::State;
use crate::state::alarm::{Alarm, Observed, ObservedMetric, Watch};

pub const SOURCE: &str = "aws.cloudwatch";
/// As EventBridge has it.
pub const STATE_CHANGE: &str = "CloudWatch Alarm State Change";
pub const CONFIGURATION_CHANGE: &str = "CloudWatch Alarm Configuration Change";
/// Within the house: an action, for the service whose ARN it bears.
pub const ACTION: &str = "CloudWatch Alarm Action";

/// `2026-01-31T23:59:00.000+0000`
pub fn instant(at: Millis) -> String {
    let Ok(time) = time::OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)) else {
        return String::new();
    };
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    let (month, millis) = (u8::from(month), at.rem_euclid(1_000));
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}+0000")
}

fn state_of(alarm: &Alarm) -> Value {
    let mut state = json!({
        "value": alarm.state.as_str(),
        "reason": alarm.reason,
        "timestamp": instant(alarm.updated_at),
    });
    if let (Some(data), Value::Object(state)) = (&alarm.reason_data, &mut state) {
        state.insert("reasonData".to_owned(), Value::String(data.clone()));
    }
    state
}

fn metric(id: &str, metric: &ObservedMetric, returns: bool) -> Value {
    let dimensions: serde_json::Map<String, Value> =
        metric.dimensions.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    json!({
        "id": id,
        "metricStat": {
            "metric": { "namespace": metric.namespace, "name": metric.name, "dimensions": dimensions },
            "period": metric.period,
            "stat": metric.statistic,
        },
        "returnData": returns,
    })
}

fn configuration(alarm: &Alarm) -> Value {
    let description = alarm.asked.description.clone().unwrap_or_default();
    match &alarm.asked.watch {
        Watch::Composite(rule) => json!({ "description": description, "alarmRule": rule }),
        Watch::Metric(watch) => {
            let metrics: Vec<Value> = match &watch.observed {
                Observed::Metric(one) => vec![metric("m1", one, true)],
                Observed::Queries(queries) => queries
                    .iter()
                    .map(|query| match &query.metric {
                        Some(one) => metric(&query.id, one, query.return_data != Some(false)),
                        None => json!({
                            "id": query.id,
                            "expression": query.expression,
                            "label": query.label,
                            "returnData": query.return_data != Some(false),
                        }),
                    })
                    .collect(),
            };
            json!({ "description": description, "metrics": metrics })
        }
    }
}

/// An alarm has another state than `before`.
pub fn state_change(ctx: &Ctx, before: &Alarm, alarm: &Alarm) -> Event {
    let detail = json!({
        "alarmName": alarm.asked.name,
        "state": state_of(alarm),
        "previousState": state_of(before),
        "configuration": configuration(alarm),
    });
    Event::new(ctx, SOURCE, STATE_CHANGE, vec![alarm.arn(ctx.scope())], detail)
}

/// How an alarm was asked for, by the API's names.
pub fn whole(alarm: &Alarm) -> Value {
    let asked = &alarm.asked;
    let mut whole = configuration(alarm);
    let mut more = json!({
        "alarmName": asked.name,
        "actionsEnabled": asked.actions.enabled,
        "okActions": asked.actions.ok,
        "alarmActions": asked.actions.alarm,
        "insufficientDataActions": asked.actions.insufficient,
        "timestamp": instant(alarm.configured_at),
    });
    if let (Watch::Metric(watch), Value::Object(more)) = (&asked.watch, &mut more) {
        let settings = json!({
            "evaluationPeriods": watch.evaluation_periods,
            "datapointsToAlarm": watch.datapoints_to_alarm,
            "threshold": watch.threshold,
            "thresholdMetricId": watch.threshold_metric,
            "comparisonOperator": watch.comparison,
            "treatMissingData": watch.treat_missing,
            "evaluateLowSampleCountPercentile": watch.low_samples,
        });
        let Value::Object(settings) = settings else { return whole };
        more.extend(settings.into_iter().filter(|(_, value)| !value.is_null()));
    }
    if let (Value::Object(whole), Value::Object(more)) = (&mut whole, more) {
        whole.extend(more);
    }
    whole
}

/// An alarm was made, changed from `before`, or deleted: `create`, `update`, `delete`.
pub fn configuration_change(ctx: &Ctx, before: Option<&Alarm>, alarm: &Alarm, operation: &str) -> Event {
    let mut detail = json!({
        "alarmName": alarm.asked.name,
        "operation": operation,
        "state": state_of(alarm),
        "configuration": whole(alarm),
    });
    if let (Some(before), Value::Object(detail)) = (before, &mut detail) {
        detail.insert("previousConfiguration".to_owned(), whole(before));
    }
    Event::new(ctx, SOURCE, CONFIGURATION_CHANGE, vec![alarm.arn(ctx.scope())], detail)
}

/// What a topic's or a function's message would say, with the action in front.
pub fn action(ctx: &Ctx, alarm: &Alarm, before: State, action: &str) -> Event {
    let trigger = match &alarm.asked.watch {
        Watch::Composite(rule) => json!({ "AlarmRule": rule }),
        Watch::Metric(watch) => {
            let mut trigger = json!({
                "EvaluationPeriods": watch.evaluation_periods,
                "DatapointsToAlarm": watch.datapoints_to_alarm,
                "ComparisonOperator": watch.comparison,
                "TreatMissingData": watch.treat_missing.clone().unwrap_or_default(),
            });
            if let Value::Object(trigger) = &mut trigger {
                let (name, value) = match &watch.threshold_metric {
                    Some(id) => ("ThresholdMetricId", json!(id)),
                    None => ("Threshold", json!(watch.threshold)),
                };
                trigger.insert(name.to_owned(), value);
            }
            if let (Observed::Metric(metric), Value::Object(trigger)) = (&watch.observed, &mut trigger) {
                let dimension = |(name, value): &(String, String)| json!({ "name": name, "value": value });
                let dimensions = metric.dimensions.iter().map(dimension).collect();
                trigger.insert("MetricName".to_owned(), json!(metric.name));
                trigger.insert("Namespace".to_owned(), json!(metric.namespace));
                trigger.insert("Statistic".to_owned(), json!(metric.statistic));
                trigger.insert("Period".to_owned(), json!(metric.period));
                trigger.insert("Dimensions".to_owned(), Value::Array(dimensions));
            }
            trigger
        }
    };
    let detail = json!({
        "action": action,
        "AlarmName": alarm.asked.name,
        "AlarmDescription": alarm.asked.description,
        "AWSAccountId": ctx.account().to_string(),
        "AlarmArn": alarm.arn(ctx.scope()),
        "Region": ctx.region().to_string(),
        "NewStateValue": alarm.state.as_str(),
        "NewStateReason": alarm.reason,
        "NewStateReasonData": alarm.reason_data,
        "OldStateValue": before.as_str(),
        "StateChangeTime": instant(alarm.updated_at),
        "Trigger": trigger,
    });
    Event::new(ctx, SOURCE, ACTION, vec![alarm.arn(ctx.scope()), action.to_owned()], detail).in_private()
}
