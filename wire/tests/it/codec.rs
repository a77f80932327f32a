//! Codecs on what no client sends: refusals in AWS's words, bytes that are no request, and values there and back.

use http::HeaderMap;
use kernel::Error;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use shape::{Bytes, Checks, OpDef, Protocol, ServiceDef};
use wire::codec::{self, DEPTH_MAX, Payload, Request};

use crate::dynamic::{Record, Tables, record_to_json};

const PROTOCOLS: [Protocol; 7] = [
    Protocol::Json10,
    Protocol::Json11,
    Protocol::Query,
    Protocol::Ec2,
    Protocol::RestJson,
    Protocol::RestXml,
    Protocol::Cbor,
];

/// A service of one operation whose shape has one member of every kind, and itself.
fn service(checks: Checks) -> (&'static ServiceDef, &'static OpDef) {
    let shapes = serde_json::from_value(json!({
        "All": {"type": "structure", "required": ["Name"], "members": {
            "Name": {"shape": "Name"}, "Count": {"shape": "Count"}, "Big": {"shape": "Big"}, "Flag": {"shape": "Flag"},
            "Ratio": {"shape": "Ratio"}, "Data": {"shape": "Data"}, "At": {"shape": "At"},
            "Names": {"shape": "Names"}, "Tags": {"shape": "Tags"}, "Inner": {"shape": "All"},
        }},
        "Name": {"type": "string", "min": 1, "max": 8, "pattern": "[a-z]*"}, "Count": {"type": "integer", "max": 10},
        "Big": {"type": "long"}, "Flag": {"type": "boolean"}, "Ratio": {"type": "double"}, "Data": {"type": "blob"},
        "At": {"type": "timestamp"}, "Text": {"type": "string"}, "Colour": {"type": "string", "enum": ["red", "blue"]},
        "Names": {"type": "list", "member": {"shape": "Colour"}},
        "Tags": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    }));
    let shapes = shapes.unwrap();
    let metadata = Default::default();
    let tables = Tables { metadata: &metadata, shapes: &shapes };
    let op = json!({"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "All"}, "output": {"shape": "All"}});
    let op = tables.operation("Make", &serde_json::from_value(op).unwrap());
    let service = tables.service(Protocol::Json10);
    (Box::leak(Box::new(ServiceDef { checks, name: "made", ..*service })), op)
}

fn decode(protocol: Protocol, checks: Checks, body: impl Into<Bytes>) -> Result<Json, Error> {
    let (service, op) = service(checks);
    decode_with(protocol, service, op, body.into())
}

fn decode_with(
    protocol: Protocol,
    service: &ServiceDef,
    op: &'static OpDef,
    body: Bytes,
) -> Result<Json, Error> {
    let headers = HeaderMap::new();
    let request = Request { labels: &[], query: &[], headers: &headers, body: Payload::Whole(body) };
    let mut input = Record::new(op.input);
    codec::decode(protocol, service, op, request, &mut input).map(|()| record_to_json(&input))
}

#[test]
fn violations_are_counted_and_worded_as_aws_does() {
    let body = r#"{"Count":11,"Names":["red","green"],"Inner":{"Name":"TOOLONGNAME"}}"#;
    let error = decode(Protocol::Json10, Checks::Standard, body).unwrap_err();
    assert_eq!(error.code(), "ValidationException");
    assert_eq!(
        error.message(),
        "5 validation errors detected: \
         Value '11' at 'count' failed to satisfy constraint: Member must have value less than or equal to 10; \
         Value 'green' at 'names.2.member' failed to satisfy constraint: Member must satisfy enum value set: [red, blue]; \
         Value 'TOOLONGNAME' at 'inner.name' failed to satisfy constraint: Member must have length less than or equal to 8; \
         Value 'TOOLONGNAME' at 'inner.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]*; \
         Value null at 'name' failed to satisfy constraint: Member must not be null"
    );
    let error = decode(Protocol::Json10, Checks::Standard, "{}").unwrap_err();
    assert!(error.message().starts_with("1 validation error detected: Value null at 'name'"), "{error}");
}

/// What does not come over the wire has no places in a request: members go by the names SDKs have for them.
#[test]
fn inputs_are_read_by_the_names_of_sdks() {
    let shapes = serde_json::from_value(json!({
        "All": {"type": "structure", "required": ["Bucket"], "members": {
            "Bucket": {"shape": "Text", "location": "uri", "locationName": "Bucket"},
            "CacheControl": {"shape": "Text", "location": "header", "locationName": "Cache-Control"},
            "MaxKeys": {"shape": "Count", "location": "querystring", "locationName": "max-keys"},
            "GroupIds": {"shape": "Names", "locationName": "GroupId"},
        }},
        "Text": {"type": "string", "min": 1}, "Count": {"type": "integer"},
        "Names": {"type": "list", "member": {"shape": "Text", "locationName": "item"}},
    }));
    let shapes = shapes.unwrap();
    let metadata = Default::default();
    let tables = Tables { metadata: &metadata, shapes: &shapes };
    let op = json!({"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "All"}});
    let op = tables.operation("Make", &serde_json::from_value(op).unwrap());
    let service = tables.service(Protocol::RestXml);
    let read = |document: &str| {
        let mut input = Record::new(op.input);
        codec::read_named(service, op, document.as_bytes(), &mut input).map(|()| record_to_json(&input))
    };
    let given = r#"{"Bucket":"b","cacheControl":"c","MaxKeys":3,"groupIds":["x","y"]}"#;
    let same = json!({"Bucket": "b", "CacheControl": "c", "MaxKeys": 3, "GroupIds": ["x", "y"]});
    assert_eq!(read(given).unwrap(), same);
    for (document, words) in [
        (r#"{"Bucket":"b","GroupId":["x"]}"#, "Unknown parameter: GroupId"),
        (r#"{"Bucket":"b","max-keys":3}"#, "Unknown parameter: max-keys"),
        (r#"{"Bucket":""}"#, "length greater than or equal to 1"),
        (r#"{"MaxKeys":3}"#, "'bucket'"),
        (r#"{"Bucket":"b","MaxKeys":"3"}"#, "can not be converted"),
        (r#"["Bucket"]"#, "Malformed JSON"),
    ] {
        let error = read(document).unwrap_err();
        assert!(error.message().contains(words), "{document}: {}", error.message());
    }
}

#[test]
fn ec2_names_the_parameter() {
    for (body, code, message) in [
        ("Action=Make", "MissingParameter", "The request must contain the parameter Name"),
        ("Name=a&Bogus=1", "UnknownParameter", "The parameter Bogus is not recognized"),
        ("Name=a&Inner.Bogus=1", "UnknownParameter", "The parameter Inner.Bogus is not recognized"),
        ("Name=a&Names=green", "UnknownParameter", "The parameter Names is not recognized"),
        (
            "Name=a&Count=many",
            "InvalidParameterValue",
            "Value (many) for parameter Count is invalid. Must be of type Integer.",
        ),
        ("Name=a&Names.1=green", "InvalidParameterValue", "Invalid value 'green' for Names.1."),
        (
            "Name=a&Count=11",
            "InvalidParameterValue",
            "Value ( 11 ) for parameter Count is invalid. Expecting a value less than or equal to 10.",
        ),
    ] {
        let error = decode(Protocol::Ec2, Checks::Parameter, body).unwrap_err();
        assert_eq!((error.code(), error.message(), error.status()), (code, message, 400));
    }
}

#[test]
fn a_service_may_word_its_own_refusals() {
    assert!(decode(Protocol::Query, Checks::Required, "Name=NOT+OK+AND+LONG&Count=99").is_ok());
    let error = decode(Protocol::Query, Checks::Required, "Count=1").unwrap_err();
    assert_eq!(error.message(), "The request must contain the parameter Name.");
}

#[test]
fn parameters_not_honoured_are_refused_by_name() {
    let (service, op) = service(Checks::Required);
    let refused: &'static [&'static str] = &["Flag", "Inner.Count"];
    let op = OpDef { honoured: shape::Honoured::AllBut(refused), ..copy(op) };
    let op: &'static OpDef = Box::leak(Box::new(op));
    let body = |text: &str| Bytes::from(text.to_owned());
    assert!(decode_with(Protocol::Json10, service, op, body(r#"{"Name":"a","Flag":null}"#)).is_ok());
    let error =
        decode_with(Protocol::Json10, service, op, body(r#"{"Name":"a","Inner":{"Name":"b","Count":1}}"#))
            .unwrap_err();
    assert_eq!(error.message(), "The parameter Inner.Count is not supported by Make.");
    assert_eq!((error.code(), error.status()), ("UnsupportedOperation", 400));
}

fn copy(op: &OpDef) -> OpDef {
    OpDef { ..*op }
}

#[test]
fn what_nests_too_deeply_is_refused() {
    let deep = DEPTH_MAX as usize * 40;
    let json = r#"{"Inner":"#.repeat(deep) + "1" + &"}".repeat(deep);
    let xml = "<Inner>".repeat(deep) + &"</Inner>".repeat(deep);
    let query = "Inner.".repeat(deep) + "Name=a";
    let cbor: Vec<u8> = b"\xa1\x65Inner".repeat(deep);
    for (protocol, body) in [
        (Protocol::Json10, json.into_bytes()),
        (Protocol::RestXml, xml.into_bytes()),
        (Protocol::Ec2, query.clone().into_bytes()),
        (Protocol::Query, query.into_bytes()),
        (Protocol::Cbor, cbor),
    ] {
        assert!(decode(protocol, Checks::Standard, body).is_err(), "{protocol:?}");
    }
}

#[test]
fn malformed_bodies_say_what_is_wrong() {
    for (body, message) in [
        (r#"{"Name":5}"#, "NUMBER_VALUE can not be converted to String"),
        (r#"{"Count":"5"}"#, "STRING_VALUE can not be converted to Integer at 'count'"),
        (r#"{"Name":["a"]}"#, "Start of list can not be converted to String at 'name'"),
        (r#"{"Name":{}}"#, "Start of structure or map found where not expected"),
    ] {
        let error = decode(Protocol::Json10, Checks::Standard, body).unwrap_err();
        assert_eq!((error.code(), error.message()), ("SerializationException", message));
    }
    for body in ["", "<a>", "<a></b>", "<!DOCTYPE a><a/>", "<a>&boom;</a>", "<a/><b/>"] {
        let said = decode(Protocol::RestXml, Checks::Standard, body).unwrap_err();
        assert!(body.is_empty() || said.code() == "MalformedXML", "{body}: {said}");
    }
}

#[tokio::test]
async fn errors_have_the_shape_of_their_protocol() {
    let (service, _) = service(Checks::Standard);
    let error = kernel::gate::not_implemented(service.name, "Bake");
    let (json, xml) = ("Cloudlet does not implement Bake of ", "<Code>NotImplemented</Code>");
    for protocol in PROTOCOLS {
        let answer = codec::encode_error(protocol, service, &error, "id-1");
        assert_eq!(answer.status(), 501);
        assert_eq!(answer.headers()["x-amzn-requestid"], "id-1");
        let body = answer.into_body().collect(4_096).await.unwrap();
        let text = String::from_utf8_lossy(&body);
        let wanted =
            if matches!(protocol, Protocol::Query | Protocol::Ec2 | Protocol::RestXml) { xml } else { json };
        assert!(text.contains(wanted), "{protocol:?}: {text}");
    }
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = (
        "[a-z]{1,8}",
        prop::option::of(-1_000_i32..=10),
        prop::option::of(any::<i64>()),
        prop::option::of(any::<bool>()),
        prop::option::of(-1e9..1e9),
        prop::option::of("\\PC{0,12}"),
        prop::option::of(-60_000_000_000_i64..200_000_000_000_i64),
        prop::collection::vec(prop::sample::select(vec!["red", "blue"]), 1..4),
        prop::collection::btree_map("[a-z]{1,4}", "[ -~]{1,12}", 1..4),
    );
    let leaf = leaf.prop_map(|(name, count, big, flag, ratio, data, at, names, tags)| {
        #[expect(clippy::cast_precision_loss)]
        let at = at.map(|millis| millis as f64 / 1e3);
        json!({"Name": name, "Count": count, "Big": big, "Flag": flag, "Ratio": ratio, "Data": data, "At": at,
               "Names": names, "Tags": tags})
    });
    leaf.prop_recursive(4, 8, 1, |inner| {
        (inner.clone(), inner).prop_map(|(mut outer, inner)| {
            outer["Inner"] = inner;
            outer
        })
    })
}

fn without_nulls(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), without_nulls(v))).collect()
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..256), text in "\\PC{0,200}") {
        let (service, op) = service(Checks::Standard);
        for protocol in PROTOCOLS {
            let _ = decode_with(protocol, service, op, body.clone().into());
            let _ = decode_with(protocol, service, op, text.clone().into());
        }
    }

    #[test]
    fn almost_requests_are_read_or_refused(
        json in r#"(\{|\}|\[|\]|"|,|:|Name|Inner|Tags|Names|At|Big|null|1e999|-|\\u0000){0,60}"#,
        xml in r#"(<|>|/|&|;|Name|Inner|Tags|entry|key|value|#|x|1|'|"|=| |<!\[CDATA\[|\]\]>){0,60}"#,
        query in r#"(Name|Inner|Tags|Names|entry|key|value|member|\.|=|&|%|1|0|-1|99999999999){0,60}"#,
    ) {
        let (service, op) = service(Checks::Standard);
        let _ = decode_with(Protocol::Json11, service, op, json.clone().into());
        let _ = decode_with(Protocol::RestJson, service, op, json.into());
        let _ = decode_with(Protocol::RestXml, service, op, xml.into());
        let _ = decode_with(Protocol::Query, service, op, query.clone().into());
        let _ = decode_with(Protocol::Ec2, service, op, query.into());
    }

    #[test]
    fn values_come_back_as_they_went(value in value()) {
        let (service, op) = service(Checks::Standard);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let wanted = without_nulls(&value);
        // The protocols whose answers read as requests: the others write XML and read forms.
        for protocol in [Protocol::Json10, Protocol::RestJson, Protocol::RestXml, Protocol::Cbor] {
            let mut output = Record::new(op.output);
            output.fill(&value);
            let answer = codec::encode(protocol, service, op, &output, "id");
            let body = runtime.block_on(answer.into_body().collect(1 << 20)).unwrap();
            let read = decode_with(protocol, service, op, body.clone());
            prop_assert_eq!(read.map_err(|e| TestCaseError::fail(format!("{protocol:?} {e} {body:?}")))?, wanted.clone(), "{:?}", protocol);
        }
    }
}
