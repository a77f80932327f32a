//! What must hold for a rule.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    Host(Vec<String>),
    Path(Vec<String>),
    Header { name: String, values: Vec<String> },
    Method(Vec<String>),
    Query(Vec<(Option<String>, String)>),
    Source(Vec<String>),
}
