//! Tags of groups.

use std::collections::BTreeMap;

use kernel::Result;

use crate::errors;

pub type Tags = BTreeMap<String, String>;

const TAGS_MAX: usize = 50;
const VALUE_CHARACTERS_MAX: usize = 256;

/// Adds tags to those there are.
///
/// # Errors
/// When there are too many, a value is too long, or a key is reserved.
pub fn add(tags: &mut Tags, more: &Tags) -> Result<()> {
    for (key, value) in more {
        if key.is_empty() || key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:")) {
            return Err(errors::invalid(format!("Invalid tag key: {key}")));
        }
        if value.chars().count() > VALUE_CHARACTERS_MAX {
            return Err(errors::invalid(format!("The value of tag {key} is too long.")));
        }
        tags.insert(key.clone(), value.clone());
    }
    match tags.len() {
        ..=TAGS_MAX => Ok(()),
        _ => Err(errors::too_many_tags(TAGS_MAX)),
    }
}

pub fn pairs(tags: Option<&Tags>) -> impl Iterator<Item = (&str, &str)> {
    tags.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}
