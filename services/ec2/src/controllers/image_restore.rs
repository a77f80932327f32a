//! Fills the snapshots of images that come back from S3. Each run begins from the start: a block written twice is the same.

use api_s3::{GetObjectRequest, op};
use block::Key;
use futures_util::future::try_join_all;
use kernel::{Ctx, Error, Millis, Next, Result, Scope};

use super::image_store::of_block;
use super::import_task::{Trouble, make_base};
use super::snapshot as snapshots;
use super::volume::block_id;
use crate::ops::encryption;
use crate::ops::stored_image::Frames;
use crate::rules::image_store::Disk;
use crate::service::Engines;
use crate::state::id::{Id, ImageId};
use crate::state::image::{self, Image};
use crate::state::image_store::{self as tasks, RestoreTask};
use crate::state::snapshot;

/// The controller's name: its ids are images'.
pub const CONTROLLER: &str = "ec2/image-restore";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// Blocks written at a time.
const BLOCKS_AT_ONCE: u64 = 8;
const GIB: u64 = 1 << 30;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let all = ctx.read(|snap| tasks::all_restores(snap)).await?;
    Ok(all.into_iter().map(|(scope, task)| (scope, task.image.to_string())).collect())
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let Some(id) = ImageId::parse(&id) else { return Ok(Next::Done) };
    let Some(task) = ctx.read(|snap| tasks::find_restore(snap, ctx.scope(), &id)).await? else {
        return Ok(Next::Done);
    };
    match bring_back(ctx, &task).await {
        Ok(()) => end(ctx, &task, None).await?,
        Err(Trouble::Passing(error)) => return Err(error),
        Err(Trouble::Lasting(why)) => end(ctx, &task, Some(why)).await?,
    }
    Ok(Next::Done)
}

async fn bring_back(ctx: &Ctx, task: &RestoreTask) -> Result<(), Trouble> {
    let object = GetObjectRequest {
        bucket: task.source.bucket.clone(),
        key: task.source.key.clone(),
        version_id: task.version.clone(),
        // No other than the caller may read.
        if_match: task.etag.clone(),
        ..Default::default()
    };
    let found = ctx.call_as_service(op::GetObject, object).await?;
    let mut frames = Frames::of(&found.body);
    let head = frames.head().await?;
    if let Some(files) = &head.files {
        fill(ctx, &mut frames, files, &files_id(&task.image)?, (true, None)).await?;
    }
    for (disk, id) in head.snapshots().zip(&task.snapshots) {
        let found = ctx.read(|snap| snapshot::find_own(snap, ctx.scope(), id)).await?;
        let key = encryption::open(ctx, found.as_ref().and_then(|one| one.seal.as_ref())).await?;
        fill(ctx, &mut frames, disk, &block_id(id)?, (found.is_some(), key)).await?;
    }
    frames.end().await?;
    match &task.base {
        // Only of what is whole.
        Some(base) => make_base(ctx, &compute::ImageId(base.clone()), &files_id(&task.image)?).await,
        None => Ok(()),
    }
}

/// What the engine calls the disk of the files below the root, which is there only until they are an image of its own.
fn files_id(image: &ImageId) -> Result<block::Id> {
    let digits = image.as_str().rsplit('-').next().unwrap_or_default();
    block::Id::new(format!("files-of-{digits}")).map_err(Error::internal)
}

/// Writes the blocks of one disk; of a snapshot that was deleted meanwhile they are passed over.
async fn fill(
    ctx: &Ctx,
    frames: &mut Frames,
    disk: &Disk,
    block: &block::Id,
    (is_wanted, key): (bool, Option<Key>),
) -> Result<(), Trouble> {
    let engine = &*ctx.own::<Engines>().volumes;
    if is_wanted {
        let size_bytes = u64::from(disk.size_gib) * GIB;
        engine.begin(block, size_bytes, None, (None, key.as_ref())).await.map_err(of_block)?;
    }
    let mut left = disk.blocks;
    while left > 0 {
        let count = left.min(BLOCKS_AT_ONCE);
        let mut some = Vec::new();
        for _ in 0..count {
            some.push(frames.block(disk).await?);
        }
        left -= count;
        if is_wanted {
            let write = |(index, bytes)| engine.put_block(block, index, bytes, key.as_ref());
            try_join_all(some.into_iter().map(write)).await.map_err(of_block)?;
        }
    }
    Ok(())
}

/// Writes down how it ended: an image is as its snapshots are.
async fn end(ctx: &Ctx, task: &RestoreTask, failure: Option<String>) -> Result<()> {
    let scope = *ctx.scope();
    ctx.write(|tx| {
        for id in &task.snapshots {
            snapshot::update(tx, &scope, id, |one| {
                one.open_until = None;
                one.observed.taken = failure.is_none();
                one.observed.failure.clone_from(&failure);
                Ok(())
            })?;
        }
        if let (Some(why), Some(image)) = (&failure, image::find(tx, &scope, &task.image)?) {
            image::put(tx, &scope, &Image { failure: Some(why.clone()), ..image })?;
        }
        tasks::delete_restore(tx, &scope, &task.image)
    })
    .await?;
    if task.base.is_some() && failure.is_some() {
        let engine = &*ctx.own::<Engines>().volumes;
        engine.remove_snapshot(&files_id(&task.image)?).await.map_err(Error::internal)?;
    }
    for id in &task.snapshots {
        if failure.is_none() {
            ctx.nudge(snapshots::CONTROLLER, id.as_str());
        } else {
            let engine = &*ctx.own::<Engines>().volumes;
            engine.remove_snapshot(&block_id(id)?).await.map_err(Error::internal)?;
        }
    }
    Ok(())
}
