//! The contents page: what EC2 serves.

use std::sync::Arc;

/// The machinery EC2 stands on.
pub struct Engines {
    pub machines: Arc<dyn compute::Machines>,
}
