//! Live tails: who watches which groups now, and what each has yet to be shown. In memory only: a session ends with its
//! connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kernel::{Millis, Scope};

use super::event::Seen;
use crate::errors;
use crate::rules::tail::{EVENTS_MAX, SESSIONS_MAX, TEXT_BYTES_MAX, Wanted};

/// An event to be shown.
#[derive(Clone, Debug)]
pub struct Shown {
    pub group: Arc<str>,
    pub stream: Arc<str>,
    pub message: String,
    pub at: Millis,
    pub ingested_at: Millis,
}

/// What came since it was taken last.
#[derive(Debug, Default)]
pub struct Pending {
    pub events: Vec<Shown>,
    /// More came than is kept.
    pub is_sampled: bool,
    text_bytes: usize,
}

/// One who watches.
#[derive(Debug)]
pub struct Session {
    scope: Scope,
    /// Names by id, so that a group made again under the same name is another.
    groups: HashMap<u64, Arc<str>>,
    wanted: Wanted,
    pending: Mutex<Pending>,
}

impl Session {
    pub fn take(&self) -> Pending {
        std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, group: &Arc<str>, stream: &Arc<str>, events: &[Seen<'_>]) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events.iter().filter(|event| self.wanted.has_message(event.message)) {
            let bytes = pending.text_bytes + event.message.len();
            if pending.events.len() >= EVENTS_MAX || bytes > TEXT_BYTES_MAX {
                pending.is_sampled = true;
                return;
            }
            pending.text_bytes = bytes;
            pending.events.push(Shown {
                group: group.clone(),
                stream: stream.clone(),
                message: event.message.to_owned(),
                at: event.at,
                ingested_at: event.ingested_at,
            });
        }
    }
}

/// All who watch.
#[derive(Debug, Default)]
pub struct Tails(RwLock<Vec<Arc<Session>>>);

impl Tails {
    /// # Errors
    /// When too many watch already.
    pub fn open(
        &self,
        scope: Scope,
        groups: HashMap<u64, Arc<str>>,
        wanted: Wanted,
    ) -> kernel::Result<Arc<Session>> {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.iter().filter(|session| session.scope == scope).count() >= SESSIONS_MAX {
            return Err(errors::limit("Resource limit exceeded: too many Live Tail sessions are open."));
        }
        let session = Arc::new(Session { scope, groups, wanted, pending: Mutex::default() });
        all.push(session.clone());
        Ok(session)
    }

    pub fn close(&self, session: &Arc<Session>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| !Arc::ptr_eq(other, session));
    }

    /// Events that were put and are stored.
    pub fn tell(&self, group: u64, stream: &str, events: &[Seen<'_>]) {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for session in all.iter() {
            if let Some(name) = session.groups.get(&group)
                && session.wanted.has_stream(stream)
            {
                session.add(name, &Arc::from(stream), events);
            }
        }
    }
}
