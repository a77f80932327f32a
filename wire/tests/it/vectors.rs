//! The AWS protocols' own test vectors: requests decode to the parameters they were made of, and what we answer is
//! read by botocore's parsers as the results it was made of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use api_codegen::model::{Metadata, Operation, Shape as Modelled};
use api_codegen::ordered::Ordered;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use kernel::{Error, Kind};
use serde_json::{Value as Json, json};
use shape::{Bytes, Kind as ShapeKind, Location, Protocol, Schema};
use wire::codec::{self, Payload, Request};

use crate::dynamic::{Record, Tables, record_to_json};

/// The vectors' folder, from `CLOUDLET_PROTOCOL_VECTORS` or beside the workspace; `None`, said aloud, where absent.
fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from("../../shared/protocol-vectors");
    let folder = env::var_os("CLOUDLET_PROTOCOL_VECTORS").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    say(&format!("SKIPPED: no protocol vectors at {}", folder.display()));
    None
}

#[expect(clippy::print_stdout, reason = "what was skipped, and how many ran, is said aloud")]
fn say(text: &str) {
    println!("{text}");
}

/// Cases that are left out, each with its reason after `#`.
fn exceptions() -> BTreeSet<String> {
    let text = include_str!("vectors.exceptions");
    text.lines()
        .filter_map(|line| line.split('#').next()?.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

struct Suite {
    file: String,
    index: usize,
    protocol: Protocol,
    metadata: Metadata,
    shapes: Ordered<Modelled>,
    cases: Vec<Json>,
}

fn suites(folder: &Path) -> Vec<Suite> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        #[derive(serde::Deserialize)]
        struct Raw {
            metadata: Metadata,
            shapes: Ordered<Modelled>,
            cases: Vec<Json>,
        }
        for (index, raw) in serde_json::from_str::<Vec<Raw>>(&text).unwrap().into_iter().enumerate() {
            let Raw { metadata, shapes, cases } = raw;
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            all.push(Suite { file, index, protocol: protocol(&metadata), metadata, shapes, cases });
        }
    }
    all
}

fn protocol(metadata: &Metadata) -> Protocol {
    match metadata.protocol.as_str() {
        "json" if metadata.json_version.as_deref() == Some("1.0") => Protocol::Json10,
        "json" => Protocol::Json11,
        "query" => Protocol::Query,
        "ec2" => Protocol::Ec2,
        "rest-json" => Protocol::RestJson,
        "rest-xml" => Protocol::RestXml,
        _ => Protocol::Cbor,
    }
}

#[test]
fn requests_decode_to_the_parameters_they_were_made_of() {
    let Some(folder) = folder() else { return };
    let exceptions = exceptions();
    let (mut passed, mut failures) = (0, Vec::new());
    for suite in suites(&folder.join("input")) {
        let tables = Tables { metadata: &suite.metadata, shapes: &suite.shapes };
        let service = tables.service(suite.protocol);
        for case in &suite.cases {
            let id = format!("input/{}/{}", suite.file, case["id"].as_str().unwrap());
            if exceptions.contains(&id) {
                continue;
            }
            let given: Operation = serde_json::from_value(case["given"].clone()).unwrap();
            let op = tables.operation(case["given"]["name"].as_str().unwrap(), &given);
            let mut input = Record::new(op.input);
            let (labels, query, headers, body) = request(op.uri, &case["serialized"], suite.protocol);
            let labels: Vec<(&str, String)> = labels.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
            let request =
                Request { labels: &labels, query: &query, headers: &headers, body: Payload::Whole(body) };
            let decoded = codec::decode(suite.protocol, service, op, request, &mut input);
            let read = record_to_json(&input);
            match decoded {
                Ok(()) if same(op.input, &case["params"], &read) => passed += 1,
                Ok(()) => failures.push(format!("{id}\n   wanted {}\n   read   {read}", case["params"])),
                Err(error) => failures.push(format!("{id}: {error}")),
            }
        }
    }
    say(&format!("{passed} requests decoded"));
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
    assert!(passed >= 330, "only {passed} requests were tried");
}

type Parts = (Vec<(String, String)>, Vec<(String, String)>, HeaderMap, Bytes);

/// What the door and the router would make of the request.
fn request(pattern: &str, serialized: &Json, protocol: Protocol) -> Parts {
    let (path, query) = split(serialized["uri"].as_str().unwrap());
    let fixed: Vec<String> = split(pattern).1.into_iter().map(|(key, _)| key).collect();
    let query = query.into_iter().filter(|(key, _)| !fixed.contains(key)).collect();
    let mut headers = HeaderMap::new();
    for (key, value) in serialized["headers"].as_object().into_iter().flatten() {
        let name: HeaderName = key.parse().unwrap();
        headers.insert(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    }
    let body = serialized["body"].as_str().unwrap_or_default();
    let body = match protocol {
        Protocol::Cbor => STANDARD.decode(body).unwrap().into(),
        _ => Bytes::from(body.to_owned()),
    };
    (labels(pattern.split('?').next().unwrap(), &path), query, headers, body)
}

fn split(uri: &str) -> (String, Vec<(String, String)>) {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    (path.to_owned(), form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

fn labels(pattern: &str, path: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    let mut found = Vec::new();
    for (i, part) in pattern.iter().enumerate() {
        let Some(label) = part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) else { continue };
        match label.strip_suffix('+') {
            None => found.push((label.to_owned(), decoded(path[i]))),
            Some(greedy) => {
                let after = pattern.len() - i - 1;
                found.push((greedy.to_owned(), decoded(&path[i..path.len() - after].join("/"))));
            }
        }
    }
    found
}

/// Whether what was read is what was given: absent and `null` alike, numbers by value.
fn same(schema: &Schema, given: &Json, read: &Json) -> bool {
    match schema.kind {
        ShapeKind::Structure => schema.members.iter().all(|member| {
            let (given, read) = (&given[member.name], &read[member.name]);
            match (given.is_null(), read.is_null()) {
                (true, true) => true,
                // The vectors' client fills tokens in.
                (true, false) => member.idempotency_token || member.location == Location::QueryMap,
                // Most places have no way to say "empty".
                (false, true) => given.as_array().is_some_and(Vec::is_empty) || *given == json!({}),
                // A server hands over every parameter; a client was given only those no other member has.
                (false, false) if member.location == Location::QueryMap => {
                    let mut entries = given.as_object().unwrap().iter();
                    entries.all(|(key, value)| read[key] == *value)
                }
                (false, false) => same(member.schema, given, read),
            }
        }),
        ShapeKind::List => {
            let (given, read) = (given.as_array().unwrap(), read.as_array().unwrap());
            let given: Vec<&Json> = given.iter().filter(|json| !json.is_null()).collect();
            given.len() == read.len()
                && given.iter().zip(read).all(|(g, r)| same(schema.members[0].schema, g, r))
        }
        ShapeKind::Map => {
            let (given, read) = (given.as_object().unwrap(), read.as_object().unwrap());
            let value = schema.members[1].schema;
            given.iter().filter(|(_, json)| !json.is_null()).count() == read.len()
                && read.iter().all(|(key, r)| given.get(key).is_some_and(|g| same(value, g, r)))
        }
        ShapeKind::Float | ShapeKind::Double | ShapeKind::Timestamp => {
            match (given.as_f64(), read.as_f64()) {
                (Some(given), Some(read)) => (given - read).abs() <= given.abs() * 1e-6,
                _ => given == read,
            }
        }
        ShapeKind::Document => given == read,
        _ => given == read,
    }
}

#[tokio::test]
async fn botocore_reads_our_answers_as_what_they_were_made_of() {
    let Some(folder) = folder() else { return };
    let exceptions = exceptions();
    let mut answers = Vec::new();
    for suite in suites(&folder.join("output")) {
        for (at, case) in suite.cases.iter().enumerate() {
            let id = format!("output/{}/{}", suite.file, case["id"].as_str().unwrap());
            if exceptions.contains(&id) {
                continue;
            }
            let response = answer(&suite, case);
            let headers: serde_json::Map<String, Json> = response
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), Json::from(value.to_str().unwrap())))
                .collect();
            let status = response.status().as_u16();
            let body = STANDARD.encode(response.into_body().collect(1 << 20).await.unwrap());
            answers.push(json!({
                "id": id, "file": suite.file, "suite": suite.index, "case": at,
                "status": status, "headers": headers, "body": body,
            }));
        }
    }
    assert!(answers.len() >= 330, "only {} answers were made", answers.len());
    let made = tempfile::NamedTempFile::new().unwrap();
    fs::write(made.path(), serde_json::to_vec(&answers).unwrap()).unwrap();
    let script = "tests/it/vectors.py";
    let ran = Command::new("python3").arg(script).arg(folder.join("output")).arg(made.path()).output();
    let Ok(ran) = ran else { return say("SKIPPED: no python3 to read our answers") };
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    say(&said);
    assert!(ran.status.success(), "{said}");
}

fn answer(suite: &Suite, case: &Json) -> http::Response<shape::Body> {
    let tables = Tables { metadata: &suite.metadata, shapes: &suite.shapes };
    let service = tables.service(suite.protocol);
    let given: Operation = serde_json::from_value(case["given"].clone()).unwrap();
    let op = tables.operation(case["given"]["name"].as_str().unwrap(), &given);
    if case["error"].is_null() {
        let mut output = Record::new(op.output);
        output.fill(&case["result"]);
        return codec::encode(suite.protocol, service, op, &output, "request-1");
    }
    let name = &given.errors[0].shape;
    let modelled = suite.shapes.get(name).unwrap();
    let traits = modelled.error.clone().unwrap_or_default();
    let def = Box::leak(Box::new(shape::ErrorDef {
        code: name.clone().leak(),
        query_code: traits.code.unwrap_or_else(|| name.clone()).leak(),
        status: u16::try_from(case["response"]["status_code"].as_u64().unwrap()).unwrap(),
        sender: true,
    }));
    let mut fields = Record::new(tables.schema(name, false, 9));
    let message =
        ["Message", "message"].iter().find_map(|key| case["error"][*key].as_str()).unwrap_or_default();
    fields.fill(&case["error"]);
    let error = Error::modeled(Kind::Invalid, def, message).with_fields(fields);
    codec::encode_error(suite.protocol, service, &error, "request-1")
}
