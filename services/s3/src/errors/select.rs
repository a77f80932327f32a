//! What S3 Select refuses (S3 API reference, "List of SELECT Object Content Error Codes").

use kernel::{Error, Kind};

use super::of;

fn bad(code: &'static str, message: impl Into<String>) -> Error {
    of(Kind::Invalid, code, 400, message)
}

pub fn invalid_char(found: char) -> Error {
    bad("LexerInvalidChar", format!("The SQL expression contains a character that is not valid: {found}"))
}

pub fn invalid_literal() -> Error {
    bad("LexerInvalidLiteral", "The SQL expression contains a literal that is not valid.")
}

pub fn expression_too_long() -> Error {
    bad(
        "ExpressionTooLong",
        "The SQL expression is too long. The maximum byte-length for an SQL expression is 256 KB.",
    )
}

pub fn empty_select() -> Error {
    bad("ParseEmptySelect", "The SQL expression contains an empty SELECT clause.")
}

pub fn missing_from() -> Error {
    bad("ParseSelectMissingFrom", "The SQL expression does not have FROM after the SELECT list.")
}

pub fn expected_keyword(word: &str) -> Error {
    bad("ParseExpectedKeyword", format!("The expected keyword {word} was not found in the SQL expression."))
}

pub fn expected_token(symbol: &str, found: Option<&impl std::fmt::Debug>) -> Error {
    let message = format!("Expected {symbol} in the SQL expression, found {found:?}.");
    bad("ParseExpectedTokenType", message)
}

pub fn unexpected_token(token: &impl std::fmt::Debug) -> Error {
    bad("ParseUnexpectedToken", format!("The SQL expression contains an unexpected token: {token:?}"))
}

pub fn expected_expression() -> Error {
    bad("ParseExpectedExpression", "The expected SQL expression was not found.")
}

pub fn expected_name() -> Error {
    bad(
        "ParseExpectedIdentForAlias",
        "The expected identifier for the alias was not found in the SQL expression.",
    )
}

pub fn expected_number() -> Error {
    bad("ParseExpectedNumber", "The expected number was not found in the SQL expression.")
}

pub fn expected_type() -> Error {
    bad("ParseExpectedTypeName", "The expected type name was not found in the SQL expression.")
}

pub fn expected_date_part() -> Error {
    bad("ParseExpectedDatePart", "The expected date part was not found in the SQL expression.")
}

pub fn cast_arity() -> Error {
    bad("ParseCastArity", "The SQL expression CAST has incorrect arity.")
}

pub fn invalid_type_parameter() -> Error {
    bad("ParseInvalidTypeParam", "The SQL expression contains a parameter value that is not valid.")
}

pub fn call_with_star() -> Error {
    bad(
        "ParseUnsupportedCallWithStar",
        "Only COUNT with (*) as a parameter is supported in the SQL expression.",
    )
}

pub fn aggregate_arity() -> Error {
    let message = "Only one argument is supported for aggregate functions in the SQL expression.";
    bad("ParseNonUnaryAgregateFunctionCall", message)
}

pub fn unsupported_syntax(what: &str) -> Error {
    bad("ParseUnsupportedSyntax", format!("The SQL expression contains unsupported syntax: {what}."))
}

pub fn unsupported_structure(what: &str) -> Error {
    let message = format!("Encountered an unsupported SQL structure: {what}. Check the SQL Reference.");
    bad("UnsupportedSqlStructure", message)
}

pub fn unsupported_function(name: &str) -> Error {
    bad("UnsupportedFunction", format!("Encountered an unsupported SQL function: {name}."))
}

pub fn invalid_source() -> Error {
    bad(
        "InvalidDataSource",
        "Invalid data source type. Only CSV, JSON, and Parquet are supported, as S3Object.",
    )
}

pub fn invalid_path() -> Error {
    bad("InvalidKeyPath", "The key path in the SQL expression is not valid.")
}

pub fn wrong_arguments() -> Error {
    bad(
        "EvaluatorInvalidArguments",
        "There is an incorrect number of arguments in the function call in the SQL expression.",
    )
}

pub fn invalid_arguments() -> Error {
    bad(
        "EvaluatorInvalidArguments",
        "A function or an operator in the SQL expression got arguments of a wrong type.",
    )
}

pub fn division_by_zero() -> Error {
    bad("EvaluatorInvalidArguments", "A division in the SQL expression has no result.")
}

pub fn timestamp_pattern() -> Error {
    let message = "Timestamp format pattern contains an invalid format specifier in the SQL expression.";
    bad("EvaluatorInvalidTimestampFormatPattern", message)
}

pub fn integer_overflow() -> Error {
    bad("IntegerOverflow", "An integer overflow or underflow occurred in the SQL expression.")
}

pub fn like_inputs() -> Error {
    bad("LikeInvalidInputs", "Invalid argument given to the LIKE clause in the SQL expression.")
}

pub fn cast_failed() -> Error {
    bad(
        "CastFailed",
        "An attempt to convert from one data type to another using CAST failed in the SQL expression.",
    )
}

pub fn missing_headers(name: &str) -> Error {
    let message =
        format!("Some headers in the query are missing from the file: {name}. Check the file and try again.");
    bad("MissingHeaders", message)
}

pub fn ambiguous_field(name: &str) -> Error {
    let message = format!(
        "The field name {name} matches to multiple fields in the file. Check the SQL expression and the file."
    );
    bad("AmbiguousFieldName", message)
}

pub fn over_max_record() -> Error {
    bad(
        "OverMaxRecordSize",
        "The length of a record in the input or result is greater than maxCharsPerRecord of 1 MB.",
    )
}

pub fn csv_parsing() -> Error {
    bad("CSVParsingError", "Encountered an error parsing the CSV file. Check the file and try again.")
}

pub fn quoted_record_delimiter() -> Error {
    let message = "A quoted record delimiter was found in the file. To allow quoted record delimiters, set \
                   AllowQuotedRecordDelimiter to 'TRUE'.";
    bad("CSVEscapingRecordDelimiter", message)
}

pub fn json_parsing() -> Error {
    bad("JSONParsingError", "Encountered an error parsing the JSON file. Check the file and try again.")
}

pub fn text_encoding() -> Error {
    bad("InvalidTextEncoding", "Invalid encoding type. Only UTF-8 encoding is supported.")
}

pub fn truncated() -> Error {
    bad("TruncatedInput", "Object decompression failed. Check that the object is properly compressed.")
}

pub fn compression_format() -> Error {
    let message = "The file is not in a supported compression format. Only GZIP is supported here.";
    bad("InvalidCompressionFormat", message)
}

pub fn no_bzip2() -> Error {
    of(Kind::Unsupported, "NotImplemented", 501, "CompressionType BZIP2 is not implemented.")
}

pub fn json_type() -> Error {
    bad("InvalidJsonType", "The JsonType value is not valid. Only DOCUMENT and LINES are supported.")
}

pub fn file_header_info() -> Error {
    bad(
        "InvalidFileHeaderInfo",
        "The FileHeaderInfo value is not valid. Only NONE, USE, and IGNORE are supported.",
    )
}

pub fn quote_fields() -> Error {
    bad("InvalidQuoteFields", "The QuoteFields value is not valid. Only ALWAYS and ASNEEDED are supported.")
}

pub fn expression_type() -> Error {
    bad("InvalidExpressionType", "The ExpressionType value is not valid. Only SQL expressions are supported.")
}

pub fn request_parameter(name: &str) -> Error {
    bad("InvalidRequestParameter", format!("The value of a parameter in the request is not valid: {name}"))
}

pub fn missing_parameter(name: &str) -> Error {
    bad(
        "MissingRequiredParameter",
        format!("The SelectRequest entity is missing a required parameter: {name}"),
    )
}

pub fn serialization_conflict() -> Error {
    let message =
        "The SelectRequest entity can only contain one of CSV or JSON for each of input and output.";
    bad("ObjectSerializationConflict", message)
}

pub fn scan_range() -> Error {
    bad("InvalidScanRange", "The provided scan range is not valid.")
}

pub fn scan_range_input() -> Error {
    bad("UnsupportedScanRangeInput", "Scan range queries are not supported on this type of object.")
}
