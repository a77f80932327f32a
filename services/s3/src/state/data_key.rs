//! Data keys of KMS that objects of a bucket share, for a while, each for who was given it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kernel::Millis;

use crate::rules::encryption::OfKms;
use crate::rules::seal::Secret;

/// How long a shared key is used before KMS is asked again.
pub const REUSE_MS: Millis = 300_000;

/// What a key was asked for, by whom. One principal's leave is no other's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// A bucket, the name of its key, the caller.
    Seal(u64, Option<String>, String),
    /// A wrapped key, the caller.
    Open(String, String),
}

/// A key that was given.
#[derive(Clone)]
pub struct Given {
    pub secret: Secret,
    pub of: OfKms,
    pub ends_at: Millis,
}

/// The keys in memory.
#[derive(Default)]
pub struct DataKeys(Mutex<HashMap<Use, Given>>);

impl DataKeys {
    const MAX: usize = 4_096;

    pub fn find(&self, what: &Use, now: Millis) -> Option<Given> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(what).filter(|given| given.ends_at > now).cloned()
    }

    pub fn keep(&self, what: Use, given: Given, now: Millis) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MAX {
            known.retain(|_, given| given.ends_at > now);
        }
        if known.len() >= Self::MAX {
            known.clear();
        }
        known.insert(what, given);
    }

    pub fn forget_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
