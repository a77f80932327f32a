//! Books: what is paid by the time is written down anew every hour, each record in a transaction of its own scope.

use kernel::{Ctx, Result, Scope, Tx};

/// Has `write` bring the lines of each record up to date. It reads the record again: what has ended meanwhile has its
/// last line already.
pub async fn keep<R: Sync + Send>(
    ctx: &Ctx,
    records: Vec<(Scope, R)>,
    write: impl Fn(&mut Tx<'_, '_>, &Scope, &R) -> Result<()> + Send + Sync,
) -> Result<()> {
    for (scope, record) in records {
        ctx.in_scope(scope).write(|tx| write(tx, &scope, &record)).await?;
    }
    Ok(())
}
