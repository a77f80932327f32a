//! Log groups as targets: written by leave of a resource policy.

use std::collections::BTreeMap;

use api_events::*;
use api_logs as logs_api;
use kernel::Plugs;
use kernel::testing::TestCloud;
use serde_json::{Value, json};

use super::{next_json, put_rule, queue, services};

const GROUP: &str = "/aws/events/orders";

async fn lines(cloud: &TestCloud) -> Vec<String> {
    let input =
        logs_api::FilterLogEventsRequest { log_group_name: Some(GROUP.to_owned()), ..Default::default() };
    let found = cloud.call(logs_api::op::FilterLogEvents, input).await.unwrap().events.unwrap();
    found.into_iter().map(|event| event.message.unwrap()).collect()
}

async fn order(cloud: &TestCloud, number: u32) {
    let entry = PutEventsRequestEntry {
        source: Some("shop".to_owned()),
        detail_type: Some("Order".to_owned()),
        detail: Some(json!({ "number": number }).to_string()),
        ..Default::default()
    };
    let input = PutEventsRequest { entries: vec![entry], ..Default::default() };
    cloud.call(op::PutEvents, input).await.unwrap();
}

#[tokio::test]
async fn events_are_written_by_leave_of_a_policy() {
    let mut all = services();
    all.extend([logs::service(&Plugs::default()), cloudwatch::service(&Plugs::default())]);
    let cloud = TestCloud::new(all).await;
    let input = logs_api::CreateLogGroupRequest { log_group_name: GROUP.to_owned(), ..Default::default() };
    cloud.call(logs_api::op::CreateLogGroup, input).await.unwrap();
    put_rule(&cloud, None, "orders", json!({ "source": ["shop"] })).await;
    let arn = cloud.scope().arn("logs", format_args!("log-group:{GROUP}"));
    let dead = queue(&cloud, "dead", true).await;
    let target = |id: &str, transformer| Target {
        id: id.to_owned(),
        arn: arn.clone(),
        dead_letter_config: Some(DeadLetterConfig { arn: Some(dead.clone()) }),
        input_transformer: transformer,
        ..Default::default()
    };
    let put = async |target| {
        let input =
            PutTargetsRequest { rule: "orders".to_owned(), targets: vec![target], ..Default::default() };
        assert_eq!(cloud.call(op::PutTargets, input).await.unwrap().failed_entry_count, Some(0));
    };
    put(target("whole", None)).await;
    order(&cloud, 1).await;
    assert_eq!(next_json(&cloud, "dead").await["detail"]["number"], 1, "nobody let it");
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"] },
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": format!("{}:*", cloud.scope().arn("logs", "log-group:/aws/events/*")),
    }] });
    let input = logs_api::PutResourcePolicyRequest {
        policy_name: Some("events".to_owned()),
        policy_document: Some(policy.to_string()),
        ..Default::default()
    };
    cloud.call(logs_api::op::PutResourcePolicy, input).await.unwrap();
    order(&cloud, 2).await;
    let found = cloud.eventually("a line", async || lines(&cloud).await.pop()).await;
    let said: Value = serde_json::from_str(&found).unwrap();
    assert_eq!((&said["source"], &said["detail"]["number"]), (&json!("shop"), &json!(2)));
    let template = InputTransformer {
        input_paths_map: Some(BTreeMap::from([("n".to_owned(), "$.detail.number".to_owned())])),
        input_template: format!("{{\"timestamp\": {}, \"message\": \"order <n>\"}}", cloud.now()),
    };
    put(target("whole", Some(template))).await;
    order(&cloud, 3).await;
    cloud
        .eventually("the line of the template", async || {
            lines(&cloud).await.contains(&"order 3".to_owned()).then_some(())
        })
        .await;
}
