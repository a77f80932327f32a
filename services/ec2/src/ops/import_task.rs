//! Disks and images taken from S3: asked for, described, called off.

use api_ec2 as api;
use kernel::tokens::fingerprint;
use kernel::{Access, Ctx, Error, Result, Scope, Tx};

use super::encryption;
use super::page::{Listing, Once, check_dry_run};
use crate::controllers::import_task::{CONTROLLER, Seen, Underway, in_role};
use crate::errors;
use crate::rules::encryption::{Wanted, decide};
use crate::rules::image as builtin;
use crate::rules::import_task as rules;
use crate::rules::tag::{self as tags_of, shown};
use crate::rules::volume::check_device;
use crate::state::encryption::defaults;
use crate::state::id::{Id, ImageId, ImportImageTaskId, ImportSnapshotTaskId, SnapshotId};
use crate::state::import_task::{self, Disk, ImportTask};
use crate::state::tag::{self, Tags};

/// Imports of one account and region at a time, as AWS has it for images.
const ACTIVE_MAX: usize = 20;

pub fn access(scope: &Scope, id: Option<&str>) -> Result<Access> {
    let kind = match id {
        Some(id) if id.starts_with(ImportImageTaskId::PREFIX) => ImportImageTaskId::RESOURCE,
        _ => ImportSnapshotTaskId::RESOURCE,
    };
    Ok(Access::on(scope.arn("ec2", format_args!("{kind}/{}", id.unwrap_or("*")))))
}

/// # Errors
/// `InvalidConversionTaskId.Malformed`.
fn check_id(text: &str) -> Result<String> {
    if rules::is_id(text) { Ok(text.to_owned()) } else { Err(errors::import_task_malformed(text)) }
}

pub async fn import_snapshot(
    ctx: &Ctx,
    input: api::ImportSnapshotRequest,
) -> Result<api::ImportSnapshotResult> {
    let asked = fingerprint(&input);
    let mut tags = tags_of::of_specifications(input.tag_specifications, &[ImportSnapshotTaskId::RESOURCE])?;
    let tags = tags.remove(ImportSnapshotTaskId::RESOURCE).unwrap_or_default();
    let container = input.disk_container.ok_or_else(|| errors::missing("DiskContainer"))?;
    rules::format(container.format.as_deref())?;
    let source = rules::source(container.user_bucket, container.url)?;
    let role_arn = find_role(ctx, input.role_name).await?;
    let snapshot = SnapshotId::fresh(ctx.ids());
    let wanted = Wanted::new(input.encrypted, input.kms_key_id);
    let disk = Disk {
        format: container.format.unwrap_or_default(),
        source,
        description: container.description.unwrap_or_default(),
        device: None,
        seal: seal(ctx, &wanted, &snapshot).await?,
        snapshot,
    };
    let task = ImportTask {
        id: ImportSnapshotTaskId::fresh(ctx.ids()).into(),
        description: input.description.unwrap_or_default(),
        role_arn,
        disks: vec![disk],
        image: None,
        started_at: ctx.now(),
        cancelled: false,
        ended: None,
    };
    let once = Once::new("ImportSnapshot", input.client_token.as_ref(), asked);
    let task = begin(ctx, &once, task, &tags, input.dry_run).await?;
    Ok(api::ImportSnapshotResult {
        description: Some(task.description.clone()),
        import_task_id: Some(task.id.clone()),
        snapshot_task_detail: Some(snapshot_detail(ctx, &task)),
        tags: shown(&tags),
    })
}

pub async fn import_image(ctx: &Ctx, input: api::ImportImageRequest) -> Result<api::ImportImageResult> {
    let asked = fingerprint(&input);
    let mut tags = tags_of::of_specifications(input.tag_specifications, &[ImportImageTaskId::RESOURCE])?;
    let tags = tags.remove(ImportImageTaskId::RESOURCE).unwrap_or_default();
    if let Some(other) = input.architecture.filter(|wanted| wanted != builtin::architecture()) {
        return Err(errors::invalid_value(other, "Architecture"));
    }
    if let Some(other) = input.platform.filter(|platform| !platform.eq_ignore_ascii_case("linux")) {
        return Err(errors::invalid_value(other, "Platform"));
    }
    let containers = input.disk_containers.unwrap_or_default();
    if containers.is_empty() || containers.len() > rules::DISKS_MAX {
        return Err(errors::invalid_value(containers.len(), "DiskContainers"));
    }
    let mut disks = Vec::new();
    for container in containers {
        let disk = disk_of(ctx, container, disks.len()).await?;
        if let Some(twice) = disks.iter().find(|known: &&Disk| known.device == disk.device) {
            return Err(errors::invalid_value(twice.device.as_deref().unwrap_or_default(), "DeviceName"));
        }
        disks.push(disk);
    }
    let task = ImportTask {
        id: ImportImageTaskId::fresh(ctx.ids()).into(),
        description: input.description.unwrap_or_default(),
        role_arn: find_role(ctx, input.role_name).await?,
        disks,
        image: Some(ImageId::fresh(ctx.ids())),
        started_at: ctx.now(),
        cancelled: false,
        ended: None,
    };
    let once = Once::new("ImportImage", input.client_token.as_ref(), asked);
    let task = begin(ctx, &once, task, &tags, input.dry_run).await?;
    let view = image_view(ctx, &task, &tags);
    Ok(api::ImportImageResult {
        architecture: view.architecture,
        description: view.description,
        image_id: view.image_id,
        import_task_id: view.import_task_id,
        platform: view.platform,
        progress: view.progress,
        snapshot_details: view.snapshot_details,
        status: view.status,
        status_message: view.status_message,
        tags: view.tags,
        ..Default::default()
    })
}

/// A disk of an image; the first is its root.
async fn disk_of(ctx: &Ctx, container: api::ImageDiskContainer, index: usize) -> Result<Disk> {
    rules::format(container.format.as_deref())?;
    let source = rules::source(container.user_bucket, container.url)?;
    let device = match container.device_name.filter(|name| !name.is_empty()) {
        Some(name) => check_device(&name).map(|_| name.clone())?,
        None if index == 0 => builtin::ROOT_DEVICE.to_owned(),
        // As AWS names them: from `f` on.
        None => format!("/dev/sd{}", (b'e' + u8::try_from(index).unwrap_or(1)) as char),
    };
    let snapshot = SnapshotId::fresh(ctx.ids());
    // A root becomes files, and its volumes are encrypted as others are.
    let seal = if index == 0 { None } else { seal(ctx, &Wanted::default(), &snapshot).await? };
    Ok(Disk {
        format: container.format.unwrap_or_default(),
        source,
        description: container.description.unwrap_or_default(),
        device: Some(device),
        snapshot,
        seal,
    })
}

async fn seal(
    ctx: &Ctx,
    wanted: &Wanted,
    snapshot: &SnapshotId,
) -> Result<Option<crate::state::encryption::Seal>> {
    let defaults = ctx.read(|snap| defaults(snap, ctx.scope())).await?;
    encryption::seal(ctx, decide(wanted, &defaults, None, true)?, snapshot.as_str()).await
}

/// The ARN of the role that is to read or write, if it trusts who does it.
///
/// # Errors
/// `InvalidParameter` for one that does not, or is not there.
pub async fn find_role(ctx: &Ctx, name: Option<String>) -> Result<String> {
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| rules::ROLE.to_owned());
    let unusable = || errors::import_role_unusable(&name);
    let asked = api_iam::GetRoleRequest { role_name: name.clone() };
    let found = ctx.call_as_service(api_iam::op::GetRole, asked).await.map_err(|_: Error| unusable())?;
    in_role(ctx, &found.role.arn).await?.ok_or_else(unusable)?;
    Ok(found.role.arn)
}

/// Writes a task down, once, and has it begun.
async fn begin(
    ctx: &Ctx,
    once: &Once<'_>,
    task: ImportTask,
    tags: &Tags,
    dry_run: Option<bool>,
) -> Result<ImportTask> {
    let scope = *ctx.scope();
    let task = ctx
        .write(|tx| {
            if let Some(made) = once.find_text(tx)? {
                return import_task::find(tx, &scope, &made)?
                    .ok_or_else(|| errors::import_task_not_found(made));
            }
            let all = import_task::all(tx, &scope)?;
            if all.iter().filter(|task| task.ended.is_none()).count() >= ACTIVE_MAX {
                return Err(errors::imports_too_many(ACTIVE_MAX));
            }
            check_dry_run(dry_run)?;
            import_task::put(tx, &scope, &task)?;
            tag::put_resource(tx, &scope, kind_of(&task), &task.id, tags.clone())?;
            once.remember_text(tx, &task.id)?;
            Ok(task.clone())
        })
        .await?;
    ctx.nudge(CONTROLLER, &task.id);
    Ok(task)
}

pub fn kind_of(task: &ImportTask) -> &'static str {
    match task.image {
        Some(_) => ImportImageTaskId::RESOURCE,
        None => ImportSnapshotTaskId::RESOURCE,
    }
}

/// Calls off an import. What it has made by then goes.
pub async fn cancel_import_task(
    ctx: &Ctx,
    input: api::CancelImportTaskRequest,
) -> Result<api::CancelImportTaskResult> {
    let id = check_id(&input.import_task_id.ok_or_else(|| errors::missing("ImportTaskId"))?)?;
    let scope = *ctx.scope();
    let before = ctx
        .write(|tx: &mut Tx<'_, '_>| {
            let found = import_task::find(tx, &scope, &id)?;
            let found = found.ok_or_else(|| errors::import_task_not_found(&id))?;
            if found.ended.is_some() {
                return Err(errors::import_has_ended(&id));
            }
            check_dry_run(input.dry_run)?;
            let before = rules::status(&found);
            import_task::put(tx, &scope, &ImportTask { cancelled: true, ..found })?;
            Ok(before)
        })
        .await?;
    ctx.own::<Underway>().call_off(&id);
    ctx.nudge(CONTROLLER, &id);
    Ok(api::CancelImportTaskResult {
        import_task_id: Some(id),
        previous_state: Some(before.to_owned()),
        state: Some("deleting".to_owned()),
    })
}

/// Tasks of one kind that a request asks for, with their tags, and the token of the next page.
async fn listed(
    ctx: &Ctx,
    operation: &'static str,
    is_image: bool,
    ids: Option<Vec<String>>,
    filters: Option<Vec<api::Filter>>,
    page: (Option<i32>, Option<String>),
    dry_run: Option<bool>,
) -> Result<(Vec<(ImportTask, Tags)>, Option<String>)> {
    for id in ids.iter().flatten() {
        check_id(id)?;
    }
    let listing = Listing::open(ctx, operation, ids, (filters, rules::TASK_FILTERS), page)?;
    check_dry_run(dry_run)?;
    let scope = *ctx.scope();
    let (mut all, tags) = ctx
        .read(|snap| {
            let tags = match is_image {
                true => tag::of_all::<ImportImageTaskId>(snap, &scope)?,
                false => tag::of_all::<ImportSnapshotTaskId>(snap, &scope)?,
            };
            Ok((import_task::all(snap, &scope)?, tags))
        })
        .await?;
    all.retain(|task| task.image.is_some() == is_image);
    let values = |task: &ImportTask, _: &str| vec![rules::status(task).to_owned()];
    let (rows, next) =
        listing.cut(ctx, all, &tags, |task| &task.id, values, errors::import_task_not_found)?;
    let with_tags = |task: ImportTask| {
        let tags = tags.get(&task.id).cloned().unwrap_or_default();
        (task, tags)
    };
    Ok((rows.into_iter().map(with_tags).collect(), next))
}

pub async fn describe_import_snapshot_tasks(
    ctx: &Ctx,
    input: api::DescribeImportSnapshotTasksRequest,
) -> Result<api::DescribeImportSnapshotTasksResult> {
    let page = (input.max_results, input.next_token);
    let operation = "DescribeImportSnapshotTasks";
    let (rows, next_token) =
        listed(ctx, operation, false, input.import_task_ids, input.filters, page, input.dry_run).await?;
    let show = |(task, tags): &(ImportTask, Tags)| api::ImportSnapshotTask {
        description: Some(task.description.clone()),
        import_task_id: Some(task.id.clone()),
        snapshot_task_detail: Some(snapshot_detail(ctx, task)),
        tags: shown(tags),
    };
    let import_snapshot_tasks = Some(rows.iter().map(show).collect());
    Ok(api::DescribeImportSnapshotTasksResult { import_snapshot_tasks, next_token })
}

pub async fn describe_import_image_tasks(
    ctx: &Ctx,
    input: api::DescribeImportImageTasksRequest,
) -> Result<api::DescribeImportImageTasksResult> {
    let page = (input.max_results, input.next_token);
    let operation = "DescribeImportImageTasks";
    let (rows, next_token) =
        listed(ctx, operation, true, input.import_task_ids, input.filters, page, input.dry_run).await?;
    let import_image_tasks = Some(rows.iter().map(|(task, tags)| image_view(ctx, task, tags)).collect());
    Ok(api::DescribeImportImageTasksResult { import_image_tasks, next_token })
}

/// How far a task is: kept in memory while it is under way.
fn seen(ctx: &Ctx, task: &ImportTask) -> Seen {
    match &task.ended {
        Some(ended) => Seen {
            percent: None,
            message: ended.failure.clone().unwrap_or_default(),
            read_bytes: ended.read_bytes.clone(),
        },
        None => ctx.own::<Underway>().seen(&task.id),
    }
}

#[allow(clippy::cast_precision_loss, reason = "AWS tells bytes as a double")]
fn double(bytes: Option<&u64>) -> Option<f64> {
    bytes.map(|bytes| *bytes as f64)
}

fn bucket_of(disk: &Disk) -> Option<api::UserBucketDetails> {
    let (bucket, key) = (disk.source.bucket.clone(), disk.source.key.clone());
    let named = disk.source.url.is_none();
    named.then_some(api::UserBucketDetails { s3_bucket: Some(bucket), s3_key: Some(key) })
}

fn is_done(task: &ImportTask) -> bool {
    !task.cancelled && task.ended.as_ref().is_some_and(|ended| ended.failure.is_none())
}

fn snapshot_detail(ctx: &Ctx, task: &ImportTask) -> api::SnapshotTaskDetail {
    let (seen, disk) = (seen(ctx, task), task.disks.first());
    api::SnapshotTaskDetail {
        description: Some(task.description.clone()),
        disk_image_size: double(seen.read_bytes.first()),
        encrypted: Some(disk.is_some_and(|disk| disk.seal.is_some())),
        format: disk.map(|disk| disk.format.to_uppercase()),
        kms_key_id: disk.and_then(|disk| disk.seal.as_ref()).map(|seal| seal.key.clone()),
        progress: seen.percent.map(|percent| percent.to_string()),
        snapshot_id: disk.filter(|_| is_done(task)).map(|disk| disk.snapshot.to_string()),
        status: Some(rules::status(task).to_owned()),
        status_message: Some(seen.message).filter(|message| !message.is_empty()),
        url: disk.and_then(|disk| disk.source.url.clone()),
        user_bucket: disk.and_then(bucket_of),
    }
}

fn image_view(ctx: &Ctx, task: &ImportTask, tags: &Tags) -> api::ImportImageTask {
    let seen = seen(ctx, task);
    let details = task.disks.iter().enumerate().map(|(index, disk)| api::SnapshotDetail {
        description: Some(disk.description.clone()),
        device_name: disk.device.clone(),
        disk_image_size: double(seen.read_bytes.get(index)),
        format: Some(disk.format.to_uppercase()),
        // The root has become files.
        snapshot_id: (is_done(task) && index > 0).then(|| disk.snapshot.to_string()),
        status: Some(rules::status(task).to_owned()),
        url: disk.source.url.clone(),
        user_bucket: bucket_of(disk),
        ..Default::default()
    });
    api::ImportImageTask {
        architecture: Some(builtin::architecture().to_owned()),
        description: Some(task.description.clone()),
        encrypted: Some(false),
        image_id: task.image.as_ref().filter(|_| is_done(task)).map(ToString::to_string),
        import_task_id: Some(task.id.clone()),
        platform: Some("Linux".to_owned()),
        progress: seen.percent.map(|percent| percent.to_string()),
        snapshot_details: Some(details.collect()),
        status: Some(rules::status(task).to_owned()),
        status_message: Some(seen.message.clone()).filter(|message| !message.is_empty()),
        tags: shown(tags),
        ..Default::default()
    }
}

/// Whether there is a task, for who tags it.
///
/// # Errors
/// When the store does not read.
pub fn exists(from: &mut impl kernel::tx::Reader, scope: &Scope, id: &str) -> Result<bool> {
    Ok(import_task::find(from, scope, id)?.is_some())
}
