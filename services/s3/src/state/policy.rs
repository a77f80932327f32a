//! Bucket policies as stored, and made ready, by their text: a changed one is another.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kernel::house::HOUSE_SCOPE;
use kernel::{Reader, ResourcePolicy, Result, Table, Tx};

use super::bucket::Bucket;
use crate::rules::policy::{Ready, compile};

/// By the bucket's id.
static POLICIES: Table<ResourcePolicy> = Table::new("s3/policy");

pub fn find(from: &mut impl Reader, bucket: &Bucket) -> Result<Option<ResourcePolicy>> {
    POLICIES.get(from, &HOUSE_SCOPE, bucket.id)
}

pub fn put(tx: &mut Tx<'_, '_>, bucket: &Bucket, policy: &ResourcePolicy) -> Result<()> {
    POLICIES.put(tx, &HOUSE_SCOPE, bucket.id, policy)
}

pub fn delete(tx: &mut Tx<'_, '_>, bucket: &Bucket) -> Result<()> {
    POLICIES.delete(tx, &HOUSE_SCOPE, bucket.id)
}

/// Policies used lately.
#[derive(Default)]
pub struct Compiled(Mutex<HashMap<String, Option<Ready>>>);

impl Compiled {
    const MAX: usize = 512;

    /// The policy made ready; none when it does not read, which lets nobody in.
    pub fn get(&self, policy: &ResourcePolicy) -> Option<Ready> {
        let text = policy.decides();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(text) {
            return found.clone();
        }
        if known.len() >= Self::MAX {
            known.clear();
        }
        let made = compile(text);
        known.insert(text.to_owned(), made.clone());
        made
    }
}
