//! Handlers, one file per resource.

pub(crate) mod caller_identity;
