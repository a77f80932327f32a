//! The ARN of a role to take on.

use kernel::{Arn, Result};

use crate::errors;

/// # Errors
/// When it is none.
pub fn check(text: &str) -> Result<Arn> {
    let arn: Option<Arn> = text.parse().ok();
    let is_role = |arn: &Arn| {
        arn.service == "iam"
            && arn.region.is_empty()
            && arn.account.len() == 12
            && arn.resource.strip_prefix("role/").is_some_and(|name| !name.is_empty())
    };
    arn.filter(is_role).ok_or_else(|| errors::bad_arn(text))
}

/// The ARN of a SAML provider, and the name in it.
///
/// # Errors
/// When it is none.
pub fn check_saml_provider(text: &str) -> Result<(Arn, &str)> {
    let arn: Option<Arn> = text.parse().ok();
    let is_fine = |arn: &Arn| arn.service == "iam" && arn.region.is_empty() && arn.account.len() == 12;
    let name = text.split_once(":saml-provider/").map(|(_, name)| name).filter(|name| !name.is_empty());
    arn.filter(is_fine).zip(name).ok_or_else(|| errors::bad_arn(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_named_in_full() {
        let (_, name) = check_saml_provider("arn:aws:iam::111122223333:saml-provider/p").unwrap();
        assert_eq!(name, "p");
        for bad in ["p", "arn:aws:iam::111122223333:role/p", "arn:aws:iam::111122223333:saml-provider/"] {
            assert!(check_saml_provider(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_roles_can_be_taken_on() {
        check("arn:aws:iam::111122223333:role/path/r").unwrap();
        for bad in [
            "role",
            "arn:aws:iam::111122223333:user/u",
            "arn:aws:iam::1:role/r",
            "arn:aws:iam::111122223333:role/",
        ] {
            assert_eq!(check(bad).unwrap_err().message(), format!("{bad} is invalid"));
        }
    }
}
