//! Uploads in parts: at their places, in any order, whole, and not for ever.

use api_glacier::*;
use kernel::Error;
use shape::Body;

use super::{DAY_MS, HOUR_MS, Lab, MIB, code, hash, noise, of_archive, own};

async fn begin(lab: &Lab) -> String {
    let input = InitiateMultipartUploadInput {
        account_id: own(),
        vault_name: "v".to_owned(),
        archive_description: Some("in parts".to_owned()),
        part_size: Some(MIB.to_string()),
    };
    lab.cloud.call(op::InitiateMultipartUpload, input).await.unwrap().upload_id.unwrap()
}

async fn part(lab: &Lab, upload: &str, start: usize, bytes: &[u8]) -> Result<Option<String>, Error> {
    let input = UploadMultipartPartInput {
        account_id: own(),
        vault_name: "v".to_owned(),
        upload_id: upload.to_owned(),
        checksum: hash(bytes),
        range: Some(format!("bytes {start}-{}/*", start + bytes.len().max(1) - 1)),
        body: Body::from_bytes(bytes.to_vec()),
    };
    Ok(lab.cloud.call(op::UploadMultipartPart, input).await?.checksum)
}

async fn complete(lab: &Lab, upload: &str, bytes: &[u8]) -> Result<String, Error> {
    let input = CompleteMultipartUploadInput {
        account_id: own(),
        vault_name: "v".to_owned(),
        upload_id: upload.to_owned(),
        archive_size: Some(bytes.len().to_string()),
        checksum: hash(bytes),
    };
    Ok(lab.cloud.call(op::CompleteMultipartUpload, input).await?.archive_id.unwrap())
}

async fn uploads(lab: &Lab) -> usize {
    let input =
        ListMultipartUploadsInput { account_id: own(), vault_name: "v".to_owned(), ..Default::default() };
    lab.cloud.call(op::ListMultipartUploads, input).await.unwrap().uploads_list.unwrap().len()
}

#[tokio::test]
async fn parts_make_a_whole() {
    let lab = Lab::new().await;
    let bytes = noise(3 * MIB + 77);
    let upload = begin(&lab).await;
    assert_eq!(upload.len(), 92);
    part(&lab, &upload, 3 * MIB, &bytes[3 * MIB..]).await.unwrap();
    part(&lab, &upload, 0, &bytes[..MIB]).await.unwrap();
    assert_eq!(code(complete(&lab, &upload, &bytes).await), "InvalidParameterValueException");
    part(&lab, &upload, 2 * MIB, &bytes[2 * MIB..3 * MIB]).await.unwrap();
    // Put again, a part replaces the one before.
    part(&lab, &upload, MIB, &noise(MIB)).await.unwrap();
    assert_eq!(code(complete(&lab, &upload, &bytes).await), "InvalidParameterValueException");
    let sum = part(&lab, &upload, MIB, &bytes[MIB..2 * MIB]).await.unwrap();
    assert_eq!(sum, hash(&bytes[MIB..2 * MIB]));
    let input = ListPartsInput {
        account_id: own(),
        vault_name: "v".to_owned(),
        upload_id: upload.clone(),
        limit: Some("3".to_owned()),
        marker: None,
    };
    let listed = lab.cloud.call(op::ListParts, input.clone()).await.unwrap();
    let ranges = |list: Option<Vec<PartListElement>>| {
        list.unwrap().into_iter().map(|part| part.range_in_bytes.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ranges(listed.parts), ["0-1048575", "1048576-2097151", "2097152-3145727"]);
    let rest =
        lab.cloud.call(op::ListParts, ListPartsInput { marker: listed.marker, ..input }).await.unwrap();
    assert_eq!(ranges(rest.parts), ["3145728-3145804"]);
    assert_eq!(uploads(&lab).await, 1);
    let archive = complete(&lab, &upload, &bytes).await.unwrap();
    assert_eq!(complete(&lab, &upload, &bytes).await.unwrap(), archive);
    assert_eq!(uploads(&lab).await, 0);
    assert_eq!(code(part(&lab, &upload, 0, &bytes[..MIB]).await), "ResourceNotFoundException");
    assert_eq!(lab.describe().await.size_in_bytes, i64::try_from(bytes.len()).ok());
    let job = lab.job(of_archive(&archive, "Bulk")).await.unwrap();
    lab.cloud.advance(12 * HOUR_MS);
    assert_eq!(lab.wait(&job).await.sha256_tree_hash, hash(&bytes));
    let (shown, read) = lab.output(&job, None).await.unwrap();
    assert_eq!((read == bytes, shown.checksum), (true, hash(&bytes)));
    assert_eq!(shown.archive_description.as_deref(), Some("in parts"));
    // A node over two parts, one within a part, and what is under none.
    for (range, hashed) in
        [(0..2 * MIB, true), (3 * MIB..bytes.len(), true), (MIB..3 * MIB, false), (5..9, false)]
    {
        let header = format!("bytes={}-{}", range.start, range.end - 1);
        let (shown, read) = lab.output(&job, Some(&header)).await.unwrap();
        assert_eq!(shown.status, Some(206));
        assert_eq!(shown.checksum, hash(&bytes[range.clone()]).filter(|_| hashed), "{header}");
        assert_eq!(read, bytes[range]);
    }
}

#[tokio::test]
async fn what_fits_no_part_is_refused_and_what_lapses_is_gone() {
    let lab = Lab::new().await;
    let upload = begin(&lab).await;
    for (start, length) in [(5, MIB), (0, 2 * MIB), (10_000 * MIB, 1)] {
        assert_eq!(code(part(&lab, &upload, start, &noise(length)).await), "InvalidParameterValueException");
    }
    assert_eq!(code(part(&lab, "none", 0, b"x").await), "ResourceNotFoundException");
    let input = InitiateMultipartUploadInput { part_size: Some("3".to_owned()), ..Default::default() };
    let input = InitiateMultipartUploadInput { account_id: own(), vault_name: "v".to_owned(), ..input };
    assert_eq!(
        code(lab.cloud.call(op::InitiateMultipartUpload, input).await),
        "InvalidParameterValueException"
    );
    let aborted = begin(&lab).await;
    part(&lab, &aborted, 0, b"x").await.unwrap();
    let input = AbortMultipartUploadInput {
        account_id: own(),
        vault_name: "v".to_owned(),
        upload_id: aborted.clone(),
    };
    lab.cloud.call(op::AbortMultipartUpload, input.clone()).await.unwrap();
    assert_eq!(code(lab.cloud.call(op::AbortMultipartUpload, input).await), "ResourceNotFoundException");
    lab.cloud.advance(DAY_MS - HOUR_MS);
    part(&lab, &upload, 0, b"x").await.unwrap();
    lab.cloud.advance(DAY_MS - HOUR_MS);
    assert_eq!(uploads(&lab).await, 1);
    lab.cloud.advance(HOUR_MS);
    lab.cloud.eventually("the upload lapses", async || (uploads(&lab).await == 0).then_some(())).await;
}
