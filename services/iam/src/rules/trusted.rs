//! Whom a trust policy names: by ARN in its text, by unique id in what is decided. A name may be given to somebody else;
//! an id never is. Source: IAM user guide, "AWS JSON policy elements: Principal".

use std::collections::BTreeMap;

use kernel::{AccountId, Arn};
use policy::{Document, PrincipalType};

use crate::state::identity::Kind;

/// ARNs of users and roles, and their ids when the policy was saved.
pub type Trusted = BTreeMap<String, String>;

/// A user or role as an ARN names it.
#[derive(Debug, PartialEq)]
pub struct Named<'a> {
    pub account: AccountId,
    pub kind: Kind,
    pub name: &'a str,
}

/// `None` for what is no ARN of a user or role: an account, everybody, a session, an id.
pub fn named(arn: &Arn) -> Option<Named<'_>> {
    let (kind, path) = arn.resource.split_once('/')?;
    let kind = match kind {
        "user" => Kind::User,
        "role" => Kind::Role,
        _ => return None,
    };
    let name = path.rsplit('/').next().filter(|_| arn.service == "iam")?;
    Some(Named { account: arn.account.parse().ok()?, kind, name })
}

/// The ARNs of users and roles that a document names as principals.
pub fn arns(document: &Document) -> impl Iterator<Item = (&str, Arn)> {
    let entries =
        document.statements.iter().filter_map(|one| one.principals.as_ref()).flat_map(|p| &p.entries);
    entries.filter(|(kind, _)| *kind == PrincipalType::Aws).filter_map(|(_, name)| {
        let arn = name.parse().ok()?;
        named(&arn)?;
        Some((name.as_str(), arn))
    })
}

/// The document with ids in place of ARNs, to be decided by.
pub fn by_id(mut document: Document, trusted: &Trusted) -> Document {
    let named = document.statements.iter_mut().filter_map(|one| one.principals.as_mut());
    for (kind, name) in named.flat_map(|principals| &mut principals.entries) {
        if *kind == PrincipalType::Aws
            && let Some(id) = trusted.get(name)
        {
            name.clone_from(id);
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",
        "Principal":{"AWS":["arn:aws:iam::111122223333:user/a/ann","111122223333","arn:aws:sts::111122223333:assumed-role/r/s"]},
        "Condition":{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/a/ann"}}}}"#;

    #[test]
    fn users_and_roles_are_found_and_nobody_else() {
        let document = Document::parse(policy::Kind::Trust, TEXT, &[]).unwrap();
        let found: Vec<_> = arns(&document).map(|(text, _)| text).collect();
        assert_eq!(found, ["arn:aws:iam::111122223333:user/a/ann"]);
        let arn: Arn = found[0].parse().unwrap();
        let named = named(&arn).unwrap();
        assert_eq!(
            (named.kind, named.name, named.account.to_string().as_str()),
            (Kind::User, "ann", "111122223333")
        );
    }

    #[test]
    fn decisions_go_by_ids() {
        let document = Document::parse(policy::Kind::Trust, TEXT, &[]).unwrap();
        let trusted =
            Trusted::from([("arn:aws:iam::111122223333:user/a/ann".to_owned(), "AIDAX".to_owned())]);
        let entries = by_id(document, &trusted).statements.remove(0).principals.unwrap().entries;
        assert_eq!(entries[0].1, "AIDAX");
        assert_eq!(entries[1].1, "111122223333");
    }
}
