//! Tags of a queue: names and how many.

use std::collections::BTreeMap;

use kernel::Result;

use crate::errors;

const TAGS_MAX: usize = 50;
const KEY_MAX: usize = 128;
const VALUE_MAX: usize = 256;

/// Refuses tags that no queue may have.
pub fn check(tags: &BTreeMap<String, String>) -> Result<()> {
    for (key, value) in tags {
        if !(1..=KEY_MAX).contains(&key.chars().count()) {
            return Err(errors::invalid("Tag keys must be between 1 and 128 characters in length."));
        }
        if key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:")) {
            return Err(errors::invalid("Tag keys cannot begin with aws:."));
        }
        if value.chars().count() > VALUE_MAX {
            return Err(errors::invalid("Tag values must be between 0 and 256 characters in length."));
        }
    }
    Ok(())
}

/// As the gate is told of them.
pub fn pairs(tags: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// Adds tags to those there are.
pub fn add(queue: &str, tags: &mut BTreeMap<String, String>, more: BTreeMap<String, String>) -> Result<()> {
    tags.extend(more);
    if tags.len() > TAGS_MAX {
        return Err(errors::invalid(format!("Too many tags added for queue {queue}.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_bounded() {
        let tags = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        assert!(check(&tags("a", "")).is_ok());
        assert!(check(&tags("", "x")).is_err());
        assert!(check(&tags(&"k".repeat(129), "x")).is_err());
        assert!(check(&tags("AWS:x", "x")).is_err());
        assert!(check(&tags("a", &"v".repeat(257))).is_err());
        let mut all: BTreeMap<_, _> = (0..50).map(|n| (n.to_string(), String::new())).collect();
        assert!(add("q", &mut all, tags("0", "again")).is_ok());
        assert!(add("q", &mut all, tags("one more", "")).is_err());
    }
}
