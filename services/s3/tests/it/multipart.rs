//! Multipart uploads: parts in any order, one object in the end, or nothing.

use api_s3::{
    AbortMultipartUploadRequest, CompleteMultipartUploadOutput, CompleteMultipartUploadRequest,
    CompletedMultipartUpload, CompletedPart, CreateMultipartUploadRequest, DeleteObjectRequest,
    GetObjectRequest, ListMultipartUploadsRequest, ListPartsRequest, UploadPartCopyRequest,
    UploadPartRequest, op,
};
use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use kernel::Error;
use shape::{Body, BodyError};

use super::{Lab, get, noise};

const MIB: usize = 1 << 20;

impl Lab {
    async fn begin(&self, key: &str, algorithm: Option<&str>, of: Option<&str>) -> String {
        let input = CreateMultipartUploadRequest {
            bucket: "bbb".to_owned(),
            key: key.to_owned(),
            checksum_algorithm: algorithm.map(str::to_owned),
            checksum_type: of.map(str::to_owned),
            ..Default::default()
        };
        self.cloud.call(op::CreateMultipartUpload, input).await.unwrap().upload_id.unwrap()
    }

    async fn part(&self, key: &str, upload: &str, number: i32, bytes: &[u8]) -> CompletedPart {
        let input = UploadPartRequest {
            bucket: "bbb".to_owned(),
            key: key.to_owned(),
            upload_id: upload.to_owned(),
            part_number: number,
            body: Body::from_bytes(bytes.to_vec()),
            ..Default::default()
        };
        let output = self.cloud.call(op::UploadPart, input).await.unwrap();
        CompletedPart { e_tag: output.e_tag, part_number: Some(number), ..Default::default() }
    }

    async fn complete(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<CompletedPart>,
    ) -> Result<CompleteMultipartUploadOutput, Error> {
        let input = CompleteMultipartUploadRequest {
            bucket: "bbb".to_owned(),
            key: key.to_owned(),
            upload_id: upload.to_owned(),
            multipart_upload: Some(CompletedMultipartUpload { parts: Some(parts) }),
            ..Default::default()
        };
        self.cloud.call(op::CompleteMultipartUpload, input).await
    }
}

#[tokio::test]
async fn parts_become_one_object() {
    let lab = Lab::new().await;
    let bytes = noise(11 * MIB);
    let upload = lab.begin("k", Some("CRC32"), Some("FULL_OBJECT")).await;
    let (first, rest) = bytes.split_at(5 * MIB);
    let (second, third) = rest.split_at(6 * MIB - 10);
    let c = lab.part("k", &upload, 3, third).await;
    let b = lab.part("k", &upload, 2, second).await;
    lab.part("k", &upload, 1, b"to be replaced").await;
    let a = lab.part("k", &upload, 1, first).await;
    assert_eq!(lab.get("k", None).await.unwrap_err(), "NoSuchKey");
    let all = vec![a, b, c];
    let output = lab.complete("k", &upload, all.clone()).await.unwrap();
    // Whoever did not hear the answer may ask again.
    assert_eq!(lab.complete("k", &upload, all.clone()).await.unwrap().e_tag, output.e_tag);
    // But not for another object.
    let code = async |parts| lab.complete("k", &upload, parts).await.err().map(|error| error.code());
    assert_eq!(code(all[..2].to_vec()).await, Some("InvalidPart"));
    assert_eq!(code(all.iter().rev().cloned().collect()).await, Some("InvalidPartOrder"));
    assert!(output.e_tag.unwrap().ends_with("-3\""));
    assert!(output.checksum_crc32.is_some());
    assert!(lab.get("k", None).await.unwrap() == bytes);
    let across =
        GetObjectRequest { range: Some(format!("bytes={}-{}", 5 * MIB - 5, 5 * MIB + 4)), ..get("k") };
    assert_eq!(lab.read(across).await.unwrap(), bytes[5 * MIB - 5..5 * MIB + 5]);
    let part = GetObjectRequest { part_number: Some(3), ..get("k") };
    let output = lab.cloud.call(op::GetObject, part).await.unwrap();
    assert_eq!((output.content_length, output.parts_count), (Some(10), Some(3)));
    let sum = |number: i32| GetObjectRequest {
        part_number: Some(number),
        checksum_mode: Some("ENABLED".to_owned()),
        ..get("k")
    };
    let output = lab.cloud.call(op::GetObject, sum(3)).await.unwrap();
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, third).to_be_bytes();
    let crc = base64::engine::general_purpose::STANDARD.encode(&crc[4..]);
    assert_eq!((output.checksum_crc32, output.checksum_type), (Some(crc), Some("FULL_OBJECT".to_owned())));
    let none = GetObjectRequest { part_number: Some(4), ..get("k") };
    assert_eq!(lab.read(none).await.unwrap_err(), "InvalidPartNumber");
    // The upload is over.
    let again = lab.complete("k", &upload, Vec::new()).await.unwrap_err();
    assert_eq!(again.code(), "MalformedXML");
    let listed = ListMultipartUploadsRequest { bucket: "bbb".to_owned(), ..Default::default() };
    assert!(lab.cloud.call(op::ListMultipartUploads, listed).await.unwrap().uploads.is_none());
}

#[tokio::test]
async fn who_reads_an_object_reads_it_whole_though_it_is_deleted_meanwhile() {
    let lab = Lab::new().await;
    // The last part is so short that it lies beside the record, and goes with it.
    let bytes = noise(5 * MIB + 10);
    let upload = lab.begin("k", None, None).await;
    let (first, last) = bytes.split_at(5 * MIB);
    let parts = vec![lab.part("k", &upload, 1, first).await, lab.part("k", &upload, 2, last).await];
    lab.complete("k", &upload, parts).await.unwrap();
    let reading = lab.cloud.call(op::GetObject, get("k")).await.unwrap();
    let delete = DeleteObjectRequest { bucket: "bbb".to_owned(), key: "k".to_owned(), ..Default::default() };
    lab.cloud.call(op::DeleteObject, delete).await.unwrap();
    assert_eq!(lab.get("k", None).await.unwrap_err(), "NoSuchKey");
    assert!(reading.body.collect(1 << 30).await.unwrap() == bytes);
}

#[tokio::test]
async fn a_wrong_list_completes_nothing() {
    let lab = Lab::new().await;
    let upload = lab.begin("k", None, None).await;
    let a = lab.part("k", &upload, 1, b"short").await;
    let b = lab.part("k", &upload, 2, b"last").await;
    let code = async |parts| lab.complete("k", &upload, parts).await.unwrap_err().code();
    assert_eq!(code(vec![b.clone(), a.clone()]).await, "InvalidPartOrder");
    assert_eq!(code(vec![a.clone(), b.clone()]).await, "EntityTooSmall");
    let missing = CompletedPart { part_number: Some(3), ..a.clone() };
    assert_eq!(code(vec![missing]).await, "InvalidPart");
    let other = CompletedPart { e_tag: Some("\"x\"".to_owned()), ..b.clone() };
    assert_eq!(code(vec![other]).await, "InvalidPart");
    assert_eq!(lab.complete("k", "none", vec![b.clone()]).await.unwrap_err().code(), "NoSuchUpload");
    lab.complete("k", &upload, vec![b]).await.unwrap();
    assert_eq!(lab.get("k", None).await.unwrap(), b"last");
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let lab = Lab::new().await;
    let upload = lab.begin("k", None, None).await;
    lab.part("k", &upload, 1, &noise(100_000)).await;
    let input = || AbortMultipartUploadRequest {
        bucket: "bbb".to_owned(),
        key: "k".to_owned(),
        upload_id: upload.clone(),
        ..Default::default()
    };
    lab.cloud.call(op::AbortMultipartUpload, input()).await.unwrap();
    assert_eq!(lab.cloud.call(op::AbortMultipartUpload, input()).await.unwrap_err().code(), "NoSuchUpload");
    let parts = ListPartsRequest {
        bucket: "bbb".to_owned(),
        key: "k".to_owned(),
        upload_id: upload.clone(),
        ..Default::default()
    };
    assert_eq!(lab.cloud.call(op::ListParts, parts).await.unwrap_err().code(), "NoSuchUpload");
}

#[tokio::test]
async fn parts_are_listed_and_copied() {
    let lab = Lab::new().await;
    lab.put("source", noise(200_000)).await;
    let upload = lab.begin("k", Some("SHA256"), None).await;
    let input = UploadPartCopyRequest {
        bucket: "bbb".to_owned(),
        key: "k".to_owned(),
        upload_id: upload.clone(),
        part_number: 1,
        copy_source: "bbb/source".to_owned(),
        copy_source_range: Some("bytes=100000-199999".to_owned()),
        ..Default::default()
    };
    let copied = lab.cloud.call(op::UploadPartCopy, input).await.unwrap().copy_part_result.unwrap();
    assert!(copied.checksum_sha256.is_some());
    let ask = ListPartsRequest {
        bucket: "bbb".to_owned(),
        key: "k".to_owned(),
        upload_id: upload.clone(),
        ..Default::default()
    };
    let listed = lab.cloud.call(op::ListParts, ask).await.unwrap();
    let part = &listed.parts.unwrap()[0];
    assert_eq!((part.part_number, part.size, &part.e_tag), (Some(1), Some(100_000), &copied.e_tag));
    let bare = CompletedPart { e_tag: copied.e_tag.clone(), part_number: Some(1), ..Default::default() };
    let refused = lab.complete("k", &upload, vec![bare]).await.unwrap_err();
    assert_eq!(refused.code(), "InvalidRequest");
    assert!(refused.message().contains("using a sha256 checksum"), "{refused}");
    assert!(refused.message().contains("missing for part 1"), "{refused}");
    let done = CompletedPart {
        e_tag: copied.e_tag,
        part_number: Some(1),
        checksum_sha256: copied.checksum_sha256,
        ..Default::default()
    };
    let output = lab.complete("k", &upload, vec![done]).await.unwrap();
    assert!(output.checksum_sha256.unwrap().ends_with("-1"));
    assert!(lab.get("k", None).await.unwrap() == noise(200_000)[100_000..]);
}

#[tokio::test]
async fn parts_of_a_composite_checksum_bring_theirs() {
    let lab = Lab::new().await;
    let crc = |value: &str| Some(value.to_owned());
    let part = |upload: &str| UploadPartRequest {
        bucket: "bbb".to_owned(),
        key: "k".to_owned(),
        upload_id: upload.to_owned(),
        part_number: 1,
        body: Body::from_bytes("123456789"),
        ..Default::default()
    };
    let composite = lab.begin("k", Some("CRC32"), None).await;
    let whole = lab.begin("k", Some("CRC32"), Some("FULL_OBJECT")).await;
    let other = lab.begin("k", Some("SHA256"), None).await;
    let bare = lab.cloud.call(op::UploadPart, part(&composite)).await.unwrap_err();
    assert_eq!(bare.code(), "InvalidRequest");
    assert!(bare.message().ends_with("expected checksum Type: crc32, actual checksum Type: null"), "{bare}");
    let brings = |upload: &str| UploadPartRequest { checksum_crc32: crc("y/Q5Jg=="), ..part(upload) };
    lab.cloud.call(op::UploadPart, brings(&composite)).await.unwrap();
    // What follows a body is not known before it: it must be of the upload's algorithm too.
    for (upload, code) in [(&composite, None), (&whole, None), (&other, Some("InvalidRequest"))] {
        let body = Full::new(Bytes::from_static(b"123456789"))
            .with_trailers(async {
                let mut trailers = http::HeaderMap::new();
                trailers.insert("x-amz-checksum-crc32", http::HeaderValue::from_static("y/Q5Jg=="));
                Some(Ok(trailers))
            })
            .map_err(|never| -> BodyError { match never {} });
        let input = UploadPartRequest { body: Body::new(body), ..part(upload) };
        assert_eq!(lab.cloud.call(op::UploadPart, input).await.err().map(|error| error.code()), code);
    }
    // The sum of a whole object is made of those that are taken here.
    lab.cloud.call(op::UploadPart, part(&whole)).await.unwrap();
}

/// S3 user guide, "Checking object integrity": what comes without a checksum gets CRC64NVME of the whole object.
#[tokio::test]
async fn an_upload_that_names_no_checksum_gets_one() {
    let lab = Lab::new().await;
    let bytes = noise(5 * MIB + 9);
    let (first, last) = bytes.split_at(5 * MIB);
    // With checksums parts are numbered without gaps; without, as one likes.
    let gap = lab.begin("gap", Some("CRC32"), Some("FULL_OBJECT")).await;
    let parts = vec![lab.part("gap", &gap, 1, first).await, lab.part("gap", &gap, 3, last).await];
    assert_eq!(lab.complete("gap", &gap, parts).await.unwrap_err().code(), "InvalidPartOrder");
    let gap = lab.begin("gap", None, None).await;
    let parts = vec![lab.part("gap", &gap, 2, first).await, lab.part("gap", &gap, 7, last).await];
    lab.complete("gap", &gap, parts).await.unwrap();

    let upload = lab.begin("k", None, None).await;
    let mut parts = vec![lab.part("k", &upload, 1, first).await];
    let brings = |sum: &str| UploadPartRequest {
        bucket: "bbb".to_owned(),
        key: "k".to_owned(),
        upload_id: upload.clone(),
        part_number: 2,
        checksum_crc32: Some(sum.to_owned()),
        body: Body::from_bytes(last.to_vec()),
        ..Default::default()
    };
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, last).to_be_bytes();
    let crc = base64::engine::general_purpose::STANDARD.encode(&crc[4..]);
    let wrong = lab.cloud.call(op::UploadPart, brings("AAAAAA==")).await.unwrap_err();
    assert_eq!(wrong.code(), "BadDigest");
    let output = lab.cloud.call(op::UploadPart, brings(&crc)).await.unwrap();
    assert_eq!(output.checksum_crc32.as_ref(), Some(&crc));
    parts.push(CompletedPart { e_tag: output.e_tag, part_number: Some(2), ..Default::default() });
    // A sum that is not the part's completes nothing.
    parts[1].checksum_crc32 = Some("AAAAAA==".to_owned());
    assert_eq!(lab.complete("k", &upload, parts.clone()).await.unwrap_err().code(), "InvalidPart");
    parts[1].checksum_crc32 = Some(crc);
    let output = lab.complete("k", &upload, parts).await.unwrap();
    let whole = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &bytes).to_be_bytes();
    let whole = base64::engine::general_purpose::STANDARD.encode(whole);
    assert_eq!(
        (output.checksum_crc64_nvme, output.checksum_type.as_deref()),
        (Some(whole), Some("FULL_OBJECT"))
    );
}

#[tokio::test]
async fn uploads_are_listed_by_key_and_age() {
    let lab = Lab::new().await;
    let mut ids = Vec::new();
    for key in ["a", "a", "d/1", "d/2", "e"] {
        ids.push(lab.begin(key, None, None).await);
        lab.cloud.advance(1_000);
    }
    let input = |marker: Option<(String, String)>| {
        let (key, id) = marker.unzip();
        ListMultipartUploadsRequest {
            bucket: "bbb".to_owned(),
            max_uploads: Some(1),
            delimiter: Some("/".to_owned()),
            key_marker: key,
            upload_id_marker: id,
            ..Default::default()
        }
    };
    let (mut seen, mut marker) = (Vec::new(), None);
    loop {
        let page = lab.cloud.call(op::ListMultipartUploads, input(marker.take())).await.unwrap();
        seen.extend(page.uploads.unwrap_or_default().into_iter().filter_map(|upload| upload.upload_id));
        seen.extend(page.common_prefixes.unwrap_or_default().into_iter().filter_map(|p| p.prefix));
        if page.is_truncated != Some(true) {
            break;
        }
        marker = Some((page.next_key_marker.unwrap(), page.next_upload_id_marker.unwrap_or_default()));
    }
    assert_eq!(seen, [ids[0].as_str(), ids[1].as_str(), "d/", ids[4].as_str()]);
}
