//! Header fields on their way to members and back.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{CONNECTION, HOST, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version};

use crate::spec::{DoorSpec, ForwardedFor, Manners, Strictness};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");
/// More addresses than this have been forwarded in a circle.
const FORWARDED_MAX: usize = 30;

/// Who asks, and how they came in.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) secure: bool,
    /// The door's.
    pub(crate) door: u16,
    /// Version and suite, as OpenSSL calls them.
    pub(crate) tls: Option<(String, String)>,
    /// `X-Forwarded-For` of those who come with nothing else.
    pub(crate) text: HeaderValue,
    /// `X-Forwarded-Port`.
    pub(crate) door_text: HeaderValue,
}

impl Client {
    pub(crate) fn new(address: IpAddr, port: u16, secure: bool, door: u16) -> Self {
        let text = HeaderValue::try_from(address.to_canonical().to_string());
        let text = text.unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self {
            address: address.to_canonical(),
            port,
            secure,
            door,
            tls: None,
            text,
            door_text: HeaderValue::from(door),
        }
    }
}

/// How much two servers could differ about where a request ends. Of two lengths the HTTP library has left one, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Doubt {
    None,
    Ambiguous,
}

pub(crate) fn doubt(parts: &Parts, has_body: bool) -> Doubt {
    let odd = has_body && matches!(parts.method, Method::GET | Method::HEAD);
    if parts.version <= Version::HTTP_11 && odd { Doubt::Ambiguous } else { Doubt::None }
}

/// What refuses a request before any rule is asked, as a status.
pub(crate) fn refusal(parts: &Parts, manners: &Manners, doubt: Doubt) -> Option<u16> {
    if doubt == Doubt::Ambiguous && manners.strictness == Strictness::Strictest {
        return Some(400);
    }
    if parts.method == Method::TRACE || parts.method == Method::CONNECT {
        return Some(405);
    }
    if codings(&parts.headers).any(|coding| !coding.eq_ignore_ascii_case("chunked")) {
        return Some(501);
    }
    if parts.version == Version::HTTP_11 && parts.headers.get_all(HOST).iter().count() != 1 {
        return Some(400);
    }
    let forwarded = parts.headers.get_all(&FORWARDED_FOR).iter();
    let addresses: usize = forwarded.map(|line| line.as_bytes().split(|byte| *byte == b',').count()).sum();
    (addresses > FORWARDED_MAX).then_some(463)
}

/// How a body is coded on its way here. Members are sent chunks or a length, so nothing else may be meant.
fn codings(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(TRANSFER_ENCODING).iter().map(|line| line.to_str().unwrap_or("?"));
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|coding| !coding.is_empty())
}

/// Whether the client asks to speak something else from here on, as for WebSocket.
pub(crate) fn upgrades(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE) && lists(headers, "upgrade")
}

fn lists(headers: &HeaderMap, word: &str) -> bool {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|token| token.trim().eq_ignore_ascii_case(word))
}

/// Whether a field is of one connection only (RFC 9110, section 7.6.1).
fn is_of_connection(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Takes out what concerns one connection. Upgrades are put back by who means them.
pub(crate) fn strip(headers: &mut HeaderMap) {
    // Looked at one by one, since most messages have none of them or one.
    let mut found: Vec<HeaderName> = headers.keys().filter(|name| is_of_connection(name)).cloned().collect();
    let Some(connection) = headers.get(CONNECTION).filter(|_| !found.is_empty()) else {
        return found.iter().for_each(|name| take_out(headers, name));
    };
    let plain = connection.as_bytes().eq_ignore_ascii_case(b"keep-alive") || connection == "close";
    if !plain {
        let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
        found.extend(lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse().ok()));
    }
    found.iter().for_each(|name| take_out(headers, name));
}

fn take_out(headers: &mut HeaderMap, name: &HeaderName) {
    // Whoever understands trailers says so to the next one too.
    if *name != TE || headers.get(TE).is_some_and(|te| te != "trailers") {
        headers.remove(name);
    }
}

/// Adds what members are told about the client.
pub(crate) fn forward(headers: &mut HeaderMap, client: &Client, manners: &Manners, door: &DoorSpec) {
    match manners.forwarded_for {
        ForwardedFor::Preserve => {}
        ForwardedFor::Remove => drop(headers.remove(&FORWARDED_FOR)),
        ForwardedFor::Append => append_address(headers, client, manners.forwarded_port),
    }
    if manners.forwarded_for == ForwardedFor::Append || !headers.contains_key(&FORWARDED_PROTO) {
        let protocol = if client.secure { "https" } else { "http" };
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(protocol));
        headers.insert(FORWARDED_PORT, client.door_text.clone());
    }
    if let Some(((version, suite), names)) = client.tls.as_ref().zip(door.tls_fields.as_ref()) {
        for (name, value) in names.iter().zip([version, suite]) {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }
    trace(headers);
    if manners.drop_invalid {
        drop_invalid(headers);
    }
}

fn append_address(headers: &mut HeaderMap, client: &Client, with_port: bool) {
    let own = match (with_port, client.address) {
        (false, _) => client.text.clone(),
        (true, IpAddr::V4(address)) => text(format!("{address}:{}", client.port)),
        (true, IpAddr::V6(address)) => text(format!("[{address}]:{}", client.port)),
    };
    let value = match headers.get(&FORWARDED_FOR) {
        None => own,
        Some(_) => {
            let mut all = Vec::new();
            for line in headers.get_all(&FORWARDED_FOR) {
                all.extend_from_slice(line.as_bytes());
                all.extend_from_slice(b", ");
            }
            all.extend_from_slice(own.as_bytes());
            HeaderValue::from_bytes(&all).unwrap_or(own)
        }
    };
    headers.insert(FORWARDED_FOR, value);
}

fn text(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// A request can be followed by its id: `Root` is whoever's was first, `Self` is ours.
fn trace(headers: &mut HeaderMap) {
    let given = headers.get(&TRACE).map(HeaderValue::as_bytes);
    let has_root = given.is_some_and(|given| given.windows(5).any(|word| word == b"Root="));
    let mut value = Vec::with_capacity(TRACE_BYTES);
    value
        .extend(given.filter(|_| !has_root).into_iter().flat_map(|given| [given, b";".as_slice()]).flatten());
    value.extend_from_slice(if has_root { b"Self=1-" } else { b"Root=1-" });
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let [_, _, _, _, seconds @ ..] = seconds.to_be_bytes();
    hex(&mut value, &seconds);
    value.push(b'-');
    let [_, _, _, _, random @ ..] = fastrand::u128(..).to_be_bytes();
    hex(&mut value, &random);
    value.extend(given.filter(|_| has_root).into_iter().flat_map(|given| [b";".as_slice(), given]).flatten());
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(TRACE, value);
    }
}

/// An id that stands alone.
const TRACE_BYTES: usize = 41;

fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| DIGITS.get(usize::from(half & 15)).copied().unwrap_or_default();
    out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]));
}

fn is_valid(name: &HeaderName) -> bool {
    name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether all names are letters, digits and hyphens.
pub(crate) fn are_valid(headers: &HeaderMap) -> bool {
    headers.keys().all(is_valid)
}

fn drop_invalid(headers: &mut HeaderMap) {
    let invalid: Vec<HeaderName> = headers.keys().filter(|name| !is_valid(name)).cloned().collect();
    invalid.iter().for_each(|name| drop(headers.remove(name)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn what_concerns_one_connection_stays_there() {
        let mut given =
            headers(&[("connection", "keep-alive, x-own"), ("x-own", "1"), ("te", "gzip"), ("a", "b")]);
        strip(&mut given);
        assert_eq!(given, headers(&[("a", "b")]));
    }

    #[test]
    fn addresses_line_up() {
        let mut given = headers(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]);
        let client = Client::new([10, 0, 0, 9].into(), 4_000, false, 80);
        append_address(&mut given, &client, false);
        assert_eq!(given["x-forwarded-for"], "1.1.1.1, 2.2.2.2, 10.0.0.9");
        let mut none = HeaderMap::new();
        append_address(&mut none, &client, true);
        assert_eq!(none["x-forwarded-for"], "10.0.0.9:4000");
    }

    #[test]
    fn traces_keep_their_root() {
        let mut given = headers(&[("x-amzn-trace-id", "Root=1-2-3")]);
        trace(&mut given);
        let value = given["x-amzn-trace-id"].to_str().unwrap();
        assert!(value.starts_with("Self=1-") && value.ends_with(";Root=1-2-3"), "{value}");
    }
}
