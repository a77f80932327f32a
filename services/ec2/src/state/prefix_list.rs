//! Managed prefix lists: ranges under one name, with the versions they had.

use ipnet::Ipv4Net;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::vpc_endpoint::{self, EndpointService};
use crate::state::id::PrefixListId;
use crate::state::tag;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixList {
    pub id: PrefixListId,
    pub name: String,
    pub entries_max: i32,
    /// Versions from 1 on; the last is the current one.
    pub versions: Vec<Vec<Entry>>,
    #[serde(default)]
    pub last_change: Change,
}

/// What was done to a list last: its state says so until the next time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    #[default]
    Created,
    Modified,
    Restored,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub cidr: Ipv4Net,
    pub description: Option<String>,
}

impl PrefixList {
    pub fn version(&self) -> i64 {
        i64::try_from(self.versions.len()).unwrap_or(i64::MAX)
    }

    pub fn entries(&self) -> &[Entry] {
        self.versions.last().map(Vec::as_slice).unwrap_or_default()
    }

    /// The entries of an earlier version.
    pub fn entries_of(&self, version: i64) -> Option<&[Entry]> {
        let at = usize::try_from(version).ok()?.checked_sub(1)?;
        self.versions.get(at).map(Vec::as_slice)
    }

    /// One of AWS's own, whose addresses nobody changes.
    pub fn is_of_services(&self) -> bool {
        self.name.starts_with("com.amazonaws.")
    }
}

/// The lists of a region's services that gateway endpoints lead to.
pub fn of_services(region: &str) -> Vec<PrefixList> {
    let list = |service: EndpointService| {
        let entry = Entry { cidr: service.range()?, description: None };
        let id = service.prefix_list(region)?;
        let versions = vec![vec![entry]];
        let name = service.full_name(region);
        Some(PrefixList { id, name, entries_max: 1, versions, last_change: Change::Created })
    };
    vpc_endpoint::installed(|_| true).filter_map(list).collect()
}

static LISTS: Table<PrefixList> = Table::new("ec2/prefix-list");

/// A list of the account's own, or of a service.
pub fn find(from: &mut impl Reader, scope: &Scope, id: &PrefixListId) -> Result<Option<PrefixList>> {
    let own = find_own(from, scope, id)?;
    let of_services = || of_services(scope.region.as_str()).into_iter().find(|list| list.id == *id);
    Ok(own.or_else(of_services))
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &PrefixListId) -> Result<PrefixList> {
    find(from, scope, id)?.ok_or_else(|| errors::prefix_list_not_found(id))
}

pub fn find_own(from: &mut impl Reader, scope: &Scope, id: &PrefixListId) -> Result<Option<PrefixList>> {
    LISTS.get(from, scope, id)
}

/// A list of the account's own.
///
/// # Errors
/// When there is none, or it is a service's.
pub fn get_own(from: &mut impl Reader, scope: &Scope, id: &PrefixListId) -> Result<PrefixList> {
    let list = get(from, scope, id)?;
    if list.is_of_services() { Err(errors::prefix_list_managed(id)) } else { Ok(list) }
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<PrefixList>> {
    LISTS.all(from, scope, ())
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, list: &PrefixList) -> Result<()> {
    LISTS.put(tx, scope, &list.id, list)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &PrefixListId) -> Result<()> {
    tag::forget(tx, scope, id)?;
    LISTS.delete(tx, scope, id)
}
