//! FIFO queues: order within groups, turns between them, no duplicates within five minutes.

use api_sqs::*;

use crate::*;

async fn send_all(cloud: &TestCloud, url: &str, all: &[(&str, &str)]) {
    for (group, body) in all {
        send_to_group(cloud, url, group, body).await;
    }
}

#[tokio::test]
async fn a_group_goes_out_together_and_in_order() {
    let cloud = cloud().await;
    let url = make_fifo(&cloud, "q.fifo").await;
    send_all(&cloud, &url, &[("1", "1a"), ("2", "2a"), ("1", "1b"), ("1", "1c")]).await;
    let got = receive(&cloud, &url).await;
    assert_eq!(bodies(&got), ["1a", "1b", "1c", "2a"]);
    let sequence = attribute(&got[0], "SequenceNumber").unwrap();
    assert_eq!(sequence.len(), 20);
    assert!(sequence < attribute(&got[1], "SequenceNumber").unwrap());
    assert_eq!(attribute(&got[0], "MessageGroupId"), Some("1"));
    cloud.advance(30 * SECOND);
    assert_eq!(bodies(&receive(&cloud, &url).await), ["1a", "1b", "1c", "2a"]);
}

/// The orders here are those AWS gave to a public test suite.
#[tokio::test]
async fn groups_take_turns_and_wait_for_their_first_message() {
    let cloud = cloud().await;
    let url = make_fifo(&cloud, "a.fifo").await;
    send_all(&cloud, &url, &[("1", "1a"), ("2", "2a"), ("2", "2b"), ("3", "3a"), ("1", "1b")]).await;
    assert_eq!(bodies(&receive_with(&cloud, &url, 3, Some(0)).await), ["1a", "1b", "2a"]);
    assert_eq!(bodies(&receive_with(&cloud, &url, 10, Some(0)).await), ["3a", "1a", "1b", "2a", "2b"]);

    let url = make_fifo(&cloud, "b.fifo").await;
    send_all(&cloud, &url, &[("1", "1a"), ("1", "1b"), ("2", "2a")]).await;
    let got = receive_with(&cloud, &url, 2, None).await;
    set_visibility(&cloud, &url, &got[0], 0).await.unwrap();
    assert_eq!(bodies(&receive_with(&cloud, &url, 3, None).await), ["2a", "1a"]);

    let url = make_fifo(&cloud, "c.fifo").await;
    send_all(&cloud, &url, &[("1", "1a"), ("2", "2a"), ("1", "1b"), ("1", "1c"), ("3", "3a")]).await;
    let got = receive_with(&cloud, &url, 2, None).await;
    assert_eq!(bodies(&got), ["1a", "1b"]);
    delete(&cloud, &url, &got[0]).await;
    assert_eq!(bodies(&receive(&cloud, &url).await), ["2a", "3a"], "1b is still out");
    delete(&cloud, &url, &got[1]).await;
    assert_eq!(bodies(&receive(&cloud, &url).await), ["1c"]);
}

#[tokio::test]
async fn the_same_message_within_five_minutes_is_one() {
    let cloud = cloud().await;
    let url = make_fifo(&cloud, "q.fifo").await;
    let first = send_to_group(&cloud, &url, "1", "x").await;
    let again = send_to_group(&cloud, &url, "2", "x").await;
    assert_eq!(first.message_id, again.message_id);
    assert_eq!(first.sequence_number, again.sequence_number);
    let got = receive(&cloud, &url).await;
    assert_eq!(got.len(), 1);
    delete(&cloud, &url, &got[0]).await;
    send_to_group(&cloud, &url, "1", "x").await;
    assert!(receive(&cloud, &url).await.is_empty(), "deleted and still known");
    cloud.advance(300 * SECOND);
    send_to_group(&cloud, &url, "1", "x").await;
    assert_eq!(receive(&cloud, &url).await.len(), 1);
    cloud.call(op::PurgeQueue, PurgeQueueRequest { queue_url: url.clone() }).await.unwrap();
    send_to_group(&cloud, &url, "1", "x").await;
    assert_eq!(receive(&cloud, &url).await.len(), 1, "a purge forgets");
}

#[tokio::test]
async fn deduplication_by_group_where_asked() {
    let cloud = cloud().await;
    let attributes = [
        ("FifoQueue", "true"),
        ("DeduplicationScope", "messageGroup"),
        ("FifoThroughputLimit", "perMessageGroupId"),
        ("ContentBasedDeduplication", "true"),
    ];
    let url = make(&cloud, "q.fifo", &attributes).await;
    send_all(&cloud, &url, &[("1", "x"), ("2", "x"), ("1", "x")]).await;
    assert_eq!(receive(&cloud, &url).await.len(), 2);
}

#[tokio::test]
async fn an_expired_handle_does_not_delete() {
    let cloud = cloud().await;
    let url = make_fifo(&cloud, "q.fifo").await;
    send_to_group(&cloud, &url, "1", "x").await;
    let got = receive(&cloud, &url).await;
    cloud.advance(30 * SECOND);
    let (code, message) = refusal(try_delete(&cloud, &url, &got[0]).await);
    assert_eq!(code, "InvalidParameterValue");
    assert!(
        message.ends_with("for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.")
    );
}

#[tokio::test]
async fn a_receive_attempt_made_again_gets_the_same() {
    let cloud = cloud().await;
    let url = make_fifo(&cloud, "q.fifo").await;
    send_all(&cloud, &url, &[("1", "1a"), ("1", "1b"), ("2", "2a")]).await;
    let attempt = |id: &str| ReceiveMessageRequest {
        queue_url: url.clone(),
        max_number_of_messages: Some(2),
        receive_request_attempt_id: Some(id.into()),
        ..Default::default()
    };
    let handles = async |id: &str| -> Vec<Option<String>> {
        let got = cloud.call(op::ReceiveMessage, attempt(id)).await.unwrap().messages.unwrap_or_default();
        got.into_iter().map(|message| message.receipt_handle).collect()
    };
    let first = handles("a").await;
    cloud.advance(20 * SECOND);
    assert_eq!(handles("a").await, first);
    cloud.advance(20 * SECOND);
    assert_eq!(handles("b").await.len(), 1, "the other group: the first is held anew");
    cloud.advance(30 * SECOND);
    assert_ne!(handles("a").await, first, "they were free again");
}

#[tokio::test]
async fn a_delay_of_the_queue_holds_the_group() {
    let cloud = cloud().await;
    let attributes = [("FifoQueue", "true"), ("ContentBasedDeduplication", "true"), ("DelaySeconds", "2")];
    let url = make(&cloud, "q.fifo", &attributes).await;
    send_all(&cloud, &url, &[("1", "1a"), ("1", "1b")]).await;
    assert_eq!(counts(&cloud, &url).await, (0, 0, 2));
    assert!(receive(&cloud, &url).await.is_empty());
    cloud.advance(2 * SECOND);
    assert_eq!(bodies(&receive(&cloud, &url).await), ["1a", "1b"]);
}
