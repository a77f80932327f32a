//! Policies of vaults made ready, by their texts: a changed one is another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use policy::Policy;

use crate::rules::policy::compile;

type Texts = (Option<String>, Option<String>);

/// Policies used lately.
#[derive(Default)]
pub struct Compiled(Mutex<HashMap<Texts, Option<Arc<Policy>>>>);

impl Compiled {
    const MAX: usize = 512;

    /// What an access policy and a lock's make together.
    pub fn get(&self, access: Option<&str>, lock: Option<&str>) -> Option<Arc<Policy>> {
        if access.is_none() && lock.is_none() {
            return None;
        }
        let texts = (access.map(str::to_owned), lock.map(str::to_owned));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MAX && !known.contains_key(&texts) {
            known.clear();
        }
        known.entry(texts).or_insert_with(|| compile(access, lock).map(Arc::new)).clone()
    }
}
