//! Tags of buckets and objects (S3 user guide, "Categorizing your objects using tags").

use std::collections::{BTreeMap, BTreeSet};

use api_s3::{Tag, Tagging};
use kernel::Result;

use crate::errors;

pub type Tags = BTreeMap<String, String>;

pub const OBJECT_TAGS_MAX: usize = 10;
pub const BUCKET_TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// Reads the header `x-amz-tagging`, `a=b&c=d`.
///
/// # Errors
/// *InvalidArgument*, *InvalidTag*.
pub fn from_header(header: &str) -> Result<Tags> {
    let pairs = form_urlencoded::parse(header.as_bytes());
    let mut keys = BTreeSet::new();
    if !pairs.clone().all(|(key, _)| keys.insert(key)) {
        return Err(errors::tags_twice(header));
    }
    let tags = pairs.map(|(key, value)| Tag { key: key.into_owned(), value: value.into_owned() });
    collect(tags, OBJECT_TAGS_MAX)
}

/// Reads a tag set of at most `max` tags.
///
/// # Errors
/// *InvalidTag*, *BadRequest*-like refusals in S3's words.
pub fn from_set(tagging: Tagging, max: usize) -> Result<Tags> {
    collect(tagging.tag_set.into_iter(), max)
}

fn collect(tags: impl Iterator<Item = Tag>, max: usize) -> Result<Tags> {
    let mut all = Tags::new();
    for Tag { key, value } in tags {
        check(&key, &value)?;
        if all.insert(key, value).is_some() {
            return Err(errors::invalid_tag("Cannot provide multiple Tags with the same key"));
        }
        if all.len() > max {
            return Err(match max {
                OBJECT_TAGS_MAX => errors::too_many_tags("Object tags cannot be greater than 10"),
                _ => errors::too_many_tags("Bucket tag count cannot be greater than 50"),
            });
        }
    }
    Ok(all)
}

fn check(key: &str, value: &str) -> Result<()> {
    let allowed = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    if key.is_empty() || key.chars().count() > KEY_CHARS_MAX || !key.chars().all(allowed) {
        return Err(errors::invalid_tag("The TagKey you have provided is invalid"));
    }
    if value.chars().count() > VALUE_CHARS_MAX || !value.chars().all(allowed) {
        return Err(errors::invalid_tag("The TagValue you have provided is invalid"));
    }
    if key.starts_with("aws:") {
        return Err(errors::invalid_tag("System tags cannot be added/updated by requester"));
    }
    Ok(())
}

/// Tags as an answer lists them.
pub fn shown(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_tags() {
        let tags = from_header("a=b&c%20d=e%2Bf&g=").unwrap();
        assert_eq!(tags.get("c d").map(String::as_str), Some("e+f"));
        assert_eq!(tags.get("g").map(String::as_str), Some(""));
        assert_eq!(from_header("a=b&a=c").unwrap_err().code(), "InvalidArgument");
        let eleven: Vec<_> = (0..11).map(|n| format!("k{n}=v")).collect();
        for bad in ["a=b&a=c", "=b", "aws:a=b", "a=%00", &eleven.join("&"), &format!("{}=b", "k".repeat(129))]
        {
            assert!(from_header(bad).is_err(), "{bad}");
        }
    }
}
