//! A value without a schema.

/// Any JSON-like value, for the few members whose shape the caller chooses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document(pub serde_json::Value);
