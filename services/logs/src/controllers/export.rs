//! Exports to buckets, one stream a step: what is in the bucket is not written again after a restart.

use std::io::Write;

use api_s3::{PutObjectRequest, op};
use flate2::Compression;
use flate2::write::GzEncoder;
use kernel::{Ctx, Error, Kind, Millis, Next, Result, Scope};
use shape::Body;

use crate::ops::event_page::{self, Want};
use crate::rules::export::{instant, key};
use crate::rules::name::group_arn;
use crate::rules::page::Way;
use crate::rules::principal::of_region;
use crate::state::export::{self, Status, Task};
use crate::state::group::{self, Group};
use crate::state::stream::{self, Stream};

pub const NAME: &str = "logs-exports";
pub const CONCURRENCY: usize = 2;
pub const SWEEP_EVERY_MS: Millis = 60_000;
const LISTED_MAX: usize = 10_000;
/// Events read at once.
const PAGE: usize = 10_000;
/// Text of one file.
const FILE_BYTES: usize = 64 << 20;

pub async fn list(ctx: &Ctx) -> Result<Vec<(Scope, String)>> {
    export::list_active(ctx, LISTED_MAX).await
}

pub async fn reconcile(ctx: &Ctx, id: String) -> Result<Next> {
    let task = ctx.read(|snap| export::find(snap, ctx.scope(), &id)).await?;
    let Some(task) = task.filter(|task| task.status.is_active()) else { return Ok(Next::Done) };
    let Some(group) = ctx.read(|snap| group::find(snap, ctx.scope(), &task.group)).await? else {
        return end(ctx, &task, Status::Failed, Some("The log group does not exist any more.".to_owned()))
            .await;
    };
    let prefix = task.stream_prefix.clone().unwrap_or_default();
    let left = |stream: &Stream| {
        stream.name.starts_with(&prefix) && task.done.as_ref().is_none_or(|done| stream.name > *done)
    };
    let Some(stream) = stream::list_where(ctx, group.id, left).await?.into_iter().next() else {
        return end(ctx, &task, Status::Completed, Some("Completed successfully".to_owned())).await;
    };
    match write_stream(ctx, &task, &group, &stream).await {
        Ok(()) => {
            let next = Task { status: Status::Running, done: Some(stream.name), ..task };
            store(ctx, &next).await?;
            Ok(Next::Now)
        }
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable | Kind::Throttled) => {
            Err(error)
        }
        Err(error) => end(ctx, &task, Status::Failed, Some(error.message().to_owned())).await,
    }
}

async fn end(ctx: &Ctx, task: &Task, status: Status, message: Option<String>) -> Result<Next> {
    store(ctx, &Task { status, message, ended_at: Some(ctx.now()), ..task.clone() }).await?;
    Ok(Next::Done)
}

/// Unless it was cancelled meanwhile.
async fn store(ctx: &Ctx, task: &Task) -> Result<()> {
    ctx.write(|tx| match export::find(tx, ctx.scope(), &task.id)? {
        Some(now) if now.status.is_active() => export::put(tx, ctx.scope(), task),
        _ => Ok(()),
    })
    .await
}

/// Writes an object as the service: the bucket's policy must let it.
pub async fn put(ctx: &Ctx, task: &Task, key: String, bytes: Vec<u8>) -> Result<()> {
    let input = PutObjectRequest {
        bucket: task.bucket.clone(),
        key,
        content_length: i64::try_from(bytes.len()).ok(),
        body: Body::from_bytes(bytes),
        ..PutObjectRequest::default()
    };
    ctx.call_named(
        of_region(ctx.region().as_str()),
        &group_arn(ctx.scope(), &task.group),
        op::PutObject,
        input,
    )
    .await
    .map(drop)
}

async fn write_stream(ctx: &Ctx, task: &Task, group: &Group, stream: &Stream) -> Result<()> {
    let (mut place, mut file, mut text) = (None, 0, Vec::new());
    loop {
        let want = Want {
            group,
            streams: Some(vec![stream.id]),
            from: task.from,
            to: task.to.saturating_add(1),
            way: Way::Forward,
            place,
            limit: PAGE,
            pick: &|_| true,
        };
        let page = event_page::page(ctx, &want).await?;
        for (_, event) in &page.events {
            writeln!(text, "{} {}", instant(event.at), event.message).map_err(Error::internal)?;
        }
        if text.len() > FILE_BYTES || (page.is_last && !text.is_empty()) {
            let mut packer = GzEncoder::new(Vec::new(), Compression::default());
            packer.write_all(&std::mem::take(&mut text)).map_err(Error::internal)?;
            let bytes = packer.finish().map_err(Error::internal)?;
            put(ctx, task, key(task.prefix.as_deref(), &task.id, &stream.name, file), bytes).await?;
            file += 1;
        }
        if page.is_last {
            return Ok(());
        }
        place = page.next.or(place);
    }
}
