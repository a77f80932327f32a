//! Other ways to speak: upgrades, HTTP/2 towards members, plain streams.

use std::convert::Infallible;
use std::io::{BufReader, Read, Write};

use balance::{ProxyHeader, Speaks, Upstream};
use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::world::{World, member, read_head};

#[test]
fn a_connection_can_be_upgraded_and_carries_bytes_from_then_on() {
    let echo = member(|stream| {
        let mut reader = BufReader::new(stream);
        let head = read_head(&mut reader).unwrap();
        assert!(head.iter().any(|line| line == "upgrade: websocket"), "{head:?}");
        let stream = reader.get_mut();
        stream
            .write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            )
            .unwrap();
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            reader.get_mut().write_all(&buffer[..count]).unwrap();
        }
    });
    let world = World::new();
    world.ensure(world.spec(&[echo]));
    let mut client = world.client();
    client.send("GET /ws HTTP/1.1\r\nHost: front.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(read_head(&mut client.0).unwrap()[0], "HTTP/1.1 101 Switching Protocols");
    for text in ["hello", "again"] {
        client.send(text);
        let mut back = [0; 5];
        client.0.read_exact(&mut back).unwrap();
        assert_eq!(back, text.as_bytes());
    }
}

#[test]
fn members_may_speak_http2() {
    let world = World::new();
    let listener = world.listen();
    let address = listener.local_addr().unwrap();
    world.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                let text = format!(
                    "{:?} {} {}",
                    request.version(),
                    request.uri(),
                    request.headers()["x-forwarded-for"].to_str().unwrap()
                );
                Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from(text))))
            });
            tokio::spawn(
                http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    let mut spec = world.spec(&[address]);
    spec.pools[0].protocol = Upstream::Http2;
    world.ensure(spec);
    for _ in 0..3 {
        assert_eq!(world.get("/a?b"), (200, "HTTP/2.0 http://front.test/a?b 127.0.0.1".to_owned()));
    }
}

#[test]
fn streams_pass_with_who_asks_before_them() {
    let shouting = member(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
    });
    let world = World::new();
    let mut spec = world.spec(&[shouting]);
    spec.doors[0].speaks = Speaks::Stream { tls: None, idle: std::time::Duration::from_secs(60) };
    spec.pools[0].protocol = Upstream::Bytes;
    spec.pools[0].proxy_header = ProxyHeader::V2;
    world.ensure(spec);
    let mut client = world.client();
    client.send("hello");
    client.0.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.0.read_to_end(&mut back).unwrap();
    assert_eq!(back[..12], *b"\r\n\r\n\0\r\nQUIT\n");
    assert_eq!(back[16..20], [127, 0, 0, 1]);
    assert_eq!(back[28..], *b"hello");
}
