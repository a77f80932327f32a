//! The stored fleet: what it shall have, and which instances it has made.

use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::id::InstanceId;
use crate::rules::fleet::{Kind, Pool, Target};
use crate::state::spot::Behavior;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    /// `fleet-` and a UUID.
    pub id: String,
    pub kind: Kind,
    pub client_token: Option<String>,
    pub created_at: Millis,
    /// In the order they are tried in.
    pub pools: Vec<Pool>,
    pub target: Target,
    pub behavior: Behavior,
    /// As AWS calls the order of the pools: spot, on demand.
    pub strategies: (String, String),
    pub members: Vec<Member>,
    /// It has been tried once; only one that is maintained is tried again.
    pub is_tried: bool,
    /// What the last try could not launch.
    pub faults: Vec<Fault>,
    pub deleted: Option<Deleted>,
}

/// An instance it has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub instance: InstanceId,
    /// Of [`Fleet::pools`].
    pub pool: usize,
    pub is_spot: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub pool: usize,
    pub is_spot: bool,
    pub code: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    pub at: Millis,
    /// With its instances.
    pub terminates: bool,
}

static FLEETS: Table<Fleet> = Table::new("ec2/fleet");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<Fleet>> {
    FLEETS.get(from, scope, id)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Fleet>> {
    FLEETS.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, Fleet)>> {
    FLEETS.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, fleet: &Fleet) -> Result<()> {
    FLEETS.put(tx, scope, fleet.id.as_str(), fleet)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, id: &str) -> Result<()> {
    super::tag::put_resource(tx, scope, TAGGED, id, super::tag::Tags::new())?;
    FLEETS.delete(tx, scope, id)
}

/// AWS's name of the type in tags.
pub const TAGGED: &str = "fleet";
