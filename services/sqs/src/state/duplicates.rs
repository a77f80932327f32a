//! What a FIFO queue has been sent lately, so that the same message sent again is not a second one.

use std::collections::{HashMap, VecDeque};

use aws_lc_rs::digest;
use kernel::Millis;

use super::index::Sequence;

/// How long a deduplication id is remembered.
pub const WINDOW_MS: Millis = 5 * 60_000;

/// A digest of a deduplication id, and of the group where that is its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    pub fn new(group: Option<&str>, deduplication_id: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        // Neither part can hold a zero.
        context.update(group.unwrap_or_default().as_bytes());
        context.update(&[0]);
        context.update(deduplication_id.as_bytes());
        let bytes = context.finish();
        let head = bytes.as_ref().first_chunk::<16>().copied().unwrap_or_default();
        Self(u128::from_be_bytes(head))
    }
}

/// The message that was sent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    pub sent_at: Millis,
    pub sequence: Sequence,
    pub message_id: u128,
    /// It is in the store.
    pub stored: bool,
}

#[derive(Debug, Default)]
pub struct Duplicates {
    known: HashMap<Fingerprint, Original>,
    by_age: VecDeque<(Millis, Fingerprint)>,
}

impl Duplicates {
    pub fn find(&mut self, fingerprint: Fingerprint, now: Millis) -> Option<Original> {
        while let Some(&(sent_at, old)) = self.by_age.front() {
            if now - sent_at < WINDOW_MS {
                break;
            }
            self.by_age.pop_front();
            if self.known.get(&old).is_some_and(|original| original.sent_at == sent_at) {
                self.known.remove(&old);
            }
        }
        self.known.get(&fingerprint).filter(|original| now - original.sent_at < WINDOW_MS).copied()
    }

    pub fn remember(&mut self, fingerprint: Fingerprint, original: Original) {
        self.known.insert(fingerprint, original);
        self.by_age.push_back((original.sent_at, fingerprint));
    }

    /// The original is in the store.
    pub fn confirm(&mut self, fingerprint: Fingerprint, sequence: Sequence) {
        if let Some(original) = self.known.get_mut(&fingerprint)
            && original.sequence == sequence
        {
            original.stored = true;
        }
    }

    /// The original was not stored after all.
    pub fn forget(&mut self, fingerprint: Fingerprint, sequence: Sequence) {
        if self.known.get(&fingerprint).is_some_and(|original| original.sequence == sequence) {
            self.known.remove(&fingerprint);
        }
    }

    pub fn clear(&mut self) {
        self.known.clear();
        self.by_age.clear();
    }
}
