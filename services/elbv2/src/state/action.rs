//! What listeners and rules do with a request.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    Forward {
        /// ARNs with weights.
        groups: Vec<(String, i32)>,
        /// How long a client stays with a group, in seconds.
        sticky_s: Option<i32>,
    },
    Redirect {
        permanent: bool,
        protocol: String,
        host: String,
        port: String,
        path: String,
        query: String,
    },
    Fixed {
        status: u16,
        content_type: Option<String>,
        body: Option<String>,
    },
}

impl Action {
    /// The target groups it names, by ARN.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let groups = match self {
            Action::Forward { groups, .. } => groups.as_slice(),
            _ => &[],
        };
        groups.iter().map(|(arn, _)| arn.as_str())
    }
}
