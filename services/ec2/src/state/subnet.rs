//! Subnets: a range of a VPC in one zone.

use ipnet::Ipv4Net;
use kernel::tx::Reader;
use kernel::{Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::errors;
use crate::rules::{region, vpc as rules};
use crate::state::id::{SubnetId, VpcId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    pub id: SubnetId,
    pub vpc: VpcId,
    pub cidr: Ipv4Net,
    /// `us-east-1a`
    pub zone: String,
    pub default_for_az: bool,
    pub map_public_ip_on_launch: bool,
}

static SUBNETS: Table<Subnet> = Table::new("ec2/subnet");

pub fn find(from: &mut impl Reader, scope: &Scope, id: &SubnetId) -> Result<Option<Subnet>> {
    SUBNETS.get(from, scope, id)
}

pub fn get(from: &mut impl Reader, scope: &Scope, id: &SubnetId) -> Result<Subnet> {
    find(from, scope, id)?.ok_or_else(|| errors::subnet_not_found(id))
}

/// In the order of their ids.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Subnet>> {
    super::all(&SUBNETS, from, scope, ())
}

/// The subnet an instance is launched into when the request names none: the default one of `zone`, or of the first
/// zone.
///
/// # Errors
/// When there is no default VPC, or no such zone.
pub fn get_default(tx: &mut Tx<'_, '_>, scope: &Scope, zone: Option<&str>) -> Result<Subnet> {
    super::vpc::ensure_default(tx, scope)?;
    if let Some(zone) = zone
        && !region::zones(scope.region.as_str()).iter().any(|known| known.name == zone)
    {
        return Err(errors::zone_invalid(zone));
    }
    let defaults = all(tx, scope)?.into_iter().filter(|subnet| subnet.default_for_az);
    let fitting = defaults.filter(|subnet| zone.is_none_or(|zone| subnet.zone == zone));
    fitting.min_by(|a, b| a.zone.cmp(&b.zone)).ok_or_else(errors::no_default_subnet)
}

pub(super) fn insert_defaults(tx: &mut Tx<'_, '_>, scope: &Scope, vpc: &VpcId) -> Result<Vec<Subnet>> {
    let ids = tx.ctx().ids();
    let zones = region::zones(scope.region.as_str());
    let subnets = zones.into_iter().zip(rules::DEFAULT_SUBNETS).map(|(zone, cidr)| Subnet {
        id: SubnetId::fresh(ids),
        vpc: vpc.clone(),
        cidr,
        zone: zone.name,
        default_for_az: true,
        map_public_ip_on_launch: true,
    });
    let subnets: Vec<_> = subnets.collect();
    for subnet in &subnets {
        SUBNETS.put(tx, scope, &subnet.id, subnet)?;
    }
    Ok(subnets)
}
