//! Notices on their way: written with what they tell of, gone when they were taken.

use kernel::timers::TimerKey;
use kernel::{Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// By id.
static NOTICES: Table<Notice> = Table::new("s3/notice");

/// The timers that carry them.
pub const KIND: &str = "notice";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// The queue's ARN.
    pub to: String,
    /// The bucket's.
    pub from: String,
    pub body: String,
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str, notice: &Notice) -> Result<()> {
    NOTICES.put(tx, scope, id, notice)?;
    let key =
        TimerKey { scope: *scope, service: "s3".to_owned(), kind: KIND.to_owned(), name: id.to_owned() };
    let now = tx.ctx().now();
    tx.schedule(&key, now)
}

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<Notice>> {
    NOTICES.get(from, scope, id)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    NOTICES.delete(tx, scope, id)
}
