//! Opens consoles to keys again after a start, and closes them when a key's minute is over.

use compute::MachineId;
use kernel::{Ctx, Error, Result};

use crate::service::Consoles;
use crate::state::console_key;

/// Keys that were sent before we started are as good as ever until they end.
pub async fn admit_all(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    for key in ctx.read(|snap| console_key::all(snap)).await? {
        let machine = MachineId::new(key.instance).map_err(Error::internal)?;
        if key.ends_at > now && !ctx.own::<Consoles>().0.admit(machine, key.line) {
            tracing::warn!("a key opens no console any more: there are too many");
        }
    }
    Ok(())
}

/// The timer of a key: `<instance>/<id>`. Whoever came by then stays.
pub async fn end(ctx: &Ctx, name: String) -> Result<()> {
    let scope = *ctx.scope();
    let Some(key) = ctx.read(|snap| console_key::find(snap, &scope, &name)).await? else { return Ok(()) };
    let machine = MachineId::new(key.instance.as_str()).map_err(Error::internal)?;
    ctx.own::<Consoles>().0.forget(&machine, &key.line);
    ctx.write(|tx| console_key::remove(tx, &scope, &key)).await
}

/// # Errors
/// None.
pub async fn forget_all(ctx: &Ctx) -> Result<()> {
    ctx.own::<Consoles>().0.forget_all();
    Ok(())
}
