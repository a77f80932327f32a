//! Reads every blob through, slowly, and compares it with its checksum. What is damaged is reported: in the log, and at
//! `/_aws/s3/integrity`. It is never served, since reading checks by itself.

use std::collections::HashMap;

use blob::Error;
use kernel::house::HOUSE_SCOPE;
use kernel::{Ctx, LocalRequest, LocalResponse, Millis, Next, Result, Scope};
use serde_json::json;

use crate::rules::time::iso;
use crate::state::bytes::{self, Vault};
use crate::state::scrub::{self, Damage, Progress};

pub const NAME: &str = "s3-scrub";
pub const SWEEP_EVERY_MS: Millis = 3_600_000;
/// Where the state of the round is shown.
pub const PATH: &str = "/_aws/s3/integrity";

/// Bytes read in a second: little enough to be in nobody's way.
const BYTES_PER_SECOND: u64 = 8 << 20;
/// A round begins no sooner than this after the one before.
const ROUND_MS: Millis = 24 * 3_600_000;
/// Blobs, and bytes, looked at before it is written down how far the round is.
const STEP_BLOBS: usize = 64;
const STEP_BYTES: u64 = 64 << 20;
const SHOWN_MAX: usize = 1_000;

/// There is one round, of all blobs.
pub async fn list(_: &Ctx) -> Result<Vec<(Scope, String)>> {
    Ok(vec![(HOUSE_SCOPE, "blobs".to_owned())])
}

/// A step of the round.
pub async fn reconcile(ctx: &Ctx, _: String) -> Result<Next> {
    let now = ctx.now();
    let mut progress = ctx.read(|snap| scrub::progress(snap)).await?;
    if progress.after.is_none() {
        let due_at = progress.begun_at + ROUND_MS;
        if progress.ended_at.is_some() && due_at > now {
            return Ok(Next::After(due_at - now));
        }
        progress = Progress { begun_at: now, ended_at: progress.ended_at, ..Progress::default() };
    }
    let found = ctx.read(|snap| scrub::blobs(snap, progress.after.as_deref(), STEP_BLOBS)).await?;
    let is_last = found.len() < STEP_BLOBS;
    let (mut looked, mut read) = (HashMap::new(), 0);
    let mut stopped = false;
    for (row, scope, segment) in found {
        if read > STEP_BYTES {
            stopped = true;
            break;
        }
        let outcome = look(ctx, &scope, &segment).await?;
        read += outcome.as_ref().ok().copied().flatten().unwrap_or_default();
        progress.blobs += 1;
        progress.after = Some(row);
        looked.insert((scope, segment), outcome.err());
    }
    progress.bytes = progress.bytes.saturating_add(read);
    if is_last && !stopped {
        progress = Progress { after: None, ended_at: Some(ctx.now()), ..progress };
    }
    ctx.write(|tx| {
        for ((scope, segment), what) in &looked {
            let damage = what.clone().map(|what| Damage { found_at: now, what });
            scrub::note(tx, scope, segment, damage.as_ref())?;
        }
        scrub::put_progress(tx, &progress)
    })
    .await?;
    Ok(Next::Now)
}

/// Reads a blob through: its bytes, none where no record names it any more, or what is wrong with it.
async fn look(ctx: &Ctx, scope: &Scope, segment: &str) -> Result<std::result::Result<Option<u64>, String>> {
    let place = bytes::blob_id(scope, segment)?;
    let error = match ctx.own::<Vault>().blobs.verify_slowly(&place, BYTES_PER_SECOND).await {
        Ok(written) => return Ok(Ok(Some(written.size_bytes))),
        Err(error @ (Error::Absent(_) | Error::Damaged { .. })) => error,
        Err(other) => return Err(kernel::Error::internal(other)),
    };
    // It may have been deleted while it was read.
    if !ctx.read(|snap| bytes::is_named(snap, scope, segment)).await? {
        return Ok(Ok(None));
    }
    tracing::error!(%error, segment, account = %scope.account, "a stored object is damaged");
    Ok(Err(error.to_string()))
}

/// Shows how far the round is, and what is damaged.
pub async fn show(ctx: &Ctx, request: LocalRequest) -> Result<LocalResponse> {
    if !request.from_loopback {
        return Ok(LocalResponse::text(403, "Only from this host."));
    }
    let (progress, damaged) =
        ctx.read(|snap| Ok((scrub::progress(snap)?, scrub::damaged(snap, SHOWN_MAX)?))).await?;
    let damaged: Vec<_> = damaged
        .into_iter()
        .map(|(scope, segment, damage)| {
            json!({
                "account": scope.account.to_string(),
                "region": scope.region.as_str(),
                "segment": segment,
                "found_at": iso(damage.found_at),
                "what": damage.what,
            })
        })
        .collect();
    let shown = json!({
        "round": {
            "begun_at": iso(progress.begun_at),
            "blobs": progress.blobs,
            "bytes": progress.bytes,
            "is_under_way": progress.after.is_some(),
            "last_ended_at": progress.ended_at.map(iso),
        },
        "damaged": damaged,
    });
    Ok(LocalResponse::json(200, &shown))
}
