//! The operations, one file per resource.

pub mod page;
