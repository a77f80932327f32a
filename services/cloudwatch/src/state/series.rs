//! The series there are, in memory: found by metric and unit, and holding what is in no block yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use kernel::{Ctx, Millis, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::metric::MetricKey;
use crate::rules::sample::Sample;
use crate::rules::tier::Tier;

/// By id.
static SERIES: Table<Record> = Table::new("cloudwatch/series");

/// Series of the whole house.
pub const SERIES_MAX: u64 = 1_000_000;
const PAGE: usize = 1_000;

/// A series as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    pub namespace: String,
    pub name: String,
    pub dimensions: Vec<(String, String)>,
    pub unit: String,
    /// Instant of the newest sample that is in a block.
    pub newest_at: Millis,
    /// Some samples are kept by the second.
    pub has_seconds: bool,
}

/// The samples of a metric in one unit.
#[derive(Debug)]
pub struct Series {
    /// Unique in the house.
    pub id: u64,
    pub scope: Scope,
    pub metric: Arc<MetricKey>,
    pub unit: String,
    newest_at: AtomicI64,
    has_seconds: AtomicBool,
    recent: Mutex<Vec<Recent>>,
}

/// A sample that may be in no block yet: it is in those of its window that go through its batch.
#[derive(Clone, Debug)]
pub struct Recent {
    pub batch: u64,
    pub tier: Tier,
    pub at: Millis,
    pub sample: Sample,
}

impl Series {
    pub fn new(id: u64, scope: Scope, metric: Arc<MetricKey>, unit: String) -> Self {
        let (newest_at, has_seconds) = (AtomicI64::new(Millis::MIN), AtomicBool::new(false));
        Self { id, scope, metric, unit, newest_at, has_seconds, recent: Mutex::default() }
    }

    fn recent(&self) -> MutexGuard<'_, Vec<Recent>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Instant of the newest sample.
    pub fn newest_at(&self) -> Millis {
        self.newest_at.load(Ordering::Relaxed)
    }

    pub fn has_seconds(&self) -> bool {
        self.has_seconds.load(Ordering::Relaxed)
    }

    pub fn push(&self, recent: Recent) {
        self.newest_at.fetch_max(recent.at, Ordering::Relaxed);
        self.has_seconds.fetch_or(recent.tier == Tier::Second, Ordering::Relaxed);
        self.recent().push(recent);
    }

    /// Recent samples from `from` to before `to`.
    pub fn recent_between(&self, from: Millis, to: Millis) -> Vec<Recent> {
        self.recent().iter().filter(|recent| (from..to).contains(&recent.at)).cloned().collect()
    }

    /// Recent samples of batches up to `through`.
    pub fn recent_through(&self, through: u64) -> Vec<Recent> {
        self.recent().iter().filter(|recent| recent.batch <= through).cloned().collect()
    }

    /// Forgets them: blocks hold them now. Gives their count.
    pub fn forget_through(&self, through: u64) -> usize {
        let mut recent = self.recent();
        let before = recent.len();
        recent.retain(|recent| recent.batch > through);
        let gone = before - recent.len();
        if recent.is_empty() {
            *recent = Vec::new();
        }
        gone
    }

    pub fn record(&self) -> Record {
        let MetricKey { namespace, name, dimensions } = (*self.metric).clone();
        let (newest_at, has_seconds) = (self.newest_at(), self.has_seconds());
        Record { namespace, name, dimensions, unit: self.unit.clone(), newest_at, has_seconds }
    }

    pub fn put(&self, tx: &mut Tx<'_, '_>) -> Result<()> {
        SERIES.put(tx, &self.scope, self.id, &self.record())
    }

    pub fn delete(&self, tx: &mut Tx<'_, '_>) -> Result<()> {
        SERIES.delete(tx, &self.scope, self.id)
    }
}

/// The metrics of a scope: series of each by unit.
type Place = BTreeMap<Arc<MetricKey>, Vec<Arc<Series>>>;

/// All series of the house.
#[derive(Debug, Default)]
pub struct AllSeries {
    places: RwLock<HashMap<Scope, Place>>,
    /// The next new series has this id.
    pub next_id: AtomicU64,
    /// The next batch has this number; numbers begin with 1.
    pub next_batch: AtomicU64,
    /// Batches below this number are in blocks.
    pub first_batch: AtomicU64,
    /// Samples that are in no block yet.
    pub waiting: AtomicUsize,
    /// Shared by who writes a batch; taken alone to draw a line between batches.
    pub line: tokio::sync::RwLock<()>,
    /// Held by who puts samples into blocks: what one has moved on, another would take for new.
    pub moving: tokio::sync::Mutex<()>,
    /// Held while new series are made.
    pub making: tokio::sync::Mutex<()>,
    /// Samples of each tier, `Tier::ALL` in order, that are older than this have gone on to the next.
    rolled_to: RwLock<[Millis; 4]>,
}

impl AllSeries {
    /// The series of a metric, in one unit or in all.
    pub fn find(&self, scope: &Scope, metric: &MetricKey, unit: Option<&str>) -> Vec<Arc<Series>> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let all = places.get(scope).and_then(|place| place.get(metric));
        let fits = |series: &&Arc<Series>| unit.is_none_or(|unit| unit == series.unit);
        all.into_iter().flatten().filter(fits).cloned().collect()
    }

    /// The series of each metric and unit, where there is one.
    pub fn find_each<'k>(
        &self,
        scope: &Scope,
        wanted: impl Iterator<Item = (&'k MetricKey, &'k str)>,
    ) -> Vec<Option<Arc<Series>>> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let place = places.get(scope);
        let find = |(metric, unit): (&MetricKey, &str)| {
            place?.get(metric)?.iter().find(|series| series.unit == unit).cloned()
        };
        wanted.map(find).collect()
    }

    pub fn insert(&self, series: Arc<Series>) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        places.entry(series.scope).or_default().entry(series.metric.clone()).or_default().push(series);
    }

    pub fn remove(&self, series: &Series) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = places.get_mut(&series.scope) else { return };
        if let Some(units) = place.get_mut(&series.metric) {
            units.retain(|other| other.id != series.id);
            if units.is_empty() {
                place.remove(&series.metric);
            }
        }
    }

    pub fn all(&self) -> Vec<Arc<Series>> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        places.values().flat_map(|place| place.values().flatten().cloned()).collect()
    }

    pub fn scopes(&self) -> Vec<Scope> {
        self.places.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Metrics of a scope in order, behind `after`, of which `f` makes something; at most `limit`.
    pub fn list<T>(
        &self,
        scope: &Scope,
        after: Option<&MetricKey>,
        limit: usize,
        f: impl Fn(&Arc<MetricKey>, Millis) -> Option<T>,
    ) -> Vec<T> {
        use std::ops::Bound::{Excluded, Unbounded};
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = places.get(scope) else { return Vec::new() };
        let rows = place.range::<MetricKey, _>((after.map_or(Unbounded, Excluded), Unbounded));
        let newest = |units: &[Arc<Series>]| units.iter().map(|s| s.newest_at()).max().unwrap_or(Millis::MIN);
        rows.filter_map(|(key, units)| f(key, newest(units))).take(limit).collect()
    }

    /// Before which there are no blocks of this tier.
    pub fn rolled_to(&self, tier: Tier) -> Millis {
        let rolled_to = self.rolled_to.read().unwrap_or_else(PoisonError::into_inner);
        let place = Tier::ALL.into_iter().position(|other| other == tier);
        place.and_then(|place| rolled_to.get(place)).copied().unwrap_or(Millis::MIN)
    }

    pub fn set_rolled_to(&self, tier: Tier, at: Millis) {
        let mut rolled_to = self.rolled_to.write().unwrap_or_else(PoisonError::into_inner);
        for (known, known_at) in Tier::ALL.into_iter().zip(rolled_to.iter_mut()) {
            if known == tier {
                *known_at = at;
            }
        }
    }

    pub fn forget_all(&self) {
        self.places.write().unwrap_or_else(PoisonError::into_inner).clear();
        *self.rolled_to.write().unwrap_or_else(PoisonError::into_inner) = [Millis::MIN; 4];
        self.waiting.store(0, Ordering::Relaxed);
    }
}

/// Builds the index from what is stored: series first, then the samples that are in no block.
pub async fn load(ctx: &Ctx) -> Result<()> {
    let all = ctx.own::<AllSeries>();
    all.forget_all();
    let mut by_id = HashMap::new();
    let mut after: Option<bytes::Bytes> = None;
    loop {
        let rows = ctx.read(|snap| SERIES.list_all(snap, after.as_deref(), PAGE)).await?;
        for (key, record) in &rows {
            let mut key = kernel::key::KeyReader(key);
            let (Some(scope), Some(id)) = (key.scope(), key.number()) else {
                return Err(crate::errors::Damaged("series").into());
            };
            let series = Arc::new(of_record(id, scope, record));
            by_id.insert(id, series.clone());
            all.insert(series);
        }
        match rows.into_iter().nth(PAGE - 1) {
            Some((last, _)) => after = Some(last),
            None => break,
        }
    }
    let next_id = by_id.keys().max().map_or(1, |id| id + 1);
    all.next_id.store(next_id, Ordering::Relaxed);
    super::batch::replay(ctx, &by_id).await
}

fn of_record(id: u64, scope: Scope, record: &Record) -> Series {
    let Record { namespace, name, dimensions, unit, newest_at, has_seconds } = record.clone();
    let series = Series::new(id, scope, Arc::new(MetricKey { namespace, name, dimensions }), unit);
    series.newest_at.store(newest_at, Ordering::Relaxed);
    series.has_seconds.store(has_seconds, Ordering::Relaxed);
    series
}
