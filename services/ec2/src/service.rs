//! The contents page: what EC2 serves.

use std::sync::Arc;

use api_ec2 as api;
use kernel::{Plugs, Service, ServiceBuilder};

use crate::controllers::network::{self, Networks};
use crate::state::public_address::Pool;

/// The machinery EC2 stands on.
#[derive(Clone)]
pub struct Engines {
    pub machines: Arc<dyn compute::Machines>,
    pub networks: Arc<dyn net::Networks>,
}

/// The setting with the range public addresses are taken from.
const PUBLIC_ADDRESSES: &str = "ec2.public-addresses";

/// EC2 on the engines and settings it is given.
///
/// Panics when an engine is missing, or the range of public addresses is none: mistakes in the binary.
pub fn service(plugs: &Plugs) -> Service {
    let engines = Engines { machines: plugs.get(), networks: plugs.get() };
    let pool = plugs.setting(PUBLIC_ADDRESSES).map_or(Pool::DEFAULT, |range| {
        Pool(range.parse().unwrap_or_else(|_| panic!("{PUBLIC_ADDRESSES}: {range} is no range of IPv4")))
    });
    let mut s = ServiceBuilder::new(&api::SERVICE);
    s.own(pool);
    s.own(Networks::new(engines.networks.clone()));
    s.own(engines);
    // Instances first: what they live in is let go after them.
    instances(&mut s);
    networks(&mut s);
    s.build()
}

/// Every minute is often enough for what only a crash leaves behind.
const ORPHANS_EVERY_MS: i64 = 60_000;

fn networks(s: &mut ServiceBuilder) {
    s.controller(
        network::CONTROLLER,
        network::CONCURRENCY,
        network::SWEEP_EVERY_MS,
        network::list,
        network::reconcile,
    );
    s.sweep("ec2/network-orphans", ORPHANS_EVERY_MS, network::remove_orphans);
    s.on_reset(network::remove_all);
}

fn instances(_: &mut ServiceBuilder) {}
