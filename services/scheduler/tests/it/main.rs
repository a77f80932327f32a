//! EventBridge Scheduler on a whole house, on a clock that a test moves: queues and buses get what is due.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod group;
mod invocation;
mod metric;
mod schedule;

use std::sync::Arc;

use api_iam as iam_api;
use api_scheduler::*;
use api_sqs as sqs_api;
use kernel::plugs::ReadInput;
use kernel::testing::TestCloud;
use kernel::{Error, KeySealer, Millis, Plugs, Sealer, Service};
use serde_json::json;
use shape::{Ref, Slot, Struct};

pub const MINUTE: Millis = 60_000;
pub const ROLE: &str = "arn:aws:iam::000000000000:role/caller";

/// Reads texts only: the wire has the real one.
fn read(
    _: &shape::ServiceDef,
    _: &shape::OpDef,
    document: &[u8],
    input: &mut dyn Struct,
) -> kernel::Result<()> {
    let invalid = || Error::new(kernel::Kind::Invalid, "SerializationException", "no text");
    let document: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(document).map_err(|_| invalid())?;
    for (name, value) in document {
        let at = input.schema().members.iter().position(|member| member.name == name);
        let at = at.ok_or_else(invalid)?;
        match (input.get_mut(at).slot(), value.as_str()) {
            (Slot::String(slot), Some(text)) => text.clone_into(slot),
            _ => return Err(invalid()),
        }
    }
    assert!(input.schema().members.is_empty() || !matches!(input.get(0).view(), Some(Ref::Stream(_))));
    Ok(())
}

pub fn services() -> Vec<Service> {
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[1; 32]).unwrap());
    let read: ReadInput = Arc::new(read);
    vec![
        scheduler::service(&Plugs::default().with(read)),
        cloudwatch::service(&Plugs::default()),
        events::service(&Plugs::default()),
        iam::service(&Plugs::default().with(sealer.clone())),
        sqs::service(&Plugs::default().with(sealer)),
    ]
}

/// A cloud with a role that schedules may take on, which may do everything.
pub async fn cloud() -> TestCloud {
    let cloud = TestCloud::new(services()).await;
    role(&cloud, "caller", "scheduler.amazonaws.com", "*").await;
    cloud
}

pub async fn role(cloud: &TestCloud, name: &str, trusted: &str, action: &str) {
    let statement =
        json!({ "Effect": "Allow", "Principal": { "Service": trusted }, "Action": "sts:AssumeRole" });
    let input = iam_api::CreateRoleRequest {
        role_name: name.to_owned(),
        assume_role_policy_document: json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string(),
        ..Default::default()
    };
    cloud.call(iam_api::op::CreateRole, input).await.unwrap();
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
    let input = iam_api::PutRolePolicyRequest {
        role_name: name.to_owned(),
        policy_name: "all".to_owned(),
        policy_document: json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string(),
    };
    cloud.call(iam_api::op::PutRolePolicy, input).await.unwrap();
}

/// Gives its ARN.
pub async fn queue(cloud: &TestCloud, name: &str) -> String {
    let input = sqs_api::CreateQueueRequest { queue_name: name.to_owned(), ..Default::default() };
    cloud.call(sqs_api::op::CreateQueue, input).await.unwrap();
    cloud.scope().arn("sqs", name)
}

async fn receive(cloud: &TestCloud, name: &str) -> Option<sqs_api::Message> {
    let input = sqs_api::ReceiveMessageRequest {
        queue_url: name.to_owned(),
        message_attribute_names: Some(vec!["All".to_owned()]),
        ..Default::default()
    };
    let message = cloud.call(sqs_api::op::ReceiveMessage, input).await.unwrap().messages?.pop()?;
    let receipt_handle = message.receipt_handle.clone().unwrap();
    let input = sqs_api::DeleteMessageRequest { queue_url: name.to_owned(), receipt_handle };
    cloud.call(sqs_api::op::DeleteMessage, input).await.unwrap();
    Some(message)
}

/// The next message of a queue.
pub async fn next(cloud: &TestCloud, name: &str) -> sqs_api::Message {
    cloud.eventually("a message comes", async || receive(cloud, name).await).await
}

/// Whether nothing comes, once all that is due was done.
pub async fn is_quiet(cloud: &TestCloud, name: &str) -> bool {
    cloud.eventually("all is done", async || cloud.house.is_quiet().then_some(())).await;
    receive(cloud, name).await.is_none()
}

pub fn schedule(name: &str, expression: &str, target: &str) -> CreateScheduleInput {
    CreateScheduleInput {
        name: name.to_owned(),
        schedule_expression: expression.to_owned(),
        flexible_time_window: FlexibleTimeWindow { mode: "OFF".to_owned(), maximum_window_in_minutes: None },
        target: Target { arn: target.to_owned(), role_arn: ROLE.to_owned(), ..Default::default() },
        ..Default::default()
    }
}

pub async fn create(cloud: &TestCloud, input: CreateScheduleInput) -> Result<String, Error> {
    cloud.call(op::CreateSchedule, input).await.map(|output| output.schedule_arn)
}

pub async fn get(cloud: &TestCloud, name: &str) -> Result<GetScheduleOutput, Error> {
    cloud.call(op::GetSchedule, GetScheduleInput { name: name.to_owned(), group_name: None }).await
}

pub async fn names(cloud: &TestCloud, input: ListSchedulesInput) -> Vec<String> {
    let mut input = ListSchedulesInput { max_results: Some(2), ..input };
    let mut all = Vec::new();
    loop {
        let page = cloud.call(op::ListSchedules, input.clone()).await.unwrap();
        all.extend(page.schedules.into_iter().map(|one| one.name.unwrap()));
        input.next_token = page.next_token;
        if input.next_token.is_none() {
            return all;
        }
    }
}
