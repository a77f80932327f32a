//! botocore's service models, with the fields we use and no other: reading one and writing it again strips it.

use serde::{Deserialize, Serialize};

use crate::ordered::Ordered;

/// One `service-2.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: Ordered<Operation>,
    pub shapes: Ordered<Shape>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    pub protocol: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protocols: Vec<String>,
    pub service_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<XmlNamespace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_query_compatible: Option<Empty>,
}

/// A trait without a value.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Empty {}

/// botocore writes a bare address or an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum XmlNamespace {
    Uri(String),
    Prefixed {
        uri: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
    },
}

impl XmlNamespace {
    pub fn uri(&self) -> &str {
        match self {
            XmlNamespace::Uri(uri) | XmlNamespace::Prefixed { uri, .. } => uri,
        }
    }

    pub fn prefix(&self) -> Option<&str> {
        match self {
            XmlNamespace::Uri(_) => None,
            XmlNamespace::Prefixed { prefix, .. } => prefix.as_deref(),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Operation {
    pub http: Http,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Reference>,
    /// `none`: served without a signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authtype: Option<String>,
    /// The client may compress the body; gzip is all there is.
    #[serde(rename = "requestcompression", skip_serializing_if = "Option::is_none")]
    pub request_compression: Option<Empty>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Http {
    pub method: String,
    pub request_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_code: Option<u16>,
}

/// A shape as somebody uses it: a member, an element, a key or value, an input or output.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reference {
    pub shape: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_wrapper: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<XmlNamespace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_format: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub flattened: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub xml_attribute: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub streaming: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub idempotency_token: bool,
    #[serde(rename = "jsonvalue", skip_serializing_if = "is_false")]
    pub json_value: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub eventstream: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    pub members: Ordered<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Sometimes written with a fraction; only whole bounds exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub sensitive: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub flattened: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub union: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub document: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub streaming: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub eventstream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<XmlNamespace>,
    #[serde(skip_serializing_if = "is_false")]
    pub exception: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub fault: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorTrait>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorTrait {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_fault: Option<bool>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Model {
    /// The model as committed: one operation and one shape a line, so that a refresh reads well as a diff.
    ///
    /// # Errors
    /// When a value cannot be written as JSON, which no value of this type brings about.
    pub fn to_lines(&self) -> serde_json::Result<String> {
        let mut out =
            format!("{{\n\"metadata\":{},\n\"operations\":{{", serde_json::to_string(&self.metadata)?);
        lines(&mut out, &self.operations)?;
        out.push_str("\n},\n\"shapes\":{");
        lines(&mut out, &self.shapes)?;
        out.push_str("\n}\n}\n");
        Ok(out)
    }
}

fn lines<T: Serialize>(out: &mut String, entries: &Ordered<T>) -> serde_json::Result<()> {
    for (at, (key, value)) in entries.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        out.push_str(&serde_json::to_string(key)?);
        out.push(':');
        out.push_str(&serde_json::to_string(value)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_models_are_as_a_refresh_writes_them() {
        // Tests run in their package's folder, wherever they were built.
        let folder = std::path::Path::new("../../models");
        for service in ["sqs", "sts", "ec2"] {
            let text = std::fs::read_to_string(folder.join(format!("{service}.json"))).unwrap();
            let model: Model = serde_json::from_str(&text).unwrap();
            assert!(model.to_lines().unwrap() == text, "{service}");
        }
    }
}
