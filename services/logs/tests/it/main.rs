//! CloudWatch Logs on a whole house: events through the client, over restarts and over months.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod event;
mod figures;
mod filter;
mod group;
mod permission;
mod query;
mod restart;
mod subscription;
mod tail;

use api_logs::*;
use kernel::testing::TestCloud;
use kernel::{Error, Millis, Plugs};

pub const SECOND: Millis = 1_000;
pub const MINUTE: Millis = 60_000;
pub const DAY: Millis = 86_400_000;

pub async fn cloud() -> TestCloud {
    let plugs = Plugs::default();
    TestCloud::new(vec![logs::service(&plugs), cloudwatch::service(&plugs)]).await
}

/// A group with streams.
pub async fn make(cloud: &TestCloud, group: &str, streams: &[&str]) {
    let input = CreateLogGroupRequest { log_group_name: group.into(), ..Default::default() };
    cloud.call(op::CreateLogGroup, input).await.unwrap();
    for stream in streams {
        let input =
            CreateLogStreamRequest { log_group_name: group.into(), log_stream_name: (*stream).into() };
        cloud.call(op::CreateLogStream, input).await.unwrap();
    }
}

pub async fn try_put(
    cloud: &TestCloud,
    (group, stream): (&str, &str),
    events: &[(Millis, &str)],
) -> Result<PutLogEventsResponse, Error> {
    let event = |(timestamp, message): &(Millis, &str)| InputLogEvent {
        timestamp: *timestamp,
        message: (*message).to_owned(),
    };
    let input = PutLogEventsRequest {
        log_group_name: group.into(),
        log_stream_name: stream.into(),
        log_events: events.iter().map(event).collect(),
        ..Default::default()
    };
    cloud.call(op::PutLogEvents, input).await
}

pub async fn put(cloud: &TestCloud, at: (&str, &str), events: &[(Millis, &str)]) {
    try_put(cloud, at, events).await.unwrap();
}

pub fn filter(group: &str, pattern: &str) -> FilterLogEventsRequest {
    FilterLogEventsRequest {
        log_group_name: Some(group.into()),
        filter_pattern: Some(pattern.into()),
        ..Default::default()
    }
}

/// Messages, page by page.
pub async fn filtered(cloud: &TestCloud, mut input: FilterLogEventsRequest) -> Vec<String> {
    let mut messages = Vec::new();
    loop {
        let page = cloud.call(op::FilterLogEvents, input.clone()).await.unwrap();
        messages.extend(page.events.unwrap().into_iter().map(|event| event.message.unwrap()));
        input.next_token = page.next_token;
        if input.next_token.is_none() {
            return messages;
        }
    }
}

pub async fn describe(cloud: &TestCloud, prefix: &str) -> Vec<LogGroup> {
    let input = DescribeLogGroupsRequest { log_group_name_prefix: Some(prefix.into()), ..Default::default() };
    cloud.call(op::DescribeLogGroups, input).await.unwrap().log_groups.unwrap()
}

/// Has the small chunks of a stream merged.
pub async fn merge(cloud: &TestCloud, group: &str, stream: &str) {
    let ctx = cloud.ctx("logs");
    let name = logs::controllers::chunk::name(group, stream);
    while logs::controllers::chunk::reconcile(&ctx, name.clone()).await.unwrap() != kernel::Next::Done {}
}
