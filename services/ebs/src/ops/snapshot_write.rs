//! Snapshots written block by block.

use api_ebs::{
    CompleteSnapshotRequest, CompleteSnapshotResponse, PutSnapshotBlockRequest, PutSnapshotBlockResponse,
    StartSnapshotRequest, StartSnapshotResponse, Tag,
};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use kernel::snapshot_blocks::{SnapshotFacts, SnapshotStage, SnapshotWish};
use kernel::tokens::{Token, fingerprint};
use kernel::{Access, Ctx, Millis, Result, Scope};
use shape::Timestamp;

use super::snapshot_block::{access, get, keeper};
use crate::errors;
use crate::rules::snapshot_block::{BLOCK_BYTES, SHA256, check_index, check_method};
use crate::state::written;

const MINUTE_MS: Millis = 60_000;
const TIMEOUT_MINUTES: i32 = 60;
const START: &str = "StartSnapshot";

/// With tags, where it gives some.
pub fn start_access(scope: &Scope, input: &StartSnapshotRequest) -> Result<Access> {
    let tags = input.tags.iter().flatten();
    let tags =
        tags.map(|tag| (tag.key.as_deref().unwrap_or_default(), tag.value.as_deref().unwrap_or_default()));
    let made = access(scope, "*")?.request_tags(tags);
    Ok(match &input.parent_snapshot_id {
        Some(parent) => made.also(access(scope, parent)?),
        None => made,
    })
}

pub async fn start_snapshot(ctx: &Ctx, input: StartSnapshotRequest) -> Result<StartSnapshotResponse> {
    let print = fingerprint(&input);
    let tags = input.tags.clone();
    if let Some(token) = &input.client_token {
        let known = ctx.write(|tx| tx.find_token(START, token, &print)).await?;
        match known {
            Token::Fresh => {}
            Token::Repeated(made) => return Ok(show(ctx, get(ctx, &made).await?, tags)),
            Token::Mismatched => return Err(errors::token_mismatched(token)),
        }
    }
    let wish = check(ctx, &input).await?;
    let made = keeper(ctx)?.begin(ctx, wish).await.map_err(errors::of_keeper)?;
    if let Some(token) = &input.client_token {
        ctx.write(|tx| tx.remember_token(START, token, &print, &made.id)).await?;
    }
    Ok(show(ctx, made, tags))
}

async fn check(ctx: &Ctx, input: &StartSnapshotRequest) -> Result<SnapshotWish> {
    let size = u32::try_from(input.volume_size).ok().filter(|size| (1..=65_536).contains(size));
    let size_gib =
        size.ok_or_else(|| errors::parameter("The volume size must be between 1 and 65536 GiB."))?;
    if let Some(parent) = &input.parent_snapshot_id {
        let parent = get(ctx, parent).await?;
        if parent.stage != SnapshotStage::Completed {
            return Err(errors::snapshot_state(&parent.id));
        }
        if parent.size_gib > size_gib {
            return Err(errors::volume_size());
        }
        if input.encrypted.is_some() || input.kms_key_arn.is_some() {
            return Err(errors::parameter(
                "With a parent, neither Encrypted nor KmsKeyArn can be specified.",
            ));
        }
    }
    let tags = input
        .tags
        .iter()
        .flatten()
        .map(|Tag { key, value }| (key.clone().unwrap_or_default(), value.clone().unwrap_or_default()));
    Ok(SnapshotWish {
        size_gib,
        parent: input.parent_snapshot_id.clone(),
        description: input.description.clone().unwrap_or_default(),
        tags: tags.collect(),
        encrypted: input.encrypted,
        key: input.kms_key_arn.clone(),
        timeout_ms: Millis::from(input.timeout.unwrap_or(TIMEOUT_MINUTES)) * MINUTE_MS,
    })
}

fn show(ctx: &Ctx, made: SnapshotFacts, tags: Option<Vec<Tag>>) -> StartSnapshotResponse {
    let sse_type = if made.key.is_some() { "sse-kms" } else { "none" };
    StartSnapshotResponse {
        description: Some(made.description),
        snapshot_id: Some(made.id),
        owner_id: Some(ctx.account().to_string()),
        status: Some(status(made.stage).to_owned()),
        start_time: Some(Timestamp::from_millis(made.started_at)),
        volume_size: Some(i64::from(made.size_gib)),
        block_size: i32::try_from(BLOCK_BYTES).ok(),
        tags,
        parent_snapshot_id: made.parent,
        kms_key_arn: made.key,
        sse_type: Some(sse_type.to_owned()),
    }
}

fn status(stage: SnapshotStage) -> &'static str {
    match stage {
        SnapshotStage::Open | SnapshotStage::Pending => "pending",
        SnapshotStage::Completed => "completed",
        SnapshotStage::Failed => "error",
    }
}

/// A snapshot that this account writes.
async fn get_open(ctx: &Ctx, id: &str) -> Result<SnapshotFacts> {
    let found = get(ctx, id).await?;
    match found.stage == SnapshotStage::Open && found.owner == ctx.account() {
        true => Ok(found),
        false => Err(errors::snapshot_state(id)),
    }
}

pub async fn put_snapshot_block(
    ctx: &Ctx,
    input: PutSnapshotBlockRequest,
) -> Result<PutSnapshotBlockResponse> {
    let id = &input.snapshot_id;
    // Read before anything is refused: who is refused unread is hung up on.
    let block = read(&input.block_data).await;
    check_method(Some(&input.checksum_algorithm), None)?;
    let found = get_open(ctx, id).await?;
    let index = check_index(input.block_index, found.size_gib)?;
    if u32::try_from(input.data_length) != Ok(BLOCK_BYTES) {
        return Err(errors::parameter(format!("The data length must be {BLOCK_BYTES} bytes.")));
    }
    let block = block?;
    let sum = digest::digest(&digest::SHA256, &block);
    let told = STANDARD.encode(sum);
    if told != input.checksum {
        return Err(errors::block("The checksum does not match the block's data."));
    }
    keeper(ctx)?.write(ctx, id, index, block).await.map_err(errors::of_keeper)?;
    let scope = *ctx.scope();
    let sha256 = sum.as_ref().try_into().map_err(kernel::Error::internal)?;
    ctx.write(|tx| written::put(tx, &scope, id, index, sha256)).await?;
    Ok(PutSnapshotBlockResponse { checksum: Some(told), checksum_algorithm: Some(SHA256.to_owned()) })
}

/// A whole block, and no more.
async fn read(body: &shape::Body) -> Result<Bytes> {
    let length = usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX);
    let mut body = body.take();
    let mut block = BytesMut::with_capacity(length);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| errors::block("The block's data broke off."))?;
        let Ok(data) = frame.into_data() else { continue };
        if block.len() + data.len() > length {
            return Err(errors::block("The block's data is too long."));
        }
        block.extend_from_slice(&data);
    }
    if block.len() == length {
        Ok(block.freeze())
    } else {
        Err(errors::block("The block's data is too short."))
    }
}

pub async fn complete_snapshot(
    ctx: &Ctx,
    input: CompleteSnapshotRequest,
) -> Result<CompleteSnapshotResponse> {
    let id = &input.snapshot_id;
    check_method(input.checksum_algorithm.as_deref(), input.checksum_aggregation_method.as_deref())?;
    get_open(ctx, id).await?;
    let scope = *ctx.scope();
    let blocks = ctx.read(|snap| written::all(snap, &scope, id)).await?;
    if usize::try_from(input.changed_blocks_count) != Ok(blocks.len()) {
        let message = format!("{} blocks were written, not {}.", blocks.len(), input.changed_blocks_count);
        return Err(errors::parameter(message));
    }
    if let Some(told) = &input.checksum
        && *told != STANDARD.encode(digest::digest(&digest::SHA256, blocks.as_flattened()))
    {
        return Err(errors::block("The checksum does not match those of the blocks."));
    }
    keeper(ctx)?.finish(ctx, id).await.map_err(errors::of_keeper)?;
    forget(ctx, id).await?;
    let stage = get(ctx, id).await?.stage;
    Ok(CompleteSnapshotResponse { status: Some(status(stage).to_owned()) })
}

async fn forget(ctx: &Ctx, id: &str) -> Result<()> {
    let scope = *ctx.scope();
    while ctx.write(|tx| written::forget_some(tx, &scope, id)).await? {}
    Ok(())
}

/// Forgets what was written of snapshots that are written no more.
pub async fn sweep(ctx: &Ctx) -> Result<()> {
    let mut after: Option<Bytes> = None;
    loop {
        let (found, next) = ctx.read(|snap| written::some(snap, after.as_deref())).await?;
        for (scope, id) in found {
            let ctx = ctx.in_scope(scope);
            let open =
                keeper(&ctx)?.find(&ctx, &id).await?.is_some_and(|one| one.stage == SnapshotStage::Open);
            if !open {
                forget(&ctx, &id).await?;
            }
        }
        match next {
            Some(row) => after = Some(row),
            None => return Ok(()),
        }
    }
}
