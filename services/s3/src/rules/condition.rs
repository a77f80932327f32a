//! Conditional reads and writes (RFC 9110, section 13; S3 user guide, "Conditional requests").

use kernel::{Millis, Result};
use shape::Timestamp;

use super::time::{self, seconds};
use crate::errors;

/// What a read asks of the object it finds.
#[derive(Debug, Default)]
pub struct Read<'a> {
    pub if_match: Option<&'a str>,
    pub if_none_match: Option<&'a str>,
    pub if_modified_since: Option<Timestamp>,
    pub if_unmodified_since: Option<Timestamp>,
}

/// The read conditions of an input.
#[macro_export]
macro_rules! read_conditions {
    ($input:expr) => {
        $crate::rules::condition::Read {
            if_match: $input.if_match.as_deref(),
            if_none_match: $input.if_none_match.as_deref(),
            if_modified_since: $input.if_modified_since,
            if_unmodified_since: $input.if_unmodified_since,
        }
    };
}

impl Read<'_> {
    /// An entity tag says more than a date: where both are given, the date is not asked.
    ///
    /// # Errors
    /// *PreconditionFailed*, *NotModified*.
    pub fn check(&self, etag: &str, modified_at: Millis) -> Result<()> {
        let modified = seconds(modified_at);
        let unmodified_since = |since: Timestamp| modified <= since.seconds;
        match (self.if_match, self.if_unmodified_since) {
            (Some(tags), _) if !matches(tags, etag) => return Err(errors::precondition_failed("If-Match")),
            (None, Some(since)) if !unmodified_since(since) => {
                return Err(errors::precondition_failed("If-Unmodified-Since"));
            }
            _ => {}
        }
        match (self.if_none_match, self.if_modified_since) {
            (Some(tags), _) if matches(tags, etag) => Err(errors::not_modified()),
            (None, Some(since)) if unmodified_since(since) => Err(errors::not_modified()),
            _ => Ok(()),
        }
    }

    /// The same for the source of a copy, which has no *not modified*.
    ///
    /// # Errors
    /// *PreconditionFailed*.
    pub fn check_copy(&self, etag: &str, modified_at: Millis) -> Result<()> {
        let positive = Self { if_none_match: None, if_modified_since: None, ..*self };
        let condition = match (positive.check(etag, modified_at), self.if_match, self.if_none_match) {
            (Err(_), Some(_), _) => "x-amz-copy-source-If-Match",
            (Err(_), None, _) => "x-amz-copy-source-If-Unmodified-Since",
            (Ok(()), _, Some(_)) => "x-amz-copy-source-If-None-Match",
            (Ok(()), _, None) => "x-amz-copy-source-If-Modified-Since",
        };
        self.check(etag, modified_at).map_err(|_| errors::precondition_failed(condition))
    }
}

/// What a write asks of the object in its place.
#[derive(Clone, Debug, Default)]
pub struct Write {
    pub if_match: Option<String>,
    pub if_none_match: Option<String>,
}

impl Write {
    /// # Errors
    /// *NotImplemented* for an `If-None-Match` of something else than `*`, as with S3.
    pub fn new(if_match: Option<String>, if_none_match: Option<String>) -> Result<Self> {
        match if_none_match.as_deref() {
            None | Some("*") => Ok(Self { if_match, if_none_match }),
            Some(_) => Err(errors::unserved_header("If-None-Match")),
        }
    }

    /// `current` is the entity tag of the object in the place, if there is one.
    ///
    /// # Errors
    /// *PreconditionFailed*; *NoSuchKey* when something must be there and is not.
    pub fn check(&self, key: &str, current: Option<&str>) -> Result<()> {
        if self.if_none_match.is_some() && current.is_some() {
            return Err(errors::precondition_failed("If-None-Match"));
        }
        match (&self.if_match, current) {
            (Some(_), None) => Err(errors::no_such_key(key)),
            (Some(tags), Some(etag)) if !matches(tags, etag) => Err(errors::precondition_failed("If-Match")),
            _ => Ok(()),
        }
    }
}

/// Whether what `If-Range` tells of an object, a strong entity tag or the date it was last modified, is true of it.
pub fn is_still(validator: &str, etag: &str, modified_at: Millis) -> bool {
    let validator = validator.trim();
    let date = || time::to_http(time::shown(modified_at));
    validator.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(etag)
        || date().is_some_and(|date| date == validator)
}

/// Whether a header's list of entity tags names this one. `*` names any.
pub fn matches(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || tag.trim_matches('"') == etag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(read: &Read<'_>) -> &'static str {
        read.check("abc", 10_500).err().map_or("", |error| error.code())
    }

    #[test]
    fn reads() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let none = Read::default;
        assert_eq!(code(&none()), "");
        assert_eq!(code(&Read { if_match: Some("\"abc\""), ..none() }), "");
        assert_eq!(code(&Read { if_match: Some("x, \"abc\""), ..none() }), "");
        assert_eq!(code(&Read { if_match: Some("x"), ..none() }), "PreconditionFailed");
        assert_eq!(code(&Read { if_none_match: Some("*"), ..none() }), "NotModified");
        assert_eq!(code(&Read { if_none_match: Some("x"), ..none() }), "");
        assert_eq!(code(&Read { if_modified_since: at(10), ..none() }), "NotModified");
        assert_eq!(code(&Read { if_modified_since: at(9), ..none() }), "");
        assert_eq!(code(&Read { if_unmodified_since: at(9), ..none() }), "PreconditionFailed");
        assert_eq!(code(&Read { if_unmodified_since: at(10), ..none() }), "");
        // The tag decides where both are given.
        assert_eq!(code(&Read { if_match: Some("abc"), if_unmodified_since: at(9), ..none() }), "");
        assert_eq!(
            code(&Read { if_none_match: Some("abc"), if_modified_since: at(9), ..none() }),
            "NotModified"
        );
        assert_eq!(code(&Read { if_none_match: Some("x"), if_modified_since: at(10), ..none() }), "");
    }

    #[test]
    fn ranges_of_what_is_still_the_same() {
        for (validator, still) in [
            ("\"abc\"", true),
            ("W/\"abc\"", false),
            ("\"x\"", false),
            ("abc", false),
            ("Thu, 01 Jan 1970 00:00:10 GMT", true),
            ("Thu, 01 Jan 1970 00:00:11 GMT", false),
            ("", false),
        ] {
            assert_eq!(is_still(validator, "abc", 10_500), still, "{validator}");
        }
    }

    #[test]
    fn writes() {
        let code = |if_match: Option<&str>, if_none_match: Option<&str>, current| {
            let write = Write::new(if_match.map(str::to_owned), if_none_match.map(str::to_owned)).unwrap();
            write.check("k", current).err().map_or("", |error| error.code())
        };
        assert_eq!(code(None, Some("*"), None), "");
        assert_eq!(code(None, Some("*"), Some("abc")), "PreconditionFailed");
        assert_eq!(code(Some("\"abc\""), None, Some("abc")), "");
        assert_eq!(code(Some("x"), None, Some("abc")), "PreconditionFailed");
        assert_eq!(code(Some("x"), None, None), "NoSuchKey");
        assert!(Write::new(None, Some("abc".to_owned())).is_err());
    }
}
