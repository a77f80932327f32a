//! What is done without being asked, on a clock that is moved: the scrubber, the census of buckets, inventories.

use std::path::{Path, PathBuf};

use api_s3::{
    InventoryConfiguration, InventoryDestination, InventoryS3BucketDestination, InventorySchedule,
    ListObjectsV2Request, PutBucketInventoryConfigurationRequest, PutBucketPolicyRequest, PutObjectRequest,
    op,
};
use flate2::read::GzDecoder;
use kernel::LocalRequest;
use serde_json::Value;

use super::{Lab, noise, put};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.metadata().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

async fn integrity(lab: &Lab) -> Value {
    let request = LocalRequest {
        method: "GET".to_owned(),
        path: "/_aws/s3/integrity".to_owned(),
        query: Vec::new(),
        body: bytes::Bytes::new(),
        from_loopback: true,
    };
    let answer = lab.cloud.house.local(request).await.unwrap().unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn the_scrubber_finds_what_is_damaged_and_what_is_gone() {
    let lab = Lab::new().await;
    for key in ["good", "bad", "gone"] {
        lab.put(key, noise(100_000)).await;
    }
    let mut stored = files(lab.folder.path());
    stored.retain(|path| path.metadata().unwrap().len() > 100_000);
    stored.sort();
    assert_eq!(stored.len(), 3);
    let mut bytes = std::fs::read(&stored[0]).unwrap();
    bytes[50_000] ^= 1;
    std::fs::write(&stored[0], bytes).unwrap();
    std::fs::remove_file(&stored[1]).unwrap();
    lab.cloud.advance(DAY_MS);
    let found = async || {
        let shown = integrity(&lab).await;
        (shown["damaged"].as_array().unwrap().len() == 2).then_some(shown)
    };
    let shown = lab.cloud.eventually("both are reported", found).await;
    assert_eq!(shown["round"]["blobs"], 3);
    // What is repaired, by a copy of the disk perhaps, is not reported any more; what is deleted neither.
    std::fs::copy(&stored[2], &stored[1]).unwrap();
    let mut bytes = std::fs::read(&stored[0]).unwrap();
    bytes[50_000] ^= 1;
    std::fs::write(&stored[0], bytes).unwrap();
    lab.cloud.advance(DAY_MS);
    let none = async || integrity(&lab).await["damaged"].as_array().unwrap().is_empty().then_some(());
    lab.cloud.eventually("nothing is reported", none).await;
}

#[tokio::test]
async fn storage_is_metered_by_the_hour_and_class() {
    let lab = Lab::new().await;
    lab.put("a", noise(10_240)).await;
    let archived = PutObjectRequest { storage_class: Some("GLACIER".to_owned()), ..put("b", noise(1_024)) };
    lab.try_put(archived).await.unwrap();
    lab.cloud.advance(HOUR_MS);
    let lines = async || {
        let ctx = lab.cloud.ctx("s3");
        let lines = kernel::meter::list(&ctx, "s3", None, 100).await.unwrap();
        let storage: Vec<_> =
            lines.into_iter().map(|(_, line)| line).filter(|line| line.resource == "bbb").collect();
        (storage.len() == 2).then_some(storage)
    };
    let lines = lab.cloud.eventually("an hour is metered", lines).await;
    let shown: Vec<_> = lines.iter().map(|l| (l.usage_type.as_str(), l.quantity, l.unit.as_str())).collect();
    let expected = [
        ("TimedStorage-ByteHrs", 36_000, "KiBSeconds"),
        ("TimedStorage-GlacierByteHrs", 3_600, "KiBSeconds"),
    ];
    assert_eq!(shown, expected);
}

async fn take_inventory(lab: &Lab) {
    let input = PutBucketInventoryConfigurationRequest {
        bucket: "bbb".to_owned(),
        id: "all".to_owned(),
        inventory_configuration: InventoryConfiguration {
            destination: InventoryDestination {
                s3_bucket_destination: InventoryS3BucketDestination {
                    bucket: "arn:aws:s3:::lists".to_owned(),
                    format: "CSV".to_owned(),
                    prefix: Some("of".to_owned()),
                    ..Default::default()
                },
            },
            is_enabled: true,
            id: "all".to_owned(),
            included_object_versions: "Current".to_owned(),
            optional_fields: Some(vec!["Size".to_owned()]),
            schedule: InventorySchedule { frequency: "Daily".to_owned() },
            ..Default::default()
        },
        ..Default::default()
    };
    lab.cloud.call(op::PutBucketInventoryConfiguration, input).await.unwrap();
}

async fn listed(lab: &Lab) -> Vec<String> {
    let input = ListObjectsV2Request { bucket: "lists".to_owned(), ..Default::default() };
    let page = lab.cloud.call(op::ListObjectsV2, input).await.unwrap();
    page.contents.unwrap_or_default().into_iter().map(|object| object.key.unwrap()).collect()
}

#[tokio::test]
async fn an_inventory_is_made_every_day_where_its_destination_lets_it() {
    let lab = Lab::new().await;
    lab.make_bucket("lists").await;
    for n in 0..1_500 {
        lab.put(&format!("k {n:04}"), b"12345".to_vec()).await;
    }
    take_inventory(&lab).await;
    lab.cloud.advance(DAY_MS);
    let quiet = async || lab.cloud.house.is_quiet().then_some(());
    lab.cloud.eventually("the first is refused", quiet).await;
    assert!(listed(&lab).await.is_empty());
    let statement = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "s3.amazonaws.com" }, "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::lists/*",
            "Condition": { "ArnLike": { "aws:SourceArn": "arn:aws:s3:::bbb" },
                           "StringEquals": { "aws:SourceAccount": "000000000000" } },
        }],
    });
    let policy = statement.to_string();
    let input = PutBucketPolicyRequest { bucket: "lists".to_owned(), policy, ..Default::default() };
    lab.cloud.call(op::PutBucketPolicy, input).await.unwrap();
    lab.cloud.advance(DAY_MS);
    let all = async || Some(listed(&lab).await).filter(|keys| keys.len() == 3);
    let keys = lab.cloud.eventually("a list is made", all).await;
    let manifest = keys.iter().find(|key| key.ends_with("manifest.json")).unwrap();
    let read = async |key: &str| {
        let input = api_s3::GetObjectRequest {
            bucket: "lists".to_owned(),
            key: key.to_owned(),
            ..Default::default()
        };
        lab.read(input).await.unwrap()
    };
    let manifest: Value = serde_json::from_slice(&read(manifest).await).unwrap();
    assert_eq!(manifest["fileSchema"], "Bucket, Key, Size");
    let file = manifest["files"][0]["key"].as_str().unwrap();
    assert!(file.starts_with("of/bbb/all/data/"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut GzDecoder::new(&read(file).await[..]), &mut text).unwrap();
    assert_eq!(text.lines().count(), 1_500);
    assert_eq!(text.lines().next(), Some("\"bbb\",\"k%200000\",\"5\""));
}

#[tokio::test]
async fn a_reset_takes_the_bytes_too_and_leaves_what_comes_after() {
    let lab = Lab::new().await;
    lab.put("before", noise(100_000)).await;
    let long = |lab: &Lab| files(lab.folder.path()).iter().filter(|path| is_long(path)).count();
    assert_eq!(long(&lab), 1);
    // Those of this very moment are left to the next.
    lab.cloud
        .eventually("the bytes are gone", async || {
            lab.cloud.house.reset().await.unwrap();
            (long(&lab) == 0).then_some(())
        })
        .await;
    lab.make_bucket("bbb").await;
    lab.put("after", noise(100_000)).await;
    assert_eq!(lab.get("after", None).await.unwrap().len(), 100_000);
    assert_eq!(long(&lab), 1);
}

fn is_long(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.len() > 100_000)
}
