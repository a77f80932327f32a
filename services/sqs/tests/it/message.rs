//! Messages in standard queues: order, visibility, delays, retention, long polls.

use api_sqs::*;

use crate::*;

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let attributes = BTreeMap::from([(
        "Hello".to_owned(),
        MessageAttributeValue {
            string_value: Some("There".into()),
            data_type: "String".into(),
            ..Default::default()
        },
    )]);
    let header = MessageSystemAttributeValue {
        string_value: Some("Root=1".into()),
        data_type: "String".into(),
        ..Default::default()
    };
    let input = SendMessageRequest {
        queue_url: url.clone(),
        message_body: "msg".into(),
        message_attributes: Some(attributes),
        message_system_attributes: Some(BTreeMap::from([("AWSTraceHeader".to_owned(), header)])),
        ..Default::default()
    };
    let sent = cloud.call(op::SendMessage, input).await.unwrap();
    assert_eq!(sent.md5_of_message_body.as_deref(), Some("6e2baaf3b97dbeef01c0043275f9a0e7"));
    assert_eq!(sent.md5_of_message_attributes.as_deref(), Some("a311262e065454b75da111d535b8dacd"));
    assert!(sent.md5_of_message_system_attributes.is_some());
    assert_eq!(sent.sequence_number, None);
    let got = receive(&cloud, &url).await;
    let message = &got[0];
    assert_eq!(message.message_id, sent.message_id);
    assert_eq!(message.md5_of_body, sent.md5_of_message_body);
    assert_eq!(message.md5_of_message_attributes, sent.md5_of_message_attributes);
    assert_eq!(attribute(message, "AWSTraceHeader"), Some("Root=1"));
    assert_eq!(attribute(message, "SenderId"), Some("000000000000"));
    assert_eq!(attribute(message, "ApproximateReceiveCount"), Some("1"));
    assert_eq!(attribute(message, "SentTimestamp"), Some(cloud.now().to_string().as_str()));
    assert!(receive(&cloud, &url).await.is_empty());
    assert_eq!(counts(&cloud, &url).await, (0, 1, 0));
    delete(&cloud, &url, message).await;
    delete(&cloud, &url, message).await;
    assert_eq!(counts(&cloud, &url).await, (0, 0, 0));
}

#[tokio::test]
async fn visibility_ends_and_is_changed() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    send(&cloud, &url, "x").await;
    let first = receive(&cloud, &url).await.remove(0);
    cloud.advance(30 * SECOND - 1);
    assert!(receive(&cloud, &url).await.is_empty());
    cloud.advance(1);
    let second = receive_with(&cloud, &url, 1, Some(5)).await.remove(0);
    assert_eq!(attribute(&second, "ApproximateReceiveCount"), Some("2"));
    assert_ne!(first.receipt_handle, second.receipt_handle);
    set_visibility(&cloud, &url, &second, 60).await.unwrap();
    cloud.advance(59 * SECOND);
    assert!(receive(&cloud, &url).await.is_empty());
    set_visibility(&cloud, &url, &second, 0).await.unwrap();
    set_visibility(&cloud, &url, &second, 0).await.unwrap();
    let third = receive(&cloud, &url).await.remove(0);
    set_visibility(&cloud, &url, &second, 0).await.unwrap();
    assert!(receive(&cloud, &url).await.is_empty(), "an old handle moves nothing");
    assert_eq!(
        refusal(set_visibility(&cloud, &url, &third, 43_201).await).1,
        "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided."
    );
    cloud.advance(SECOND);
    assert!(refusal(set_visibility(&cloud, &url, &third, 43_200).await).1.contains("beyond the limit"));
    delete(&cloud, &url, &first).await;
    assert_eq!(counts(&cloud, &url).await, (0, 0, 0), "any handle deletes");
    assert!(refusal(set_visibility(&cloud, &url, &third, 1).await).1.contains("Message does not exist"));
}

#[tokio::test]
async fn foreign_handles_are_refused() {
    let cloud = cloud().await;
    let (a, b) = (make(&cloud, "a", &[]).await, make(&cloud, "b", &[]).await);
    send(&cloud, &a, "x").await;
    let mut message = receive(&cloud, &a).await.remove(0);
    assert_eq!(refusal(try_delete(&cloud, &b, &message).await).0, "ReceiptHandleIsInvalid");
    message.receipt_handle = Some("garbage".into());
    assert_eq!(
        refusal(try_delete(&cloud, &a, &message).await),
        (
            "ReceiptHandleIsInvalid",
            "The input receipt handle \"garbage\" is not a valid receipt handle.".to_owned()
        )
    );
    assert_eq!(refusal(set_visibility(&cloud, &a, &message, 1).await).0, "ReceiptHandleIsInvalid");
}

#[tokio::test]
async fn delays_hold_messages_back() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[("DelaySeconds", "10")]).await;
    let delayed = |seconds| SendMessageRequest {
        queue_url: url.clone(),
        message_body: "own".into(),
        delay_seconds: Some(seconds),
        ..Default::default()
    };
    send(&cloud, &url, "queue's").await;
    cloud.call(op::SendMessage, delayed(20)).await.unwrap();
    cloud.call(op::SendMessage, delayed(0)).await.unwrap();
    assert_eq!(counts(&cloud, &url).await, (1, 0, 2));
    assert_eq!(bodies(&receive(&cloud, &url).await), ["own"]);
    cloud.advance(10 * SECOND);
    assert_eq!(bodies(&receive(&cloud, &url).await), ["queue's"]);
    cloud.advance(10 * SECOND);
    assert_eq!(bodies(&receive(&cloud, &url).await), ["own"]);
}

#[tokio::test]
async fn old_messages_are_not_received_and_are_swept() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[("MessageRetentionPeriod", "60")]).await;
    send(&cloud, &url, "old").await;
    cloud.advance(30 * SECOND);
    send(&cloud, &url, "young").await;
    cloud.advance(30 * SECOND);
    assert_eq!(bodies(&receive(&cloud, &url).await), ["young"]);
    cloud.advance(30 * SECOND);
    for _ in 0..5 {
        cloud.advance(60 * SECOND);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    cloud.eventually("swept", async || (counts(&cloud, &url).await == (0, 0, 0)).then_some(())).await;
}

fn long_poll(url: &str) -> ReceiveMessageRequest {
    ReceiveMessageRequest { queue_url: url.into(), wait_time_seconds: Some(20), ..Default::default() }
}

/// Waits until somebody sleeps on the clock for a poll: the house itself sleeps as well.
async fn asleep(cloud: &TestCloud, before: usize) {
    cloud.eventually("a poll waits", async || (cloud.clock.sleepers() > before).then_some(())).await;
}

#[tokio::test]
async fn a_long_poll_wakes_for_what_arrives_and_for_what_becomes_visible() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let idle = cloud.clock.sleepers();
    let (got, ()) = tokio::join!(cloud.call(op::ReceiveMessage, long_poll(&url)), async {
        asleep(&cloud, idle).await;
        send(&cloud, &url, "arrives").await;
    });
    let message = got.unwrap().messages.unwrap().remove(0);
    assert_eq!(message.body.as_deref(), Some("arrives"));
    let idle = cloud.clock.sleepers();
    let (got, ()) = tokio::join!(cloud.call(op::ReceiveMessage, long_poll(&url)), async {
        asleep(&cloud, idle).await;
        set_visibility(&cloud, &url, &message, 3).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        cloud.advance(3 * SECOND);
    });
    assert_eq!(bodies(&got.unwrap().messages.unwrap()), ["arrives"]);
    let idle = cloud.clock.sleepers();
    let (got, ()) = tokio::join!(cloud.call(op::ReceiveMessage, long_poll(&url)), async {
        asleep(&cloud, idle).await;
        cloud.advance(20 * SECOND);
    });
    assert!(got.unwrap().messages.is_none(), "nothing came");
}

#[tokio::test]
async fn a_long_poll_at_a_queue_that_goes_is_told() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[("ReceiveMessageWaitTimeSeconds", "20")]).await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let idle = cloud.clock.sleepers();
    let input = ReceiveMessageRequest { queue_url: url.clone(), ..Default::default() };
    let (got, ()) = tokio::join!(cloud.call(op::ReceiveMessage, input), async {
        asleep(&cloud, idle).await;
        cloud.call(op::DeleteQueue, DeleteQueueRequest { queue_url: url.clone() }).await.unwrap();
    });
    assert_eq!(refusal(got).0, "AWS.SimpleQueueService.NonExistentQueue");
}

#[tokio::test]
async fn bad_receives_are_refused() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    let base = || ReceiveMessageRequest { queue_url: url.clone(), ..Default::default() };
    for (input, message) in [
        (
            ReceiveMessageRequest { max_number_of_messages: Some(11), ..base() },
            "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            ReceiveMessageRequest { wait_time_seconds: Some(21), ..base() },
            "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        ),
        (
            ReceiveMessageRequest { attribute_names: Some(vec!["Nope".into()]), ..base() },
            "Unknown Attribute Nope.",
        ),
    ] {
        assert_eq!(refusal(cloud.call(op::ReceiveMessage, input).await).1, message);
    }
}

#[tokio::test]
async fn payloads_count_in_chunks() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    send(&cloud, &url, &"x".repeat(64 * 1024 + 1)).await;
    cloud.advance(SECOND);
    let ctx = cloud.ctx("sqs");
    let total = async || {
        let lines = kernel::meter::list(&ctx, "sqs", None, 10).await.unwrap();
        let total: u64 = lines.iter().map(|(_, line)| line.quantity).sum();
        (total == 3).then_some(())
    };
    cloud.eventually("one request and a chunk, and the making", total).await;
}
