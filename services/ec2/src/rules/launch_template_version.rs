//! By what versions of launch templates can be sought (EC2 API reference, "DescribeLaunchTemplateVersions").

use serde_json::Value;

use super::instant;
use crate::state::launch_template::{LaunchTemplate, Version};

pub const FILTERS: &[&str] = &[
    "create-time",
    "ebs-optimized",
    "host-resource-group-arn",
    "http-endpoint",
    "http-protocol-ipv4",
    "http-protocol-ipv6",
    "http-tokens",
    "iam-instance-profile",
    "image-id",
    "instance-type",
    "is-default-version",
    "kernel-id",
    "license-configuration-arn",
    "network-card-index",
    "ram-disk-id",
];

/// What a version has under a filter's name.
pub fn values(template: &LaunchTemplate, version: &Version, name: &str) -> Vec<String> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Bool(is)) => vec![is.to_string()],
        _ => Vec::new(),
    };
    let member = |name: &str| version.data.get(name);
    let of = |part: &str, name: &str| text(member(part).and_then(|part| part.get(name)));
    match name {
        "create-time" => vec![instant::iso_millis(version.created_at)],
        "ebs-optimized" => text(member("EbsOptimized")),
        "http-endpoint" => of("MetadataOptions", "HttpEndpoint"),
        "http-protocol-ipv6" => of("MetadataOptions", "HttpProtocolIpv6"),
        "http-tokens" => of("MetadataOptions", "HttpTokens"),
        "iam-instance-profile" => {
            [of("IamInstanceProfile", "Arn"), of("IamInstanceProfile", "Name")].concat()
        }
        "image-id" => text(member("ImageId")),
        "instance-type" => text(member("InstanceType")),
        "is-default-version" => vec![(version.number == template.default_version).to_string()],
        // The rest is of what no template here can hold.
        _ => Vec::new(),
    }
}
