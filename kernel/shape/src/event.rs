//! Messages of event streams: answers that come in pieces, each with its type (AWS's `vnd.amazon.eventstream`).
//!
//! A message is its length, the length of its headers, a CRC-32 of these, headers, payload, and a CRC-32 of it all.

use bytes::{BufMut, Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, checksum};

/// Bytes of a message around headers and payload.
const FRAME_BYTES: usize = 16;
/// The type of a header's value: text.
const TEXT: u8 = 7;
const HEADER_BYTES_MAX: usize = 1_024;

/// An event of a name, with what it bears.
pub fn message(name: &str, content_type: Option<&str>, payload: &[u8]) -> Bytes {
    let mut headers = vec![(":message-type", "event"), (":event-type", name)];
    headers.extend(content_type.map(|kind| (":content-type", kind)));
    frame(&headers, payload)
}

/// An error that the stream's model has, which ends it.
pub fn exception(name: &str, content_type: &str, payload: &[u8]) -> Bytes {
    let headers =
        [(":message-type", "exception"), (":exception-type", name), (":content-type", content_type)];
    frame(&headers, payload)
}

/// What ends a stream that has begun well and can not go on.
pub fn error(code: &str, message: &str) -> Bytes {
    frame(&[(":message-type", "error"), (":error-code", code), (":error-message", message)], b"")
}

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut head = BytesMut::new();
    for (name, value) in headers {
        let value = cut(value);
        head.put_u8(u8::try_from(name.len()).unwrap_or_default());
        head.put_slice(name.as_bytes());
        head.put_u8(TEXT);
        head.put_u16(u16::try_from(value.len()).unwrap_or_default());
        head.put_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut out = BytesMut::with_capacity(FRAME_BYTES + head.len() + payload.len());
    out.put_u32(length(FRAME_BYTES + head.len() + payload.len()));
    out.put_u32(length(head.len()));
    out.put_u32(sum(&out));
    out.put_slice(&head);
    out.put_slice(payload);
    out.put_u32(sum(&out));
    out.freeze()
}

/// A text that fits a header.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(HEADER_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn sum(bytes: &[u8]) -> u32 {
    u32::try_from(checksum(CrcAlgorithm::Crc32IsoHdlc, bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_framed_as_documented() {
        // The empty message of the format's own test vectors: 16 bytes, no headers.
        let empty = frame(&[], b"");
        assert_eq!(*empty, [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff]);
        let end = message("End", None, b"");
        assert_eq!(u32::from_be_bytes(end[..4].try_into().unwrap()) as usize, end.len());
        assert_eq!(&end[12..34], b"\x0d:message-type\x07\x00\x05event");
        let long = error("Code", &"ü".repeat(1_000));
        assert!(long.len() < 1_200);
    }
}
