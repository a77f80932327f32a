//! Takes keys away when their minute is over.

use compute::MachineId;
use kernel::{Ctx, Error, Millis, Result};

use crate::ops::ssh_key::PATIENCE_MS;
use crate::rules::ssh_key as rules;
use crate::service::Machines;
use crate::state::ssh_key;

/// How soon a guest that does not answer is asked again.
const AGAIN_MS: Millis = 10_000;

/// The timer of a key: `<instance>/<id>`. A guest that does not run is not asked: its sshd knows the end by itself, or its init
/// sweeps at the next boot.
pub async fn end(ctx: &Ctx, name: String) -> Result<()> {
    let scope = *ctx.scope();
    let Some(key) = ctx.read(|snap| ssh_key::find(snap, &scope, &name)).await? else { return Ok(()) };
    let machines = &ctx.own::<Machines>().0;
    let machine = MachineId::new(key.instance.as_str()).map_err(Error::internal)?;
    let mut is_done = true;
    if machines.observe(&machine).await.map_err(Error::internal)?.is_running() {
        let command = rules::forget(&key.user, &key.id);
        let done = machines.exec(&machine, command, PATIENCE_MS).await;
        // Where the user is gone, so are the keys.
        is_done = done.as_ref().is_ok_and(|done| [0, rules::NO_USER].contains(&done.code));
        if !is_done {
            tracing::debug!(id = key.instance, ?done, "a guest keeps a key longer than it should");
        }
    }
    ctx.write(|tx| {
        if is_done {
            return ssh_key::remove(tx, &scope, &key);
        }
        let at = tx.ctx().now() + AGAIN_MS;
        ssh_key::schedule(tx, &scope, &key, at)
    })
    .await
}
