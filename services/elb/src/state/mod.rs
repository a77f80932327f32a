//! How classic load balancers and what belongs to them are stored.

pub mod instance;
pub mod load_balancer;
pub mod node;

use std::collections::BTreeMap;

/// Tags by key.
pub type Pairs = BTreeMap<String, String>;
