//! Passwords: what the account's policy demands, and how they are kept.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::Result;

use crate::errors;
use crate::state::account::PasswordPolicy;

/// Where the account has no policy of its own. Source: IAM user guide, "Default password policy".
const LENGTH_MIN: usize = 8;
const KINDS_MIN: usize = 3;
const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";

const ROUNDS: NonZeroU32 = NonZeroU32::new(210_000).expect("more than zero");
const HASH_BYTES: usize = 32;

/// Refuses passwords the account's policy does not allow.
pub fn check(policy: Option<&PasswordPolicy>, password: &str) -> Result<()> {
    let has = |f: fn(char) -> bool| password.chars().any(f);
    let upper = has(|c| c.is_ascii_uppercase());
    let lower = has(|c| c.is_ascii_lowercase());
    let number = has(|c| c.is_ascii_digit());
    let symbol = has(|c| SYMBOLS.contains(c));
    let refused = |why: &str| Err(errors::weak_password(why));
    let length = password.chars().count();
    let Some(policy) = policy else {
        let kinds = [upper, lower, number, symbol].iter().filter(|kind| **kind).count();
        return match () {
            () if length < LENGTH_MIN => refused("Password should have a minimum length of 8"),
            () if kinds < KINDS_MIN => refused(
                "Password should have at least three of: uppercase letters, lowercase letters, numbers, symbols",
            ),
            () => Ok(()),
        };
    };
    let length_min = usize::try_from(policy.length_min).unwrap_or_default();
    if length < length_min {
        return refused(&format!("Password should have a minimum length of {length_min}"));
    }
    for (demanded, present, why) in [
        (policy.uppercase, upper, "Password should have at least one uppercase letter"),
        (policy.lowercase, lower, "Password should have at least one lowercase letter"),
        (policy.numbers, number, "Password should have at least one number"),
        (policy.symbols, symbol, "Password should have at least one symbol"),
    ] {
        if demanded && !present {
            return refused(why);
        }
    }
    Ok(())
}

/// What is stored of a password: salt and PBKDF2-HMAC-SHA-256.
pub fn hash(password: &str, salt: &str) -> String {
    let mut out = [0; HASH_BYTES];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt.as_bytes(), password.as_bytes(), &mut out);
    format!("{salt}${}", STANDARD.encode(out))
}

/// Whether it is the password of this hash.
pub fn fits(password: &str, hash: &str) -> bool {
    let Some((salt, stored)) = hash.split_once('$') else { return false };
    let Ok(stored) = STANDARD.decode(stored) else { return false };
    pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt.as_bytes(), password.as_bytes(), &stored).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_decides_what_is_a_password() {
        assert!(check(None, "Secret-1").is_ok());
        assert!(check(None, "secret-1").is_ok());
        for bad in ["Se-1", "secretsecret", ""] {
            assert!(check(None, bad).is_err(), "{bad}");
        }
        let strict = PasswordPolicy {
            length_min: 6,
            symbols: true,
            numbers: true,
            uppercase: true,
            lowercase: true,
            users_may_change: false,
            age_days_max: None,
            reuse_prevention: None,
            hard_expiry: None,
        };
        assert!(check(Some(&strict), "aA1!bb").is_ok());
        for bad in ["aA1!b", "aA1bbb", "aA!bbb", "a1!bbb", "A1!BBB"] {
            assert!(check(Some(&strict), bad).is_err(), "{bad}");
        }
        let hash = hash("x", "salt");
        assert!(fits("x", &hash) && !fits("y", &hash));
    }
}
