//! A record of every call that entered the gate: who wanted what, and what came of it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::clock::Millis;
use crate::scope::Scope;

/// One call. Inputs are not kept: they may hold secrets.
#[derive(Clone, Debug, Serialize)]
pub struct AuditRecord {
    pub at: Millis,
    pub request_id: String,
    pub scope: Scope,
    pub caller: String,
    pub access_key: String,
    /// `sqs:SendMessage`
    pub action: String,
    pub resources: Vec<String>,
    /// The error's code; `None` when it succeeded.
    pub error: Option<&'static str>,
    /// Came from another service, not over the wire.
    pub internal: bool,
}

/// The latest calls, oldest first, at most [`AuditTrail::RECORDS_MAX`].
#[derive(Debug, Default)]
pub struct AuditTrail(Mutex<VecDeque<AuditRecord>>);

impl AuditTrail {
    pub const RECORDS_MAX: usize = 4_096;

    pub(crate) fn push(&self, record: AuditRecord) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == Self::RECORDS_MAX {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// The latest `limit` records, newest first.
    pub fn latest(&self, limit: usize) -> Vec<AuditRecord> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().rev().take(limit).cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
