//! How the input is written, and how the output shall be (API reference, "SelectObjectContent").

use api_s3::{CSVInput, CSVOutput, InputSerialization, OutputSerialization};
use kernel::Result;

use super::csv::{Csv, Header};
use super::output::Output;
use crate::errors::select as errors;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub(super) format: Format,
    pub(super) is_gzipped: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv(Csv),
    /// One value a record.
    Lines,
    /// Values of any length.
    Document,
}

impl Input {
    /// Whether a part of it can be looked at: records must be found without what lies before them.
    pub fn can_be_scanned(&self) -> bool {
        let splits = match &self.format {
            Format::Csv(how) => !how.quoted_records,
            Format::Lines => true,
            Format::Document => false,
        };
        splits && !self.is_gzipped
    }

    /// Bytes between two records.
    pub fn delimiter_length(&self) -> u64 {
        match &self.format {
            Format::Csv(how) => u64::try_from(how.record.len()).unwrap_or(1),
            Format::Lines | Format::Document => 1,
        }
    }
}

/// # Errors
/// *InvalidRequestParameter*, *ObjectSerializationConflict*, *InvalidCompressionFormat*, *InvalidFileHeaderInfo*,
/// *InvalidJsonType*, *MissingRequiredParameter*.
pub fn input(given: InputSerialization) -> Result<Input> {
    let is_gzipped = match given.compression_type.as_deref() {
        None | Some("NONE") => false,
        Some("GZIP") => true,
        Some("BZIP2") => return Err(errors::no_bzip2()),
        Some(_) => return Err(errors::compression_format()),
    };
    let format = match (given.csv, given.json) {
        (Some(csv), None) => Format::Csv(csv_input(csv)?),
        (None, Some(json)) => match json.r#type.as_deref() {
            Some("LINES") => Format::Lines,
            Some("DOCUMENT") => Format::Document,
            None => return Err(errors::missing_parameter("JSON.Type")),
            Some(_) => return Err(errors::json_type()),
        },
        (Some(_), Some(_)) => return Err(errors::serialization_conflict()),
        (None, None) => return Err(errors::missing_parameter("InputSerialization")),
    };
    Ok(Input { format, is_gzipped })
}

/// One character of ASCII; an empty text for none.
fn mark(given: Option<&str>, default: u8, name: &str) -> Result<Option<u8>> {
    match given.map(str::as_bytes) {
        None => Ok(Some(default)),
        Some([]) => Ok(None),
        Some([one]) if one.is_ascii() => Ok(Some(*one)),
        Some(_) => Err(errors::request_parameter(name)),
    }
}

fn csv_input(given: CSVInput) -> Result<Csv> {
    let header = match given.file_header_info.as_deref() {
        None | Some("NONE") => Header::None,
        Some("IGNORE") => Header::Ignore,
        Some("USE") => Header::Use,
        Some(_) => return Err(errors::file_header_info()),
    };
    let strips_returns = given.record_delimiter.as_deref().is_none_or(|delimiter| delimiter == "\n");
    let record = given.record_delimiter.unwrap_or_else(|| "\n".to_owned());
    if record.is_empty() || record.chars().count() > 2 {
        return Err(errors::request_parameter("RecordDelimiter"));
    }
    let field = mark(given.field_delimiter.as_deref(), b',', "FieldDelimiter")?;
    Ok(Csv {
        header,
        comment: mark(given.comments.as_deref(), b'#', "Comments")?,
        quote: mark(given.quote_character.as_deref(), b'"', "QuoteCharacter")?,
        escape: mark(given.quote_escape_character.as_deref(), b'"', "QuoteEscapeCharacter")?,
        field: field.ok_or_else(|| errors::request_parameter("FieldDelimiter"))?,
        record: record.into_bytes(),
        strips_returns,
        quoted_records: given.allow_quoted_record_delimiter == Some(true),
    })
}

/// # Errors
/// *ObjectSerializationConflict*, *InvalidQuoteFields*, *MissingRequiredParameter*.
pub(super) fn output(given: OutputSerialization) -> Result<Output> {
    match (given.csv, given.json) {
        (Some(csv), None) => csv_output(csv),
        (None, Some(json)) => {
            Ok(Output::Json { record: json.record_delimiter.unwrap_or_else(|| "\n".to_owned()) })
        }
        (Some(_), Some(_)) => Err(errors::serialization_conflict()),
        (None, None) => Err(errors::missing_parameter("OutputSerialization")),
    }
}

fn csv_output(given: CSVOutput) -> Result<Output> {
    let always = match given.quote_fields.as_deref() {
        None | Some("ASNEEDED") => false,
        Some("ALWAYS") => true,
        Some(_) => return Err(errors::quote_fields()),
    };
    let or = |given: Option<String>, default: &str| given.unwrap_or_else(|| default.to_owned());
    Ok(Output::Csv {
        always,
        quote: or(given.quote_character, "\""),
        escape: or(given.quote_escape_character, "\""),
        field: or(given.field_delimiter, ","),
        record: or(given.record_delimiter, "\n"),
    })
}
