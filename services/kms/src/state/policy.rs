//! Policies made ready, by their text: most keys have the same, and a changed one is another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use policy::Policy;

use crate::rules::policy::compile;

/// Policies used lately.
#[derive(Default)]
pub struct Compiled(Mutex<HashMap<String, Option<Arc<Policy>>>>);

impl Compiled {
    const MAX: usize = 512;

    /// The policy of this text; none when it does not read, which lets nobody in.
    pub fn get(&self, text: &str) -> Option<Arc<Policy>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(text) {
            return found.clone();
        }
        if known.len() >= Self::MAX {
            known.clear();
        }
        let made = compile(text).map(Arc::new);
        known.insert(text.to_owned(), made.clone());
        made
    }
}
