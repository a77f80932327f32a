//! Facts the models lack, `models/<service>.fix.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What we know of a service beyond its model. Every field may be absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fix {
    /// A sentence on where the facts come from.
    pub source: String,
    /// Protocols spoken, best first, in botocore's names.
    pub protocols: Vec<String>,
    pub xml_namespace: Option<String>,
    /// What IAM actions and ARNs begin with, where that is not the name requests are signed for.
    pub action_prefix: Option<String>,
    /// What stands before the code in `__type`: `com.amazonaws.sqs#`.
    pub error_namespace: String,
    /// How a request that breaks the model is refused: `standard`, `parameter`, or `required` (see `shape::Checks`).
    pub checks: Option<String>,
    /// Query codes and statuses of modelled errors, and errors the model does not have.
    pub errors: BTreeMap<String, ErrorFix>,
    /// Names in query requests and answers, by `Shape.Member`, `List.member`, `Map.key`, `Map.value`.
    pub query_names: BTreeMap<String, String>,
    /// Members the model requires and the service leaves out all the same, by `Shape.Member`.
    pub optional: Vec<String>,
    /// Texts whose length and pattern the service itself checks, by shape: it refuses them with codes of their own.
    pub checked_by_service: Vec<String>,
    /// Answers that choose their status: the output, and the member that says it.
    pub statuses: BTreeMap<String, String>,
    /// Headers that a request may bring and the model does not have, by `Shape.Member`.
    pub headers: BTreeMap<String, String>,
    /// Operations whose body must come with a checksum. The models say only whose clients always send one.
    pub checksums: Vec<String>,
    pub routing: RoutingFix,
    /// XML root names by shape.
    pub xml_names: BTreeMap<String, String>,
}

/// See `shape::Routing`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoutingFix {
    pub scopes: Vec<String>,
    pub hosts: Vec<String>,
    /// Pattern to parameter.
    pub paths: BTreeMap<String, String>,
    pub marker: Option<String>,
    /// Label to kind.
    pub account_hosts: BTreeMap<String, String>,
    pub virtual_hosts: bool,
    pub object_store: bool,
    pub fallback: bool,
    pub anonymous: bool,
    pub body_bytes_max: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorFix {
    pub query_code: Option<String>,
    pub status: Option<u16>,
}
