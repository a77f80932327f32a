//! What a signed request costs the door: run it in release, alone.

use std::fs;
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sign::{Signer, sha256};
use crate::toy::{json, open};

const CONNECTIONS: usize = 32;
const REQUESTS: usize = 4_000;

/// Nanoseconds this thread has run.
fn thread_cpu_ns() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
#[ignore = "a figure, not a promise"]
fn cpu_of_a_signed_request() {
    let (told_address, address) = std::sync::mpsc::channel();
    let (told_end, end) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        one_thread().block_on(async move {
            let house = open().await;
            told_address.send(house.address).unwrap();
            let before = thread_cpu_ns();
            end.await.unwrap();
            thread_cpu_ns() - before
        })
    });
    let address = address.recv().unwrap();
    let begun = std::time::Instant::now();
    one_thread().block_on(async move {
        let body = r#"{"QueueUrl":"http://localhost:4566/000000000000/q","MessageBody":"hello"}"#;
        let (request, _) = Signer::default().sign(json("Echo", body), &sha256(body.as_bytes()));
        let mut raw = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in request.headers() {
            raw += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        raw += "\r\n";
        let mut raw = raw.into_bytes();
        raw.extend_from_slice(&request.into_body().collect().await.unwrap().to_bytes());
        let clients = (0..CONNECTIONS).map(|_| {
            let raw = raw.clone();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut read = [0u8; 2_048];
                for _ in 0..REQUESTS {
                    stream.write_all(&raw).await.unwrap();
                    let length = stream.read(&mut read).await.unwrap();
                    assert!(read[..length].starts_with(b"HTTP/1.1 200"));
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
    });
    let took = begun.elapsed();
    told_end.send(()).unwrap();
    let total = u32::try_from(CONNECTIONS * REQUESTS).unwrap();
    let cpu = Duration::from_nanos(server.join().unwrap()) / total;
    println!("{total} requests: {cpu:?} of CPU each, {:.0}/s", f64::from(total) / took.as_secs_f64());
}
