//! Batches: what fails as a whole, and what in part.

use api_sqs::*;

use crate::*;

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry { id: id.into(), message_body: body.into(), ..Default::default() }
}

async fn send_batch(
    cloud: &TestCloud,
    url: &str,
    entries: Vec<SendMessageBatchRequestEntry>,
) -> Result<SendMessageBatchResult, Error> {
    cloud.call(op::SendMessageBatch, SendMessageBatchRequest { queue_url: url.into(), entries }).await
}

#[tokio::test]
async fn a_batch_goes_through_in_part() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[("MaximumMessageSize", "1024")]).await;
    let entries = vec![
        entry("good", "x"),
        entry("empty", ""),
        entry("long", &"x".repeat(1_025)),
        SendMessageBatchRequestEntry { delay_seconds: Some(901), ..entry("late", "x") },
        entry("good2", "y"),
    ];
    let sent = send_batch(&cloud, &url, entries).await.unwrap();
    let ids: Vec<_> = sent.successful.as_ref().unwrap().iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["good", "good2"]);
    let failed: Vec<_> = sent
        .failed
        .as_ref()
        .unwrap()
        .iter()
        .map(|f| (f.id.as_str(), f.code.as_str(), f.sender_fault))
        .collect();
    assert_eq!(
        failed,
        [
            ("empty", "MissingParameter", true),
            ("long", "InvalidParameterValue", true),
            ("late", "InvalidParameterValue", true)
        ]
    );

    let got = receive(&cloud, &url).await;
    assert_eq!(bodies(&got), ["x", "y"]);
    let change = |id: &str, handle: &str, visibility_timeout| ChangeMessageVisibilityBatchRequestEntry {
        id: id.into(),
        receipt_handle: handle.into(),
        visibility_timeout,
    };
    let handle = |at: usize| got[at].receipt_handle.as_deref().unwrap();
    let entries = vec![
        change("a", handle(0), Some(0)),
        change("b", "bad", Some(0)),
        change("c", handle(1), None),
        change("d", handle(1), Some(43_201)),
    ];
    let input = ChangeMessageVisibilityBatchRequest { queue_url: url.clone(), entries };
    let changed = cloud.call(op::ChangeMessageVisibilityBatch, input).await.unwrap();
    assert_eq!(changed.successful.as_ref().unwrap().len(), 1);
    let codes: Vec<_> = changed.failed.as_ref().unwrap().iter().map(|f| f.code.as_str()).collect();
    assert_eq!(codes, ["ReceiptHandleIsInvalid", "MissingParameter", "InvalidParameterValue"]);
    assert_eq!(counts(&cloud, &url).await, (1, 1, 0));

    let entry = |id: &str, handle: &str| DeleteMessageBatchRequestEntry {
        id: id.into(),
        receipt_handle: handle.into(),
    };
    let entries = vec![entry("a", handle(0)), entry("b", handle(1)), entry("c", "bad")];
    let input = DeleteMessageBatchRequest { queue_url: url.clone(), entries };
    let deleted = cloud.call(op::DeleteMessageBatch, input).await.unwrap();
    assert_eq!((deleted.successful.unwrap().len(), deleted.failed.unwrap().len()), (2, 1));
    assert_eq!(counts(&cloud, &url).await, (0, 0, 0));
}

#[tokio::test]
async fn bad_batches_are_refused_as_a_whole() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let half = "x".repeat(524_288);
    let many: Vec<_> = (0..20).map(|n| entry(&n.to_string(), "x")).collect();
    for (entries, code, message) in [
        (
            vec![],
            "EmptyBatchRequest",
            "There should be at least one SendMessageBatchRequestEntry in the request.",
        ),
        (
            many,
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10. You have sent 20.",
        ),
        (vec![entry("a", "x"), entry("a", "x")], "BatchEntryIdsNotDistinct", "Id a repeated."),
        (
            vec![entry("a:b", "x")],
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
             It can be at most 80 letters long.",
        ),
        (
            vec![entry("a", &half), entry("b", &half), entry("c", "x")],
            "BatchRequestTooLong",
            "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
        ),
    ] {
        let (refused, told) = refusal(send_batch(&cloud, &url, entries).await);
        assert_eq!((refused, told.as_str()), (format!("AWS.SimpleQueueService.{code}").as_str(), message));
    }
    let input = DeleteMessageBatchRequest { queue_url: url.clone(), entries: vec![] };
    assert!(refusal(cloud.call(op::DeleteMessageBatch, input).await).0.ends_with("EmptyBatchRequest"));
    let input = ChangeMessageVisibilityBatchRequest { queue_url: url.clone(), entries: vec![] };
    assert!(
        refusal(cloud.call(op::ChangeMessageVisibilityBatch, input).await).0.ends_with("EmptyBatchRequest")
    );
}

#[tokio::test]
async fn a_fifo_batch_needs_groups_and_keeps_its_order() {
    let cloud = cloud().await;
    let url = make_fifo(&cloud, "q.fifo").await;
    let bare = send_batch(&cloud, &url, vec![entry("a", "x")]).await;
    assert_eq!(
        refusal(bare),
        ("InvalidParameterValue", "The request must contain the parameter MessageGroupId.".into())
    );
    let grouped = |id: &str, body: &str| SendMessageBatchRequestEntry {
        message_group_id: Some("g".into()),
        ..entry(id, body)
    };
    let entries = vec![grouped("1", "one"), grouped("2", "two"), grouped("3", "one")];
    let sent = send_batch(&cloud, &url, entries).await.unwrap();
    assert!(sent.failed.is_none());
    assert_eq!(
        sent.successful.as_ref().unwrap()[0].message_id,
        sent.successful.as_ref().unwrap()[2].message_id,
        "the same twice in a batch"
    );
    assert!(
        sent.successful.as_ref().unwrap()[0].sequence_number
            < sent.successful.as_ref().unwrap()[1].sequence_number
    );
    assert_eq!(bodies(&receive(&cloud, &url).await), ["one", "two"]);
}
