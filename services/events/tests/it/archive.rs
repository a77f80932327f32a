//! Archives and replays.

use api_events::*;
use serde_json::json;
use shape::Timestamp;

use crate::{cloud, entry, is_empty, next_json, put_event, put_rule, put_target, queue, to};

#[tokio::test]
async fn what_was_kept_comes_once_more_and_is_forgotten_in_time() {
    let cloud = cloud().await;
    let bus = cloud.scope().arn("events", "event-bus/default");
    let archive = |name: &str| CreateArchiveRequest {
        archive_name: name.to_owned(),
        event_source_arn: bus.clone(),
        event_pattern: Some(r#"{"source":["shop"]}"#.to_owned()),
        retention_days: Some(1),
        ..Default::default()
    };
    let archive_arn = cloud.call(op::CreateArchive, archive("a")).await.unwrap().archive_arn.unwrap();
    let again = cloud.call(op::CreateArchive, archive("a")).await.unwrap_err();
    assert_eq!(again.code(), "ResourceAlreadyExistsException");
    let arn = queue(&cloud, "q", true).await;
    let rule_arn = put_rule(&cloud, None, "r", json!({ "replay-name": [{ "exists": true }] })).await;
    put_target(&cloud, None, "r", to(&arn)).await;
    let begun = cloud.now();
    for n in 0..3 {
        put_event(&cloud, entry("shop", json!({ "n": n }))).await;
        put_event(&cloud, entry("other", json!({}))).await;
        cloud.advance(10_000);
    }
    let describe = || DescribeArchiveRequest { archive_name: "a".into() };
    let seen = cloud.call(op::DescribeArchive, describe()).await.unwrap();
    assert_eq!((seen.event_count, seen.retention_days), (Some(3), Some(1)));
    assert!(is_empty(&cloud, "q").await);

    let replay = |name: &str| StartReplayRequest {
        replay_name: name.to_owned(),
        event_source_arn: archive_arn.clone(),
        event_start_time: Timestamp::from_millis(begun + 5_000),
        event_end_time: Timestamp::from_millis(begun + 60_000),
        destination: ReplayDestination { arn: bus.clone(), filter_arns: Some(vec![rule_arn.clone()]) },
        ..Default::default()
    };
    cloud.call(op::StartReplay, replay("once")).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let event = next_json(&cloud, "q").await;
        assert_eq!(event["replay-name"], "once");
        seen.push(event["detail"]["n"].as_i64().unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2]);
    assert!(is_empty(&cloud, "q").await);
    let describe_replay = || DescribeReplayRequest { replay_name: "once".into() };
    let over = cloud.call(op::DescribeReplay, describe_replay()).await.unwrap();
    assert_eq!(over.state.as_deref(), Some("COMPLETED"));
    let cancel = CancelReplayRequest { replay_name: "once".into() };
    assert_eq!(cloud.call(op::CancelReplay, cancel).await.unwrap_err().code(), "IllegalStatusException");
    let elsewhere = ReplayDestination { arn: cloud.scope().arn("events", "event-bus/x"), filter_arns: None };
    let refused = StartReplayRequest { destination: elsewhere, ..replay("twice") };
    assert!(cloud.call(op::StartReplay, refused).await.unwrap_err().message().contains("Cross event bus"));
    let listed = cloud.call(op::ListReplays, ListReplaysRequest::default()).await.unwrap().replays.unwrap();
    assert_eq!(listed.len(), 1, "what is refused leaves nothing");

    // What was replayed was not kept again; after its day everything goes.
    assert_eq!(cloud.call(op::DescribeArchive, describe()).await.unwrap().event_count, Some(3));
    cloud
        .eventually("its time is over", async || {
            cloud.advance(86_400_000);
            let seen = cloud.call(op::DescribeArchive, describe()).await.unwrap();
            (seen.event_count == Some(0)).then_some(())
        })
        .await;
    let update =
        UpdateArchiveRequest { archive_name: "a".into(), retention_days: Some(0), ..Default::default() };
    cloud.call(op::UpdateArchive, update).await.unwrap();
    let all = cloud.call(op::ListArchives, ListArchivesRequest::default()).await.unwrap().archives.unwrap();
    assert_eq!(all[0].retention_days, Some(0));
    let delete = || DeleteArchiveRequest { archive_name: "a".into() };
    cloud.call(op::DeleteArchive, delete()).await.unwrap();
    assert_eq!(
        cloud.call(op::DeleteArchive, delete()).await.unwrap_err().code(),
        "ResourceNotFoundException"
    );
}
