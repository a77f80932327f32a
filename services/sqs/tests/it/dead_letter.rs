//! Dead-letter queues.

use api_sqs::*;

use crate::*;

pub(crate) fn redrive(target: &str, receives: u32) -> String {
    format!(
        r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:{target}","maxReceiveCount":{receives}}}"#
    )
}

#[tokio::test]
async fn what_is_received_too_often_moves() {
    let cloud = cloud().await;
    let dead = make(&cloud, "dead", &[]).await;
    let url = make(&cloud, "q", &[("RedrivePolicy", &redrive("dead", 2))]).await;
    send(&cloud, &url, "bad").await;
    let sent_at = cloud.now().to_string();
    for _ in 0..2 {
        assert_eq!(receive_with(&cloud, &url, 1, Some(1)).await.len(), 1);
        cloud.advance(SECOND);
    }
    send(&cloud, &url, "good").await;
    assert_eq!(bodies(&receive(&cloud, &url).await), ["good"]);
    let letters = receive(&cloud, &dead).await;
    assert_eq!(bodies(&letters), ["bad"]);
    assert_eq!(
        attribute(&letters[0], "DeadLetterQueueSourceArn"),
        Some("arn:aws:sqs:us-east-1:000000000000:q")
    );
    assert_eq!(attribute(&letters[0], "ApproximateReceiveCount"), Some("3"));
    assert_eq!(attribute(&letters[0], "SentTimestamp"), Some(sent_at.as_str()), "as old as it was");
    assert_eq!(counts(&cloud, &url).await, (0, 1, 0));
}

#[tokio::test]
async fn a_dead_letter_frees_its_group() {
    let cloud = cloud().await;
    let dead = make_fifo(&cloud, "dead.fifo").await;
    let attributes = [
        ("FifoQueue", "true"),
        ("ContentBasedDeduplication", "true"),
        ("RedrivePolicy", &redrive("dead.fifo", 1)),
    ];
    let url = make(&cloud, "q.fifo", &attributes).await;
    send_to_group(&cloud, &url, "1", "1a").await;
    send_to_group(&cloud, &url, "1", "1b").await;
    assert_eq!(bodies(&receive_with(&cloud, &url, 1, Some(1)).await), ["1a"]);
    cloud.advance(SECOND);
    assert_eq!(bodies(&receive_with(&cloud, &url, 1, Some(1)).await), ["1b"]);
    assert_eq!(bodies(&receive(&cloud, &dead).await), ["1a"]);
}

#[tokio::test]
async fn who_may_be_a_dead_letter_queue_is_checked() {
    let cloud = cloud().await;
    make(&cloud, "dead", &[]).await;
    make(&cloud, "closed", &[("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#)]).await;
    let only =
        r#"{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:us-east-1:000000000000:friend"]}"#;
    make(&cloud, "choosy", &[("RedriveAllowPolicy", only)]).await;
    make_fifo(&cloud, "dead.fifo").await;
    make(&cloud, "friend", &[("RedrivePolicy", &redrive("choosy", 3))]).await;
    for target in ["none", "closed", "choosy", "dead.fifo"] {
        let refused = try_make(&cloud, "q", &[("RedrivePolicy", &redrive(target, 3))]).await;
        let (code, message) = refusal(refused);
        assert_eq!(code, "InvalidParameterValue");
        assert!(message.contains("for parameter RedrivePolicy is invalid. Reason: "), "{message}");
    }
    let elsewhere = redrive("dead", 3).replace("us-east-1", "eu-west-1");
    assert!(refusal(try_make(&cloud, "q", &[("RedrivePolicy", &elsewhere)]).await).1.contains("same region"));
}

#[tokio::test]
async fn sources_are_listed_in_pages() {
    let cloud = cloud().await;
    let dead = make(&cloud, "dead", &[]).await;
    for n in 0..3 {
        make(&cloud, &format!("q{n}"), &[("RedrivePolicy", &redrive("dead", 3))]).await;
    }
    let list = async |max_results, next_token| {
        let input = ListDeadLetterSourceQueuesRequest { queue_url: dead.clone(), next_token, max_results };
        cloud.call(op::ListDeadLetterSourceQueues, input).await.unwrap()
    };
    assert_eq!(list(None, None).await.queue_urls.len(), 3);
    let first = list(Some(2), None).await;
    assert_eq!(first.queue_urls.len(), 2);
    let second = list(Some(2), first.next_token).await;
    assert!(second.queue_urls[0].ends_with("/q2") && second.next_token.is_none());
    set(&cloud, "q1", &[("RedrivePolicy", "")]).await.unwrap();
    assert_eq!(list(None, None).await.queue_urls.len(), 2);
}
