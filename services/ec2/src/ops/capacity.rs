//! Whether this host has room for an instance.

use kernel::{Ctx, Result};

use crate::errors;
use crate::rules::capacity::{Overcommit, fitting};
use crate::rules::instance::target;
use crate::rules::instance_type::{self, InstanceType};
use crate::service::Engines;
use crate::state::instance::{self, Power};

/// A type that is bigger than the host never fits.
///
/// # Errors
/// `InsufficientInstanceCapacity`.
pub fn check_size(ctx: &Ctx, size: &InstanceType) -> Result<()> {
    let host = ctx.own::<Engines>().machines.capabilities();
    if host.driver.is_none() {
        let why = host.notes.first().map_or("it lacks what machines need", String::as_str);
        return Err(errors::no_machines(why));
    }
    if size.vcpus > host.cpus || size.memory_bytes() > host.memory_bytes {
        return Err(errors::no_capacity(size.name));
    }
    Ok(())
}

/// How many of a type there is room for beside what runs. Launches at the same instant may together go a little beyond
/// it: a bound for the host's sake, not an account's.
pub async fn count_room(ctx: &Ctx, size: &InstanceType) -> Result<u32> {
    let host = ctx.own::<Engines>().machines.capabilities();
    let instances = ctx.read(|snap| instance::all_scopes(snap)).await?;
    let running = instances.iter().filter(|(_, instance)| target(instance) == Power::Running);
    let sizes = running.filter_map(|(_, instance)| instance_type::find(&instance.instance_type));
    let promised = sizes.map(InstanceType::memory_bytes).sum();
    Ok(fitting(*ctx.own::<Overcommit>(), host.memory_bytes, promised, size.memory_bytes()))
}
