//! Alarms that policies have: how one of target tracking is, and what any tells when it goes off.

use api_cloudwatch as cw;
use kept::alike;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shape::Struct;

use crate::Way;

/// Events by which CloudWatch tells of an alarm's action.
pub const SOURCE: &str = "aws.cloudwatch";
pub const DETAIL_TYPE: &str = "CloudWatch Alarm Action";
/// How long a period of these alarms is, in seconds, where nobody says otherwise.
const PERIOD_S: i32 = 60;
/// The least part of the target that the metric must fall to before capacity goes.
const SCALE_IN_SHARE: f64 = 0.9;

impl Way {
    /// By the name of an alarm ([`name`]).
    pub fn of(name: &str) -> Self {
        if name.contains("-AlarmLow-") { Self::Low } else { Self::High }
    }

    /// An alarm on what `metric` watches, as AWS makes it for this target.
    pub fn alarm(self, target: f64, metric: cw::PutMetricAlarmInput) -> cw::PutMetricAlarmInput {
        let (threshold, comparison, periods) = match self {
            Self::High => (target, "GreaterThanThreshold", 3),
            Self::Low => (target * SCALE_IN_SHARE, "LessThanThreshold", 15),
        };
        cw::PutMetricAlarmInput {
            threshold: Some(threshold),
            comparison_operator: Some(comparison.to_owned()),
            evaluation_periods: Some(periods),
            ..metric
        }
    }
}

/// What AWS calls an alarm of its own for a group or a resource.
pub fn name(of: &str, way: Way, uuid: &str) -> String {
    let way = if way == Way::High { "High" } else { "Low" };
    format!("TargetTracking-{of}-Alarm{way}-{uuid}")
}

/// The alarms that a policy of target tracking is to have: those it has, as far as they are wanted, and new ones, named by
/// one uuid for each way.
pub fn names(has: &[String], of: &str, scales_in: bool, [high, low]: [&str; 2]) -> Vec<String> {
    let wanted = |way, uuid| {
        let known = has.iter().find(|name| Way::of(name) == way).cloned();
        known.unwrap_or_else(|| name(of, way, uuid))
    };
    let mut names = vec![wanted(Way::High, high)];
    if scales_in {
        names.push(wanted(Way::Low, low));
    }
    names
}

/// A metric by its namespace, name and statistic, and the one dimension it is found by.
pub fn predefined(
    (namespace, metric, statistic): (&str, &str, &str),
    (name, value): (&str, &str),
) -> cw::PutMetricAlarmInput {
    cw::PutMetricAlarmInput {
        namespace: Some(namespace.to_owned()),
        metric_name: Some(metric.to_owned()),
        statistic: Some(statistic.to_owned()),
        period: Some(PERIOD_S),
        dimensions: Some(vec![cw::Dimension { name: name.to_owned(), value: value.to_owned() }]),
        ..Default::default()
    }
}

/// A unit in a policy's `CustomizedMetricSpecification` that CloudWatch does not have, and no metric could come in.
pub fn foreign_unit(asked: &dyn Struct) -> Option<String> {
    let alarm = customized(asked);
    let of_metrics =
        alarm.metrics.iter().flatten().filter_map(|query| query.metric_stat.as_ref()?.unit.clone());
    let schema = alarm.schema();
    let known = schema.members.iter().find(|member| member.name == "Unit").map(|member| member.schema.values);
    let is_known = |unit: &String| known.unwrap_or_default().contains(&unit.as_str());
    alarm.unit.iter().cloned().chain(of_metrics).find(|unit| !is_known(unit))
}

/// What a policy's `CustomizedMetricSpecification` asks for: one metric, or what is computed of several.
pub fn customized(asked: &dyn Struct) -> cw::PutMetricAlarmInput {
    let asked: cw::PutMetricAlarmInput = alike(asked);
    match asked.metrics {
        None => cw::PutMetricAlarmInput { period: Some(asked.period.unwrap_or(PERIOD_S)), ..asked },
        Some(metrics) => {
            let metrics = Some(metrics.into_iter().map(query).collect());
            cw::PutMetricAlarmInput { metrics, ..Default::default() }
        }
    }
}

/// A metric has the period that is said for the whole query, where it has none of its own.
fn query(mut one: cw::MetricDataQuery) -> cw::MetricDataQuery {
    if let Some(stat) = one.metric_stat.as_mut().filter(|stat| stat.period == 0) {
        stat.period = one.period.unwrap_or(PERIOD_S);
    }
    one.period = one.period.filter(|_| one.expression.is_some());
    one
}

/// `targetgroup/<name>/<id>`, as CloudWatch names it, of the label `app/<balancer>/<id>/targetgroup/<name>/<id>`.
pub fn target_group(label: &str) -> Option<&str> {
    let at = label.find("targetgroup/")?;
    label.starts_with("app/").then(|| label.get(at..)).flatten()
}

/// The ARN of the policy that an alarm's action is, by the detail of the event; nothing where it is something else.
pub fn policy_of(detail: &Value) -> Option<&str> {
    detail.get("action").and_then(Value::as_str).filter(|action| action.contains(":autoscaling:"))
}

/// What an alarm told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub alarm: String,
    pub state: String,
    pub threshold: Option<f64>,
    /// The newest first.
    pub values: Vec<f64>,
}

impl Told {
    /// By the detail of the event.
    pub fn of(detail: &Value) -> Self {
        let text = |key: &str| detail.get(key).and_then(Value::as_str).unwrap_or_default();
        let data: Value = serde_json::from_str(text("NewStateReasonData")).unwrap_or_default();
        let points = data.get("evaluatedDatapoints").and_then(Value::as_array);
        let values = points.into_iter().flatten().filter_map(|point| point.get("value")?.as_f64());
        Self {
            alarm: text("AlarmName").to_owned(),
            state: text("NewStateValue").to_owned(),
            threshold: detail.get("Trigger").and_then(|trigger| trigger.get("Threshold")?.as_f64()),
            values: values.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn alarms_tell_their_way_by_name() {
        let low = name("g", Way::Low, "1");
        assert_eq!(low, "TargetTracking-g-AlarmLow-1");
        assert_eq!([Way::of(&low), Way::of(&name("g", Way::High, "1"))], [Way::Low, Way::High]);
        let alarm = Way::Low.alarm(50.0, predefined(("n", "m", "Sum"), ("d", "v")));
        assert_eq!(
            (alarm.threshold, alarm.evaluation_periods, alarm.period),
            (Some(45.0), Some(15), Some(60))
        );
    }

    #[test]
    fn a_policy_keeps_the_alarms_it_has_as_far_as_it_wants_them() {
        let (high, low) = (name("g", Way::High, "1"), name("g", Way::Low, "2"));
        assert_eq!(names(&[], "g", true, ["1", "2"]), [high.clone(), low.clone()]);
        let has = [high.clone(), low];
        assert_eq!(names(&has, "g", true, ["3", "4"]), has);
        assert_eq!(names(&has, "g", false, ["3", "4"]), std::slice::from_ref(&high));
        assert_eq!(
            names(std::slice::from_ref(&high), "g", true, ["3", "4"]),
            [high.clone(), name("g", Way::Low, "4")]
        );
    }

    #[test]
    fn metrics_have_a_minute_unless_they_say_otherwise() {
        let stat = |period| cw::MetricStat { period, ..Default::default() };
        let asked = |own, period, expression: Option<&str>| {
            let one = cw::MetricDataQuery {
                metric_stat: expression.is_none().then(|| stat(own)),
                expression: expression.map(str::to_owned),
                period,
                ..Default::default()
            };
            let one = query(one);
            (one.metric_stat.map(|stat| stat.period), one.period)
        };
        assert_eq!(asked(0, None, None), (Some(60), None));
        assert_eq!(asked(0, Some(10), None), (Some(10), None));
        assert_eq!(asked(20, Some(10), None), (Some(20), None));
        assert_eq!(asked(0, Some(10), Some("a/b")), (None, Some(10)));
        let one = cw::PutMetricAlarmInput { metric_name: Some("m".to_owned()), ..Default::default() };
        let one = customized(&one);
        assert_eq!((one.metric_name.as_deref(), one.period), (Some("m"), Some(60)));
    }

    #[test]
    fn units_are_cloudwatchs() {
        let stat = |unit: &str| cw::MetricStat { unit: Some(unit.to_owned()), ..Default::default() };
        let by_math = |unit| cw::PutMetricAlarmInput {
            metrics: Some(vec![cw::MetricDataQuery { metric_stat: Some(stat(unit)), ..Default::default() }]),
            ..Default::default()
        };
        let plain =
            |unit: &str| cw::PutMetricAlarmInput { unit: Some(unit.to_owned()), ..Default::default() };
        for fine in [plain("Count/Second"), by_math("Percent"), cw::PutMetricAlarmInput::default()] {
            assert_eq!(foreign_unit(&fine), None);
        }
        for foreign in [plain("Foo"), by_math("Foo")] {
            assert_eq!(foreign_unit(&foreign).as_deref(), Some("Foo"));
        }
    }

    #[test]
    fn a_label_names_the_target_group() {
        assert_eq!(target_group("app/web/1/targetgroup/t/2"), Some("targetgroup/t/2"));
        assert_eq!(target_group("net/web/1/targetgroup/t/2"), None);
        assert_eq!(target_group("app/web/1"), None);
    }

    #[test]
    fn what_an_alarm_tells_is_read() {
        let data = json!({ "evaluatedDatapoints": [{ "value": 2.5 }, { "timestamp": "" }, { "value": 1 }] });
        let detail = json!({
            "action": "arn:aws:autoscaling:r:a:scalingPolicy:x", "AlarmName": "busy", "NewStateValue": "ALARM",
            "NewStateReasonData": data.to_string(), "Trigger": { "Threshold": 50.0 },
        });
        let expected = Told {
            alarm: "busy".to_owned(),
            state: "ALARM".to_owned(),
            threshold: Some(50.0),
            values: vec![2.5, 1.0],
        };
        assert_eq!(Told::of(&detail), expected);
        assert_eq!(policy_of(&detail), Some("arn:aws:autoscaling:r:a:scalingPolicy:x"));
        assert_eq!(
            (policy_of(&json!({ "action": "arn:aws:sns:r:a:t" })), policy_of(&json!({}))),
            (None, None)
        );
        assert_eq!(Told::of(&json!({})), Told::default());
    }
}
