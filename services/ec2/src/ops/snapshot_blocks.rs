//! Snapshots by their blocks, for the service that serves those.

use std::collections::BTreeSet;
use std::sync::Arc;

use block::{BLOCK_BYTES, Volumes};
use bytes::Bytes;
use kernel::snapshot_blocks::{SnapshotBlocks, SnapshotFacts, SnapshotStage, SnapshotStore, SnapshotWish};
use kernel::{BoxFuture, Ctx, Error, Result, Scope};

use super::encryption;
use super::snapshot::{check_here, check_id, state};
use crate::controllers::snapshot::CONTROLLER;
use crate::controllers::volume::block_id;
use crate::errors;
use crate::rules::encryption::{Wanted, decide};
use crate::rules::tag as tags_of;
use crate::state::encryption::defaults;
use crate::state::id::{Id, SnapshotId, VolumeId};
use crate::state::snapshot::{self, Snapshot};
use crate::state::tag;

const GIB: u64 = 1 << 30;
/// Ancestors looked at.
const ANCESTORS_MAX: usize = 1_000;

pub struct Desk(pub Arc<dyn Volumes>);

impl SnapshotStore for Desk {
    fn find<'a>(&'a self, ctx: &'a Ctx, id: &'a str) -> BoxFuture<'a, Result<Option<SnapshotFacts>>> {
        Box::pin(async move { Ok(find(ctx, id).await?.map(|(place, one)| facts(&place, one))) })
    }

    fn are_related<'a>(
        &'a self,
        ctx: &'a Ctx,
        first: &'a str,
        second: &'a str,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(are_related(ctx, first, second))
    }

    fn blocks<'a>(&'a self, _: &'a Ctx, id: &'a str) -> BoxFuture<'a, Result<SnapshotBlocks>> {
        Box::pin(async move {
            let blocks = self.0.blocks(&block_id(&check_id(id)?)?).await.map_err(Error::internal)?;
            Ok(blocks.into_iter().map(|block| (block.index, block.token)).collect())
        })
    }

    fn read<'a>(&'a self, ctx: &'a Ctx, id: &'a str, index: u32) -> BoxFuture<'a, Result<Bytes>> {
        Box::pin(async move {
            let (_, one) = get(ctx, id).await?;
            encryption::check_usable(ctx, one.seal.as_ref()).await?;
            let key = encryption::open(ctx, one.seal.as_ref()).await?;
            self.0.block(&block_id(&one.id)?, index, key.as_ref()).await.map_err(Error::internal)
        })
    }

    fn begin<'a>(&'a self, ctx: &'a Ctx, wish: SnapshotWish) -> BoxFuture<'a, Result<SnapshotFacts>> {
        Box::pin(begin(&*self.0, ctx, wish))
    }

    fn write<'a>(&'a self, ctx: &'a Ctx, id: &'a str, index: u32, block: Bytes) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (_, one) = get(ctx, id).await?;
            encryption::check_usable(ctx, one.seal.as_ref()).await?;
            let key = encryption::open(ctx, one.seal.as_ref()).await?;
            self.0.put_block(&block_id(&one.id)?, index, block, key.as_ref()).await.map_err(Error::internal)
        })
    }

    fn finish<'a>(&'a self, ctx: &'a Ctx, id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let id = check_id(id)?;
            let scope = *ctx.scope();
            ctx.write(|tx| {
                snapshot::update(tx, &scope, &id, |one| {
                    one.open_until = None;
                    one.observed.taken = true;
                    Ok(())
                })
            })
            .await?;
            ctx.nudge(CONTROLLER, id.as_str());
            Ok(())
        })
    }
}

async fn find(ctx: &Ctx, id: &str) -> Result<Option<(Scope, Snapshot)>> {
    let id = check_id(id)?;
    ctx.read(|snap| snapshot::find_placed(snap, ctx.scope(), &id)).await
}

async fn get(ctx: &Ctx, id: &str) -> Result<(Scope, Snapshot)> {
    find(ctx, id).await?.ok_or_else(|| errors::snapshot_not_found(id))
}

fn facts(place: &Scope, one: Snapshot) -> SnapshotFacts {
    let stage = match (one.open_until, state(&one)) {
        (Some(_), _) => SnapshotStage::Open,
        // In the archive, nothing of it can be read.
        _ if !one.is_here() => SnapshotStage::Pending,
        (None, "completed") => SnapshotStage::Completed,
        (None, "error") => SnapshotStage::Failed,
        (None, _) => SnapshotStage::Pending,
    };
    SnapshotFacts {
        id: one.id.to_string(),
        owner: place.account,
        size_gib: one.size_gib,
        description: one.description,
        parent: one.parent.map(|parent| parent.to_string()),
        key: one.seal.map(|seal| seal.key),
        started_at: one.started_at,
        stage,
    }
}

/// Related are snapshots of one volume, and those that came from one another, of whatever generation.
async fn are_related(ctx: &Ctx, first: &str, second: &str) -> Result<bool> {
    let (first, second) = (lineage(ctx, first).await?, lineage(ctx, second).await?);
    Ok(first.intersection(&second).next().is_some())
}

/// A snapshot, its ancestors, and the volumes of them all.
async fn lineage(ctx: &Ctx, id: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut next = Some(check_id(id)?);
    while let Some(id) = next.take() {
        if found.len() > ANCESTORS_MAX || !found.insert(id.to_string()) {
            break;
        }
        let Some((_, one)) = ctx.read(|snap| snapshot::find_placed(snap, ctx.scope(), &id)).await? else {
            break;
        };
        if one.copied.is_none() && !is_placeholder(&one.volume) {
            found.insert(one.volume.to_string());
        }
        next = one.parent;
    }
    Ok(found)
}

/// What AWS says of snapshots that no volume here was the origin of.
pub fn placeholder() -> Result<VolumeId> {
    VolumeId::parse(PLACEHOLDER).ok_or_else(|| errors::volume_malformed(PLACEHOLDER))
}

const PLACEHOLDER: &str = "vol-ffffffff";

fn is_placeholder(id: &VolumeId) -> bool {
    id.as_str() == PLACEHOLDER
}

async fn begin(engine: &dyn Volumes, ctx: &Ctx, wish: SnapshotWish) -> Result<SnapshotFacts> {
    let scope = *ctx.scope();
    let parent = match &wish.parent {
        Some(parent) => Some(get(ctx, parent).await?),
        None => None,
    };
    if let Some((_, parent)) = &parent {
        check_here(parent)?;
    }
    let old = parent.as_ref().and_then(|(_, parent)| parent.seal.as_ref());
    encryption::check_usable(ctx, old).await?;
    let defaults = ctx.read(|snap| defaults(snap, &scope)).await?;
    let own = parent.as_ref().is_none_or(|(place, _)| *place == scope);
    let outcome = decide(&Wanted::new(wish.encrypted, wish.key), &defaults, old, own)?;
    let id = SnapshotId::fresh(ctx.ids());
    let seal = encryption::seal(ctx, outcome, id.as_str()).await?;
    let keys = (encryption::open(ctx, old).await?, encryption::open(ctx, seal.as_ref()).await?);
    let tag = |(key, value)| api_ec2::Tag { key: Some(key), value: Some(value) };
    let tags = tags_of::check(wish.tags.into_iter().map(tag).collect())?;
    let now = ctx.now();
    let one = Snapshot {
        base: parent.as_ref().and_then(|(_, parent)| parent.base.clone()),
        description: wish.description,
        parent: parent.as_ref().map(|(_, parent)| parent.id.clone()),
        seal,
        open_until: Some(now + wish.timeout_ms),
        ..Snapshot::new(id, placeholder()?, wish.size_gib, now)
    };
    // The record first: what the engine makes is swept when nobody knows it.
    ctx.write(|tx| {
        snapshot::put(tx, &scope, &one)?;
        tag::put(tx, &scope, &one.id, tags.clone())
    })
    .await?;
    let from = one.parent.as_ref().map(block_id).transpose()?;
    let size_bytes = u64::from(one.size_gib) * GIB;
    debug_assert!(size_bytes.is_multiple_of(BLOCK_BYTES));
    let keys = (keys.0.as_ref(), keys.1.as_ref());
    engine.begin(&block_id(&one.id)?, size_bytes, from.as_ref(), keys).await.map_err(Error::internal)?;
    ctx.nudge(CONTROLLER, one.id.as_str());
    Ok(facts(&scope, one))
}
