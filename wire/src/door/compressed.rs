//! Bodies that clients compress, for the operations whose model lets them.
//!
//! Source: Smithy 2.0, "requestCompression trait". The signature covers the body as sent, so this comes after it.

use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use kernel::{Error, Kind};
use shape::OpDef;

use super::body::{Inbound, too_large};

const GZIP: &str = "gzip";

/// The body as it was before a client compressed it, of at most `bytes_max`.
///
/// # Errors
/// *RequestEntityTooLarge*; *SerializationException* for what is no gzip, and for other encodings.
pub(super) fn unpack(op: &OpDef, parts: &Parts, body: Inbound, bytes_max: usize) -> Result<Inbound, Error> {
    match body {
        Inbound::Whole(packed) if op.gzip => match encoding(parts).as_deref() {
            None => Ok(Inbound::Whole(packed)),
            Some(GZIP) => Ok(Inbound::Whole(read(&packed, bytes_max)?)),
            Some(_) => Err(bad("The Content-Encoding of the request is not supported.")),
        },
        body => Ok(body),
    }
}

/// A form to be looked at: as it was before, where it says that it is compressed.
///
/// # Errors
/// As of [`unpack`].
pub(super) fn plain(parts: &Parts, body: Bytes, bytes_max: usize) -> Result<Bytes, Error> {
    if is_gzip(parts) { read(&body, bytes_max) } else { Ok(body) }
}

fn is_gzip(parts: &Parts) -> bool {
    encoding(parts).as_deref() == Some(GZIP)
}

/// The last there is: encodings are listed in the order they were applied.
fn encoding(parts: &Parts) -> Option<String> {
    let last = parts.headers.get_all(CONTENT_ENCODING).iter().next_back()?;
    let last = last.to_str().unwrap_or("?").rsplit(',').next().unwrap_or_default();
    Some(last.trim().to_ascii_lowercase()).filter(|encoding| !["", "identity"].contains(&&**encoding))
}

fn bad(message: &str) -> Error {
    Error::new(Kind::Invalid, "SerializationException", message)
}

fn read(packed: &[u8], bytes_max: usize) -> Result<Bytes, Error> {
    let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    GzDecoder::new(packed)
        .take(bound)
        .read_to_end(&mut bytes)
        .map_err(|error| bad("The request body is not what its Content-Encoding says.").because(error))?;
    if bytes.len() > bytes_max {
        return Err(too_large(bytes_max));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_body_is_unpacked_within_its_bound() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&[b'a'; 100_000]).unwrap();
        let packed = packer.finish().unwrap();
        assert_eq!(read(&packed, 100_000).unwrap().len(), 100_000);
        assert_eq!(read(&packed, 99_999).unwrap_err().code(), "RequestEntityTooLarge");
        assert_eq!(read(&packed[..50], 100_000).unwrap_err().code(), "SerializationException");
        assert_eq!(read(b"plain", 100_000).unwrap_err().code(), "SerializationException");
    }

    #[test]
    fn the_last_encoding_counts() {
        for (given, found) in [
            ("gzip", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("a, gzip", Some("gzip")),
            ("gzip, br", Some("br")),
            ("identity", None),
            ("", None),
        ] {
            let request = http::Request::builder().header("content-encoding", given).body(()).unwrap();
            assert_eq!(encoding(&request.into_parts().0).as_deref(), found, "{given}");
        }
    }
}
