//! Takes inventories: a vault's archives written down, some at a time, as the output of a job.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use ::bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use kernel::{Ctx, Result};

use super::job::end;
use crate::ops::store;
use crate::rules::inventory::{Entry, Wanted, head, line, marker_of, tail};
use crate::rules::job::{Ended, Job, Kind, Taking};
use crate::state::archive::{self, Archive};
use crate::state::bytes;
use crate::state::vault::Vault;

/// Archives read at once.
const BATCH: usize = 500;
/// Bytes of an inventory: a line has 3 KiB at most, so that is of 300 million archives.
const SIZE_BYTES_MAX: u64 = 1 << 40;

pub(super) async fn take(ctx: &Ctx, vault: &Vault, job: Job) -> Result<()> {
    let Kind::Inventory(Taking { wanted, .. }) = &job.kind else { return Ok(()) };
    let next = Arc::new(Mutex::new(None));
    let list = List {
        ctx: ctx.clone(),
        vault: vault.clone(),
        after: wanted.marker.clone(),
        wanted: wanted.clone(),
        read: VecDeque::new(),
        listed: 0,
        step: Step::Head,
        next: Arc::clone(&next),
    };
    let text = stream::try_unfold(list, |mut list| async move {
        Ok(list.text().await?.map(|text| (Bytes::from(text), list)))
    });
    let taken = store(ctx, vault, text.boxed(), 0..=SIZE_BYTES_MAX, None).await?;
    let next = next.lock().unwrap_or_else(PoisonError::into_inner).take();
    let of = Taking { wanted: wanted.clone(), size: Some(taken.segment.size), next };
    let ended = Some(Ended { at: ctx.now(), failure: None });
    let done = Job { ended, kind: Kind::Inventory(of), ..job.clone() };
    ctx.write(|tx| {
        bytes::hold(tx, &taken.segment, &taken.leaves)?;
        bytes::put_segments(tx, &done.id, std::slice::from_ref(&taken.segment))?;
        end(tx, vault, &done)
    })
    .await
}

enum Step {
    Head,
    Archives,
    Ended,
}

/// An inventory as it is written.
struct List {
    ctx: Ctx,
    vault: Vault,
    wanted: Wanted,
    /// The last archive that was read.
    after: Option<String>,
    read: VecDeque<Archive>,
    listed: u64,
    step: Step,
    /// Where the next one goes on, if this one is limited.
    next: Arc<Mutex<Option<String>>>,
}

impl List {
    async fn text(&mut self) -> Result<Option<String>> {
        match self.step {
            Step::Head => {
                self.step = Step::Archives;
                let arn = self.vault.arn(self.ctx.scope());
                Ok(Some(head(self.wanted.format, &arn, self.ctx.now())))
            }
            Step::Ended => Ok(None),
            Step::Archives => match self.archive().await? {
                Some(archive) => {
                    self.listed += 1;
                    let entry = Entry {
                        id: &archive.id,
                        description: archive.description.as_deref(),
                        created_at: archive.created_at,
                        size: archive.size,
                        tree_hash: &archive.tree_hash,
                    };
                    Ok(Some(line(self.wanted.format, &entry, self.listed == 1)))
                }
                None => {
                    self.step = Step::Ended;
                    Ok(Some(tail(self.wanted.format).to_owned()))
                }
            },
        }
    }

    /// The next archive that is wanted.
    async fn archive(&mut self) -> Result<Option<Archive>> {
        loop {
            let Some(archive) = self.read.pop_front() else {
                let (ctx, vault, after) = (&self.ctx, &self.vault, self.after.as_deref());
                let read = ctx.read(|snap| archive::list(snap, ctx.scope(), vault, after, BATCH)).await?;
                self.read = read.into();
                if self.read.is_empty() {
                    return Ok(None);
                }
                continue;
            };
            if !self.wanted.has(archive.created_at) {
                self.after = Some(archive.id);
                continue;
            }
            if self.wanted.limit == Some(self.listed) {
                // One more there is: the marker is the last one listed, or what was passed over since.
                let of = marker_of(&self.vault.id);
                let marker = self.after.take().map(|id| self.ctx.seal_page(&of, id.as_bytes()));
                *self.next.lock().unwrap_or_else(PoisonError::into_inner) = marker;
                return Ok(None);
            }
            self.after = Some(archive.id.clone());
            return Ok(Some(archive));
        }
    }
}
