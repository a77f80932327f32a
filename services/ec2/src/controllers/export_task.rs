//! Puts images into S3, disk after disk. Each run begins from the start: what an earlier one has uploaded is given up.

use std::path::Path;
use std::sync::Arc;

use api_s3::{
    AbortMultipartUploadRequest, CompleteMultipartUploadRequest, CompletedMultipartUpload, CompletedPart,
    CreateMultipartUploadRequest, DeleteObjectRequest, HeadObjectRequest, ListMultipartUploadsRequest,
    UploadPartRequest, op,
};
use block::{Exported, Source, Wish};
use futures_util::stream::{self, StreamExt};
use http_body_util::StreamBody;
use hyper::body::Frame;
use kernel::{Ctx, Error, Millis, Next, Result, Scope};
use shape::{Body, BodyError};
use tokio::sync::Mutex;

use super::import_task::{Trouble, Underway, in_role};
use super::volume::block_id;
use crate::rules::export_task as rules;
use crate::service::Engines;
use crate::state::export_task::{self, Ended, ExportTask};
use crate::state::id::{ExportImageTaskId, Id};
use crate::state::tag;

/// The controller's name: its ids are tasks'.
pub const CONTROLLER: &str = "ec2/export-task";
pub const CONCURRENCY: usize = 1;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// Tasks that have ended stay visible for so long.
const VISIBLE_MS: Millis = 7 * 24 * 3_600_000;
/// Of a part, which ends with the piece that passes this.
const PART_BYTES: u64 = 512 << 20;
const GIB: u64 = 1 << 30;
const CANCELED: &str = "The task was canceled.";

/// Tasks that are active, and those that were visible long enough.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let now = ctx.now();
    let mut all = ctx.read(|snap| export_task::all_scopes(snap)).await?;
    all.retain(|(_, task)| task.ended.as_ref().is_none_or(|ended| ended.at + VISIBLE_MS < now));
    Ok(all.into_iter().map(|(scope, task)| (scope, task.id.to_string())).collect())
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let (scope, Some(id)) = (*ctx.scope(), ExportImageTaskId::parse(&id)) else { return Ok(Next::Done) };
    let Some(task) = ctx.read(|snap| export_task::find(snap, &scope, &id)).await? else {
        return Ok(Next::Done);
    };
    if let Some(ended) = &task.ended {
        if ended.at + VISIBLE_MS < ctx.now() {
            ctx.write(|tx| {
                tag::forget(tx, &scope, &id)?;
                export_task::delete(tx, &scope, &id)
            })
            .await?;
        }
        return Ok(Next::Done);
    }
    let outcome = if task.cancelled { Ok(()) } else { bring_out(ctx, &task).await };
    match outcome {
        Err(Trouble::Passing(error)) => return Err(error),
        Err(Trouble::Lasting(why)) if why == CANCELED => end(ctx, &task, Some(why)).await?,
        Err(Trouble::Lasting(why)) => end(ctx, &task, Some(format!("ClientError: {why}"))).await?,
        Ok(()) => end(ctx, &task, task.cancelled.then(|| CANCELED.to_owned())).await?,
    }
    Ok(Next::Done)
}

async fn bring_out(ctx: &Ctx, task: &ExportTask) -> Result<(), Trouble> {
    let denied = || Trouble::Lasting("The service role does not trust the service any more.".to_owned());
    let role = in_role(ctx, &task.role_arn).await?.ok_or_else(denied)?;
    give_up(ctx, task).await?;
    let mut begun = Vec::new();
    // First of all: who may not write is told soon.
    for key in rules::keys(task) {
        begun.push(begin(&role, task, key).await?);
    }
    let mut whole = Vec::new();
    for (index, upload) in begun.into_iter().enumerate() {
        ctx.own::<Underway>().tell(task.id.as_str(), percent(task, index, 0, 1), "converting");
        let exported = export(ctx, task, index).await?;
        whole.push(send(ctx, &role, task, (index, upload), exported).await?);
    }
    for upload in whole {
        role.call(op::CompleteMultipartUpload, upload).await?;
    }
    Ok(())
}

/// One disk of an image, as others have disks. Its bytes are there for as long as they are read.
async fn export(ctx: &Ctx, task: &ExportTask, index: usize) -> Result<Exported, Trouble> {
    let (volumes, disk) = (&*ctx.own::<Engines>().volumes, named(task, "whole")?);
    // What a run before has left half made.
    of_engine(volumes.remove(&disk).await)?;
    let made = match index.checked_sub(1).and_then(|index| task.more.get(index)) {
        None => make_disk(ctx, task, &disk).await,
        Some(more) => {
            let source = match &more.snapshot {
                Some(snapshot) => Source::Snapshot(block_id(snapshot)?, None),
                None => Source::Empty,
            };
            let wish = Wish { size_bytes: u64::from(more.size_gib) * GIB, source, key: None };
            of_engine(volumes.ensure(disk.clone(), wish).await)
        }
    };
    let exported = match made {
        Ok(()) => of_engine(volumes.export(&disk, rules::format(&task.format)?).await),
        Err(trouble) => Err(trouble),
    };
    volumes.remove(&disk).await.map_err(Error::internal)?;
    exported
}

fn percent(task: &ExportTask, index: usize, sent: u64, of: u64) -> u8 {
    rules::progress((index, task.more.len() + 1), sent, of)
}

/// What the engine calls a volume that is there only for this.
fn named(task: &ExportTask, what: &str) -> Result<block::Id> {
    let digits = task.id.as_str().rsplit('-').next().unwrap_or_default();
    block::Id::new(format!("{what}-of-{digits}")).map_err(Error::internal)
}

fn of_engine<T>(outcome: block::Result<T>) -> Result<T, Trouble> {
    outcome.map_err(super::image_store::of_block)
}

/// Makes the volume `disk`: a file system with all files of the image.
async fn make_disk(ctx: &Ctx, task: &ExportTask, disk: &block::Id) -> Result<(), Trouble> {
    let Engines { machines, volumes, .. } = ctx.own::<Engines>();
    let base = compute::ImageId(task.base.clone());
    let size_bytes = rules::disk_bytes(task.size_gib, machines.image_bytes(&base).await?);
    let over = named(task, "root")?;
    let written = match &task.root {
        None => None,
        Some(snapshot) => {
            let source = Source::Snapshot(block_id(snapshot)?, None);
            let wish = Wish { size_bytes: u64::from(task.size_gib) * GIB, source, key: None };
            of_engine(volumes.ensure(over.clone(), wish).await)?;
            Some(of_engine(volumes.attach(&over, None).await)?.node)
        }
    };
    let made = write_files(ctx, &base, written.as_deref(), disk, size_bytes).await;
    of_engine(volumes.remove(&over).await)?;
    made
}

/// Makes the volume `disk`: a file system with all files of an image, and those that were written `over` them.
pub(super) async fn write_files(
    ctx: &Ctx,
    base: &compute::ImageId,
    over: Option<&Path>,
    disk: &block::Id,
    size_bytes: u64,
) -> Result<(), Trouble> {
    let Engines { machines, volumes, .. } = ctx.own::<Engines>();
    let wish = Wish { size_bytes, source: Source::FileSystem, key: None };
    of_engine(volumes.ensure(disk.clone(), wish).await)?;
    let onto = of_engine(volumes.attach(disk, None).await)?.node;
    let made = machines.whole_image(base, over, &onto).await.map_err(|error| match error {
        compute::Error::Image { reason, .. } => Trouble::Lasting(reason),
        error => Trouble::Passing(Error::internal(error)),
    });
    of_engine(volumes.detach(disk).await)?;
    made
}

/// Gives up what an earlier run has begun to upload: a crash may have come before anybody could write down its id.
async fn give_up(ctx: &Ctx, task: &ExportTask) -> Result<()> {
    let look = ListMultipartUploadsRequest {
        bucket: task.bucket.clone(),
        // Nobody else's key begins with a task.
        prefix: Some(format!("{}{}", task.prefix, task.id)),
        ..Default::default()
    };
    let found = match ctx.call_as_service(op::ListMultipartUploads, look).await {
        Ok(found) => found.uploads.unwrap_or_default(),
        // The bucket may be gone.
        Err(error) => return passing(error),
    };
    for upload in found {
        let (key, upload_id) = (upload.key.unwrap_or_default(), upload.upload_id.unwrap_or_default());
        let abort =
            AbortMultipartUploadRequest { bucket: task.bucket.clone(), key, upload_id, ..Default::default() };
        ctx.call_as_service(op::AbortMultipartUpload, abort).await.map(drop).or_else(passing)?;
    }
    Ok(())
}

/// Removes the disks that are whole already, of an image that is not.
async fn take_back(ctx: &Ctx, task: &ExportTask) -> Result<()> {
    for key in rules::keys(task) {
        let bucket = task.bucket.clone();
        let look = HeadObjectRequest { bucket: bucket.clone(), key: key.clone(), ..Default::default() };
        match ctx.call_as_service(op::HeadObject, look).await {
            Ok(_) => {
                let delete = DeleteObjectRequest { bucket, key, ..Default::default() };
                ctx.call_as_service(op::DeleteObject, delete).await.map(drop).or_else(passing)?;
            }
            Err(error) => passing(error)?,
        }
    }
    Ok(())
}

/// What the house could not do is done later; what it may not do, or what is not there, is done.
fn passing(error: Error) -> Result<()> {
    match Trouble::from(error) {
        Trouble::Passing(error) => Err(error),
        Trouble::Lasting(_) => Ok(()),
    }
}

/// Fails once it was called off.
async fn check_wanted(ctx: &Ctx, task: &ExportTask) -> Result<(), Trouble> {
    let now = ctx.read(|snap| export_task::find(snap, ctx.scope(), &task.id)).await?;
    let is_wanted = now.is_some_and(|now| !now.cancelled);
    if is_wanted { Ok(()) } else { Err(Trouble::Lasting(CANCELED.to_owned())) }
}

/// An upload that is under way.
struct Upload {
    key: String,
    id: String,
}

async fn begin(role: &Ctx, task: &ExportTask, key: String) -> Result<Upload> {
    let bucket = task.bucket.clone();
    let begin = CreateMultipartUploadRequest { bucket, key: key.clone(), ..Default::default() };
    let id = role.call(op::CreateMultipartUpload, begin).await?.upload_id.unwrap_or_default();
    Ok(Upload { key, id })
}

/// Sends all of a disk. What makes an object of it is still to be called.
async fn send(
    ctx: &Ctx,
    role: &Ctx,
    task: &ExportTask,
    (index, upload): (usize, Upload),
    exported: Exported,
) -> Result<CompleteMultipartUploadRequest, Trouble> {
    let of = exported.size_bytes;
    let source = Arc::new(Mutex::new(Sent { index, exported, sent: 0 }));
    let mut parts = Vec::new();
    for number in 1.. {
        let input = UploadPartRequest {
            bucket: task.bucket.clone(),
            key: upload.key.clone(),
            upload_id: upload.id.clone(),
            part_number: number,
            body: part(ctx, task, source.clone()).await,
            ..Default::default()
        };
        let e_tag = role.call(op::UploadPart, input).await;
        check_wanted(ctx, task).await?;
        parts.push(CompletedPart { e_tag: e_tag?.e_tag, part_number: Some(number), ..Default::default() });
        if source.lock().await.sent >= of {
            break;
        }
    }
    Ok(CompleteMultipartUploadRequest {
        bucket: task.bucket.clone(),
        key: upload.key,
        upload_id: upload.id,
        multipart_upload: Some(CompletedMultipartUpload { parts: Some(parts) }),
        ..Default::default()
    })
}

/// What is left to be sent.
struct Sent {
    /// Which disk it is.
    index: usize,
    exported: Exported,
    sent: u64,
}

/// The next part, as it is read.
async fn part(ctx: &Ctx, task: &ExportTask, source: Arc<Mutex<Sent>>) -> Body {
    let until = source.lock().await.sent + PART_BYTES;
    let (underway, task) = (ctx.own::<Underway>().clone(), task.clone());
    let pieces = stream::unfold(source, move |source| {
        let (underway, task) = (underway.clone(), task.clone());
        async move {
            let piece = {
                let mut source = source.lock().await;
                if source.sent >= until {
                    return None;
                }
                let piece = source.exported.bytes.next().await?;
                source.sent += piece.as_ref().map_or(0, |piece| u64::try_from(piece.len()).unwrap_or(0));
                let percent = percent(&task, source.index, source.sent, source.exported.size_bytes);
                underway.tell(task.id.as_str(), percent, "uploading");
                piece
            };
            if underway.is_called_off(task.id.as_str()) {
                return Some((Err(BodyError::from("called off")), source));
            }
            Some((piece.map(Frame::data).map_err(BodyError::from), source))
        }
    });
    Body::new(StreamBody::new(pieces.boxed()))
}

/// Writes down how it ended; whole or not at all.
async fn end(ctx: &Ctx, task: &ExportTask, failure: Option<String>) -> Result<()> {
    if failure.is_some() {
        give_up(ctx, task).await?;
        take_back(ctx, task).await?;
    }
    ctx.write(|tx| {
        let Some(mut now) = export_task::find(tx, ctx.scope(), &task.id)? else { return Ok(()) };
        // Who called it off too late has it all the same.
        now.cancelled &= failure.is_some();
        now.ended = Some(Ended { at: tx.ctx().now(), failure: failure.clone() });
        export_task::put(tx, ctx.scope(), &now)
    })
    .await?;
    ctx.own::<Underway>().forget(task.id.as_str());
    Ok(())
}
