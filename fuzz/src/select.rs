//! S3 Select: whatever is asked of whatever bytes, it is answered or refused, and alike however the bytes arrive.

use api_s3::{CSVInput, InputSerialization, JSONInput, JSONOutput, OutputSerialization};
use bytes::Bytes;
use s3::rules::select::{Scan, Select, Work, input, parse};

/// Rows of one run at most: a query may say much of little.
const TAKEN_MAX: usize = 1 << 20;
/// The bit that says GZIP.
const PACKED: u8 = 8;

/// The first line is the query; the next byte says how the rest is written.
pub fn select(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (Some(query), Some(rest)) = (parts.next(), parts.next()) else { return };
    let Ok(query) = std::str::from_utf8(query) else { return };
    let Some((how, bytes)) = rest.split_first() else { return };
    let whole = answer(query, *how, bytes, usize::MAX);
    let pieces = answer(query, *how, bytes, 3);
    // What is packed wrongly may come to light before or after a record that is wrong, or the last that is wanted.
    let is_packed = how & PACKED != 0;
    if let (Some(whole), Some(pieces)) = (whole, pieces)
        && (!is_packed || (whole.is_ok() && pieces.is_ok()))
    {
        assert_eq!(whole, pieces, "the same, in pieces");
    }
}

/// `None` where it is too much.
fn answer(query: &str, how: u8, bytes: &[u8], piece: usize) -> Option<Result<String, &'static str>> {
    run(query, how, bytes, piece).map_err(|error| error.code()).transpose()
}

fn run(query: &str, how: u8, bytes: &[u8], piece: usize) -> Result<Option<String>, kernel::Error> {
    let given = input(serialization(how))?;
    let output = OutputSerialization { json: Some(JSONOutput::default()), csv: None };
    let query = parse(query)?;
    let mut select = Select::new(query, given, output, Scan::default(), 0)?;
    let mut pieces = bytes.chunks(piece).map(Bytes::copy_from_slice);
    let mut rows = String::new();
    loop {
        let work = select.work()?;
        rows.push_str(&select.take());
        match work {
            _ if rows.len() > TAKEN_MAX => return Ok(None),
            Work::Full => {}
            Work::Hungry => select.push(pieces.next()),
            Work::Done => return Ok(Some(rows)),
        }
    }
}

fn serialization(how: u8) -> InputSerialization {
    let json = |kind: &str| Some(JSONInput { r#type: Some(kind.to_owned()) });
    let compression_type = (how & PACKED != 0).then(|| "GZIP".to_owned());
    let csv = CSVInput {
        file_header_info: Some(if how & 4 == 0 { "NONE" } else { "USE" }.to_owned()),
        allow_quoted_record_delimiter: Some(how & 16 != 0),
        ..CSVInput::default()
    };
    match how & 3 {
        0 | 1 => InputSerialization { csv: Some(csv), compression_type, ..InputSerialization::default() },
        2 => InputSerialization { json: json("LINES"), compression_type, ..InputSerialization::default() },
        _ => InputSerialization { json: json("DOCUMENT"), compression_type, ..InputSerialization::default() },
    }
}
