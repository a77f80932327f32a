//! Disks and images brought in, from a store of objects as small as these tests need it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use api_ec2 as api;
use api_ec2::op;
use block::FakeVolumes;
use compute::FakeMachines;
use kernel::testing::TestCloud;
use kernel::{Access, Ctx, Error, Kind, Plugs, Result, Service, ServiceBuilder};
use net::FakeNetworks;
use shape::Body;

use crate::identities::Known;

/// Objects by their keys; reading needs leave on them.
#[derive(Clone, Default)]
struct Objects(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Objects {
    fn service(&self) -> Service {
        let mut s = ServiceBuilder::new(&api_s3::SERVICE);
        s.own(self.clone());
        s.op(api_s3::op::GetObject, get_object)
            .access(|_, i| Ok(Access::on(format!("arn:aws:s3:::{}/{}", i.bucket, i.key))));
        s.build()
    }
}

async fn get_object(ctx: &Ctx, input: api_s3::GetObjectRequest) -> Result<api_s3::GetObjectOutput> {
    let found = ctx.own::<Objects>().0.lock().unwrap().get(&input.key).cloned();
    let found = found.ok_or_else(|| Error::new(Kind::NotFound, "NoSuchKey", "There is no such key."))?;
    let content_length = i64::try_from(found.len()).ok();
    Ok(api_s3::GetObjectOutput { content_length, body: Body::from_bytes(found), ..Default::default() })
}

struct House {
    cloud: TestCloud,
    machines: Arc<FakeMachines>,
    volumes: Arc<FakeVolumes>,
    objects: Objects,
}

async fn house() -> House {
    let (machines, volumes) = (Arc::new(FakeMachines::new()), Arc::new(FakeVolumes::new()));
    let plugs = Plugs::default()
        .with::<Arc<dyn compute::Machines>>(machines.clone())
        .with::<Arc<dyn net::Networks>>(Arc::new(FakeNetworks::new()))
        .with::<Arc<dyn block::Volumes>>(volumes.clone());
    let (known, objects) = (Known::default(), Objects::default());
    known.role(
        "vmimport",
        r#"{"Effect":"Allow","Principal":{"Service":"vmie.amazonaws.com"},"Action":"sts:AssumeRole",
            "Condition":{"StringEquals":{"sts:Externalid":"vmimport"}}}"#,
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::disks/*"}"#,
    );
    known.profile("web", "ec2.amazonaws.com");
    objects.0.lock().unwrap().insert("disk.raw".to_owned(), b"a disk".to_vec());
    objects.0.lock().unwrap().insert("bad.raw".to_owned(), b"damaged".to_vec());
    let services = vec![ec2::service(&plugs), known.service(), objects.service()];
    House { cloud: TestCloud::new(services).await, machines, volumes, objects }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn bucket(bucket: &str, key: &str) -> Option<api::UserBucket> {
    Some(api::UserBucket { s3_bucket: text(bucket), s3_key: text(key) })
}

fn snapshot(key: &str) -> api::ImportSnapshotRequest {
    let container = api::SnapshotDiskContainer {
        format: text("raw"),
        user_bucket: bucket("disks", key),
        ..Default::default()
    };
    api::ImportSnapshotRequest { disk_container: Some(container), ..Default::default() }
}

fn image(keys: &[&str]) -> api::ImportImageRequest {
    let disk = |key: &&str| api::ImageDiskContainer {
        format: text("raw"),
        url: Some(format!("s3://disks/{key}")),
        ..Default::default()
    };
    api::ImportImageRequest { disk_containers: Some(keys.iter().map(disk).collect()), ..Default::default() }
}

impl House {
    async fn snapshot_ends(&self, id: &str) -> api::SnapshotTaskDetail {
        let look = || api::DescribeImportSnapshotTasksRequest {
            import_task_ids: Some(vec![id.to_owned()]),
            ..Default::default()
        };
        self.cloud
            .eventually("the import ends", async || {
                let found = self.cloud.call(op::DescribeImportSnapshotTasks, look()).await.ok()?;
                let task = found.import_snapshot_tasks?.pop()?.snapshot_task_detail?;
                (!matches!(task.status.as_deref(), Some("active" | "deleting"))).then_some(task)
            })
            .await
    }

    /// The bytes go after the task's end is written down.
    async fn snapshots_left(&self, count: usize) {
        let left = async || (self.volumes.snapshots().len() == count).then_some(());
        self.cloud.eventually("what failed is gone", left).await;
    }

    async fn image_ends(&self, id: &str) -> api::ImportImageTask {
        let look = || api::DescribeImportImageTasksRequest {
            import_task_ids: Some(vec![id.to_owned()]),
            ..Default::default()
        };
        self.cloud
            .eventually("the import ends", async || {
                let found = self.cloud.call(op::DescribeImportImageTasks, look()).await.ok()?;
                let task = found.import_image_tasks?.pop()?;
                (!matches!(task.status.as_deref(), Some("active" | "deleting"))).then_some(task)
            })
            .await
    }
}

#[tokio::test]
async fn a_disk_becomes_a_snapshot_and_one_that_does_not_read_leaves_nothing() {
    let house = house().await;
    let made = house.cloud.call(op::ImportSnapshot, snapshot("disk.raw")).await.unwrap();
    assert_eq!(made.snapshot_task_detail.unwrap().status.as_deref(), Some("active"));
    let ended = house.snapshot_ends(&made.import_task_id.unwrap()).await;
    assert_eq!((ended.status.as_deref(), ended.disk_image_size), (Some("completed"), Some(6.0)));
    let id = ended.snapshot_id.unwrap();
    let look =
        || api::DescribeSnapshotsRequest { snapshot_ids: Some(vec![id.clone()]), ..Default::default() };
    house
        .cloud
        .eventually("it is in the store", async || {
            let found = house.cloud.call(op::DescribeSnapshots, look()).await.ok()?.snapshots?.pop()?;
            (found.state.as_deref() == Some("completed") && found.volume_size == Some(1)).then_some(())
        })
        .await;
    for (key, why) in [("bad.raw", "does not read"), ("none.raw", "Invalid S3 source location")] {
        let made = house.cloud.call(op::ImportSnapshot, snapshot(key)).await.unwrap();
        let ended = house.snapshot_ends(&made.import_task_id.unwrap()).await;
        assert_eq!(ended.status.as_deref(), Some("error"));
        assert!(ended.status_message.as_deref().unwrap().contains(why), "{ended:?}");
        assert!(ended.snapshot_id.is_none());
    }
    house.volumes.set_full(true);
    house.objects.0.lock().unwrap().insert("more.raw".to_owned(), b"more".to_vec());
    let made = house.cloud.call(op::ImportSnapshot, snapshot("more.raw")).await.unwrap();
    let ended = house.snapshot_ends(&made.import_task_id.unwrap()).await;
    assert!(ended.status_message.unwrap().contains("full"));
    house.snapshots_left(1).await;
}

#[tokio::test]
async fn an_image_is_made_of_its_disks_and_goes_with_the_last_that_has_it() {
    let house = house().await;
    let made = house.cloud.call(op::ImportImage, image(&["disk.raw", "disk.raw"])).await.unwrap();
    let id = made.import_task_id.unwrap();
    let ended = house.image_ends(&id).await;
    assert_eq!(ended.status.as_deref(), Some("completed"), "{ended:?}");
    let details = ended.snapshot_details.unwrap();
    assert!(details[0].snapshot_id.is_none() && details[1].snapshot_id.is_some());
    assert_eq!(details[1].device_name.as_deref(), Some("/dev/sdf"));
    let ami = ended.image_id.unwrap();
    let look = api::DescribeImagesRequest { image_ids: Some(vec![ami.clone()]), ..Default::default() };
    let shown = house.cloud.call(op::DescribeImages, look).await.unwrap().images.unwrap().remove(0);
    assert_eq!((shown.state.as_deref(), shown.name.as_deref()), (Some("available"), Some(id.as_str())));
    assert_eq!(shown.block_device_mappings.unwrap().len(), 2);
    let bases = async || compute::Machines::imported_images(&*house.machines).await.unwrap().len();
    assert_eq!(bases().await, 1);
    assert_eq!(house.volumes.snapshots().len(), 1, "the root's disk has become files");
    let gone = api::DeregisterImageRequest { image_id: ami, ..Default::default() };
    house.cloud.call(op::DeregisterImage, gone).await.unwrap();
    house.cloud.advance(60_000);
    house.cloud.eventually("the files are gone", async || (bases().await == 0).then_some(())).await;
}

#[tokio::test]
async fn a_disk_without_a_system_is_told_and_leaves_nothing() {
    let house = house().await;
    house.machines.refuse_disks(Some("none of its parts is a root"));
    let made = house.cloud.call(op::ImportImage, image(&["disk.raw"])).await.unwrap();
    let ended = house.image_ends(&made.import_task_id.unwrap()).await;
    assert_eq!(ended.status.as_deref(), Some("deleted"));
    assert!(ended.status_message.unwrap().contains("none of its parts is a root"));
    assert!(ended.image_id.is_none());
    house.snapshots_left(0).await;
}

#[tokio::test]
async fn imports_need_a_role_that_trusts_the_service_and_reads_the_object() {
    let house = house().await;
    for role in ["none", "web"] {
        let request = api::ImportSnapshotRequest { role_name: text(role), ..snapshot("disk.raw") };
        let error = house.cloud.call(op::ImportSnapshot, request).await.unwrap_err();
        assert_eq!(error.code(), "InvalidParameter", "{role}");
    }
    let mut request = snapshot("disk.raw");
    request.disk_container.as_mut().unwrap().user_bucket = bucket("others", "disk.raw");
    let made = house.cloud.call(op::ImportSnapshot, request).await.unwrap();
    let ended = house.snapshot_ends(&made.import_task_id.unwrap()).await;
    assert_eq!(ended.status.as_deref(), Some("error"), "the role may not read there");
}

#[tokio::test]
async fn imports_are_refused_with_the_codes_of_aws_and_repeated_by_their_token() {
    let house = house().await;
    let mut bad = snapshot("disk.raw");
    bad.disk_container.as_mut().unwrap().format = text("OVA");
    let refused = house.cloud.call(op::ImportSnapshot, bad).await.unwrap_err();
    assert_eq!(refused.code(), "InvalidParameter");
    let windows = api::ImportImageRequest { platform: text("Windows"), ..image(&["disk.raw"]) };
    assert_eq!(house.cloud.call(op::ImportImage, windows).await.unwrap_err().code(), "InvalidParameterValue");
    let mut twice = image(&["disk.raw", "disk.raw"]);
    for disk in twice.disk_containers.iter_mut().flatten() {
        disk.device_name = text("/dev/sdf");
    }
    assert_eq!(house.cloud.call(op::ImportImage, twice).await.unwrap_err().code(), "InvalidParameterValue");
    let cancel = |id: &str| api::CancelImportTaskRequest { import_task_id: text(id), ..Default::default() };
    for (id, code) in [
        ("import-x", "InvalidConversionTaskId.Malformed"),
        ("import-ami-0123456789abcdef0", "InvalidConversionTaskId"),
    ] {
        assert_eq!(house.cloud.call(op::CancelImportTask, cancel(id)).await.unwrap_err().code(), code);
    }
    let request = || api::ImportSnapshotRequest { client_token: text("once"), ..snapshot("disk.raw") };
    let first = house.cloud.call(op::ImportSnapshot, request()).await.unwrap().import_task_id.unwrap();
    let again = house.cloud.call(op::ImportSnapshot, request()).await.unwrap().import_task_id.unwrap();
    assert_eq!(first, again);
    house.snapshot_ends(&first).await;
    let late = house.cloud.call(op::CancelImportTask, cancel(&first)).await.unwrap_err();
    assert_eq!(late.code(), "IncorrectState");
}
