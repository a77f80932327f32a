//! The users and roles that trust policies name, as they are in the store.

use std::collections::BTreeMap;

use kernel::{Partition, Reader, Result, Scope};
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
        let Some(named) = trusted::named(&arn) else { continue };
        let (home, identity) = find(from, partition, &named)?;
        let identity = identity.filter(|identity| identity.arn(&home) == text);
        let identity = identity.ok_or_else(|| errors::invalid_principal(text))?;
        found.insert(text.to_owned(), identity.id);
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

/// A trust policy's text, with those who are named in it as they are named now, and by id when they are gone.
pub fn shown(from: &mut impl Reader, partition: Partition, role: &RoleFacts) -> Result<String> {
    let mut names = BTreeMap::new();
    for (text, id) in &role.trusted {
        let Ok(arn) = text.parse() else { continue };
        let Some(named) = trusted::named(&arn) else { continue };
        let (home, identity) = find(from, partition, &named)?;
        if identity.is_some_and(|identity| identity.id == *id) {
            continue;
        }
        let all = identity::list(from, &home, named.kind)?;
        let renamed = all.iter().find(|identity| identity.id == *id);
        names.insert(text.as_str(), renamed.map_or_else(|| id.clone(), |identity| identity.arn(&home)));
    }
    Ok(if names.is_empty() { role.trust.clone() } else { trusted::renamed(&role.trust, &names) })
}

/// A role to be shown.
pub fn refreshed(from: &mut impl Reader, home: &Scope, mut role: Identity) -> Result<Identity> {
    if let Some(facts) = &mut role.role {
        facts.trust = shown(from, home.partition(), facts)?;
    }
    Ok(role)
}
