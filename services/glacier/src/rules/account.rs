//! Whose vaults are meant: the path of every request names an account, or a hyphen for the caller's own.

use kernel::{Access, Result, Scope};

use crate::errors;

/// # Errors
/// *InvalidParameterValueException* for what is no account.
pub fn meant(scope: &Scope, account: &str) -> Result<Scope> {
    if account == "-" {
        return Ok(*scope);
    }
    let account = account.parse().map_err(|_| errors::invalid(format!("Invalid account ID: {account}")))?;
    Ok(Scope { account, ..*scope })
}

/// Leave to do something with a vault.
pub fn on_vault(scope: &Scope, account: &str, vault: &str) -> Result<Access> {
    Ok(Access::on(super::vault::arn(&meant(scope, account)?, vault)))
}

/// Leave to do something with one archive: policies know it by its vault, and by its age.
pub fn on_archive(scope: &Scope, account: &str, vault: &str, archive: &str) -> Result<Access> {
    let scope = meant(scope, account)?;
    Ok(Access::on(format!("{}/archives/{archive}", super::vault::arn(&scope, vault))))
}

/// Leave to do something with the account as a whole, which nobody can give to another's.
pub fn on_account(scope: &Scope, account: &str) -> Result<Access> {
    let meant = meant(scope, account)?;
    Ok(if meant == *scope { Access::any() } else { Access::on(meant.arn("glacier", "vaults")) })
}
