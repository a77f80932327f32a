//! Names of aliases.

use kernel::Result;

use super::reference::ALIAS;
use crate::errors;

const RESERVED: &str = "alias/aws/";
/// Per key (AWS's quota).
pub const ALIASES_MAX: usize = 50;

/// Refuses names no alias of a customer may have. Length and letters are checked by the model.
pub fn check(name: &str) -> Result<()> {
    match name.strip_prefix(ALIAS) {
        None => Err(errors::alias_without_prefix()),
        Some("") => Err(errors::invalid("Invalid identifier")),
        Some(_) if is_reserved(name) => Err(errors::reserved_alias()),
        Some(rest) if rest.contains(':') => Err(errors::invalid_alias_name(name)),
        Some(_) => Ok(()),
    }
}

/// A name of AWS's own services.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(RESERVED)
}

/// The service of a reserved alias.
pub fn service_of(name: &str) -> Option<&str> {
    name.strip_prefix(RESERVED).filter(|service| !service.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for (name, code) in [
            ("alias/a", None),
            ("alias/a/b_c-d", None),
            ("a", Some("ValidationException")),
            ("alias/", Some("ValidationException")),
            ("alias/aws/sqs", Some("NotAuthorizedException")),
            ("alias/a:b", Some("InvalidAliasNameException")),
        ] {
            assert_eq!(check(name).err().map(|error| error.code()), code, "{name}");
        }
        assert_eq!(service_of("alias/aws/sqs"), Some("sqs"));
    }
}
