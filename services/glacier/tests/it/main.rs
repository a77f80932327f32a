//! Glacier on a whole house with a clock that only tests move.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod archive;
mod job;
mod lock;
mod upload;
mod vault;

use std::sync::Arc;

use api_glacier::*;
use blob::Blobs;
use glacier::rules::tree_hash;
use kernel::testing::TestCloud;
use kernel::{Error, KeySealer, Plugs, Sealer, Service};
use shape::Body;
use tempfile::TempDir;

pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 24 * HOUR_MS;
pub const MIB: usize = 1 << 20;

/// A cloud with Glacier, and a vault named `v`.
pub struct Lab {
    pub cloud: TestCloud,
    pub folder: TempDir,
}

fn service(folder: &TempDir) -> Service {
    let sealer: Arc<dyn Sealer> = Arc::new(KeySealer::new(&[7; 32]).unwrap());
    glacier::service(&Plugs::default().with(sealer).with(Blobs::local(folder.path()).unwrap()))
}

impl Lab {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cloud = TestCloud::new(vec![service(&folder)]).await;
        let lab = Self { cloud, folder };
        lab.make("v").await;
        lab
    }

    pub async fn make(&self, name: &str) {
        let input = CreateVaultInput { account_id: own(), vault_name: name.to_owned() };
        self.cloud.call(op::CreateVault, input).await.unwrap();
    }

    pub async fn upload(&self, bytes: &[u8], description: &str) -> String {
        let input =
            UploadArchiveInput { archive_description: Some(description.to_owned()), ..to_upload(bytes) };
        self.cloud.call(op::UploadArchive, input).await.unwrap().archive_id.unwrap()
    }

    pub async fn describe(&self) -> DescribeVaultOutput {
        let input = DescribeVaultInput { account_id: own(), vault_name: "v".to_owned() };
        self.cloud.call(op::DescribeVault, input).await.unwrap()
    }

    pub async fn delete(&self, id: &str) -> Result<(), Error> {
        let input =
            DeleteArchiveInput { archive_id: id.to_owned(), account_id: own(), vault_name: "v".to_owned() };
        self.cloud.call(op::DeleteArchive, input).await
    }

    pub async fn job(&self, parameters: JobParameters) -> Result<String, Error> {
        let input = InitiateJobInput {
            account_id: own(),
            vault_name: "v".to_owned(),
            job_parameters: Some(parameters),
        };
        Ok(self.cloud.call(op::InitiateJob, input).await?.job_id.unwrap())
    }

    pub async fn look(&self, job: &str) -> GlacierJobDescription {
        self.try_look(job).await.unwrap()
    }

    pub async fn try_look(&self, job: &str) -> Result<GlacierJobDescription, Error> {
        let input =
            DescribeJobInput { account_id: own(), vault_name: "v".to_owned(), job_id: job.to_owned() };
        self.cloud.call(op::DescribeJob, input).await
    }

    pub async fn wait(&self, job: &str) -> GlacierJobDescription {
        let ended = async || Some(self.look(job).await).filter(|job| job.completed == Some(true));
        self.cloud.eventually("the job ends", ended).await
    }

    pub async fn output(
        &self,
        job: &str,
        range: Option<&str>,
    ) -> Result<(GetJobOutputOutput, Vec<u8>), Error> {
        let input = GetJobOutputInput {
            account_id: own(),
            vault_name: "v".to_owned(),
            job_id: job.to_owned(),
            range: range.map(str::to_owned),
        };
        let output = self.cloud.call(op::GetJobOutput, input).await?;
        let bytes = output.body.collect(1 << 30).await.expect("whole").to_vec();
        Ok((output, bytes))
    }
}

pub fn own() -> String {
    "-".to_owned()
}

pub fn hash(bytes: &[u8]) -> Option<String> {
    Some(tree_hash::to_hex(&tree_hash::of(bytes)))
}

pub fn to_upload(bytes: &[u8]) -> UploadArchiveInput {
    UploadArchiveInput {
        account_id: own(),
        vault_name: "v".to_owned(),
        checksum: hash(bytes),
        body: Body::from_bytes(bytes.to_vec()),
        ..Default::default()
    }
}

pub fn of_archive(id: &str, tier: &str) -> JobParameters {
    JobParameters {
        r#type: Some("archive-retrieval".to_owned()),
        archive_id: Some(id.to_owned()),
        tier: Some(tier.to_owned()),
        ..Default::default()
    }
}

/// Bytes that repeat late, so that a chunk in another's place is noticed.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(step).collect()
}

pub fn code<T>(outcome: Result<T, Error>) -> &'static str {
    match outcome {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.code(),
    }
}

/// Every operation listed is declared.
#[test]
fn everything_listed_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder);
    let listed: Vec<_> = service.def().ops.iter().map(|op| op.name).collect();
    assert_eq!(service.declared().collect::<Vec<_>>(), listed);
}
