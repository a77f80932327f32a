//! S3 on a cloud in one process.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail")]

mod access;
mod access_points;
mod buckets;
mod lifecycle;
mod listing;
mod multipart;
mod notices;
mod object_access;
mod objects;
mod restore;
mod upkeep;
mod versions;

use std::sync::Arc;

use api_s3::{CreateBucketRequest, GetObjectRequest, PutObjectOutput, PutObjectRequest, op};
use blob::Blobs;
use kernel::testing::TestCloud;
use kernel::{Error, KeySealer, Plugs, Sealer};
use shape::{Body, Ref};
use tempfile::TempDir;

/// A cloud with S3, and a bucket named `bbb`.
struct Lab {
    cloud: TestCloud,
    folder: TempDir,
}

impl Lab {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[7; 32]).unwrap());
        let plugs = Plugs::default().with(sealer).with(Blobs::local(folder.path()).unwrap());
        let cloud = TestCloud::new(vec![s3::service(&plugs)]).await;
        let lab = Self { cloud, folder };
        lab.make_bucket("bbb").await;
        lab
    }

    async fn make_bucket(&self, name: &str) {
        let input = CreateBucketRequest { bucket: name.to_owned(), ..Default::default() };
        self.cloud.call(op::CreateBucket, input).await.unwrap();
    }

    async fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) -> PutObjectOutput {
        self.try_put(put(key, bytes)).await.unwrap()
    }

    async fn try_put(&self, input: PutObjectRequest) -> Result<PutObjectOutput, Error> {
        self.cloud.call(op::PutObject, input).await
    }

    /// The bytes of an object, or the code of the refusal.
    async fn get(&self, key: &str, version_id: Option<&str>) -> Result<Vec<u8>, &'static str> {
        self.read(GetObjectRequest { version_id: version_id.map(str::to_owned), ..get(key) }).await
    }

    async fn read(&self, input: GetObjectRequest) -> Result<Vec<u8>, &'static str> {
        let output = self.cloud.call(op::GetObject, input).await.map_err(|error| error.code())?;
        let bytes = output.body.collect(1 << 30).await.map_err(|_| "damaged")?;
        assert_eq!(output.content_length, i64::try_from(bytes.len()).ok());
        Ok(bytes.to_vec())
    }
}

fn put(key: &str, bytes: impl Into<Vec<u8>>) -> PutObjectRequest {
    PutObjectRequest {
        bucket: "bbb".to_owned(),
        key: key.to_owned(),
        body: Body::from_bytes(bytes.into()),
        ..Default::default()
    }
}

fn get(key: &str) -> GetObjectRequest {
    GetObjectRequest { bucket: "bbb".to_owned(), key: key.to_owned(), ..Default::default() }
}

/// What a refusal says besides code and message, in its body or a header.
fn told(refused: &Error, name: &str) -> Option<String> {
    let fields = refused.fields()?;
    let mut members = fields.schema().members.iter().enumerate().filter(|(_, member)| member.wire == name);
    members.find_map(|(i, _)| match fields.get(i).view() {
        Some(Ref::String(value)) => Some(value.to_owned()),
        _ => None,
    })
}

/// Bytes that repeat late, so that a chunk in another's place is noticed.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(step).collect()
}

/// Every operation listed is declared.
#[test]
fn everything_listed_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[7; 32]).unwrap());
    let plugs = Plugs::default().with(sealer).with(Blobs::local(folder.path()).unwrap());
    let service = s3::service(&plugs);
    let listed: Vec<_> = service.def().ops.iter().map(|op| op.name).collect();
    assert_eq!(service.declared().collect::<Vec<_>>(), listed);
    for further in service.further() {
        let listed: Vec<_> = further.def().ops.iter().map(|op| op.name).collect();
        assert_eq!(further.declared().collect::<Vec<_>>(), listed);
    }
}
