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
use crate::rules::logging::{About, Further, arn_of, line};
use crate::rules::metrics::{Counted, Metrics, count};
use crate::rules::name::of_path;

/// Bytes of lines kept at most; what comes beyond before the next sweep is not logged.
const LINES_BYTES_MAX: usize = 32 << 20;

/// What operations tell of requests that are not over yet, at most.
const TOLD_MAX: usize = 100_000;

/// What an operation knows of its request, and the door does not.
#[derive(Debug, Default)]
struct Told {
    /// Bytes of the object.
    size: Option<u64>,
    lines: Vec<Aside>,
}

/// A line besides that of the request.
#[derive(Clone, Debug)]
pub struct Aside {
    pub bucket: String,
    /// As in a URL.
    pub key: String,
    pub size: Option<u64>,
    pub version_id: Option<String>,
    pub what: Further,
}

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
    /// Some bucket has logs.
    logs: AtomicBool,
    watched: RwLock<HashMap<String, Watched>>,
    seen: Mutex<Seen>,
}

/// What was seen.
#[derive(Default)]
pub struct Seen {
    /// Lines by bucket.
    pub lines: HashMap<String, String>,
    /// By the request's id.
    told: HashMap<String, Told>,
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
        self.mark(&watched);
    }

    fn mark(&self, watched: &HashMap<String, Watched>) {
        self.is_any.store(!watched.is_empty(), Ordering::Relaxed);
        self.logs.store(watched.values().any(|one| one.logs), Ordering::Relaxed);
    }

    pub fn forget(&self, bucket: &str) {
        let mut watched = self.watched.write().unwrap_or_else(PoisonError::into_inner);
        watched.remove(bucket);
        self.mark(&watched);
    }

    pub fn forget_all(&self) {
        self.watched.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.is_any.store(false, Ordering::Relaxed);
        self.logs.store(false, Ordering::Relaxed);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The lines of logs, taken.
    pub fn take_lines(&self) -> HashMap<String, String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.bytes = 0;
        // What is told is taken up by the end of its request, but for requests of the house itself.
        seen.told.clear();
        std::mem::take(&mut seen.lines)
    }

    /// The counts, taken.
    pub fn take_counts(&self) -> HashMap<(String, String), Counted> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner).counts)
    }
}

impl Watch {
    /// Notes the size of the object that the request under way is about.
    pub fn size(&self, ctx: &Ctx, bytes: u64) {
        self.tell(ctx, |told| told.size = Some(bytes));
    }

    /// Notes a further line of the request under way.
    pub fn aside(&self, ctx: &Ctx, line: impl FnOnce() -> Aside) {
        self.tell(ctx, |told| told.lines.push(line()));
    }

    fn tell(&self, ctx: &Ctx, add: impl FnOnce(&mut Told)) {
        if !self.logs.load(Ordering::Relaxed) {
            return;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.told.len() < TOLD_MAX {
            add(seen.told.entry(ctx.request_id().to_owned()).or_default());
        }
    }

    fn told(&self, request_id: &str) -> Told {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.told.remove(request_id).unwrap_or_default()
    }
}

impl Seen {
    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Watch {
    /// Notes a request, perhaps by way of the access point with this ARN.
    fn take(&self, requested: &Requested<'_>, about: &About<'_>) {
        let told = self.told(requested.request_id);
        self.take_one(requested, &About { size: told.size, ..*about });
        for aside in &told.lines {
            let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
            let Some(one) = watched.get(&aside.bucket) else { continue };
            let of = About {
                bucket: &aside.bucket,
                key: Some(&aside.key),
                point: about.point.filter(|_| aside.bucket == about.bucket),
                size: aside.size,
                version_id: aside.version_id.as_deref(),
                further: Some(&aside.what),
                ..About::default()
            };
            if let Some(line) = one.line(requested, &of) {
                self.add(&aside.bucket, &line);
            }
        }
    }

    fn take_one(&self, requested: &Requested<'_>, about: &About<'_>) {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        let Some(one) = watched.get(about.bucket) else { return };
        if let Some(line) = one.line(requested, about) {
            self.add(about.bucket, &line);
        }
        let key = about.key.map(|key| percent_decode_str(key).decode_utf8_lossy());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for metrics in one.metrics.iter().filter(|metrics| metrics.wants(key.as_deref())) {
            count(seen.counts.entry((about.bucket.to_owned(), metrics.id.clone())).or_default(), requested);
        }
    }

    fn add(&self, bucket: &str, line: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.bytes + line.len() <= LINES_BYTES_MAX {
            seen.bytes += line.len();
            seen.lines.entry(bucket.to_owned()).or_default().push_str(line);
        }
    }
}

impl Watched {
    fn line(&self, requested: &Requested<'_>, about: &About<'_>) -> Option<String> {
        if !self.logs {
            return None;
        }
        let known = || requested.caller.filter(|caller| !caller.access_key.is_empty());
        let own = known().filter(|caller| caller.account == self.owner);
        let requester = arn_of(requested).or_else(|| own.map(|_| self.owner_id.clone()));
        let requester = requester.or_else(|| Some(crate::ops::canonical_id(known()?.account)));
        let about = About { owner: &self.owner_id, requester: requester.as_deref(), ..*about };
        Some(line(requested, &about))
    }
}

impl RequestLog for Watch {
    fn wants(&self, path: &str) -> bool {
        if !self.is_any.load(Ordering::Relaxed) {
            return false;
        }
        let (place, key) = of_path(path);
        // It may be a copy of what lies in a bucket with logs.
        if key.is_some() && self.logs.load(Ordering::Relaxed) {
            return true;
        }
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        watched.contains_key(&*place) || Way::of(&place).is_some()
    }

    fn note<'a>(&'a self, ctx: Ctx, requested: Requested<'a>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let (place, key) = of_path(requested.path);
            let of = About { bucket: &place, key, ..About::default() };
            let Some(way) = Way::of(&place) else { return self.take(&requested, &of) };
            // Best effort: what cannot be looked up is not noted.
            if let Ok(Some(point)) = ctx.read(|snap| access_point::by(snap, way)).await {
                self.take(&requested, &About { bucket: &point.bucket, point: Some(&point.arn()), ..of });
            }
        })
    }
}
