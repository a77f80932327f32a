//! The canonical request and the string to sign: the two texts that client and server must agree on, byte for byte.
//!
//! Source: "Create a signed AWS API request", IAM user guide.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::presented::{ALGORITHM, Presented};
use super::refusal::Refusal;

/// Most headers a signature may cover.
const SIGNED_HEADERS_MAX: usize = 100;

/// The canonical request, whose digest is signed. `payload` is the last line: a digest or the name of a mode.
pub(super) fn request(
    parts: &Parts,
    presented: &Presented<'_>,
    form: PathForm,
    payload: &str,
) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(1_024);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b'\n');
    path(parts.uri.path(), form, &mut out);
    out.push(b'\n');
    if let Some(query_text) = parts.uri.query() {
        query(query_text, presented.is_presigned(), &mut out);
    }
    out.push(b'\n');
    headers(parts, &presented.signed_headers, &mut out)?;
    out.push(b'\n');
    out.extend_from_slice(presented.signed_headers.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload.as_bytes());
    Ok(out)
}

/// Algorithm, instant, scope and the digest of the canonical request.
pub(super) fn string_to_sign(at: &str, scope: &str, canonical: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    for line in [ALGORITHM, at, scope] {
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    push_hex(digest(&SHA256, canonical).as_ref(), &mut out);
    out
}

/// The ways clients write the path they sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathForm {
    /// Without `.`, `..` and empty segments, and what is encoded already encoded again: all but object stores.
    Normal,
    /// Byte for byte.
    AsSent,
    /// Decoded, and encoded the one right way.
    Reencoded,
}

pub(super) fn path(raw: &str, form: PathForm, out: &mut Vec<u8>) {
    match form {
        PathForm::AsSent => out.extend_from_slice(raw.as_bytes()),
        PathForm::Reencoded => {
            let decoded: Cow<'_, [u8]> = percent_decode_str(raw).into();
            encode(&decoded, true, out);
        }
        PathForm::Normal if !raw.contains("//") && !raw.contains("/.") => encode(raw.as_bytes(), true, out),
        PathForm::Normal => {
            let mut kept: Vec<&str> = Vec::new();
            for segment in raw.split('/') {
                match segment {
                    "" | "." => {}
                    ".." => {
                        kept.pop();
                    }
                    other => kept.push(other),
                }
            }
            for segment in &kept {
                out.push(b'/');
                encode(segment.as_bytes(), false, out);
            }
            let folder = ["/", "/.", "/.."].iter().any(|end| raw.ends_with(end));
            if kept.is_empty() || folder {
                out.push(b'/');
            }
        }
    }
    if raw.is_empty() {
        out.push(b'/');
    }
}

/// Parameters decoded, encoded the one right way, and sorted by name, then value.
fn query(raw: &str, presigned: bool, out: &mut Vec<u8>) {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| !(presigned && *name == "X-Amz-Signature"))
        .map(|(name, value)| (reencode(name), reencode(value)))
        .collect();
    pairs.sort_unstable();
    for (i, (name, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

fn reencode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    // A plus is a blank to those who read forms, and they are many.
    let blanks = if text.contains('+') { text.replace('+', "%20").into() } else { Cow::Borrowed(text) };
    let decoded: Cow<'_, [u8]> = percent_decode_str(&blanks).into();
    encode(&decoded, false, &mut out);
    out
}

/// Each signed header on a line: its name, its values joined by commas, runs of blanks made one.
fn headers(parts: &Parts, signed: &str, out: &mut Vec<u8>) -> Result<(), Refusal> {
    for (count, name) in signed.split(';').enumerate() {
        if count >= SIGNED_HEADERS_MAX {
            return Err(Refusal::Mismatch(None));
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        let mut found = false;
        for value in parts.headers.get_all(name) {
            if found {
                out.push(b',');
            }
            found = true;
            push_trimmed(value.as_bytes(), out);
        }
        // HTTP/2 has no Host header, but an authority.
        if !found && name == "host" {
            let authority = parts.uri.authority().map(http::uri::Authority::as_str);
            out.extend_from_slice(authority.unwrap_or_default().as_bytes());
        }
        out.push(b'\n');
    }
    Ok(())
}

fn push_trimmed(value: &[u8], out: &mut Vec<u8>) {
    let mut blank = false;
    for byte in value.trim_ascii() {
        match byte {
            b' ' | b'\t' => blank = true,
            other => {
                if std::mem::take(&mut blank) {
                    out.push(b' ');
                }
                out.push(*other);
            }
        }
    }
}

/// RFC 3986's unreserved characters stay, and slashes where asked; everything else becomes `%XX`.
fn encode(bytes: &[u8], keep_slash: bool, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    for byte in bytes {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if plain || (keep_slash && *byte == b'/') {
            out.push(*byte);
        } else {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// Appends lower-case hexadecimal.
pub(super) fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    for byte in bytes {
        let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    push_hex(bytes, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// 32 bytes of 64 hexadecimal digits, in either case.
pub(super) fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let mut out = [0u8; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let high = char::from(*high).to_digit(16)?;
        let low = char::from(*low).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical_path(raw: &str, form: PathForm) -> String {
        let mut out = Vec::new();
        path(raw, form, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn object_stores_keep_what_others_normalise() {
        for (raw, normal, reencoded) in [
            ("/", "/", "/"),
            ("/a/../b", "/b", "/a/../b"),
            ("/a//b/", "/a/b/", "/a//b/"),
            ("/a%20b", "/a%2520b", "/a%20b"),
            ("/a+b", "/a%2Bb", "/a%2Bb"),
            ("//example//", "/example/", "//example//"),
            ("/./", "/", "/./"),
            ("/..", "/", "/.."),
            ("/.hidden", "/.hidden", "/.hidden"),
        ] {
            assert_eq!(canonical_path(raw, PathForm::Normal), normal, "{raw}");
            assert_eq!(canonical_path(raw, PathForm::Reencoded), reencoded, "{raw}");
            assert_eq!(canonical_path(raw, PathForm::AsSent), raw, "{raw}");
        }
    }

    #[test]
    fn queries_are_sorted_after_encoding() {
        let mut out = Vec::new();
        query("b=2&a=%7e&a=1&flag&X-Amz-Signature=x&sp=a+b", true, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a=1&a=~&b=2&flag=&sp=a%20b");
    }

    #[test]
    fn hexadecimal_both_ways() {
        let bytes = [0xabu8; 32];
        assert_eq!(unhex(hex(&bytes).as_bytes()), Some(bytes));
        assert_eq!(unhex(b"zz"), None);
        assert_eq!(unhex("é".repeat(32).as_bytes()), None);
    }
}
