//! The stored dedicated host, and which processors of the machine below are set apart for whom.

use kernel::clock::Millis;
use kernel::house::HOUSE_SCOPE;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::HostId;
use super::instance::{self, Tenancy};
use crate::errors;
use crate::rules::host::Suits;
use crate::rules::instance::State;
use crate::rules::instance_type;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub id: HostId,
    pub zone: String,
    pub suits: Suits,
    /// Instances that name no host may come to it.
    pub auto_placement: bool,
    pub client_token: Option<String>,
    /// Of the machine below.
    pub cores: Vec<u32>,
    pub memory_bytes: u64,
    pub allocated_at: Millis,
    pub released_at: Option<Millis>,
}

static HOSTS: Table<Host> = Table::new("ec2/host");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &HostId) -> Result<Option<Host>> {
    HOSTS.get(from, scope, id)
}

/// # Errors
/// `InvalidHostID.NotFound`.
pub fn get(from: &mut impl Reader, scope: &Scope, id: &HostId) -> Result<Host> {
    find(from, scope, id)?.ok_or_else(|| errors::host_not_found(id))
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Host>> {
    HOSTS.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Host)>> {
    HOSTS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, host: &Host) -> Result<()> {
    HOSTS.put(tx, scope, &host.id, host)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &HostId) -> Result<()> {
    super::tag::forget(tx, scope, id)?;
    HOSTS.delete(tx, scope, id)
}

/// Processors that nobody else's instances run on, and whose they are: a host's id, or an account's for its dedicated
/// instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetApart {
    pub owner: String,
    pub cores: Vec<u32>,
}

static CORES: Table<SetApart> = Table::new("ec2/cores");

/// All that is set apart on this machine.
pub fn set_apart(from: &mut impl Reader) -> Result<Vec<SetApart>> {
    CORES.all(from, &HOUSE_SCOPE, ())
}

/// Writes down whose processors these are; none at all gives them back.
pub fn put_cores(tx: &mut Tx<'_, '_>, apart: &SetApart) -> Result<()> {
    if apart.cores.is_empty() {
        return CORES.delete(tx, &HOUSE_SCOPE, apart.owner.as_str());
    }
    CORES.put(tx, &HOUSE_SCOPE, apart.owner.as_str(), apart)
}

/// Gives back what no dedicated instance of the account needs any more. Called when one has ended.
pub fn let_go(tx: &mut Tx<'_, '_>, scope: &Scope) -> Result<()> {
    let owner = scope.account.to_string();
    let Some(own) = set_apart(tx)?.into_iter().find(|one| one.owner == owner) else { return Ok(()) };
    let running = instance::all_scopes(tx)?.into_iter().filter(|(other, one)| {
        other.account == scope.account
            && one.place.tenancy == Tenancy::Dedicated
            && !matches!(one.state(), State::Stopped | State::Terminated)
    });
    let sizes = running.filter_map(|(_, one)| instance_type::find(&one.instance_type));
    let need = sizes.map(|size| size.vcpus).max().unwrap_or(0);
    let cores = own.cores.into_iter().take(usize::try_from(need).unwrap_or(usize::MAX)).collect();
    put_cores(tx, &SetApart { owner, cores })
}
