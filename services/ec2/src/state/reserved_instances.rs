//! The stored reservation of a price: a commitment, not a thing.

use kernel::clock::Millis;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use price::{Class, Commitment, Payment, Term};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedInstances {
    pub id: String,
    pub instance_type: String,
    /// Of one zone, or of the whole region.
    pub zone: Option<String>,
    pub count: u32,
    pub class: Class,
    pub term: Term,
    pub payment: Payment,
    /// Of one instance.
    pub price: Commitment,
    /// When the term began; a modification keeps it.
    pub start_at: Millis,
    pub end_at: Millis,
    /// Since when it is as it is: where its usage line begins.
    pub since: Millis,
    /// When a modification put others in its place.
    pub retired_at: Option<Millis>,
}

/// What a modification made of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modification {
    pub id: String,
    pub client_token: Option<String>,
    pub from: Vec<String>,
    pub into: Vec<ReservedInstances>,
    pub at: Millis,
}

static RESERVED: Table<ReservedInstances> = Table::new("ec2/reserved-instances");
static MODIFICATIONS: Table<Modification> = Table::new("ec2/reserved-instances-modification");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &str) -> Result<Option<ReservedInstances>> {
    RESERVED.get(from, scope, id)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<ReservedInstances>> {
    RESERVED.all(from, scope, ())
}

pub fn all_scopes(from: &mut impl Reader) -> Result<Vec<(Scope, ReservedInstances)>> {
    RESERVED.all_scopes(from)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, reserved: &ReservedInstances) -> Result<()> {
    RESERVED.put(tx, scope, &reserved.id, reserved)
}

pub fn modifications(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Modification>> {
    MODIFICATIONS.all(from, scope, ())
}

pub fn put_modification(tx: &mut Tx<'_, '_>, scope: &Scope, modification: &Modification) -> Result<()> {
    MODIFICATIONS.put(tx, scope, &modification.id, modification)
}
