//! HTTP/1.1, HTTP/2 and TLS on one port, and paths of the house itself.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::sign::{Signer, sha256};
use crate::toy::{House, json, open, said};

/// The toy call as HTTP/2 has it: an authority, no host header.
fn http2_call(scheme: &str) -> Request<Full<Bytes>> {
    let mut request = json("Echo", "two");
    request.headers_mut().remove("host");
    *request.uri_mut() = format!("{scheme}://toy.localhost/").parse().unwrap();
    Signer::default().sign(request, &sha256(b"two")).0
}

async fn tls(house: &House, name: &str, protocol: &[u8]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let pem = house.authority.ca_pem().unwrap();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(house.address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn http2_without_tls() {
    let house = open().await;
    assert_eq!(house.ask_http2(http2_call("http")).await.1, "000000000000 eu-west-3 two");
}

#[tokio::test]
async fn tls_on_the_same_port_for_every_name() {
    let house = open().await;
    for name in ["localhost", "toy.localhost", "b.things.us-east-1.amazonaws.com", "127.0.0.1"] {
        let stream = tls(&house, name, b"http/1.1").await;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Signer::default().sign(json("Echo", "tls"), &sha256(b"tls")).0;
        let answer = said(sender.send_request(request).await.unwrap()).await;
        assert_eq!(answer.1, "000000000000 eu-west-3 tls", "{name}");
    }
    let stream = tls(&house, "toy.localhost", b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let answer = said(sender.send_request(http2_call("https")).await.unwrap()).await;
    assert_eq!(answer.0, 200, "{answer:?}");
}

#[tokio::test]
async fn connections_are_kept_and_continue_is_said_before_the_body() {
    let house = open().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    for _ in 0..2 {
        let head = "POST / HTTP/1.1\r\nhost: toy.localhost\r\nx-amz-target: Toy.Hello\r\ncontent-length: 2\r\n\
                    expect: 100-continue\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0u8; 25];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"hi").await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b" hi") {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
        }
        assert!(read.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn who_is_refused_before_the_body_ends_the_connection() {
    let house = open().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    // The body of the first does not come; what comes is another request, of which no byte may be taken for it.
    let head = "POST / HTTP/1.1\r\nhost: toy.localhost\r\nx-amz-target: Toy.Nothing\r\ncontent-length: 2\r\n\
                expect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.unwrap();
    let answer = String::from_utf8(read).unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 4") || answer.starts_with("http/1.1 5"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert!(!answer.contains("100 continue"), "{answer}");
}

#[tokio::test]
async fn the_houses_own_paths_come_before_all_services() {
    let house = open().await;
    let get = |uri: &str| Request::get(uri).header("host", "localhost").body(Full::default()).unwrap();
    assert_eq!(house.ask(get("/_toy/here?q=a%20b")).await.1, "a b true");
    assert_eq!(house.ask(get("/_toy/nowhere")).await.0, 403);
}

#[tokio::test]
async fn a_request_names_its_host() {
    let house = open().await;
    for (host, status) in
        [("", "400"), ("host: a b\r\n", "400"), ("host: a\r\nhost: b\r\n", "400"), ("host: a_b:1\r\n", "200")]
    {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        let head = format!("GET /_toy/here HTTP/1.1\r\n{host}connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{host}: {answer}");
    }
}
