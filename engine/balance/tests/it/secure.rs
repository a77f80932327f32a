//! TLS at the door: streams relieved of it, and gRPC with its trailers.

use std::convert::Infallible;
use std::io::{BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use balance::{Certificate, Fronts, Identity, Speaks, Upstream, Versions};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2 as client;
use hyper::server::conn::http2 as server;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::world::{World, member, read_head};

/// Who the front is, and a client that trusts it.
fn identity(alpn: &[&str]) -> (Identity, ClientConfig) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["front.test".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate.der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let certificate = Certificate { chain: certificate.pem().into(), key: key.serialize_pem().into() };
    let alpn = alpn.iter().map(|&name| name.to_owned()).collect();
    (Identity { certificates: vec![certificate], versions: Versions::Tls12And13, alpn }, config)
}

fn name() -> ServerName<'static> {
    ServerName::try_from("front.test").unwrap()
}

#[test]
fn a_stream_is_relieved_of_tls_and_what_is_spoken_in_it_agreed_on() {
    let shouting = member(|mut stream| {
        let mut word = [0; 5];
        stream.read_exact(&mut word).unwrap();
        stream.write_all(&word.to_ascii_uppercase()).unwrap();
    });
    let world = World::new();
    let (identity, config) = identity(&["http/1.1"]);
    let mut spec = world.spec(&[shouting]);
    spec.doors[0].speaks = Speaks::Stream { tls: Some(identity), idle: Duration::from_secs(60) };
    spec.pools[0].protocol = Upstream::Bytes;
    world.ensure(spec);
    let connection = ClientConnection::new(Arc::new(config), name()).unwrap();
    let stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, world.port)).unwrap();
    let mut tls = StreamOwned::new(connection, stream);
    tls.write_all(b"hello").unwrap();
    let mut back = [0; 5];
    tls.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"HELLO");
    assert_eq!(tls.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let front = world.engine.sample(&"front".into()).unwrap().front();
    assert_eq!((front.connections, front.tls_connections, front.tls_failures), (1, 1, 0));
    assert!(front.bytes > 100);
}

/// Answers what it was asked, with gRPC's status behind it.
fn grpc_member(world: &World) -> SocketAddr {
    let listener = world.listen();
    let address = listener.local_addr().unwrap();
    world.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
                assert_eq!(request.version(), Version::HTTP_2);
                let asked = request.into_body().collect().await.unwrap().to_bytes();
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("7"));
                let body = Full::new(asked).with_trailers(std::future::ready(Some(Ok(trailers))));
                let response = Response::builder().header("content-type", "application/grpc").body(body);
                Ok::<_, Infallible>(response.unwrap())
            });
            tokio::spawn(
                server::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

#[test]
fn grpc_passes_with_its_trailers_and_nothing_else_does() {
    let world = World::new();
    let (identity, config) = identity(&["h2"]);
    let mut spec = world.spec(&[grpc_member(&world)]);
    spec.doors[0].speaks = Speaks::Http(Some(identity));
    spec.pools[0].protocol = Upstream::Grpc;
    world.ensure(spec.clone());
    let port = world.port;
    let (told, answer) = std::sync::mpsc::channel();
    world.spawn(async move {
        let stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let stream =
            tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name(), stream).await.unwrap();
        let (mut send, connection) =
            client::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post("https://front.test/pkg.Service/Method").header("te", "trailers");
        let request = request.body(Full::new(Bytes::from_static(b"\0\0\0\0\x02hi"))).unwrap();
        let response = send.send_request(request).await.unwrap();
        let status = response.status();
        let collected = response.into_body().collect().await.unwrap();
        let grpc = collected.trailers().and_then(|trailers| trailers.get("grpc-status").cloned());
        told.send((status, grpc, collected.to_bytes())).unwrap();
    });
    let (status, grpc, body) = answer.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!((status.as_u16(), &body[..]), (200, &b"\0\0\0\0\x02hi"[..]));
    assert_eq!(grpc.unwrap(), "7");
    // Who speaks HTTP/1.1 is told that this is not spoken here.
    spec.doors[0].speaks = Speaks::Http(None);
    world.ensure(spec);
    assert_eq!(world.get("/pkg.Service/Method").0, 464);
}

#[test]
fn what_a_door_says_of_answers_and_of_tls_is_said() {
    let plain = member(|stream| {
        let mut reader = BufReader::new(stream);
        while let Some(head) = read_head(&mut reader) {
            let body = head.join("\n");
            let length = body.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\nX-Frame-Options: DENY\r\nContent-Length: {length}\r\n\r\n{body}");
            if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let world = World::new();
    let (identity, config) = identity(&["http/1.1"]);
    let mut spec = world.spec(&[plain]);
    spec.doors[0].speaks = Speaks::Http(Some(identity));
    spec.doors[0].fields = vec![("x-frame-options".parse().unwrap(), "SAMEORIGIN".parse().unwrap())];
    spec.doors[0].tls_fields = Some(["x-version".parse().unwrap(), "x-suite".parse().unwrap()]);
    world.ensure(spec);
    let connection = ClientConnection::new(Arc::new(config), name()).unwrap();
    let stream = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, world.port)).unwrap();
    let mut tls = StreamOwned::new(connection, stream);
    tls.write_all(b"GET / HTTP/1.1\r\nHost: front.test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // Without a farewell of TLS this is an error, and all is there.
    let _ = tls.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("x-frame-options: SAMEORIGIN") && !answer.contains("DENY"), "{answer}");
    assert!(answer.contains("x-version: TLSv1.3") && answer.contains("x-suite: TLS_AES_"), "{answer}");
}
