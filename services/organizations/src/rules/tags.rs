//! Tags: at most fifty, none of AWS's own.

use std::collections::BTreeMap;

use api_organizations::Tag;
use kernel::Result;

use crate::errors;

const TAGS_MAX: usize = 50;

/// Adds tags to those there are.
///
/// # Errors
/// When a key comes twice or is AWS's, or there are too many.
pub fn add(tags: &mut BTreeMap<String, String>, more: &[Tag]) -> Result<()> {
    let mut keys: Vec<&str> = more.iter().map(|tag| tag.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.len() < more.len() {
        return Err(errors::invalid("DUPLICATE_TAG_KEY", "You provided the same tag key more than once."));
    }
    for tag in more {
        if tag.key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:")) {
            return Err(errors::invalid(
                "INVALID_SYSTEM_TAGS_PARAMETER",
                "Tag keys that start with aws: are reserved.",
            ));
        }
        tags.insert(tag.key.clone(), tag.value.clone());
    }
    if tags.len() > TAGS_MAX {
        return Err(errors::constraint("MAX_TAG_LIMIT_EXCEEDED", "A resource has at most 50 tags."));
    }
    Ok(())
}

pub fn shown(tags: Option<&BTreeMap<String, String>>) -> Vec<Tag> {
    let pairs = tags.into_iter().flatten();
    pairs.map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}
