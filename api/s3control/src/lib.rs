//! S3 Control, of which access points are served: shapes, operations and errors, generated from `models/s3control.*`.

#[allow(clippy::all, missing_docs, unreachable_pub, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

pub use generated::*;
