//! Key policies: what is kept. Whom they let in is the gate's affair.

use kernel::{AccountId, Partition, Result};
use serde_json::Value;

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
    let document: Value = serde_json::from_str(policy).map_err(|_| errors::malformed_policy())?;
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => return Err(errors::malformed_policy()),
    };
    let whole = |s: &Value| {
        let has = |names: [&str; 2]| names.iter().any(|name| s.get(name).is_some());
        matches!(s.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"))
            && has(["Principal", "NotPrincipal"])
            && has(["Action", "NotAction"])
            && has(["Resource", "NotResource"])
    };
    if statements.iter().all(whole) { Ok(()) } else { Err(errors::malformed_policy()) }
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
