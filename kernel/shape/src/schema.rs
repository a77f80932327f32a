//! The static tables: what a service, an operation, a shape and a member are. Generated, never written by hand.

use crate::Struct;

/// The wire protocols an AWS client may speak. Chosen per request, not per service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `application/x-amz-json-1.0`
    Json10,
    /// `application/x-amz-json-1.1`
    Json11,
    /// Form body with `Action`, XML answer.
    Query,
    /// EC2's dialect of query.
    Ec2,
    /// Paths, headers and JSON.
    RestJson,
    /// Paths, headers and XML.
    RestXml,
    /// `rpc-v2-cbor`
    Cbor,
}

/// What a shape is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    /// 32 bits, signed.
    Integer,
    /// 64 bits, signed.
    Long,
    Float,
    Double,
    String,
    Blob,
    /// A blob that is never held whole: [`crate::Body`].
    Stream,
    Timestamp,
    Document,
    Structure,
    /// `members[0]` is the element.
    List,
    /// `members[0]` is the key, `members[1]` the value.
    Map,
}

/// How an instant is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// What the protocol and the place prescribe.
    Default,
    /// `2006-01-02T15:04:05.123Z`
    DateTime,
    /// Seconds since 1970, with a fraction where there is one.
    EpochSeconds,
    /// `Mon, 02 Jan 2006 15:04:05 GMT`
    HttpDate,
}

/// One shape of a model.
#[derive(Debug)]
pub struct Schema {
    /// The shape's name in the model.
    pub name: &'static str,
    pub kind: Kind,
    /// Fields of a structure; element of a list; key and value of a map.
    pub members: &'static [Member],
    /// Least length (strings, blobs, lists, maps) or value (numbers).
    pub min: Option<i64>,
    /// Greatest length or value.
    pub max: Option<i64>,
    /// A regular expression the whole string must match.
    pub pattern: Option<&'static str>,
    /// The values of an enumeration; empty when any string will do.
    pub values: &'static [&'static str],
    /// Never written to a log or an audit record.
    pub sensitive: bool,
    /// Exactly one member is present.
    pub union: bool,
    /// The list or map stands in its parent without a wrapper (XML and query).
    pub flattened: bool,
    pub timestamp: TimestampFormat,
    /// The name of an XML document with this shape at its root, where it differs from the shape's.
    pub xml_name: Option<&'static str>,
    pub xml_namespace: Option<&'static str>,
}

impl Schema {
    /// A shape without traits, for tables to start from.
    pub const PLAIN: Schema = Schema {
        name: "",
        kind: Kind::Structure,
        members: &[],
        min: None,
        max: None,
        pattern: None,
        values: &[],
        sensitive: false,
        union: false,
        flattened: false,
        timestamp: TimestampFormat::Default,
        xml_name: None,
        xml_namespace: None,
    };
}

/// The shape of what is not there: `()`.
pub static UNIT: Schema = Schema { name: "Unit", ..Schema::PLAIN };

/// Where a member travels in the REST protocols. The others use `Body` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    Body,
    Uri,
    Query,
    /// All query parameters not otherwise bound.
    QueryMap,
    Header,
    /// All headers with this prefix.
    HeaderPrefix,
    StatusCode,
}

/// A field of a structure, the element of a list, or the key or value of a map.
#[derive(Debug)]
pub struct Member {
    /// The member's name in the model: what the user of an SDK writes.
    pub name: &'static str,
    /// The name on the wire. Empty for a list's element without a name of its own, which then has the
    /// protocol's word for one (`member`). Elements of flattened lists go by the list's name, as in Smithy.
    pub wire: &'static str,
    /// The name in query requests and answers; for EC2 in requests only, whose answers use `wire`.
    pub query: &'static str,
    pub schema: &'static Schema,
    pub location: Location,
    pub required: bool,
    /// The member is the whole body.
    pub payload: bool,
    /// The list or map stands in its parent without a wrapper (XML and query).
    pub flattened: bool,
    pub xml_attribute: bool,
    pub xml_namespace: Option<&'static str>,
    pub xml_prefix: Option<&'static str>,
    pub timestamp: TimestampFormat,
    /// Filled by clients with a fresh token.
    pub idempotency_token: bool,
    /// The string is a JSON document, carried in base64 where it is a header.
    pub json_value: bool,
}

impl Member {
    /// A member without traits, for tables to start from.
    pub const PLAIN: Member = Member {
        name: "",
        wire: "",
        query: "",
        schema: &UNIT,
        location: Location::Body,
        required: false,
        payload: false,
        flattened: false,
        xml_attribute: false,
        xml_namespace: None,
        xml_prefix: None,
        timestamp: TimestampFormat::Default,
        idempotency_token: false,
        json_value: false,
    };
}

/// An exception of a model, or one the model forgot and a `.fix` file supplies.
#[derive(Debug)]
pub struct ErrorDef {
    /// What JSON, REST and CBOR clients match on.
    pub code: &'static str,
    /// What query clients match on; equal to `code` where the model says nothing else.
    pub query_code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// `Sender` (the caller's fault) or `Receiver`.
    pub sender: bool,
}

/// One operation that is served.
#[derive(Debug)]
pub struct OpDef {
    pub name: &'static str,
    /// The service's name, as in [`ServiceDef::name`].
    pub service: &'static str,
    pub method: &'static str,
    /// Path and query of the REST protocols, with `{labels}` and `{greedy+}` labels.
    pub uri: &'static str,
    /// Status of a good answer.
    pub status: u16,
    pub input: &'static Schema,
    pub output: &'static Schema,
    /// Element around the result in query answers.
    pub result_wrapper: Option<&'static str>,
    /// Root element of the REST-XML request body.
    pub input_root: Option<&'static str>,
    pub input_namespace: Option<&'static str>,
    /// Root element of the REST-XML answer, where it is not the output shape's name.
    pub output_root: Option<&'static str>,
    pub errors: &'static [&'static ErrorDef],
    /// Served without a signature (`AssumeRoleWithWebIdentity` …).
    pub unsigned: bool,
    /// Input members that are read by no handler and may be given all the same; the service's README says why.
    pub harmless: &'static [&'static str],
    /// Input members a handler reads. Any other given member is refused by name.
    pub honoured: Honoured,
    /// The body must come with a checksum.
    pub checksum_required: bool,
    /// The client may send the body gzipped, as `Content-Encoding` says.
    pub gzip: bool,
}

/// An operation of the model that is not served: its name, and for REST protocols what tells it from others.
#[derive(Clone, Copy, Debug)]
pub struct Unserved {
    pub name: &'static str,
    /// Empty where the name stands in the request.
    pub method: &'static str,
    /// As [`OpDef::uri`], with the names of all required query parameters.
    pub uri: &'static str,
    /// Those required.
    pub headers: &'static [&'static str],
}

impl Unserved {
    /// One that is told by its name.
    pub const fn named(name: &'static str) -> Self {
        Self { name, method: "", uri: "", headers: &[] }
    }
}

/// Which members of an operation's input are honoured.
#[derive(Clone, Copy, Debug)]
pub enum Honoured {
    All,
    /// All but these (dotted paths of member names, list elements transparent).
    AllBut(&'static [&'static str]),
}

/// How a request that breaks its model is refused before a handler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Every constraint, all violations counted and listed in one `ValidationException`.
    Standard,
    /// Every constraint, the first violation in EC2's words: `MissingParameter`, `InvalidParameterValue`.
    Parameter,
    /// Missing members only, as `MissingParameter`; the service words the rest itself.
    Required,
}

/// How a service is found, beyond its names: facts the models lack, from its `.fix` file.
#[derive(Clone, Copy, Debug)]
pub struct Routing {
    /// Names in a signature's scope besides the signing name.
    pub scopes: &'static [&'static str],
    /// First labels of host names besides the endpoint prefix and the service's name.
    pub hosts: &'static [&'static str],
    /// Paths that name a resource in requests of the query protocols.
    pub paths: &'static [PathHint],
    /// A header that its requests bear, which tells them from those of another service of the same scope.
    pub marker: Option<&'static str>,
    /// Hosts that name an account's resource.
    pub account_hosts: &'static [AccountHost],
    /// A label before the service's in the host name is the first segment of the path.
    pub virtual_hosts: bool,
    /// Signs and errs as object stores do: paths as they are, errors without a wrapper.
    pub object_store: bool,
    /// Gets what nobody else is asked for.
    pub fallback: bool,
    /// Requests without a signature go on, as nobody's; the gate decides.
    pub anonymous: bool,
    /// Longest body of an operation that does not stream.
    pub body_bytes_max: usize,
}

impl Routing {
    /// For a service that needs nothing of it.
    pub const PLAIN: Self = Self {
        scopes: &[],
        hosts: &[],
        paths: &[],
        marker: None,
        account_hosts: &[],
        virtual_hosts: false,
        object_store: false,
        fallback: false,
        anonymous: false,
        body_bytes_max: 2 * 1_024 * 1_024,
    };
}

/// A path with a meaning, and the parameter that means the same.
#[derive(Clone, Copy, Debug)]
pub struct PathHint {
    /// Segments: `{account}` is twelve digits, `{region}` a region, `{name}` anything, all else itself.
    pub pattern: &'static str,
    /// Gets the whole URL where the form does not give it.
    pub param: &'static str,
}

/// Hosts `name-account.label.region.domain`, or `name-account.domain`: the first segment of the path is the ARN of what they
/// name.
#[derive(Clone, Copy, Debug)]
pub struct AccountHost {
    pub label: &'static str,
    /// What stands before the name in the ARN's resource, without the slash.
    pub kind: &'static str,
}

/// One service: its names, protocols and operations.
#[derive(Debug)]
pub struct ServiceDef {
    /// As boto3 names its client: `sqs`, `elbv2`.
    pub name: &'static str,
    /// `serviceId` of the model: `SQS`.
    pub id: &'static str,
    /// The service of the SigV4 scope.
    pub signing_name: &'static str,
    /// What IAM actions and ARNs begin with, and what the service is called as a principal: mostly the same.
    pub action_prefix: &'static str,
    pub endpoint_prefix: &'static str,
    /// `AmazonSQS` of `X-Amz-Target: AmazonSQS.SendMessage`; also the path name of CBOR.
    pub target_prefix: &'static str,
    pub version: &'static str,
    /// In order of preference; the first answers when a request does not say.
    pub protocols: &'static [Protocol],
    pub xml_namespace: &'static str,
    /// What stands before an error's code in `__type`: `com.amazonaws.sqs#`, or nothing.
    pub error_namespace: &'static str,
    /// Answers errors with the query code in `x-amzn-query-error`.
    pub query_compatible: bool,
    pub routing: Routing,
    pub checks: Checks,
    /// The operations served, sorted by name.
    pub ops: &'static [&'static OpDef],
    /// The model's other operations, sorted: these answer *not implemented*.
    pub unserved: &'static [Unserved],
    pub errors: &'static [&'static ErrorDef],
}

impl ServiceDef {
    /// The served operation of this name.
    pub fn op(&self, name: &str) -> Option<&'static OpDef> {
        self.ops.binary_search_by(|op| op.name.cmp(name)).ok().and_then(|at| self.ops.get(at)).copied()
    }

    /// Whether the model has an operation of this name that is not served.
    pub fn is_unserved(&self, name: &str) -> bool {
        self.unserved.binary_search_by(|op| op.name.cmp(name)).is_ok()
    }
}

/// An operation as a type, so that a handler, a caller and the tables agree at compile time.
pub trait Operation: Send + Sync + 'static {
    type Input: Struct + Default;
    type Output: Struct + Default;
    const DEF: &'static OpDef;
    /// The service the operation belongs to.
    const SERVICE: &'static ServiceDef;
}
