//! OpenID Connect providers.

use kernel::{Millis, Reader, Result, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

use super::account::{self, Counted};
use crate::errors;
use crate::rules::tags::Tags;

/// By URL without its scheme.
static PROVIDERS: Table<Provider> = Table::new("iam/oidc-provider");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provider {
    /// Without its scheme.
    pub url: String,
    pub clients: Vec<String>,
    pub thumbprints: Vec<String>,
    pub created_at: Millis,
    pub tags: Tags,
}

impl Provider {
    pub fn arn(&self, home: &Scope) -> String {
        super::arn(home, format_args!("oidc-provider/{}", self.url))
    }
}

pub fn find(from: &mut impl Reader, home: &Scope, url: &str) -> Result<Option<Provider>> {
    PROVIDERS.get(from, home, url)
}

/// # Errors
/// When there is none of this ARN.
pub fn get(from: &mut impl Reader, home: &Scope, arn: &str) -> Result<Provider> {
    let url = arn.split_once(":oidc-provider/").map_or("", |(_, url)| url);
    let found = find(from, home, url)?.filter(|provider| provider.arn(home) == arn);
    found.ok_or_else(|| errors::no_such_oidc(arn))
}

pub fn insert(tx: &mut Tx<'_, '_>, home: &Scope, new: &Provider) -> Result<()> {
    account::count(tx, home, Counted::OidcProviders, 1)?;
    put(tx, home, new)
}

pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, provider: &Provider) -> Result<()> {
    PROVIDERS.put(tx, home, provider.url.as_str(), provider)
}

pub fn delete(tx: &mut Tx<'_, '_>, home: &Scope, url: &str) -> Result<()> {
    account::count(tx, home, Counted::OidcProviders, -1)?;
    PROVIDERS.delete(tx, home, url)
}

pub fn list(from: &mut impl Reader, home: &Scope) -> Result<Vec<Provider>> {
    Ok(PROVIDERS.all_rows(from, home, ())?.into_iter().map(|(_, provider)| provider).collect())
}
