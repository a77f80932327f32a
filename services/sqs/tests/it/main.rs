//! SQS on a whole house with a clock that only tests move.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod batch;
mod concurrency;
mod dead_letter;
mod fifo;
mod figures;
mod inspect;
mod message;
mod move_task;
mod permission;
mod queue;
mod restart;
mod sealing;

use std::collections::BTreeMap;
use std::sync::Arc;

use api_sqs::*;
use kernel::testing::TestCloud;
use kernel::{Error, KeySealer, Millis, Plugs, Sealer, Service};

pub const SECOND: Millis = 1_000;

pub fn service() -> Service {
    service_under(1)
}

/// With a root key of its own.
pub fn service_under(root_key: u8) -> Service {
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[root_key; 32]).unwrap());
    sqs::service(&Plugs::default().with(sealer))
}

pub async fn cloud() -> TestCloud {
    TestCloud::new(vec![service()]).await
}

pub fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Makes a queue and gives its URL.
pub async fn make(cloud: &TestCloud, name: &str, attributes: &[(&str, &str)]) -> String {
    try_make(cloud, name, attributes).await.unwrap()
}

pub async fn try_make(cloud: &TestCloud, name: &str, attributes: &[(&str, &str)]) -> Result<String, Error> {
    let attributes = (!attributes.is_empty()).then(|| map(attributes));
    let input = CreateQueueRequest { queue_name: name.into(), attributes, ..Default::default() };
    Ok(cloud.call(op::CreateQueue, input).await?.queue_url.unwrap())
}

pub async fn make_fifo(cloud: &TestCloud, name: &str) -> String {
    make(cloud, name, &[("FifoQueue", "true"), ("ContentBasedDeduplication", "true")]).await
}

pub async fn send(cloud: &TestCloud, url: &str, body: &str) -> SendMessageResult {
    let input = SendMessageRequest { queue_url: url.into(), message_body: body.into(), ..Default::default() };
    cloud.call(op::SendMessage, input).await.unwrap()
}

pub async fn send_to_group(cloud: &TestCloud, url: &str, group: &str, body: &str) -> SendMessageResult {
    let input = SendMessageRequest {
        queue_url: url.into(),
        message_body: body.into(),
        message_group_id: Some(group.into()),
        ..Default::default()
    };
    cloud.call(op::SendMessage, input).await.unwrap()
}

pub async fn receive_with(cloud: &TestCloud, url: &str, count: i32, visibility: Option<i32>) -> Vec<Message> {
    let input = ReceiveMessageRequest {
        queue_url: url.into(),
        max_number_of_messages: Some(count),
        visibility_timeout: visibility,
        message_system_attribute_names: Some(vec!["All".into()]),
        message_attribute_names: Some(vec!["All".into()]),
        ..Default::default()
    };
    cloud.call(op::ReceiveMessage, input).await.unwrap().messages.unwrap_or_default()
}

pub async fn receive(cloud: &TestCloud, url: &str) -> Vec<Message> {
    receive_with(cloud, url, 10, None).await
}

pub fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_deref().unwrap()).collect()
}

pub fn attribute<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.attributes.as_ref()?.get(name).map(String::as_str)
}

pub async fn try_delete(cloud: &TestCloud, url: &str, message: &Message) -> Result<(), Error> {
    let receipt_handle = message.receipt_handle.clone().unwrap();
    cloud.call(op::DeleteMessage, DeleteMessageRequest { queue_url: url.into(), receipt_handle }).await
}

pub async fn delete(cloud: &TestCloud, url: &str, message: &Message) {
    try_delete(cloud, url, message).await.unwrap();
}

pub async fn set_visibility(
    cloud: &TestCloud,
    url: &str,
    message: &Message,
    seconds: i32,
) -> Result<(), Error> {
    let input = ChangeMessageVisibilityRequest {
        queue_url: url.into(),
        receipt_handle: message.receipt_handle.clone().unwrap(),
        visibility_timeout: seconds,
    };
    cloud.call(op::ChangeMessageVisibility, input).await
}

pub async fn attributes(cloud: &TestCloud, url: &str) -> BTreeMap<String, String> {
    let attribute_names = Some(vec!["All".into()]);
    let input = GetQueueAttributesRequest { queue_url: url.into(), attribute_names };
    cloud.call(op::GetQueueAttributes, input).await.unwrap().attributes.unwrap()
}

/// Visible, in flight, delayed.
pub async fn counts(cloud: &TestCloud, url: &str) -> (u32, u32, u32) {
    let all = attributes(cloud, url).await;
    let count = |name: &str| all.get(&format!("ApproximateNumberOfMessages{name}")).unwrap().parse().unwrap();
    (count(""), count("NotVisible"), count("Delayed"))
}

pub async fn set(cloud: &TestCloud, url: &str, pairs: &[(&str, &str)]) -> Result<(), Error> {
    let input = SetQueueAttributesRequest { queue_url: url.into(), attributes: map(pairs) };
    cloud.call(op::SetQueueAttributes, input).await
}

/// The code a query client sees, and the message.
pub fn refusal<T>(outcome: Result<T, Error>) -> (&'static str, String) {
    match outcome {
        Ok(_) => panic!("it was not refused"),
        Err(error) => (error.query_code(), error.message().to_owned()),
    }
}
