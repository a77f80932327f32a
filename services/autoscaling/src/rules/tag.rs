//! Tags of groups.

use api_autoscaling as api;
use kernel::Result;

use crate::errors;

/// Tags of one group.
pub const TAGS_MAX: usize = 50;
pub const RESOURCE_TYPE: &str = "auto-scaling-group";

/// A tag as it is kept: with everything said.
pub fn complete(tag: &api::Tag, group: &str) -> api::Tag {
    api::Tag {
        resource_id: Some(group.to_owned()),
        resource_type: Some(RESOURCE_TYPE.to_owned()),
        key: tag.key.clone(),
        value: Some(tag.value.clone().unwrap_or_default()),
        propagate_at_launch: Some(tag.propagate_at_launch.unwrap_or_default()),
    }
}

/// # Errors
/// Too many, a key that is reserved or comes twice, or another kind of resource.
pub fn check(tags: &[api::Tag]) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(errors::validation(format!("A group can have at most {TAGS_MAX} tags.")));
    }
    for (at, tag) in tags.iter().enumerate() {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(errors::validation("aws: prefixed tag key names are not allowed for external use."));
        }
        let kind = tag.resource_type.as_deref().unwrap_or(RESOURCE_TYPE);
        if kind != RESOURCE_TYPE {
            return Err(errors::validation(format!(
                "The resource type {kind} is not supported; it must be {RESOURCE_TYPE}."
            )));
        }
        let same = |other: &api::Tag| other.key == tag.key && other.resource_id == tag.resource_id;
        if tags.iter().skip(at + 1).any(same) {
            return Err(errors::validation(format!("Duplicate keys are not allowed: {}", tag.key)));
        }
    }
    Ok(())
}

/// Tags that come with a group are its own.
///
/// # Errors
/// One that names another.
pub fn check_group(tags: &[api::Tag], group: &str) -> Result<()> {
    let others = |tag: &&api::Tag| tag.resource_id.as_deref().is_some_and(|id| id != group);
    match tags.iter().find(others) {
        Some(tag) => Err(errors::validation(format!(
            "The tag {} must have the ResourceId {group}, the name of the Auto Scaling group.",
            tag.key
        ))),
        None => Ok(()),
    }
}

/// Keys and values, for policies.
pub fn pairs(tags: Option<&[api::Tag]>) -> impl Iterator<Item = (&str, &str)> {
    tags.unwrap_or_default().iter().map(|tag| (&*tag.key, tag.value.as_deref().unwrap_or_default()))
}
