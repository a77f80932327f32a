//! How keys are listed: in order of their bytes, those with a common beginning rolled up into one entry.

use kernel::Result;

use crate::errors;

/// Entries of a page at most.
pub const PAGE_MAX: i32 = 1_000;

/// The entries a page may have. More than a thousand are asked for in vain, as with S3.
///
/// # Errors
/// *InvalidArgument*.
pub fn page_size(given: Option<i32>, parameter: &str) -> Result<usize> {
    match given.unwrap_or(PAGE_MAX) {
        n @ 0.. => Ok(usize::try_from(n.min(PAGE_MAX)).unwrap_or_default()),
        n => {
            let message = format!("Argument {parameter} must be an integer between 0 and 2147483647");
            Err(errors::argument(parameter, &n.to_string(), message))
        }
    }
}

/// The beginning that `key` shares with others: up to and with the first delimiter behind the prefix.
pub fn common_prefix<'k>(key: &'k str, prefix: &str, delimiter: Option<&str>) -> Option<&'k str> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let at = key.get(prefix.len()..)?.find(delimiter)?;
    key.get(..prefix.len() + at + delimiter.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_rolled_up_behind_the_prefix() {
        assert_eq!(common_prefix("a/b/c", "", Some("/")), Some("a/"));
        assert_eq!(common_prefix("a/b/c", "a/", Some("/")), Some("a/b/"));
        assert_eq!(common_prefix("a/b", "a/", Some("/")), None);
        assert_eq!(common_prefix("a//b", "a/", Some("/")), Some("a//"));
        assert_eq!(common_prefix("axxb", "a", Some("xx")), Some("axx"));
        assert_eq!(common_prefix("a/b", "", None), None);
        assert_eq!(common_prefix("a/b", "", Some("")), None);
    }

    #[test]
    fn pages_have_sizes() {
        assert_eq!(page_size(None, "max-keys").unwrap(), 1_000);
        assert_eq!(page_size(Some(5_000), "max-keys").unwrap(), 1_000);
        assert_eq!(page_size(Some(0), "max-keys").unwrap(), 0);
        assert!(page_size(Some(-1), "max-keys").is_err());
    }
}
