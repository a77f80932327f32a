//! Domain names that certificates may be asked for.

use kernel::Result;

use crate::errors;

/// Names of one certificate (user guide, "Quotas").
pub const NAMES_MAX: usize = 10;
const CHARS_MAX: usize = 253;

/// The domain and the other names, each once.
///
/// # Errors
/// `InvalidParameterException`.
pub fn check(domain: &str, others: Option<Vec<String>>) -> Result<Vec<String>> {
    let mut names = vec![domain.to_ascii_lowercase()];
    for other in others.into_iter().flatten() {
        let other = other.to_ascii_lowercase();
        if !names.contains(&other) {
            names.push(other);
        }
    }
    if let Some(bad) = names.iter().find(|name| !is_name(name)) {
        return Err(errors::invalid(format!("The domain name {bad} is not valid.")));
    }
    if names.len() > NAMES_MAX {
        return Err(errors::limit("domain names", NAMES_MAX));
    }
    Ok(names)
}

/// Labels of letters, digits and hyphens; a star may stand for the first.
fn is_name(name: &str) -> bool {
    let rest = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= CHARS_MAX && rest.contains('.') && rest.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_counted_once() {
        let names = check("Example.com", Some(vec!["*.example.com".into(), "example.com".into()])).unwrap();
        assert_eq!(names, ["example.com", "*.example.com"]);
        for bad in ["example", "a b.com", "-a.com", "*", "a.*.com", ""] {
            assert!(check(bad, None).is_err(), "{bad}");
        }
    }
}
