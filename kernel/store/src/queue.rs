//! Where transactions wait for the committer: bounded in bytes, and gathered into groups.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::tx::Finished;
use crate::{Result, StoreError};

/// What may wait and be written at one time, in units of [`UNIT_BYTES`]: 64 MiB.
const UNITS_MAX: usize = 64 * 1024;
const UNIT_BYTES: usize = 1024;

/// What became of a transaction.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Committed,
    Conflict,
    Failed(StoreError),
}

pub(crate) enum Request {
    Commit { tx: Finished, reply: oneshot::Sender<Outcome>, room: OwnedSemaphorePermit },
    Clear { reply: oneshot::Sender<Outcome> },
}

pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    room: Arc<Semaphore>,
}

struct State {
    pending: Vec<Request>,
    /// How many requests wake the committer; nobody is woken for fewer.
    wanted: usize,
    closed: bool,
}

impl Queue {
    pub(crate) fn new() -> Self {
        let state = State { pending: Vec::new(), wanted: 1, closed: false };
        Self { state: Mutex::new(state), arrived: Condvar::new(), room: Arc::new(Semaphore::new(UNITS_MAX)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a transaction to the committer and waits for what becomes of it.
    pub(crate) async fn commit(&self, tx: Finished) -> Result<Outcome> {
        let units = u32::try_from(1 + tx.bytes / UNIT_BYTES).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(units).await;
        let room = room.map_err(|_| StoreError::Closed)?;
        self.send(|reply| Request::Commit { tx, reply, room }).await
    }

    pub(crate) async fn clear(&self) -> Result<Outcome> {
        self.send(|reply| Request::Clear { reply }).await
    }

    async fn send(&self, request: impl FnOnce(oneshot::Sender<Outcome>) -> Request) -> Result<Outcome> {
        let (reply, outcome) = oneshot::channel();
        {
            let mut state = self.lock();
            if state.closed {
                return Err(StoreError::Closed);
            }
            state.pending.push(request(reply));
            let wake = state.pending.len() >= state.wanted;
            if wake {
                // Once: to wake it again before it runs would only cost a system call.
                state.wanted = usize::MAX;
            }
            drop(state);
            if wake {
                self.arrived.notify_one();
            }
        }
        outcome.await.map_err(|_| StoreError::Closed)
    }

    /// Everything that waits, as soon as there is something. Who was `answered` just now probably comes again soon, and
    /// is given up to `patience`, if others came meanwhile: one who comes alone never waits.
    pub(crate) fn take(&self, answered: usize, patience: Duration) -> Option<Vec<Request>> {
        let mut state = self.lock();
        state.wanted = 1;
        let expected = if state.pending.is_empty() { 0 } else { answered + state.pending.len() };
        while state.pending.is_empty() && !state.closed {
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.pending.len() < expected && !state.closed {
            state.wanted = expected;
            let waiting = |s: &mut State| s.pending.len() < expected && !s.closed;
            let waited = self.arrived.wait_timeout_while(state, patience, waiting);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wanted = usize::MAX;
        let group = std::mem::take(&mut state.pending);
        (!group.is_empty()).then_some(group)
    }

    /// What already waits is still written; nothing more gets in.
    pub(crate) fn close(&self) {
        self.room.close();
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Nobody takes from the queue any more: whoever waits learns that the store is closed.
    pub(crate) fn abandon(&self) {
        self.close();
        let pending = std::mem::take(&mut self.lock().pending);
        drop(pending);
    }
}
