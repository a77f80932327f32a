//! How load balancers and what belongs to them are stored.

pub mod action;
pub mod condition;
pub mod listener;
pub mod load_balancer;
pub mod node;
pub mod rule;
pub mod target;
pub mod target_group;
pub mod usage;

use std::collections::BTreeMap;

/// Attributes that were set, and tags: by key.
pub type Pairs = BTreeMap<String, String>;
