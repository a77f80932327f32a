//! The users and roles that trust policies name, as they are in the store.

use std::collections::BTreeMap;

use kernel::{Arn, Partition, Reader, Result, Scope};
use policy::Document;

use super::home_of;
use super::identity::{self, Identity, RoleFacts};
use crate::errors;
use crate::rules::trusted::{self, Named, Trusted};

/// The ids of all whom the document names by ARN, in its own partition.
///
/// # Errors
/// `MalformedPolicyDocument` when one of them is not there.
pub fn resolve(from: &mut impl Reader, partition: Partition, document: &Document) -> Result<Trusted> {
    let mut found = Trusted::new();
    for (text, arn) in trusted::arns(document) {
        let id = id(from, partition, &arn)?.ok_or_else(|| errors::invalid_principal(text))?;
        found.insert(text.to_owned(), id);
    }
    Ok(found)
}

fn find(
    from: &mut impl Reader,
    partition: Partition,
    named: &Named<'_>,
) -> Result<(Scope, Option<Identity>)> {
    let home = home_of(named.account, partition);
    Ok((home, identity::find(from, &home, named.kind, named.name)?))
}

/// The id of the user or role of this very ARN.
pub fn id(from: &mut impl Reader, partition: Partition, arn: &Arn) -> Result<Option<String>> {
    let Some(named) = trusted::named(arn) else { return Ok(None) };
    let (home, identity) = find(from, partition, &named)?;
    let text = arn.to_string();
    Ok(identity.filter(|identity| identity.arn(&home) == text).map(|identity| identity.id))
}

/// The ARN, as it is now, of the user or role with this id that once had the ARN `was`; `None` when it is gone.
pub fn arn(from: &mut impl Reader, partition: Partition, was: &Arn, id: &str) -> Result<Option<String>> {
    let Some(named) = trusted::named(was) else { return Ok(None) };
    let (home, identity) = find(from, partition, &named)?;
    if let Some(identity) = identity.filter(|identity| identity.id == id) {
        return Ok(Some(identity.arn(&home)));
    }
    let all = identity::list(from, &home, named.kind)?;
    Ok(all.iter().find(|identity| identity.id == id).map(|identity| identity.arn(&home)))
}

/// A trust policy's text, with those who are named in it as they are named now, and by id when they are gone.
pub fn shown(from: &mut impl Reader, partition: Partition, role: &RoleFacts) -> Result<String> {
    let mut names = BTreeMap::new();
    for (text, id) in &role.trusted {
        let Ok(was) = text.parse() else { continue };
        let now = arn(from, partition, &was, id)?.unwrap_or_else(|| id.clone());
        if now != *text {
            names.insert(text.as_str(), now);
        }
    }
    match names.is_empty() {
        true => Ok(role.trust.clone()),
        false => Ok(policy::rename(&role.trust, |name| names.get(name).map(String::as_str))),
    }
}

/// A role to be shown.
pub fn refreshed(from: &mut impl Reader, home: &Scope, mut role: Identity) -> Result<Identity> {
    if let Some(facts) = &mut role.role {
        facts.trust = shown(from, home.partition(), facts)?;
    }
    Ok(role)
}
