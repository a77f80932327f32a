//! Policy documents: accepted as AWS accepts them, within AWS's sizes, and shown as AWS shows them.

use std::collections::BTreeMap;

use kernel::Result;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use policy::{Document, Kind as Sort, Regions, VendorRule};

use crate::errors;
use crate::state::identity::Kind;

const MANAGED_MAX: usize = 6_144;
const TRUST_MAX: usize = 2_048;

/// What the services of the house demand of the ARNs of theirs in policies.
const VENDORS: [VendorRule<'static>; 2] = [
    VendorRule {
        vendor: "iam",
        regions: Regions::Nowhere("IAM resource {} cannot contain region information."),
        starts: &[
            "*",
            "user/",
            "federated-user/",
            "role/",
            "group/",
            "instance-profile/",
            "mfa/",
            "server-certificate/",
            "policy/",
            "sms-mfa/",
            "saml-provider/",
            "oidc-provider/",
            "report/",
            "access-report/",
        ],
        starts_message: "IAM resource path must either be \"*\" or start with user/, federated-user/, role/, group/, \
                         instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, \
                         oidc-provider/, report/, access-report/.",
    },
    VendorRule {
        vendor: "s3",
        regions: Regions::WithAccount("Resource {} can not contain region information."),
        starts: &[],
        starts_message: "",
    },
];

/// Reads a document, or refuses it with AWS's reason.
pub fn check(sort: Sort, text: &str) -> Result<Document> {
    Document::parse(sort, text, &VENDORS).map_err(|reason| errors::malformed_policy(reason.message))
}

/// A managed policy's document.
pub fn check_managed(text: &str) -> Result<()> {
    check(Sort::Identity, text)?;
    if policy::size(text) > MANAGED_MAX {
        return Err(errors::over_quota("PolicySize", MANAGED_MAX));
    }
    Ok(())
}

/// A role's trust policy.
pub fn check_trust(text: &str) -> Result<Document> {
    let document = check(Sort::Trust, text)?;
    if policy::size(text) > TRUST_MAX {
        return Err(errors::over_quota("ACLSizePerRole", TRUST_MAX));
    }
    Ok(document)
}

/// An inline policy, on its own.
pub fn check_inline(text: &str) -> Result<()> {
    check(Sort::Identity, text).map(|_| ())
}

/// Characters of all inline policies together, white space left out.
pub fn inline_max(kind: Kind) -> usize {
    match kind {
        Kind::User => 2_048,
        Kind::Group => 5_120,
        Kind::Role => 10_240,
    }
}

/// All inline policies of one identity.
pub fn check_inline_sum(kind: Kind, name: &str, all: &BTreeMap<String, String>) -> Result<()> {
    let sum: usize = all.values().map(|document| policy::size(document)).sum();
    let most = inline_max(kind);
    if sum > most { Err(errors::inline_policies_too_long(kind, name, most)) } else { Ok(()) }
}

/// RFC 3986: all but these is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A document as answers carry it.
pub fn shown(document: &str) -> String {
    utf8_percent_encode(document, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: &str =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;

    #[test]
    fn documents_are_read_by_their_kind() {
        check_managed(FINE).unwrap();
        check_inline(FINE).unwrap();
        assert_eq!(check_trust(FINE).unwrap_err().message(), "Missing required field Principal");
        assert_eq!(check_managed("{}").unwrap_err().query_code(), "MalformedPolicyDocument");
        let regional = FINE.replace(r#""Resource":"*""#, r#""Resource":"arn:aws:iam:us-east-1::user/x""#);
        assert!(
            check_managed(&regional).unwrap_err().message().contains("cannot contain region information")
        );
    }

    #[test]
    fn documents_are_bounded_without_their_white_space() {
        let long = FINE.replace("s3:*", &format!("s3:{}", "x".repeat(2_100)));
        check_managed(&format!("{FINE}{}", " ".repeat(10_000))).unwrap();
        let all = BTreeMap::from([("p".to_owned(), long)]);
        assert!(check_inline_sum(Kind::User, "u", &all).is_err());
        check_inline_sum(Kind::Group, "g", &all).unwrap();
        assert_eq!(shown("{\"a b\": ~}"), "%7B%22a%20b%22%3A%20~%7D");
    }
}
