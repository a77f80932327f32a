//! The stored grant, found by key and by who may retire it.

use std::collections::BTreeMap;

use kernel::key::KeyReader;
use kernel::{Millis, Reader, Result, Row, Scope, Table, Tx};
use serde::{Deserialize, Serialize};

/// By key id and grant id.
static GRANTS: Table<Grant> = Table::new("kms/grant");
/// By key id, grantee and grant id.
static OF_GRANTEES: Table<()> = Table::new("kms/grant-of-grantee");
/// By retiring principal, key id and grant id.
static RETIRABLE: Table<()> = Table::new("kms/retirable-grant");

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: String,
    pub key_id: String,
    pub name: Option<String>,
    pub grantee: String,
    pub retiring: Option<String>,
    /// The account that made it, as an ARN.
    pub issuer: String,
    pub operations: Vec<String>,
    pub context_subset: Option<BTreeMap<String, String>>,
    pub context_equals: Option<BTreeMap<String, String>>,
    pub created_at: Millis,
}

impl Grant {
    /// Asks for the same as `other`, which makes them one if they bear a name.
    pub fn asks_the_same(&self, other: &Self) -> bool {
        let Self { id, created_at, issuer, .. } = self;
        let other = Self { id: id.clone(), created_at: *created_at, issuer: issuer.clone(), ..other.clone() };
        *self == other
    }
}

pub fn find(from: &mut impl Reader, scope: &Scope, key_id: &str, id: &str) -> Result<Option<Grant>> {
    GRANTS.get(from, scope, (key_id, id))
}

pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, grant: &Grant) -> Result<()> {
    let Grant { id, key_id, grantee, retiring, .. } = grant;
    OF_GRANTEES.put(tx, scope, (key_id.as_str(), grantee.as_str(), id.as_str()), &())?;
    if let Some(retiring) = retiring {
        RETIRABLE.put(tx, scope, (retiring.as_str(), key_id.as_str(), id.as_str()), &())?;
    }
    GRANTS.put(tx, scope, (key_id.as_str(), id.as_str()), grant)
}

pub fn delete(tx: &mut Tx<'_, '_>, scope: &Scope, grant: &Grant) -> Result<()> {
    let Grant { id, key_id, grantee, retiring, .. } = grant;
    OF_GRANTEES.delete(tx, scope, (key_id.as_str(), grantee.as_str(), id.as_str()))?;
    if let Some(retiring) = retiring {
        RETIRABLE.delete(tx, scope, (retiring.as_str(), key_id.as_str(), id.as_str()))?;
    }
    GRANTS.delete(tx, scope, (key_id.as_str(), id.as_str()))
}

pub fn list(
    from: &mut impl Reader,
    scope: &Scope,
    key_id: &str,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Row<Grant>>> {
    GRANTS.list(from, scope, key_id, after, limit)
}

/// Grants of a key (the first of `of`) to a grantee (the second).
pub fn list_of_grantee(
    from: &mut impl Reader,
    scope: &Scope,
    of: (&str, &str),
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Row<Grant>>> {
    let rows = OF_GRANTEES.list(from, scope, of, after, limit)?;
    let mut grants = Vec::with_capacity(rows.len());
    for (row, ()) in rows {
        let mut parts = KeyReader(&row);
        if let (Some(key_id), Some(_), Some(id)) = (parts.text(), parts.text(), parts.text())
            && let Some(grant) = find(from, scope, &key_id, &id)?
        {
            grants.push((row, grant));
        }
    }
    Ok(grants)
}

/// Grants that `principal` may retire, as rows of (key id, grant id).
pub fn list_retirable(
    from: &mut impl Reader,
    scope: &Scope,
    principal: &str,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Row<Grant>>> {
    let rows = RETIRABLE.list(from, scope, principal, after, limit)?;
    let mut grants = Vec::with_capacity(rows.len());
    for (key, ()) in rows {
        let mut parts = KeyReader(&key);
        if let (Some(_), Some(key_id), Some(id)) = (parts.text(), parts.text(), parts.text())
            && let Some(grant) = find(from, scope, &key_id, &id)?
        {
            grants.push((key, grant));
        }
    }
    Ok(grants)
}
