//! The queues in use, in memory: each opened from the store when it is first touched, with its index.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use foldhash::HashMap;
use kernel::{Ctx, Millis, Result, Scope};
use policy::{Document, Kind, Policy};
use tokio::sync::Notify;

use super::index::{Index, Lease, Sequence};
use super::leftover::sequence_of;
use super::queue::{self, Queue};
use super::{lease, message, sent};

/// A queue in use.
#[derive(Debug)]
pub struct OpenQueue {
    pub scope: Scope,
    pub id: u64,
    pub name: String,
    pub arn: String,
    pub fifo: bool,
    record: RwLock<Arc<Queue>>,
    /// The record's policy, made ready.
    policy: RwLock<Option<Arc<Policy>>>,
    index: Mutex<Index>,
    /// Rings when there may be something to receive.
    pub arrived: Notify,
    /// Rings when a message that was on its way is stored, or will never be.
    pub settled: Notify,
    deleted: AtomicBool,
    /// Held by whoever changes the record, so that memory follows the store in order.
    pub changing: tokio::sync::Mutex<()>,
    pub attempts: super::attempts::Attempts,
    /// What was done since its metrics were last put.
    pub used: super::used::Counts,
}

impl OpenQueue {
    fn new(scope: Scope, record: Queue, index: Index) -> Self {
        Self {
            scope,
            id: record.id,
            name: record.name.clone(),
            arn: scope.arn("sqs", &record.name),
            fifo: record.fifo,
            policy: RwLock::new(compiled(&record)),
            record: RwLock::new(Arc::new(record)),
            index: Mutex::new(index),
            arrived: Notify::new(),
            settled: Notify::new(),
            deleted: AtomicBool::new(false),
            changing: tokio::sync::Mutex::default(),
            attempts: super::attempts::Attempts::default(),
            used: super::used::Counts::default(),
        }
    }

    pub fn record(&self) -> Arc<Queue> {
        self.record.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The queue's policy, where it has one.
    pub fn policy(&self) -> Option<Arc<Policy>> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Follows a change that is stored. Call with `changing` held.
    pub fn set_record(&self, record: Queue) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = compiled(&record);
        *self.record.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(record);
    }

    pub fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// It is deleted: who waits at it is told.
    fn end(&self) {
        self.deleted.store(true, Ordering::Release);
        self.arrived.notify_waiters();
        self.settled.notify_waiters();
    }

    /// Wakes receivers for `count` messages.
    pub fn ring(&self, count: usize) {
        for _ in 0..count {
            self.arrived.notify_one();
        }
    }
}

/// Every queue in use.
#[derive(Debug, Default)]
pub struct Queues {
    open: RwLock<HashMap<Scope, HashMap<String, Arc<OpenQueue>>>>,
    /// Raised when a queue is closed: whoever was opening one meanwhile looks again.
    closings: AtomicU64,
}

/// Rows read at one time when a queue is opened.
const PAGE: usize = 4_096;

impl Queues {
    /// The queue of this name, opened if need be; `None` when there is none.
    pub async fn find(&self, ctx: &Ctx, scope: &Scope, name: &str) -> Result<Option<Arc<OpenQueue>>> {
        loop {
            if let Some(queue) = self.find_open(scope, name) {
                return Ok(Some(queue));
            }
            let closings = self.closings.load(Ordering::Acquire);
            let Some(record) = ctx.read(|snap| queue::find(snap, scope, name)).await? else {
                return Ok(None);
            };
            let index = load(ctx, scope, &record).await?;
            let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
            if self.closings.load(Ordering::Acquire) != closings {
                continue;
            }
            // Another opener may have been first; nobody could have changed anything before it was.
            let queues = open.entry(*scope).or_default();
            let opened = || Arc::new(OpenQueue::new(*scope, record, index));
            return Ok(Some(queues.entry(name.to_owned()).or_insert_with(opened).clone()));
        }
    }

    fn find_open(&self, scope: &Scope, name: &str) -> Option<Arc<OpenQueue>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(scope)?.get(name).cloned()
    }

    /// Every queue in use now.
    pub fn all(&self) -> Vec<Arc<OpenQueue>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.values().flat_map(HashMap::values).cloned().collect()
    }

    /// The queue is deleted in the store: nobody finds it any more, and whoever waits at it is told.
    pub fn close(&self, queue: &OpenQueue) {
        self.close_if(&queue.scope, &queue.name, |open| open.id == queue.id);
        queue.end();
    }

    /// The queue of this name is the one with this id: a deleted one of the same name is not found any more, even if
    /// whoever deletes it has not come to [`Queues::close`] yet.
    pub fn close_others(&self, scope: &Scope, name: &str, id: u64) {
        if let Some(other) = self.close_if(scope, name, |open| open.id != id) {
            other.end();
        }
    }

    fn close_if(&self, scope: &Scope, name: &str, f: impl Fn(&OpenQueue) -> bool) -> Option<Arc<OpenQueue>> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        self.closings.fetch_add(1, Ordering::AcqRel);
        let queues = open.get_mut(scope)?;
        queues.get(name).filter(|open| f(open))?;
        queues.remove(name)
    }

    /// Forgets all queues: the store is about to.
    pub fn forget_all(&self) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        self.closings.fetch_add(1, Ordering::AcqRel);
        open.clear();
    }
}

/// The policy of a queue. It was read when it was set; one that no longer reads lets no stranger in.
fn compiled(queue: &Queue) -> Option<Arc<Policy>> {
    let text = queue.settings.policy.as_ref()?.decides();
    let document = Document::parse(Kind::Resource, text, &[]).ok()?;
    Some(Arc::new(Policy::compile(queue.name.as_str(), &document)))
}

/// Builds a queue's index from what is stored.
async fn load(ctx: &Ctx, scope: &Scope, record: &Queue) -> Result<Index> {
    let now = ctx.now();
    let mut index = Index::new(record.fifo, record.floor);
    // Kept from before a purge only until a controller has cleared it away.
    let counts = |sequence: Sequence| sequence >= record.floor;
    each_row(ctx, scope, &message::MESSAGES, record.id, |sequence, row| {
        if counts(sequence) {
            index.arrive(&message::arrival(sequence, row)?, now);
        }
        Ok(())
    })
    .await?;
    each_row(ctx, scope, &lease::LEASES, record.id, |sequence, row| {
        if index.contains(sequence) {
            index.set_lease(sequence, Lease::unpack(row)?, now);
        }
        Ok(())
    })
    .await?;
    each_row(ctx, scope, &sent::SENT, record.id, |sequence, row| {
        if counts(sequence) {
            let (fingerprint, original) = sent::unpack(sequence, row)?;
            index.duplicates.remember(fingerprint, original);
        }
        Ok(())
    })
    .await?;
    Ok(index)
}

async fn each_row(
    ctx: &Ctx,
    scope: &Scope,
    table: &kernel::PackedTable,
    queue_id: u64,
    mut f: impl FnMut(Sequence, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut after: Option<bytes::Bytes> = None;
    loop {
        let rows = ctx.read(|snap| table.list(snap, scope, queue_id, after.as_deref(), PAGE)).await?;
        for (key, row) in &rows {
            if let Some(sequence) = sequence_of(key) {
                f(sequence, row)?;
            }
        }
        match rows.into_iter().nth(PAGE - 1) {
            Some((last, _)) => after = Some(last),
            None => return Ok(()),
        }
        // A long queue lets others work meanwhile.
        tokio::task::yield_now().await;
    }
}

/// The instant before which messages of the queue are past their retention.
pub fn retention_ends(record: &Queue, now: Millis) -> Millis {
    now - Millis::from(record.settings.retention_s) * 1_000
}
