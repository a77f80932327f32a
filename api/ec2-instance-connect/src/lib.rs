//! EC2 Instance Connect: shapes, operations and errors, generated from `models/ec2-instance-connect.*`.

#[allow(clippy::all, missing_docs, unreachable_pub, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

pub use generated::*;
