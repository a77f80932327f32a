//! Images into a store of objects and back, as small as these tests need that.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use api_ec2 as api;
use api_ec2::op;
use api_s3 as s3;
use block::{BLOCK_BYTES, FakeVolumes, Volumes};
use bytes::Bytes;
use compute::{FakeMachines, ImageId, Machines};
use http_body_util::BodyExt;
use kernel::testing::TestCloud;
use kernel::{Access, Ctx, Error, Kind, Plugs, Result, Service, ServiceBuilder};
use net::FakeNetworks;
use shape::{Body, BodyError};

const BUCKET: &str = "shelf";

/// Objects and uploads by their keys.
#[derive(Clone, Default)]
pub(crate) struct Objects(Arc<Mutex<Shelf>>);

#[derive(Default)]
struct Shelf {
    objects: BTreeMap<String, Vec<u8>>,
    uploads: BTreeMap<String, s3::CreateMultipartUploadRequest>,
    parts: BTreeMap<String, BTreeMap<i32, Vec<u8>>>,
    /// As the last one of those that ended was begun.
    ended: Option<s3::CreateMultipartUploadRequest>,
}

impl Objects {
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().objects.get(key).cloned()
    }

    /// Those that neither ended nor were given up.
    pub(crate) fn uploads(&self) -> usize {
        self.0.lock().unwrap().uploads.len()
    }

    pub(crate) fn service(&self) -> Service {
        let mut s = ServiceBuilder::new(&s3::SERVICE);
        s.own(self.clone());
        s.op(s3::op::HeadBucket, head_bucket).access(|_, _| Ok(Access::any()));
        s.op(s3::op::HeadObject, head_object).access(|_, _| Ok(Access::any()));
        s.op(s3::op::GetObject, get_object).access(|_, _| Ok(Access::any()));
        s.op(s3::op::CreateMultipartUpload, begin).access(|_, _| Ok(Access::any()));
        s.op(s3::op::UploadPart, part).access(|_, _| Ok(Access::any()));
        s.op(s3::op::CompleteMultipartUpload, complete).access(|_, _| Ok(Access::any()));
        s.op(s3::op::AbortMultipartUpload, abort).access(|_, _| Ok(Access::any()));
        s.op(s3::op::ListMultipartUploads, list_uploads).access(|_, _| Ok(Access::any()));
        s.op(s3::op::DeleteObject, delete).access(|_, _| Ok(Access::any()));
        s.build()
    }
}

fn none() -> Error {
    Error::new(Kind::NotFound, "NoSuchKey", "There is no such key.")
}

async fn head_bucket(_: &Ctx, input: s3::HeadBucketRequest) -> Result<s3::HeadBucketOutput> {
    let there = Some(if input.bucket == BUCKET { "us-east-1" } else { "eu-west-1" }.to_owned());
    Ok(s3::HeadBucketOutput { bucket_region: there, ..Default::default() })
}

async fn head_object(ctx: &Ctx, input: s3::HeadObjectRequest) -> Result<s3::HeadObjectOutput> {
    let found = ctx.own::<Objects>().0.lock().unwrap().objects.contains_key(&input.key);
    if found { Ok(Default::default()) } else { Err(none()) }
}

async fn get_object(ctx: &Ctx, input: s3::GetObjectRequest) -> Result<s3::GetObjectOutput> {
    let found = ctx.own::<Objects>().0.lock().unwrap().objects.get(&input.key).cloned();
    let body = Body::from_bytes(found.ok_or_else(none)?);
    Ok(s3::GetObjectOutput { e_tag: Some("\"tag\"".to_owned()), body, ..Default::default() })
}

async fn begin(
    ctx: &Ctx,
    input: s3::CreateMultipartUploadRequest,
) -> Result<s3::CreateMultipartUploadOutput> {
    let id = ctx.ids().hex(8);
    ctx.own::<Objects>().0.lock().unwrap().uploads.insert(id.clone(), input);
    Ok(s3::CreateMultipartUploadOutput { upload_id: Some(id), ..Default::default() })
}

async fn gathered(body: &Body) -> std::result::Result<Vec<u8>, BodyError> {
    let (mut frames, mut bytes) = (body.take(), Vec::new());
    while let Some(frame) = frames.frame().await {
        bytes.extend(frame?.into_data().unwrap_or_default());
    }
    Ok(bytes)
}

async fn part(ctx: &Ctx, input: s3::UploadPartRequest) -> Result<s3::UploadPartOutput> {
    let s3::UploadPartRequest { body, upload_id, part_number, .. } = input;
    let bytes = gathered(&body).await.map_err(Error::internal)?;
    let shelf = &ctx.own::<Objects>().0;
    if !shelf.lock().unwrap().uploads.contains_key(&upload_id) {
        return Err(Error::new(Kind::NotFound, "NoSuchUpload", "There is no such upload."));
    }
    shelf.lock().unwrap().parts.entry(upload_id).or_default().insert(part_number, bytes);
    Ok(s3::UploadPartOutput { e_tag: Some(part_number.to_string()), ..Default::default() })
}

async fn complete(
    ctx: &Ctx,
    input: s3::CompleteMultipartUploadRequest,
) -> Result<s3::CompleteMultipartUploadOutput> {
    let mut shelf = ctx.own::<Objects>().0.lock().unwrap();
    let parts = shelf.parts.remove(&input.upload_id).unwrap_or_default();
    shelf.ended = shelf.uploads.remove(&input.upload_id);
    shelf.objects.insert(input.key, parts.into_values().flatten().collect());
    Ok(Default::default())
}

async fn abort(ctx: &Ctx, input: s3::AbortMultipartUploadRequest) -> Result<s3::AbortMultipartUploadOutput> {
    ctx.own::<Objects>().0.lock().unwrap().uploads.remove(&input.upload_id);
    Ok(Default::default())
}

async fn list_uploads(
    ctx: &Ctx,
    input: s3::ListMultipartUploadsRequest,
) -> Result<s3::ListMultipartUploadsOutput> {
    let (shelf, prefix) = (ctx.own::<Objects>().0.lock().unwrap(), input.prefix.unwrap_or_default());
    let meant = shelf.uploads.iter().filter(|(_, upload)| upload.key.starts_with(&prefix));
    let shown = |(id, upload): (&String, &s3::CreateMultipartUploadRequest)| s3::MultipartUpload {
        key: Some(upload.key.clone()),
        upload_id: Some(id.clone()),
        ..Default::default()
    };
    Ok(s3::ListMultipartUploadsOutput { uploads: Some(meant.map(shown).collect()), ..Default::default() })
}

async fn delete(ctx: &Ctx, input: s3::DeleteObjectRequest) -> Result<s3::DeleteObjectOutput> {
    ctx.own::<Objects>().0.lock().unwrap().objects.remove(&input.key);
    Ok(Default::default())
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
        .with::<Arc<dyn Volumes>>(volumes.clone());
    let objects = Objects::default();
    let cloud = TestCloud::new(vec![ec2::service(&plugs), objects.service()]).await;
    House { cloud, machines, volumes, objects }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn block(fill: u8) -> Bytes {
    vec![fill; usize::try_from(BLOCK_BYTES).unwrap()].into()
}

fn store(image: &str, bucket: &str) -> api::CreateStoreImageTaskRequest {
    api::CreateStoreImageTaskRequest {
        image_id: image.to_owned(),
        bucket: bucket.to_owned(),
        s3_object_tags: Some(vec![api::S3ObjectTag { key: text("kind"), value: text("kept") }]),
        ..Default::default()
    }
}

fn restore(key: &str, name: Option<&str>) -> api::CreateRestoreImageTaskRequest {
    api::CreateRestoreImageTaskRequest {
        bucket: BUCKET.to_owned(),
        object_key: key.to_owned(),
        name: name.map(str::to_owned),
        ..Default::default()
    }
}

/// An image of an instance with these volumes besides its root.
pub(crate) async fn image(cloud: &TestCloud, devices: &[&str]) -> String {
    let volume = |device: &&str| api::BlockDeviceMapping {
        device_name: text(device),
        ebs: Some(api::EbsBlockDevice { volume_size: Some(3), ..Default::default() }),
        ..Default::default()
    };
    let run = api::RunInstancesRequest {
        image_id: text("ami-0c100d1e700000001"),
        instance_type: text("t3.micro"),
        min_count: 1,
        max_count: 1,
        block_device_mappings: Some(devices.iter().map(volume).collect()),
        ..Default::default()
    };
    let made = cloud.call(op::RunInstances, run).await.unwrap().instances.unwrap();
    let instance = made[0].instance_id.clone().unwrap();
    let look =
        || api::DescribeInstancesRequest { instance_ids: Some(vec![instance.clone()]), ..Default::default() };
    cloud
        .eventually("it runs", async || {
            let found = cloud.call(op::DescribeInstances, look()).await.ok()?;
            let one = found.reservations?.pop()?.instances?.pop()?;
            (one.state?.name.as_deref() == Some("running")).then_some(())
        })
        .await;
    let create = api::CreateImageRequest {
        instance_id: instance.clone(),
        name: "web".to_owned(),
        description: text("a web server"),
        no_reboot: Some(true),
        ..Default::default()
    };
    cloud.call(op::CreateImage, create).await.unwrap().image_id.unwrap()
}

impl House {
    /// An image of an instance with a second volume; its snapshots hold these blocks.
    async fn image(&self) -> String {
        let image = image(&self.cloud, &["/dev/sdf"]).await;
        for (fill, id) in (1..).zip(self.snapshots(&image).await) {
            let id = block::Id::new(id.as_str()).unwrap();
            self.volumes.put_block(&id, 0, block(fill), None).await.unwrap();
            self.volumes.put_block(&id, 900, block(fill + 10), None).await.unwrap();
        }
        let tags = vec![api::Tag { key: text("kind"), value: text("web") }];
        let tag = api::CreateTagsRequest { resources: vec![image.clone()], tags, ..Default::default() };
        self.cloud.call(op::CreateTags, tag).await.unwrap();
        image
    }

    async fn shown(&self, image: &str) -> api::Image {
        let look =
            api::DescribeImagesRequest { image_ids: Some(vec![image.to_owned()]), ..Default::default() };
        self.cloud.call(op::DescribeImages, look).await.unwrap().images.unwrap().remove(0)
    }

    async fn snapshots(&self, image: &str) -> Vec<String> {
        let mappings = self.shown(image).await.block_device_mappings.unwrap();
        mappings.into_iter().filter_map(|one| one.ebs?.snapshot_id).collect()
    }

    async fn tasks(&self) -> Vec<api::StoreImageTaskResult> {
        let found = self.cloud.call(op::DescribeStoreImageTasks, Default::default()).await.unwrap();
        found.store_image_task_results.unwrap()
    }

    async fn stored(&self, wanted: &str) -> api::StoreImageTaskResult {
        self.cloud
            .eventually("the task ends", async || {
                let task = self.tasks().await.into_iter().next()?;
                (task.store_task_state.as_deref() == Some(wanted)).then_some(task)
            })
            .await
    }

    async fn becomes(&self, image: &str, wanted: &str) -> api::Image {
        self.cloud
            .eventually(wanted, async || {
                let shown = self.shown(image).await;
                (shown.state.as_deref() == Some(wanted)).then_some(shown)
            })
            .await
    }
}

#[tokio::test]
async fn an_image_goes_into_a_bucket_and_comes_back_with_all_it_had() {
    let house = house().await;
    let image = house.image().await;
    let key = house.cloud.call(op::CreateStoreImageTask, store(&image, BUCKET)).await.unwrap().object_key;
    let key = key.unwrap();
    assert_eq!(key, format!("{image}.bin"));
    let task = house.stored("Completed").await;
    assert_eq!((task.progress_percentage, task.s3object_key.as_deref()), (Some(100), Some(key.as_str())));
    let begun = house.objects.0.lock().unwrap().ended.take().unwrap();
    assert_eq!(begun.tagging.as_deref(), Some("kind=kept"));
    let beside = begun.metadata.unwrap();
    assert_eq!((beside["ami-name"].as_str(), beside["ami-owner-account"].as_str()), ("web", "000000000000"));

    let taken = house.cloud.call(op::CreateRestoreImageTask, restore(&key, None)).await.unwrap_err();
    assert_eq!(taken.code(), "InvalidAMIName.Duplicate");
    let made = house.cloud.call(op::CreateRestoreImageTask, restore(&key, Some("again"))).await.unwrap();
    let again = made.image_id.unwrap();
    let shown = house.becomes(&again, "available").await;
    assert_eq!((shown.name.as_deref(), shown.description.as_deref()), (Some("again"), Some("a web server")));
    assert_eq!(shown.tags.unwrap()[0].value.as_deref(), Some("web"));
    let before = house.shown(&image).await.block_device_mappings.unwrap();
    let after = shown.block_device_mappings.unwrap();
    let kept = |one: &api::BlockDeviceMapping| {
        let ebs = one.ebs.clone().unwrap();
        (one.device_name.clone(), ebs.volume_size, ebs.volume_type, ebs.delete_on_termination)
    };
    assert_eq!(before.iter().map(kept).collect::<Vec<_>>(), after.iter().map(kept).collect::<Vec<_>>());
    for (fill, id) in (1..).zip(house.snapshots(&again).await) {
        let id = block::Id::new(id).unwrap();
        assert_eq!(house.volumes.block(&id, 0, None).await.unwrap(), block(fill));
        assert_eq!(house.volumes.block(&id, 900, None).await.unwrap(), block(fill + 10));
    }
    let run = api::RunInstancesRequest {
        image_id: Some(again),
        instance_type: text("t3.micro"),
        min_count: 1,
        max_count: 1,
        ..Default::default()
    };
    house.cloud.call(op::RunInstances, run).await.unwrap();
}

#[tokio::test]
async fn an_image_brings_the_files_below_its_root_where_only_this_cloud_has_them() {
    let house = house().await;
    let mine = ImageId("oci-mine".to_owned());
    house.machines.import_image(&mine, Path::new("/dev/fake")).await.unwrap();
    let register = api::RegisterImageRequest {
        name: "mine".to_owned(),
        image_location: text("oci:mine"),
        ..Default::default()
    };
    let image = house.cloud.call(op::RegisterImage, register).await.unwrap().image_id.unwrap();
    let key = house.cloud.call(op::CreateStoreImageTask, store(&image, BUCKET)).await.unwrap().object_key;
    house.stored("Completed").await;
    house
        .cloud
        .eventually("no disk is left", async || house.volumes.snapshots().is_empty().then_some(()))
        .await;
    house.machines.remove_image(&mine).await.unwrap();

    let made =
        house.cloud.call(op::CreateRestoreImageTask, restore(&key.unwrap(), Some("again"))).await.unwrap();
    let again = made.image_id.unwrap();
    house.becomes(&again, "available").await;
    let base = ImageId(format!("oci-import-{again}"));
    assert_eq!(house.machines.imported_images().await.unwrap(), std::slice::from_ref(&base));
    house
        .cloud
        .eventually("no disk is left", async || house.volumes.snapshots().is_empty().then_some(()))
        .await;
    // Its files go when nothing is made of it any more.
    let end = api::DeregisterImageRequest { image_id: again, ..Default::default() };
    house.cloud.call(op::DeregisterImage, end).await.unwrap();
    house.cloud.advance(120_000);
    let gone = async || house.machines.imported_images().await.ok()?.is_empty().then_some(());
    house.cloud.eventually("its files are gone", gone).await;
}

#[tokio::test]
async fn files_below_a_root_that_cannot_be_read_fail_their_image() {
    let house = house().await;
    house.machines.import_image(&ImageId("oci-mine".to_owned()), Path::new("/dev/fake")).await.unwrap();
    let register = api::RegisterImageRequest {
        name: "mine".to_owned(),
        image_location: text("oci:mine"),
        ..Default::default()
    };
    let image = house.cloud.call(op::RegisterImage, register).await.unwrap().image_id.unwrap();
    let key = house.cloud.call(op::CreateStoreImageTask, store(&image, BUCKET)).await.unwrap().object_key;
    house.stored("Completed").await;
    house.machines.refuse_disks(Some("no root"));
    let made =
        house.cloud.call(op::CreateRestoreImageTask, restore(&key.unwrap(), Some("again"))).await.unwrap();
    let failed = house.becomes(&made.image_id.unwrap(), "failed").await;
    assert!(failed.state_reason.unwrap().message.unwrap().contains("no root"));
    house
        .cloud
        .eventually("no disk is left", async || house.volumes.snapshots().is_empty().then_some(()))
        .await;
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_and_what_fails_says_why() {
    let house = house().await;
    let image = house.image().await;
    for (id, bucket, code) in [
        ("ami-x", BUCKET, "InvalidAMIID.Malformed"),
        ("ami-0c100d1e700000001", BUCKET, "AuthFailure"),
        ("ami-0123456789abcdef0", BUCKET, "InvalidAMIID.NotFound"),
        (image.as_str(), "elsewhere", "InvalidParameterValue"),
    ] {
        let refused = house.cloud.call(op::CreateStoreImageTask, store(id, bucket)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{id}");
    }
    let dry = api::CreateStoreImageTaskRequest { dry_run: Some(true), ..store(&image, BUCKET) };
    assert_eq!(house.cloud.call(op::CreateStoreImageTask, dry).await.unwrap_err().code(), "DryRunOperation");
    assert!(house.tasks().await.is_empty() && house.objects.0.lock().unwrap().uploads.is_empty());

    house.objects.0.lock().unwrap().objects.insert(format!("{image}.bin"), Vec::new());
    let there = house.cloud.call(op::CreateStoreImageTask, store(&image, BUCKET)).await.unwrap_err();
    assert_eq!(there.code(), "IncorrectState");
    for key in ["none", &format!("{image}.bin")] {
        let refused = house.cloud.call(op::CreateRestoreImageTask, restore(key, None)).await.unwrap_err();
        assert_eq!(refused.code(), "InvalidParameterValue", "{key}");
    }
    house.objects.0.lock().unwrap().objects.clear();
    house.cloud.call(op::CreateStoreImageTask, store(&image, BUCKET)).await.unwrap();
    house.stored("Completed").await;
    // Whose bytes are cut, its image fails, and what was made of it goes.
    let key = format!("{image}.bin");
    let whole = house.objects.0.lock().unwrap().objects[&key].clone();
    house.objects.0.lock().unwrap().objects.insert("cut".to_owned(), whole[..whole.len() - 9].to_vec());
    let made = house.cloud.call(op::CreateRestoreImageTask, restore("cut", Some("cut"))).await.unwrap();
    let failed = house.becomes(&made.image_id.unwrap(), "failed").await;
    assert!(failed.state_reason.unwrap().message.unwrap().contains("damaged"));
}

#[tokio::test]
async fn tasks_are_listed_latest_first_and_forgotten_after_a_month() {
    let house = house().await;
    let image = house.image().await;
    house.cloud.call(op::CreateStoreImageTask, store(&image, BUCKET)).await.unwrap();
    house.stored("Completed").await;
    house.cloud.advance(1_000);
    house.objects.0.lock().unwrap().objects.clear();
    house.cloud.call(op::CreateStoreImageTask, store(&image, BUCKET)).await.unwrap();
    let tasks = house.tasks().await;
    assert_eq!(tasks.len(), 2);
    let times: Vec<_> = tasks.iter().map(|task| task.task_start_time.unwrap().as_millis()).collect();
    assert!(times[0] > times[1], "the latest first");
    let page = api::DescribeStoreImageTasksRequest { max_results: Some(1), ..Default::default() };
    let first = house.cloud.call(op::DescribeStoreImageTasks, page.clone()).await.unwrap();
    assert_eq!(first.store_image_task_results.unwrap().len(), 1);
    let rest = api::DescribeStoreImageTasksRequest { next_token: first.next_token, ..page };
    let rest = house.cloud.call(op::DescribeStoreImageTasks, rest).await.unwrap();
    assert!(rest.next_token.is_none());
    let both = api::DescribeStoreImageTasksRequest {
        image_ids: Some(vec![image]),
        max_results: Some(1),
        ..Default::default()
    };
    let refused = house.cloud.call(op::DescribeStoreImageTasks, both).await.unwrap_err();
    assert_eq!(refused.code(), "InvalidParameterCombination");
    let is_done = |task: &api::StoreImageTaskResult| task.store_task_state.as_deref() == Some("Completed");
    let all_done = async || house.tasks().await.iter().all(is_done).then_some(());
    house.cloud.eventually("both have ended", all_done).await;
    house.cloud.advance(32 * 86_400_000);
    house.cloud.eventually("they are forgotten", async || house.tasks().await.is_empty().then_some(())).await;
}
