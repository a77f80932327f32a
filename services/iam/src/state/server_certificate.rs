//! Certificates of servers, with their keys sealed.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::account::{self, Counted};
use super::fold;
use crate::errors;
use crate::rules::tags::Tags;

/// By name.
static CERTIFICATES: Table<ServerCertificate> = Table::new("iam/server-certificate");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerCertificate {
    pub name: String,
    pub path: String,
    pub id: String,
    pub uploaded_at: Millis,
    pub expires_at: Millis,
    /// PEM.
    pub body: String,
    pub chain: Option<String>,
    /// See [`super::seal`]; bound to the id.
    pub sealed_key: String,
    pub tags: Tags,
}

impl ServerCertificate {
    pub fn arn(&self, home: &Scope) -> String {
        super::arn(home, format_args!("server-certificate{}{}", self.path, self.name))
    }
}

/// # Errors
/// When there is none.
pub fn get(from: &mut impl Reader, home: &Scope, name: &str) -> Result<ServerCertificate> {
    CERTIFICATES.get(from, home, fold(name))?.ok_or_else(|| errors::no_such_certificate(name))
}

/// # Errors
/// When the name is taken, or there are too many.
pub fn insert(tx: &mut Tx<'_, '_>, home: &Scope, new: &ServerCertificate) -> Result<()> {
    check_free(tx, home, &new.name)?;
    account::count(tx, home, Counted::ServerCertificates, 1)?;
    put(tx, home, new)
}

fn check_free(tx: &mut Tx<'_, '_>, home: &Scope, name: &str) -> Result<()> {
    match CERTIFICATES.get(tx, home, fold(name))? {
        Some(_) => Err(errors::certificate_exists(name)),
        None => Ok(()),
    }
}

pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, certificate: &ServerCertificate) -> Result<()> {
    CERTIFICATES.put(tx, home, fold(&certificate.name), certificate)
}

/// # Errors
/// When the new name is another's.
pub fn rename(tx: &mut Tx<'_, '_>, home: &Scope, before: &str, after: &ServerCertificate) -> Result<()> {
    if fold(before) != fold(&after.name) {
        check_free(tx, home, &after.name)?;
        CERTIFICATES.delete(tx, home, fold(before))?;
    }
    put(tx, home, after)
}

/// # Errors
/// When there is none.
pub fn delete(tx: &mut Tx<'_, '_>, home: &Scope, name: &str) -> Result<()> {
    get(tx, home, name)?;
    account::count(tx, home, Counted::ServerCertificates, -1)?;
    CERTIFICATES.delete(tx, home, fold(name))
}

/// By name.
pub fn list(from: &mut impl Reader, home: &Scope) -> Result<Vec<ServerCertificate>> {
    Ok(CERTIFICATES.all_rows(from, home, ())?.into_iter().map(|(_, one)| one).collect())
}
