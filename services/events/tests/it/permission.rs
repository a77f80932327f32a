//! What the policy of a bus lets another account do there, event by event and rule by rule.

use api_events::*;
use kernel::testing::TestCloud;
use serde_json::{Value, json};

use crate::{cloud, entry, is_empty, next_json, put_event, put_rule, put_target, queue, to};

const FRIEND: &str = "111111111111";

async fn bus(cloud: &TestCloud, name: &str) -> String {
    let input = CreateEventBusRequest { name: name.into(), ..Default::default() };
    cloud.call(op::CreateEventBus, input).await.unwrap().event_bus_arn.unwrap()
}

/// The bus's policy lets the friend do this where the condition holds, and no more.
async fn allow(cloud: &TestCloud, bus: &str, (actions, resource): (Value, &str), condition: Value) {
    let principal = json!({ "AWS": format!("arn:aws:iam::{FRIEND}:root") });
    let statement = json!({
        "Sid": "s", "Effect": "Allow", "Principal": principal,
        "Action": actions, "Resource": resource, "Condition": condition,
    });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let input = PutPermissionRequest {
        event_bus_name: Some(bus.to_owned()),
        policy: Some(policy),
        ..Default::default()
    };
    cloud.call(op::PutPermission, input).await.unwrap();
}

#[tokio::test]
async fn every_event_is_judged_by_itself() {
    let cloud = cloud().await;
    let friend = cloud.as_account(FRIEND);
    let (orders, closed) = (bus(&cloud, "orders").await, bus(&cloud, "closed").await);
    let arn = queue(&cloud, "q", true).await;
    put_rule(&cloud, Some("orders"), "r", json!({ "account": [FRIEND] })).await;
    put_target(&cloud, Some("orders"), "r", to(&arn)).await;
    let condition = json!({ "StringEquals": { "events:source": "good", "events:detail-type": "Order" } });
    allow(&cloud, "orders", (json!("events:PutEvents"), &orders), condition).await;

    let on = |bus: &str, source: &str, kind: &str| PutEventsRequestEntry {
        event_bus_name: Some(bus.to_owned()),
        detail_type: Some(kind.to_owned()),
        ..entry(source, json!({ "of": source }))
    };
    let entries = vec![
        on(&orders, "bad", "Order"),
        on(&orders, "good", "Order"),
        on(&orders, "good", "Bill"),
        on(&orders, "bad", "Bill"),
        on(&closed, "good", "Order"),
        PutEventsRequestEntry { source: None, ..on(&orders, "", "Order") },
    ];
    let input = PutEventsRequest { entries, ..Default::default() };
    let answer = friend.call(op::PutEvents, input).await.unwrap();
    assert_eq!(answer.failed_entry_count, Some(5));
    let results = answer.entries.unwrap();
    let codes: Vec<_> = results.iter().map(|result| result.error_code.as_deref().unwrap_or("-")).collect();
    let (source, kind) = ("NotAuthorizedForSourceException", "NotAuthorizedForDetailTypeException");
    assert_eq!(codes, [source, "-", kind, source, "AccessDeniedException", source]);
    assert_eq!(next_json(&cloud, "q").await["id"], json!(results[1].event_id));
    assert!(is_empty(&cloud, "q").await, "nothing else came through");

    // What is denied for its source alone is a result; where nothing would help, the call is denied.
    assert_eq!(put_event(&friend, on(&orders, "bad", "Order")).await.error_code.as_deref(), Some(source));
    let input = PutEventsRequest { entries: vec![on(&closed, "good", "Order")], ..Default::default() };
    let denied = friend.call(op::PutEvents, input).await.unwrap_err();
    assert_eq!(denied.code(), "AccessDeniedException");
    assert!(denied.message().contains(&closed), "{}", denied.message());
}

#[tokio::test]
async fn rules_of_a_bus_are_put_by_others_whom_its_policy_lets() {
    let cloud = cloud().await;
    let friend = cloud.as_account(FRIEND);
    let orders = bus(&cloud, "orders").await;
    let rule = |name: &str, pattern: Value| PutRuleRequest {
        name: name.to_owned(),
        event_bus_name: Some(orders.clone()),
        event_pattern: Some(pattern.to_string()),
        ..Default::default()
    };
    let put = async |name: &str, pattern: Value| {
        let put = friend.call(op::PutRule, rule(name, pattern)).await;
        put.map_err(|error| error.code()).map(|put| put.rule_arn.unwrap())
    };
    assert_eq!(put("r", json!({ "source": ["shop"] })).await, Err("AccessDeniedException"));
    let rules = "arn:aws:events:us-east-1:000000000000:rule/orders/*";
    let condition = json!({
        "StringEqualsIfExists": { "events:creatorAccount": "${aws:PrincipalAccount}", "events:source": "shop" },
    });
    allow(&cloud, "orders", (json!("events:*"), rules), condition).await;
    let made = put("r", json!({ "source": ["shop"] })).await;
    assert_eq!(made.as_deref(), Ok("arn:aws:events:us-east-1:000000000000:rule/orders/r"));
    for pattern in [json!({ "source": ["aws.ec2"] }), json!({ "source": ["shop", "aws.ec2"] })] {
        assert_eq!(put("s", pattern.clone()).await, Err("AccessDeniedException"), "{pattern}");
    }

    // It is the friend's, in the owner's bus; the owner's own are not touched.
    let describe = || DescribeRuleRequest { name: "r".into(), event_bus_name: Some(orders.clone()) };
    let seen = cloud.call(op::DescribeRule, describe()).await.unwrap();
    assert_eq!(seen.created_by.as_deref(), Some(FRIEND));
    friend.call(op::DescribeRule, describe()).await.unwrap();
    put_rule(&cloud, Some("orders"), "own", json!({ "source": ["shop"] })).await;
    assert_eq!(put("own", json!({ "source": ["shop"] })).await, Err("AccessDeniedException"));
    let delete =
        DeleteRuleRequest { name: "own".into(), event_bus_name: Some(orders.clone()), ..Default::default() };
    let denied = friend.call(op::DeleteRule, delete).await.unwrap_err();
    assert_eq!(denied.code(), "AccessDeniedException");
    let made = made.unwrap();
    let tag = || vec![Tag { key: "team".into(), value: "red".into() }];
    let input = TagResourceRequest { resource_arn: made.clone(), tags: tag() };
    friend.call(op::TagResource, input).await.unwrap();
    let listed = cloud.call(op::ListTagsForResource, ListTagsForResourceRequest { resource_arn: made });
    assert_eq!(listed.await.unwrap().tags.unwrap()[0].value, "red");

    // A target of the friend's; what the owner needs no leave for is not theirs.
    let arn = queue(&friend, "q", true).await;
    put_target(&friend, Some(&orders), "r", to(&arn)).await;
    put_event(
        &cloud,
        PutEventsRequestEntry { event_bus_name: Some("orders".into()), ..entry("shop", json!({ "n": 1 })) },
    )
    .await;
    assert_eq!(next_json(&friend, "q").await["detail"]["n"], 1);
    let targets = vec![to(&cloud.scope().arn("events", "event-bus/default"))];
    let input = PutTargetsRequest { rule: "r".into(), event_bus_name: Some(orders.clone()), targets };
    let refused = friend.call(op::PutTargets, input).await.unwrap_err();
    assert!(refused.message().starts_with("RoleArn is required"), "{}", refused.message());
}
