//! The examples AWS publishes, verified: the object store's, the user guide's and the classic test suite's.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use http_body_util::{BodyExt, Full};
use kernel::BoxFuture;
use kernel::clock::{Clock, Millis};
use kernel::credentials::{Credential, Credentials, NoCredential};
use kernel::{AccountId, Principal};
use proptest::prelude::*;
use shape::BodyError;

use super::*;

struct FixedClock(Millis);

impl Clock for FixedClock {
    fn now(&self) -> Millis {
        self.0
    }
    fn sleep_until(&self, _: Millis) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// Every key has this secret.
struct OneSecret(&'static str);

impl Credentials for OneSecret {
    fn find<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> BoxFuture<'a, Result<Credential, NoCredential>> {
        let credential = Credential {
            secret: self.0.into(),
            account: AccountId::DEFAULT,
            principal: Principal::Root,
            session: None,
            expires_at: None,
            is_well_known: false,
        };
        Box::pin(std::future::ready(Ok(credential)))
    }
}

const OBJECT_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SUITE_SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OBJECT: Accepts = Accepts { signing: Signing::ObjectStore, scope: "s3", aliases: &[] };

fn verifier(secret: &'static str, at: &str) -> Verifier {
    let now = Instant::parse(at).unwrap().seconds * 1_000;
    Verifier::new(Arc::new(OneSecret(secret)), Arc::new(FixedClock(now)))
}

fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

async fn object(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Verified, Refusal> {
    let parts = parts(method, uri, headers);
    let presented = Presented::find(&parts)?.unwrap();
    let payload = header_text(&parts.headers, "x-amz-content-sha256").unwrap_or(UNSIGNED);
    verifier(OBJECT_SECRET, "20130524T000000Z").verify(&parts, &presented, OBJECT, payload).await
}

fn authorization(signed: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
         SignedHeaders={signed},Signature={signature}"
    )
}

#[tokio::test]
async fn the_object_stores_header_examples() {
    let host = ("host", "examplebucket.s3.amazonaws.com");
    let date = ("x-amz-date", "20130524T000000Z");
    let get = authorization(
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    let range = ("range", "bytes=0-9");
    let digest = ("x-amz-content-sha256", EMPTY);
    object("GET", "/test.txt", &[host, ("authorization", &get), range, digest, date]).await.unwrap();

    let put = authorization(
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    let headers = [
        host,
        ("authorization", &*put),
        ("date", "Fri, 24 May 2013 00:00:00 GMT"),
        date,
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
    ];
    object("PUT", "/test%24file.text", &headers).await.unwrap();

    let signed = "host;x-amz-content-sha256;x-amz-date";
    let lifecycle = authorization(signed, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    object("GET", "/?lifecycle", &[host, ("authorization", &lifecycle), digest, date]).await.unwrap();
    let list = authorization(signed, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    let good = [host, ("authorization", &*list), digest, date];
    object("GET", "/?max-keys=2&prefix=J", &good).await.unwrap();

    let wrong = object("GET", "/?max-keys=3&prefix=J", &good).await;
    assert!(matches!(wrong, Err(Refusal::Mismatch(_))));
    // What it would have been made of is told: the text that AWS publishes with the example, but for what was changed.
    let Err(refusal) = object("GET", "/?max-keys=3&prefix=J", &good).await else { panic!("let in") };
    let error = refusal.into_error(Family::ObjectStore);
    let told = crate::codec::texts_of(error.fields().unwrap());
    let names: Vec<_> = told.iter().map(|(name, _)| *name).collect();
    let shown =
        ["AWSAccessKeyId", "StringToSign", "SignatureProvided", "StringToSignBytes", "CanonicalRequest"];
    assert_eq!(names, [&shown[..], &["CanonicalRequestBytes"]].concat());
    let canonical = format!(
        "GET\n/\nmax-keys=3&prefix=J\nhost:examplebucket.s3.amazonaws.com\nx-amz-content-sha256:{EMPTY}\n\
         x-amz-date:20130524T000000Z\n\n{signed}\n{EMPTY}"
    );
    assert_eq!((&*told[0].1, &told[4].1), ("AKIAIOSFODNN7EXAMPLE", &canonical));
    assert!(
        told[1].1.starts_with("AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n")
    );
    assert_eq!(&*told[2].1, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    assert!(told[3].1.starts_with("41 57 53 34 2d "), "{told:?}");
    let more = [good.as_slice(), &[("x-amz-acl", "x")]].concat();
    let unsigned = object("GET", "/?max-keys=2&prefix=J", &more).await;
    assert!(matches!(unsigned, Err(Refusal::HeadersNotSigned(name)) if name == "x-amz-acl"));
}

#[tokio::test]
async fn the_object_stores_presigned_example() {
    let uri = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let parts = parts("GET", uri, &[("host", "examplebucket.s3.amazonaws.com")]);
    let presented = Presented::find(&parts).unwrap().unwrap();
    for (now, good) in [("20130524T000000Z", true), ("20130524T235959Z", true), ("20130525T000001Z", false)] {
        let found = verifier(OBJECT_SECRET, now).verify(&parts, &presented, OBJECT, UNSIGNED).await;
        assert_eq!(found.is_ok(), good, "{now}: {found:?}");
    }
    let early =
        verifier(OBJECT_SECRET, "20130523T230000Z").verify(&parts, &presented, OBJECT, UNSIGNED).await;
    assert!(matches!(early, Err(Refusal::NotYet { presigned: true, .. })));
}

/// The seed of the published chunked uploads: 64 KiB, then 1 KiB, of the letter a.
async fn seed(mode: &str, length: &str, signature: &str, trailer: Option<&str>) -> Seed {
    let mut headers = vec![
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("x-amz-content-sha256", mode),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
    ];
    let mut signed = "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
        x-amz-decoded-content-length;x-amz-storage-class"
        .to_owned();
    match trailer {
        Some(name) => {
            headers.push(("x-amz-trailer", name));
            signed = signed.replace("content-length;host", "host") + ";x-amz-trailer";
        }
        None => headers.push(("content-length", length)),
    }
    let authorization = authorization(&signed, signature);
    headers.push(("authorization", &authorization));
    object("PUT", "/examplebucket/chunkObject.txt", &headers).await.unwrap().seed
}

type Collected = Result<(usize, Option<http::HeaderMap>), String>;

async fn read(pieces: Vec<Bytes>, seed: Option<Seed>, trailer: bool) -> Collected {
    let stream = futures_util::stream::iter(
        pieces.into_iter().map(|piece| Ok::<_, BodyError>(http_body::Frame::data(piece))),
    );
    let inner = http_body_util::StreamBody::new(stream);
    let body = ChunkedBody::new(inner, seed, trailer.then_some("x-amz-checksum-crc32c"), Some(66_560));
    let whole =
        body.collect().await.map_err(|error| error.downcast::<kernel::Error>().unwrap().code().to_owned())?;
    let trailers = whole.trailers().cloned();
    Ok((whole.to_bytes().len(), trailers))
}

fn chunked(signatures: [&str; 3], tail: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (size, signature) in [65_536, 1_024, 0].into_iter().zip(signatures) {
        body.extend_from_slice(format!("{size:x};chunk-signature={signature}\r\n").as_bytes());
        body.extend(std::iter::repeat_n(b'a', size));
        if size > 0 {
            body.extend_from_slice(b"\r\n");
        }
    }
    body.extend_from_slice(tail.as_bytes());
    body
}

const CHUNKS: [&str; 3] = [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
];

#[tokio::test]
async fn the_chunked_upload_example() {
    let mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    let signature = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let seed = seed(mode, "66824", signature, None).await;
    let body = chunked(CHUNKS, "\r\n");
    assert_eq!(body.len(), 66_824);
    for piece in [1, 7, 1_000, body.len()] {
        let pieces = body.chunks(piece).map(Bytes::copy_from_slice).collect();
        assert_eq!(read(pieces, Some(seed.clone()), false).await, Ok((66_560, None)));
    }
    for (at, code) in [(200, "SignatureDoesNotMatch"), (30, "SignatureDoesNotMatch"), (0, "IncompleteBody")] {
        let mut bad = body.clone();
        bad[at] = b'7';
        assert_eq!(read(vec![bad.into()], Some(seed.clone()), false).await.unwrap_err(), code, "{at}");
    }
    let short = body[..body.len() - 90].to_vec();
    assert_eq!(read(vec![short.into()], Some(seed), false).await.unwrap_err(), "IncompleteBody");
}

#[tokio::test]
async fn the_trailer_example() {
    let mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
    let signature = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    let seed = seed(mode, "", signature, Some("x-amz-checksum-crc32c")).await;
    let signatures = [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ];
    let tail = "x-amz-checksum-crc32c:sOO8/Q==\r\n\
        x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
    let body = chunked(signatures, tail);
    let (size, trailers) = read(vec![body.clone().into()], Some(seed.clone()), true).await.unwrap();
    assert_eq!((size, trailers.unwrap()["x-amz-checksum-crc32c"].to_str().unwrap()), (66_560, "sOO8/Q=="));
    let forged = String::from_utf8(body).unwrap().replace("sOO8", "sOO9").into_bytes();
    assert_eq!(read(vec![forged.into()], Some(seed), true).await.unwrap_err(), "SignatureDoesNotMatch");

    let unsigned = String::from_utf8(chunked(CHUNKS, "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n")).unwrap();
    let unsigned =
        CHUNKS.iter().fold(unsigned, |text, chunk| text.replace(&format!(";chunk-signature={chunk}"), ""));
    assert_eq!(read(vec![unsigned.into()], None, true).await.unwrap().0, 66_560);
}

/// One request of the suite. Host, date and `Authorization` are added.
struct Case {
    name: &'static str,
    method: &'static str,
    uri: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    signature: &'static str,
}

const fn case(
    name: &'static str,
    method: &'static str,
    uri: &'static str,
    headers: &'static [(&'static str, &'static str)],
    signature: &'static str,
) -> Case {
    Case { name, method, uri, headers, body: "", signature }
}

const FORM: Case = Case {
    name: "post-x-www-form-urlencoded",
    method: "POST",
    uri: "/",
    headers: &[("content-type", "application/x-www-form-urlencoded")],
    body: "Param1=value1",
    signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
};

const SUITE: &[Case] = &[
    case("get-vanilla", "GET", "/", &[], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    case(
        "get-header-key-duplicate",
        "GET",
        "/",
        &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    case(
        "post-vanilla",
        "POST",
        "/",
        &[],
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    case(
        "post-vanilla-query",
        "POST",
        "/?Param1=value1",
        &[],
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
    case(
        "post-header-key-sort",
        "POST",
        "/",
        &[("my-header1", "value1")],
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    case(
        "post-header-value-case",
        "POST",
        "/",
        &[("my-header1", "VALUE1")],
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    FORM,
    Case {
        name: "post-x-www-form-urlencoded-parameters",
        headers: &[("content-type", "application/x-www-form-urlencoded; charset=utf8")],
        signature: "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
        ..FORM
    },
];

#[tokio::test]
async fn the_classic_suite() {
    for Case { name, method, uri, headers: more, body, signature } in SUITE {
        let mut names: Vec<_> = ["host", "x-amz-date"].into_iter().chain(more.iter().map(|h| h.0)).collect();
        names.sort_unstable();
        names.dedup();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders={}, Signature={signature}",
            names.join(";")
        );
        let mut headers = vec![("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        headers.extend(*more);
        headers.push(("authorization", &authorization));
        let parts = parts(method, uri, &headers);
        let presented = Presented::find(&parts).unwrap().unwrap();
        let digest =
            canonical::hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes()).as_ref());
        let accepts = Accepts { signing: Signing::Common, scope: "service", aliases: &[] };
        let verifier = verifier(SUITE_SECRET, "20150830T123600Z");
        let found = verifier.verify(&parts, &presented, accepts, &digest).await;
        assert!(found.is_ok(), "{name}: {found:?}");
    }
}

#[tokio::test]
async fn the_user_guides_example_and_what_is_wrong_with_its_neighbours() {
    let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
    let headers = |service: &str, terminator: &str, signed: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/{terminator}, \
             SignedHeaders={signed}, Signature={signature}"
        )
    };
    let check = async |authorization: String, now: &str| {
        let headers = [
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("authorization", &authorization),
        ];
        let parts = parts("GET", "/?Action=ListUsers&Version=2010-05-08", &headers);
        let presented = Presented::find(&parts).unwrap().unwrap();
        let accepts = Accepts { signing: Signing::Common, scope: "iam", aliases: &[] };
        verifier(SUITE_SECRET, now).verify(&parts, &presented, accepts, EMPTY).await
    };
    let (good, signed, now) = ("aws4_request", "content-type;host;x-amz-date", "20150830T123600Z");
    check(headers("iam", good, signed), now).await.unwrap();
    check(headers("iam", good, signed), "20150830T125100Z").await.unwrap();
    let old = check(headers("iam", good, signed), "20150830T125101Z").await;
    assert!(matches!(old, Err(Refusal::Expired { presigned: false, .. })));
    let service = check(headers("sts", good, signed), now).await;
    assert!(matches!(service, Err(Refusal::ScopeService { expected: "iam", .. })));
    let end = check(headers("iam", "aws5", signed), now).await;
    assert!(matches!(end, Err(Refusal::ScopeTerminator(_))));
    let host = check(headers("iam", good, "x-amz-date"), now).await;
    assert!(matches!(host, Err(Refusal::HostNotSigned)));
}

#[tokio::test]
async fn a_body_is_held_to_its_promised_digest() {
    for (body, good) in [("abc", true), ("abd", false)] {
        let promised =
            canonical::unhex(b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").unwrap();
        let inner = Full::new(Bytes::from(body)).map_err(|never| match never {});
        let read = DigestBody::new(inner, promised, Family::ObjectStore).collect().await;
        assert_eq!(read.is_ok(), good);
    }
}

proptest! {
    #[test]
    fn no_chunked_body_panics(pieces in proptest::collection::vec("[0-9a-f;\\r\\n:xchunk-signature=]{0,40}", 0..12), trailer: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let pieces = pieces.into_iter().map(Bytes::from).collect();
        let _ = runtime.block_on(read(pieces, None, trailer));
    }
}

#[tokio::test]
async fn what_we_sign_verifies() {
    let mut signed = parts("POST", "/a b?x=1".replace(' ', "%20").as_str(), &[("host", "localhost:4566")]);
    let verifier = verifier(SUITE_SECRET, "20150830T123600Z");
    let signer = Signer { access_key: "AK", secret: SUITE_SECRET, region: "us-east-1", service: "service" };
    let at = Instant::parse("20150830T123600Z").unwrap().seconds;
    signer.sign(&mut signed, b"body", at).unwrap();
    let accepts = Accepts { signing: Signing::Common, scope: "service", aliases: &[] };
    let presented = Presented::find(&signed).unwrap().unwrap();
    let digest = hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"body").as_ref());
    verifier.verify(&signed, &presented, accepts, &digest).await.unwrap();
    let other = hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"other").as_ref());
    assert!(verifier.verify(&signed, &presented, accepts, &other).await.is_err());
}
