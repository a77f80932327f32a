//! What a grant may allow, and whom it lets do what.

use kernel::{Access, Arn, Partition, Result};
use policy::{Document, Kind, Policy, Who};

use super::access::{CONSTRAINT, OPERATIONS, context_of, values};
use super::ciphertext::Context;
use super::spec::{Spec, Usage};
use crate::errors;
use crate::state::grant::Grant;
use crate::state::key::Key;

/// Per key (AWS's quota).
pub const GRANTS_MAX: usize = 50_000;

/// Pairs in a constraint, and letters in one of its values (GrantConstraints).
const CONSTRAINT_PAIRS_MAX: usize = 8;
const CONSTRAINT_VALUE_MAX: usize = 384;
const OPERATIONS_ALL: [&str; 16] = [
    "CreateGrant",
    "Decrypt",
    "DescribeKey",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GetPublicKey",
    "ReEncryptFrom",
    "ReEncryptTo",
    "RetireGrant",
    "Sign",
    "Verify",
    "VerifyMac",
];

/// Refuses operations that the key cannot do anyway.
pub fn check(key: &Key, operations: &[String], with_constraints: bool) -> Result<()> {
    if operations.is_empty() {
        return Err(errors::invalid("Grant operations must not be empty"));
    }
    match operations.iter().find(|operation| !fits(key, operation)) {
        Some(_) => Err(errors::invalid("Grant operation is not compatible with the key usage or key spec")),
        None if with_constraints && key.spec != Spec::Symmetric => {
            Err(errors::invalid("Grant constraints apply to symmetric encryption keys only"))
        }
        None => Ok(()),
    }
}

fn fits(key: &Key, operation: &str) -> bool {
    match operation {
        "Encrypt" | "Decrypt" | "ReEncryptFrom" | "ReEncryptTo" => key.usage == Usage::EncryptDecrypt,
        "Sign" | "Verify" => key.usage == Usage::SignVerify,
        "GenerateMac" | "VerifyMac" => key.usage == Usage::GenerateVerifyMac,
        "GetPublicKey" => key.spec.is_asymmetric(),
        "DeriveSharedSecret" => false,
        _ if operation.starts_with("GenerateDataKey") => key.spec == Spec::Symmetric,
        _ => true,
    }
}

/// Refuses constraints beyond AWS's bounds.
pub fn check_constraint(context: Option<&Context>) -> Result<()> {
    let Some(context) = context else { return Ok(()) };
    if context.len() > CONSTRAINT_PAIRS_MAX {
        return Err(errors::invalid("A grant constraint can include up to 8 encryption context pairs"));
    }
    if context.values().any(|value| value.len() > CONSTRAINT_VALUE_MAX) {
        return Err(errors::invalid("An encryption context value in a grant constraint is too long"));
    }
    Ok(())
}

/// Refuses what names nobody: neither an account, nor somebody in one.
pub fn check_principal(name: &str) -> Result<()> {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    let is_somebody = |arn: Arn| {
        let resource = arn.resource.split_once('/').map_or(arn.resource.as_str(), |(kind, _)| kind);
        let known = match arn.service.as_str() {
            "iam" => ["root", "user", "role"].contains(&resource),
            "sts" => ["assumed-role", "federated-user"].contains(&resource),
            _ => false,
        };
        known && is_account(&arn.account)
    };
    if is_account(name) || name.parse::<Arn>().is_ok_and(is_somebody) {
        return Ok(());
    }
    Err(errors::invalid_principal(name))
}

/// The grant operation of an action; `None` for what no grant covers.
pub fn operation_of(action: &str) -> Option<&str> {
    action.strip_prefix("kms:").filter(|name| OPERATIONS_ALL.contains(name))
}

/// The names by which a grant may mean a caller.
pub fn names(who: &Who<'_>, partition: Partition) -> Vec<String> {
    let mut names: Vec<String> = match *who {
        Who::Root { .. } | Who::Service { .. } | Who::External { .. } | Who::Anonymous => Vec::new(),
        Who::User { arn, .. } => vec![arn.to_owned()],
        Who::RoleSession { role_arn, session_arn, .. } => vec![role_arn.to_owned(), session_arn.to_owned()],
        Who::FederatedUser { session_arn, parent, .. } => {
            [Some(session_arn), parent.map(|parent| parent.arn)]
                .into_iter()
                .flatten()
                .map(str::to_owned)
                .collect()
        }
    };
    if let Some(account) = who.account() {
        names.extend([account.to_owned(), format!("arn:{partition}:iam::{account}:root")]);
    }
    names
}

/// Whether a grant covers an operation as it is asked. Keys of constraints are alike in any case, values are not.
pub fn covers(grant: &Grant, operation: &str, access: &Access) -> bool {
    if !grant.operations.iter().any(|known| known == operation) {
        return false;
    }
    let has = |(key, value): (&String, &String)| {
        context_of(access).any(|(k, v)| k.eq_ignore_ascii_case(key) && v == value)
    };
    let includes = |wanted: &Context| wanted.iter().all(has);
    let equals = |wanted: &Context| includes(wanted) && context_of(access).count() == wanted.len();
    let holds = || {
        grant.context_subset.as_ref().is_none_or(includes) && grant.context_equals.as_ref().is_none_or(equals)
    };
    match operation {
        "DescribeKey" | "RetireGrant" => true,
        // Who got leave by a grant may pass on no more than it.
        "CreateGrant" => {
            let exact = values(access, CONSTRAINT).iter().any(|kind| kind == "EncryptionContextEquals");
            values(access, OPERATIONS).iter().all(|asked| grant.operations.contains(asked))
                && (exact || grant.context_equals.is_none())
                && holds()
        }
        _ => holds(),
    }
}

/// Who may retire a grant: whom it says, the account that made it, and the grantee who was given that.
pub fn retirers(grant: &Grant) -> Vec<&str> {
    let grantee = Some(&grant.grantee).filter(|_| grant.operations.iter().any(|o| o == "RetireGrant"));
    [grant.retiring.as_ref(), grantee, Some(&grant.issuer)]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect()
}

/// The statement that a grant is worth, once it covers what is asked.
pub fn allowance(grant_id: &str, principals: &[&str]) -> Option<Policy> {
    let text = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": principals}, "Action": "kms:*", "Resource": "*"
        }]
    });
    let document = Document::parse(Kind::Resource, &text.to_string(), &[]).ok()?;
    Some(Policy::compile(format!("grant/{grant_id}"), &document))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::access::CONTEXT;

    fn context(pairs: &[(&str, &str)]) -> Option<Context> {
        Some(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    fn grant(operations: &[&str]) -> Grant {
        Grant {
            id: "g".into(),
            key_id: "k".into(),
            name: None,
            grantee: "arn:aws:iam::111111111111:user/a".into(),
            retiring: None,
            issuer: "arn:aws:iam::000000000000:root".into(),
            operations: operations.iter().map(|o| (*o).to_owned()).collect(),
            context_subset: None,
            context_equals: None,
            created_at: 0,
        }
    }

    fn asked(pairs: &[(&str, &str)]) -> Access {
        pairs.iter().fold(Access::on("k"), |access, (key, value)| {
            access.condition(format!("{CONTEXT}{key}"), [(*value).to_owned()])
        })
    }

    #[test]
    fn a_grant_covers_its_operations_under_its_constraints() {
        let plain = grant(&["Decrypt"]);
        assert!(covers(&plain, "Decrypt", &asked(&[("a", "1")])));
        assert!(!covers(&plain, "Encrypt", &asked(&[])));
        let subset = Grant { context_subset: context(&[("Team", "x")]), ..plain };
        assert!(covers(&subset, "Decrypt", &asked(&[("team", "x"), ("b", "2")])));
        assert!(!covers(&subset, "Decrypt", &asked(&[("Team", "X")])));
        let equals = Grant { context_equals: context(&[("a", "1")]), ..grant(&["Decrypt", "DescribeKey"]) };
        assert!(covers(&equals, "Decrypt", &asked(&[("a", "1")])));
        assert!(!covers(&equals, "Decrypt", &asked(&[("a", "1"), ("b", "2")])));
        assert!(covers(&equals, "DescribeKey", &asked(&[])));
    }

    #[test]
    fn a_grant_passes_on_no_more_than_itself() {
        let give = |operations: &[&str], kind: &str, pairs: &[(&str, &str)]| {
            asked(pairs)
                .condition(OPERATIONS, operations.iter().map(|o| (*o).to_owned()))
                .condition(CONSTRAINT, Some(kind.to_owned()).filter(|kind| !kind.is_empty()))
        };
        let plain = grant(&["CreateGrant", "Decrypt"]);
        assert!(covers(&plain, "CreateGrant", &give(&["Decrypt"], "", &[])));
        assert!(!covers(&plain, "CreateGrant", &give(&["Decrypt", "Encrypt"], "", &[])));
        let subset = Grant { context_subset: context(&[("a", "1")]), ..plain.clone() };
        let (sub, equal) = ("EncryptionContextSubset", "EncryptionContextEquals");
        assert!(!covers(&subset, "CreateGrant", &give(&["Decrypt"], "", &[])));
        assert!(covers(&subset, "CreateGrant", &give(&["Decrypt"], sub, &[("a", "1"), ("b", "2")])));
        assert!(covers(&subset, "CreateGrant", &give(&["Decrypt"], equal, &[("a", "1")])));
        let equals = Grant { context_equals: context(&[("a", "1")]), ..plain };
        assert!(!covers(&equals, "CreateGrant", &give(&["Decrypt"], sub, &[("a", "1")])));
        assert!(covers(&equals, "CreateGrant", &give(&["Decrypt"], equal, &[("a", "1")])));
    }

    #[test]
    fn principals_are_accounts_and_those_in_them() {
        for good in [
            "111111111111",
            "arn:aws:iam::111111111111:role/x/y",
            "arn:aws:sts::111111111111:assumed-role/r/s",
        ] {
            assert!(check_principal(good).is_ok(), "{good}");
            assert!(allowance("g", &[good]).is_some(), "{good}");
        }
        for bad in ["a", "arn:aws:iam::111111111111:group/x", "arn:aws:iam::1:user/x", "arn:aws:s3:::bucket"]
        {
            assert_eq!(check_principal(bad).unwrap_err().code(), "InvalidArnException", "{bad}");
        }
    }
}
