//! Images stored in S3: begun in the caller's name, which must be able to read the snapshots and to write the object.

use api_ec2 as api;
use api_s3::{
    AbortMultipartUploadRequest, CreateMultipartUploadRequest, HeadBucketRequest, HeadObjectRequest, op,
};
use kernel::tx::Reader;
use kernel::{Access, Ctx, Error, Kind, Result, Scope, Tx};
use shape::Timestamp;

use super::encryption;
use super::image::state;
use super::image_make::check_id;
use super::page::{self, check_dry_run};
use super::snapshot::check_here;
use crate::controllers::image_store::{CONTROLLER, Progress};
use crate::errors;
use crate::rules::filter::Filters;
use crate::rules::image as builtin;
use crate::rules::image_store::{self as rules, Disk, Head, IMAGE_GIB_MAX, STORING_GIB_MAX, of_s3};
use crate::service::Engines;
use crate::state::id::{Id, ImageId, SnapshotId};
use crate::state::image::{self, Image};
use crate::state::image_store::{self as tasks, Done, StoreTask};
use crate::state::snapshot::{self, Snapshot};
use crate::state::tag::{self, Tags};

const FILTERS: &[&str] = &["bucket", "task-state"];
const IMAGES_MAX: usize = 20;

/// An image that may be stored.
struct Found {
    place: Scope,
    image: Image,
    head: Head,
    snapshots: Vec<Snapshot>,
}

/// # Errors
/// For an image that is public only, comes with the cloud, is not whole, or whose snapshots the caller may not use.
fn find(from: &mut impl Reader, scope: &Scope, id: &ImageId) -> Result<Found> {
    if builtin::find(id).is_some() {
        return Err(errors::image_not_yours(id));
    }
    let missing = || errors::images_not_found(&[id.to_string()]);
    let (place, image) = image::find_anywhere(from, id)?.ok_or_else(missing)?;
    let is_shared =
        place.region == scope.region && image.shared.accounts.contains(&scope.account.to_string());
    if place != *scope && !is_shared {
        let is_seen = place.region == scope.region && image.shared.everybody;
        return Err(if is_seen { errors::image_not_yours(id) } else { missing() });
    }
    if state(from, &place, &image)? != "available" {
        return Err(errors::image_unavailable(id));
    }
    let (mut head, mut snapshots) = (Head::new(&image, visible_tags(from, scope, &image.id)?), Vec::new());
    for (device, shown) in image.devices.iter().zip(&mut head.devices) {
        let Some(wanted) = &device.snapshot else { continue };
        let one = snapshot::find_usable(from, scope, wanted)?;
        let one = one.ok_or_else(|| errors::snapshot_not_permitted(id))?;
        check_here(&one)?;
        shown.disk = Some(Disk {
            size_gib: one.size_gib,
            description: one.description.clone(),
            tags: visible_tags(from, scope, &one.id)?,
            blocks: 0,
        });
        snapshots.push(one);
    }
    Ok(Found { place, image, head, snapshots })
}

impl Found {
    /// The engine's image below the root, where not every cloud has it.
    fn own_base(&self) -> Option<compute::ImageId> {
        let is_known = builtin::all().iter().any(|known| known.engine == self.image.base);
        (!is_known).then(|| compute::ImageId(self.image.base.clone()))
    }

    /// Says what follows the head, and that it is not too much.
    async fn complete(&mut self, ctx: &Ctx) -> Result<()> {
        if let Some(base) = self.own_base() {
            let bytes = ctx.own::<Engines>().machines.image_bytes(&base).await.map_err(Error::internal)?;
            self.head.bring_files(bytes);
        }
        match self.head.size_gib() > IMAGE_GIB_MAX {
            true => Err(errors::image_too_large(&self.image.id, IMAGE_GIB_MAX)),
            false => self.head.encode().map(drop),
        }
    }
}

/// Those the account sees, which are its own.
fn visible_tags<I: Id>(from: &mut impl Reader, scope: &Scope, id: &I) -> Result<Tags> {
    let mut tags = tag::of(from, scope, id)?;
    tags.retain(|key, _| !key.starts_with("aws:"));
    Ok(tags)
}

/// A snapshot as policies of EBS name it: of no account.
pub fn blocks_of(scope: &Scope, id: &str) -> Access {
    Access::on(format!("arn:{}:ec2:{}::snapshot/{id}", scope.partition(), scope.region))
}

/// # Errors
/// Those of S3, as EC2 tells them, and for a bucket of another region.
pub async fn check_bucket(ctx: &Ctx, bucket: &str) -> Result<()> {
    let asked = HeadBucketRequest { bucket: bucket.to_owned(), ..Default::default() };
    let found = ctx.call(op::HeadBucket, asked).await.map_err(of_s3)?;
    match found.bucket_region.filter(|region| region != ctx.region().as_str()) {
        Some(region) => Err(errors::bucket_unusable(&format!("{bucket} is in the region {region}."))),
        None => Ok(()),
    }
}

/// One bucket has an image once.
async fn check_absent(ctx: &Ctx, bucket: &str, key: &str) -> Result<()> {
    let asked = HeadObjectRequest { bucket: bucket.to_owned(), key: key.to_owned(), ..Default::default() };
    match ctx.call(op::HeadObject, asked).await {
        Ok(_) => Err(errors::image_stored_already(bucket, key)),
        Err(error) if error.kind() == Kind::NotFound => Ok(()),
        Err(error) => Err(of_s3(error)),
    }
}

pub async fn create_store_image_task(
    ctx: &Ctx,
    input: api::CreateStoreImageTaskRequest,
) -> Result<api::CreateStoreImageTaskResult> {
    let id = check_id(&input.image_id)?;
    let tagging = rules::object_tags(input.s3_object_tags)?;
    let (scope, bucket, key) = (*ctx.scope(), input.bucket, rules::key(id.as_str()));
    let mut found = ctx.read(|snap| find(snap, &scope, &id)).await?;
    found.complete(ctx).await?;
    for one in &found.snapshots {
        let access = blocks_of(&scope, one.id.as_str());
        ctx.authorize("ebs:ListSnapshotBlocks", &access).await?;
        ctx.authorize("ebs:GetSnapshotBlock", &access).await?;
        encryption::check_usable(ctx, one.seal.as_ref()).await?;
    }
    check_bucket(ctx, &bucket).await?;
    check_absent(ctx, &bucket, &key).await?;
    check_dry_run(input.dry_run)?;
    let task = begin(ctx, found, bucket, tagging).await?;
    ctx.nudge(CONTROLLER, &task.id);
    Ok(api::CreateStoreImageTaskResult { object_key: Some(key) })
}

/// Begins the upload as the caller, and writes down who goes on with it.
async fn begin(ctx: &Ctx, found: Found, bucket: String, tagging: Option<String>) -> Result<StoreTask> {
    let (scope, now) = (*ctx.scope(), ctx.now());
    let base = found.own_base().map(|base| base.0);
    let Found { place, image, head, snapshots } = found;
    let key = rules::key(image.id.as_str());
    if tagging.is_some() {
        let object = format!("arn:{}:s3:::{bucket}/{key}", scope.partition());
        ctx.authorize("s3:PutObjectTagging", &Access::on(object)).await?;
    }
    let upload = CreateMultipartUploadRequest {
        bucket: bucket.clone(),
        key: key.clone(),
        content_type: Some("application/octet-stream".to_owned()),
        metadata: Some(rules::metadata(&image, &place.account.to_string(), now)),
        tagging,
        ..Default::default()
    };
    let upload = ctx.call(op::CreateMultipartUpload, upload).await.map_err(of_s3)?;
    let task = StoreTask {
        id: format!("{:016x}{}", u64::MAX - u64::try_from(now).unwrap_or(0), ctx.ids().hex(8)),
        image: image.id,
        bucket,
        upload: upload.upload_id.unwrap_or_default(),
        head,
        place,
        snapshots: snapshots.into_iter().map(|one| one.id).collect::<Vec<SnapshotId>>(),
        base,
        started_at: now,
        done: Done::default(),
        ended: None,
    };
    if let Err(refused) = ctx.write(|tx| insert(tx, &scope, &task)).await {
        let (bucket, upload_id) = (task.bucket, task.upload);
        let abort = AbortMultipartUploadRequest { bucket, key, upload_id, ..Default::default() };
        // What is left of it, its owner finds among the uploads of the bucket.
        let _ = ctx.call_as_service(op::AbortMultipartUpload, abort).await;
        return Err(refused);
    }
    Ok(task)
}

fn insert(tx: &mut Tx<'_, '_>, scope: &Scope, task: &StoreTask) -> Result<()> {
    let all = tasks::stores(tx, scope)?;
    let active: Vec<_> = all.iter().filter(|one| one.ended.is_none()).collect();
    if active.iter().any(|one| one.image == task.image && one.bucket == task.bucket) {
        return Err(errors::image_stored_already(&task.bucket, &rules::key(task.image.as_str())));
    }
    if active.iter().map(|one| one.head.size_gib()).sum::<u64>() >= STORING_GIB_MAX {
        return Err(errors::image_tasks_too_many(STORING_GIB_MAX));
    }
    tasks::put_store(tx, scope, task)
}

pub async fn describe_store_image_tasks(
    ctx: &Ctx,
    input: api::DescribeStoreImageTasksRequest,
) -> Result<api::DescribeStoreImageTasksResult> {
    const OPERATION: &str = "DescribeStoreImageTasks";
    let ids = input.image_ids.unwrap_or_default();
    for id in &ids {
        check_id(id)?;
    }
    if ids.len() > IMAGES_MAX {
        return Err(errors::invalid_because(ids.len(), "ImageIds", "There can be 20 at most."));
    }
    if !ids.is_empty() && input.max_results.is_some() {
        return Err(errors::combination("MaxResults cannot be specified with ImageIds."));
    }
    let filters = Filters::check(input.filters, FILTERS)?;
    let page = page::open(ctx, OPERATION, input.max_results, input.next_token)?;
    check_dry_run(input.dry_run)?;
    let mut all = ctx.read(|snap| tasks::stores(snap, ctx.scope())).await?;
    let none = Tags::new();
    all.retain(|task| match ids.is_empty() {
        true => filters.accept(&none, |name| values(task, name)),
        // As AWS has it: filters say nothing then.
        false => ids.iter().any(|id| id == task.image.as_str()),
    });
    let (rows, last) = page.cut(all, |task| task.id.clone());
    let results = rows.iter().map(|task| show(ctx, task)).collect();
    let next_token = page::seal(ctx, OPERATION, last);
    Ok(api::DescribeStoreImageTasksResult { store_image_task_results: Some(results), next_token })
}

fn values(task: &StoreTask, name: &str) -> Vec<String> {
    match name {
        "bucket" => vec![task.bucket.clone()],
        "task-state" => vec![rules::state(task).to_owned()],
        _ => Vec::new(),
    }
}

fn show(ctx: &Ctx, task: &StoreTask) -> api::StoreImageTaskResult {
    let failure = task.ended.as_ref().and_then(|ended| ended.failure.clone());
    let done = ctx.own::<Progress>().blocks(&task.id).max(task.done.blocks);
    let is_whole = task.ended.is_some() && failure.is_none();
    api::StoreImageTaskResult {
        ami_id: Some(task.image.to_string()),
        task_start_time: Some(Timestamp::from_millis(task.started_at)),
        bucket: Some(task.bucket.clone()),
        s3object_key: Some(rules::key(task.image.as_str())),
        progress_percentage: Some(if is_whole { 100 } else { rules::progress(done, task.head.blocks()) }),
        store_task_state: Some(rules::state(task).to_owned()),
        store_task_failure_reason: failure,
    }
}
