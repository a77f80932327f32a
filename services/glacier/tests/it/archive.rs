//! Archives: only whole ones are taken, and their bytes go when nobody needs them.

use api_glacier::*;
use kernel::meter;

use super::{HOUR_MS, Lab, code, hash, noise, of_archive, to_upload};

#[tokio::test]
async fn what_is_promised_of_the_bytes_must_hold() {
    let lab = Lab::new().await;
    let upload = async |input| lab.cloud.call(op::UploadArchive, input).await;
    let wrong = UploadArchiveInput { checksum: hash(b"other"), ..to_upload(b"bytes") };
    assert_eq!(code(upload(wrong).await), "InvalidParameterValueException");
    let missing = UploadArchiveInput { checksum: None, ..to_upload(b"bytes") };
    assert_eq!(code(upload(missing).await), "MissingParameterValueException");
    assert_eq!(code(upload(to_upload(b"")).await), "InvalidParameterValueException");
    let ugly = UploadArchiveInput { archive_description: Some("ü".to_owned()), ..to_upload(b"bytes") };
    assert_eq!(code(upload(ugly).await), "InvalidParameterValueException");
    let nowhere = UploadArchiveInput { vault_name: "none".to_owned(), ..to_upload(b"bytes") };
    assert_eq!(code(upload(nowhere).await), "ResourceNotFoundException");
    assert_eq!(lab.describe().await.number_of_archives, Some(0));
    let good = upload(to_upload(b"bytes")).await.unwrap();
    assert_eq!(good.checksum, hash(b"bytes"));
    let id = good.archive_id.unwrap();
    assert_eq!((id.len(), good.location.unwrap()), (138, format!("/000000000000/vaults/v/archives/{id}")));
    let shown = lab.describe().await;
    assert_eq!((shown.number_of_archives, shown.size_in_bytes), (Some(1), Some(5)));
    assert!(shown.last_inventory_date.is_some());
}

fn files(lab: &Lab) -> usize {
    fn count(folder: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
    }
    let place = lab.folder.path().join("glacier");
    if place.exists() { count(&place) } else { 0 }
}

#[tokio::test]
async fn bytes_go_when_nobody_needs_them_and_not_before() {
    let lab = Lab::new().await;
    let bytes = noise(200_000);
    let (gone, needed) = (lab.upload(&bytes, "").await, lab.upload(&bytes, "").await);
    let job = lab.job(of_archive(&needed, "Expedited")).await.unwrap();
    assert_eq!(files(&lab), 2);
    lab.delete(&gone).await.unwrap();
    lab.delete(&gone).await.unwrap();
    lab.delete(&needed).await.unwrap();
    lab.cloud.advance(HOUR_MS);
    lab.cloud.eventually("the bytes nobody needs are gone", async || (files(&lab) == 1).then_some(())).await;
    lab.wait(&job).await;
    assert_eq!(lab.output(&job, None).await.unwrap().1, bytes);
    assert_eq!(code(lab.job(of_archive(&needed, "Bulk")).await), "ResourceNotFoundException");
    let all_gone = async || {
        lab.cloud.advance(HOUR_MS);
        (files(&lab) == 0).then_some(())
    };
    lab.cloud.eventually("the others went with the job", all_gone).await;
    assert_eq!(code(lab.output(&job, None).await), "ResourceNotFoundException");
}

#[tokio::test]
async fn what_lies_there_is_metered() {
    let lab = Lab::new().await;
    let id = lab.upload(&[7; 1_000], "").await;
    lab.cloud.advance(HOUR_MS / 2);
    lab.delete(&id).await.unwrap();
    let rows = meter::list(&lab.cloud.ctx("glacier"), "glacier", None, 100).await.unwrap();
    let of = |kind: &str| {
        let lines = rows.iter().map(|(_, line)| line).filter(|line| line.usage_type == kind);
        lines.map(|line| line.quantity).sum::<u64>()
    };
    assert_eq!(of("TimedStorage-ByteHrs"), 1_800 * (1_000 + 32 * 1_024));
    assert_eq!(of("EarlyDelete-ByteHrs"), (90 * 86_400 - 1_800) * 1_000);
}
