//! Who uses which managed policy, attached or as a boundary.

use kernel::key::KeyReader;
use kernel::{Reader, Result, Scope, Table, Tx};

use super::fold;
use super::identity::{Identity, Kind};

/// By policy ARN and usage, kind, and name.
static USES: Table<()> = Table::new("iam/policy-use");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    Attached,
    Boundary,
}

impl Usage {
    fn word(self) -> &'static str {
        match self {
            Usage::Attached => "attached",
            Usage::Boundary => "boundary",
        }
    }
}

pub fn add(tx: &mut Tx<'_, '_>, home: &Scope, arn: &str, usage: Usage, by: &Identity) -> Result<()> {
    USES.put(tx, home, ((arn, usage.word()), by.kind, fold(&by.name)), &())
}

pub fn remove(tx: &mut Tx<'_, '_>, home: &Scope, arn: &str, usage: Usage, by: &Identity) -> Result<()> {
    USES.delete(tx, home, ((arn, usage.word()), by.kind, fold(&by.name)))
}

pub fn forget_boundary(tx: &mut Tx<'_, '_>, home: &Scope, by: &Identity) -> Result<()> {
    match &by.boundary {
        Some(arn) => remove(tx, home, arn, Usage::Boundary, by),
        None => Ok(()),
    }
}

pub fn rename(tx: &mut Tx<'_, '_>, home: &Scope, before: &Identity, name: &str) -> Result<()> {
    let after = Identity { name: name.to_owned(), ..before.clone() };
    let attached = before.attached.iter().map(|arn| (arn, Usage::Attached));
    for (arn, usage) in attached.chain(before.boundary.iter().map(|arn| (arn, Usage::Boundary))) {
        remove(tx, home, arn, usage, before)?;
        add(tx, home, arn, usage, &after)?;
    }
    Ok(())
}

/// Kinds and folded names of those who use a policy so.
pub fn users(from: &mut impl Reader, home: &Scope, arn: &str, usage: Usage) -> Result<Vec<(Kind, String)>> {
    let rows = USES.all_rows(from, home, (arn, usage.word()))?;
    let read = |key: &[u8]| {
        let mut key = KeyReader(key);
        key.text()?;
        key.text()?;
        let kind = match key.text()?.as_str() {
            "user" => Kind::User,
            "group" => Kind::Group,
            _ => Kind::Role,
        };
        Some((kind, key.text()?))
    };
    Ok(rows.iter().filter_map(|(key, ())| read(key)).collect())
}

/// How many use a policy so.
pub fn count(from: &mut impl Reader, home: &Scope, arn: &str, usage: Usage) -> Result<i32> {
    Ok(i32::try_from(users(from, home, arn, usage)?.len()).unwrap_or(i32::MAX))
}

/// Whether anybody uses a policy in any way.
pub fn is_used(from: &mut impl Reader, home: &Scope, arn: &str) -> Result<bool> {
    let attached = count(from, home, arn, Usage::Attached)?;
    Ok(attached > 0 || count(from, home, arn, Usage::Boundary)? > 0)
}
