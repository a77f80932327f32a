//! Queries over whole inputs, as the user guide shows them.

use api_s3::{CSVInput, CSVOutput, InputSerialization, JSONInput, JSONOutput};

use super::*;

const PEOPLE: &str = "Name,Age,City\nAnn,31,Oslo\nBob,4,Rome\nÇem,17,\"Bonn, am Rhein\"\n";

fn csv(header: &str) -> InputSerialization {
    let csv = CSVInput { file_header_info: Some(header.to_owned()), ..Default::default() };
    InputSerialization { csv: Some(csv), ..Default::default() }
}

fn json(kind: &str) -> InputSerialization {
    InputSerialization { json: Some(JSONInput { r#type: Some(kind.to_owned()) }), ..Default::default() }
}

fn to_csv() -> OutputSerialization {
    OutputSerialization { csv: Some(CSVOutput::default()), json: None }
}

fn to_json() -> OutputSerialization {
    OutputSerialization { json: Some(JSONOutput::default()), csv: None }
}

fn run(
    text: &str,
    from: InputSerialization,
    to: OutputSerialization,
    bytes: &[u8],
    scan: Scan,
) -> Result<String> {
    let mut select = Select::new(parse(text)?, input(from)?, to, scan, 1_577_836_800_000)?;
    let mut pieces = bytes.chunks(7).map(Bytes::copy_from_slice);
    let mut rows = String::new();
    loop {
        let work = select.work()?;
        rows.push_str(&select.take());
        match work {
            Work::Full => {}
            Work::Hungry => select.push(pieces.next()),
            Work::Done => return Ok(rows),
        }
    }
}

fn ask(text: &str, from: InputSerialization, to: OutputSerialization, bytes: &str) -> String {
    run(text, from, to, bytes.as_bytes(), Scan::default()).unwrap()
}

fn people(text: &str) -> String {
    ask(text, csv("USE"), to_csv(), PEOPLE)
}

#[test]
fn fields_are_chosen_and_filtered() {
    assert_eq!(people("SELECT s.name FROM S3Object s WHERE s.age > 10"), "Ann\nÇem\n");
    assert_eq!(
        people("SELECT name, age + 1 FROM S3Object WHERE CAST(age AS INT) BETWEEN 4 AND 17"),
        "Bob,5\nÇem,18\n"
    );
    assert_eq!(people("SELECT city FROM S3Object WHERE name LIKE '_n%'"), "Oslo\n");
    assert_eq!(
        people("SELECT * FROM S3Object s WHERE s.\"City\" IN ('Rome', 'Paris') LIMIT 1"),
        "Bob,4,Rome\n"
    );
    assert_eq!(people("SELECT _3 FROM S3Object WHERE NOT (age < 31 AND city <> 'Rome')"), "Oslo\nRome\n");
    assert_eq!(people("SELECT _9 FROM S3Object WHERE _9 IS MISSING AND name IS NOT NULL LIMIT 2"), "\n\n");
    let text = "SELECT UPPER(name) || '!', CHAR_LENGTH(city), SUBSTRING(city FROM 2 FOR 3) FROM S3Object WHERE age = '31'";
    assert_eq!(people(text), "ANN!,4,slo\n");
    let cases =
        "SELECT CASE WHEN age > 18 THEN 'old' WHEN age > 10 THEN 'young' ELSE 'child' END FROM S3Object";
    assert_eq!(people(cases), "old\nchild\nyoung\n");
}

#[test]
fn columns_are_counted_and_summed() {
    let text = "SELECT COUNT(*), SUM(CAST(age AS INT)), AVG(age), MIN(age), MAX(name) FROM S3Object";
    assert_eq!(people(text), "3,52,17.333333333333332,4,Çem\n");
    assert_eq!(people("SELECT COUNT(*) AS n FROM S3Object WHERE age > 100"), "0\n");
    assert_eq!(people("SELECT SUM(age) / COUNT(*) FROM S3Object WHERE age < 20"), "10\n");
    assert_eq!(ask("SELECT COUNT(_1) c FROM S3Object", csv("NONE"), to_json(), "a\nb\n"), "{\"c\":2}\n");
    assert_eq!(people("SELECT MAX(age) FROM S3Object WHERE age > 100"), "\n");
}

#[test]
fn json_is_walked() {
    let lines = "{\"a\": 1, \"b\": {\"c\": [10, 20]}}\n{\"a\": 2}\n";
    let ask_lines = |text: &str| ask(text, json("LINES"), to_json(), lines);
    assert_eq!(ask_lines("SELECT s.b.c[1] AS x FROM S3Object s"), "{\"x\":20}\n{}\n");
    assert_eq!(ask_lines("SELECT * FROM S3Object s WHERE s.a = 1"), "{\"a\":1,\"b\":{\"c\":[10,20]}}\n");
    assert_eq!(ask_lines("SELECT s.b FROM S3Object s WHERE s.b IS NOT MISSING"), "{\"b\":{\"c\":[10,20]}}\n");
    let document = r#"{"rows": [{"id": 1, "t": "x"}, {"id": 2, "t": null}], "other": 3}"#;
    let ask_document = |text: &str, to| ask(text, json("DOCUMENT"), to, document);
    assert_eq!(ask_document("SELECT d.id FROM S3Object[*].rows[*] d", to_csv()), "1\n2\n");
    assert_eq!(
        ask_document("SELECT * FROM S3Object[*].rows[*] d WHERE d.t IS NULL", to_json()),
        "{\"id\":2,\"t\":null}\n"
    );
    assert_eq!(ask_document("SELECT d.rows[0].t FROM S3Object d", to_json()), "{\"t\":\"x\"}\n");
    assert_eq!(
        ask("SELECT * FROM S3Object[*][*] d", json("DOCUMENT"), to_json(), "[1, \"b\"]"),
        "{\"_1\":1}\n{\"_1\":\"b\"}\n"
    );
}

#[test]
fn dates_and_conditional_functions() {
    let one = |text: &str| {
        ask(&format!("SELECT {text} FROM S3Object"), csv("NONE"), to_csv(), "2015-07-04T10:30:00Z,x\n")
    };
    assert_eq!(one("EXTRACT(YEAR FROM CAST(_1 AS TIMESTAMP))"), "2015\n");
    assert_eq!(one("DATE_ADD(month, 1, TO_TIMESTAMP(_1))"), "2015-08-04T10:30:00Z\n");
    assert_eq!(one("DATE_DIFF(day, TO_TIMESTAMP(_1), `2015-07-14T`)"), "9\n");
    assert_eq!(one("TO_STRING(TO_TIMESTAMP(_1), 'dd.MM.y')"), "04.07.2015\n");
    assert_eq!(one("UTCNOW()"), "2020-01-01T00:00:00Z\n");
    assert_eq!(one("COALESCE(NULL, _9, _2)"), "x\n");
    assert_eq!(one("NULLIF(_2, 'x')"), "\n");
    assert_eq!(one("TRIM(BOTH 'x' FROM 'xxyx')"), "y\n");
    assert_eq!(one("TRIM('  a ')"), "a\n");
    assert_eq!(one("-3 % 2 * 2 + 10 / 4"), "0\n");
}

#[test]
fn what_cannot_be_worked_out_is_refused() {
    let code = |text: &str, from, bytes: &str| {
        run(text, from, to_csv(), bytes.as_bytes(), Scan::default()).unwrap_err().code()
    };
    assert_eq!(code("SELECT CAST(_1 AS INT) FROM S3Object", csv("NONE"), "x\n"), "CastFailed");
    assert_eq!(code("SELECT nobody FROM S3Object", csv("USE"), PEOPLE), "MissingHeaders");
    assert_eq!(code("SELECT name FROM S3Object", csv("NONE"), PEOPLE), "MissingHeaders");
    assert_eq!(code("SELECT a FROM S3Object", csv("USE"), "a,A\n1,2\n"), "AmbiguousFieldName");
    assert_eq!(code("SELECT _1 + 9223372036854775807 FROM S3Object", csv("NONE"), "1\n"), "IntegerOverflow");
    assert_eq!(code("SELECT _1 / 0 FROM S3Object", csv("NONE"), "1\n"), "EvaluatorInvalidArguments");
    assert_eq!(code("SELECT _1 LIKE 'a!' ESCAPE '!' FROM S3Object", csv("NONE"), "1\n"), "LikeInvalidInputs");
    assert_eq!(code("SELECT * FROM S3Object.rows", csv("NONE"), "1\n"), "InvalidKeyPath");
    assert_eq!(code("SELECT * FROM S3Object", json("LINES"), "{"), "JSONParsingError");
    assert_eq!(code("SELECT * FROM S3Object", json("WORDS"), "{}"), "InvalidJsonType");
    assert_eq!(code("SELECT * FROM S3Object", InputSerialization::default(), ""), "MissingRequiredParameter");
    let bzip2 = InputSerialization { compression_type: Some("BZIP2".to_owned()), ..csv("NONE") };
    assert_eq!(code("SELECT * FROM S3Object", bzip2, ""), "NotImplemented");
}

#[test]
fn a_row_is_no_longer_than_a_record() {
    let code = |text: &str| {
        let bytes = format!("{}\n", "x".repeat(1_000_000));
        let mut select = Select::new(parse(text)?, input(csv("NONE"))?, to_csv(), Scan::default(), 0)?;
        select.push(Some(Bytes::from(bytes)));
        select.work().map(drop)
    };
    let columns = vec!["_1"; 10_000].join(", ");
    let wide = format!("SELECT {columns} FROM S3Object");
    let joined = format!("SELECT _1{} FROM S3Object", " || _1".repeat(200));
    for text in [wide, joined] {
        assert_eq!(code(&text).unwrap_err().code(), "OverMaxRecordSize");
    }
    let pattern = format!("SELECT * FROM S3Object WHERE _1 LIKE '{}'", "%x".repeat(1_000));
    assert_eq!(code(&pattern).unwrap_err().code(), "LikeInvalidInputs");
}

#[test]
fn compressed_input_is_unpacked() {
    use std::io::Write as _;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(PEOPLE.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let gzip = || InputSerialization { compression_type: Some("GZIP".to_owned()), ..csv("USE") };
    let text = "SELECT name FROM S3Object";
    assert_eq!(run(text, gzip(), to_csv(), &packed, Scan::default()).unwrap(), "Ann\nBob\nÇem\n");
    let cut = run(text, gzip(), to_csv(), &packed[..packed.len() - 9], Scan::default());
    assert_eq!(cut.unwrap_err().code(), "TruncatedInput");
    let plain = run(text, gzip(), to_csv(), PEOPLE.as_bytes(), Scan::default());
    assert_eq!(plain.unwrap_err().code(), "InvalidCompressionFormat");
}

#[test]
fn rows_are_taken_before_they_are_many() {
    let text = format!("SELECT '{}' FROM S3Object", "x".repeat(100_000));
    let mut select =
        Select::new(parse(&text).unwrap(), input(csv("NONE")).unwrap(), to_csv(), Scan::default(), 0)
            .unwrap();
    select.push(Some(Bytes::from("1\n".repeat(1_000))));
    while select.work().unwrap() == Work::Full {
        assert!(select.take().len() < 300_000);
    }
    assert_eq!(select.stats().returned, 100_001_000);
}

#[test]
fn a_scan_looks_at_records_that_begin_within() {
    let bytes = "aa\nbb\ncc\ndd\n";
    let scan = |start: usize, length: Option<u64>, skips_first: bool| {
        let scan = Scan { skips_first, length };
        run("SELECT _1 FROM S3Object", csv("NONE"), to_csv(), &bytes.as_bytes()[start..], scan).unwrap()
    };
    assert_eq!(scan(0, Some(4), false), "aa\nbb\n");
    assert_eq!(scan(0, Some(3), false), "aa\n");
    assert_eq!(scan(2, None, true), "bb\ncc\ndd\n");
    assert_eq!(scan(3, Some(4), true), "cc\n");
    let lines = "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n";
    let scan = |start: usize, length: u64| {
        let scan = Scan { skips_first: start > 0, length: Some(length) };
        run("SELECT s.a FROM S3Object s", json("LINES"), to_csv(), &lines.as_bytes()[start..], scan).unwrap()
    };
    // From byte 8, where the second begins: its delimiter is read before it.
    assert_eq!([scan(0, 8), scan(7, 9), scan(15, 9)], ["1\n", "2\n", "3\n"]);
}
