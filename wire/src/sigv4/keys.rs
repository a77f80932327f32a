//! Derived signing keys, kept: deriving one takes four HMACs, and a client uses the same one all day.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use foldhash::fast::RandomState;

use super::presented::{Presented, Scope};

/// Keys kept at once. A key's place follows from its name; the newer of two at one place stays.
const PLACES: usize = 512;

pub(super) struct KeyCache {
    hasher: RandomState,
    places: Box<[Mutex<Option<Entry>>]>,
}

struct Entry {
    access_key: Box<str>,
    date: Box<str>,
    region: Box<str>,
    service: Box<str>,
    secret: Arc<str>,
    key: Arc<hmac::Key>,
}

impl Entry {
    fn is_for(&self, presented: &Presented<'_>, secret: &str) -> bool {
        let Scope { date, region, service, .. } = &presented.scope;
        *self.access_key == *presented.access_key
            && *self.date == **date
            && *self.region == **region
            && *self.service == **service
            && verify_slices_are_equal(self.secret.as_bytes(), secret.as_bytes()).is_ok()
    }
}

impl KeyCache {
    pub(super) fn new() -> Self {
        let places = (0..PLACES).map(|_| Mutex::new(None)).collect();
        Self { hasher: RandomState::default(), places }
    }

    /// The key that signs in the presented scope.
    pub(super) fn get(&self, presented: &Presented<'_>, secret: &Arc<str>) -> Arc<hmac::Key> {
        let Scope { date, region, service, .. } = &presented.scope;
        let hash = self.hasher.hash_one((&presented.access_key, date, region, service));
        let place = usize::try_from(hash % PLACES as u64).ok().and_then(|at| self.places.get(at));
        let Some(place) = place else { return Arc::new(derive(secret, &presented.scope)) };
        let lock = || place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = lock().as_ref().filter(|entry| entry.is_for(presented, secret)) {
            return Arc::clone(&entry.key);
        }
        let key = Arc::new(derive(secret, &presented.scope));
        *lock() = Some(Entry {
            access_key: (*presented.access_key).into(),
            date: (**date).into(),
            region: (**region).into(),
            service: (**service).into(),
            secret: Arc::clone(secret),
            key: Arc::clone(&key),
        });
        key
    }
}

/// `HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request")`
pub(super) fn derive(secret: &str, scope: &Scope<'_>) -> hmac::Key {
    let mut key = hmac::Key::new(HMAC_SHA256, ["AWS4", secret].concat().as_bytes());
    for part in [&scope.date, &scope.region, &scope.service, &scope.terminator] {
        key = hmac::Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    key
}
