//! Key policies: what is kept, and made ready for the gate, which decides by them.

use kernel::{AccountId, Partition, Result};
use policy::{Document, Kind, Policy};

use crate::errors;

/// The only name a key policy has.
pub const NAME: &str = "default";
/// AWS's quota for a key policy document.
const BYTES_MAX: usize = 32 * 1024;

/// Refuses what is no policy document.
pub fn check(policy: &str) -> Result<()> {
    if policy.len() > BYTES_MAX {
        return Err(errors::limit("The key policy document exceeds 32 KB"));
    }
    match compile(policy) {
        Some(_) => Ok(()),
        None => Err(errors::malformed_policy()),
    }
}

/// A policy made ready to decide; `None` for what is no policy of a resource.
pub fn compile(text: &str) -> Option<Policy> {
    let document = Document::parse(Kind::Resource, text, &[]).ok()?;
    Some(Policy::compile(NAME, &document))
}

pub fn check_name(name: Option<&str>) -> Result<()> {
    if name.unwrap_or(NAME) == NAME { Ok(()) } else { Err(errors::no_such_policy()) }
}

/// The policy of a key made without one: the account decides by IAM.
pub fn default(partition: Partition, account: AccountId) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_checked() {
        check(&default(Partition::Aws, AccountId::DEFAULT)).unwrap();
        for bad in ["", "{}", "[]", r#"{"Statement":[]}"#, r#"{"Statement":[{"Effect":"Allow"}]}"#] {
            assert_eq!(check(bad).unwrap_err().code(), "MalformedPolicyDocumentException", "{bad}");
        }
        assert_eq!(check(&" ".repeat(32 * 1024 + 1)).unwrap_err().code(), "LimitExceededException");
        assert!(check_name(Some("other")).is_err());
    }
}
