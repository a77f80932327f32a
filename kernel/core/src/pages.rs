//! Pagination tokens: opaque to the client, and worth nothing when altered or used elsewhere.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ctx::Ctx;

/// Bytes of the seal: half of an HMAC-SHA-256.
const SEAL_BYTES: usize = 16;
const TOKEN_BYTES_MAX: usize = 2_048;

impl Ctx {
    /// A token that says `position` to the same operation in the same scope.
    pub fn seal_page(&self, operation: &str, position: &[u8]) -> String {
        let seal = self.page_seal(operation, position);
        let sealed = [seal.as_ref().get(..SEAL_BYTES).unwrap_or_default(), position].concat();
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// What [`Ctx::seal_page`] was given; `None` when the token is not one of ours, of this operation and scope.
    pub fn open_page(&self, operation: &str, token: &str) -> Option<Vec<u8>> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (seal, position) = sealed.split_at_checked(SEAL_BYTES)?;
        let expected = self.page_seal(operation, position);
        let expected = expected.as_ref().get(..SEAL_BYTES)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(seal, expected).ok()?;
        Some(position.to_vec())
    }

    /// A page of what is whole in memory, in its order: at most `size` of it behind where `token` leads, or from the first
    /// on without one; and the token of the next page. `None` when the token is not one of this operation and scope.
    pub fn cut_page<T>(
        &self,
        operation: &str,
        all: Vec<T>,
        token: Option<&str>,
        size: usize,
    ) -> Option<(Vec<T>, Option<String>)> {
        let from = match token.filter(|token| !token.is_empty()) {
            None => 0,
            Some(token) => {
                let position = self.open_page(operation, token)?.try_into().ok()?;
                usize::try_from(u64::from_be_bytes(position)).unwrap_or(usize::MAX)
            }
        };
        let count = all.len();
        let page: Vec<T> = all.into_iter().skip(from).take(size).collect();
        let end = from.saturating_add(page.len());
        let position = u64::try_from(end).unwrap_or(u64::MAX).to_be_bytes();
        // A page of nothing leads nowhere.
        let goes_on = end < count && !page.is_empty();
        Some((page, goes_on.then(|| self.seal_page(operation, &position))))
    }

    fn page_seal(&self, operation: &str, position: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(self.house().seal_key());
        for part in [operation, &self.account().to_string(), self.region().as_str()] {
            context.update(part.as_bytes());
            context.update(&[0]);
        }
        context.update(position);
        context.sign()
    }
}
