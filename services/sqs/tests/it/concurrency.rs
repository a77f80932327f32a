//! Many at once: nothing lost, nothing twice, groups in order, and senders who leave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api_sqs::*;
use tokio::task::JoinSet;

use crate::*;

const SENDERS: usize = 8;
const EACH: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_message_is_received_once() {
    let cloud = Arc::new(cloud().await);
    let url = make(&cloud, "q", &[]).await;
    let mut tasks = JoinSet::new();
    for sender in 0..SENDERS {
        let (cloud, url) = (cloud.clone(), url.clone());
        tasks.spawn(async move {
            for n in 0..EACH {
                send(&cloud, &url, &format!("{sender}-{n}")).await;
            }
            Vec::new()
        });
    }
    for _ in 0..4 {
        let (cloud, url) = (cloud.clone(), url.clone());
        tasks.spawn(async move {
            let (mut got, mut empty) = (Vec::new(), 0);
            while empty < 50 {
                let some = receive(&cloud, &url).await;
                empty = if some.is_empty() { empty + 1 } else { 0 };
                for message in some {
                    delete(&cloud, &url, &message).await;
                    got.push(message.body.unwrap());
                }
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            got
        });
    }
    let got: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    let distinct: BTreeSet<_> = got.iter().collect();
    assert_eq!(got.len(), distinct.len(), "one was received twice");
    let left = receive(&cloud, &url).await.len();
    assert_eq!(distinct.len() + left, SENDERS * EACH);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn groups_stay_in_order_under_many_senders_and_receivers() {
    let cloud = Arc::new(cloud().await);
    let url = make_fifo(&cloud, "q.fifo").await;
    let mut senders = JoinSet::new();
    for group in 0..SENDERS {
        let (cloud, url) = (cloud.clone(), url.clone());
        senders.spawn(async move {
            for n in 0..EACH {
                send_to_group(&cloud, &url, &group.to_string(), &format!("{group}:{n:03}")).await;
            }
        });
    }
    let seen = Arc::new(std::sync::Mutex::new(BTreeMap::<String, Vec<String>>::new()));
    let mut receivers = JoinSet::new();
    for _ in 0..4 {
        let (cloud, url, seen) = (cloud.clone(), url.clone(), seen.clone());
        receivers.spawn(async move {
            let mut empty = 0;
            while empty < 100 {
                let some = receive_with(&cloud, &url, 3, None).await;
                empty = if some.is_empty() { empty + 1 } else { 0 };
                for message in some {
                    let body = message.body.clone().unwrap();
                    let group = body.split(':').next().unwrap().to_owned();
                    seen.lock().unwrap().entry(group).or_default().push(body);
                    delete(&cloud, &url, &message).await;
                }
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        });
    }
    senders.join_all().await;
    receivers.join_all().await;
    let seen = seen.lock().unwrap();
    for (group, bodies) in seen.iter() {
        let wanted: Vec<_> = (0..EACH).map(|n| format!("{group}:{n:03}")).collect();
        assert_eq!(bodies, &wanted);
    }
    assert_eq!(seen.len(), SENDERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sender_who_leaves_leaves_nothing_behind() {
    let cloud = Arc::new(cloud().await);
    let url = make_fifo(&cloud, "q.fifo").await;
    for n in 0..50 {
        let body = format!("left-{n}");
        let sending = send_to_group(&cloud, &url, "g", &body);
        let patience = std::time::Duration::from_micros(50 * n);
        let finished = tokio::time::timeout(patience, sending).await;
        // Sent again it is there once, whatever became of the first.
        send_to_group(&cloud, &url, "g", &body).await;
        drop(finished);
    }
    let mut got = Vec::new();
    loop {
        let some = receive(&cloud, &url).await;
        if some.is_empty() {
            break;
        }
        for message in some {
            delete(&cloud, &url, &message).await;
            got.push(message.body.unwrap());
        }
    }
    let wanted: Vec<_> = (0..50).map(|n| format!("left-{n}")).collect();
    assert_eq!(got, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_pollers_share_what_comes() {
    let cloud = Arc::new(cloud().await);
    let url = make(&cloud, "q", &[]).await;
    let mut pollers = JoinSet::new();
    for _ in 0..20 {
        let (cloud, url) = (cloud.clone(), url.clone());
        pollers.spawn(async move {
            let input =
                ReceiveMessageRequest { queue_url: url, wait_time_seconds: Some(20), ..Default::default() };
            cloud.call(op::ReceiveMessage, input).await.unwrap().messages.unwrap_or_default().len()
        });
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    for n in 0..20 {
        send(&cloud, &url, &n.to_string()).await;
    }
    let all = tokio::time::timeout(std::time::Duration::from_secs(10), pollers.join_all()).await;
    assert_eq!(all.expect("every poller is woken").into_iter().sum::<usize>(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_receiver_who_leaves_puts_its_messages_back() {
    let cloud = Arc::new(cloud().await);
    let url = make(&cloud, "q", &[]).await;
    for n in 0..20 {
        send(&cloud, &url, &n.to_string()).await;
    }
    let mut kept = 0;
    for n in 0..100 {
        let patience = std::time::Duration::from_micros(30 * n);
        if let Ok(got) = tokio::time::timeout(patience, receive_with(&cloud, &url, 1, Some(600))).await {
            kept += got.len();
        }
    }
    let mut rest = 0;
    loop {
        let got = receive_with(&cloud, &url, 10, Some(600)).await.len();
        if got == 0 {
            break;
        }
        rest += got;
    }
    assert_eq!(kept + rest, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn queues_come_and_go_under_load() {
    let cloud = Arc::new(cloud().await);
    let mut tasks = JoinSet::new();
    for worker in 0..4 {
        let cloud = cloud.clone();
        tasks.spawn(async move {
            for n in 0..40 {
                let input = CreateQueueRequest { queue_name: "shared".into(), ..Default::default() };
                cloud.call(op::CreateQueue, input).await.unwrap();
                let body = format!("{worker}-{n}");
                let input = SendMessageRequest {
                    queue_url: "shared".into(),
                    message_body: body,
                    ..Default::default()
                };
                // Another may have deleted it: then it is not there, and nothing else.
                if let Err(error) = cloud.call(op::SendMessage, input).await {
                    assert_eq!(error.code(), "QueueDoesNotExist");
                }
                let input = DeleteQueueRequest { queue_url: "shared".into() };
                if let Err(error) = cloud.call(op::DeleteQueue, input).await {
                    assert_eq!(error.code(), "QueueDoesNotExist");
                }
            }
        });
    }
    tasks.join_all().await;
    make(&cloud, "shared", &[]).await;
    assert!(receive(&cloud, "shared").await.is_empty());
    assert!(!cloud.house.has_panicked());
}
