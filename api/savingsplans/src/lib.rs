//! Savings Plans: shapes, operations and errors, generated from `models/savingsplans.*`.

#[allow(clippy::all, missing_docs, unreachable_pub, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

pub use generated::*;
