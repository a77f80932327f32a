//! Elastic Load Balancing (application and network load balancers): shapes, operations and errors, generated from `models/elbv2.*`.

#[allow(clippy::all, missing_docs, unreachable_pub, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

pub use generated::*;
