//! `AddPermission` and `RemovePermission`: statements of the queue's policy document.

use api_sqs::SERVICE;
use kernel::{AccountId, Result, Scope};
use policy::{Document, Statement};
use serde_json::{Value, json};

use crate::errors;

const ACTIONS_MAX: usize = 7;
const STATEMENTS_MAX: usize = 20;
/// In a statement.
const PRINCIPALS_MAX: usize = 50;
const LABEL_MAX: usize = 80;
/// What an owner can share.
const SHAREABLE: [&str; 8] = [
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "ReceiveMessage",
    "SendMessage",
];
/// What of the rest only a policy that is set whole can share.
const NOT_BY_LABEL: [&str; 2] = ["PurgeQueue", "SendMessageBatch"];

/// What no policy lets another account do (SQS developer guide, *Limitations of Amazon SQS custom policies*).
const NEVER_SHARED: [&str; 12] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "CreateQueue",
    "DeleteQueue",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "RemovePermission",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// Whether an action (`sqs:Name`) is its owner's account's alone, whatever the policy says.
pub fn is_never_shared(action: &str) -> bool {
    action.strip_prefix("sqs:").is_some_and(|name| NEVER_SHARED.contains(&name))
}

/// Whether a policy may be set: it has no more than it may, and speaks of this service.
pub fn is_possible(policy: &Document) -> bool {
    let fits = |statement: &Statement| {
        let principals = statement.principals.as_ref().map_or(0, |all| all.entries.len());
        let actions = &statement.actions.entries;
        principals <= PRINCIPALS_MAX && actions.len() <= ACTIONS_MAX && actions.iter().all(|it| is_action(it))
    };
    policy.statements.len() <= STATEMENTS_MAX && policy.statements.iter().all(fits)
}

/// Whether there is such an action here, or could be: of patterns only the service is looked at.
fn is_action(entry: &str) -> bool {
    let Some((service, name)) = entry.split_once(':') else { return entry == "*" };
    let names = SERVICE.ops.iter().map(|op| op.name).chain(SERVICE.unserved.iter().map(|op| op.name));
    let is_pattern = name.contains(['*', '?']);
    service.eq_ignore_ascii_case("sqs")
        && (is_pattern || { names }.any(|known| known.eq_ignore_ascii_case(name)))
}

/// The policy with one more statement.
pub fn add(
    policy: Option<&str>,
    scope: &Scope,
    arn: &str,
    label: &str,
    accounts: &[String],
    actions: &[String],
) -> Result<String> {
    check_label(label)?;
    check_actions(actions)?;
    check_accounts(accounts)?;
    let mut policy = read(policy, arn);
    let statements = statements(&mut policy);
    if statements.iter().any(|statement| has_label(statement, label)) {
        return Err(errors::bad_value(label, "Label", "Already exists."));
    }
    if statements.len() >= STATEMENTS_MAX {
        return Err(errors::too_many_statements(statements.len() + 1));
    }
    let root = |account: &String| format!("arn:{}:iam::{account}:root", scope.partition());
    statements.push(json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_many(accounts.iter().map(root)) },
        "Action": one_or_many(actions.iter().map(|action| format!("SQS:{action}"))),
        "Resource": arn,
    }));
    Ok(policy.to_string())
}

/// The policy without the statement of this label; `None` when nothing is left.
pub fn remove(policy: Option<&str>, arn: &str, label: &str) -> Result<Option<String>> {
    let mut policy = read(policy, arn);
    let statements = statements(&mut policy);
    let before = statements.len();
    statements.retain(|statement| !has_label(statement, label));
    if statements.len() == before {
        return Err(errors::bad_value(label, "Label", "can't find label."));
    }
    Ok((!statements.is_empty()).then(|| policy.to_string()))
}

fn check_label(label: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match (1..=LABEL_MAX).contains(&label.len()) && label.chars().all(allowed) {
        true => Ok(()),
        false => {
            let reason =
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.";
            Err(errors::bad_value(label, "Label", reason))
        }
    }
}

fn check_actions(actions: &[String]) -> Result<()> {
    if actions.is_empty() {
        return Err(errors::missing("Actions"));
    }
    if actions.len() > ACTIONS_MAX {
        return Err(errors::too_many_actions(actions.len()));
    }
    let Some(action) = actions.iter().find(|action| !SHAREABLE.contains(&action.as_str())) else {
        return Ok(());
    };
    let is_owners = [&NEVER_SHARED[..], &NOT_BY_LABEL].concat().contains(&action.as_str());
    let reason = match is_owners {
        true => "Only the queue owner is allowed to invoke this action.",
        false => "Please refer to the appropriate WSDL for a list of valid actions.",
    };
    Err(errors::bad_value(format!("SQS:{action}"), "ActionName", reason))
}

fn check_accounts(accounts: &[String]) -> Result<()> {
    let bad = accounts.iter().find(|account| account.parse::<AccountId>().is_err());
    if accounts.len() > PRINCIPALS_MAX {
        return Err(errors::too_many_principals(accounts.len()));
    }
    if accounts.is_empty() || bad.is_some() {
        let shown = bad.map_or("[]", String::as_str);
        return Err(errors::bad_value(shown, "PrincipalId", "Unable to verify."));
    }
    Ok(())
}

fn read(policy: Option<&str>, arn: &str) -> Value {
    let stored = policy.and_then(|text| serde_json::from_str::<Value>(text).ok());
    stored.filter(Value::is_object).unwrap_or_else(
        || json!({ "Version": "2008-10-17", "Id": format!("{arn}/SQSDefaultPolicy"), "Statement": [] }),
    )
}

/// The statements as a list; a lone statement is made one.
fn statements(policy: &mut Value) -> &mut Vec<Value> {
    let statement = policy.as_object_mut().expect("a policy is an object").entry("Statement");
    let statement = statement.or_insert_with(|| json!([]));
    if !statement.is_array() {
        *statement = json!([statement.take()]);
    }
    statement.as_array_mut().expect("it was just made a list")
}

fn has_label(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

fn one_or_many(texts: impl Iterator<Item = String>) -> Value {
    let mut texts: Vec<Value> = texts.map(Value::String).collect();
    match texts.len() {
        1 => texts.remove(0),
        _ => Value::Array(texts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:q";

    fn add_to(policy: Option<&str>, label: &str, accounts: &[&str], actions: &[&str]) -> Result<String> {
        let scope = Scope { account: "000000000000".parse().unwrap(), region: "us-east-1".parse().unwrap() };
        let own = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        add(policy, &scope, ARN, label, &own(accounts), &own(actions))
    }

    #[test]
    fn a_statement_comes_and_goes() {
        let one = add_to(None, "a", &["111111111111"], &["SendMessage"]).unwrap();
        let policy: Value = serde_json::from_str(&one).unwrap();
        assert_eq!(policy["Id"], format!("{ARN}/SQSDefaultPolicy"));
        assert_eq!(policy["Statement"][0]["Principal"]["AWS"], "arn:aws:iam::111111111111:root");
        assert_eq!(policy["Statement"][0]["Action"], "SQS:SendMessage");
        let two = add_to(Some(&one), "b", &["111111111111", "222222222222"], &["*"]).unwrap();
        assert!(
            add_to(Some(&two), "b", &["111111111111"], &["*"])
                .unwrap_err()
                .message()
                .ends_with("Already exists.")
        );
        let back = remove(Some(&two), ARN, "b").unwrap();
        assert_eq!(back.as_deref(), Some(one.as_str()));
        assert_eq!(remove(back.as_deref(), ARN, "a").unwrap(), None);
        assert!(remove(None, ARN, "a").is_err());
    }

    #[test]
    fn bad_permissions_are_refused() {
        for (label, accounts, actions, code) in [
            ("a", vec!["111111111111"], vec![], "MissingParameter"),
            ("a", vec!["111111111111"], vec!["SendMessage"; 8], "OverLimit"),
            ("a", vec!["111111111111"], vec!["DeleteQueue"], "InvalidParameterValue"),
            ("a", vec!["111111111111"], vec!["Nope"], "InvalidParameterValue"),
            ("a", vec![], vec!["SendMessage"], "InvalidParameterValue"),
            ("a", vec!["1"], vec!["SendMessage"], "InvalidParameterValue"),
            ("a b", vec!["111111111111"], vec!["SendMessage"], "InvalidParameterValue"),
        ] {
            let error = add_to(None, label, &accounts, &actions).unwrap_err();
            assert_eq!(error.query_code(), code);
        }
    }
}
