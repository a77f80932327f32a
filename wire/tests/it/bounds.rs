//! What is too much, what breaks, and how it ends.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::door::Limits;

use crate::sign::{Signer, sha256};
use crate::toy::{json, open, open_with};

fn call(operation: &str, body: &str) -> Request<Full<Bytes>> {
    Signer::default().sign(json(operation, body), &sha256(body.as_bytes())).0
}

#[tokio::test]
async fn a_body_too_long_is_refused() {
    let house = open().await;
    let (status, text, _) = house.ask(call("Echo", &"x".repeat(100_001))).await;
    assert_eq!((status, text.starts_with("RequestEntityTooLarge: ")), (413, true), "{text}");
    assert_eq!(house.ask(call("Echo", &"x".repeat(100_000))).await.0, 200);
}

#[tokio::test]
async fn who_is_refused_while_sending_hears_why_and_may_ask_again() {
    let house = open().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let body = vec![b'x'; 8 << 20];
    for _ in 0..2 {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: toy.localhost\r\nx-amz-target: Toy.Echo\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // All of it, before the answer is read.
        stream.write_all(&body).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        let length = answer.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let length: usize = length.parse().unwrap();
        let head = answer.find("\r\n\r\n").unwrap() + 4;
        let mut rest = vec![0; length - (answer.len() - head)];
        stream.read_exact(&mut rest).await.unwrap();
    }
}

#[tokio::test]
async fn a_head_too_long_is_refused() {
    let house = open().await;
    let mut many = call("Echo", "");
    for number in 0..200 {
        many.headers_mut().insert(
            http::HeaderName::try_from(format!("x-{number}")).unwrap(),
            http::HeaderValue::from_static("x"),
        );
    }
    let told = house.try_ask(many).await;
    assert!(told.is_none_or(|(status, _, _)| status == 431));
    let mut long = call("Echo", "");
    long.headers_mut().insert("x-long", "x".repeat(70_000).parse().unwrap());
    // The answer may be lost with the connection, which ends while the head is still being sent.
    let told = house.try_ask(long).await;
    assert!(told.is_none_or(|(status, _, _)| status == 431));
}

#[tokio::test]
async fn failures_and_panics_answer_internal_and_tell_nothing() {
    let house = open().await;
    for operation in ["Boom", "Panic", "Boom"] {
        let (status, text, id) = house.ask(call(operation, "")).await;
        assert_eq!(status, 500);
        assert_eq!(text, "InternalFailure: We encountered an internal error. Please try again.");
        assert!(!id.is_empty());
    }
    assert_eq!(house.ask(call("Echo", "")).await.0, 200);
}

#[tokio::test]
async fn nobody_waits_forever_for_a_head() {
    let limits = Limits { head_time_max: Duration::from_millis(100), ..Limits::default() };
    let house = open_with(limits).await;
    for beginning in ["", "POST / HTT", "\u{16}"] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "{beginning:?} is waited for");
    }
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_their_turn() {
    let house = open_with(Limits { connections_max: 1, ..Limits::default() }).await;
    let first = TcpStream::connect(house.address).await.unwrap();
    first.writable().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let waiting = house.ask(call("Echo", ""));
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut waiting).await.is_err());
    drop(first);
    assert_eq!(waiting.await.0, 200);
}

#[tokio::test]
async fn the_end_waits_for_what_is_under_way_and_not_for_idlers() {
    let mut house = open().await;
    let _idle = TcpStream::connect(house.address).await.unwrap();
    let request = call("Sleep", "");
    let end = house.end.take().unwrap();
    let asked = house.ask(request);
    let ending = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        end.send(()).unwrap();
    };
    let ((status, text, _), ()) = tokio::join!(asked, ending);
    assert_eq!((status, &*text), (200, "slept"));
    let begun = Instant::now();
    house.running.await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(TcpStream::connect(house.address).await.is_err());
}
