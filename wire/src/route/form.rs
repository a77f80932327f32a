//! Single values out of forms and query strings, without reading the rest.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The first value of `key` in `a=1&b=2`, decoded; `None` when it is absent or not text.
pub fn form_value<'f>(form: &'f [u8], key: &str) -> Option<Cow<'f, str>> {
    form.split(|byte| *byte == b'&').find_map(|pair| {
        let value = pair.strip_prefix(key.as_bytes())?.strip_prefix(b"=")?;
        decode(value)
    })
}

/// Blanks and percent signs undone; `None` when the outcome is not UTF-8.
pub(super) fn decode(text: &[u8]) -> Option<Cow<'_, str>> {
    if text.contains(&b'+') {
        let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        return Some(Cow::Owned(percent_decode(&spaced).decode_utf8().ok()?.into_owned()));
    }
    percent_decode(text).decode_utf8().ok()
}
