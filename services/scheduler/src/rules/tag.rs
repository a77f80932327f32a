//! Tags of groups.

use std::collections::BTreeMap;

use api_scheduler::Tag;
use kernel::Result;

use crate::errors;

pub type Tags = BTreeMap<String, String>;

const TAGS_MAX: usize = 50;

/// Adds tags to those there are.
///
/// # Errors
/// When there are too many, or a key is reserved.
pub fn add(tags: &mut Tags, more: Option<Vec<Tag>>) -> Result<()> {
    for Tag { key, value } in more.into_iter().flatten() {
        if key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("aws:")) {
            return Err(errors::validation("aws: prefixed tag key names are not allowed for external use."));
        }
        tags.insert(key, value);
    }
    match tags.len() {
        ..=TAGS_MAX => Ok(()),
        _ => Err(errors::quota(format!("A schedule group can have at most {TAGS_MAX} tags."))),
    }
}

pub fn pairs(tags: &Option<Vec<Tag>>) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().flatten().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

pub fn shown(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}
