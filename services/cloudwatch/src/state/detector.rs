//! Anomaly detectors as they are stored, and in memory with what they have learned.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use api_cloudwatch::MetricDataQuery;
use kernel::{Ctx, Millis, Result, Scope, Table};
use serde::{Deserialize, Serialize};

use super::alarm::ObservedQuery;
use crate::errors;
use crate::rules::anomaly::Model;
use crate::rules::detector::{identity, single_identity};
use crate::rules::metric::MetricKey;
use crate::rules::query::{self, Asks};

/// By id.
static DETECTORS: Table<Detector> = Table::new("cloudwatch/anomaly-detector");
/// Detectors of one account in one region.
const DETECTORS_MAX: usize = 1_000;
/// What is kept of what was learned. The oldest goes first, and is learned again where it is asked for.
const MODELS_MAX: usize = 4_096;

/// A detector: what it is of, and how its history is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    pub id: String,
    pub of: Watched,
    pub configuration: Configuration,
    pub has_spikes: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Watched {
    Metric {
        metric: MetricKey,
        statistic: String,
    },
    /// One of them returns data: what is learned.
    Math(Vec<ObservedQuery>),
}

/// `AnomalyDetectorConfiguration`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    pub zone: Option<String>,
    /// Beginnings and ends of what teaches nothing.
    pub excluded: Vec<(Millis, Millis)>,
}

impl Watched {
    /// Tells it from others.
    ///
    /// # Errors
    /// When its queries are none.
    pub fn identity(&self) -> Result<String> {
        match self {
            Self::Metric { metric, statistic } => Ok(single_identity(metric, statistic)),
            Self::Math(stored) => {
                let queries: Vec<MetricDataQuery> = stored.iter().map(Into::into).collect();
                let queries = query::check(queries)?;
                let at = queries.iter().position(|query| query.is_returned).unwrap_or_default();
                identity(&queries, at)
            }
        }
    }

    /// What queries of an alarm compute at `at`.
    ///
    /// # Errors
    /// When they are none.
    pub fn of_queries(queries: &[query::Query], stored: &[ObservedQuery], at: usize) -> Result<Option<Self>> {
        let Some(named) = queries.get(at) else { return Ok(None) };
        if let Asks::Metric(reading) = &named.asks {
            let (metric, statistic) = ((*reading.metric).clone(), reading.statistic_name.to_string());
            return Ok(Some(Self::Metric { metric, statistic }));
        }
        let behind = query::behind(queries, at)?;
        let of = behind.into_iter().filter_map(|place| Some((place, stored.get(place)?.clone())));
        let returned = |(place, query)| ObservedQuery { return_data: Some(place == at), ..query };
        Ok(Some(Self::Math(of.map(returned).collect())))
    }
}

/// What was learned for points of one period.
#[derive(Clone, Debug)]
pub struct Learned {
    /// As it was then: what another configuration taught is forgotten.
    pub by: Arc<Detector>,
    /// `None`: there was too little.
    pub model: Option<Arc<Model>>,
    pub at: Millis,
}

type ById = BTreeMap<String, Arc<Detector>>;
type Place = (Scope, String, Millis);

/// All detectors of the house, as they were last read, and what they have learned.
#[derive(Debug, Default)]
pub struct Detectors {
    /// By identity.
    all: RwLock<HashMap<Scope, ById>>,
    /// By detector and period.
    learned: Mutex<HashMap<Place, Learned>>,
    /// Held while one is written, so that no two are of the same.
    writing: tokio::sync::Mutex<()>,
}

impl Detectors {
    pub fn find(&self, scope: &Scope, identity: &str) -> Option<Arc<Detector>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(scope)?.get(identity).cloned()
    }

    /// In the order of their ids.
    pub fn of(&self, scope: &Scope) -> Vec<Arc<Detector>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<_> = all.get(scope).into_iter().flat_map(BTreeMap::values).cloned().collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    pub fn ids(&self) -> Vec<(Scope, String)> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let ids =
            |(scope, of): (&Scope, &ById)| of.values().map(|d| (*scope, d.id.clone())).collect::<Vec<_>>();
        all.iter().flat_map(ids).collect()
    }

    fn set(&self, scope: &Scope, identity: &str, detector: Option<Detector>) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let of = all.entry(*scope).or_default();
        match detector {
            Some(detector) => drop(of.insert(identity.to_owned(), Arc::new(detector))),
            None => drop(of.remove(identity)),
        }
    }

    /// What a detector has learned as it is now.
    pub fn learned(&self, scope: &Scope, by: &Arc<Detector>, period_ms: Millis) -> Option<Learned> {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let found = learned.get(&(*scope, by.id.clone(), period_ms));
        // One that was learning while the detector was changed may have come after.
        found.filter(|found| Arc::ptr_eq(&found.by, by)).cloned()
    }

    /// Whether anything was learned, for any period; `None`: nothing was tried.
    pub fn has_learned(&self, scope: &Scope, by: &Arc<Detector>) -> Option<bool> {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let of = learned.iter().filter(|((of, ..), found)| of == scope && Arc::ptr_eq(&found.by, by));
        of.map(|(_, learned)| learned.model.is_some()).max()
    }

    pub fn set_learned(&self, scope: &Scope, period_ms: Millis, of: Learned) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        if learned.len() >= MODELS_MAX
            && let Some(oldest) = learned.iter().min_by_key(|(_, of)| of.at).map(|(place, _)| place.clone())
        {
            learned.remove(&oldest);
        }
        learned.insert((*scope, of.by.id.clone(), period_ms), of);
    }

    fn forget(&self, scope: &Scope, id: &str) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.retain(|(of, of_id, _), _| of != scope || of_id != id);
    }

    pub fn forget_all(&self) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Makes a detector, or gives the one there is another configuration. Gives its id.
///
/// # Errors
/// When there are too many, or the store fails.
pub async fn put(
    ctx: &Ctx,
    of: Watched,
    configuration: Configuration,
    has_spikes: Option<bool>,
) -> Result<String> {
    let detectors = ctx.own::<Detectors>();
    let identity = of.identity()?;
    let _writing = detectors.writing.lock().await;
    let id = match detectors.find(ctx.scope(), &identity) {
        Some(before) => before.id.clone(),
        None if detectors.of(ctx.scope()).len() >= DETECTORS_MAX => {
            return Err(errors::too_many_detectors(DETECTORS_MAX));
        }
        None => ctx.ids().uuid(),
    };
    let detector = Detector { id, of, configuration, has_spikes };
    ctx.write(|tx| DETECTORS.put(tx, ctx.scope(), detector.id.as_str(), &detector)).await?;
    let id = detector.id.clone();
    detectors.forget(ctx.scope(), &id);
    detectors.set(ctx.scope(), &identity, Some(detector));
    Ok(id)
}

/// Makes sure that there is one, as alarms on a band do.
pub async fn ensure(ctx: &Ctx, of: Watched) -> Result<()> {
    if ctx.own::<Detectors>().find(ctx.scope(), &of.identity()?).is_some() {
        return Ok(());
    }
    put(ctx, of, Configuration::default(), None).await.map(drop)
}

/// # Errors
/// When there is none.
pub async fn delete(ctx: &Ctx, of: &Watched) -> Result<()> {
    let detectors = ctx.own::<Detectors>();
    let identity = of.identity()?;
    let _writing = detectors.writing.lock().await;
    let gone = detectors.find(ctx.scope(), &identity).ok_or_else(errors::no_such_detector)?;
    ctx.write(|tx| DETECTORS.delete(tx, ctx.scope(), gone.id.as_str())).await?;
    detectors.set(ctx.scope(), &identity, None);
    detectors.forget(ctx.scope(), &gone.id);
    Ok(())
}

/// Reads all of them: at the start.
pub async fn load(ctx: &Ctx) -> Result<()> {
    let detectors = ctx.own::<Detectors>();
    detectors.forget_all();
    for (scope, detector) in ctx.read(|snap| DETECTORS.all_scopes(snap)).await? {
        detectors.set(&scope, &detector.of.identity()?, Some(detector));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learned_is_of_the_detector_as_it_is() {
        let scope = Scope { account: "000000000000".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
        let metric =
            MetricKey { namespace: "shop".to_owned(), name: "Load".to_owned(), dimensions: Vec::new() };
        let of = Watched::Metric { metric, statistic: "Average".to_owned() };
        let (id, configuration) = ("1".to_owned(), Configuration::default());
        let before = Arc::new(Detector { id, of, configuration, has_spikes: None });
        let after = Arc::new(Detector { has_spikes: Some(true), ..(*before).clone() });
        let detectors = Detectors::default();
        let learned = |by: &Arc<Detector>| Learned { by: by.clone(), model: None, at: 0 };
        detectors.set_learned(&scope, 60_000, learned(&before));
        assert!(detectors.learned(&scope, &before, 60_000).is_some());
        assert!(detectors.learned(&scope, &after, 60_000).is_none());
        assert_eq!(detectors.has_learned(&scope, &after), None);
        detectors.set_learned(&scope, 60_000, learned(&after));
        assert_eq!(detectors.has_learned(&scope, &after), Some(false));
    }
}
