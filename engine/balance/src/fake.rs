//! Fronts that only remember, for tests of whoever asks for them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::{Fronts, Pending, Sample};
use crate::journal::Entry;
use crate::spec::{FrontId, FrontSpec, Health, MemberId, PoolId};

/// Remembers what it was asked for; members are as well as a test says, and healthy otherwise.
#[derive(Default)]
pub struct FakeFronts {
    fronts: Mutex<BTreeMap<FrontId, FrontSpec>>,
    health: Mutex<BTreeMap<MemberId, Health>>,
    samples: Mutex<BTreeMap<FrontId, Sample>>,
    journals: Mutex<BTreeMap<FrontId, Vec<Entry>>>,
}

impl FakeFronts {
    fn fronts(&self) -> MutexGuard<'_, BTreeMap<FrontId, FrontSpec>> {
        self.fronts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was last asked for.
    pub fn spec(&self, id: &FrontId) -> Option<FrontSpec> {
        self.fronts().get(id).cloned()
    }

    pub fn all(&self) -> Vec<FrontSpec> {
        self.fronts().values().cloned().collect()
    }

    pub fn set_health(&self, member: &str, health: Health) {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).insert(member.into(), health);
    }

    /// What the next reader of this front's journal takes.
    pub fn write_down(&self, front: &FrontId, entries: Vec<Entry>) {
        self.journals.lock().unwrap_or_else(PoisonError::into_inner).insert(front.clone(), entries);
    }

    /// What the next look at this front takes.
    pub fn set_sample(&self, front: &FrontId, sample: Sample) {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).insert(front.clone(), sample);
    }
}

impl Fronts for FakeFronts {
    fn ensure(&self, spec: FrontSpec) -> Pending<'_, ()> {
        self.fronts().insert(spec.id.clone(), spec);
        Box::pin(std::future::ready(Ok(())))
    }

    fn remove(&self, id: &FrontId) -> Pending<'_, ()> {
        self.fronts().remove(id);
        Box::pin(std::future::ready(Ok(())))
    }

    fn health(&self, front: &FrontId, pool: &PoolId) -> Option<BTreeMap<MemberId, Health>> {
        let fronts = self.fronts();
        let pool = fronts.get(front)?.pools.iter().find(|known| known.id == *pool)?;
        let known = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let health = |id: &MemberId| known.get(id).cloned().unwrap_or(Health::Healthy);
        Some(pool.members.iter().map(|member| (member.id.clone(), health(&member.id))).collect())
    }

    fn journal(&self, front: &FrontId) -> Vec<Entry> {
        self.journals.lock().unwrap_or_else(PoisonError::into_inner).remove(front).unwrap_or_default()
    }

    fn sample(&self, front: &FrontId) -> Option<Sample> {
        let known = self.fronts().contains_key(front);
        let taken = self.samples.lock().unwrap_or_else(PoisonError::into_inner).remove(front);
        known.then(|| taken.unwrap_or_default())
    }
}
