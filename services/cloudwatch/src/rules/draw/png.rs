//! A canvas as a PNG: one chunk of rows, without filters, deflated (PNG specification, third edition).

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use super::canvas::Canvas;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Eight bits, red green blue, and the only ways there are to compress, filter and not interlace.
const FORMAT: [u8; 5] = [8, 2, 0, 0, 0];

pub fn encode(canvas: &Canvas) -> std::io::Result<Vec<u8>> {
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in canvas.bytes.chunks(canvas.width * 3) {
        rows.write_all(&[0])?;
        rows.write_all(row)?;
    }
    let size = |side: usize| u32::try_from(side).unwrap_or(u32::MAX).to_be_bytes();
    let header = [&size(canvas.width)[..], &size(canvas.height), &FORMAT].concat();
    let mut out = SIGNATURE.to_vec();
    chunk(&mut out, *b"IHDR", &header);
    chunk(&mut out, *b"IDAT", &rows.finish()?);
    chunk(&mut out, *b"IEND", &[]);
    Ok(out)
}

fn chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let mut sum = Crc::new();
    sum.update(&kind);
    sum.update(data);
    out.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(kind);
    out.extend(data);
    out.extend(sum.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::canvas::Color;
    use super::*;

    #[test]
    fn what_was_drawn_comes_out() {
        let mut canvas = Canvas::new(3, 2, Color([9, 8, 7]));
        canvas.mix(1, 1, Color([1, 2, 3]), 1.0);
        let png = encode(&canvas).unwrap();
        assert_eq!(&png[..16], b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR");
        assert_eq!(&png[16..29], &[0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
        // As every empty chunk of this kind ends.
        assert!(png.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82"));
        let length = u32::from_be_bytes(png[33..37].try_into().unwrap()) as usize;
        let mut rows = Vec::new();
        flate2::read::ZlibDecoder::new(&png[41..41 + length]).read_to_end(&mut rows).unwrap();
        assert_eq!(rows, [0, 9, 8, 7, 9, 8, 7, 9, 8, 7, 0, 9, 8, 7, 1, 2, 3, 9, 8, 7]);
    }
}
