//! Puts images into S3, one part of the upload a step: what is there is not brought again after a restart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api_s3::{
    AbortMultipartUploadRequest, CompleteMultipartUploadRequest, CompletedMultipartUpload, CompletedPart,
    UploadPartRequest, op,
};
use block::{Key, PackedBlocks, Volumes};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http_body_util::StreamBody;
use hyper::body::Frame;
use kernel::{Ctx, Error, Millis, Next, Result, Scope};
use shape::{Body, BodyError};

use super::export_task::write_files;
use super::import_task::Trouble;
use super::volume::block_id;
use crate::ops::encryption;
use crate::rules::image_store::{self as rules, Disk};
use crate::service::Engines;
use crate::state::id::Id;
use crate::state::image_store::{self as tasks, Done, Ended, StoreTask};
use crate::state::snapshot;

/// The controller's name: its ids are tasks'.
pub const CONTROLLER: &str = "ec2/image-store";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: Millis = 60_000;
/// Tasks that have ended stay visible for so long.
const VISIBLE_MS: Millis = 31 * 24 * 3_600_000;
/// How long one waits for snapshots that are on their way into the store.
const PENDING_MS: Millis = 250;
/// Of a part, which ends with the block that passes this: 10,000 of them are what an object of S3 is at most.
const PART_BYTES: u64 = 512 << 20;
const GIB: u64 = 1 << 30;

/// Blocks that are done, by task, for who asks; what was not written down is done again after a restart.
#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<HashMap<String, u64>>>);

impl Progress {
    pub fn blocks(&self, id: &str) -> u64 {
        self.change(|all| all.get(id).copied().unwrap_or(0))
    }

    fn tell(&self, id: &str, blocks: u64) {
        self.change(|all| match all.get_mut(id) {
            Some(known) => *known = blocks,
            None => drop(all.insert(id.to_owned(), blocks)),
        });
    }

    fn forget(&self, id: &str) {
        self.change(|all| all.remove(id));
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<String, u64>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What goes wrong with snapshots, for who waits for them.
pub(super) fn of_block(error: block::Error) -> Trouble {
    match error {
        block::Error::Absent(_) | block::Error::Damaged(_) | block::Error::Full | block::Error::Host(_) => {
            Trouble::Lasting(error.to_string())
        }
        error => Trouble::Passing(Error::internal(error)),
    }
}

/// Tasks that are under way, and those that were visible long enough.
pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    let now = ctx.now();
    let mut all = ctx.read(|snap| tasks::all_stores(snap)).await?;
    all.retain(|(_, task)| task.ended.as_ref().is_none_or(|ended| ended.at + VISIBLE_MS < now));
    Ok(all.into_iter().map(|(scope, task)| (scope, task.id)).collect())
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let scope = *ctx.scope();
    let Some(task) = ctx.read(|snap| tasks::find_store(snap, &scope, &id)).await? else {
        return Ok(Next::Done);
    };
    if let Some(ended) = &task.ended {
        if ended.at + VISIBLE_MS < ctx.now() {
            ctx.write(|tx| tasks::delete_store(tx, &scope, &id)).await?;
        }
        return Ok(Next::Done);
    }
    match step(ctx, &task).await {
        Ok(Step::Waits) => Ok(Next::After(PENDING_MS)),
        Ok(Step::Part(next)) => {
            ctx.write(|tx| tasks::put_store(tx, &scope, &next)).await?;
            Ok(Next::Now)
        }
        Ok(Step::Whole) => end(ctx, task, None).await,
        Err(Trouble::Passing(error)) => Err(error),
        Err(Trouble::Lasting(why)) => {
            let abort = AbortMultipartUploadRequest {
                bucket: task.bucket.clone(),
                key: rules::key(task.image.as_str()),
                upload_id: task.upload.clone(),
                ..Default::default()
            };
            // It may be gone: that may be why.
            let _ = ctx.call_as_service(op::AbortMultipartUpload, abort).await;
            end(ctx, task, Some(why)).await
        }
    }
}

async fn end(ctx: &Ctx, task: StoreTask, failure: Option<String>) -> Result<Next> {
    let ended = StoreTask { ended: Some(Ended { at: ctx.now(), failure }), ..task };
    ctx.write(|tx| tasks::put_store(tx, ctx.scope(), &ended)).await?;
    ctx.own::<Progress>().forget(&ended.id);
    if ended.base.is_some() {
        let (id, engine) = (files_id(&ended)?, &*ctx.own::<Engines>().volumes);
        engine.remove(&id).await.map_err(Error::internal)?;
        engine.remove_snapshot(&id).await.map_err(Error::internal)?;
    }
    Ok(Next::Done)
}

enum Step {
    /// The snapshots are not in the store yet.
    Waits,
    /// One more part is in S3.
    Part(StoreTask),
    Whole,
}

async fn step(ctx: &Ctx, task: &StoreTask) -> Result<Step, Trouble> {
    if task.done.disk == task.head.disks().count() && !task.done.etags.is_empty() {
        complete(ctx, task).await?;
        return Ok(Step::Whole);
    }
    let Some(disks) = disks(ctx, task).await? else { return Ok(Step::Waits) };
    let mut task = task.clone();
    let engine = ctx.own::<Engines>().volumes.clone();
    let mut begin = None;
    if task.done.etags.is_empty() {
        for (disk, (id, _)) in task.head.disks_mut().zip(&disks) {
            let blocks = engine.blocks(id).await.map_err(of_block)?.len();
            disk.blocks = u64::try_from(blocks).unwrap_or(u64::MAX);
        }
        // How far it is can be told from here on.
        ctx.write(|tx| tasks::put_store(tx, ctx.scope(), &task)).await?;
        begin = Some(task.head.encode()?);
    }
    let feed = Feed {
        task: task.id.clone(),
        engine,
        disks,
        begin,
        sent: 0,
        of: task.head.blocks(),
        done: task.done.clone(),
        blocks: None,
        progress: ctx.own::<Progress>().clone(),
        seen: Arc::default(),
    };
    let seen = feed.seen.clone();
    let part = UploadPartRequest {
        bucket: task.bucket.clone(),
        key: rules::key(task.image.as_str()),
        upload_id: task.upload.clone(),
        part_number: i32::try_from(task.done.etags.len() + 1).unwrap_or(i32::MAX),
        body: Body::new(StreamBody::new(stream::unfold(feed, Feed::next).boxed())),
        ..Default::default()
    };
    let uploaded = ctx.call_as_service(op::UploadPart, part).await;
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    if let Some(error) = seen.trouble {
        return Err(of_block(error));
    }
    let mut done = seen.done;
    done.etags.push(uploaded?.e_tag.unwrap_or_default());
    task.done = done;
    Ok(Step::Part(task))
}

/// What is stored, with its keys; none while one of the snapshots is not in the store.
async fn disks(ctx: &Ctx, task: &StoreTask) -> Result<Option<Vec<(block::Id, Option<Key>)>>, Trouble> {
    let mut disks = Vec::new();
    for id in &task.snapshots {
        let found = ctx.read(|snap| snapshot::find_own(snap, &task.place, id)).await?;
        let gone = || Trouble::Lasting(format!("The snapshot {id} cannot be read any more."));
        let one = found.filter(snapshot::Snapshot::is_here).ok_or_else(gone)?;
        if one.observed.stored_at.is_none() {
            // Of a snapshot that has failed, what its volume was may still come.
            return Ok(None);
        }
        let key = encryption::open(&ctx.in_scope(task.place), one.seal.as_ref()).await?;
        disks.push((block_id(id)?, key));
    }
    if let (Some(base), Some(files)) = (&task.base, &task.head.files) {
        disks.insert(0, (keep_files(ctx, task, base, files).await?, None));
    }
    Ok(Some(disks))
}

/// What the engine calls the files below the root: a volume while they are written, a snapshot while they are read.
pub(super) fn files_id(task: &StoreTask) -> Result<block::Id> {
    block::Id::new(format!("files-of-{}", task.id)).map_err(Error::internal)
}

/// The snapshot of the files below the root. It lasts as long as the task: parts of it may be in S3 already, and no second
/// one would have the same blocks.
async fn keep_files(ctx: &Ctx, task: &StoreTask, base: &str, files: &Disk) -> Result<block::Id, Trouble> {
    let (id, engine) = (files_id(task)?, &*ctx.own::<Engines>().volumes);
    match engine.blocks(&id).await {
        Ok(_) => return Ok(id),
        Err(block::Error::Absent(_)) => {}
        Err(error) => return Err(of_block(error)),
    }
    // What a run before has left half made.
    engine.remove(&id).await.map_err(of_block)?;
    engine.remove_snapshot(&id).await.map_err(of_block)?;
    let size_bytes = u64::from(files.size_gib) * GIB;
    write_files(ctx, &compute::ImageId(base.to_owned()), None, &id, size_bytes).await?;
    engine.take(&id, &id).await.map_err(of_block)?;
    engine.store(&id, None).await.map_err(of_block)?;
    engine.remove(&id).await.map_err(of_block)?;
    Ok(id)
}

async fn complete(ctx: &Ctx, task: &StoreTask) -> Result<()> {
    let part = |(etag, number): (&String, i32)| CompletedPart {
        e_tag: Some(etag.clone()),
        part_number: Some(number),
        ..Default::default()
    };
    let parts = task.done.etags.iter().zip(1..).map(part).collect();
    let whole = CompleteMultipartUploadRequest {
        bucket: task.bucket.clone(),
        key: rules::key(task.image.as_str()),
        upload_id: task.upload.clone(),
        multipart_upload: Some(CompletedMultipartUpload { parts: Some(parts) }),
        if_none_match: Some("*".to_owned()),
        ..Default::default()
    };
    ctx.call_as_service(op::CompleteMultipartUpload, whole).await.map(drop)
}

/// What is sent as one part: from where the last one ended.
struct Feed {
    task: String,
    engine: Arc<dyn Volumes>,
    disks: Vec<(block::Id, Option<Key>)>,
    /// What an object begins with, while that is still to be sent.
    begin: Option<Bytes>,
    sent: u64,
    /// Blocks of all disks.
    of: u64,
    done: Done,
    /// Of the disk that is being read.
    blocks: Option<PackedBlocks>,
    progress: Progress,
    seen: Arc<Mutex<Seen>>,
}

/// How far a part came, for who sends it.
#[derive(Default)]
struct Seen {
    done: Done,
    trouble: Option<block::Error>,
}

type Sent = Result<Frame<Bytes>, BodyError>;

impl Feed {
    async fn next(mut self) -> Option<(Sent, Self)> {
        match self.piece().await {
            Ok(Some(bytes)) => {
                self.sent += u64::try_from(bytes.len()).unwrap_or(0);
                Some((Ok(Frame::data(bytes)), self))
            }
            Ok(None) => {
                self.tell(None);
                None
            }
            Err(error) => {
                self.tell(Some(error));
                Some((Err("a block does not read".into()), self))
            }
        }
    }

    fn tell(&self, trouble: Option<block::Error>) {
        let done = self.done.clone();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen { done, trouble };
    }

    async fn piece(&mut self) -> block::Result<Option<Bytes>> {
        if let Some(begin) = self.begin.take() {
            return Ok(Some(begin));
        }
        loop {
            if self.done.blocks >= self.of {
                self.done.disk = self.disks.len();
            }
            let Some((id, key)) = self.disks.get(self.done.disk).filter(|_| self.sent < PART_BYTES) else {
                return Ok(None);
            };
            let blocks = match &mut self.blocks {
                Some(blocks) => blocks,
                None => {
                    let read = self.engine.read(id, self.done.block, key.as_ref()).await?;
                    self.blocks.insert(read)
                }
            };
            let Some(packed) = blocks.next().await.transpose()? else {
                (self.done.disk, self.done.block, self.blocks) = (self.done.disk + 1, 0, None);
                continue;
            };
            (self.done.block, self.done.blocks) = (packed.index + 1, self.done.blocks + 1);
            self.progress.tell(&self.task, self.done.blocks);
            let framed = rules::frame(packed.index, packed.bytes);
            return framed.map(Some).map_err(|error| block::Error::Spec(error.to_string()));
        }
    }
}
