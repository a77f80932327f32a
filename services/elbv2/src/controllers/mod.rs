//! What brings load balancers in line with what their owners want.

pub mod access_log;
pub mod certificate;
pub mod front;
pub mod instance;
pub mod load_balancer;
pub mod metric;
