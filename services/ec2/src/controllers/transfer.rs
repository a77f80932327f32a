//! Meters bytes that leave: for the world, to public addresses of the region and from there, through NAT gateways.
//!
//! Engines count; what is metered is the difference to the last look, which memory keeps. A look is taken every minute
//! and before something that was counted goes. A kill loses what travelled since the last one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use kernel::{Ctx, Millis, Result, Scope, Tx};
use net::{NetworkId, Traffic};

use super::network::network_id;
use crate::rules::transfer as rules;
use crate::service::Engines;
use crate::state::id::{Id, InterfaceId, NatGatewayId, VpcId};
use crate::state::{nat_gateway, network_interface};

pub const EVERY_MS: Millis = 60_000;

/// What each network had counted when it was last looked at; one looks at a time.
#[derive(Default)]
pub struct Counted(Mutex<BTreeMap<NetworkId, Arc<tokio::sync::Mutex<Traffic>>>>);

impl Counted {
    fn of(&self, network: &NetworkId) -> Arc<tokio::sync::Mutex<Traffic>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(network.clone()).or_default())
    }

    fn keep(&self, known: &BTreeSet<(Scope, VpcId)>) {
        let known: BTreeSet<_> = known.iter().map(|(_, vpc)| network_id(vpc)).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|network, _| known.contains(network));
    }
}

/// Looks at every VPC with interfaces.
pub async fn meter_all(ctx: &Ctx) -> Result<()> {
    let interfaces = ctx.read(|snap| network_interface::all_scopes(snap)).await?;
    let vpcs: BTreeSet<_> = interfaces.into_iter().map(|(scope, one)| (scope, one.vpc)).collect();
    ctx.own::<Counted>().keep(&vpcs);
    for (scope, vpc) in vpcs {
        meter(&ctx.in_scope(scope), &vpc).await?;
    }
    Ok(())
}

/// Meters what left a VPC since the last look.
pub async fn meter(ctx: &Ctx, vpc: &VpcId) -> Result<()> {
    let network = network_id(vpc);
    let counted = ctx.own::<Counted>().of(&network);
    let mut before = counted.lock().await;
    // A network that is not there, or is being made anew, has counted nothing.
    let Ok(now) = ctx.own::<Engines>().networks.traffic(network).await else { return Ok(()) };
    let owed = rules::owed(&before, &now);
    if !owed.is_empty() {
        let write = ctx.write(|tx| {
            let at = tx.ctx().now();
            for (of, usage_type, bytes) in &owed {
                if let Some(resource) = resource(tx, of)? {
                    tx.meter_more(rules::usage(resource, usage_type, *bytes, at))?;
                }
            }
            Ok(())
        });
        write.await?;
    }
    *before = now;
    Ok(())
}

/// Whose line it is: the instance of an interface, the interface where it has none, the gateway.
fn resource(tx: &mut Tx<'_, '_>, of: &str) -> Result<Option<String>> {
    let scope = *tx.ctx().scope();
    if let Some(id) = NatGatewayId::parse(of) {
        return Ok(nat_gateway::find(tx, &scope, &id)?.map(|gateway| gateway.id.to_string()));
    }
    let Some(id) = InterfaceId::parse(of) else { return Ok(None) };
    let interface = network_interface::find(tx, &scope, &id)?;
    Ok(interface.map(|one| one.instance().map_or_else(|| one.id.to_string(), ToString::to_string)))
}
