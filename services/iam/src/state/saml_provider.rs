//! SAML providers whose word is taken for who somebody is.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::account::{self, Counted};
use super::fold;
use crate::errors;
use crate::rules::tags::Tags;

/// By name.
static PROVIDERS: Table<SamlProvider> = Table::new("iam/saml-provider");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamlProvider {
    pub name: String,
    pub created_at: Millis,
    pub valid_until: Option<Millis>,
    /// XML, as given: read again where its keys are asked for.
    pub metadata: String,
    pub tags: Tags,
}

impl SamlProvider {
    pub fn arn(&self, home: &Scope) -> String {
        super::arn(home, format_args!("saml-provider/{}", self.name))
    }
}

pub fn find(from: &mut impl Reader, home: &Scope, arn: &str) -> Result<Option<SamlProvider>> {
    let Some((_, name)) = arn.split_once(":saml-provider/") else { return Err(errors::bad_arn(arn)) };
    Ok(PROVIDERS.get(from, home, fold(name))?.filter(|found| found.arn(home) == arn))
}

/// # Errors
/// When there is none, or the text is no ARN.
pub fn get(from: &mut impl Reader, home: &Scope, arn: &str) -> Result<SamlProvider> {
    find(from, home, arn)?.ok_or_else(|| errors::no_such_saml(arn))
}

/// # Errors
/// When the name is taken, or there are too many.
pub fn insert(tx: &mut Tx<'_, '_>, home: &Scope, new: &SamlProvider) -> Result<()> {
    if PROVIDERS.get(tx, home, fold(&new.name))?.is_some() {
        return Err(errors::saml_exists(&new.arn(home)));
    }
    account::count(tx, home, Counted::SamlProviders, 1)?;
    put(tx, home, new)
}

pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, provider: &SamlProvider) -> Result<()> {
    PROVIDERS.put(tx, home, fold(&provider.name), provider)
}

/// # Errors
/// When there is none.
pub fn delete(tx: &mut Tx<'_, '_>, home: &Scope, arn: &str) -> Result<()> {
    let provider = get(tx, home, arn)?;
    account::count(tx, home, Counted::SamlProviders, -1)?;
    PROVIDERS.delete(tx, home, fold(&provider.name))
}

/// By name.
pub fn list(from: &mut impl Reader, home: &Scope) -> Result<Vec<SamlProvider>> {
    Ok(PROVIDERS.all_rows(from, home, ())?.into_iter().map(|(_, provider)| provider).collect())
}
