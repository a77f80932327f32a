//! The operations, by what they are about.

pub mod attributes;
pub mod health;
pub mod instance;
pub mod limits;
pub mod listener;
pub mod load_balancer;
pub mod network;
pub mod policy;
pub mod subnet;
pub mod tags;

use kernel::{Ctx, Reader, Result, Scope, Tx};

use crate::controllers::load_balancer::CONTROLLER;
use crate::errors;
use crate::state::load_balancer::{self as stored, LoadBalancer};

/// # Errors
/// `LoadBalancerNotFound`.
pub(crate) fn get(from: &mut impl Reader, scope: &Scope, name: &str) -> Result<LoadBalancer> {
    stored::find(from, scope, name)?.ok_or_else(|| errors::not_found(name))
}

pub(crate) fn nudge(ctx: &Ctx, name: &str) {
    ctx.nudge(CONTROLLER, name);
}

/// Changes a load balancer, and lets its controller know.
///
/// # Errors
/// `LoadBalancerNotFound`, and what `edit` refuses.
pub(crate) async fn change(
    ctx: &Ctx,
    name: &str,
    edit: impl Fn(&mut Tx<'_, '_>, &mut LoadBalancer) -> Result<()> + Send + Sync,
) -> Result<LoadBalancer> {
    let scope = *ctx.scope();
    let write = ctx.write(|tx| {
        let mut one = get(tx, &scope, name)?;
        edit(tx, &mut one)?;
        stored::put(tx, &scope, &one)?;
        Ok(one)
    });
    let changed = write.await?;
    nudge(ctx, name);
    Ok(changed)
}
