//! Whether this host has room for an instance, and who gives way where it has not.

use kernel::{Ctx, Result, Scope};

use crate::errors;
use crate::rules::capacity::{Overcommit, limit};
use crate::rules::instance::target;
use crate::rules::instance_type::{self, InstanceType};
use crate::service::Engines;
use crate::state::id::InstanceId;
use crate::state::instance::{self, Instance, Power, Tenancy};
use crate::state::{capacity_reservation, host};
use price::{Held, order_of_yielding};

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

/// A spot instance that runs.
#[derive(Clone, Debug)]
pub struct OnSpot {
    pub scope: Scope,
    pub id: InstanceId,
    pub held: Held,
    /// It has been told to go.
    pub is_going: bool,
}

/// What the host's memory is promised to.
#[derive(Clone, Debug)]
pub struct Account {
    pub limit: u64,
    /// To instances on demand, and to reservations.
    pub firm: u64,
    pub spot: Vec<OnSpot>,
}

impl Account {
    pub fn promised(&self) -> u64 {
        self.firm + self.spot.iter().map(|one| one.held.bytes).sum::<u64>()
    }
}

/// Counts what is promised to whom, over all accounts.
pub async fn account(ctx: &Ctx) -> Result<Account> {
    let host = ctx.own::<Engines>().machines.capabilities();
    let (instances, reservations, hosts) = ctx
        .read(|snap| {
            let reservations = capacity_reservation::all_scopes(snap)?;
            Ok((instance::all_scopes(snap)?, reservations, host::all_scopes(snap)?))
        })
        .await?;
    let bytes = |name: &str| instance_type::find(name).map_or(0, InstanceType::memory_bytes);
    let mut account =
        Account { limit: limit(*ctx.own::<Overcommit>(), host.memory_bytes), firm: 0, spot: Vec::new() };
    for (_, reservation) in reservations.iter().filter(|(_, one)| one.ended.is_none()) {
        account.firm += bytes(&reservation.instance_type) * u64::from(reservation.count);
    }
    let hosts = hosts.iter().filter(|(_, host)| host.released_at.is_none());
    account.firm += hosts.map(|(_, host)| host.memory_bytes).sum::<u64>();
    for (scope, instance) in instances.iter().filter(|(_, instance)| target(instance) == Power::Running) {
        match on_spot(scope, instance) {
            Some(one) => account.spot.push(one),
            None if instance.capacity.reservation.is_none() && instance.place.tenancy != Tenancy::Host => {
                account.firm += bytes(&instance.instance_type);
            }
            None => {}
        }
    }
    Ok(account)
}

fn on_spot(scope: &Scope, instance: &Instance) -> Option<OnSpot> {
    let spot = instance.spot.as_ref()?;
    let size = instance_type::find(&instance.instance_type)?;
    let held = Held {
        bytes: size.memory_bytes(),
        most: spot.max_price,
        on_demand: size.price,
        since: instance.launched_at,
    };
    Some(OnSpot { scope: *scope, id: instance.id.clone(), held, is_going: spot.coming().is_some() })
}

/// Room for instances of one type, taken one at a time. Launches at the same instant may together go a little beyond it:
/// a bound for the host's sake, not an account's.
#[derive(Clone, Debug)]
pub struct Room {
    need: u64,
    free: u64,
    /// Spot instances that give way for who pays on demand; who is next comes last.
    yielding: Vec<OnSpot>,
}

impl Room {
    /// For spot, what is free; on demand and for reservations, also what spot instances have.
    pub async fn look(ctx: &Ctx, size: &InstanceType, is_spot: bool) -> Result<Self> {
        let account = account(ctx).await?;
        let need = size.memory_bytes();
        if is_spot {
            let free = account.limit.saturating_sub(account.promised());
            return Ok(Self { need, free, yielding: Vec::new() });
        }
        // Of those that are going the room has been given to somebody else already.
        let staying: Vec<OnSpot> = account.spot.into_iter().filter(|one| !one.is_going).collect();
        let held: Vec<Held> = staying.iter().map(|one| one.held).collect();
        let taken = account.firm + held.iter().map(|one| one.bytes).sum::<u64>();
        let order = order_of_yielding(&held).into_iter().rev();
        let yielding = order.filter_map(|index| staying.get(index).cloned()).collect();
        Ok(Self { need, free: account.limit.saturating_sub(taken), yielding })
    }

    /// Takes room for one, and names who must go for it. `None` when there is none to be had.
    pub fn take(&mut self) -> Option<Vec<OnSpot>> {
        let mut going = Vec::new();
        let enough = self.free + self.yielding.iter().map(|one| one.held.bytes).sum::<u64>() >= self.need;
        while enough && self.free < self.need {
            let one = self.yielding.pop()?;
            self.free += one.held.bytes;
            going.push(one);
        }
        self.free = self.free.checked_sub(self.need)?;
        Some(going)
    }
}
