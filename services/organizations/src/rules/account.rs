//! Accounts: what their owners' addresses look like.

use kernel::Result;

use crate::errors;

/// Refuses what AWS takes for no address (Organizations API reference, CreateAccount, Email).
pub fn check_email(email: &str) -> Result<()> {
    let refused = |c: char| c.is_whitespace() || "\"'()<>[]:;,\\|%&".contains(c);
    let is_good = email.split_once('@').is_some_and(|(local, domain)| {
        let in_domain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let edge = |c: char| c == '-' || c == '.';
        !local.is_empty()
            && !local.starts_with('.')
            && !local.contains(refused)
            && domain.contains('.')
            && domain.chars().all(in_domain)
            && !domain.starts_with(edge)
            && !domain.ends_with(edge)
    });
    if is_good && email.is_ascii() && (6..=64).contains(&email.len()) {
        return Ok(());
    }
    Err(errors::invalid("INVALID_EMAIL_ADDRESS_TARGET", "You specified an invalid email address."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_aws_does() {
        for good in ["a@b.cd", "first.last+x@mail-er.example.org"] {
            assert!(check_email(good).is_ok(), "{good}");
        }
        for bad in ["", "a@bcd", ".a@b.cd", "a b@c.de", "a@b@c.de", "a@-b.cd", "a@b.cd.", "ü@bc.de"] {
            assert!(check_email(bad).is_err(), "{bad}");
        }
    }
}
