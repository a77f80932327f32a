//! Names of vaults.

use kernel::{Result, Scope};

use crate::errors;

/// Vaults of an account in a region (Glacier developer guide, "Working with Vaults").
pub const VAULTS_MAX: usize = 1_000;
const NAME_LENGTH_MAX: usize = 255;

/// # Errors
/// *InvalidParameterValueException*.
pub fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > NAME_LENGTH_MAX || !name.chars().all(fits) {
        return Err(errors::invalid(format!("Invalid vault name: {name}")));
    }
    Ok(())
}

pub fn arn(scope: &Scope, name: &str) -> String {
    scope.arn("glacier", format_args!("vaults/{name}"))
}

/// The vault and, where one is meant, the archive of an ARN's last part.
pub fn of_resource(resource: &str) -> Option<(&str, Option<&str>)> {
    let rest = resource.strip_prefix("vaults/")?;
    Some(match rest.split_once("/archives/") {
        Some((vault, archive)) => (vault, Some(archive)),
        None => (rest, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns() {
        assert!(check_name("my.Vault_1-x").is_ok());
        for bad in ["", "a b", "ä", "a/b", &"x".repeat(256)] {
            assert_eq!(check_name(bad).unwrap_err().code(), "InvalidParameterValueException", "{bad}");
        }
        assert_eq!(of_resource("vaults/a"), Some(("a", None)));
        assert_eq!(of_resource("vaults/a/archives/b"), Some(("a", Some("b"))));
        assert_eq!(of_resource("else"), None);
    }
}
