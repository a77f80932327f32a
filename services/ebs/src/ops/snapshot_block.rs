//! Snapshots read block by block.

use std::sync::Arc;

use api_ebs as api;
use api_ebs::{
    GetSnapshotBlockRequest, GetSnapshotBlockResponse, ListChangedBlocksRequest, ListChangedBlocksResponse,
    ListSnapshotBlocksRequest, ListSnapshotBlocksResponse,
};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::snapshot_blocks::{SnapshotDesk, SnapshotFacts, SnapshotStage, SnapshotStore};
use kernel::{Access, Ctx, Millis, Result, Scope};
use shape::{Body, Timestamp};

use crate::errors;
use crate::rules::snapshot_block::{BLOCK_BYTES, Leave, SHA256, TOKEN_MS, changes, check_index, page_size};

const LEAVE: &str = "GetSnapshotBlock";

/// Snapshots are of no account in their ARNs.
pub fn access(scope: &Scope, id: &str) -> Result<Access> {
    Ok(Access::on(format!("arn:{}:ec2:{}::snapshot/{id}", scope.partition(), scope.region)))
}

pub fn changed_access(scope: &Scope, input: &ListChangedBlocksRequest) -> Result<Access> {
    let asked = access(scope, &input.second_snapshot_id)?;
    Ok(match &input.first_snapshot_id {
        Some(first) => asked.also(access(scope, first)?),
        None => asked,
    })
}

/// The kernel's tokens are safe in URLs; those of this service are of the other alphabet of base64 (its model).
fn seal(ctx: &Ctx, operation: &str, position: &[u8]) -> String {
    ctx.seal_page(operation, position).replace('-', "+").replace('_', "/")
}

fn open(ctx: &Ctx, operation: &str, token: &str) -> Option<Vec<u8>> {
    ctx.open_page(operation, &token.replace('+', "-").replace('/', "_"))
}

/// Who keeps the snapshots.
pub fn keeper(ctx: &Ctx) -> Result<&dyn SnapshotStore> {
    ctx.own::<Arc<SnapshotDesk>>().get()
}

/// # Errors
/// When there is no such snapshot for this account.
pub async fn get(ctx: &Ctx, id: &str) -> Result<SnapshotFacts> {
    let found = keeper(ctx)?.find(ctx, id).await.map_err(errors::of_keeper)?;
    found.ok_or_else(|| errors::no_such_snapshot(id))
}

async fn get_completed(ctx: &Ctx, id: &str) -> Result<SnapshotFacts> {
    let found = get(ctx, id).await?;
    match found.stage {
        SnapshotStage::Completed => Ok(found),
        _ => Err(errors::snapshot_state(id)),
    }
}

fn leave(ctx: &Ctx, snapshot: &str, index: u32, until: Millis) -> String {
    seal(ctx, LEAVE, &Leave { snapshot, index, until }.to_bytes())
}

/// Where a page begins: behind another, or where it was asked.
fn begin(ctx: &Ctx, list: &str, token: Option<&str>, asked: Option<i32>, size_gib: u32) -> Result<u32> {
    match (token.filter(|token| !token.is_empty()), asked) {
        (Some(token), _) => {
            let place = open(ctx, list, token).and_then(|place| <[u8; 4]>::try_from(place).ok());
            place.map(u32::from_be_bytes).ok_or_else(errors::page_token)
        }
        (None, Some(asked)) => check_index(asked, size_gib),
        (None, None) => Ok(0),
    }
}

/// A page of rows, and the token of the next.
fn cut<T>(
    ctx: &Ctx,
    list: &str,
    mut rows: Vec<T>,
    size: usize,
    index: impl Fn(&T) -> u32,
) -> (Vec<T>, Option<String>) {
    let next = rows.get(size).map(|row| seal(ctx, list, &index(row).to_be_bytes()));
    rows.truncate(size);
    (rows, next)
}

fn number(index: u32) -> Option<i32> {
    i32::try_from(index).ok()
}

pub async fn list_snapshot_blocks(
    ctx: &Ctx,
    input: ListSnapshotBlocksRequest,
) -> Result<ListSnapshotBlocksResponse> {
    let id = &input.snapshot_id;
    let found = get_completed(ctx, id).await?;
    let list = format!("ListSnapshotBlocks {id}");
    let first = begin(ctx, &list, input.next_token.as_deref(), input.starting_block_index, found.size_gib)?;
    let mut blocks = keeper(ctx)?.blocks(ctx, id).await.map_err(errors::of_keeper)?;
    blocks.retain(|(index, _)| *index >= first);
    let (blocks, next_token) = cut(ctx, &list, blocks, page_size(input.max_results), |(index, _)| *index);
    let until = ctx.now() + TOKEN_MS;
    let show = |(index, _): (u32, [u8; 32])| api::Block {
        block_index: number(index),
        block_token: Some(leave(ctx, id, index, until)),
    };
    Ok(ListSnapshotBlocksResponse {
        blocks: Some(blocks.into_iter().map(show).collect()),
        expiry_time: Some(Timestamp::from_millis(until)),
        volume_size: Some(i64::from(found.size_gib)),
        block_size: number(BLOCK_BYTES),
        next_token,
    })
}

pub async fn list_changed_blocks(
    ctx: &Ctx,
    input: ListChangedBlocksRequest,
) -> Result<ListChangedBlocksResponse> {
    let id = &input.second_snapshot_id;
    let found = get_completed(ctx, id).await?;
    let keeper = keeper(ctx)?;
    let before = match &input.first_snapshot_id {
        Some(first) => {
            get_completed(ctx, first).await?;
            if !keeper.are_related(ctx, first, id).await.map_err(errors::of_keeper)? {
                return Err(errors::unrelated());
            }
            keeper.blocks(ctx, first).await.map_err(errors::of_keeper)?
        }
        None => Vec::new(),
    };
    let list = format!("ListChangedBlocks {id} {}", input.first_snapshot_id.as_deref().unwrap_or_default());
    let start = begin(ctx, &list, input.next_token.as_deref(), input.starting_block_index, found.size_gib)?;
    let mut changed = changes(&before, &keeper.blocks(ctx, id).await.map_err(errors::of_keeper)?);
    changed.retain(|(index, ..)| *index >= start);
    let (changed, next_token) = cut(ctx, &list, changed, page_size(input.max_results), |(index, ..)| *index);
    let until = ctx.now() + TOKEN_MS;
    let first = input.first_snapshot_id.as_deref().unwrap_or_default();
    let show = |(index, was, is): (u32, bool, bool)| api::ChangedBlock {
        block_index: number(index),
        first_block_token: was.then(|| leave(ctx, first, index, until)),
        second_block_token: is.then(|| leave(ctx, id, index, until)),
    };
    Ok(ListChangedBlocksResponse {
        changed_blocks: Some(changed.into_iter().map(show).collect()),
        expiry_time: Some(Timestamp::from_millis(until)),
        volume_size: Some(i64::from(found.size_gib)),
        block_size: number(BLOCK_BYTES),
        next_token,
    })
}

pub async fn get_snapshot_block(
    ctx: &Ctx,
    input: GetSnapshotBlockRequest,
) -> Result<GetSnapshotBlockResponse> {
    let id = &input.snapshot_id;
    let found = get_completed(ctx, id).await?;
    let index = check_index(input.block_index, found.size_gib)?;
    let opened = open(ctx, LEAVE, &input.block_token);
    let leave = opened.as_deref().and_then(Leave::read).ok_or_else(errors::block_token)?;
    if leave.snapshot != id.as_str() || leave.index != index || leave.until < ctx.now() {
        return Err(errors::block_token());
    }
    let bytes = keeper(ctx)?.read(ctx, id, index).await.map_err(errors::of_keeper)?;
    let sum = STANDARD.encode(digest::digest(&digest::SHA256, &bytes));
    Ok(GetSnapshotBlockResponse {
        data_length: i32::try_from(bytes.len()).ok(),
        block_data: Body::from_bytes(bytes),
        checksum: Some(sum),
        checksum_algorithm: Some(SHA256.to_owned()),
    })
}
