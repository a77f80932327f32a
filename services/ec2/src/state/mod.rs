//! What is stored: a record, its table and its keys, one file per resource.

pub mod id;
