//! Who is let in, in every way to sign, and what the others are told.

use std::io::Write;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::sign::{Signer, sha256};
use crate::toy::{json, open};

const GOOD: Signer =
    Signer { access_key: "test", secret: "test", service: "toy", region: "eu-west-3", skew_seconds: 0 };
const THINGS: Signer = Signer { service: "things", ..GOOD };

fn signed(signer: &Signer, body: &str) -> Request<Full<Bytes>> {
    signer.sign(json("Echo", body), &sha256(body.as_bytes())).0
}

#[tokio::test]
async fn a_signed_call_is_its_accounts_in_its_region() {
    let house = open().await;
    let (status, text, id) = house.ask(signed(&GOOD, "hi")).await;
    assert_eq!((status, &*text, id.len()), (200, "000000000000 eu-west-3 hi", 36));
    let other = Signer { access_key: "123456789012", ..GOOD };
    assert_eq!(house.ask(signed(&other, "")).await.1, "123456789012 eu-west-3 ");
    let (status, text, _) = house.ask(json("Hello", "").map(Full::new)).await;
    assert_eq!((status, &*text), (200, "000000000000 us-east-1 "));
}

#[tokio::test]
async fn a_gzipped_body_is_signed_as_sent_and_read_as_it_was() {
    let house = open().await;
    let form = Request::post("/")
        .header("host", "localhost:4566")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::new())
        .unwrap();
    // A form says in its body what is asked.
    for (mut request, body) in [(json("Echo", ""), "hi there"), (form, "Action=Echo&Version=2020-01-01")] {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(body.as_bytes()).unwrap();
        *request.body_mut() = packer.finish().unwrap().into();
        request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        let digest = sha256(request.body());
        let (request, _) = GOOD.sign(request, &digest);
        let (status, text, _) = house.ask(request).await;
        assert_eq!((status, text), (200, format!("000000000000 eu-west-3 {body}")));
    }
}

#[tokio::test]
async fn an_encoding_that_nobody_knows_is_refused() {
    let house = open().await;
    let mut request = json("Echo", "hi there");
    request.headers_mut().insert("content-encoding", "br".parse().unwrap());
    let digest = sha256(request.body());
    let (request, _) = GOOD.sign(request, &digest);
    let (status, text, _) = house.ask(request).await;
    assert_eq!(status, 400);
    assert!(text.starts_with("SerializationException: The Content-Encoding"), "{text}");
}

#[tokio::test]
async fn the_others_are_told_why_in_the_words_of_their_protocol() {
    let house = open().await;
    let told = async |signer: Signer| house.ask(signed(&signer, "hi")).await;
    let wrong = told(Signer { secret: "guess", ..GOOD }).await;
    assert_eq!(wrong.0, 400);
    assert!(
        wrong.1.starts_with("InvalidSignatureException: The request signature we calculated"),
        "{wrong:?}"
    );
    let unknown = told(Signer { access_key: "nobody", ..GOOD }).await;
    assert_eq!(
        unknown.1,
        "UnrecognizedClientException: The security token included in the request is invalid."
    );
    let expired = told(Signer { access_key: "old", ..GOOD }).await;
    assert_eq!(expired.1, "ExpiredTokenException: The security token included in the request is expired");
    let late = told(Signer { skew_seconds: -1_000, ..GOOD }).await;
    assert!(late.1.contains("Signature expired: ") && late.1.ends_with(" - 15 min.)"), "{late:?}");
    let early = told(Signer { skew_seconds: 1_000, ..GOOD }).await;
    assert!(early.1.contains("Signature not yet current: "), "{early:?}");
    let elsewhere = told(Signer { service: "things", ..GOOD }).await;
    assert!(elsewhere.1.contains("Credential should be scoped to correct service: 'toy'"), "{elsewhere:?}");
    let unsigned = house.ask(json("Echo", "").map(Full::new)).await;
    assert_eq!(unsigned.1, "MissingAuthenticationTokenException: Missing Authentication Token");

    let mut tampered = signed(&GOOD, "hi");
    *tampered.body_mut() = Full::new(Bytes::from("ho"));
    assert!(house.ask(tampered).await.1.starts_with("InvalidSignatureException"));
    let mut basic = json("Echo", "").map(Full::new);
    basic.headers_mut().insert("authorization", "Basic abc".parse().unwrap());
    let basic = house.ask(basic).await;
    assert!(
        basic.1.starts_with("IncompleteSignatureException: Authorization header requires 'Cred"),
        "{basic:?}"
    );
}

#[tokio::test]
async fn temporary_keys_come_with_their_token() {
    let house = open().await;
    let signer = Signer { access_key: "ASIA", ..GOOD };
    assert_eq!(house.ask(signed(&signer, "")).await.0, 400);
    let mut request = json("Echo", "");
    request.headers_mut().insert("x-amz-security-token", "token".parse().unwrap());
    assert_eq!(house.ask(signer.sign(request, &sha256(b"")).0).await.0, 200);
}

#[tokio::test]
async fn forms_find_their_service_and_keep_their_path() {
    let house = open().await;
    let form = |text: &'static str, path: &str| {
        let request = Request::post(path)
            .header("host", "localhost:4566")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(text))
            .unwrap();
        GOOD.sign(request, &sha256(text.as_bytes())).0
    };
    let said = house.ask(form("Action=Echo&Version=2020-01-01", "/000000000000/q")).await;
    let url = "http%3A%2F%2Flocalhost%3A4566%2F000000000000%2Fq";
    assert_eq!(said.1, format!("000000000000 eu-west-3 Action=Echo&Version=2020-01-01&Url={url}"));
    let unknown = house.ask(form("Action=Fly", "/")).await;
    assert_eq!(unknown.1, "InvalidAction: Could not find operation Fly for version 2020-01-01");
    let unknown = house.ask(form("Action=Fly&Version=2019-02-03", "/")).await;
    assert_eq!(unknown.1, "InvalidAction: Could not find operation Fly for version 2019-02-03");
    for version in ["2020-01-02", "2019-02-30", "soon", ""] {
        let text = String::leak(format!("Action=Echo&Version={version}"));
        let never = house.ask(form(text, "/")).await;
        let message = format!("InvalidAction: Could not find operation Echo for version {version}");
        assert_eq!((never.0, never.1), (400, message));
    }
    assert_eq!(house.ask(form("Action=Echo&Version=2019-02-03", "/")).await.0, 200);
    let later = house.ask(form("Action=Later", "/")).await;
    assert_eq!((later.0, later.1.starts_with("NotImplemented: ")), (501, true), "{later:?}");
    let unsigned =
        Request::post("/?Action=Echo").header("host", "toy.localhost").body(Full::default()).unwrap();
    assert_eq!(house.ask(unsigned).await.1, "MissingAuthenticationToken: Missing Authentication Token");
}

#[tokio::test]
async fn object_stores_stream_what_is_signed() {
    let house = open().await;
    let host = "box.things.localhost:4566";
    let put = |payload: &str, body: Vec<u8>| {
        let mut request = Request::put("/a/key").header("host", host).header("x-amz-content-sha256", payload);
        if payload.starts_with("STREAMING") {
            request = request.header("x-amz-decoded-content-length", "20000");
        }
        THINGS.sign(request.body(Bytes::from(body)).unwrap(), payload)
    };
    let data = vec![7u8; 20_000];
    let whole = house.ask(put(&sha256(&data), data.clone()).0).await;
    assert_eq!(whole.1, "20000 bytes, 0 trailers");
    let other = house.ask(put(&sha256(b"other"), data.clone()).0).await;
    assert!(other.1.starts_with("XAmzContentSHA256Mismatch"), "{other:?}");
    assert_eq!(house.ask(put("UNSIGNED-PAYLOAD", data.clone()).0).await.0, 200);

    let mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    let (request, seed) = put(mode, Vec::new());
    let chunks = THINGS.chunks(&data, 8_192, &seed);
    let chunked = |body: Vec<u8>| request.clone().map(|_| Full::new(Bytes::from(body)));
    assert_eq!(house.ask(chunked(chunks.clone())).await.1, "20000 bytes, 0 trailers");
    let mut forged = chunks.clone();
    forged[5_000] = 8;
    assert!(house.ask(chunked(forged)).await.1.starts_with("SignatureDoesNotMatch"));

    let mut trailing = format!("{:x}\r\n", data.len()).into_bytes();
    trailing.extend_from_slice(&data);
    trailing.extend_from_slice(b"\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n");
    let trailing = put("STREAMING-UNSIGNED-PAYLOAD-TRAILER", trailing).0;
    assert_eq!(house.ask(trailing).await.1, "20000 bytes, 1 trailers");
    let newer = put("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", data).0;
    assert!(house.ask(newer).await.1.starts_with("InvalidRequest: The authorization mechanism"));
}

#[tokio::test]
async fn presigned_urls_last_as_long_as_they_say() {
    let house = open().await;
    let host = "box.things.localhost";
    let get = async |signer: &Signer, expires| {
        let uri = signer.presign(host, "/key", expires);
        house.ask(Request::get(uri).header("host", host).body(Full::default()).unwrap()).await
    };
    assert_eq!(get(&THINGS, 60).await.1, "streamed");
    let old = Signer { skew_seconds: -100, ..THINGS };
    assert_eq!(get(&old, 200).await.0, 200);
    assert_eq!(get(&old, 60).await.1, "AccessDenied: Request has expired");
    let unsigned = Request::get("/key").header("host", host).body(Full::default()).unwrap();
    assert_eq!(house.ask(unsigned).await.1, "AccessDenied: Access Denied");
}
