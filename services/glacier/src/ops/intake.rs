//! How bytes come in: counted, summed, sealed and made durable, and compared with what was promised of them.

use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use blob::{Body as BlobBody, Bounds, BoxError};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use kernel::{Ctx, Error, Result};
use shape::{Body, BodyError};

use crate::errors;
use crate::rules::tree_hash::{self, Hash, TreeHasher};
use crate::state::bytes::{Segment, Strongroom, blob_id};
use crate::state::vault::Vault;

/// How long a sender may pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What came in, durable already; nobody's until a record names it.
pub(crate) struct Taken {
    pub(crate) segment: Segment,
    pub(crate) leaves: Vec<Hash>,
}

/// Takes in a request's body.
///
/// # Errors
/// *InvalidParameterValueException* for another length or another hash; *RequestTimeoutException*; what a signed body
/// found wrong with itself. Then nothing stays behind.
pub(super) async fn take_in(
    ctx: &Ctx,
    vault: &Vault,
    body: &Body,
    sizes: RangeInclusive<u64>,
    promised: Hash,
) -> Result<Taken> {
    let frames = stream::try_unfold(body.take(), |mut body| async move {
        loop {
            let frame = poll_fn(|cx| body.as_mut().poll_frame(cx));
            let frame = tokio::time::timeout(PAUSE_MAX, frame).await.map_err(|_| errors::timed_out())?;
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(bytes) = frame.map_err(broken)?.into_data() {
                return Ok(Some((bytes, body)));
            }
        }
    });
    store(ctx, vault, frames.boxed(), sizes, Some(promised)).await
}

/// The error of a body that checks itself is for the caller; any other means the sender is gone.
fn broken(error: BodyError) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(theirs) => errors::incomplete().because(theirs),
    }
}

/// Seals what streams in, and makes it durable.
///
/// # Errors
/// As the stream; *InvalidParameterValueException* as [`take_in`]; when there is no room.
pub(crate) async fn store(
    ctx: &Ctx,
    vault: &Vault,
    bytes: BoxStream<'static, Result<Bytes>>,
    sizes: RangeInclusive<u64>,
    promised: Option<Hash>,
) -> Result<Taken> {
    if !ctx.house().store().has_room_beside(0) {
        return Err(errors::no_room());
    }
    let id = ctx.ids().hex(32);
    let room = ctx.own::<Strongroom>();
    let found = Arc::new(Mutex::new(None));
    let size_max = *sizes.end();
    let counting = Counting {
        bytes,
        sizes,
        promised,
        size: 0,
        hasher: TreeHasher::default(),
        found: Arc::clone(&found),
    };
    let counted = stream::try_unfold(Some(counting), |counting| async move {
        let Some(counting) = counting else { return Ok(None) };
        counting.next().await.map_err(|error| Box::new(error) as BoxError)
    });
    let body = BlobBody::sealed(counted, room.key(vault, &id)?);
    let bounds = Bounds::at_most(blob::chunk::sealed_size(size_max));
    room.blobs.put(&blob_id(ctx.scope(), &id)?, body, bounds).await.map_err(refused)?;
    let found = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (size, leaves, hash) = found.ok_or_else(|| errors::damaged("a body that came in"))?;
    Ok(Taken { segment: Segment { id, size, tree_hash: tree_hash::to_hex(&hash) }, leaves })
}

fn refused(error: blob::Error) -> Error {
    match error {
        blob::Error::Body(theirs) => match theirs.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(theirs) => Error::internal(theirs),
        },
        blob::Error::Full { .. } => errors::no_room(),
        other => Error::internal(other),
    }
}

type Found = Arc<Mutex<Option<(u64, Vec<Hash>, Hash)>>>;

/// Bytes that are counted and summed on their way, and looked at as a whole before the last is through.
struct Counting {
    bytes: BoxStream<'static, Result<Bytes>>,
    sizes: RangeInclusive<u64>,
    promised: Option<Hash>,
    size: u64,
    hasher: TreeHasher,
    found: Found,
}

impl Counting {
    /// The next bytes, and what goes on; nothing goes on behind the last.
    async fn next(mut self) -> Result<Option<(Bytes, Option<Self>)>> {
        match self.bytes.next().await.transpose()? {
            Some(bytes) => {
                self.size += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                if self.size > *self.sizes.end() {
                    return Err(self.wrong_size());
                }
                self.hasher.add(&bytes);
                Ok(Some((bytes, Some(self))))
            }
            None => self.end().map(|()| None),
        }
    }

    fn wrong_size(&self) -> Error {
        let (least, most) = (self.sizes.start(), self.sizes.end());
        errors::invalid(if least == most {
            format!("Content-Range says {most} bytes, which is not the length of the body")
        } else {
            format!("Invalid content length: between {least} and {most} bytes are taken")
        })
    }

    fn end(self) -> Result<()> {
        if !self.sizes.contains(&self.size) {
            return Err(self.wrong_size());
        }
        let leaves = self.hasher.finish();
        let hash = tree_hash::join(leaves.clone()).unwrap_or_else(|| tree_hash::of(b""));
        if let Some(promised) = self.promised {
            tree_hash::check(&promised, &hash)?;
        }
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.size, leaves, hash));
        Ok(())
    }
}
