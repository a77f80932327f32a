//! How names look in answers when a client asks for `encoding-type=url`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use kernel::Result;

use crate::errors;

const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/').remove(b'*').remove(b'~');

/// How names are written in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Plain,
    Url,
}

impl Encoding {
    /// # Errors
    /// *InvalidArgument* for anything but `url`.
    pub fn parse(given: Option<&str>) -> Result<Self> {
        match given {
            None => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(other) => {
                Err(errors::argument("encoding-type", other, "Invalid Encoding Method specified in Request"))
            }
        }
    }

    pub fn write(self, name: &str) -> String {
        match self {
            Self::Plain => name.to_owned(),
            Self::Url => utf8_percent_encode(name, ENCODED).to_string(),
        }
    }

    /// The member of an answer that says so.
    pub fn member(self) -> Option<String> {
        (self == Self::Url).then(|| "url".to_owned())
    }
}

/// A key in a notice, as forms are written.
pub fn form(key: &str) -> String {
    Encoding::Url.write(key).replace("%20", "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_stay() {
        assert_eq!(Encoding::Url.write("a b/ü+"), "a%20b/%C3%BC%2B");
        assert_eq!(Encoding::Plain.write("a b"), "a b");
        assert!(Encoding::parse(Some("gzip")).is_err());
    }
}
