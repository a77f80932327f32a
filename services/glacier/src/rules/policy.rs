//! Policies of vaults: access policies, and those of locks.

use kernel::Result;
use policy::{Document, Kind, Policy};
use serde_json::{Value, json};

use crate::errors;

/// A policy's size (developer guide, "Vault Access Policies", "Vault Lock Policies").
const BYTES_MAX: usize = 20 * 1_024;

/// Reads a policy for the vault with this ARN.
///
/// # Errors
/// *MissingParameterValueException*, *InvalidParameterValueException*.
pub fn check(text: Option<String>, vault_arn: &str) -> Result<String> {
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| errors::missing("Policy"))?;
    let invalid = |reason: &str| errors::invalid(format!("Invalid vault policy: {reason}"));
    if text.len() > BYTES_MAX {
        return Err(invalid("it is larger than 20 KB"));
    }
    let document = Document::parse(Kind::Resource, &text, &[]).map_err(|bad| invalid(&bad.message))?;
    for statement in &document.statements {
        let ours = |action: &String| {
            action == "*" || action.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("glacier:"))
        };
        if !statement.actions.entries.iter().all(ours) {
            return Err(invalid("an action is not of Glacier"));
        }
        let names_it = |resource: &String| resource == vault_arn;
        if !statement.resources.iter().flat_map(|resources| &resources.entries).all(names_it) {
            return Err(invalid("a resource is not this vault"));
        }
    }
    Ok(text)
}

/// What decides of a vault: its access policy and its lock's, as one. `None` when neither reads, which lets nobody in.
pub fn compile(access: Option<&str>, lock: Option<&str>) -> Option<Policy> {
    let statements: Vec<Value> = access.into_iter().chain(lock).flat_map(statements).collect();
    let whole = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let document = Document::parse(Kind::Resource, &whole, &[]).ok()?;
    Some(Policy::compile("vault policy", &document))
}

/// The statements of a document, without the names that two documents may have in common.
fn statements(text: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let mut found = match document.get("Statement") {
        Some(Value::Array(several)) => several.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    for statement in &mut found {
        if let Value::Object(members) = statement {
            members.remove("Sid");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:glacier:us-east-1:000000000000:vaults/v";

    fn text(effect: &str, action: &str, resource: &str) -> String {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Sid": "one", "Effect": "{effect}", "Principal": "*",
            "Action": "{action}", "Resource": "{resource}"}}}}"#
        )
    }

    #[test]
    fn policies_are_of_their_vault() {
        assert!(check(Some(text("Allow", "glacier:DeleteArchive", ARN)), ARN).is_ok());
        assert_eq!(check(None, ARN).unwrap_err().code(), "MissingParameterValueException");
        for bad in [
            text("Allow", "s3:GetObject", ARN),
            text("Allow", "glacier:*", "*"),
            text("Allow", "glacier:*", &format!("{ARN}x")),
            "{}".to_owned(),
            " ".repeat(BYTES_MAX + 1),
        ] {
            let refused = check(Some(bad.clone()), ARN).unwrap_err();
            assert_eq!(refused.code(), "InvalidParameterValueException", "{bad}");
        }
    }

    #[test]
    fn both_policies_count() {
        let access = text("Allow", "glacier:*", ARN);
        let lock = text("Deny", "glacier:DeleteArchive", ARN);
        assert!(compile(Some(&access), Some(&lock)).is_some());
        assert!(compile(Some(&access), None).is_some());
        assert_eq!(statements(&access).len(), 1);
        assert_eq!(statements("no document").len(), 0);
    }
}
