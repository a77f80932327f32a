//! Who uses certificates, as users of them have told.

use kernel::{Reader, Result, Scope, Table, Tx};

/// ARNs of certificates, by the ARN of the resource that uses them.
static IN_USE: Table<Vec<String>> = Table::new("acm/in-use");
/// Resources of one account and region that are looked at.
const RESOURCES_MAX: usize = 10_000;

/// Resources that use a certificate.
pub fn by(from: &mut impl Reader, scope: &Scope, certificate: &str) -> Result<Vec<String>> {
    let all = all(from, scope)?.into_iter();
    Ok(all.filter(|(_, used)| used.iter().any(|arn| arn == certificate)).map(|(user, _)| user).collect())
}

/// Resources and what they use.
pub fn all(from: &mut impl Reader, scope: &Scope) -> Result<Vec<(String, Vec<String>)>> {
    let rows = IN_USE.list(from, scope, (), None, RESOURCES_MAX)?;
    let user = |key: &[u8]| kernel::key::KeyReader(key).text().unwrap_or_default();
    Ok(rows.into_iter().map(|(key, used)| (user(&key), used)).collect())
}

/// What a resource uses from now on.
pub fn put(tx: &mut Tx<'_, '_>, scope: &Scope, user: &str, used: &Vec<String>) -> Result<()> {
    match used.is_empty() {
        true => IN_USE.delete(tx, scope, user),
        false => IN_USE.put(tx, scope, user, used),
    }
}
