//! Certificates with their sealed keys.

use std::collections::BTreeMap;

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use crate::rules::certificate::Facts;

pub type Tags = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub arn: String,
    pub imported: bool,
    /// What it was asked for, or its first name.
    pub domain: String,
    /// PEM.
    pub body: String,
    pub chain: Option<String>,
    pub sealed_key: String,
    pub facts: Facts,
    /// `ENABLED`, where it was said.
    pub transparency: Option<String>,
    /// What makes a repeated request find it.
    pub token: Option<String>,
    pub created_at: Millis,
    pub tags: Tags,
}

static CERTIFICATES: Table<Certificate> = Table::new("acm/certificate");

pub fn find(from: &mut impl Reader, scope: &Scope, arn: &str) -> Result<Option<Certificate>> {
    CERTIFICATES.get(from, scope, arn)
}

pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<Certificate>> {
    let mut found = CERTIFICATES.all(from, scope, ())?;
    found.sort_by(|a, b| (a.created_at, &a.arn).cmp(&(b.created_at, &b.arn)));
    Ok(found)
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, one: &Certificate) -> Result<()> {
    CERTIFICATES.put(tx, scope, &*one.arn, one)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, arn: &str) -> Result<()> {
    CERTIFICATES.delete(tx, scope, arn)
}
