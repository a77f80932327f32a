//! EventBridge on a whole house, with queues that get what rules choose.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` is written in place")]

mod archive;
mod delivery;
mod house;
mod log_group;
mod metric;
mod permission;
mod refusals;
mod rule;

use std::sync::Arc;

use api_events::*;
use api_sqs as sqs;
use kernel::testing::TestCloud;
use kernel::{KeySealer, Plugs, Sealer, Service};
use serde_json::{Value, json};

pub fn services() -> Vec<Service> {
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[1; 32]).unwrap());
    vec![events::service(&Plugs::default()), ::sqs::service(&Plugs::default().with(sealer))]
}

pub async fn cloud() -> TestCloud {
    TestCloud::new(services()).await
}

/// A queue that lets rules send, or does not; gives its ARN.
pub async fn queue(cloud: &TestCloud, name: &str, is_open: bool) -> String {
    let arn = cloud.scope().arn("sqs", name);
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Service": "events.amazonaws.com" },
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": { "ArnLike": { "aws:SourceArn": "arn:aws:events:*:*:rule/*" } },
    }] });
    let mut attributes = std::collections::BTreeMap::new();
    if is_open {
        attributes.insert("Policy".to_owned(), policy.to_string());
    }
    if name.ends_with(".fifo") {
        attributes.insert("FifoQueue".to_owned(), "true".to_owned());
        attributes.insert("ContentBasedDeduplication".to_owned(), "true".to_owned());
    }
    let input = sqs::CreateQueueRequest {
        queue_name: name.to_owned(),
        attributes: Some(attributes),
        ..Default::default()
    };
    cloud.call(sqs::op::CreateQueue, input).await.unwrap();
    arn
}

/// The next message of a queue, received and deleted.
pub async fn next(cloud: &TestCloud, name: &str) -> sqs::Message {
    let receive = async || {
        let input = sqs::ReceiveMessageRequest {
            queue_url: name.to_owned(),
            message_attribute_names: Some(vec!["All".to_owned()]),
            message_system_attribute_names: Some(vec!["All".to_owned()]),
            ..Default::default()
        };
        cloud.call(sqs::op::ReceiveMessage, input).await.unwrap().messages.unwrap_or_default().pop()
    };
    let message = cloud.eventually("a message comes", receive).await;
    let receipt_handle = message.receipt_handle.clone().unwrap();
    let input = sqs::DeleteMessageRequest { queue_url: name.to_owned(), receipt_handle };
    cloud.call(sqs::op::DeleteMessage, input).await.unwrap();
    message
}

pub async fn next_json(cloud: &TestCloud, name: &str) -> Value {
    serde_json::from_str(&next(cloud, name).await.body.unwrap()).unwrap()
}

pub async fn is_empty(cloud: &TestCloud, name: &str) -> bool {
    let input = sqs::ReceiveMessageRequest { queue_url: name.to_owned(), ..Default::default() };
    cloud.call(sqs::op::ReceiveMessage, input).await.unwrap().messages.is_none_or(|all| all.is_empty())
}

pub async fn put_rule(cloud: &TestCloud, bus: Option<&str>, name: &str, pattern: Value) -> String {
    let input = PutRuleRequest {
        name: name.to_owned(),
        event_bus_name: bus.map(str::to_owned),
        event_pattern: Some(pattern.to_string()),
        ..Default::default()
    };
    cloud.call(op::PutRule, input).await.unwrap().rule_arn.unwrap()
}

pub async fn put_target(cloud: &TestCloud, bus: Option<&str>, rule: &str, target: Target) {
    let input = PutTargetsRequest {
        rule: rule.to_owned(),
        event_bus_name: bus.map(str::to_owned),
        targets: vec![target],
    };
    let answer = cloud.call(op::PutTargets, input).await.unwrap();
    assert_eq!(answer.failed_entry_count, Some(0));
}

pub fn to(arn: &str) -> Target {
    Target { id: "1".to_owned(), arn: arn.to_owned(), ..Default::default() }
}

pub fn entry(source: &str, detail: Value) -> PutEventsRequestEntry {
    PutEventsRequestEntry {
        source: Some(source.to_owned()),
        detail_type: Some("Order".to_owned()),
        detail: Some(detail.to_string()),
        ..Default::default()
    }
}

pub async fn put_event(cloud: &TestCloud, entry: PutEventsRequestEntry) -> PutEventsResultEntry {
    let input = PutEventsRequest { entries: vec![entry], ..Default::default() };
    cloud.call(op::PutEvents, input).await.unwrap().entries.unwrap().remove(0)
}
