//! What a restart keeps: messages, leases, the deduplication window, move tasks.

use api_sqs::*;

use crate::move_task::{DEAD_ARN, latest, until, with_dead_letters};
use crate::*;

/// Closes the house and opens another over the same store, at the same time of day.
async fn restart(cloud: TestCloud) -> TestCloud {
    let (now, store) = (cloud.now(), cloud.house.store().clone());
    cloud.house.close().await;
    let again = TestCloud::over(store, vec![crate::service()]).await;
    again.advance(now - again.now());
    again
}

#[tokio::test]
async fn messages_leases_and_delays_survive() {
    let cloud = cloud().await;
    let url = make(&cloud, "q", &[]).await;
    send(&cloud, &url, "leased").await;
    let leased = receive(&cloud, &url).await.remove(0);
    send(&cloud, &url, "waiting").await;
    let delayed = SendMessageRequest {
        queue_url: url.clone(),
        message_body: "delayed".into(),
        delay_seconds: Some(60),
        ..Default::default()
    };
    cloud.call(op::SendMessage, delayed).await.unwrap();
    cloud.advance(10 * SECOND);

    let cloud = restart(cloud).await;
    assert_eq!(counts(&cloud, &url).await, (1, 1, 1));
    assert_eq!(bodies(&receive_with(&cloud, &url, 10, Some(0)).await), ["waiting"]);
    set_visibility(&cloud, &url, &leased, 15).await.unwrap();
    cloud.advance(15 * SECOND);
    let again = receive(&cloud, &url).await;
    assert_eq!(bodies(&again), ["leased", "waiting"]);
    assert_eq!(attribute(&again[0], "ApproximateReceiveCount"), Some("2"));
    delete(&cloud, &url, &again[0]).await;
    delete(&cloud, &url, &again[1]).await;
    cloud.advance(60 * SECOND);

    let cloud = restart(cloud).await;
    assert_eq!(bodies(&receive(&cloud, &url).await), ["delayed"], "the deleted stay away");
}

#[tokio::test]
async fn order_groups_and_the_deduplication_window_survive() {
    let cloud = cloud().await;
    let url = make_fifo(&cloud, "q.fifo").await;
    let first = send_to_group(&cloud, &url, "1", "1a").await;
    send_to_group(&cloud, &url, "1", "1b").await;
    send_to_group(&cloud, &url, "2", "2a").await;
    let got = receive_with(&cloud, &url, 1, None).await;

    let cloud = restart(cloud).await;
    assert_eq!(bodies(&receive(&cloud, &url).await), ["2a"], "group 1 waits for 1a");
    delete(&cloud, &url, &got[0]).await;
    let again = send_to_group(&cloud, &url, "1", "1a").await;
    assert_eq!(again.message_id, first.message_id, "known although deleted");
    let third = send_to_group(&cloud, &url, "1", "1c").await;
    assert!(third.sequence_number > first.sequence_number);
    assert_eq!(bodies(&receive(&cloud, &url).await), ["1b", "1c"]);
}

#[tokio::test]
async fn a_purge_and_a_deleted_queue_stay_so() {
    let cloud = cloud().await;
    let (purged, deleted) = (make(&cloud, "p", &[]).await, make(&cloud, "d", &[]).await);
    for url in [&purged, &deleted] {
        send(&cloud, url, "x").await;
    }
    cloud.call(op::PurgeQueue, PurgeQueueRequest { queue_url: purged.clone() }).await.unwrap();
    cloud.call(op::DeleteQueue, DeleteQueueRequest { queue_url: deleted.clone() }).await.unwrap();
    send(&cloud, &purged, "after").await;
    let cloud = restart(cloud).await;
    assert_eq!(bodies(&receive(&cloud, &purged).await), ["after"]);
    make(&cloud, "d", &[]).await;
    assert!(receive(&cloud, &deleted).await.is_empty());
    // The second look of the controller ends the leftovers.
    let ctx = cloud.ctx("sqs");
    let gone = async || {
        cloud.advance(60 * SECOND);
        sqs::state::leftover::list(&ctx, 10).await.unwrap().is_empty().then_some(())
    };
    cloud.eventually("leftovers are cleared away", gone).await;
    assert_eq!(counts(&cloud, &purged).await.0, 1);
}

#[tokio::test]
async fn a_move_task_goes_on() {
    let cloud = cloud().await;
    let (url, dead) = with_dead_letters(&cloud, 6).await;
    let input = StartMessageMoveTaskRequest {
        source_arn: DEAD_ARN.into(),
        max_number_of_messages_per_second: Some(2),
        ..Default::default()
    };
    cloud.call(op::StartMessageMoveTask, input).await.unwrap();
    let moved = async |cloud: &TestCloud| latest(cloud).await.approximate_number_of_messages_moved;
    cloud.eventually("two", async || (moved(&cloud).await == Some(2)).then_some(())).await;
    let cloud = restart(cloud).await;
    for _ in 0..5 {
        cloud.advance(SECOND);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let task = until(&cloud, "COMPLETED").await;
    assert_eq!(task.approximate_number_of_messages_moved, Some(6));
    assert_eq!(counts(&cloud, &dead).await, (0, 0, 0));
    let mut got = receive(&cloud, &url).await;
    got.extend(receive(&cloud, &url).await);
    assert_eq!(got.len(), 6);
}
