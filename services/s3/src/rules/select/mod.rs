//! S3 Select: a query over the records of one object, in bounded memory (S3 user guide, "Querying data in place").

mod aggregate;
mod csv;
mod eval;
mod function;
mod instant;
mod json;
mod lexer;
mod like;
mod output;
mod parser;
mod query;
mod settings;
mod value;

use std::collections::VecDeque;
use std::io::Write as _;

use api_s3::OutputSerialization;
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use kernel::{Millis, Result};

use self::aggregate::Running;
use self::csv::{CsvReader, Header};
use self::eval::{Record, Scene};
use self::json::JsonReader;
use self::output::Output;
pub use self::parser::parse;
pub use self::query::Query;
use self::query::{Columns, Step};
use self::settings::Format;
pub use self::settings::{Input, input};
use self::value::Value;
use crate::errors::select as errors;

/// A record's length, of the input or the output (user guide, requirements and limits).
pub(crate) const RECORD_BYTES_MAX: usize = 1 << 20;
/// The length of a whole document of JSON, which is held while it is looked at.
const DOCUMENT_BYTES_MAX: usize = 16 << 20;
/// Rows are taken when they have this length.
const ROWS_BYTES: usize = 128 * 1_024;
/// Compressed bytes unpacked at once: they become a thousand times as many at most.
const UNZIPPED_AT_ONCE: usize = 4 * 1_024;

/// Which part of an object's records is looked at, by their first bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The first record is one that began before, and none of ours.
    pub skips_first: bool,
    /// Bytes in which records may begin; `None` for all.
    pub length: Option<u64>,
}

/// Why a query stopped working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// There are rows to take.
    Full,
    /// It needs bytes.
    Hungry,
    /// It has come to its end.
    Done,
}

/// What a query has looked at and given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub scanned: u64,
    pub processed: u64,
    pub returned: u64,
}

enum Reader {
    Csv(CsvReader),
    Json(JsonReader),
}

/// What a scan passes over: the end of the record before its first.
struct Skipped {
    delimiter: Vec<u8>,
    seen: Vec<u8>,
}

impl Skipped {
    /// What comes behind the first delimiter; `None` until it has come.
    fn rest(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.seen.extend_from_slice(bytes);
        let length = self.delimiter.len();
        let found = self.seen.windows(length).position(|window| window == self.delimiter);
        if let Some(at) = found {
            return Some(self.seen.split_off(at + length));
        }
        // Only the beginning of a delimiter is of use.
        self.seen.drain(..self.seen.len().saturating_sub(length - 1));
        None
    }
}

/// A query at work.
pub struct Select {
    query: Query,
    from: Vec<Step>,
    output: Output,
    reader: Reader,
    /// Values of JSON that are records and wait.
    values: VecDeque<Value>,
    unzip: Option<MultiGzDecoder<Vec<u8>>>,
    /// Bytes that were given and not yet unpacked.
    raw: Bytes,
    is_last: bool,
    /// All that was given is unpacked.
    is_drained: bool,
    scan: Scan,
    /// Till where a scan passes over what began before it.
    skipped: Option<Skipped>,
    header: Option<Vec<String>>,
    /// What the next record is, where the first is a header.
    next: Header,
    running: Vec<Running>,
    rows: u64,
    ended: bool,
    now: Millis,
    out: String,
    stats: Stats,
}

impl Select {
    /// # Errors
    /// *ObjectSerializationConflict*, *InvalidQuoteFields*, *MissingRequiredParameter*, *InvalidKeyPath*.
    pub fn new(
        mut query: Query,
        input: Input,
        output: OutputSerialization,
        scan: Scan,
        now: Millis,
    ) -> Result<Self> {
        let from = std::mem::take(&mut query.from);
        let delimiter = match &input.format {
            Format::Csv(how) => how.record.clone(),
            Format::Lines | Format::Document => b"\n".to_vec(),
        };
        let (reader, next) = match input.format {
            Format::Csv(_) if !from.is_empty() => return Err(errors::invalid_path()),
            Format::Csv(how) => {
                let next = how.header;
                (Reader::Csv(CsvReader::new(how)), next)
            }
            Format::Lines => (Reader::Json(JsonReader::new(RECORD_BYTES_MAX)), Header::None),
            Format::Document => (Reader::Json(JsonReader::new(DOCUMENT_BYTES_MAX)), Header::None),
        };
        let running = query.aggregates.iter().map(Running::new).collect();
        let ended = query.limit == Some(0);
        Ok(Self {
            from,
            output: settings::output(output)?,
            reader,
            values: VecDeque::new(),
            raw: Bytes::new(),
            is_last: false,
            is_drained: false,
            unzip: input.is_gzipped.then(|| MultiGzDecoder::new(Vec::new())),
            scan,
            skipped: scan.skips_first.then(|| Skipped { delimiter, seen: Vec::new() }),
            header: None,
            next,
            running,
            rows: 0,
            ended,
            now,
            out: String::new(),
            stats: Stats::default(),
            query,
        })
    }

    /// The header, where it was read before: of a scan that begins after it.
    pub fn set_header(&mut self, first: &[u8]) -> Result<()> {
        let Reader::Csv(reader) = &mut self.reader else { return Ok(()) };
        let header = reader.header_of(first)?;
        if self.next == Header::Use {
            self.header = header;
        }
        self.next = Header::None;
        Ok(())
    }

    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// The rows that have been written since they were taken last.
    pub fn take(&mut self) -> String {
        let out = std::mem::take(&mut self.out);
        self.stats.returned += u64::try_from(out.len()).unwrap_or_default();
        out
    }

    /// Gives bytes to look at; `None` behind the last. To be called when it is [`Work::Hungry`].
    pub fn push(&mut self, bytes: Option<Bytes>) {
        self.stats.scanned +=
            bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or_default());
        self.is_last = bytes.is_none();
        self.raw = bytes.unwrap_or_default();
    }

    /// Looks at records until enough rows are written, or more bytes are needed.
    ///
    /// # Errors
    /// What is wrong with the input, or cannot be worked out; *TruncatedInput* where compressed bytes end early.
    pub fn work(&mut self) -> Result<Work> {
        loop {
            while !self.ended {
                if self.out.len() >= ROWS_BYTES {
                    return Ok(Work::Full);
                }
                match self.next()? {
                    Some(record) => self.record(&record)?,
                    None => break,
                }
            }
            if self.ended || (self.is_drained && self.raw.is_empty()) {
                self.end()?;
                return Ok(Work::Done);
            }
            if !self.raw.is_empty() {
                self.unpack()?;
            } else if self.is_last {
                self.is_drained = true;
                if let Some(unzip) = self.unzip.take() {
                    let rest = unzip.finish().map_err(|_| errors::truncated())?;
                    self.read(&rest);
                }
            } else {
                return Ok(Work::Hungry);
            }
        }
    }

    fn unpack(&mut self) -> Result<()> {
        let Some(unzip) = &mut self.unzip else {
            let bytes = std::mem::take(&mut self.raw);
            self.read(&bytes);
            return Ok(());
        };
        let piece = self.raw.split_to(UNZIPPED_AT_ONCE.min(self.raw.len()));
        unzip.write_all(&piece).map_err(|_| errors::compression_format())?;
        let plain = std::mem::take(unzip.get_mut());
        self.read(&plain);
        Ok(())
    }

    /// Gives the row that aggregates have come to.
    fn end(&mut self) -> Result<()> {
        self.ended = true;
        if self.running.is_empty() || self.query.limit == Some(0) {
            return Ok(());
        }
        let values: Vec<_> = self.running.drain(..).map(Running::end).collect();
        let nothing = Record::Json(Value::Missing);
        let scene = Scene { record: &nothing, header: None, alias: None, aggregates: &values, now: self.now };
        let Columns::Some(columns) = &self.query.columns else { return Ok(()) };
        let row = columns.iter().map(|column| Ok((column.name.clone(), scene.value(&column.value)?)));
        let row = row.collect::<Result<Vec<_>>>()?;
        self.output.write(&mut self.out, &row);
        Ok(())
    }

    fn read(&mut self, bytes: &[u8]) {
        self.stats.processed += u64::try_from(bytes.len()).unwrap_or_default();
        let rest = self.skipped.as_mut().map(|skipped| skipped.rest(bytes));
        let bytes = match &rest {
            None => bytes,
            Some(None) => return,
            Some(Some(rest)) => rest,
        };
        self.skipped = None;
        match &mut self.reader {
            Reader::Csv(reader) => reader.push(bytes),
            Reader::Json(reader) => reader.push(bytes),
        }
    }

    /// The next record that has come; `None` until more has.
    fn next(&mut self) -> Result<Option<Record>> {
        loop {
            if let Some(value) = self.values.pop_front() {
                return Ok(Some(Record::Json(value)));
            }
            let waiting = match &mut self.reader {
                Reader::Csv(reader) => reader.waiting(),
                Reader::Json(reader) => reader.waiting(),
            };
            // Where the record that comes next begins.
            let begins = self.stats.processed - u64::try_from(waiting).unwrap_or_default();
            if self.scan.length.is_some_and(|length| begins >= length) {
                self.ended = true;
                return Ok(None);
            }
            match &mut self.reader {
                Reader::Json(reader) => match reader.next(self.is_drained)? {
                    Some(value) => self.values = json::records(value, &self.from)?.into(),
                    None => return Ok(None),
                },
                Reader::Csv(reader) => {
                    let Some(fields) = reader.next(self.is_drained)? else { return Ok(None) };
                    match std::mem::replace(&mut self.next, Header::None) {
                        Header::None => return Ok(Some(Record::Fields(fields))),
                        Header::Ignore => {}
                        Header::Use => self.header = Some(fields),
                    }
                }
            }
        }
    }

    fn record(&mut self, record: &Record) -> Result<()> {
        let (header, alias) = (self.header.as_deref(), self.query.alias.as_deref());
        let scene = Scene { record, header, alias, aggregates: &[], now: self.now };
        if let Some(wanted) = &self.query.wanted
            && scene.truth(wanted)? != Some(true)
        {
            return Ok(());
        }
        if !self.running.is_empty() {
            let mut pairs = self.running.iter_mut().zip(&self.query.aggregates);
            return pairs.try_for_each(|(running, of)| running.add(of, &scene));
        }
        let row = match &self.query.columns {
            Columns::All => whole(record, header),
            Columns::Some(columns) => {
                let mut weight = 0;
                let row = columns.iter().map(|column| {
                    let value = scene.value(&column.value)?;
                    weight += value.weight();
                    if weight > RECORD_BYTES_MAX {
                        return Err(errors::over_max_record());
                    }
                    Ok((column.name.clone(), value))
                });
                row.collect::<Result<Vec<_>>>()?
            }
        };
        let before = self.out.len();
        self.output.write(&mut self.out, &row);
        if self.out.len() - before > RECORD_BYTES_MAX {
            return Err(errors::over_max_record());
        }
        self.rows += 1;
        self.ended = self.query.limit.is_some_and(|limit| self.rows >= limit);
        Ok(())
    }
}

/// All of a record.
fn whole(record: &Record, header: Option<&[String]>) -> Vec<(String, Value)> {
    match record {
        Record::Json(Value::Map(members)) => members.clone(),
        Record::Json(other) => vec![("_1".to_owned(), other.clone())],
        Record::Fields(fields) => {
            let named = fields.iter().enumerate().map(|(at, field)| {
                let name = header.and_then(|header| header.get(at));
                (name.cloned().unwrap_or_else(|| format!("_{}", at + 1)), Value::Text(field.clone()))
            });
            named.collect()
        }
    }
}

#[cfg(test)]
mod tests;
