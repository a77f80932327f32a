//! Scheduled events: raised from the host, told, put off, done in their time, cancelled.

use api_ec2 as api;
use api_ec2::op;
use kernel::LocalRequest;
use serde_json::{Value, json};
use shape::Timestamp;

use crate::cloud::{Cloud, cloud};
use crate::imds::read;
use crate::instance::{becomes, describe, running, state};

const PATH: &str = "/_aws/ec2/instance-events";
const HOUR_S: i64 = 3_600;

async fn local(cloud: &Cloud, method: &str, query: &[(&str, &str)], body: Value) -> (u16, Value) {
    let request = LocalRequest {
        method: method.into(),
        path: PATH.into(),
        query: query.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        body: body.to_string().into(),
        from_loopback: true,
    };
    let answer = cloud.house.local(request).await.unwrap().unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// Raises an event that begins in an hour and can be put off for one more.
async fn raise(cloud: &Cloud, instance: &str, code: &str) -> String {
    let at = cloud.now() / 1_000 + HOUR_S;
    let body = json!({
        "InstanceId": instance, "Code": code, "NotBefore": at, "NotAfter": at + 60,
        "NotBeforeDeadline": at + HOUR_S, "Description": "worn hardware",
    });
    let (status, answer) = local(cloud, "POST", &[], body).await;
    assert_eq!(status, 200, "{answer}");
    answer["InstanceEventId"].as_str().unwrap().to_owned()
}

async fn events(cloud: &Cloud, filters: Option<Vec<api::Filter>>) -> Vec<api::InstanceStatusEvent> {
    let input = api::DescribeInstanceStatusRequest {
        filters,
        include_all_instances: Some(true),
        ..Default::default()
    };
    let shown = cloud.call(op::DescribeInstanceStatus, input).await.unwrap().instance_statuses.unwrap();
    shown.into_iter().flat_map(|one| one.events.unwrap_or_default()).collect()
}

fn put_off(instance: &str, event: &str, to_s: i64) -> api::ModifyInstanceEventStartTimeRequest {
    api::ModifyInstanceEventStartTimeRequest {
        instance_id: instance.to_owned(),
        instance_event_id: event.to_owned(),
        not_before: Timestamp::from_millis(to_s * 1_000),
        ..Default::default()
    }
}

#[tokio::test]
async fn an_event_is_told_put_off_and_done() {
    let cloud = cloud().await;
    let instance = running(&cloud).await;
    let event = raise(&cloud, &instance, "instance-retirement").await;
    let shown = events(&cloud, None).await.remove(0);
    assert_eq!(shown.code.as_deref(), Some("instance-retirement"));
    assert_eq!(shown.description.as_deref(), Some("worn hardware"));
    assert_eq!(events(&cloud, crate::vpc::filter("event.code", &["instance-retirement"])).await.len(), 1);
    assert_eq!(events(&cloud, crate::vpc::filter("event.code", &["instance-stop"])).await.len(), 0);
    let told = read(&cloud, &instance, "/latest/meta-data/events/maintenance/scheduled").await.unwrap();
    assert!(told.contains(&event) && told.contains("\"State\":\"active\""), "{told}");

    let begins = shown.not_before.unwrap().as_millis() / 1_000;
    for (to, id, wanted) in [
        (begins + HOUR_S + 1, event.as_str(), "InvalidInstanceEventStartTime"),
        (begins - 2 * HOUR_S, event.as_str(), "InvalidInstanceEventStartTime"),
        (begins, "instance-event-0123456789abcdef0", "InvalidInstanceEventIDNotFound"),
    ] {
        let refused = cloud.call(op::ModifyInstanceEventStartTime, put_off(&instance, id, to)).await;
        assert_eq!(refused.unwrap_err().code(), wanted);
    }
    let moved = put_off(&instance, &event, begins + HOUR_S / 2);
    let moved = cloud.call(op::ModifyInstanceEventStartTime, moved).await.unwrap().event.unwrap();
    assert_eq!(moved.not_before.unwrap().as_millis() / 1_000, begins + HOUR_S / 2);
    assert_eq!(moved.not_after.unwrap().as_millis() / 1_000, begins + HOUR_S / 2 + 60);
    cloud.advance(HOUR_S * 1_000 + 60_000);
    assert_eq!(state(&describe(&cloud, &instance).await), "running", "it was put off");
    cloud.advance(HOUR_S * 1_000);
    becomes(&cloud, &instance, "stopped").await;
    let shown = events(&cloud, None).await.remove(0);
    assert_eq!(shown.description.as_deref(), Some("[Completed] worn hardware"));
    let late = cloud.call(op::ModifyInstanceEventStartTime, put_off(&instance, &event, begins)).await;
    assert_eq!(late.unwrap_err().code(), "InstanceEventStartTimeCannotChange");
}

#[tokio::test]
async fn an_event_is_cancelled_and_bad_ones_are_not_raised() {
    let cloud = cloud().await;
    let instance = running(&cloud).await;
    let event = raise(&cloud, &instance, "instance-stop").await;
    let query = [("InstanceId", instance.as_str()), ("InstanceEventId", event.as_str())];
    assert_eq!(local(&cloud, "DELETE", &query, json!({})).await.0, 200);
    assert_eq!(local(&cloud, "DELETE", &query, json!({})).await.0, 404);
    cloud.advance(3 * HOUR_S * 1_000);
    let history = read(&cloud, &instance, "/latest/meta-data/events/maintenance/history").await.unwrap();
    assert!(history.contains("\"State\":\"canceled\""), "{history}");
    assert_eq!(state(&describe(&cloud, &instance).await), "running");
    let at = cloud.now() / 1_000 + HOUR_S;
    for (status, bad) in [
        (400, json!({ "InstanceId": instance, "Code": "instance-party", "NotBefore": at })),
        (400, json!({ "InstanceId": instance, "Code": "instance-stop", "NotBefore": at - 2 * HOUR_S })),
        (
            400,
            json!({ "InstanceId": instance, "Code": "instance-stop", "NotBefore": at, "NotAfter": at - 1 }),
        ),
        (400, json!({ "InstanceId": instance, "Code": "instance-stop" })),
        (404, json!({ "InstanceId": "i-0123456789abcdef0", "Code": "instance-stop", "NotBefore": at })),
    ] {
        assert_eq!(local(&cloud, "POST", &[], bad).await.0, status);
    }
    assert_eq!(events(&cloud, None).await.len(), 1);
}
