//! Writes down what has lain in each vault, every hour.

use kernel::{Ctx, Millis, Result};

use crate::state::vault;

pub const EVERY_MS: Millis = 3_600_000;
/// Vaults looked at before the next are read.
const BATCH: usize = 100;

pub async fn sweep(ctx: &Ctx) -> Result<()> {
    let mut after = None;
    loop {
        let rows = vault::list_all(ctx, after.as_deref(), BATCH).await?;
        let Some((last, ..)) = rows.last() else { return Ok(()) };
        after = Some(last.to_vec());
        for (_, scope, name) in rows {
            let ctx = ctx.in_scope(scope);
            ctx.write(|tx| {
                let Some(mut found) = vault::find(tx, &scope, &name)? else { return Ok(()) };
                vault::meter(tx, &mut found)?;
                vault::put(tx, &found)
            })
            .await?;
        }
    }
}
