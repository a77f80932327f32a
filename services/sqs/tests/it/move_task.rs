//! Move tasks: dead letters go back, or elsewhere.

use api_sqs::*;

use crate::dead_letter::redrive;
use crate::*;

pub(crate) const DEAD_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:dead";

pub(crate) async fn with_dead_letters(cloud: &TestCloud, count: usize) -> (String, String) {
    let dead = make(cloud, "dead", &[]).await;
    let url = make(cloud, "q", &[("RedrivePolicy", &redrive("dead", 1))]).await;
    for n in 0..count {
        send(cloud, &url, &n.to_string()).await;
    }
    for _ in 0..2 {
        while !receive_with(cloud, &url, 10, Some(1)).await.is_empty() {}
        cloud.advance(SECOND);
    }
    assert!(receive(cloud, &url).await.is_empty());
    assert_eq!(usize::try_from(counts(cloud, &dead).await.0).unwrap(), count);
    (url, dead)
}

fn start(destination: Option<&str>, rate: Option<i32>) -> StartMessageMoveTaskRequest {
    StartMessageMoveTaskRequest {
        source_arn: DEAD_ARN.into(),
        destination_arn: destination.map(str::to_owned),
        max_number_of_messages_per_second: rate,
    }
}

pub(crate) async fn latest(cloud: &TestCloud) -> ListMessageMoveTasksResultEntry {
    let input = ListMessageMoveTasksRequest { source_arn: DEAD_ARN.into(), max_results: None };
    cloud.call(op::ListMessageMoveTasks, input).await.unwrap().results.unwrap().remove(0)
}

pub(crate) async fn until(cloud: &TestCloud, status: &str) -> ListMessageMoveTasksResultEntry {
    let is = async || Some(latest(cloud).await).filter(|task| task.status.as_deref() == Some(status));
    cloud.eventually(status, is).await
}

#[tokio::test]
async fn dead_letters_go_back_where_they_came_from() {
    let cloud = cloud().await;
    let (url, dead) = with_dead_letters(&cloud, 25).await;
    let handle = cloud.call(op::StartMessageMoveTask, start(None, None)).await.unwrap().task_handle.unwrap();
    let task = until(&cloud, "COMPLETED").await;
    assert_eq!(task.approximate_number_of_messages_moved, Some(25));
    assert_eq!(task.approximate_number_of_messages_to_move, Some(25));
    assert_eq!((task.task_handle, task.destination_arn), (None, None));
    assert_eq!(counts(&cloud, &dead).await, (0, 0, 0));
    let back = receive(&cloud, &url).await;
    assert_eq!(attribute(&back[0], "ApproximateReceiveCount"), Some("1"), "counted anew");
    let cancel = CancelMessageMoveTaskRequest { task_handle: handle };
    assert_eq!(refusal(cloud.call(op::CancelMessageMoveTask, cancel).await).0, "InvalidParameterValue");
}

#[tokio::test]
async fn a_rate_is_kept_and_a_task_is_cancelled() {
    let cloud = cloud().await;
    with_dead_letters(&cloud, 10).await;
    let other = make(&cloud, "other", &[]).await;
    let arn = "arn:aws:sqs:us-east-1:000000000000:other";
    let started = cloud.call(op::StartMessageMoveTask, start(Some(arn), Some(3))).await.unwrap();
    let moved = async |count: i64| {
        let is =
            async || (latest(&cloud).await.approximate_number_of_messages_moved == Some(count)).then_some(());
        cloud.eventually("moved", is).await;
        // The controller has said when it looks again.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    moved(3).await;
    let twice = cloud.call(op::StartMessageMoveTask, start(Some(arn), None)).await;
    assert!(refusal(twice).1.starts_with("There is already a task running."));
    cloud.advance(SECOND / 2);
    moved(3).await;
    cloud.advance(SECOND / 2);
    moved(6).await;
    let task = latest(&cloud).await;
    assert_eq!(task.task_handle, started.task_handle);
    assert_eq!(task.max_number_of_messages_per_second, Some(3));
    let cancel = CancelMessageMoveTaskRequest { task_handle: started.task_handle.unwrap() };
    let cancelled = cloud.call(op::CancelMessageMoveTask, cancel).await.unwrap();
    assert_eq!(cancelled.approximate_number_of_messages_moved, Some(6));
    until(&cloud, "CANCELLED").await;
    assert_eq!(counts(&cloud, &other).await.0, 6);
}

#[tokio::test]
async fn a_task_fails_when_its_destination_goes_or_is_unknown() {
    let cloud = cloud().await;
    let (_, dead) = with_dead_letters(&cloud, 4).await;
    let other = make(&cloud, "other", &[]).await;
    let arn = "arn:aws:sqs:us-east-1:000000000000:other";
    cloud.call(op::StartMessageMoveTask, start(Some(arn), Some(1))).await.unwrap();
    cloud.eventually("one moved", async || (counts(&cloud, &other).await.0 == 1).then_some(())).await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    cloud.call(op::DeleteQueue, DeleteQueueRequest { queue_url: other }).await.unwrap();
    cloud.advance(SECOND);
    let task = until(&cloud, "FAILED").await;
    assert_eq!(task.failure_reason.as_deref(), Some("AWS.SimpleQueueService.NonExistentQueue"));
    assert_eq!(counts(&cloud, &dead).await, (3, 0, 0), "what is not moved stays");
    cloud.call(op::PurgeQueue, PurgeQueueRequest { queue_url: dead.clone() }).await.unwrap();
    send(&cloud, &dead, "sent here").await;
    cloud.advance(SECOND);
    cloud.call(op::StartMessageMoveTask, start(None, None)).await.unwrap();
    let task = until(&cloud, "FAILED").await;
    assert_eq!(task.failure_reason.as_deref(), Some("CouldNotDetermineMessageSource"));
}

#[tokio::test]
async fn bad_tasks_are_refused() {
    let cloud = cloud().await;
    with_dead_letters(&cloud, 1).await;
    let none = "arn:aws:sqs:us-east-1:000000000000:none";
    let from = |arn: &str| StartMessageMoveTaskRequest { source_arn: arn.into(), ..start(None, None) };
    let q = "arn:aws:sqs:us-east-1:000000000000:q";
    for (input, code, part) in [
        (from(none), "ResourceNotFoundException", "SourceArn"),
        (from("nonsense"), "InvalidParameterValue", "format"),
        (from(q), "InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue."),
        (start(Some(none), None), "ResourceNotFoundException", "DestinationArn"),
        (start(None, Some(501)), "InvalidParameterValue", "between 1 and 500"),
    ] {
        let (refused, message) = refusal(cloud.call(op::StartMessageMoveTask, input).await);
        assert_eq!(refused, code);
        assert!(message.contains(part), "{message}");
    }
    let cancel = |task_handle: String| CancelMessageMoveTaskRequest { task_handle };
    assert_eq!(
        refusal(cloud.call(op::CancelMessageMoveTask, cancel("foobared".into())).await).1,
        "Value for parameter TaskHandle is invalid."
    );
    let handle =
        |arn: &str| sqs::rules::move_task::Handle { task_id: "t".into(), source_arn: arn.into() }.print();
    let unknown = refusal(cloud.call(op::CancelMessageMoveTask, cancel(handle(DEAD_ARN))).await);
    assert_eq!(unknown, ("ResourceNotFoundException", "Task does not exist.".into()));
    let nowhere = refusal(cloud.call(op::CancelMessageMoveTask, cancel(handle(none))).await);
    assert_eq!(nowhere.0, "ResourceNotFoundException");
    let list = ListMessageMoveTasksRequest { source_arn: DEAD_ARN.into(), max_results: Some(11) };
    assert_eq!(refusal(cloud.call(op::ListMessageMoveTasks, list).await).0, "InvalidParameterValue");
}
