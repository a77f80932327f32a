//! How many bytes each group has stored; counted anew at start.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kernel::{Ctx, Result};

use super::{chunk, group};

/// By a group's id.
#[derive(Debug, Default)]
pub struct Sizes(Mutex<HashMap<u64, u64>>);

impl Sizes {
    fn change(&self, f: impl FnOnce(&mut HashMap<u64, u64>)) {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub fn add(&self, group: u64, bytes: u64) {
        self.change(|sizes| *sizes.entry(group).or_default() += bytes);
    }

    pub fn take(&self, group: u64, bytes: u64) {
        self.change(|sizes| {
            let size = sizes.entry(group).or_default();
            *size = size.saturating_sub(bytes);
        });
    }

    pub fn forget(&self, group: u64) {
        self.change(|sizes| {
            sizes.remove(&group);
        });
    }

    pub fn forget_all(&self) {
        self.change(HashMap::clear);
    }

    pub fn of(&self, group: u64) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&group).copied().unwrap_or_default()
    }
}

pub async fn load(ctx: &Ctx) -> Result<()> {
    for (scope, group) in group::list_all(ctx).await? {
        let chunks = chunk::list_of(&ctx.in_scope(scope), group.id, None).await?;
        ctx.own::<Sizes>().add(group.id, chunks.iter().map(|chunk| chunk.stored_bytes).sum());
    }
    Ok(())
}
