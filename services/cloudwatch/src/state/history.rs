//! What happened to alarms: kept for thirty days, the newest first.

use kernel::key::KeyReader;
use kernel::{Ctx, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// By how long before the end of time, alarm, and number.
static HISTORY: Table<Item> = Table::new("cloudwatch/alarm-history");

const KEPT_MS: Millis = 30 * 86_400_000;
const PAGE: usize = 1_000;

/// Something that happened to an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub alarm: String,
    pub is_composite: bool,
    pub at: Millis,
    /// `ConfigurationUpdate`, `StateUpdate` or `Action`.
    pub kind: String,
    pub summary: String,
    pub data: String,
}

/// `number` tells items of one alarm and instant apart.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, number: u64, item: &Item) -> Result<()> {
    HISTORY.put(tx, scope, (Millis::MAX - item.at, item.alarm.as_str(), number), item)
}

/// The place behind everything after `at`.
pub fn up_to(at: Millis) -> Vec<u8> {
    kernel::Key::to_bytes(&(Millis::MAX - at))
}

/// Items behind a place, the newest first.
pub fn list(
    from: &mut impl Reader,
    scope: &Scope,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<kernel::Row<Item>>> {
    HISTORY.list(from, scope, (), after, limit)
}

/// Forgets what is too old.
pub async fn sweep(ctx: &Ctx) -> Result<()> {
    let oldest = ctx.now() - KEPT_MS;
    let mut after: Option<bytes::Bytes> = None;
    loop {
        let rows = ctx.read(|snap| HISTORY.list_all(snap, after.as_deref(), PAGE)).await?;
        let mut old = Vec::new();
        for (key, item) in rows.iter().filter(|(_, item)| item.at < oldest) {
            let mut key = KeyReader(key);
            if let (Some(scope), Some(at), Some(alarm), Some(number)) =
                (key.scope(), key.signed(), key.text(), key.number())
            {
                debug_assert_eq!(alarm, item.alarm);
                old.push((scope, at, alarm, number));
            }
        }
        if !old.is_empty() {
            ctx.write(|tx| {
                old.iter().try_for_each(|(scope, at, alarm, number)| {
                    HISTORY.delete(tx, scope, (*at, alarm.as_str(), *number))
                })
            })
            .await?;
        }
        match rows.into_iter().nth(PAGE - 1) {
            Some((last, _)) => after = Some(last),
            None => return Ok(()),
        }
    }
}
