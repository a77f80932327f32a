//! When a key or a role was last used: noted in memory, written now and then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kernel::{Ctx, Millis, Result, Scope, Table};
use serde::{Deserialize, Serialize};

use super::home;

/// By access key id, or by a role's unique id.
static USES: Table<Use> = Table::new("iam/last-used");

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    pub at: Millis,
    pub service: String,
    pub region: String,
}

/// Uses not yet written, at most [`LastUsed::NOTES_MAX`]; past that, new names are not noted until the next sweep.
#[derive(Debug, Default)]
pub struct LastUsed(Mutex<HashMap<(Scope, String), Use>>);

impl LastUsed {
    pub const NOTES_MAX: usize = 16_384;

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Scope, String), Use>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a use of `id`, in memory.
    pub fn note(&self, home: Scope, id: &str, used: Use) {
        let mut notes = self.lock();
        if notes.len() < Self::NOTES_MAX || notes.contains_key(&(home, id.to_owned())) {
            notes.insert((home, id.to_owned()), used);
        }
    }

    pub fn forget_all(&self) {
        self.lock().clear();
    }
}

pub async fn find(ctx: &Ctx, id: &str) -> Result<Option<Use>> {
    let home = home(ctx);
    let noted = ctx.own::<LastUsed>().lock().get(&(home, id.to_owned())).cloned();
    match noted {
        Some(noted) => Ok(Some(noted)),
        None => ctx.read(|snap| USES.get(snap, &home, id)).await,
    }
}

pub const WRITE_EVERY_MS: Millis = 60_000;

/// Writes what was noted.
pub async fn write(ctx: &Ctx) -> Result<()> {
    let notes = ctx.own::<LastUsed>().lock().clone();
    if notes.is_empty() {
        return Ok(());
    }
    ctx.write(|tx| notes.iter().try_for_each(|((home, id), used)| USES.put(tx, home, id.as_str(), used)))
        .await?;
    ctx.own::<LastUsed>().lock().retain(|key, used| notes.get(key) != Some(used));
    Ok(())
}
