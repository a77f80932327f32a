//! What a client says of an object's bytes, kept and given back as it was said.

use std::collections::BTreeMap;

use kernel::Result;
use serde::{Deserialize, Serialize};

use crate::errors;

/// Bytes of names and values of user metadata at most.
const METADATA_BYTES_MAX: usize = 2 * 1_024;

/// Bytes of `x-amz-website-redirect-location` at most.
const REDIRECT_BYTES_MAX: usize = 2 * 1_024;

/// The storage class of what says nothing else.
pub const STANDARD: &str = "STANDARD";

const STORAGE_CLASSES: [&str; 8] = [
    STANDARD,
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
];

/// Headers stored with an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Headers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website_redirect_location: Option<String>,
    /// User metadata, names in lower case.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// The headers an input brings for the object it makes.
#[macro_export]
macro_rules! headers_of {
    ($input:expr) => {
        $crate::rules::headers::Headers {
            content_type: $input.content_type.take(),
            content_encoding: $crate::rules::headers::without_chunks($input.content_encoding.take()),
            content_language: $input.content_language.take(),
            content_disposition: $input.content_disposition.take(),
            cache_control: $input.cache_control.take(),
            expires: $input.expires.take(),
            website_redirect_location: $input.website_redirect_location.take(),
            metadata: $input.metadata.take().unwrap_or_default(),
        }
    };
}

impl Headers {
    /// # Errors
    /// *MetadataTooLarge*, *InvalidArgument*.
    pub fn check(&self) -> Result<()> {
        let bytes: usize = self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > METADATA_BYTES_MAX {
            return Err(errors::metadata_too_large(bytes, METADATA_BYTES_MAX));
        }
        match self.website_redirect_location.as_deref() {
            Some(to) if to.len() > REDIRECT_BYTES_MAX => {
                let message = "The length of website redirect location cannot exceed 2,048 characters.";
                Err(errors::argument("x-amz-website-redirect-location", to, message))
            }
            Some(to) if !["/", "http://", "https://"].iter().any(|head| to.starts_with(head)) => {
                let message =
                    "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.";
                Err(errors::invalid_argument(message))
            }
            _ => Ok(()),
        }
    }
}

/// `aws-chunked` says how a request came, not what the object is.
pub fn without_chunks(encoding: Option<String>) -> Option<String> {
    let encoding = encoding?;
    let kept: Vec<_> = encoding.split(',').map(str::trim).filter(|name| *name != "aws-chunked").collect();
    let kept = kept.join(", ");
    (!kept.is_empty()).then_some(kept)
}

/// # Errors
/// *InvalidStorageClass*.
pub fn storage_class(given: Option<String>) -> Result<Option<String>> {
    match given {
        Some(class) if !STORAGE_CLASSES.contains(&class.as_str()) => Err(errors::invalid_storage_class()),
        Some(class) if class == "STANDARD" => Ok(None),
        class => Ok(class),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_of_the_request_are_not_the_objects() {
        let kept = |text: &str| without_chunks(Some(text.to_owned()));
        assert_eq!(kept("aws-chunked"), None);
        assert_eq!(kept("gzip, aws-chunked").as_deref(), Some("gzip"));
        assert_eq!(kept("gzip").as_deref(), Some("gzip"));
    }

    #[test]
    fn metadata_has_an_end() {
        let of = |length| Headers {
            metadata: [("k".to_owned(), "v".repeat(length))].into(),
            ..Headers::default()
        };
        assert!(of(2_047).check().is_ok());
        assert_eq!(of(2_048).check().unwrap_err().code(), "MetadataTooLarge");
        let redirect = |length: usize| Headers {
            website_redirect_location: Some(format!("/{}", "r".repeat(length - 1))),
            ..Headers::default()
        };
        assert!(redirect(2_048).check().is_ok());
        assert_eq!(redirect(2_049).check().unwrap_err().code(), "InvalidArgument");
    }
}
