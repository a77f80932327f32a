//! Values of JSON, cut from bytes as they come.

use kernel::Result;

use super::query::Step;
use super::value::Value;
use crate::errors::select as errors;

/// Bytes that have come, and the values in them.
#[derive(Debug)]
pub(super) struct JsonReader {
    buffer: Vec<u8>,
    /// Where the next value begins.
    start: usize,
    /// What has been looked at.
    at: usize,
    depth: u32,
    in_text: bool,
    escaped: bool,
    /// Bytes of one value at most.
    size_max: usize,
}

impl JsonReader {
    pub(super) fn new(size_max: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, at: 0, depth: 0, in_text: false, escaped: false, size_max }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes from where the next value begins, as far as they have come.
    pub(super) fn waiting(&mut self) -> usize {
        while self.start == self.at && self.buffer.get(self.at).is_some_and(|byte| is_between(*byte)) {
            self.start += 1;
            self.at += 1;
        }
        self.buffer.len() - self.start
    }

    /// The next value; `None` until more has come. With `ended`, what is left must be one.
    ///
    /// # Errors
    /// *OverMaxRecordSize*, *JSONParsingError*, *InvalidTextEncoding*.
    pub(super) fn next(&mut self, ended: bool) -> Result<Option<Value>> {
        self.waiting();
        while let Some(byte) = self.buffer.get(self.at).copied() {
            let begins = self.start == self.at;
            let is_bare = self.depth == 0 && !self.in_text;
            // A number or a word ends where the next value begins.
            if is_bare && !begins && (byte.is_ascii_whitespace() || matches!(byte, b'{' | b'[' | b'"' | b','))
            {
                return self.cut().map(Some);
            }
            self.at += 1;
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                if self.in_text || self.depth > 0 {
                    continue;
                }
                return self.cut().map(Some);
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1).ok_or_else(errors::json_parsing)?;
                    if self.depth == 0 {
                        return self.cut().map(Some);
                    }
                }
                _ => {}
            }
        }
        if self.waiting() > self.size_max {
            return Err(errors::over_max_record());
        }
        if ended && self.waiting() > 0 {
            return self.cut().map(Some);
        }
        Ok(None)
    }

    fn cut(&mut self) -> Result<Value> {
        let bytes = self.buffer.get(self.start..self.at).unwrap_or_default();
        if bytes.len() > self.size_max {
            return Err(errors::over_max_record());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| errors::text_encoding())?;
        let value = serde_json::from_str(text).map_err(|_| errors::json_parsing())?;
        (self.start, self.depth, self.in_text) = (self.at, 0, false);
        Ok(value)
    }
}

/// What may stand between two values.
fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b','
}

/// The records that `steps` find in a value.
pub(super) fn records(value: Value, steps: &[Step]) -> Result<Vec<Value>> {
    let mut found = vec![value];
    for step in steps {
        let mut next = Vec::new();
        for value in found {
            match (step, value) {
                (Step::Every, Value::List(list)) => next.extend(list),
                (Step::Every, Value::Map(members)) => {
                    next.extend(members.into_iter().map(|(_, value)| value));
                }
                (Step::Every, other) => next.push(other),
                (step, value) => next.extend(
                    Some(super::eval::walk(&value, std::slice::from_ref(step))?)
                        .filter(|value| *value != Value::Missing),
                ),
            }
        }
        found = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, piece: usize) -> Result<Vec<String>> {
        let mut reader = JsonReader::new(1_000);
        let mut found = Vec::new();
        let mut take = |reader: &mut JsonReader, ended| -> Result<()> {
            while let Some(value) = reader.next(ended)? {
                let mut text = String::new();
                value.write_json(&mut text);
                found.push(text);
            }
            Ok(())
        };
        for bytes in text.as_bytes().chunks(piece) {
            reader.push(bytes);
            take(&mut reader, false)?;
        }
        take(&mut reader, true)?;
        Ok(found)
    }

    #[test]
    fn values_are_cut_wherever_bytes_end() {
        let text = "{\"a\":\"}\\\"\"} [1,[2]]\n\"x\\\\\" 12 true{\"b\":1}";
        let expected = ["{\"a\":\"}\\\"\"}", "[1,[2]]", "\"x\\\\\"", "12", "true", "{\"b\":1}"];
        for piece in [1, 3, 100] {
            assert_eq!(read(text, piece).unwrap(), expected);
        }
        for (bad, code) in [
            ("{\"a\":", "JSONParsingError"),
            ("}", "JSONParsingError"),
            ("{a:1}", "JSONParsingError"),
            (&format!("[\"{}\"]", "x".repeat(1_000)), "OverMaxRecordSize"),
            (&"[".repeat(900), "JSONParsingError"),
        ] {
            assert_eq!(read(bad, 7).unwrap_err().code(), code, "{bad}");
        }
    }

    #[test]
    fn records_lie_where_steps_lead() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let steps = [Step::Name("rows".to_owned(), false), Step::Every, Step::Name("a".to_owned(), false)];
        let found = records(value(r#"{"Rows": [{"a": 1}, {"b": 2}, {"a": [3]}]}"#), &steps).unwrap();
        assert_eq!(found, [value("1"), value("[3]")]);
        assert_eq!(records(value("[1, 2]"), &[Step::Every]).unwrap().len(), 2);
        assert_eq!(records(value("[1, 2]"), &[]).unwrap().len(), 1);
    }
}
