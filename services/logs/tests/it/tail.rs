//! Live tail: what is put is shown within a second, to who watches, and to nobody after.

use std::pin::Pin;

use api_logs::*;
use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use kernel::testing::TestCloud;
use serde_json::Value;

use super::{SECOND, cloud, make, put};

fn arn(group: &str) -> String {
    format!("arn:aws:logs:us-east-1:000000000000:log-group:{group}")
}

fn input(groups: &[&str]) -> StartLiveTailRequest {
    let log_group_identifiers = groups.iter().map(|group| arn(group)).collect();
    StartLiveTailRequest { log_group_identifiers, ..Default::default() }
}

/// A stream of events that is read as it comes.
struct Watch(Pin<Box<dyn Body<Data = Bytes, Error = shape::BodyError> + Send>>, Vec<u8>);

async fn watch(cloud: &TestCloud, input: StartLiveTailRequest) -> Watch {
    let output = cloud.call(op::StartLiveTail, input).await.unwrap();
    Watch(output.response_stream.take(), Vec::new())
}

impl Watch {
    /// The next event: its type, and what it bears.
    async fn next(&mut self) -> Option<(String, Value)> {
        while self.1.len() < 4 {
            let frame = self.0.frame().await?.unwrap();
            self.1.extend_from_slice(&frame.into_data().unwrap());
        }
        let number = |at: usize| u32::from_be_bytes(self.1[at..at + 4].try_into().unwrap()) as usize;
        let (length, headers) = (number(0), number(4));
        let message: Vec<u8> = self.1.drain(..length).collect();
        let head = String::from_utf8_lossy(&message[12..12 + headers]).into_owned();
        let known = ["initial-response", "sessionStart", "sessionUpdate", "SessionTimeoutException"];
        let kind = known.into_iter().find(|kind| head.contains(kind)).unwrap();
        Some((kind.to_owned(), serde_json::from_slice(&message[12 + headers..length - 4]).unwrap()))
    }

    /// Lets a second go by and gives the messages that are shown then, with the names of their streams.
    async fn second(&mut self, cloud: &TestCloud) -> (Vec<String>, bool) {
        let (next, ()) = tokio::join!(self.next(), async {
            tokio::task::yield_now().await;
            cloud.advance(SECOND);
        });
        let (kind, said) = next.unwrap();
        assert_eq!(kind, "sessionUpdate");
        let results = said["sessionResults"].as_array().unwrap();
        let text = |event: &Value| {
            assert!(event["logGroupIdentifier"].as_str().unwrap().starts_with("000000000000:"));
            format!("{} {}", event["logStreamName"].as_str().unwrap(), event["message"].as_str().unwrap())
        };
        (results.iter().map(text).collect(), said["sessionMetadata"]["sampled"].as_bool().unwrap())
    }
}

#[tokio::test]
async fn what_is_put_is_shown_as_it_comes() {
    let cloud = cloud().await;
    make(&cloud, "web", &["a", "b"]).await;
    make(&cloud, "db", &["a"]).await;
    put(&cloud, ("web", "a"), &[(cloud.now(), "before")]).await;
    let mut all = watch(&cloud, input(&["web", "db"])).await;
    let filtered = StartLiveTailRequest {
        log_stream_name_prefixes: Some(vec!["b".into()]),
        log_event_filter_pattern: Some("ERROR".into()),
        ..input(&["web"])
    };
    let mut some = watch(&cloud, filtered).await;
    assert_eq!(all.next().await.unwrap().0, "initial-response");
    let (kind, said) = all.next().await.unwrap();
    assert_eq!(kind, "sessionStart");
    assert_eq!(said["logGroupIdentifiers"][1], arn("db"));
    assert_eq!(some.next().await.unwrap().0, "initial-response");
    assert_eq!(some.next().await.unwrap().1["logEventFilterPattern"], "ERROR");
    put(&cloud, ("web", "a"), &[(cloud.now(), "ERROR one"), (cloud.now(), "two")]).await;
    put(&cloud, ("web", "b"), &[(cloud.now(), "ERROR three")]).await;
    put(&cloud, ("db", "a"), &[(cloud.now(), "four")]).await;
    let shown = ["a ERROR one", "a two", "b ERROR three", "a four"].map(str::to_owned).to_vec();
    assert_eq!(all.second(&cloud).await, (shown, false));
    assert_eq!(some.second(&cloud).await, (vec!["b ERROR three".to_owned()], false));
    assert_eq!(all.second(&cloud).await, (vec![], false), "said even when there is nothing to say");
}

#[tokio::test]
async fn too_much_is_sampled_and_three_hours_are_the_end() {
    let cloud = cloud().await;
    make(&cloud, "web", &["a"]).await;
    let mut tail = watch(&cloud, input(&["web"])).await;
    tail.next().await.unwrap();
    tail.next().await.unwrap();
    let many: Vec<_> = (0..600).map(|_| (cloud.now(), "line")).collect();
    put(&cloud, ("web", "a"), &many).await;
    let (shown, is_sampled) = tail.second(&cloud).await;
    assert_eq!((shown.len(), is_sampled), (500, true));
    let large = "x".repeat(200_000);
    put(&cloud, ("web", "a"), &[(cloud.now(), large.as_str()); 4]).await;
    put(&cloud, ("web", "a"), &[(cloud.now(), large.as_str()); 4]).await;
    let (shown, is_sampled) = tail.second(&cloud).await;
    assert_eq!((shown.len(), is_sampled), (5, true));
    cloud.advance(3 * 3_600 * SECOND);
    assert_eq!(tail.next().await.unwrap().0, "SessionTimeoutException");
    assert!(tail.next().await.is_none());
}

#[tokio::test]
async fn sessions_are_bounded_and_end_with_their_reader() {
    let cloud = cloud().await;
    make(&cloud, "web", &["a"]).await;
    let mut open = Vec::new();
    for _ in 0..15 {
        open.push(watch(&cloud, input(&["web"])).await);
    }
    let error = cloud.call(op::StartLiveTail, input(&["web"])).await.unwrap_err();
    assert_eq!(error.code(), "LimitExceededException");
    open.pop();
    watch(&cloud, input(&["web"])).await;
    let gone = cloud.call(op::StartLiveTail, input(&["none"])).await.unwrap_err();
    assert_eq!(gone.code(), "ResourceNotFoundException");
    let named = StartLiveTailRequest { log_group_identifiers: vec!["web".into()], ..Default::default() };
    assert_eq!(cloud.call(op::StartLiveTail, named).await.unwrap_err().code(), "InvalidParameterException");
}
