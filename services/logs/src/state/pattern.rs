//! Patterns of filters, read once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::rules::pattern::Pattern;

/// By their text.
#[derive(Debug, Default)]
pub struct Patterns(Mutex<HashMap<String, Arc<Pattern>>>);

const KNOWN_MAX: usize = 10_000;

impl Patterns {
    /// A pattern that is stored, so that it reads.
    pub fn get(&self, text: &str) -> Option<Arc<Pattern>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pattern) = known.get(text) {
            return Some(pattern.clone());
        }
        let pattern = Arc::new(Pattern::parse(text).ok()?);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(text.to_owned(), pattern.clone());
        Some(pattern)
    }
}
