//! Figures, by hand: `cargo test --release -p sqs --test it -- --ignored --nocapture figures`.
#![allow(clippy::print_stdout, reason = "what it is for")]

use std::sync::Arc;
use std::time::Instant;

use api_sqs::*;
use tokio::task::JoinSet;

use crate::*;

async fn send_many(cloud: &Arc<TestCloud>, url: &str, tasks: usize, batches: usize) {
    let mut senders = JoinSet::new();
    for _ in 0..tasks {
        let (cloud, url) = (cloud.clone(), url.to_owned());
        senders.spawn(async move {
            for _ in 0..batches {
                let entry = |n: usize| SendMessageBatchRequestEntry {
                    id: n.to_string(),
                    message_body: "x".repeat(100),
                    ..Default::default()
                };
                let input =
                    SendMessageBatchRequest { queue_url: url.clone(), entries: (0..10).map(entry).collect() };
                cloud.call(op::SendMessageBatch, input).await.unwrap();
            }
        });
    }
    senders.join_all().await;
}

/// Milliseconds that 64 receivers need to receive and delete 640 × `rounds` messages.
async fn drain(cloud: &Arc<TestCloud>, url: &str, rounds: usize) -> u128 {
    #[expect(clippy::disallowed_methods, reason = "a figure, not a time")]
    let began = Instant::now();
    let mut receivers = JoinSet::new();
    for _ in 0..64 {
        let (cloud, url) = (cloud.clone(), url.to_owned());
        receivers.spawn(async move {
            for _ in 0..rounds {
                for message in receive(&cloud, &url).await {
                    delete(&cloud, &url, &message).await;
                }
            }
        });
    }
    receivers.join_all().await;
    began.elapsed().as_millis()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute and proves nothing by itself"]
async fn figures() {
    let cloud = Arc::new(cloud().await);
    let url = make(&cloud, "sends", &[]).await;
    for connections in [64, 256] {
        #[expect(clippy::disallowed_methods, reason = "a figure, not a time")]
        let began = Instant::now();
        let mut senders = JoinSet::new();
        for _ in 0..connections {
            let (cloud, url) = (cloud.clone(), url.clone());
            senders.spawn(async move {
                for _ in 0..200 {
                    send(&cloud, &url, &"x".repeat(512)).await;
                }
            });
        }
        senders.join_all().await;
        let rate = connections * 200 * 1_000 / began.elapsed().as_millis().max(1);
        println!("SendMessage, {connections} senders: {rate}/s");
    }

    let small = make(&cloud, "small", &[]).await;
    let large = make(&cloud, "large", &[]).await;
    send_many(&cloud, &large, 64, 1_563).await;
    println!("backlog: {:?}", counts(&cloud, &large).await);
    for _ in 0..5 {
        let mut small_ms = 0;
        for _ in 0..5 {
            send_many(&cloud, &small, 64, 1).await;
            small_ms += drain(&cloud, &small, 1).await;
        }
        let large_ms = drain(&cloud, &large, 5).await;
        println!("receive+delete of 3,200: {small_ms} ms of little, {large_ms} ms of a million");
    }
}
