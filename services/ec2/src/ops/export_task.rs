//! Images put into S3 as disks: asked for, described, called off.

use api_ec2 as api;
use kernel::tokens::fingerprint;
use kernel::{Access, Ctx, Result, Scope, Tx};

use super::image::state;
use super::image_make::{check_id as check_image, get_own};
use super::import_task::find_role;
use super::page::{Listing, Once, check_dry_run};
use super::snapshot::check_here;
use crate::controllers::export_task::CONTROLLER;
use crate::controllers::import_task::{Seen, Underway};
use crate::errors;
use crate::rules::export_task as rules;
use crate::rules::import_task::ROLE;
use crate::rules::tag::{self as tags_of, shown};
use crate::state::export_task::{self, ExportTask, Further};
use crate::state::id::{ExportImageTaskId, Id};
use crate::state::image::ImageDevice;
use crate::state::snapshot;
use crate::state::tag::{self, Tags};

pub fn access(scope: &Scope, id: &str) -> Result<Access> {
    Ok(Access::on(scope.arn("ec2", format_args!("{}/{id}", ExportImageTaskId::RESOURCE))))
}

/// # Errors
/// `InvalidExportTaskID.Malformed`.
fn check_id(text: &str) -> Result<ExportImageTaskId> {
    ExportImageTaskId::parse(text).ok_or_else(|| errors::export_task_malformed(text))
}

/// The task, with all that is known of an image that may be exported.
fn complete(tx: &mut Tx<'_, '_>, scope: &Scope, task: ExportTask) -> Result<ExportTask> {
    let image = get_own(tx, scope, &task.image)?;
    if state(tx, scope, &image)? != "available" {
        return Err(errors::image_unavailable(&task.image));
    }
    let (root, more) = rules::disks(&image)?;
    for one in image.devices.iter().filter_map(|device| device.snapshot.as_ref()) {
        let one = snapshot::find_own(tx, scope, one)?.ok_or_else(|| errors::snapshot_not_found(one))?;
        check_here(&one)?;
    }
    let further =
        |device: &ImageDevice| Further { snapshot: device.snapshot.clone(), size_gib: device.shape.size_gib };
    Ok(ExportTask {
        root: root.snapshot.clone(),
        size_gib: root.shape.size_gib,
        more: more.iter().map(further).collect(),
        base: image.base,
        ..task
    })
}

pub async fn export_image(ctx: &Ctx, input: api::ExportImageRequest) -> Result<api::ExportImageResult> {
    let asked = fingerprint(&input);
    let tags = tags_of::of_one::<ExportImageTaskId>(input.tag_specifications)?;
    let image = check_image(&input.image_id)?;
    rules::format(&input.disk_image_format)?;
    let place = input.s3_export_location;
    let role = input.role_name.filter(|name| !name.is_empty()).unwrap_or_else(|| ROLE.to_owned());
    let task = ExportTask {
        id: ExportImageTaskId::fresh(ctx.ids()),
        description: rules::description(input.description)?,
        image,
        role_arn: find_role(ctx, Some(role.clone())).await?,
        role,
        bucket: place.s3_bucket,
        prefix: place.s3_prefix.unwrap_or_default(),
        format: input.disk_image_format,
        base: String::new(),
        root: None,
        size_gib: 0,
        more: Vec::new(),
        started_at: ctx.now(),
        cancelled: false,
        ended: None,
    };
    let once = Once::new("ExportImage", input.client_token.as_ref(), asked);
    let scope = *ctx.scope();
    let task = ctx
        .write(|tx| {
            if let Some(made) = once.find::<ExportImageTaskId>(tx)? {
                let found = export_task::find(tx, &scope, &made)?;
                return found.ok_or_else(|| errors::export_task_not_found(made));
            }
            let task = complete(tx, &scope, task.clone())?;
            let all = export_task::all(tx, &scope)?;
            if all.iter().filter(|task| task.ended.is_none()).count() >= rules::ACTIVE_MAX {
                return Err(errors::exports_too_many(rules::ACTIVE_MAX));
            }
            check_dry_run(input.dry_run)?;
            export_task::put(tx, &scope, &task)?;
            tag::put(tx, &scope, &task.id, tags.clone())?;
            once.remember(tx, &task.id)?;
            Ok(task)
        })
        .await?;
    ctx.nudge(CONTROLLER, task.id.as_str());
    let view = show(ctx, &task, Some(&tags));
    Ok(api::ExportImageResult {
        description: view.description,
        disk_image_format: Some(task.format.clone()),
        export_image_task_id: view.export_image_task_id,
        image_id: view.image_id,
        role_name: Some(task.role),
        progress: view.progress,
        s3_export_location: view.s3_export_location,
        status: view.status,
        status_message: view.status_message,
        tags: view.tags,
    })
}

/// Calls off an export. What is in S3 of it by then goes.
pub async fn cancel_export_task(ctx: &Ctx, input: api::CancelExportTaskRequest) -> Result<()> {
    let id = check_id(&input.export_task_id)?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let found = export_task::find(tx, &scope, &id)?;
        let found = found.ok_or_else(|| errors::export_task_not_found(&id))?;
        if found.ended.is_some() {
            return Err(errors::export_has_ended(&id));
        }
        export_task::put(tx, &scope, &ExportTask { cancelled: true, ..found })
    })
    .await?;
    ctx.own::<Underway>().call_off(id.as_str());
    ctx.nudge(CONTROLLER, id.as_str());
    Ok(())
}

pub async fn describe_export_image_tasks(
    ctx: &Ctx,
    input: api::DescribeExportImageTasksRequest,
) -> Result<api::DescribeExportImageTasksResult> {
    for id in input.export_image_task_ids.iter().flatten() {
        check_id(id)?;
    }
    let filters = (input.filters, rules::FILTERS);
    let page = (input.max_results, input.next_token);
    let ids = input.export_image_task_ids;
    let listing = Listing::open(ctx, "DescribeExportImageTasks", ids, filters, page)?;
    check_dry_run(input.dry_run)?;
    let scope = *ctx.scope();
    let (all, tags) = ctx
        .read(|snap| Ok((export_task::all(snap, &scope)?, tag::of_all::<ExportImageTaskId>(snap, &scope)?)))
        .await?;
    let values = |task: &ExportTask, _: &str| vec![rules::status(task).to_owned()];
    let (rows, next_token) =
        listing.cut(ctx, all, &tags, |task| task.id.as_str(), values, errors::export_task_not_found)?;
    let export_image_tasks =
        Some(rows.iter().map(|task| show(ctx, task, tags.get(task.id.as_str()))).collect());
    Ok(api::DescribeExportImageTasksResult { export_image_tasks, next_token })
}

fn show(ctx: &Ctx, task: &ExportTask, tags: Option<&Tags>) -> api::ExportImageTask {
    let seen = match &task.ended {
        Some(ended) => Seen { message: ended.failure.clone().unwrap_or_default(), ..Seen::default() },
        None => ctx.own::<Underway>().seen(task.id.as_str()),
    };
    api::ExportImageTask {
        description: Some(task.description.clone()),
        export_image_task_id: Some(task.id.to_string()),
        image_id: Some(task.image.to_string()),
        progress: seen.percent.map(|percent| percent.to_string()),
        s3_export_location: Some(api::ExportTaskS3Location {
            s3_bucket: Some(task.bucket.clone()),
            s3_prefix: Some(task.prefix.clone()),
        }),
        status: Some(rules::status(task).to_owned()),
        status_message: Some(seen.message).filter(|message| !message.is_empty()),
        tags: tags.and_then(shown),
    }
}

/// Whether there is a task, for who tags it.
///
/// # Errors
/// When the store does not read.
pub fn exists(from: &mut impl kernel::tx::Reader, scope: &Scope, id: &str) -> Result<bool> {
    match ExportImageTaskId::parse(id) {
        Some(id) => Ok(export_task::find(from, scope, &id)?.is_some()),
        None => Ok(false),
    }
}
