//! Where an instance comes to: its group's partition, a dedicated host, processors set apart.

use api_ec2 as api;
use kernel::tx::Reader;
use kernel::{Ctx, Result, Scope, Tx};

use super::instance::{check_id, get};
use super::placement_group::join;
use crate::errors;
use crate::rules::host::{choose, fitting};
use crate::rules::instance::{State, target};
use crate::rules::instance_type::{self, InstanceType};
use crate::rules::placement::{self as rules, Wish};
use crate::service::Engines;
use crate::state::host::{self, Host, SetApart};
use crate::state::id::{HostId, InstanceId};
use crate::state::instance::{self, Instance, Place, Power, Tenancy};
use crate::state::placement_group;

/// Finds a place for one more instance, and sets processors apart where it wants its own. `cores` is what the machine
/// below has.
///
/// # Errors
/// When there is none.
pub fn assign(
    tx: &mut Tx<'_, '_>,
    scope: &Scope,
    wish: &Wish,
    (size, zone, cores): (&InstanceType, &str, u32),
) -> Result<Place> {
    let (mut group, mut partition) = (None, None);
    if let Some(named) = &wish.group {
        let found = placement_group::get(tx, scope, named)?;
        partition = join(tx, scope, &found, wish.partition, zone)?;
        group = Some((found.id, found.name));
    }
    let host = match wish.tenancy {
        Tenancy::Host => Some(find_host(tx, scope, wish.host.as_ref(), size, zone)?),
        Tenancy::Dedicated => {
            set_apart(tx, scope, size.vcpus, cores)?;
            None
        }
        Tenancy::Default => None,
    };
    Ok(Place { tenancy: wish.tenancy, host, affinity: wish.affinity, group, partition })
}

/// Where an instance that starts again comes to.
///
/// # Errors
/// As [`assign`].
pub fn assign_again(tx: &mut Tx<'_, '_>, scope: &Scope, id: &InstanceId, cores: u32) -> Result<()> {
    let Some(found) = instance::find(tx, scope, id)? else { return Ok(()) };
    let Some(size) = instance_type::find(&found.instance_type) else { return Ok(()) };
    let place = &found.place;
    let wish = Wish {
        tenancy: place.tenancy,
        host: place.host.clone(),
        affinity: place.affinity,
        group: place.group.clone().map(|(id, _)| rules::GroupName::Id(id)),
        partition: place.partition,
    };
    let place = assign(tx, scope, &wish, (size, &found.zone, cores))?;
    instance::update(tx, scope, id, |instance| {
        instance.place = place.clone();
        Ok(())
    })
    .map(drop)
}

/// Instances that are, or come back, to a host.
pub fn on_host(from: &mut impl Reader, scope: &Scope, id: &HostId) -> Result<Vec<Instance>> {
    let mut all = instance::all(from, scope)?;
    all.retain(|one| one.place.host.as_ref() == Some(id) && one.state() != State::Terminated);
    Ok(all)
}

/// Memory of a host that its instances hold.
pub fn held(from: &mut impl Reader, scope: &Scope, id: &HostId) -> Result<u64> {
    let running = on_host(from, scope, id)?.into_iter().filter(|one| target(one) == Power::Running);
    let sizes = running.filter_map(|one| instance_type::find(&one.instance_type));
    Ok(sizes.map(InstanceType::memory_bytes).sum())
}

fn find_host(
    from: &mut impl Reader,
    scope: &Scope,
    wanted: Option<&HostId>,
    size: &InstanceType,
    zone: &str,
) -> Result<HostId> {
    let mut candidates = match wanted {
        Some(id) => {
            let host = host::get(from, scope, id)?;
            check_takes(&host, size, zone)?;
            vec![host]
        }
        None => host::all(from, scope)?.into_iter().filter(|host| host.auto_placement).collect(),
    };
    candidates.retain(|host| check_takes(host, size, zone).is_ok());
    if candidates.is_empty() {
        return Err(errors::no_host(size.name, zone));
    }
    for host in candidates {
        if fitting(&host, size, held(from, scope, &host.id)?) > 0 {
            return Ok(host.id);
        }
    }
    Err(errors::host_full(size.name))
}

/// # Errors
/// For a host that has been released, is elsewhere, or is for other types.
fn check_takes(host: &Host, size: &InstanceType, zone: &str) -> Result<()> {
    if host.released_at.is_some() {
        return Err(errors::host_released(&host.id));
    }
    if host.zone != zone {
        return Err(errors::host_of_other_zone(&host.id, zone));
    }
    match host.suits.fits(size) {
        true => Ok(()),
        false => Err(errors::type_not_on_host(size.name, &host.id)),
    }
}

/// Gives the account's dedicated instances at least `count` processors of their own.
fn set_apart(tx: &mut Tx<'_, '_>, scope: &Scope, count: u32, total: u32) -> Result<()> {
    let owner = scope.account.to_string();
    let apart = host::set_apart(tx)?;
    let has = apart.iter().find(|one| one.owner == owner).map_or(0, |one| one.cores.len());
    if usize::try_from(count).is_ok_and(|count| count <= has) {
        return Ok(());
    }
    let cores = choose(&owner, count, total, &apart).ok_or_else(|| errors::no_cores(count))?;
    host::put_cores(tx, &SetApart { owner, cores })
}

/// Processors of the machine below.
pub fn total_cores(ctx: &Ctx) -> u32 {
    ctx.own::<Engines>().machines.capabilities().cpus
}

/// Of a stopped instance: it comes there with its next start.
pub async fn modify_instance_placement(
    ctx: &Ctx,
    input: api::ModifyInstancePlacementRequest,
) -> Result<api::ModifyInstancePlacementResult> {
    let id = check_id(&input.instance_id)?;
    let tenancy = rules::check_tenancy(input.tenancy.as_deref())?;
    let affinity = rules::check_affinity(input.affinity.as_deref())?;
    let host_id = input.host_id.as_deref().filter(|id| !id.is_empty());
    let host_id = host_id.map(rules::check_host_id).transpose()?;
    // An empty name takes it out of its group.
    let leaves = input.group_name.as_deref() == Some("");
    let group = rules::check_group_name(input.group_name.clone(), input.group_id.clone())?;
    let partition = input.partition_number.map(rules::check_partition).transpose()?;
    let scope = *ctx.scope();
    ctx.write(|tx| {
        let found = get(tx, &scope, &id)?;
        if found.state() != State::Stopped {
            return Err(errors::must_be_stopped_to_move(&id));
        }
        let mut place = found.place.clone();
        if let Some(wanted) = tenancy.or(host_id.as_ref().map(|_| Tenancy::Host)) {
            rules::check_change(&id, &found.instance_type, place.tenancy, wanted)?;
        }
        place.tenancy = tenancy.unwrap_or(place.tenancy);
        place.affinity = affinity.unwrap_or(place.affinity);
        if let Some(wanted) = &host_id {
            let host = host::get(tx, &scope, wanted)?;
            if let Some(size) = instance_type::find(&found.instance_type) {
                check_takes(&host, size, &found.zone)?;
            }
            (place.host, place.tenancy, place.affinity) =
                (Some(host.id), Tenancy::Host, affinity.unwrap_or(true));
        }
        if place.tenancy != Tenancy::Host {
            (place.host, place.affinity) = (None, false);
        }
        if leaves {
            (place.group, place.partition) = (None, None);
        }
        if let Some(named) = &group {
            let group = placement_group::get(tx, &scope, named)?;
            (place.group, place.partition) = (Some((group.id, group.name)), None);
        }
        if partition.is_some() {
            if place.group.is_none() {
                return Err(errors::combination("PartitionNumber is only for a partition placement group."));
            }
            place.partition = partition;
        }
        instance::update(tx, &scope, &id, |instance| {
            instance.place = place.clone();
            Ok(())
        })
    })
    .await?;
    Ok(api::ModifyInstancePlacementResult { r#return: Some(true) })
}
