//! Data keys of groups that name a key of KMS: those lately used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use kernel::{KeySealer, Millis};

/// How long a data key is used again, and remembered once it was opened.
pub const KEPT_MS: Millis = 300_000;
const KNOWN_MAX: usize = 1_024;

/// A key ready for use.
#[derive(Clone, Debug)]
pub struct Ready {
    pub key: Arc<KeySealer>,
    pub wrapped: Bytes,
    pub ends_at: Millis,
}

/// What a key is for: new events of a group under a key, or what was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    Seal(u64, String),
    Open(Bytes),
}

#[derive(Debug, Default)]
pub struct Keys(Mutex<HashMap<Use, Ready>>);

impl Keys {
    fn all(&self) -> MutexGuard<'_, HashMap<Use, Ready>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn find(&self, what: &Use, now: Millis) -> Option<Ready> {
        self.all().get(what).filter(|ready| ready.ends_at > now).cloned()
    }

    pub fn keep(&self, what: Use, ready: Ready, now: Millis) {
        let mut all = self.all();
        if all.len() >= KNOWN_MAX {
            all.retain(|_, ready| ready.ends_at > now);
        }
        if all.len() < KNOWN_MAX {
            all.insert(what, ready);
        }
    }

    pub fn forget_all(&self) {
        self.all().clear();
    }
}
