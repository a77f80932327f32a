//! Alarms as they are stored, and in memory as they were last read.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use api_cloudwatch::{Dimension, Metric, MetricDataQuery, MetricStat};
use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::evaluation::State;
use crate::rules::metric::MetricKey;

/// By name.
static ALARMS: Table<Alarm> = Table::new("cloudwatch/alarm");
/// Alarms of one account in one region.
pub const ALARMS_MAX: usize = 20_000;
const PAGE: usize = 1_000;

/// An alarm: what is wanted of it, and the state it was seen in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    #[serde(flatten)]
    pub asked: Asked,
    pub configured_at: Millis,
    pub state: State,
    pub reason: String,
    pub reason_data: Option<String>,
    pub updated_at: Millis,
    pub transitioned_at: Millis,
    /// Goes up by every change.
    pub revision: u64,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What is wanted of an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub name: String,
    pub description: Option<String>,
    pub actions: Actions,
    pub watch: Watch,
}

/// What is done when a state begins, by ARN.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Actions {
    pub enabled: bool,
    pub ok: Vec<String>,
    pub alarm: Vec<String>,
    pub insufficient: Vec<String>,
}

impl Actions {
    pub fn of(&self, state: State) -> &[String] {
        match state {
            State::Ok => &self.ok,
            State::Alarm => &self.alarm,
            State::InsufficientData => &self.insufficient,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Watch {
    Metric(MetricWatch),
    /// A rule over other alarms.
    Composite(String),
}

/// In the words of the API, so that what was put is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricWatch {
    pub observed: Observed,
    pub evaluation_periods: i32,
    pub datapoints_to_alarm: Option<i32>,
    pub threshold: Option<f64>,
    /// The band that stands in its place, by the id of its query.
    #[serde(default)]
    pub threshold_metric: Option<String>,
    pub comparison: String,
    pub treat_missing: Option<String>,
    pub low_samples: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Observed {
    Metric(ObservedMetric),
    /// One of them returns data.
    Queries(Vec<ObservedQuery>),
}

/// The statistic of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservedMetric {
    pub namespace: String,
    pub name: String,
    pub dimensions: Vec<(String, String)>,
    pub statistic: String,
    /// Seconds.
    pub period: i32,
    pub unit: Option<String>,
}

impl ObservedMetric {
    pub fn new(key: MetricKey, statistic: String, period: i32, unit: Option<String>) -> Self {
        let MetricKey { namespace, name, dimensions } = key;
        Self { namespace, name, dimensions, statistic, period, unit }
    }

    pub fn key(&self) -> MetricKey {
        let (namespace, name) = (self.namespace.clone(), self.name.clone());
        MetricKey { namespace, name, dimensions: self.dimensions.clone() }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservedQuery {
    pub id: String,
    pub metric: Option<ObservedMetric>,
    pub expression: Option<String>,
    pub label: Option<String>,
    pub return_data: Option<bool>,
    pub period: Option<i32>,
}

impl From<&MetricDataQuery> for ObservedQuery {
    fn from(query: &MetricDataQuery) -> Self {
        let metric = query.metric_stat.as_ref().map(|stat| {
            let Metric { namespace, metric_name, dimensions } = stat.metric.clone();
            let dimensions = dimensions.unwrap_or_default();
            let key =
                MetricKey::new(namespace.unwrap_or_default(), metric_name.unwrap_or_default(), dimensions);
            ObservedMetric::new(key, stat.stat.clone(), stat.period, stat.unit.clone())
        });
        let MetricDataQuery { id, expression, label, return_data, period, .. } = query.clone();
        Self { id, metric, expression, label, return_data, period }
    }
}

impl From<&ObservedQuery> for MetricDataQuery {
    fn from(query: &ObservedQuery) -> Self {
        let stat = |metric: &ObservedMetric| MetricStat {
            metric: metric.key().to_metric(),
            period: metric.period,
            stat: metric.statistic.clone(),
            unit: metric.unit.clone(),
        };
        let ObservedQuery { id, expression, label, return_data, period, .. } = query.clone();
        Self {
            id,
            metric_stat: query.metric.as_ref().map(stat),
            expression,
            label,
            return_data,
            period,
            ..Self::default()
        }
    }
}

pub fn dimensions(pairs: &[(String, String)]) -> Vec<Dimension> {
    pairs.iter().map(|(name, value)| Dimension { name: name.clone(), value: value.clone() }).collect()
}

impl Alarm {
    pub fn arn(&self, scope: &Scope) -> String {
        arn(scope, &self.asked.name)
    }

    pub fn is_composite(&self) -> bool {
        matches!(self.asked.watch, Watch::Composite(_))
    }

    pub fn metric(&self) -> Option<&MetricWatch> {
        match &self.asked.watch {
            Watch::Metric(watch) => Some(watch),
            Watch::Composite(_) => None,
        }
    }
}

pub fn arn(scope: &Scope, name: &str) -> String {
    scope.arn("cloudwatch", format!("alarm:{name}"))
}

pub fn find(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<Option<Alarm>> {
    ALARMS.get(from, scope, name)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, alarm: &Alarm) -> Result<()> {
    ALARMS.put(tx, scope, alarm.asked.name.as_str(), alarm)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, name: &str) -> Result<()> {
    ALARMS.delete(tx, scope, name)
}

type OfScope = BTreeMap<String, Arc<Alarm>>;

/// All alarms of the house, as they were last read, and when each is to be evaluated.
#[derive(Debug, Default)]
pub struct Alarms {
    all: RwLock<HashMap<Scope, OfScope>>,
    due: Mutex<HashMap<Scope, HashMap<String, Millis>>>,
    /// Held while one is read again, so that the newest stays.
    reading: tokio::sync::Mutex<()>,
}

impl Alarms {
    pub fn find(&self, scope: &Scope, name: &str) -> Option<Arc<Alarm>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(scope)?.get(name).cloned()
    }

    /// In the order of their names.
    pub fn of(&self, scope: &Scope) -> Vec<Arc<Alarm>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(scope).into_iter().flat_map(BTreeMap::values).cloned().collect()
    }

    pub fn count(&self, scope: &Scope) -> usize {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(scope).map_or(0, BTreeMap::len)
    }

    pub fn scopes(&self) -> Vec<Scope> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(_, alarms)| !alarms.is_empty()).map(|(scope, _)| *scope).collect()
    }

    fn set(&self, scope: &Scope, name: &str, alarm: Option<Alarm>) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let alarms = all.entry(*scope).or_default();
        match alarm {
            Some(alarm) => drop(alarms.insert(name.to_owned(), Arc::new(alarm))),
            None => drop(alarms.remove(name)),
        }
    }

    /// When an alarm is to be evaluated: at once, where nobody has said.
    pub fn due_at(&self, scope: &Scope, name: &str) -> Millis {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.get(scope).and_then(|due| due.get(name)).copied().unwrap_or(Millis::MIN)
    }

    pub fn set_due(&self, scope: &Scope, name: &str, at: Millis) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.entry(*scope).or_default().insert(name.to_owned(), at);
    }

    pub fn due_now(&self, scope: &Scope, name: &str) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(due) = due.get_mut(scope) {
            due.remove(name);
        }
    }

    pub fn forget_all(&self) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.due.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Reads alarms again that have been changed.
pub async fn refresh(ctx: &Ctx, names: &[String]) -> Result<()> {
    let alarms = ctx.own::<Alarms>();
    let _reading = alarms.reading.lock().await;
    for name in names {
        let stored = ctx.read(|snap| find(snap, ctx.scope(), name)).await?;
        alarms.set(ctx.scope(), name, stored);
    }
    Ok(())
}

/// Reads all of them: at the start.
pub async fn load(ctx: &Ctx) -> Result<()> {
    let alarms = ctx.own::<Alarms>();
    alarms.forget_all();
    let mut after: Option<bytes::Bytes> = None;
    loop {
        let rows = ctx.read(|snap| ALARMS.list_all(snap, after.as_deref(), PAGE)).await?;
        for (key, alarm) in &rows {
            let scope = kernel::key::KeyReader(key).scope().ok_or(crate::errors::Damaged("alarm"))?;
            alarms.set(&scope, &alarm.asked.name, Some(alarm.clone()));
        }
        match rows.into_iter().nth(PAGE - 1) {
            Some((last, _)) => after = Some(last),
            None => return Ok(()),
        }
    }
}
