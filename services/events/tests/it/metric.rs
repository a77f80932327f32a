//! What came of deliveries is counted, rule by rule.

use api_cloudwatch as cw;
use api_events::*;
use kernel::Plugs;
use kernel::testing::TestCloud;
use serde_json::json;
use shape::Timestamp;

use super::{entry, next, put_event, put_rule, put_target, queue, services, to};

const DAY_S: i32 = 86_400;

/// What was counted of a rule.
async fn sum(cloud: &TestCloud, metric: &str, bus: Option<&str>) -> f64 {
    let at = |days: i64| Timestamp::from_millis(cloud.now() + days * i64::from(DAY_S) * 1_000);
    let dimension =
        |name: &str, value: &str| cw::Dimension { name: name.to_owned(), value: value.to_owned() };
    let bus = bus.map(|bus| dimension("EventBusName", bus));
    let input = cw::GetMetricStatisticsInput {
        namespace: "AWS/Events".to_owned(),
        metric_name: metric.to_owned(),
        dimensions: Some(bus.into_iter().chain([dimension("RuleName", "r")]).collect()),
        start_time: at(-2),
        end_time: at(1),
        period: DAY_S,
        statistics: Some(vec!["Sum".to_owned()]),
        ..Default::default()
    };
    let found = cloud.call(cw::op::GetMetricStatistics, input).await.unwrap().datapoints.unwrap_or_default();
    found.iter().filter_map(|one| one.sum).sum()
}

#[tokio::test]
async fn rules_that_fit_what_they_send_and_what_fails_are_counted() {
    let mut all = services();
    all.push(cloudwatch::service(&Plugs::default()));
    let cloud = TestCloud::new(all).await;
    let (closed, open) = (queue(&cloud, "closed", false).await, queue(&cloud, "open", true).await);
    let dead = queue(&cloud, "dead", true).await;
    let letters = Some(DeadLetterConfig { arn: Some(dead) });
    put_rule(&cloud, None, "r", json!({ "source": ["shop"] })).await;
    put_target(&cloud, None, "r", Target { dead_letter_config: letters, ..to(&closed) }).await;
    put_target(&cloud, None, "r", Target { id: "2".to_owned(), ..to(&open) }).await;
    let bus = CreateEventBusRequest { name: "orders".into(), ..Default::default() };
    cloud.call(op::CreateEventBus, bus).await.unwrap();
    put_rule(&cloud, Some("orders"), "r", json!({ "source": ["shop"] })).await;
    put_target(&cloud, Some("orders"), "r", to(&open)).await;
    put_event(&cloud, entry("shop", json!({}))).await;
    let orders = Some("orders".to_owned());
    put_event(&cloud, PutEventsRequestEntry { event_bus_name: orders, ..entry("shop", json!({})) }).await;
    next(&cloud, "open").await;
    next(&cloud, "open").await;
    next(&cloud, "dead").await;
    let counted = async || {
        cloud.advance(60_000);
        let sent = sum(&cloud, "InvocationsSentToDlq", None).await;
        let other = sum(&cloud, "Invocations", Some("orders")).await;
        ((sent, other) == (1.0, 1.0)).then_some(())
    };
    cloud.eventually("all is counted", counted).await;
    let expected = [
        ("TriggeredRules", 1.0),
        ("InvocationAttempts", 2.0),
        ("RetryInvocationAttempts", 0.0),
        ("SuccessfulInvocationAttempts", 1.0),
        ("Invocations", 2.0),
        ("FailedInvocations", 1.0),
    ];
    for (metric, expected) in expected {
        assert_eq!(sum(&cloud, metric, None).await, expected, "{metric}");
    }
}
