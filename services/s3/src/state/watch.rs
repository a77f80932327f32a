//! What is noted of requests in memory, till the next sweep carries it on: lines of logs, and counts.
//!
//! Logs and metrics of requests are best effort, at AWS too: a kill loses what was noted since the last sweep.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use kernel::AccountId;
use kernel::request_log::{RequestLog, Requested};
use percent_encoding::percent_decode_str;

use super::bucket::Bucket;
use crate::rules::logging::{arn_of, line};
use crate::rules::metrics::{Counted, Metrics, count};

/// Bytes of lines kept at most; what comes beyond before the next sweep is not logged.
const LINES_BYTES_MAX: usize = 32 << 20;

/// A bucket whose requests are watched.
struct Watched {
    owner: AccountId,
    owner_id: String,
    logs: bool,
    metrics: Vec<Metrics>,
}

/// Whose requests are watched, and what was seen.
#[derive(Default)]
pub struct Watch {
    is_any: AtomicBool,
    watched: RwLock<HashMap<String, Watched>>,
    seen: Mutex<Seen>,
}

/// What was seen.
#[derive(Default)]
pub struct Seen {
    /// Lines by bucket.
    pub lines: HashMap<String, String>,
    bytes: usize,
    /// Counts by bucket and configuration.
    pub counts: HashMap<(String, String), Counted>,
}

impl Watch {
    /// Takes up what is set of a bucket. `owner_id` is what S3 calls its owner.
    pub fn set(&self, bucket: &Bucket, owner_id: String) {
        let mut watched = self.watched.write().unwrap_or_else(PoisonError::into_inner);
        let (logs, metrics) = (bucket.logging.is_some(), bucket.metrics.clone());
        if logs || !metrics.is_empty() {
            let one = Watched { owner: bucket.owner, owner_id, logs, metrics };
            watched.insert(bucket.name.clone(), one);
        } else {
            watched.remove(&bucket.name);
        }
        self.is_any.store(!watched.is_empty(), Ordering::Relaxed);
    }

    pub fn forget(&self, bucket: &str) {
        let mut watched = self.watched.write().unwrap_or_else(PoisonError::into_inner);
        watched.remove(bucket);
        self.is_any.store(!watched.is_empty(), Ordering::Relaxed);
    }

    pub fn forget_all(&self) {
        self.watched.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.is_any.store(false, Ordering::Relaxed);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The lines of logs, taken.
    pub fn take_lines(&self) -> HashMap<String, String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.bytes = 0;
        std::mem::take(&mut seen.lines)
    }

    /// The counts, taken.
    pub fn take_counts(&self) -> HashMap<(String, String), Counted> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner).counts)
    }
}

impl Seen {
    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The bucket of a path, and the key behind it.
fn taken_apart(path: &str) -> (&str, Option<&str>) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/')
        .map_or((path, None), |(bucket, key)| (bucket, Some(key).filter(|key| !key.is_empty())))
}

impl RequestLog for Watch {
    fn wants(&self, path: &str) -> bool {
        self.is_any.load(Ordering::Relaxed)
            && self.watched.read().unwrap_or_else(PoisonError::into_inner).contains_key(taken_apart(path).0)
    }

    fn note(&self, requested: &Requested<'_>) {
        let (bucket, key) = taken_apart(requested.path);
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        let Some(one) = watched.get(bucket) else { return };
        let key = key.map(|key| percent_decode_str(key).decode_utf8_lossy());
        let line = one.logs.then(|| {
            let own = requested
                .caller
                .filter(|caller| caller.account == one.owner && !caller.access_key.is_empty());
            let requester = arn_of(requested).or_else(|| own.map(|_| one.owner_id.clone()));
            let requester = requester.or_else(|| {
                let caller = requested.caller.filter(|caller| !caller.access_key.is_empty())?;
                Some(crate::ops::canonical_id(caller.account))
            });
            line(requested, bucket, &one.owner_id, requester.as_deref())
        });
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = line.filter(|line| seen.bytes + line.len() <= LINES_BYTES_MAX) {
            seen.bytes += line.len();
            seen.lines.entry(bucket.to_owned()).or_default().push_str(&line);
        }
        for metrics in one.metrics.iter().filter(|metrics| metrics.wants(key.as_deref())) {
            count(seen.counts.entry((bucket.to_owned(), metrics.id.clone())).or_default(), requested);
        }
    }
}
