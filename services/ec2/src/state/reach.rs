//! Where the targets of routes lead now: the one truth for the engine and for what DescribeRouteTables calls a blackhole.

use kernel::tx::Reader;
use kernel::{Result, Scope};

use crate::state::id::{Id, VpcId};
use crate::state::route_table::Target;
use crate::state::{egress_only_internet_gateway, internet_gateway, nat_gateway, network_interface, peering};

/// Where packets of `vpc` for this target go; `None` where it is not there any more, or not usable.
pub fn hop(from: &mut impl Reader, scope: &Scope, vpc: &VpcId, target: &Target) -> Result<Option<net::Hop>> {
    Ok(match target {
        Target::Local => None,
        Target::InternetGateway(id) => internet_gateway::find(from, scope, id)?
            .filter(|gateway| gateway.vpc.as_ref() == Some(vpc))
            .map(|_| net::Hop::World),
        Target::EgressOnlyInternetGateway(id) => egress_only_internet_gateway::find(from, scope, id)?
            .filter(|gateway| gateway.vpc == *vpc)
            .map(|_| net::Hop::Outward),
        Target::NatGateway(id) => nat_gateway::find(from, scope, id)?
            .filter(|gateway| gateway.vpc == *vpc && gateway.deleted_at.is_none())
            .map(|gateway| net::Hop::Translator(gateway.id.as_str().into())),
        Target::Peering(id) => peering::find(from, scope, id)?
            .filter(peering::Peering::is_active)
            .and_then(|peering| Some(net::Hop::Peer(peering.other(vpc)?.vpc.as_str().into()))),
        Target::Interface(id) => network_interface::find(from, scope, id)?
            .filter(|interface| interface.vpc == *vpc && interface.attachment.is_some())
            .map(|interface| net::Hop::Nic(interface.id.as_str().into())),
    })
}
