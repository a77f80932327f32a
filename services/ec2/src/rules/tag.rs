//! What tags may be (EC2 user guide, "Tag restrictions").

use std::collections::BTreeMap;

use api_ec2::{Tag, TagSpecification};
use kernel::Result;

use crate::errors;
use crate::state::id::Id;
use crate::state::tag::{Tagged, Tags};

pub const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;
/// Keys that only AWS itself may set.
const RESERVED: &str = "aws:";

/// Tags as a request gives them.
///
/// # Errors
/// When a key is missing, reserved, too long or given twice, or a value is too long.
pub fn check(given: Vec<Tag>) -> Result<Tags> {
    let mut tags = Tags::new();
    for tag in given {
        let key = tag.key.ok_or_else(|| errors::missing("Tag.Key"))?;
        let value = tag.value.unwrap_or_default();
        check_key(&key)?;
        if value.chars().count() > VALUE_CHARS_MAX {
            return Err(errors::tag_value_long(VALUE_CHARS_MAX));
        }
        if let Some((key, _)) = tags.remove_entry(&key) {
            return Err(errors::tag_duplicate(&key));
        }
        tags.insert(key, value);
    }
    if tags.len() > TAGS_MAX {
        return Err(errors::tag_limit());
    }
    Ok(tags)
}

pub fn check_key(key: &str) -> Result<()> {
    if key.is_empty() {
        return Err(errors::tag_key_empty());
    }
    if key.chars().count() > KEY_CHARS_MAX {
        return Err(errors::tag_key_long(KEY_CHARS_MAX));
    }
    if key.to_ascii_lowercase().starts_with(RESERVED) {
        return Err(errors::tag_key_reserved());
    }
    Ok(())
}

/// Adds `new` to `tags`, replacing values.
///
/// # Errors
/// When there are too many then.
pub fn merge(mut tags: Tags, new: &Tags) -> Result<Tags> {
    tags.extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
    if tags.len() > TAGS_MAX { Err(errors::tag_limit()) } else { Ok(tags) }
}

/// The tags a request gives to what it makes, by resource type; only types in `allowed` are made.
///
/// # Errors
/// When a type is not, a specification is empty, or as [`check`].
pub fn of_specifications(
    given: Option<Vec<TagSpecification>>,
    allowed: &[&str],
) -> Result<BTreeMap<String, Tags>> {
    let mut by_type = BTreeMap::new();
    for specification in given.unwrap_or_default() {
        let resource_type = specification.resource_type.ok_or_else(errors::tag_type_missing)?;
        if !allowed.contains(&resource_type.as_str()) {
            return Err(errors::tag_type_not_allowed(&resource_type));
        }
        let tags = check(specification.tags.unwrap_or_default())?;
        if tags.is_empty() {
            return Err(errors::tag_specification_empty());
        }
        if by_type.insert(resource_type, tags).is_some() {
            return Err(errors::tag_type_twice());
        }
    }
    Ok(by_type)
}

/// Takes the tags that only AWS itself may set out of what a launch gives its instances, for callers that are AWS here.
pub fn take_reserved(given: &mut Option<Vec<TagSpecification>>) -> Tags {
    let mut taken = Tags::new();
    let Some(all) = given else { return taken };
    for one in all.iter_mut().filter(|one| one.resource_type.as_deref() == Some("instance")) {
        let is_reserved =
            |tag: &Tag| tag.key.as_ref().is_some_and(|key| key.to_ascii_lowercase().starts_with(RESERVED));
        let (reserved, others) = one.tags.take().unwrap_or_default().into_iter().partition(is_reserved);
        one.tags = Some(others);
        let reserved: Vec<Tag> = reserved;
        taken.extend(reserved.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))));
    }
    all.retain(|one| one.tags.as_ref().is_none_or(|tags| !tags.is_empty()));
    if all.is_empty() {
        *given = None;
    }
    taken
}

/// The tags a request gives to the one thing it makes.
///
/// # Errors
/// As [`of_specifications`].
pub fn of_one<I: Id>(given: Option<Vec<TagSpecification>>) -> Result<Tags> {
    Ok(of_specifications(given, &[I::RESOURCE])?.remove(I::RESOURCE).unwrap_or_default())
}

/// Tags as answers show them.
pub fn shown(tags: &Tags) -> Option<Vec<Tag>> {
    let show = |(key, value): (&String, &String)| Tag { key: Some(key.clone()), value: Some(value.clone()) };
    (!tags.is_empty()).then(|| tags.iter().map(show).collect())
}

/// One tag of one resource, as a listing of tags shows it.
pub struct Row<'a> {
    pub resource: &'a Tagged,
    pub key: &'a String,
    pub value: &'a String,
}

pub const FILTERS: &[&str] = &["key", "resource-id", "resource-type", "value"];

impl Row<'_> {
    /// What it has under the name of a filter.
    pub fn values(&self, name: &str) -> Vec<String> {
        vec![match name {
            "key" => self.key.clone(),
            "resource-id" => self.resource.id.clone(),
            "resource-type" => self.resource.resource_type.clone(),
            "value" => self.value.clone(),
            _ => return Vec::new(),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) }
    }

    #[test]
    fn tags_are_checked() {
        assert!(check(vec![tag("a", ""), tag("A", "x")]).is_ok());
        let long = "k".repeat(129);
        let bad = [
            vec![tag("", "x")],
            vec![tag("aws:x", "x")],
            vec![tag("AWS:x", "x")],
            vec![tag(&long, "x")],
            vec![tag("k", &"v".repeat(257))],
            vec![tag("k", "1"), tag("k", "2")],
        ];
        for tags in bad {
            assert_eq!(check(tags).unwrap_err().code(), "InvalidParameterValue");
        }
        let many = (0..51).map(|n| tag(&n.to_string(), "")).collect();
        assert_eq!(check(many).unwrap_err().code(), "TagLimitExceeded");
    }

    #[test]
    fn specifications_name_what_is_made() {
        let given =
            |kind: &str, tags| TagSpecification { resource_type: Some(kind.to_owned()), tags: Some(tags) };
        let read = of_specifications(Some(vec![given("volume", vec![tag("a", "b")])]), &["volume"]).unwrap();
        assert_eq!(read["volume"]["a"], "b");
        for bad in [given("instance", vec![tag("a", "b")]), given("volume", Vec::new())] {
            assert!(of_specifications(Some(vec![bad]), &["volume"]).is_err());
        }
    }
}
