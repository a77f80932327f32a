//! What becomes of events.

use api_events::*;
use kernel::testing::TestCloud;
use serde_json::json;

use crate::{cloud, entry, is_empty, next, next_json, put_event, put_rule, put_target, queue, services, to};

#[tokio::test]
async fn an_event_comes_to_the_targets_of_the_rules_it_fits() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "q", true).await;
    put_rule(
        &cloud,
        None,
        "r",
        json!({ "source": ["shop"], "detail": { "price": [{ "numeric": [">", 10] }] } }),
    )
    .await;
    put_target(&cloud, None, "r", to(&arn)).await;
    put_event(&cloud, entry("shop", json!({ "price": 5 }))).await;
    let id = put_event(&cloud, entry("shop", json!({ "price": 50 }))).await.event_id.unwrap();
    let event = next_json(&cloud, "q").await;
    assert_eq!(event["id"], json!(id));
    assert_eq!(event["version"], "0");
    assert_eq!(event["detail-type"], "Order");
    assert_eq!(event["account"], "000000000000");
    assert_eq!(event["region"], "us-east-1");
    assert_eq!(event["resources"], json!([]));
    assert_eq!(event["detail"], json!({ "price": 50 }));
    assert!(is_empty(&cloud, "q").await, "the cheap one did not come");
}

#[tokio::test]
async fn a_target_gets_what_it_asks_for() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "q.fifo", true).await;
    put_rule(&cloud, None, "r", json!({ "source": ["shop"] })).await;
    let group = Some(SqsParameters { message_group_id: Some("g".into()) });
    let transformer = InputTransformer {
        input_paths_map: Some([("price".to_owned(), "$.detail.price".to_owned())].into()),
        input_template: r#"{"paid":<price>,"by":"<aws.events.rule-name>"}"#.to_owned(),
    };
    let target = Target { sqs_parameters: group.clone(), input_transformer: Some(transformer), ..to(&arn) };
    put_target(&cloud, None, "r", target).await;
    put_event(&cloud, entry("shop", json!({ "price": 7 }))).await;
    let message = next(&cloud, "q.fifo").await;
    assert_eq!(message.body.as_deref(), Some(r#"{"paid":7,"by":"r"}"#));
    assert_eq!(message.attributes.unwrap()["MessageGroupId"], "g");

    let target = Target { sqs_parameters: group, input_path: Some("$.detail".into()), ..to(&arn) };
    put_target(&cloud, None, "r", target).await;
    put_event(&cloud, entry("shop", json!({ "price": 8 }))).await;
    assert_eq!(next(&cloud, "q.fifo").await.body.as_deref(), Some(r#"{"price":8}"#));
}

#[tokio::test]
async fn what_a_queue_does_not_let_in_is_a_dead_letter() {
    let cloud = cloud().await;
    let closed = queue(&cloud, "closed", false).await;
    let dead = queue(&cloud, "dead", true).await;
    let rule_arn = put_rule(&cloud, None, "r", json!({ "source": ["shop"] })).await;
    let letters = Some(DeadLetterConfig { arn: Some(dead) });
    put_target(&cloud, None, "r", Target { dead_letter_config: letters, ..to(&closed) }).await;
    put_event(&cloud, entry("shop", json!({ "n": 1 }))).await;
    let letter = next(&cloud, "dead").await;
    assert!(letter.body.unwrap().contains(r#""detail":{"n":1}"#));
    let said = letter.message_attributes.unwrap();
    let said = |name: &str| said[name].string_value.clone().unwrap();
    assert_eq!(said("ERROR_CODE"), "NO_PERMISSIONS");
    assert_eq!(said("RULE_ARN"), rule_arn);
    assert_eq!(said("TARGET_ARN"), closed);
    assert!(is_empty(&cloud, "closed").await);
}

#[tokio::test]
async fn a_detail_comes_as_it_was_sent() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "q", true).await;
    put_rule(&cloud, None, "r", json!({ "detail": { "b": { "z": [1.50] } } })).await;
    let sent = r#"{ "b": { "z": 1.50, "a": 1 }, "a": "x y" }"#;
    let put = async || {
        let entry = PutEventsRequestEntry { detail: Some(sent.to_owned()), ..entry("shop", json!({})) };
        assert_eq!(put_event(&cloud, entry).await.error_code, None);
    };
    put_target(&cloud, None, "r", to(&arn)).await;
    put().await;
    let body = next(&cloud, "q").await.body.unwrap();
    assert!(body.ends_with(r#","resources":[],"detail":{"b":{"z":1.50,"a":1},"a":"x y"}}"#), "{body}");
    put_target(&cloud, None, "r", Target { input_path: Some("$.detail.b".into()), ..to(&arn) }).await;
    put().await;
    assert_eq!(next(&cloud, "q").await.body.unwrap(), r#"{"z":1.50,"a":1}"#);
}

#[tokio::test]
async fn what_becomes_too_large_is_a_dead_letter_at_once() {
    let cloud = cloud().await;
    let (arn, dead) = (queue(&cloud, "q", true).await, queue(&cloud, "dead", true).await);
    put_rule(&cloud, None, "r", json!({ "source": ["shop"] })).await;
    let transformer = InputTransformer {
        input_paths_map: Some([("a".to_owned(), "$.detail".to_owned())].into()),
        input_template: format!("\"{}\"", "<a>".repeat(2_700)),
    };
    let target = Target {
        input_transformer: Some(transformer),
        dead_letter_config: Some(DeadLetterConfig { arn: Some(dead) }),
        ..to(&arn)
    };
    put_target(&cloud, None, "r", target).await;
    put_event(&cloud, entry("shop", json!({ "x": "\"".repeat(250_000) }))).await;
    let said = next(&cloud, "dead").await.message_attributes.unwrap();
    let said = |name: &str| said.get(name).and_then(|value| value.string_value.clone());
    assert!(said("ERROR_MESSAGE").unwrap().contains("larger than 262144 bytes"));
    assert_eq!(said("EXHAUSTED_RETRY_CONDITION"), None, "it was not tried again");
    assert!(is_empty(&cloud, "q").await);
}

#[tokio::test]
async fn a_role_that_is_named_is_used_and_must_be_there() {
    let cloud = cloud().await;
    let (arn, dead) = (queue(&cloud, "q", true).await, queue(&cloud, "dead", true).await);
    put_rule(&cloud, None, "r", json!({ "source": ["shop"] })).await;
    let target = Target {
        role_arn: Some("arn:aws:iam::000000000000:role/none".into()),
        dead_letter_config: Some(DeadLetterConfig { arn: Some(dead) }),
        ..to(&arn)
    };
    put_target(&cloud, None, "r", target).await;
    put_event(&cloud, entry("shop", json!({}))).await;
    let said = next(&cloud, "dead").await.message_attributes.unwrap();
    assert_eq!(said["ERROR_CODE"].string_value.as_deref(), Some("NO_PERMISSIONS"));
    assert!(is_empty(&cloud, "q").await, "the queue's policy alone would let it in");
}

#[tokio::test]
async fn an_event_goes_from_bus_to_bus_and_to_other_accounts_where_they_let_it() {
    let cloud = cloud().await;
    let other = cloud.as_account("111111111111");
    let bus = CreateEventBusRequest { name: "orders".into(), ..Default::default() };
    let bus_arn = cloud.call(op::CreateEventBus, bus).await.unwrap().event_bus_arn.unwrap();
    put_rule(&cloud, None, "forward", json!({ "source": ["shop"] })).await;
    put_target(&cloud, None, "forward", to(&bus_arn)).await;
    let arn = queue(&cloud, "q", true).await;
    put_rule(&cloud, Some("orders"), "r", json!({ "source": ["shop"] })).await;
    put_target(&cloud, Some("orders"), "r", to(&arn)).await;
    let id = put_event(&cloud, entry("shop", json!({}))).await.event_id.unwrap();
    assert_eq!(next_json(&cloud, "q").await["id"], json!(id));

    // Another account may put events here once the policy says so.
    let stranger = || PutEventsRequestEntry {
        event_bus_name: Some(bus_arn.clone()),
        ..entry("shop", json!({ "from": "afar" }))
    };
    let input = PutEventsRequest { entries: vec![stranger()], ..Default::default() };
    let refused = other.call(op::PutEvents, input).await.unwrap_err();
    assert_eq!(refused.code(), "AccessDeniedException");
    let permission = PutPermissionRequest {
        event_bus_name: Some("orders".into()),
        action: Some("events:PutEvents".into()),
        principal: Some("111111111111".into()),
        statement_id: Some("friend".into()),
        ..Default::default()
    };
    cloud.call(op::PutPermission, permission).await.unwrap();
    assert_eq!(put_event(&other, stranger()).await.error_code, None);
    assert_eq!(next_json(&cloud, "q").await["account"], "111111111111");
    let remove = || RemovePermissionRequest {
        event_bus_name: Some("orders".into()),
        statement_id: Some("friend".into()),
        ..Default::default()
    };
    cloud.call(op::RemovePermission, remove()).await.unwrap();
    let gone = cloud.call(op::RemovePermission, remove()).await.unwrap_err();
    assert_eq!(gone.code(), "ResourceNotFoundException");
}

#[tokio::test]
async fn buses_that_lead_in_circles_come_to_an_end() {
    let cloud = cloud().await;
    let arn = queue(&cloud, "q", true).await;
    put_rule(&cloud, None, "r", json!({ "source": ["shop"] })).await;
    let own = Target { id: "2".into(), ..to(&cloud.scope().arn("events", "event-bus/default")) };
    put_target(&cloud, None, "r", to(&arn)).await;
    put_target(&cloud, None, "r", own).await;
    put_event(&cloud, entry("shop", json!({}))).await;
    for _ in 0..6 {
        next(&cloud, "q").await;
    }
    assert!(is_empty(&cloud, "q").await);
}

#[tokio::test]
async fn what_is_under_way_is_found_again_after_a_restart() {
    let folder = kernel::testing::TestCloud::new(services()).await;
    let cloud: &TestCloud = &folder;
    // The queue is not there yet: nothing is delivered, nothing retried. Another account's denies by nobody's policy.
    let arn = queue(cloud, "q", true).await;
    put_rule(cloud, None, "r", json!({ "source": ["shop"] })).await;
    put_target(cloud, None, "r", to(&arn)).await;
    // Written as if the house had been killed right after its answer.
    let ctx = cloud.ctx("events");
    let scope = cloud.scope();
    let ids = ctx
        .write(|tx| {
            let rule = events::state::rule::find(tx, &scope, "default", "r")?.unwrap();
            let event = events::rules::envelope::Envelope::new(
                &scope,
                "e".into(),
                0,
                ("shop", "Order"),
                Vec::new(),
                json!({ "n": 1 }),
            );
            events::state::delivery::begin(tx, &scope, &rule, &event, 0)
        })
        .await
        .unwrap();
    assert_eq!(ids.len(), 1);
    // Nobody nudged: the sweep finds it.
    cloud
        .eventually("the sweep delivers", async || {
            cloud.advance(60_000);
            (!is_empty(cloud, "q").await).then_some(())
        })
        .await;
}
