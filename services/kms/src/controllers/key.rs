//! What becomes due of a key: its deletion, its rotation, the end of imported material.

use kernel::timers::TimerKey;
use kernel::{Ctx, Result, Scope};

use crate::events;
use crate::ops::make_material;
use crate::ops::replica::spread;
use crate::rules::key::check_enabled;
use crate::rules::rotation::next_at;
use crate::state::key::{self, MaterialOfKey, Rotated};
use crate::state::material::Vault;
use crate::state::{alias, grant, material};

/// Rows cleared away in one transaction.
const STEP: usize = 500;

/// What a timer is for.
#[derive(Clone, Copy, Debug)]
pub enum Timed {
    Deletion,
    Rotation,
    Expiry,
}

impl Timed {
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Deletion => "key-deletion",
            Self::Rotation => "key-rotation",
            Self::Expiry => "material-expiry",
        }
    }
}

/// The timer of a key.
pub fn timer(scope: &Scope, what: Timed, key_id: &str) -> TimerKey {
    TimerKey {
        scope: *scope,
        service: "kms".to_owned(),
        kind: what.kind().to_owned(),
        name: key_id.to_owned(),
    }
}

/// Deletes a key whose time has come: first what hangs on it, then itself and its material.
pub async fn delete(ctx: &Ctx, id: String) -> Result<()> {
    let scope = *ctx.scope();
    let due = |key: &key::Key| key.deletion.as_ref().is_some_and(|deletion| deletion.at <= ctx.now());
    let Some(found) = ctx.read(|snap| key::find(snap, &scope, &id)).await?.filter(due) else { return Ok(()) };
    while ctx.write(|tx| clear_step(tx, &scope, &id)).await? == STEP {}
    ctx.write(|tx| {
        let Some(now) = key::find(tx, &scope, &id)?.filter(due) else { return Ok(()) };
        clear_step(tx, &scope, &id)?;
        for material in &now.materials {
            material::delete(tx, &scope, &id, &material.id)?;
        }
        if let Some(primary) = now.primary.filter(|primary| *primary != scope.region) {
            leave_family(tx, &Scope { region: primary, ..scope }, &scope, &id)?;
        }
        for what in [Timed::Rotation, Timed::Expiry] {
            tx.unschedule(&timer(&scope, what, &id))?;
        }
        tx.publish(&events::about(ctx, events::DELETED, &id))?;
        key::delete(tx, &scope, &id)
    })
    .await?;
    found.materials.iter().for_each(|material| ctx.own::<Vault>().forget(&material.id));
    Ok(())
}

/// Deletes grants and aliases of a key, at most [`STEP`].
fn clear_step(tx: &mut kernel::Tx<'_, '_>, scope: &Scope, id: &str) -> Result<usize> {
    let grants = grant::list(tx, scope, id, None, STEP)?;
    for (_, grant) in &grants {
        grant::delete(tx, scope, grant)?;
    }
    let names = alias::list_of_key(tx, scope, id, None, STEP - grants.len())?;
    for name in &names {
        if let Some(alias) = alias::find(tx, scope, name)? {
            alias::delete(tx, scope, &alias)?;
        }
    }
    Ok(grants.len() + names.len())
}

/// Takes a copy off the list that every member of its family keeps.
fn leave_family(tx: &mut kernel::Tx<'_, '_>, primary: &Scope, gone: &Scope, id: &str) -> Result<()> {
    let Some(first) = key::find(tx, primary, id)? else { return Ok(()) };
    let left: Vec<_> = first.replicas.into_iter().filter(|region| *region != gone.region).collect();
    for region in std::iter::once(primary.region).chain(left.iter().copied()) {
        let scope = Scope { region, ..*primary };
        if let Some(member) = key::find(tx, &scope, id)? {
            key::put(tx, &scope, &key::Key { replicas: left.clone(), ..member })?;
        }
    }
    Ok(())
}

/// Rotates a key that rotates by itself. What cannot rotate now is asked again a period later.
pub async fn rotate(ctx: &Ctx, id: String) -> Result<()> {
    let scope = *ctx.scope();
    let due = |key: &key::Key| key.rotation.as_ref().is_some_and(|rotation| rotation.next_at <= ctx.now());
    let Some(found) = ctx.read(|snap| key::find(snap, &scope, &id)).await?.filter(due) else { return Ok(()) };
    let (material_id, sealed) = make_material(ctx, &scope, &id, found.spec).await?;
    let now = ctx.now();
    ctx.write(|tx| {
        let Some(mut key) = key::find(tx, &scope, &id)?.filter(due) else { return Ok(()) };
        if let Some(rotation) = &mut key.rotation {
            rotation.next_at = next_at(now, rotation.period_days);
            tx.schedule(&timer(&scope, Timed::Rotation, &id), rotation.next_at)?;
        }
        if check_enabled(&key, "").is_err() {
            return key::put(tx, &scope, &key);
        }
        let material =
            MaterialOfKey { id: material_id.clone(), since: now, rotated: Some(Rotated::Automatic) };
        tx.publish(&events::about(ctx, events::ROTATED, &id))?;
        spread(tx, &scope, &key, &material, &sealed)
    })
    .await
}

/// Lets imported material go when its time is over.
pub async fn expire(ctx: &Ctx, id: String) -> Result<()> {
    let scope = *ctx.scope();
    let now = ctx.now();
    let gone = ctx
        .write(|tx| {
            let due = |key: &key::Key| key.expires_at.is_some_and(|at| at <= now);
            let Some(mut key) = key::find(tx, &scope, &id)?.filter(due) else { return Ok(None) };
            key.expires_at = None;
            let gone = key.current.take();
            if let Some(gone) = &gone {
                material::delete(tx, &scope, &id, gone)?;
            }
            key::put(tx, &scope, &key)?;
            tx.publish(&events::about(ctx, events::EXPIRED, &id))?;
            Ok(gone)
        })
        .await?;
    if let Some(gone) = gone {
        ctx.own::<Vault>().forget(&gone);
    }
    Ok(())
}
