//! Alarms on a clock that a test moves: evaluated on time, with history, actions told as events.

use std::sync::{Arc, Mutex};

use api_cloudwatch::*;
use kernel::testing::TestCloud;
use kernel::{Ctx, Event, Plugs, Result, Service, ServiceBuilder};
use serde_json::json;

use super::{MINUTE, datum, dimension, put};

/// What was told, by a listener that stands for the services that will.
type Told = Arc<Mutex<Vec<Event>>>;

fn listener(told: &Told) -> Service {
    static DEF: shape::ServiceDef =
        shape::ServiceDef { name: "listener", ops: &[], unserved: &[], ..SERVICE };
    let told = told.clone();
    let mut s = ServiceBuilder::new(&DEF);
    s.own(told);
    s.subscribe("listener", Some("aws.cloudwatch"), None, take);
    s.build()
}

async fn take(ctx: &Ctx, event: Arc<Event>) -> Result<()> {
    ctx.own::<Told>().lock().unwrap().push((*event).clone());
    Ok(())
}

async fn cloud() -> (TestCloud, Told) {
    let told = Told::default();
    let cloud = TestCloud::new(vec![cloudwatch::service(&Plugs::default()), listener(&told)]).await;
    (cloud, told)
}

fn alarm(name: &str) -> PutMetricAlarmInput {
    PutMetricAlarmInput {
        alarm_name: name.to_owned(),
        namespace: Some("shop".to_owned()),
        metric_name: Some("Load".to_owned()),
        statistic: Some("Average".to_owned()),
        period: Some(60),
        evaluation_periods: Some(1),
        threshold: Some(10.0),
        comparison_operator: Some("GreaterThanThreshold".to_owned()),
        ..Default::default()
    }
}

async fn describe(cloud: &TestCloud, name: &str) -> MetricAlarm {
    let input = DescribeAlarmsInput { alarm_names: Some(vec![name.to_owned()]), ..Default::default() };
    cloud.call(op::DescribeAlarms, input).await.unwrap().metric_alarms.unwrap().remove(0)
}

async fn state(cloud: &TestCloud, name: &str) -> String {
    describe(cloud, name).await.state_value.unwrap()
}

/// Lets time go on by minutes until the alarm has the state; gives how many it took.
pub(crate) async fn minutes_to(cloud: &TestCloud, name: &str, wanted: &str) -> u32 {
    for minutes in 0..20 {
        for _ in 0..50 {
            if state(cloud, name).await == wanted {
                return minutes;
            }
            tokio::task::yield_now().await;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        cloud.advance(MINUTE);
    }
    panic!("{name} is never {wanted}");
}

#[tokio::test]
async fn an_alarm_goes_off_and_calms_down_and_tells_of_it() {
    let (cloud, told) = cloud().await;
    let topic = "arn:aws:sns:us-east-1:000000000000:ops".to_owned();
    let input = PutMetricAlarmInput { alarm_actions: Some(vec![topic.clone()]), ..alarm("hot") };
    cloud.call(op::PutMetricAlarm, input).await.unwrap();
    let fresh = describe(&cloud, "hot").await;
    assert_eq!(fresh.state_value.as_deref(), Some("INSUFFICIENT_DATA"));
    assert_eq!(fresh.state_reason.as_deref(), Some("Unchecked: Initial alarm creation"));
    put(&cloud, vec![datum("Load", cloud.now(), 21.0)]).await.unwrap();
    assert_eq!(minutes_to(&cloud, "hot", "ALARM").await, 1);
    let hot = describe(&cloud, "hot").await;
    let reason = hot.state_reason.unwrap();
    assert!(
        reason.starts_with("Threshold Crossed: 1 out of the last 1 datapoints [21.0 (01/01/26 "),
        "{reason}"
    );
    assert!(hot.state_reason_data.unwrap().contains("\"recentDatapoints\":[21.0]"));
    put(&cloud, vec![datum("Load", cloud.now(), 1.0)]).await.unwrap();
    minutes_to(&cloud, "hot", "OK").await;
    minutes_to(&cloud, "hot", "INSUFFICIENT_DATA").await;
    let events = cloud
        .eventually("all is told", async || {
            let told = told.lock().unwrap();
            (told.len() == 5).then(|| told.clone())
        })
        .await;
    let kinds: Vec<_> = events.iter().map(|event| event.detail_type.as_str()).collect();
    let made =
        events.iter().find(|event| event.detail_type == "CloudWatch Alarm Configuration Change").unwrap();
    assert_eq!(
        (&made.detail["operation"], &made.detail["configuration"]["alarmName"]),
        (&json!("create"), &json!("hot"))
    );
    assert_eq!(made.detail["configuration"]["alarmActions"], json!([topic]));
    let change = "CloudWatch Alarm State Change";
    assert_eq!(kinds.iter().filter(|kind| **kind == change).count(), 3);
    let action = events.iter().find(|event| event.detail_type == "CloudWatch Alarm Action").unwrap();
    assert_eq!(action.detail["action"], topic.as_str());
    assert_eq!(action.detail["NewStateValue"], "ALARM");
    let history = DescribeAlarmHistoryInput { alarm_name: Some("hot".to_owned()), ..Default::default() };
    let items = cloud.call(op::DescribeAlarmHistory, history).await.unwrap().alarm_history_items.unwrap();
    let kinds: Vec<_> = items.iter().map(|item| item.history_item_type.as_deref().unwrap()).collect();
    assert_eq!(kinds, ["StateUpdate", "StateUpdate", "StateUpdate", "Action", "ConfigurationUpdate"]);
    let made: serde_json::Value = serde_json::from_str(items[4].history_data.as_deref().unwrap()).unwrap();
    assert_eq!((&made["type"], &made["createdAlarm"]["evaluationPeriods"]), (&json!("Create"), &json!(1)));
}

#[tokio::test]
async fn two_of_three_and_missing_data() {
    let (cloud, _) = cloud().await;
    let input = PutMetricAlarmInput {
        evaluation_periods: Some(3),
        datapoints_to_alarm: Some(2),
        treat_missing_data: Some("notBreaching".to_owned()),
        ..alarm("two-of-three")
    };
    cloud.call(op::PutMetricAlarm, input).await.unwrap();
    minutes_to(&cloud, "two-of-three", "OK").await;
    let at = cloud.now();
    put(
        &cloud,
        vec![datum("Load", at, 11.0), datum("Load", at + MINUTE, 1.0), datum("Load", at + 2 * MINUTE, 11.0)],
    )
    .await
    .unwrap();
    assert_eq!(minutes_to(&cloud, "two-of-three", "ALARM").await, 3);
    assert!(minutes_to(&cloud, "two-of-three", "OK").await > 0);
}

#[tokio::test]
async fn alarms_on_math_and_percentiles_of_few_samples() {
    let (cloud, _) = cloud().await;
    let metric = |id: &str, name: &str| MetricDataQuery {
        id: id.to_owned(),
        metric_stat: Some(MetricStat {
            metric: Metric {
                namespace: Some("shop".to_owned()),
                metric_name: Some(name.to_owned()),
                ..Default::default()
            },
            period: 60,
            stat: "Sum".to_owned(),
            unit: None,
        }),
        return_data: Some(false),
        ..Default::default()
    };
    let rate = MetricDataQuery {
        id: "rate".to_owned(),
        expression: Some("errors / requests".to_owned()),
        ..Default::default()
    };
    let math = PutMetricAlarmInput {
        alarm_name: "rate".to_owned(),
        metrics: Some(vec![metric("errors", "Errors"), metric("requests", "Requests"), rate]),
        evaluation_periods: Some(1),
        threshold: Some(0.1),
        comparison_operator: Some("GreaterThanOrEqualToThreshold".to_owned()),
        ..Default::default()
    };
    cloud.call(op::PutMetricAlarm, math).await.unwrap();
    let few = PutMetricAlarmInput {
        statistic: None,
        extended_statistic: Some("p90".to_owned()),
        evaluate_low_sample_count_percentile: Some("ignore".to_owned()),
        ..alarm("slow")
    };
    cloud.call(op::PutMetricAlarm, few).await.unwrap();
    let at = cloud.now();
    let many = MetricDatum {
        value: None,
        values: Some(vec![20.0]),
        counts: Some(vec![200.0]),
        ..datum("Load", at + MINUTE, 0.0)
    };
    let data = vec![datum("Errors", at, 1.0), datum("Requests", at, 10.0), datum("Load", at, 99.0), many];
    put(&cloud, data).await.unwrap();
    assert_eq!(minutes_to(&cloud, "rate", "ALARM").await, 1);
    assert_eq!(state(&cloud, "slow").await, "INSUFFICIENT_DATA", "one sample is no percentile");
    let minutes = minutes_to(&cloud, "slow", "ALARM").await;
    assert!(minutes <= 3, "{minutes}");
}

#[tokio::test]
async fn composite_alarms_follow_others_and_lead_not_back() {
    let (cloud, told) = cloud().await;
    for name in ["a", "b"] {
        cloud.call(op::PutMetricAlarm, alarm(name)).await.unwrap();
    }
    let composite = |name: &str, rule: &str| PutCompositeAlarmInput {
        alarm_name: name.to_owned(),
        alarm_rule: rule.to_owned(),
        alarm_actions: Some(vec!["arn:aws:lambda:us-east-1:000000000000:function:f".to_owned()]),
        ..Default::default()
    };
    cloud.call(op::PutCompositeAlarm, composite("both", "ALARM(a) AND ALARM(\"b\")")).await.unwrap();
    cloud.call(op::PutCompositeAlarm, composite("not", "NOT ALARM(both)")).await.unwrap();
    assert!(cloud.call(op::PutCompositeAlarm, composite("both", "ALARM(not)")).await.is_err());
    assert!(cloud.call(op::PutCompositeAlarm, composite("x", "ALARM(none)")).await.is_err());
    assert!(cloud.call(op::PutCompositeAlarm, composite("x", "ALARM(")).await.is_err());
    let composites = async || {
        let types = Some(vec!["CompositeAlarm".to_owned()]);
        let input = DescribeAlarmsInput { alarm_types: types, ..Default::default() };
        let all = cloud.call(op::DescribeAlarms, input).await.unwrap().composite_alarms.unwrap();
        all.into_iter().map(|alarm| alarm.state_value.unwrap()).collect::<Vec<_>>()
    };
    cloud
        .eventually("they are evaluated", async || (composites().await == ["OK", "ALARM"]).then_some(()))
        .await;
    for name in ["a", "b"] {
        let input = SetAlarmStateInput {
            alarm_name: name.to_owned(),
            state_value: "ALARM".to_owned(),
            state_reason: "drill".to_owned(),
            ..Default::default()
        };
        cloud.call(op::SetAlarmState, input).await.unwrap();
    }
    cloud.eventually("they follow", async || (composites().await == ["ALARM", "OK"]).then_some(())).await;
    let acted = || told.lock().unwrap().iter().filter(|e| e.detail_type == "CloudWatch Alarm Action").count();
    cloud.eventually("both acted", async || (acted() == 2).then_some(())).await;
    let family =
        DescribeAlarmsInput { children_of_alarm_name: Some("both".to_owned()), ..Default::default() };
    let children = cloud.call(op::DescribeAlarms, family).await.unwrap();
    assert_eq!(children.metric_alarms.unwrap().len(), 2);
}

#[tokio::test]
async fn actions_rest_while_disabled_and_scaling_goes_on() {
    let (cloud, told) = cloud().await;
    let policy =
        "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1:autoScalingGroupName/g:policyName/p";
    let input = PutMetricAlarmInput {
        alarm_actions: Some(vec![policy.to_owned()]),
        treat_missing_data: Some("breaching".to_owned()),
        ..alarm("scale")
    };
    cloud.call(op::PutMetricAlarm, input).await.unwrap();
    let acted = || told.lock().unwrap().iter().filter(|e| e.detail_type == "CloudWatch Alarm Action").count();
    minutes_to(&cloud, "scale", "ALARM").await;
    for count in 1..4 {
        cloud.eventually("it acts every minute", async || (acted() >= count).then_some(())).await;
        cloud.advance(MINUTE);
    }
    let names = vec!["scale".to_owned()];
    cloud
        .call(op::DisableAlarmActions, DisableAlarmActionsInput { alarm_names: names.clone() })
        .await
        .unwrap();
    assert_eq!(describe(&cloud, "scale").await.actions_enabled, Some(false));
    cloud.call(op::DeleteAlarms, DeleteAlarmsInput { alarm_names: names.clone() }).await.unwrap();
    let gone = cloud.call(op::DeleteAlarms, DeleteAlarmsInput { alarm_names: names }).await.unwrap_err();
    assert_eq!((gone.code(), gone.status()), ("ResourceNotFound", 404));
}

#[tokio::test]
async fn what_no_alarm_may_be_is_refused() {
    let (cloud, _) = cloud().await;
    let base = || alarm("x");
    let bad = [
        PutMetricAlarmInput { statistic: None, ..base() },
        PutMetricAlarmInput { extended_statistic: Some("p90".to_owned()), ..base() },
        PutMetricAlarmInput { evaluation_periods: None, ..base() },
        PutMetricAlarmInput { threshold: None, ..base() },
        PutMetricAlarmInput { period: Some(61), ..base() },
        PutMetricAlarmInput { evaluation_periods: Some(1_441), ..base() },
        PutMetricAlarmInput { datapoints_to_alarm: Some(2), ..base() },
        PutMetricAlarmInput { treat_missing_data: Some("maybe".to_owned()), ..base() },
        PutMetricAlarmInput { comparison_operator: Some("GreaterThanUpperThreshold".to_owned()), ..base() },
        PutMetricAlarmInput { alarm_actions: Some(vec!["nonsense".to_owned()]), ..base() },
        PutMetricAlarmInput {
            alarm_actions: Some(vec!["arn:aws:automate:us-east-1:ec2:stop".to_owned()]),
            ..base()
        },
        PutMetricAlarmInput { metrics: Some(vec![]), ..base() },
    ];
    for input in bad {
        let error = cloud.call(op::PutMetricAlarm, input.clone()).await.unwrap_err();
        assert_eq!(error.status(), 400, "{input:?}");
    }
    let all = cloud.call(op::DescribeAlarms, DescribeAlarmsInput::default()).await.unwrap();
    assert_eq!(all.metric_alarms.unwrap().len(), 0);
    let unknown = SetAlarmStateInput {
        alarm_name: "none".to_owned(),
        state_value: "OK".to_owned(),
        state_reason: "why".to_owned(),
        ..Default::default()
    };
    assert_eq!(cloud.call(op::SetAlarmState, unknown).await.unwrap_err().code(), "ResourceNotFound");
    let stop = PutMetricAlarmInput {
        dimensions: Some(vec![dimension("InstanceId", "i-1")]),
        alarm_actions: Some(vec!["arn:aws:automate:us-east-1:ec2:stop".to_owned()]),
        tags: Some(vec![Tag { key: "team".to_owned(), value: "red".to_owned() }]),
        ..base()
    };
    cloud.call(op::PutMetricAlarm, stop).await.unwrap();
    let arn = describe(&cloud, "x").await.alarm_arn.unwrap();
    assert_eq!(arn, "arn:aws:cloudwatch:us-east-1:000000000000:alarm:x");
    let untag = UntagResourceInput { resource_arn: arn.clone(), tag_keys: vec!["team".to_owned()] };
    let list = async || {
        let input = ListTagsForResourceInput { resource_arn: arn.clone() };
        cloud.call(op::ListTagsForResource, input).await.unwrap().tags.unwrap()
    };
    assert_eq!(list().await.len(), 1);
    cloud.call(op::UntagResource, untag).await.unwrap();
    assert_eq!(list().await.len(), 0);
    let tag = vec![Tag { key: "a".to_owned(), value: "b".to_owned() }];
    cloud.call(op::TagResource, TagResourceInput { resource_arn: arn.clone(), tags: tag }).await.unwrap();
    assert_eq!(list().await[0].key, "a");
    let of_metric = DescribeAlarmsForMetricInput {
        metric_name: "Load".to_owned(),
        namespace: "shop".to_owned(),
        dimensions: Some(vec![dimension("InstanceId", "i-1")]),
        ..Default::default()
    };
    let found = cloud.call(op::DescribeAlarmsForMetric, of_metric).await.unwrap();
    assert_eq!(found.metric_alarms.unwrap().len(), 1);
    let enabled = EnableAlarmActionsInput { alarm_names: vec!["x".to_owned(), "none".to_owned()] };
    cloud.call(op::EnableAlarmActions, enabled).await.unwrap();
}
