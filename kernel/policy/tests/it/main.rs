//! The crate through its public face.

mod documents;
mod evaluation;
mod grants;
mod organization;
mod properties;
mod required;

use std::sync::Arc;

use policy::{Document, Kind, Malformed, Policy, Regions, VendorRule};

/// Rules of two services, as their crates would hand them in.
const VENDORS: [VendorRule<'static>; 2] = [
    VendorRule {
        vendor: "iam",
        regions: Regions::Nowhere("IAM resource {} cannot contain region information."),
        starts: &["*", "user/", "role/", "group/", "policy/", "mfa/"],
        starts_message: "IAM resource path must either be \"*\" or start with user/, role/, group/, policy/, mfa/.",
    },
    VendorRule {
        vendor: "s3",
        regions: Regions::WithAccount("Resource {} can not contain region information."),
        starts: &[],
        starts_message: "",
    },
];

fn parse(kind: Kind, text: &str) -> Result<Document, Malformed> {
    Document::parse(kind, text, &VENDORS)
}

/// A policy of the statements given.
fn compile(kind: Kind, id: &str, statements: &str) -> Arc<Policy> {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    let document = parse(kind, &text).unwrap_or_else(|reason| panic!("{reason:?}: {text}"));
    Arc::new(Policy::compile(id, &document))
}
