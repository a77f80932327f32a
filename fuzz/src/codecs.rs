//! The codecs: whatever bytes come in, an input or a refusal comes out, and what was read is written back the same.

use std::sync::OnceLock;

use http::HeaderMap;
use shape::{Bytes, OpDef, Operation, Protocol, ServiceDef, Struct};
use wire::codec::{self, Payload, Request};
use wire::route::{Asked, Domains, Routed, Router, Wanted};

use crate::{head, now, thing};

/// No answer to what a target is given is longer.
const ANSWER_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// Reads an operation's input and, when it is one, writes it as if it were an answer.
type Attempt = fn(Protocol, Request<'_>) -> Option<Bytes>;

fn attempt<O: Operation>(protocol: Protocol, request: Request<'_>) -> Option<Bytes> {
    let mut input = O::Input::default();
    match codec::decode(protocol, O::SERVICE, O::DEF, request, &mut input) {
        Ok(()) => Some(written(protocol, O::SERVICE, O::DEF, &input)),
        Err(error) => {
            // Every refusal can be said in the protocol.
            codec::encode_error(protocol, O::SERVICE, &error, "id");
            None
        }
    }
}

fn written(protocol: Protocol, service: &ServiceDef, op: &OpDef, value: &dyn Struct) -> Bytes {
    let answer = codec::encode(protocol, service, op, value, "id");
    now(answer.into_body().collect(ANSWER_BYTES_MAX)).expect("a body in memory")
}

/// A request that is nothing but a body.
fn body(bytes: &[u8]) -> Request<'static> {
    static NONE: OnceLock<HeaderMap> = OnceLock::new();
    let headers = NONE.get_or_init(HeaderMap::new);
    Request { labels: &[], query: &[], headers, body: Payload::Whole(Bytes::copy_from_slice(bytes)) }
}

/// The first byte chooses the operation, the rest is the body.
fn choose<'a>(data: &'a [u8], attempts: &[Attempt]) -> Option<(Attempt, &'a [u8])> {
    let (first, rest) = data.split_first()?;
    Some((attempts[usize::from(*first) % attempts.len()], rest))
}

/// Reads a body; what was read and written is read and written the same again.
fn stable(protocol: Protocol, data: &[u8], attempts: &[Attempt]) {
    let Some((attempt, bytes)) = choose(data, attempts) else { return };
    if let Some(once) = attempt(protocol, body(bytes)) {
        let twice = attempt(protocol, body(&once));
        assert_eq!(twice.as_ref(), Some(&once), "what we write, we read");
    }
}

/// JSON 1.0.
pub fn json(data: &[u8]) {
    use api_sqs::op;
    let attempts: [Attempt; 6] = [
        attempt::<op::SendMessage>,
        attempt::<op::SendMessageBatch>,
        attempt::<op::CreateQueue>,
        attempt::<op::ReceiveMessage>,
        attempt::<thing::op::PutThing>,
        attempt::<thing::op::PutDocument>,
    ];
    stable(Protocol::Json10, data, &attempts);
}

/// RPC v2 CBOR.
pub fn cbor(data: &[u8]) {
    use api_sqs::op;
    let attempts: [Attempt; 5] = [
        attempt::<op::SendMessage>,
        attempt::<op::SendMessageBatch>,
        attempt::<op::SetQueueAttributes>,
        attempt::<thing::op::PutThing>,
        attempt::<thing::op::PutPayload>,
    ];
    stable(Protocol::Cbor, data, &attempts);
}

/// Forms of the query protocol.
pub fn query(data: &[u8]) {
    use api_sqs::op;
    let attempts: [Attempt; 5] = [
        attempt::<op::SendMessage>,
        attempt::<op::SendMessageBatch>,
        attempt::<op::SetQueueAttributes>,
        attempt::<api_sts::op::GetCallerIdentity>,
        attempt::<thing::op::PutThing>,
    ];
    if let Some((attempt, bytes)) = choose(data, &attempts) {
        attempt(Protocol::Query, body(bytes));
    }
}

/// Forms of EC2.
pub fn ec2(data: &[u8]) {
    use api_ec2::op;
    let attempts: [Attempt; 5] = [
        attempt::<op::RunInstances>,
        attempt::<op::DescribeInstances>,
        attempt::<op::AuthorizeSecurityGroupIngress>,
        attempt::<op::CreateTags>,
        attempt::<thing::op::PutThing>,
    ];
    if let Some((attempt, bytes)) = choose(data, &attempts) {
        attempt(Protocol::Ec2, body(bytes));
    }
}

/// The REST protocols: a whole request, by way of the router.
pub fn rest(protocol: Protocol, data: &[u8]) {
    static ROUTER: OnceLock<Router> = OnceLock::new();
    let router = ROUTER.get_or_init(|| Router::new(&[&thing::SERVICE], Domains::default()));
    let Some((parts, bytes)) = head::request(data) else { return };
    let Some(routed) = router.route(&Asked { parts: &parts, form: None, scope: None, secure: false }) else {
        return;
    };
    let Wanted::Served(op) = routed.wanted else { return };
    let attempt: Attempt = match op.name {
        "PutDocument" if protocol == Protocol::RestJson => attempt::<thing::op::PutDocument>,
        "PutPayload" => attempt::<thing::op::PutPayload>,
        "PutThing" => attempt::<thing::op::PutThing>,
        "SendBytes" => attempt::<thing::op::SendBytes>,
        _ => return,
    };
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let query: Vec<(String, String)> = form_urlencoded::parse(query).into_owned().collect();
    let body = Payload::Whole(Bytes::copy_from_slice(bytes));
    attempt(protocol, Request { labels: &routed.labels, query: &query, headers: &parts.headers, body });
}

/// Any request to any service.
pub fn route(data: &[u8]) {
    static ROUTER: OnceLock<Router> = OnceLock::new();
    let router = ROUTER.get_or_init(|| {
        let services = [&api_ec2::SERVICE, &api_sqs::SERVICE, &api_sts::SERVICE, &thing::SERVICE];
        Router::new(&services, Domains::default())
    });
    let Some((parts, bytes)) = head::request(data) else { return };
    let scope = wire::sigv4::Presented::find(&parts).ok().flatten().map(|presented| presented.scope);
    for form in [None, Some(bytes)] {
        let asked = Asked { parts: &parts, form, scope: scope.as_ref(), secure: form.is_some() };
        if let Some(Routed { service, wanted: Wanted::Unserved(name) | Wanted::Unknown(name), .. }) =
            router.route(&asked)
        {
            assert!(service.def.op(&name).is_none(), "{name} is served");
        }
    }
}
