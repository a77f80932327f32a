//! Records of CSV, cut from bytes as they come.

use kernel::Result;

use super::RECORD_BYTES_MAX;
use crate::errors::select as errors;

/// How a file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Csv {
    pub(super) header: Header,
    pub(super) comment: Option<u8>,
    pub(super) quote: Option<u8>,
    pub(super) escape: Option<u8>,
    pub(super) field: u8,
    pub(super) record: Vec<u8>,
    /// A carriage return before the end of a record is none of its.
    pub(super) strips_returns: bool,
    pub(super) quoted_records: bool,
}

/// What the first record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    None,
    Ignore,
    Use,
}

/// Bytes that have come, and the records in them.
#[derive(Debug)]
pub(super) struct CsvReader {
    how: Csv,
    buffer: Vec<u8>,
    /// Where the next record begins.
    start: usize,
    /// What has been looked at.
    at: usize,
    in_quotes: bool,
    /// A quote here opens a quoted field.
    at_field: bool,
}

impl CsvReader {
    pub(super) fn new(how: Csv) -> Self {
        Self { how, buffer: Vec::new(), start: 0, at: 0, in_quotes: false, at_field: true }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes of records that were given out or passed over, and of those that wait.
    pub(super) fn waiting(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// The next record; `None` until more has come. With `ended`, what is left is the last.
    ///
    /// # Errors
    /// *OverMaxRecordSize*, *CSVParsingError*, *CSVEscapingRecordDelimiter*, *InvalidTextEncoding*.
    pub(super) fn next(&mut self, ended: bool) -> Result<Option<Vec<String>>> {
        loop {
            let Some(line) = self.line(ended)? else { return Ok(None) };
            let is_comment = line.first().is_some_and(|first| Some(*first) == self.how.comment);
            if !line.is_empty() && !is_comment {
                return fields(&self.how, &line).map(Some);
            }
        }
    }

    /// The first record of `bytes`, which are a file's first.
    ///
    /// # Errors
    /// As [`CsvReader::next`].
    pub(super) fn header_of(&self, bytes: &[u8]) -> Result<Option<Vec<String>>> {
        let mut reader = Self::new(self.how.clone());
        reader.push(bytes);
        match reader.next(false)? {
            Some(first) => Ok(Some(first)),
            None => reader.next(true),
        }
    }

    /// The bytes of the next record, without its end.
    fn line(&mut self, ended: bool) -> Result<Option<Vec<u8>>> {
        while let Some(byte) = self.buffer.get(self.at).copied() {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            if self.in_quotes {
                if rest.starts_with(&self.how.record) && !self.how.quoted_records {
                    return Err(errors::quoted_record_delimiter());
                }
                if Some(byte) == self.how.escape && self.how.escape != self.how.quote {
                    if rest.len() < 2 && !ended {
                        return self.wait();
                    }
                    self.at += 1;
                } else if Some(byte) == self.how.quote {
                    self.in_quotes = false;
                }
            } else if rest.starts_with(&self.how.record) {
                let mut line = self.buffer.get(self.start..self.at).unwrap_or_default().to_vec();
                self.at += self.how.record.len();
                (self.start, self.at_field) = (self.at, true);
                if self.how.strips_returns && line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Some(line));
            } else if !ended && rest.len() < self.how.record.len() && self.how.record.starts_with(rest) {
                return self.wait();
            } else if Some(byte) == self.how.quote && self.at_field {
                self.in_quotes = true;
            } else {
                self.at_field = byte == self.how.field;
            }
            self.at += 1;
        }
        if ended && self.in_quotes {
            return Err(errors::csv_parsing());
        }
        if ended && self.start < self.buffer.len() {
            let line = self.buffer.split_off(self.start);
            (self.start, self.at) = (self.buffer.len(), self.buffer.len());
            return Ok(Some(line));
        }
        self.wait()
    }

    fn wait(&self) -> Result<Option<Vec<u8>>> {
        if self.buffer.len() - self.start > RECORD_BYTES_MAX {
            return Err(errors::over_max_record());
        }
        Ok(None)
    }
}

fn fields(how: &Csv, line: &[u8]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = line.iter().copied().peekable();
    loop {
        let mut field = Vec::new();
        let quote = how.quote.filter(|quote| rest.peek() == Some(quote));
        if let Some(quote) = quote {
            rest.next();
            loop {
                match rest.next() {
                    Some(byte) if byte == quote => {
                        let doubled = how.escape == Some(quote) && rest.peek() == Some(&quote);
                        if !doubled {
                            break;
                        }
                        rest.next();
                        field.push(quote);
                    }
                    Some(byte) if Some(byte) == how.escape => field.extend(rest.next()),
                    Some(byte) => field.push(byte),
                    None => return Err(errors::csv_parsing()),
                }
            }
        }
        let end = loop {
            match rest.next() {
                Some(byte) if byte == how.field => break false,
                Some(byte) => field.push(byte),
                None => break true,
            }
        };
        found.push(String::from_utf8(field).map_err(|_| errors::text_encoding())?);
        if end {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Csv {
        Csv {
            header: Header::None,
            comment: Some(b'#'),
            quote: Some(b'"'),
            escape: Some(b'"'),
            field: b',',
            record: b"\n".to_vec(),
            strips_returns: true,
            quoted_records: true,
        }
    }

    /// Read byte by byte, and at once: the same comes out.
    fn read(how: &Csv, text: &[u8]) -> Result<Vec<Vec<String>>> {
        let run = |piece: usize| -> Result<Vec<Vec<String>>> {
            let mut reader = CsvReader::new(how.clone());
            let mut found = Vec::new();
            for bytes in text.chunks(piece) {
                reader.push(bytes);
                while let Some(record) = reader.next(false)? {
                    found.push(record);
                }
            }
            while let Some(record) = reader.next(true)? {
                found.push(record);
            }
            Ok(found)
        };
        let whole = run(usize::MAX)?;
        assert_eq!(run(1)?, whole);
        Ok(whole)
    }

    #[test]
    fn records_are_cut_wherever_bytes_end() {
        let found = read(&plain(), b"a,b\r\n# no\n\n\"x\"\"y\",\"1\n2\",z\"q\nlast,").unwrap();
        assert_eq!(found, [vec!["a", "b"], vec!["x\"y", "1\n2", "z\"q"], vec!["last", ""]]);
        let strange =
            Csv { escape: Some(b'\\'), quote: Some(b'\''), field: b';', record: b"||".to_vec(), ..plain() };
        let found = read(&strange, b"'a\\'b';|c||'d||e';f||").unwrap();
        assert_eq!(found, [vec!["a'b", "|c"], vec!["d||e", "f"]]);
    }

    #[test]
    fn what_is_not_csv_is_refused() {
        let code = |how: &Csv, text: &[u8]| read(how, text).unwrap_err().code();
        assert_eq!(code(&plain(), b"\"open"), "CSVParsingError");
        assert_eq!(code(&plain(), b"\xff\n"), "InvalidTextEncoding");
        let unquoted = Csv { quoted_records: false, ..plain() };
        assert_eq!(code(&unquoted, b"\"a\nb\"\n"), "CSVEscapingRecordDelimiter");
        let mut reader = CsvReader::new(plain());
        reader.push(&vec![b'x'; RECORD_BYTES_MAX + 1]);
        assert_eq!(reader.next(false).unwrap_err().code(), "OverMaxRecordSize");
    }
}
