//! Objects: bytes in, bytes out, whole or in ranges, checked on both ways.

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use api_s3::{
    CopyObjectRequest, CreateMultipartUploadRequest, DeleteObjectsRequest, GetObjectAttributesRequest,
    GetObjectRequest, HeadObjectRequest, ObjectIdentifier, PutObjectRequest, UploadPartRequest, op,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use shape::{Body, BodyError};

use super::{Lab, get, noise, put, told};

/// Short enough for the store, at the edge, and over it; one with a last chunk that is full.
const SIZES: [usize; 8] = [0, 1, 32 * 1_024, 32 * 1_024 + 1, 65_536, 131_072, 200_000, 1_300_000];

#[tokio::test]
async fn what_is_put_is_got_in_any_size_and_any_range() {
    let lab = Lab::new().await;
    for size in SIZES {
        let bytes = noise(size);
        let output = lab.put("k", bytes.clone()).await;
        let md5: String = fast_md5::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(output.e_tag, Some(format!("\"{md5}\"")));
        assert_eq!(output.server_side_encryption.as_deref(), Some("AES256"));
        assert!(lab.get("k", None).await.unwrap() == bytes, "{size} bytes");
        for (from, to) in [(0, 0), (size / 2, size / 2 + 70_000), (65_535, 65_536), (65_536, 65_536)] {
            if from >= size {
                continue;
            }
            let range = Some(format!("bytes={from}-{to}"));
            let got = lab.read(GetObjectRequest { range, ..get("k") }).await.unwrap();
            assert!(got == bytes[from..(to + 1).min(size)], "{from}-{to} of {size}");
        }
    }
    let beyond = GetObjectRequest { range: Some("bytes=1300000-".to_owned()), ..get("k") };
    assert_eq!(lab.read(beyond).await.unwrap_err(), "InvalidRange");
}

#[tokio::test]
async fn what_a_client_says_of_its_bytes_is_kept() {
    let lab = Lab::new().await;
    let input = PutObjectRequest {
        content_type: Some("text/plain".to_owned()),
        content_encoding: Some("aws-chunked,gzip".to_owned()),
        cache_control: Some("no-store".to_owned()),
        metadata: Some([("owner".to_owned(), "me".to_owned())].into()),
        tagging: Some("a=b".to_owned()),
        storage_class: Some("STANDARD_IA".to_owned()),
        ..put("k", "v")
    };
    lab.try_put(input).await.unwrap();
    let head = HeadObjectRequest { bucket: "bbb".to_owned(), key: "k".to_owned(), ..Default::default() };
    let head = lab.cloud.call(op::HeadObject, head).await.unwrap();
    assert_eq!(head.content_type.as_deref(), Some("text/plain"));
    assert_eq!(head.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(head.cache_control.as_deref(), Some("no-store"));
    assert_eq!(head.metadata.unwrap()["owner"], "me");
    assert_eq!(head.tag_count, Some(1));
    assert_eq!(head.storage_class.as_deref(), Some("STANDARD_IA"));
    assert_eq!(head.content_length, Some(1));
    let overridden = GetObjectRequest { response_content_type: Some("a/b".to_owned()), ..get("k") };
    assert_eq!(lab.cloud.call(op::GetObject, overridden).await.unwrap().content_type.as_deref(), Some("a/b"));
}

#[tokio::test]
async fn bytes_that_are_not_what_was_promised_are_refused_and_nothing_changes() {
    let lab = Lab::new().await;
    lab.put("k", "before").await;
    for size in [5, 100_000] {
        let code =
            async |input: PutObjectRequest| lab.try_put(input).await.map_err(|error| error.code()).err();
        let wrong = STANDARD.encode([0; 16]);
        let bytes = noise(size);
        let md5 = PutObjectRequest { content_md5: Some(wrong), ..put("k", bytes.clone()) };
        assert_eq!(code(md5).await, Some("BadDigest"));
        let crc = PutObjectRequest { checksum_crc32: Some("AAAAAA==".to_owned()), ..put("k", bytes.clone()) };
        assert_eq!(code(crc).await, Some("BadDigest"));
        let short = Sized { bytes: Some(bytes.clone().into()), size: 200_000 };
        let length = PutObjectRequest { body: Body::new(short), ..put("k", "") };
        assert_eq!(code(length).await, Some("IncompleteBody"));
        let long = Sized { bytes: Some(bytes.clone().into()), size: (5 << 30) + 1 };
        let length = PutObjectRequest { body: Body::new(long), ..put("k", "") };
        assert_eq!(code(length).await, Some("EntityTooLarge"));
        let malformed = PutObjectRequest { content_md5: Some("x".to_owned()), ..put("k", bytes) };
        assert_eq!(code(malformed).await, Some("InvalidDigest"));
    }
    assert_eq!(lab.get("k", None).await.unwrap(), b"before");
    assert!(blobs(lab.folder.path()).is_empty(), "nothing stays behind");
}

#[tokio::test]
async fn a_checksum_that_is_named_comes() {
    let lab = Lab::new().await;
    let named = |algorithm: &str| PutObjectRequest {
        checksum_algorithm: Some(algorithm.to_owned()),
        ..put("k", "123456789")
    };
    let crc = Some("y/Q5Jg==".to_owned());
    let nothing = lab.try_put(named("SHA256")).await.unwrap_err();
    assert_eq!((nothing.code(), nothing.status()), ("InvalidRequest", 400));
    assert!(nothing.message().starts_with("x-amz-sdk-checksum-algorithm specified, but no"), "{nothing}");
    let other = PutObjectRequest { checksum_crc32: crc.clone(), ..named("SHA256") };
    let other = lab.try_put(other).await.unwrap_err();
    assert_eq!(other.message(), "Value for x-amz-sdk-checksum-algorithm header is invalid.");
    assert_eq!(lab.get("k", None).await.unwrap_err(), "NoSuchKey");
    lab.try_put(PutObjectRequest { checksum_crc32: crc, ..named("crc32") }).await.unwrap();
}

/// A body that says how long it is, and is as long or not: as the door hands over one that came in chunks.
struct Sized {
    bytes: Option<Bytes>,
    size: u64,
}

impl HttpBody for Sized {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size)
    }
}

#[tokio::test]
async fn chunks_are_longer_than_what_they_carry() {
    let lab = Lab::new().await;
    let bytes = noise(66_560);
    let came = || Body::new(Sized { bytes: Some(bytes.clone().into()), size: 66_560 });
    // `Content-Length` is that of the chunks, whether `Content-Encoding` tells of them or not.
    for content_encoding in [Some("aws-chunked".to_owned()), None] {
        let input =
            PutObjectRequest { body: came(), content_length: Some(66_824), content_encoding, ..put("k", "") };
        lab.try_put(input).await.unwrap();
        assert!(lab.get("k", None).await.unwrap() == bytes);
    }
    let begin = CreateMultipartUploadRequest {
        bucket: "bbb".to_owned(),
        key: "parts".to_owned(),
        ..Default::default()
    };
    let upload = lab.cloud.call(op::CreateMultipartUpload, begin).await.unwrap().upload_id.unwrap();
    let part = UploadPartRequest {
        bucket: "bbb".to_owned(),
        key: "parts".to_owned(),
        upload_id: upload,
        part_number: 1,
        body: came(),
        content_length: Some(66_824),
        ..Default::default()
    };
    let etag = lab.cloud.call(op::UploadPart, part).await.unwrap().e_tag;
    assert_eq!(etag, lab.put("k", bytes.clone()).await.e_tag);
}

#[tokio::test]
async fn writes_may_depend_on_what_is_there() {
    let lab = Lab::new().await;
    let fresh = |bytes: &str| PutObjectRequest { if_none_match: Some("*".to_owned()), ..put("k", bytes) };
    let etag = lab.try_put(fresh("one")).await.unwrap().e_tag;
    assert_eq!(lab.try_put(fresh("two")).await.unwrap_err().code(), "PreconditionFailed");
    let same = |etag, bytes: &str| PutObjectRequest { if_match: etag, ..put("k", bytes) };
    lab.try_put(same(etag.clone(), "three")).await.unwrap();
    assert_eq!(lab.try_put(same(etag, "four")).await.unwrap_err().code(), "PreconditionFailed");
    assert_eq!(lab.get("k", None).await.unwrap(), b"three");
}

#[tokio::test]
async fn reads_may_depend_on_what_is_there() {
    let lab = Lab::new().await;
    let etag = lab.put("k", "v").await.e_tag;
    let not_modified = GetObjectRequest { if_none_match: etag.clone(), ..get("k") };
    let refused = lab.cloud.call(op::GetObject, not_modified).await.err().unwrap();
    assert_eq!(refused.status(), 304);
    assert_eq!((told(&refused, "ETag"), told(&refused, "x-amz-version-id")), (etag, None));
    assert!(told(&refused, "Last-Modified").is_some());
    let other = GetObjectRequest { if_match: Some("\"x\"".to_owned()), ..get("k") };
    let refused = lab.cloud.call(op::GetObject, other).await.err().unwrap();
    assert_eq!((refused.status(), told(&refused, "Condition").as_deref()), (412, Some("If-Match")));
    let beyond = GetObjectRequest { range: Some("bytes=5-".to_owned()), ..get("k") };
    let refused = lab.cloud.call(op::GetObject, beyond).await.err().unwrap();
    for (name, value) in
        [("RangeRequested", "bytes=5-"), ("ActualObjectSize", "1"), ("Content-Range", "bytes */1")]
    {
        assert_eq!(told(&refused, name).as_deref(), Some(value));
    }
    let refused = lab.cloud.call(op::GetObject, get("none")).await.err().unwrap();
    assert_eq!(told(&refused, "Key").as_deref(), Some("none"));
}

#[tokio::test]
async fn a_customer_who_brings_a_key_brings_it_again() {
    let lab = Lab::new().await;
    let (key, md5) = (STANDARD.encode([9; 32]), STANDARD.encode(fast_md5::digest(&[9; 32])));
    let algorithm = Some("AES256".to_owned());
    let input = PutObjectRequest {
        sse_customer_algorithm: algorithm.clone(),
        sse_customer_key: Some(key.clone()),
        sse_customer_key_md5: Some(md5.clone()),
        ..put("k", noise(100_000))
    };
    let stored = lab.try_put(input).await.unwrap();
    assert_eq!(stored.sse_customer_key_md5, Some(md5.clone()));
    assert_eq!(lab.get("k", None).await.unwrap_err(), "InvalidRequest");
    let with = GetObjectRequest {
        sse_customer_algorithm: algorithm,
        sse_customer_key: Some(key),
        sse_customer_key_md5: Some(md5),
        ..get("k")
    };
    assert!(lab.read(with).await.unwrap() == noise(100_000));
}

#[tokio::test]
async fn a_copy_is_an_object_of_its_own() {
    let lab = Lab::new().await;
    lab.make_bucket("other").await;
    let input = PutObjectRequest { content_type: Some("a/b".to_owned()), ..put("a b/c", noise(90_000)) };
    lab.try_put(input).await.unwrap();
    let copy = |to: &str| CopyObjectRequest {
        bucket: to.to_owned(),
        key: "copy".to_owned(),
        copy_source: "/bbb/a%20b/c".to_owned(),
        ..Default::default()
    };
    lab.cloud.call(op::CopyObject, copy("other")).await.unwrap();
    lab.put("a b/c", "changed").await;
    let there = GetObjectRequest { bucket: "other".to_owned(), ..get("copy") };
    let output = lab.cloud.call(op::GetObject, there).await.unwrap();
    assert_eq!(output.content_type.as_deref(), Some("a/b"));
    assert!(output.body.collect(1 << 20).await.unwrap() == noise(90_000));
    let itself = CopyObjectRequest { key: "a b/c".to_owned(), ..copy("bbb") };
    assert_eq!(lab.cloud.call(op::CopyObject, itself).await.unwrap_err().code(), "InvalidRequest");
    let missing = CopyObjectRequest { copy_source: "bbb/none".to_owned(), ..copy("bbb") };
    assert_eq!(lab.cloud.call(op::CopyObject, missing).await.unwrap_err().code(), "NoSuchKey");
}

#[tokio::test]
async fn many_go_at_once() {
    let lab = Lab::new().await;
    for key in ["a", "b", "c"] {
        lab.put(key, "v").await;
    }
    let named = |key: &str| ObjectIdentifier { key: key.to_owned(), ..Default::default() };
    let long = "k".repeat(1_025);
    let objects = vec![named("a"), named("none"), named(&long), named("c")];
    let delete = api_s3::Delete { objects, quiet: None };
    let input = DeleteObjectsRequest { bucket: "bbb".to_owned(), delete, ..Default::default() };
    let output = lab.cloud.call(op::DeleteObjects, input).await.unwrap();
    assert_eq!(output.deleted.unwrap().len(), 3);
    let failed = output.errors.unwrap();
    assert_eq!(failed[0].code.as_deref(), Some("KeyTooLongError"));
    assert_eq!(lab.get("a", None).await.unwrap_err(), "NoSuchKey");
    assert_eq!(lab.get("b", None).await.unwrap(), b"v");
    let delete = api_s3::Delete { objects: vec![named("b"), named("")], quiet: None };
    let input = DeleteObjectsRequest { bucket: "bbb".to_owned(), delete, ..Default::default() };
    assert_eq!(lab.cloud.call(op::DeleteObjects, input).await.unwrap_err().code(), "MalformedXML");
    assert_eq!(lab.get("b", None).await.unwrap(), b"v");
}

#[tokio::test]
async fn attributes_tell_without_reading() {
    let lab = Lab::new().await;
    lab.put("k", "123456789").await;
    let input = GetObjectAttributesRequest {
        bucket: "bbb".to_owned(),
        key: "k".to_owned(),
        object_attributes: vec!["ETag".to_owned(), "Checksum".to_owned(), "ObjectSize".to_owned()],
        ..Default::default()
    };
    let output = lab.cloud.call(op::GetObjectAttributes, input).await.unwrap();
    assert_eq!(output.object_size, Some(9));
    assert_eq!(output.checksum.unwrap().checksum_crc64_nvme.as_deref(), Some("rosUhgp5mIg="));
    assert_eq!(output.storage_class, None);
}

#[tokio::test]
async fn damage_is_found_and_not_served() {
    let lab = Lab::new().await;
    lab.put("good", noise(900_000)).await;
    let before = blobs(lab.folder.path());
    lab.put("bad", noise(900_000)).await;
    let stored = blobs(lab.folder.path()).into_iter().find(|path| !before.contains(path)).unwrap();
    let mut bytes = std::fs::read(&stored).unwrap();
    bytes[700_000] ^= 1;
    std::fs::write(&stored, bytes).unwrap();
    assert_eq!(lab.get("bad", None).await.unwrap_err(), "damaged");
    let hurt = GetObjectRequest { range: Some("bytes=699900-699999".to_owned()), ..get("bad") };
    assert_eq!(lab.read(hurt).await.unwrap_err(), "InternalFailure");
    let whole = GetObjectRequest { range: Some("bytes=0-999".to_owned()), ..get("bad") };
    assert!(lab.read(whole).await.unwrap() == noise(1_000));
    assert!(lab.get("good", None).await.unwrap() == noise(900_000));
}

#[tokio::test]
async fn bytes_go_after_their_object() {
    let lab = Lab::new().await;
    lab.put("k", noise(100_000)).await;
    assert_eq!(blobs(lab.folder.path()).len(), 1);
    lab.put("k", "short").await;
    lab.cloud
        .eventually("the bytes go", async || {
            lab.cloud.advance(60_000);
            blobs(lab.folder.path()).is_empty().then_some(())
        })
        .await;
    assert_eq!(lab.get("k", None).await.unwrap(), b"short");
}

/// The files that hold objects.
fn blobs(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(blobs(&path));
        } else if path.parent().is_some_and(|parent| parent.to_string_lossy().contains("/s3/")) {
            found.push(path);
        }
    }
    found
}
