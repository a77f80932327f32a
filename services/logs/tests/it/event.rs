//! Events: in order, page by page in both directions, and what is not taken.

use api_logs::*;
use kernel::testing::TestCloud;

use super::*;

fn get(limit: Option<i32>) -> GetLogEventsRequest {
    GetLogEventsRequest {
        log_group_name: Some("g".into()),
        log_stream_name: "s".into(),
        limit,
        ..Default::default()
    }
}

async fn page(cloud: &TestCloud, input: GetLogEventsRequest) -> (Vec<String>, String, String) {
    let page = cloud.call(op::GetLogEvents, input).await.unwrap();
    let messages = page.events.unwrap().into_iter().map(|event| event.message.unwrap()).collect();
    (messages, page.next_forward_token.unwrap(), page.next_backward_token.unwrap())
}

fn on(token: &str, limit: Option<i32>) -> GetLogEventsRequest {
    GetLogEventsRequest { next_token: Some(token.to_owned()), ..get(limit) }
}

#[tokio::test]
async fn pages_go_forward_and_backward() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    let now = cloud.now();
    // Batches out of order, and one instant twice.
    put(&cloud, ("g", "s"), &[(now + 10, "c"), (now + 30, "e")]).await;
    put(&cloud, ("g", "s"), &[(now, "a"), (now + 10, "d")]).await;
    put(&cloud, ("g", "s"), &[(now + 5, "b"), (now + 40, "f")]).await;
    for merged in [false, true] {
        if merged {
            for n in 0..8 {
                put(&cloud, ("g", "s"), &[(now + 100 + n, "later")]).await;
            }
            merge(&cloud, "g", "s").await;
        }
        let end = GetLogEventsRequest { end_time: Some(now + 100), ..get(None) };
        assert_eq!(page(&cloud, end.clone()).await.0, ["a", "b", "c", "d", "e", "f"]);
        let last = GetLogEventsRequest { limit: Some(2), ..end.clone() };
        let (messages, _, backward) = page(&cloud, last).await;
        assert_eq!(messages, ["e", "f"]);
        let (messages, forward, backward) = page(&cloud, on(&backward, Some(3))).await;
        assert_eq!(messages, ["b", "c", "d"]);
        assert_eq!(page(&cloud, on(&backward, None)).await.0, ["a"]);
        assert_eq!(page(&cloud, on(&forward, Some(1))).await.0, ["e"]);
        let first = GetLogEventsRequest { start_from_head: Some(true), ..get(Some(4)) };
        assert_eq!(page(&cloud, first).await.0, ["a", "b", "c", "d"]);
        let within = GetLogEventsRequest { start_time: Some(now + 5), end_time: Some(now + 30), ..get(None) };
        assert_eq!(page(&cloud, within).await.0, ["b", "c", "d"]);
    }
    // At the end, the token stays what it was, and finds what comes.
    let (_, end, _) = page(&cloud, get(None)).await;
    let (none, same, _) = page(&cloud, on(&end, None)).await;
    assert_eq!((none.len(), &same), (0, &end));
    put(&cloud, ("g", "s"), &[(now + 1_000, "new")]).await;
    assert_eq!(page(&cloud, on(&end, None)).await.0, ["new"]);
    let error = cloud.call(op::GetLogEvents, on("f/1/s", None)).await.unwrap_err();
    assert_eq!(error.code(), "InvalidParameterException");
}

#[tokio::test]
async fn what_is_out_of_time_or_order_is_not_taken() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    let now = cloud.now();
    let taken = try_put(&cloud, ("g", "s"), &[(now, "now"), (now + 3 * 3_600_000, "later")]).await.unwrap();
    assert_eq!(taken.rejected_log_events_info.unwrap().too_new_log_event_start_index, Some(1));
    let taken = try_put(&cloud, ("g", "s"), &[(now - 15 * DAY, "old")]).await.unwrap();
    assert_eq!(taken.rejected_log_events_info.unwrap().too_old_log_event_end_index, Some(1));
    assert_eq!(filtered(&cloud, filter("g", "")).await, ["now"]);
    for (events, words) in [
        (vec![(now, "b"), (now - 1, "a")], "chronological order"),
        (vec![(now - 2 * DAY, "b"), (now, "a")], "24 hours"),
    ] {
        let error = try_put(&cloud, ("g", "s"), &events).await.unwrap_err();
        assert_eq!(error.code(), "InvalidParameterException");
        assert!(error.message().contains(words), "{error}");
    }
    let big = "x".repeat(1_048_576);
    assert!(try_put(&cloud, ("g", "s"), &[(now, &big)]).await.is_err());
    for at in [("none", "s"), ("g", "none")] {
        let error = try_put(&cloud, at, &[(now, "a")]).await.unwrap_err();
        assert_eq!(error.code(), "ResourceNotFoundException");
    }
    assert_eq!(filtered(&cloud, filter("g", "")).await, ["now"]);
}

#[tokio::test]
async fn streams_tell_what_they_have() {
    let cloud = cloud().await;
    make(&cloud, "g", &["a1", "a2", "b"]).await;
    let now = cloud.now();
    put(&cloud, ("g", "a1"), &[(now + 5, "x"), (now + 9, "y")]).await;
    put(&cloud, ("g", "b"), &[(now + 7, "x")]).await;
    let asked = DescribeLogStreamsRequest {
        log_group_identifier: Some("arn:aws:logs:us-east-1:000000000000:log-group:g".into()),
        ..Default::default()
    };
    let names = |found: DescribeLogStreamsResponse| {
        found
            .log_streams
            .unwrap()
            .into_iter()
            .map(|stream| stream.log_stream_name.unwrap())
            .collect::<Vec<_>>()
    };
    let first = DescribeLogStreamsRequest { limit: Some(2), ..asked.clone() };
    let found = cloud.call(op::DescribeLogStreams, first).await.unwrap();
    let stream = found.log_streams.clone().unwrap().remove(0);
    assert_eq!((stream.first_event_timestamp, stream.last_event_timestamp), (Some(now + 5), Some(now + 9)));
    let token = found.next_token.clone();
    assert_eq!(names(found), ["a1", "a2"]);
    let rest = DescribeLogStreamsRequest { next_token: token, ..asked.clone() };
    assert_eq!(names(cloud.call(op::DescribeLogStreams, rest).await.unwrap()), ["b"]);
    let by_time = DescribeLogStreamsRequest {
        order_by: Some("LastEventTime".into()),
        descending: Some(true),
        ..asked.clone()
    };
    assert_eq!(names(cloud.call(op::DescribeLogStreams, by_time.clone()).await.unwrap()), ["a1", "b", "a2"]);
    let both = DescribeLogStreamsRequest { log_stream_name_prefix: Some("a".into()), ..by_time };
    assert!(cloud.call(op::DescribeLogStreams, both).await.is_err());
    let prefix = DescribeLogStreamsRequest { log_stream_name_prefix: Some("a".into()), ..asked };
    assert_eq!(names(cloud.call(op::DescribeLogStreams, prefix).await.unwrap()), ["a1", "a2"]);
}

#[tokio::test]
async fn a_listing_goes_on_where_a_stream_was_deleted() {
    let cloud = cloud().await;
    let all = ["a", "b", "c", "d", "e"];
    for (group, descending, order) in [("g", false, all), ("h", true, ["e", "d", "c", "b", "a"])] {
        make(&cloud, group, &all).await;
        let first = DescribeLogStreamsRequest {
            log_group_name: Some(group.into()),
            descending: Some(descending),
            limit: Some(2),
            ..Default::default()
        };
        let found = cloud.call(op::DescribeLogStreams, first.clone()).await.unwrap();
        let gone = DeleteLogStreamRequest { log_group_name: group.into(), log_stream_name: order[1].into() };
        cloud.call(op::DeleteLogStream, gone).await.unwrap();
        let next = DescribeLogStreamsRequest { next_token: found.next_token, ..first };
        let streams = cloud.call(op::DescribeLogStreams, next).await.unwrap().log_streams.unwrap();
        let names: Vec<_> = streams.iter().map(|stream| stream.log_stream_name.as_deref().unwrap()).collect();
        assert_eq!(names, order[2..4]);
    }
}

#[tokio::test]
async fn events_of_all_streams_are_filtered_in_one_order() {
    let cloud = cloud().await;
    make(&cloud, "g", &["a1", "a2", "b"]).await;
    let now = cloud.now();
    put(&cloud, ("g", "a1"), &[(now + 1, "ERROR 1"), (now + 4, "fine 4")]).await;
    put(&cloud, ("g", "a2"), &[(now, "ERROR 0"), (now + 3, "ERROR 3")]).await;
    put(&cloud, ("g", "b"), &[(now + 2, "ERROR 2")]).await;
    assert_eq!(filtered(&cloud, filter("g", "ERROR")).await, ["ERROR 0", "ERROR 1", "ERROR 2", "ERROR 3"]);
    let paged = FilterLogEventsRequest { limit: Some(1), ..filter("g", "ERROR") };
    assert_eq!(filtered(&cloud, paged).await, ["ERROR 0", "ERROR 1", "ERROR 2", "ERROR 3"]);
    let prefix = FilterLogEventsRequest { log_stream_name_prefix: Some("a".into()), ..filter("g", "") };
    assert_eq!(filtered(&cloud, prefix).await, ["ERROR 0", "ERROR 1", "ERROR 3", "fine 4"]);
    let named = |names: &[&str]| FilterLogEventsRequest {
        log_stream_names: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..filter("g", "")
    };
    assert_eq!(filtered(&cloud, named(&["b"])).await, ["ERROR 2"]);
    assert_eq!(
        cloud.call(op::FilterLogEvents, named(&["c"])).await.unwrap_err().code(),
        "ResourceNotFoundException"
    );
    let span =
        FilterLogEventsRequest { start_time: Some(now + 1), end_time: Some(now + 2), ..filter("g", "") };
    assert_eq!(filtered(&cloud, span).await, ["ERROR 1", "ERROR 2"]);
    assert_eq!(
        cloud.call(op::FilterLogEvents, filter("g", "a-b")).await.unwrap_err().code(),
        "InvalidParameterException"
    );
}

#[tokio::test]
async fn writers_at_the_same_time_lose_nothing() {
    let cloud = cloud().await;
    make(&cloud, "g", &["s"]).await;
    let now = cloud.now();
    let one = async |writer: i64| {
        for n in 0..40 {
            let message = format!("{writer}-{n}");
            put(&cloud, ("g", "s"), &[(now + n, &message)]).await;
        }
    };
    tokio::join!(one(1), one(2), one(3), async {
        for _ in 0..20 {
            merge(&cloud, "g", "s").await;
            tokio::task::yield_now().await;
        }
    });
    merge(&cloud, "g", "s").await;
    let mut found = filtered(&cloud, FilterLogEventsRequest { limit: Some(7), ..filter("g", "") }).await;
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 120);
}
