//! Managed policies with their versions: the customer's own, and those every account knows.

use std::collections::BTreeMap;

use kernel::{Arn, Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::account::{self, Counted};
use super::{fold, known_policy};
use crate::errors;
use crate::rules::tags::Tags;

/// By name.
static POLICIES: Table<ManagedPolicy> = Table::new("iam/policy");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    pub name: String,
    pub path: String,
    pub id: String,
    pub description: Option<String>,
    pub created_at: Millis,
    pub updated_at: Millis,
    pub tags: Tags,
    pub default_version: u32,
    /// The highest number given so far.
    pub last_version: u32,
    pub versions: BTreeMap<u32, Version>,
    /// Known to every account, and nobody's to change.
    #[serde(skip)]
    pub is_known: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub document: String,
    pub created_at: Millis,
}

impl ManagedPolicy {
    pub fn arn(&self, home: &Scope) -> String {
        let resource = format_args!("policy{}{}", self.path, self.name);
        match self.is_known {
            true => format!("arn:{}:iam::aws:{resource}", home.partition()),
            false => super::arn(home, resource),
        }
    }

    /// The document that counts.
    pub fn document(&self) -> &str {
        self.versions.get(&self.default_version).map_or("", |version| &version.document)
    }
}

/// The policy an ARN names; `None` when there is none.
///
/// # Errors
/// When the text is no ARN.
pub fn find(from: &mut impl Reader, home: &Scope, text: &str) -> Result<Option<ManagedPolicy>> {
    let arn: Arn = text.parse().map_err(|_| errors::bad_arn(text))?;
    let name = arn.resource.strip_prefix("policy/").and_then(|rest| rest.rsplit('/').next());
    let name = fold(name.ok_or_else(|| errors::bad_arn(text))?);
    let found = match arn.account.as_str() {
        "aws" => known_policy::find(&name),
        _ => POLICIES.get(from, home, name)?,
    };
    Ok(found.filter(|policy| policy.arn(home) == text))
}

/// # Errors
/// When the text is no ARN or names no policy.
pub fn get(from: &mut impl Reader, home: &Scope, arn: &str) -> Result<ManagedPolicy> {
    find(from, home, arn)?.ok_or_else(|| errors::no_such_policy(arn))
}

/// # Errors
/// When the name is taken, or there are too many.
pub fn insert(tx: &mut Tx<'_, '_>, home: &Scope, new: &ManagedPolicy) -> Result<()> {
    if POLICIES.get(tx, home, fold(&new.name))?.is_some() {
        return Err(errors::policy_exists(&new.name));
    }
    account::count(tx, home, Counted::Policies, 1)?;
    put(tx, home, new)
}

pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, policy: &ManagedPolicy) -> Result<()> {
    POLICIES.put(tx, home, fold(&policy.name), policy)
}

pub fn delete(tx: &mut Tx<'_, '_>, home: &Scope, policy: &ManagedPolicy) -> Result<()> {
    account::count(tx, home, Counted::Policies, -1)?;
    POLICIES.delete(tx, home, fold(&policy.name))
}

/// The customer's own, by name.
pub fn list(from: &mut impl Reader, home: &Scope) -> Result<Vec<ManagedPolicy>> {
    Ok(POLICIES.all_rows(from, home, ())?.into_iter().map(|(_, policy)| policy).collect())
}
