//! Key policies: what is kept, and made ready for the gate, which decides by them.

use std::sync::Arc;

use kernel::{AccountId, Partition, Result, Scope};
use policy::{Document, Facts, Kind, Policies, Policy, Request, Weight, Who, decide};

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

/// Refuses a policy that would not let `who` replace it, as far as it is for the policy to say.
pub fn check_lockout(text: &str, who: Who<'_>, scope: &Scope) -> Result<()> {
    let Some(policy) = compile(text) else { return Err(errors::malformed_policy()) };
    let everything =
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let everything = Document::parse(Kind::Identity, everything, &[]).map_err(kernel::Error::internal)?;
    let (owner, resource) = (scope.account.to_string(), scope.arn("kms", "key/*"));
    let facts = Facts::new()
        .with("kms:CallerAccount", who.account().unwrap_or_default())
        .with("aws:PrincipalAccount", who.account().unwrap_or_default());
    let request = Request {
        who,
        action: "kms:PutKeyPolicy",
        resource: &resource,
        owner: Some(&owner),
        context: &facts,
    };
    let identity = [Arc::new(Policy::compile("any", &everything))];
    let policies = Policies {
        resource: Some(&policy),
        weight: Weight::Required,
        identity: &identity,
        ..Policies::default()
    };
    if decide(&request, &policies).is_allowed() { Ok(()) } else { Err(errors::lockout()) }
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

/// The policy of the key of one of AWS's services: it is used by way of that service, and looked at by the account.
pub fn managed(scope: &Scope, service: &str) -> String {
    let (partition, account) = (scope.partition(), scope.account);
    // Volumes are of EC2, though their key is named after themselves.
    let via = if service == "ebs" { "ec2" } else { service };
    let full = |name: &str| format!("{name}.{}.amazonaws.com", scope.region);
    // Their snapshots are also written block by block, by a service of that name.
    let vias =
        if service == "ebs" { serde_json::json!([full(via), full(service)]) } else { full(via).into() };
    serde_json::json!({
        "Version": "2012-10-17",
        "Id": format!("auto-{service}-2"),
        "Statement": [{
            "Sid": format!("Allow access through {via} for all principals in the account that may use {via}"),
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant",
                "kms:DescribeKey"
            ],
            "Resource": "*",
            "Condition": {"StringEquals": {
                "kms:CallerAccount": account.to_string(),
                "kms:ViaService": vias
            }}
        }, {
            "Sid": "Allow direct access to key metadata to the account",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{partition}:iam::{account}:root")},
            "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
            "Resource": "*"
        }]
    })
    .to_string()
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

    #[test]
    fn who_puts_a_policy_must_not_lock_themselves_out() {
        let scope = Scope { account: AccountId::DEFAULT, region: "us-east-1".parse().unwrap() };
        let (root, arn) = (Who::Root { account: "000000000000" }, "arn:aws:iam::000000000000:user/a");
        let user = Who::User { account: "000000000000", arn, id: "AIDA" };
        let whole = default(Partition::Aws, AccountId::DEFAULT);
        let own = whole.replace("arn:aws:iam::000000000000:root", arn);
        assert!(check_lockout(&whole, root, &scope).is_ok());
        assert!(check_lockout(&whole, user, &scope).is_ok());
        assert!(check_lockout(&own, user, &scope).is_ok());
        assert_eq!(check_lockout(&own, root, &scope).unwrap_err().code(), "MalformedPolicyDocumentException");
        assert!(compile(&managed(&scope, "sqs")).is_some());
    }
}
