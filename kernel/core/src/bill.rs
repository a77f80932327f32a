//! Who pays for a call, and for what its answer sends to the world.

use std::sync::Arc;

use crate::meter::Counts;
use crate::scope::Scope;

/// An answer, and who pays for its bytes.
pub struct Billed<T> {
    pub answer: T,
    pub bill: Bill,
}

/// Where bytes that were sent to the world are counted: a service's answers, as `DataTransfer-Out-Bytes` of whoever pays.
#[derive(Clone, Debug)]
pub struct Bill(Option<Owing>);

#[derive(Clone, Debug)]
struct Owing {
    counts: Arc<Counts>,
    service: &'static str,
    scope: Scope,
}

impl Bill {
    pub(crate) fn new(counts: Arc<Counts>, service: &'static str, scope: Scope) -> Self {
        Self(Some(Owing { counts, service, scope }))
    }

    /// Nobody pays.
    pub fn none() -> Self {
        Self(None)
    }

    /// Counts bytes of a body that went out.
    pub fn sent(&self, bytes: u64) {
        if let Some(Owing { counts, service, scope }) = self.0.as_ref().filter(|_| bytes > 0) {
            counts.add(*scope, service, "DataTransfer-Out-Bytes", bytes);
        }
    }
}
