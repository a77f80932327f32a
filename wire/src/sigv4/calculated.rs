//! What a signature that does not match would have been made of.

use super::canonical::hex;
use crate::detail::Detail;

/// What a signature would have been made of, for who wants to know why theirs is another. All of it came with the request.
#[derive(Debug)]
pub struct Calculated {
    pub(super) access_key: String,
    pub(super) provided: String,
    pub(super) to_sign: Vec<u8>,
    /// Only of version 4.
    pub(super) canonical: Option<Vec<u8>>,
}

impl Calculated {
    pub(super) fn detail(self) -> Detail {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Detail {
            access_key: Some(self.access_key),
            string_to_sign: Some(text(&self.to_sign)),
            signature_provided: Some(self.provided),
            string_to_sign_bytes: Some(dump(&self.to_sign)),
            canonical_request: self.canonical.as_deref().map(text),
            canonical_request_bytes: self.canonical.as_deref().map(dump),
            ..Detail::default()
        }
    }
}

/// `47 45 54`
fn dump(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| hex(&[*byte])).collect::<Vec<_>>().join(" ")
}
