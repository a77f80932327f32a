//! Tags of sessions: passed, and inherited from the session that makes another.

use api_sts::Tag;
use kernel::{Result, SessionGrant};

use crate::errors;

const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// Keys and values.
pub type Tags = Vec<(String, String)>;

/// As the access line takes them.
pub fn pairs(tags: Option<&[Tag]>) -> impl Iterator<Item = (&str, &str)> {
    tags.unwrap_or_default().iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

/// # Errors
/// When a key comes twice, in whatever case, or is AWS's.
pub fn check(tags: Option<Vec<Tag>>) -> Result<Tags> {
    let tags = tags.unwrap_or_default();
    let mut keys: Vec<String> = tags.iter().map(|tag| tag.key.to_lowercase()).collect();
    if keys.iter().any(|key| key.starts_with("aws:")) {
        return Err(errors::system_tag());
    }
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(errors::duplicate_tags());
    }
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// Tags that a provider tells of: the model bounds only those that a request bears.
///
/// # Errors
/// As [`check`], and when there are too many, or one is too long.
pub fn check_told(tags: Vec<Tag>) -> Result<Tags> {
    let fits = |tag: &Tag| {
        (1..=KEY_CHARS_MAX).contains(&tag.key.chars().count()) && tag.value.chars().count() <= VALUE_CHARS_MAX
    };
    if tags.len() > TAGS_MAX || !tags.iter().all(fits) {
        return Err(errors::bad_told_tags());
    }
    check(Some(tags))
}

/// The tags of a session, and the keys of those it hands on: what is passed, and what is handed on to it.
///
/// # Errors
/// When a key to hand on has no tag, or a tag is passed that was handed on.
pub fn inherit(
    passed: Tags,
    handed_on: Option<&[String]>,
    before: Option<&SessionGrant>,
) -> Result<(Tags, Vec<String>)> {
    let mut transitive = handed_on.unwrap_or_default().to_vec();
    let is_in = |keys: &[String], key: &str| keys.iter().any(|known| known.eq_ignore_ascii_case(key));
    let names: Vec<String> = passed.iter().map(|(key, _)| key.clone()).collect();
    if transitive.iter().any(|key| !is_in(&names, key)) {
        return Err(errors::transitive_without_tag());
    }
    let mut tags = passed;
    if let Some(before) = before {
        if names.iter().any(|name| is_in(&before.transitive, name)) {
            return Err(errors::tag_is_inherited());
        }
        tags.extend(before.tags.iter().filter(|(key, _)| is_in(&before.transitive, key)).cloned());
        transitive.extend(before.transitive.iter().cloned());
    }
    Ok((tags, transitive))
}

#[cfg(test)]
mod tests {
    use kernel::SessionOf;

    use super::*;

    fn tag(key: &str) -> (String, String) {
        (key.to_owned(), "v".to_owned())
    }

    #[test]
    fn keys_come_once_in_any_case() {
        let given = |keys: &[&str]| {
            check(Some(keys.iter().map(|key| Tag { key: (*key).into(), value: "v".into() }).collect()))
        };
        assert_eq!(given(&["a", "b"]).unwrap().len(), 2);
        assert!(given(&["a", "A"]).unwrap_err().message().starts_with("Duplicate"));
        assert!(given(&["Aws:a"]).is_err());
    }

    #[test]
    fn what_a_provider_tells_is_bounded() {
        let told = |key: &str, value: &str| vec![Tag { key: key.into(), value: value.into() }];
        assert_eq!(check_told(told("a", "")).unwrap().len(), 1);
        for bad in
            [told("", "x"), told(&"k".repeat(129), "x"), told("a", &"v".repeat(257)), told("aws:a", "x")]
        {
            assert!(check_told(bad).is_err());
        }
        let many = |n: usize| (0..n).map(|n| Tag { key: n.to_string(), value: "v".into() }).collect();
        assert_eq!(check_told(many(TAGS_MAX)).unwrap().len(), TAGS_MAX);
        assert!(check_told(many(TAGS_MAX + 1)).is_err());
    }

    #[test]
    fn what_is_handed_on_stays_as_it_is() {
        let mut before = SessionGrant::new("111122223333".parse().unwrap(), SessionOf::Root, 0, 1);
        before.tags = vec![tag("kept"), tag("lost")];
        before.transitive = vec!["Kept".to_owned()];
        let (tags, transitive) = inherit(vec![tag("new")], None, Some(&before)).unwrap();
        assert_eq!(tags, [tag("new"), tag("kept")]);
        assert_eq!(transitive, ["Kept"]);
        assert!(inherit(vec![tag("kept")], None, Some(&before)).is_err());
        assert!(inherit(vec![], Some(&["x".to_owned()]), None).is_err());
        assert_eq!(inherit(vec![tag("X")], Some(&["x".to_owned()]), None).unwrap().1, ["x"]);
    }
}
