//! What is noted of requests in memory, till the next sweep carries it on: lines of logs, and counts.
//!
//! Logs and metrics of requests are best effort, at AWS too: a kill loses what was noted since the last sweep.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use kernel::request_log::{RequestLog, Requested};
use kernel::{AccountId, BoxFuture, Ctx};
use percent_encoding::percent_decode_str;

use super::access_point;
use super::bucket::Bucket;
use crate::rules::access_point::Way;
use crate::rules::logging::{arn_of, line};
use crate::rules::metrics::{Counted, Metrics, count};
use crate::rules::name::of_path;

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

impl Watch {
    /// Notes a request for a bucket, perhaps by way of the access point with this ARN.
    fn take(&self, requested: &Requested<'_>, bucket: &str, key: Option<&str>, point: Option<&str>) {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        let Some(one) = watched.get(bucket) else { return };
        let line = one.logs.then(|| {
            let own = requested
                .caller
                .filter(|caller| caller.account == one.owner && !caller.access_key.is_empty());
            let requester = arn_of(requested).or_else(|| own.map(|_| one.owner_id.clone()));
            let requester = requester.or_else(|| {
                let caller = requested.caller.filter(|caller| !caller.access_key.is_empty())?;
                Some(crate::ops::canonical_id(caller.account))
            });
            line(requested, (&one.owner_id, bucket, key), requester.as_deref(), point)
        });
        let key = key.map(|key| percent_decode_str(key).decode_utf8_lossy());
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

impl RequestLog for Watch {
    fn wants(&self, path: &str) -> bool {
        if !self.is_any.load(Ordering::Relaxed) {
            return false;
        }
        let (place, _) = of_path(path);
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        watched.contains_key(&*place) || Way::of(&place).is_some()
    }

    fn note<'a>(&'a self, ctx: Ctx, requested: Requested<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let (place, key) = of_path(requested.path);
            let Some(way) = Way::of(&place) else { return self.take(&requested, &place, key, None) };
            // Best effort: what cannot be looked up is not noted.
            if let Ok(Some(point)) = ctx.read(|snap| access_point::by(snap, way)).await {
                self.take(&requested, &point.bucket, key, Some(&point.arn()));
            }
        })
    }
}
