//! Policies of buses, whole or statement by statement.

use kernel::Result;
use policy::{Document, Kind, Policy};
use serde_json::{Value, json};

use crate::errors;

const POLICY_BYTES_MAX: usize = 10_240;

/// A statement as PutPermission brings it.
pub struct Statement<'a> {
    pub id: &'a str,
    pub action: &'a str,
    pub principal: &'a str,
    /// Operator, key and value.
    pub condition: Option<(&'a str, &'a str, &'a str)>,
    pub bus_arn: &'a str,
    pub partition: &'a str,
}

/// The policy with this statement, in place of one of the same id.
///
/// # Errors
/// `PolicyLengthExceededException`.
pub fn add(policy: Option<&str>, statement: &Statement<'_>) -> Result<String> {
    let principal = match statement.principal {
        "*" => json!("*"),
        account => json!({ "AWS": format!("arn:{}:iam::{account}:root", statement.partition) }),
    };
    let mut new = json!({
        "Sid": statement.id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": statement.action,
        "Resource": statement.bus_arn,
    });
    if let (Some((operator, key, value)), Some(new)) = (statement.condition, new.as_object_mut()) {
        new.insert("Condition".to_owned(), json!({ operator: { key: value } }));
    }
    let mut all = statements(policy);
    all.retain(|known| !is(known, statement.id));
    all.push(new);
    check(&whole(&all))
}

/// The policy without this statement; `None` when nothing is left of it.
///
/// # Errors
/// `ResourceNotFoundException`.
pub fn remove(policy: Option<&str>, id: &str) -> Result<Option<String>> {
    let mut all = statements(policy);
    let before = all.len();
    all.retain(|known| !is(known, id));
    if all.len() == before {
        return Err(errors::not_found("Statement with the provided id does not exist."));
    }
    Ok((!all.is_empty()).then(|| whole(&all)))
}

fn whole(statements: &[Value]) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// A policy that can be a bus's.
///
/// # Errors
/// `ValidationException`, `PolicyLengthExceededException`.
pub fn check(policy: &str) -> Result<String> {
    if policy.len() > POLICY_BYTES_MAX {
        return Err(errors::policy_too_long(POLICY_BYTES_MAX));
    }
    match Document::parse(Kind::Resource, policy, &[]) {
        Ok(_) => Ok(policy.to_owned()),
        Err(malformed) => Err(errors::bad_parameter("Policy", &malformed.message)),
    }
}

/// As the gate asks it.
pub fn compile(name: &str, policy: &str) -> Option<Policy> {
    let document = Document::parse(Kind::Resource, policy, &[]).ok()?;
    Some(Policy::compile(name, &document))
}

fn statements(policy: Option<&str>) -> Vec<Value> {
    let read = policy.and_then(|text| serde_json::from_str::<Value>(text).ok());
    match read.and_then(|mut policy| policy.get_mut("Statement").map(Value::take)) {
        Some(Value::Array(all)) => all,
        Some(one @ Value::Object(_)) => vec![one],
        _ => Vec::new(),
    }
}

fn is(statement: &Value, id: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_come_are_replaced_and_go() {
        let bus_arn = "arn:aws:events:us-east-1:000000000000:event-bus/default";
        let statement = |id: &'static str, principal: &'static str| Statement {
            id,
            action: "events:PutEvents",
            principal,
            condition: (principal == "*").then_some(("StringEquals", "aws:PrincipalOrgID", "o-1234567890")),
            bus_arn,
            partition: "aws",
        };
        let one = add(None, &statement("a", "111111111111")).unwrap();
        let two = add(Some(&one), &statement("b", "*")).unwrap();
        let again = add(Some(&two), &statement("a", "222222222222")).unwrap();
        let read: Value = serde_json::from_str(&again).unwrap();
        assert_eq!(read["Statement"].as_array().unwrap().len(), 2);
        assert_eq!(read["Statement"][1]["Principal"]["AWS"], "arn:aws:iam::222222222222:root");
        assert_eq!(read["Statement"][0]["Condition"]["StringEquals"]["aws:PrincipalOrgID"], "o-1234567890");
        let left = remove(Some(&again), "b").unwrap();
        assert_eq!(remove(left.as_deref(), "a").unwrap(), None);
        assert!(remove(left.as_deref(), "c").is_err());
    }
}
