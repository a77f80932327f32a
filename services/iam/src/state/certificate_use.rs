//! Who uses server certificates, as users of them have told.

use kernel::{Reader, Result, Scope, Table, Tx};

/// ARNs of certificates, by the ARN of the resource that uses them.
static IN_USE: Table<Vec<String>> = Table::new("iam/certificate-in-use");

/// A resource that uses a certificate.
pub fn find(from: &mut impl Reader, home: &Scope, certificate: &str) -> Result<Option<String>> {
    let rows = IN_USE.all_rows(from, home, ())?;
    let user = |key: &[u8]| kernel::key::KeyReader(key).text().unwrap_or_default();
    let found = rows.into_iter().find(|(_, used)| used.iter().any(|arn| arn == certificate));
    Ok(found.map(|(key, _)| user(&key)))
}

/// What a resource uses from now on.
pub fn put(tx: &mut Tx<'_, '_>, home: &Scope, user: &str, used: &Vec<String>) -> Result<()> {
    match used.is_empty() {
        true => IN_USE.delete(tx, home, user),
        false => IN_USE.put(tx, home, user, used),
    }
}
