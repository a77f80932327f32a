use http::Request;
use shape::{
    AccountHost, Checks, Honoured, Kind, Location, Member, OpDef, PathHint, Protocol, Routing, Schema,
    ServiceDef, Unserved,
};

use super::*;

const fn schema(kind: Kind, members: &'static [Member]) -> Schema {
    Schema { name: "S", kind, members, ..Schema::PLAIN }
}

static TEXT: Schema = schema(Kind::String, &[]);
static EMPTY: Schema = schema(Kind::Structure, &[]);
static COPY: Schema = schema(Kind::Structure, &[required("x-amz-copy-source", Location::Header)]);
static PART: Schema = schema(Kind::Structure, &[required("partNumber", Location::Query)]);

const fn required(wire: &'static str, location: Location) -> Member {
    Member { name: "M", wire, query: wire, schema: &TEXT, location, required: true, ..Member::PLAIN }
}

const fn op(name: &'static str, method: &'static str, uri: &'static str, input: &'static Schema) -> OpDef {
    OpDef {
        name,
        service: "",
        method,
        uri,
        status: 200,
        input,
        output: &EMPTY,
        result_wrapper: None,
        input_root: None,
        input_namespace: None,
        output_root: None,
        errors: &[],
        unsigned: false,
        harmless: &[],
        honoured: Honoured::All,
        checksum_required: false,
        gzip: false,
    }
}

const fn service(
    name: &'static str,
    version: &'static str,
    protocols: &'static [Protocol],
    ops: &'static [&'static OpDef],
) -> ServiceDef {
    ServiceDef {
        name,
        id: name,
        signing_name: name,
        action_prefix: name,
        endpoint_prefix: name,
        target_prefix: name,
        version,
        protocols,
        xml_namespace: "",
        error_namespace: "",
        query_compatible: false,
        checks: Checks::Standard,
        ops,
        unserved: const { &[Unserved::named("Later")] },
        errors: &[],
        routing: Routing::PLAIN,
    }
}

static SEND: OpDef = op("Send", "POST", "/", &EMPTY);
static MAIL: ServiceDef = ServiceDef {
    routing: MAIL_ROUTING,
    ..service("mail", "2012", &[Protocol::Json10, Protocol::Cbor, Protocol::Query], &[&SEND])
};
const MAIL_ROUTING: Routing = Routing {
    hosts: &["queue"],
    paths: &[
        PathHint { pattern: "/{account}/{name}", param: "QueueUrl" },
        PathHint { pattern: "/queue/{region}/{account}/{name}", param: "QueueUrl" },
    ],
    ..Routing::PLAIN
};

static OLD_BALANCE: OpDef = op("Balance", "POST", "/", &EMPTY);
static NEW_BALANCE: OpDef = op("Balance", "POST", "/", &EMPTY);
static SHARE: OpDef = op("Share", "POST", "/", &EMPTY);
static OLD: ServiceDef =
    ServiceDef { signing_name: "lb", ..service("lb1", "2012-06", &[Protocol::Query], &[&OLD_BALANCE]) };
static NEW: ServiceDef = ServiceDef {
    signing_name: "lb",
    ..service("lb2", "2015-12", &[Protocol::Query], &[&NEW_BALANCE, &SHARE])
};

static OBJECT_OPS: [OpDef; 9] = [
    op("CopyObject", "PUT", "/{Bucket}/{Key+}?x-id=CopyObject", &COPY),
    op("CreateBucket", "PUT", "/{Bucket}", &EMPTY),
    op("GetObject", "GET", "/{Bucket}/{Key+}?x-id=GetObject", &EMPTY),
    op("GetTagging", "GET", "/{Bucket}?tagging", &EMPTY),
    op("ListBuckets", "GET", "/", &EMPTY),
    op("ListObjects", "GET", "/{Bucket}", &EMPTY),
    op("ListObjectsV2", "GET", "/{Bucket}?list-type=2", &EMPTY),
    op("PutObject", "PUT", "/{Bucket}/{Key+}", &EMPTY),
    op("UploadPart", "PUT", "/{Bucket}/{Key+}", &PART),
];
static OBJECT_REFS: [&OpDef; 9] = {
    let [a, b, c, d, e, f, g, h, i] = &OBJECT_OPS;
    [a, b, c, d, e, f, g, h, i]
};
static OBJECTS: ServiceDef = ServiceDef {
    routing: Routing {
        virtual_hosts: true,
        account_hosts: &[AccountHost { label: "door", kind: "way" }],
        fallback: true,
        anonymous: true,
        ..Routing::PLAIN
    },
    unserved: &[
        rest("Abort", "DELETE", "/{Bucket}/{Key+}?uploadId", &[]),
        rest("GetAcl", "GET", "/{Bucket}?acl", &[]),
        rest("Rename", "PUT", "/{Bucket}/{Key+}", &["x-amz-rename-source"]),
    ],
    ..service("objects", "2006", &[Protocol::RestXml], &OBJECT_REFS)
};

static CONTROL_OPS: [OpDef; 1] = [op("GetWay", "GET", "/v1/way/{Name}", &EMPTY)];
static CONTROL_REFS: [&OpDef; 1] = {
    let [a] = &CONTROL_OPS;
    [a]
};
static CONTROL: ServiceDef = ServiceDef {
    signing_name: "objects",
    action_prefix: "objects",
    routing: Routing { marker: Some("x-account"), ..Routing::PLAIN },
    ..service("control", "2018", &[Protocol::RestXml], &CONTROL_REFS)
};

const fn rest(
    name: &'static str,
    method: &'static str,
    uri: &'static str,
    headers: &'static [&'static str],
) -> Unserved {
    Unserved { name, method, uri, headers }
}

fn router() -> Router {
    Router::new(&[&MAIL, &OLD, &NEW, &OBJECTS, &CONTROL], Domains::default())
}

#[derive(Clone, Copy)]
struct Case<'a> {
    method: &'a str,
    uri: &'a str,
    headers: &'a [(&'a str, &'a str)],
    form: Option<&'a str>,
    scope: Option<&'a str>,
}

const GET: Case<'static> = Case { method: "GET", uri: "/", headers: &[], form: None, scope: None };
const POST: Case<'static> = Case { method: "POST", ..GET };

/// `service protocol operation region labels implied`
fn said(case: &Case<'_>) -> String {
    let mut request = Request::builder().method(case.method).uri(case.uri);
    for (name, value) in case.headers {
        request = request.header(*name, *value);
    }
    let parts = request.body(()).unwrap().into_parts().0;
    let scope = case.scope.map(|service| Scope {
        date: "20150830".into(),
        region: "eu-west-3".into(),
        service: service.into(),
        terminator: "aws4_request".into(),
    });
    let form = case.form.map(str::as_bytes);
    let router = router();
    let Some(found) = router.route(&Asked { parts: &parts, form, scope: scope.as_ref(), secure: false })
    else {
        return "nobody".to_owned();
    };
    let wanted = match found.wanted {
        Wanted::Served(op) => op.name.to_owned(),
        Wanted::Unserved(name) => format!("unserved:{name}"),
        Wanted::Unknown(name) => format!("unknown:{name}"),
    };
    let mut text = format!("{} {:?} {wanted} {}", found.service.def.name, found.protocol, found.region);
    for (name, value) in &found.labels {
        text += &format!(" {name}={value}");
    }
    if let Some((name, value)) = found.implied {
        text += &format!(" {name}:{value}");
    }
    text
}

#[test]
fn target_and_cbor_path_come_first() {
    let json = [("x-amz-target", "mail.Send"), ("content-type", "application/x-amz-json-1.0")];
    assert_eq!(said(&Case { headers: &json, ..POST }), "mail Json10 Send us-east-1");
    let newer = [("x-amz-target", "mail.Later"), ("content-type", "application/x-amz-json-1.1")];
    assert_eq!(said(&Case { headers: &newer, ..POST }), "mail Json11 unserved:Later us-east-1");
    let cbor = [("smithy-protocol", "rpc-v2-cbor")];
    let uri = "/service/mail/operation/Nope";
    assert_eq!(said(&Case { headers: &cbor, uri, ..POST }), "mail Cbor unknown:Nope us-east-1");
}

#[test]
fn scope_and_version_tell_twins_apart() {
    let form = Some("Action=Balance&Version=2015-12");
    assert_eq!(said(&Case { form, scope: Some("lb"), ..POST }), "lb2 Query Balance eu-west-3");
    let form = Some("Version=2012-06&Action=Balance");
    assert_eq!(said(&Case { form, scope: Some("lb"), ..POST }), "lb1 Query Balance eu-west-3");
    assert_eq!(said(&Case { form, ..POST }), "lb1 Query Balance us-east-1");
    let form = Some("Action=Fly&Version=2015-12");
    assert_eq!(said(&Case { form, scope: Some("lb"), ..POST }), "lb2 Query unknown:Fly eu-west-3");
    // Versions of before the two; and what only the twin of another version has.
    for (version, service) in [("2011-11", "lb1"), ("2013-01", "lb2"), ("2016-01", "lb1")] {
        let form = format!("Action=Balance&Version={version}");
        let said = said(&Case { form: Some(&form), scope: Some("lb"), ..POST });
        assert_eq!(said, format!("{service} Query Balance eu-west-3"));
    }
    let form = Some("Action=Share&Version=2012-06");
    assert_eq!(said(&Case { form, scope: Some("lb"), ..POST }), "lb1 Query unknown:Share eu-west-3");
    assert_eq!(said(&Case { uri: "/?Action=Send&Version=2012", ..GET }), "mail Query Send us-east-1");
    assert_eq!(said(&Case { scope: Some("nobody"), ..POST }), "nobody");
}

#[test]
fn without_an_action_nothing_is_done() {
    let unknown = |form, scope| said(&Case { form, scope: Some(scope), ..POST });
    assert_eq!(unknown(Some("Version=2012"), "mail"), "mail Query unknown: eu-west-3");
    assert_eq!(unknown(None, "mail"), "mail Json10 unknown: eu-west-3");
    let headers = [("x-amz-target", "nobody.Send")];
    assert_eq!(
        said(&Case { headers: &headers, scope: Some("mail"), ..POST }),
        "mail Json10 unknown: eu-west-3"
    );
}

#[test]
fn a_queues_path_is_its_url() {
    let form = Some("Action=Send");
    let host = [("host", "localhost:4566")];
    let uri = "/000000000000/q";
    let implied = "QueueUrl:http://localhost:4566/000000000000/q";
    assert_eq!(
        said(&Case { uri, form, headers: &host, ..POST }),
        format!("mail Query Send us-east-1 {implied}")
    );
    let uri = "/queue/eu-west-1/000000000000/q";
    assert!(said(&Case { uri, form, headers: &host, scope: Some("mail"), ..POST }).ends_with(uri));
    let form = Some("Action=Send&QueueUrl=x");
    assert_eq!(said(&Case { uri, form, headers: &host, ..POST }), "mail Query Send us-east-1");
}

#[test]
fn paths_queries_and_headers_choose_among_rest_operations() {
    let at = |method, uri| said(&Case { method, uri, ..GET });
    assert_eq!(at("GET", "/"), "objects RestXml ListBuckets us-east-1");
    assert_eq!(at("GET", "/b"), "objects RestXml ListObjects us-east-1 Bucket=b");
    assert_eq!(at("GET", "/b/"), "objects RestXml ListObjects us-east-1 Bucket=b");
    assert_eq!(at("GET", "/b?list-type=2"), "objects RestXml ListObjectsV2 us-east-1 Bucket=b");
    assert_eq!(at("GET", "/b?tagging"), "objects RestXml GetTagging us-east-1 Bucket=b");
    assert_eq!(at("GET", "/b/a%20//c/"), "objects RestXml GetObject us-east-1 Bucket=b Key=a //c/");
    assert_eq!(at("PUT", "/b/k"), "objects RestXml PutObject us-east-1 Bucket=b Key=k");
    assert_eq!(at("PUT", "/b/k?partNumber=1"), "objects RestXml UploadPart us-east-1 Bucket=b Key=k");
    assert_eq!(at("PATCH", "/b/k"), "objects RestXml unknown: us-east-1");
    assert_eq!(at("GET", "/b/%ff"), "objects RestXml unknown: us-east-1");
    let copy = [("x-amz-copy-source", "a")];
    let copied = said(&Case { method: "PUT", uri: "/b/k", headers: &copy, ..GET });
    assert_eq!(copied, "objects RestXml CopyObject us-east-1 Bucket=b Key=k");
}

#[test]
fn a_parameter_that_tells_operations_apart_is_never_passed_over() {
    let at = |method, uri| said(&Case { method, uri, ..GET });
    for (method, uri) in
        [("PUT", "/b?tagging"), ("PUT", "/b?acl"), ("GET", "/b/k?acl"), ("PUT", "/b/k?uploadId=1")]
    {
        assert_eq!(at(method, uri), "objects RestXml unknown: us-east-1", "{method} {uri}");
    }
    // What tells nothing apart may be anything.
    assert_eq!(at("GET", "/b/k?x-of-mine=1"), "objects RestXml GetObject us-east-1 Bucket=b Key=k");
}

#[test]
fn a_header_tells_a_service_from_another_of_its_scope() {
    let headers = [("x-account", "1")];
    let case = Case { uri: "/v1/way/k", scope: Some("objects"), ..GET };
    assert_eq!(said(&case), "objects RestXml GetObject eu-west-3 Bucket=v1 Key=way/k");
    assert_eq!(said(&Case { headers: &headers, ..case }), "control RestXml GetWay eu-west-3 Name=k");
    let other = Case { uri: "/b/k", headers: &headers, ..case };
    assert_eq!(said(&other), "objects RestXml GetObject eu-west-3 Bucket=b Key=k");
}

#[test]
fn hosts_of_accounts_stand_for_arns() {
    let at = |host: &str| said(&Case { uri: "/k/l", headers: &[("host", host)], ..GET });
    let behind = |region| {
        format!(
            "objects RestXml GetObject {region} Bucket=arn:aws:objects:{region}:000000000001:way/a-b Key=k/l"
        )
    };
    assert_eq!(at("a-b-000000000001.localhost:4566"), behind("us-east-1"));
    assert_eq!(at("a-b-000000000001.door.eu-west-1.amazonaws.com"), behind("eu-west-1"));
    assert_eq!(at("ab-1.localhost"), "objects RestXml GetObject us-east-1 Bucket=ab-1 Key=k/l");
    assert_eq!(at("ab-1.localhost.localstack.cloud:4566"), at("ab-1.localhost"));
    assert_eq!(
        at("a-b-000000000001.objects.localhost"),
        "objects RestXml GetObject us-east-1 Bucket=a-b-000000000001 Key=k/l"
    );
}

#[test]
fn what_is_not_served_is_named_and_passes_for_nothing_else() {
    let at = |method, uri| said(&Case { method, uri, ..GET });
    assert_eq!(at("GET", "/b?acl"), "objects RestXml unserved:GetAcl us-east-1 Bucket=b");
    assert_eq!(at("DELETE", "/b/k?uploadId=1"), "objects RestXml unserved:Abort us-east-1 Bucket=b Key=k");
    assert_eq!(at("DELETE", "/b/k"), "objects RestXml unknown: us-east-1");
    let headers = [("x-amz-rename-source", "a")];
    let renamed = said(&Case { method: "PUT", uri: "/b/k", headers: &headers, ..GET });
    assert_eq!(renamed, "objects RestXml unserved:Rename us-east-1 Bucket=b Key=k");
    assert_eq!(said(&Case { uri: "/?Action=Later", ..GET }), "mail Query unserved:Later us-east-1");
}

#[test]
fn hosts_choose_service_region_and_bucket() {
    let at = |host: &str, uri| said(&Case { uri, headers: &[("host", host)], ..GET });
    let virtual_host = at("b.objects.eu-west-1.localhost.localstack.cloud:4566", "/k/l");
    assert_eq!(virtual_host, "objects RestXml GetObject eu-west-1 Bucket=b Key=k/l");
    assert_eq!(at("objects.localhost", "/b"), "objects RestXml ListObjects us-east-1 Bucket=b");
    let queue = at("eu-west-1.queue.amazonaws.com", "/?Action=Send");
    assert_eq!(queue, "mail Query Send eu-west-1");
}
