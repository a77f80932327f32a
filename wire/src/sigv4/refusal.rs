//! Every way a signature is refused, and how each family of services words it.
//!
//! Sources: "Common errors" of the query and JSON services' API references, "Error codes" of EC2's and of the object
//! store's, and answers of theirs quoted in public issue trackers.

use kernel::error::{Error, Kind};
use shape::{ErrorDef, Protocol};

use super::Signing;
use super::calculated::Calculated;
use super::canonical::hex;
use super::instant::{basic_text, extended_text};
use crate::detail::Detail;

/// Allowed difference between the client's clock and ours, in seconds.
pub const SKEW_SECONDS_MAX: i64 = 15 * 60;

/// Why a request is not taken for the caller it claims to come from.
#[derive(Debug)]
pub enum Refusal {
    /// No signature, where one is needed.
    Missing,
    /// A header and a query string both claim to sign.
    TwoMechanisms,
    /// An `Authorization` header of another scheme.
    NotSigV4 {
        header: String,
        dated: bool,
    },
    /// A signature version or algorithm we do not verify, SigV4A among them.
    Algorithm(String),
    QueryAlgorithm(String),
    NoEqualSign {
        piece: String,
        header: String,
    },
    /// Which of credential, signature, signed headers and date are missing.
    HeaderIncomplete {
        missing: [bool; 4],
        header: String,
    },
    /// The same of a query string; none of them means the expiry.
    QueryIncomplete {
        missing: [bool; 4],
    },
    /// Not `key/date/region/service/term`.
    Credential(String),
    Date(String),
    ExpiresNotANumber,
    ExpiresNegative,
    ExpiresTooLong,
    /// Of a query string's signature of the second version: a part is missing.
    Version2Incomplete,
    /// The same, with an expiry that is no number of seconds.
    ExpiresNoInstant(String),
    ScopeDate {
        scope: String,
        at: String,
    },
    ScopeRegion(String),
    ScopeService {
        expected: &'static str,
        given: String,
    },
    ScopeTerminator(String),
    HostNotSigned,
    HeadersNotSigned(String),
    /// Seconds since 1970, and how many seconds the signature lasts.
    Expired {
        at: i64,
        now: i64,
        lasts: i64,
        presigned: bool,
    },
    /// Of the second version: when it was good for the last time.
    ExpiredVersion2 {
        at: i64,
        now: i64,
    },
    NotYet {
        at: i64,
        now: i64,
        lasts: i64,
        presigned: bool,
    },
    UnknownKey(String),
    InvalidToken,
    ExpiredToken,
    /// With what can be told of it.
    Mismatch(Option<Box<Calculated>>),
    PayloadHeaderMissing,
    PayloadHeader,
    PayloadMismatch {
        given: [u8; 32],
        computed: [u8; 32],
    },
    /// The credential could not be looked up.
    Failed(Error),
}

/// Services that refuse alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Json,
    RestJson,
    Query,
    Ec2,
    ObjectStore,
}

impl Family {
    pub fn of(protocol: Protocol, signing: Signing) -> Self {
        match (signing, protocol) {
            (Signing::ObjectStore, _) => Family::ObjectStore,
            (_, Protocol::Json10 | Protocol::Json11 | Protocol::Cbor) => Family::Json,
            (_, Protocol::RestJson) => Family::RestJson,
            (_, Protocol::Query | Protocol::RestXml) => Family::Query,
            (_, Protocol::Ec2) => Family::Ec2,
        }
    }
}

const fn def(code: &'static str, query_code: &'static str, status: u16) -> ErrorDef {
    ErrorDef { code, query_code, status, sender: true }
}

static INCOMPLETE: ErrorDef = def("IncompleteSignatureException", "IncompleteSignature", 400);
static MISSING: ErrorDef = def("MissingAuthenticationTokenException", "MissingAuthenticationToken", 403);
static UNKNOWN: ErrorDef = def("UnrecognizedClientException", "InvalidClientTokenId", 403);
static MISMATCH: ErrorDef = def("InvalidSignatureException", "SignatureDoesNotMatch", 403);
static EXPIRED_TOKEN: ErrorDef = def("ExpiredTokenException", "ExpiredToken", 403);

const WRONG_SIGNATURE: &str = "The request signature we calculated does not match the signature you provided. \
    Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

impl Refusal {
    /// The refusal in the codes and words of `family`.
    pub fn into_error(self, family: Family) -> Error {
        match (self, family) {
            (Refusal::Failed(error), _) => error,
            (refusal, Family::ObjectStore) => refusal.of_object_store(),
            (refusal, Family::Ec2) => refusal.of_ec2(),
            (refusal, family) => {
                let error = refusal.of_common();
                match (family, error.status()) {
                    (Family::Json, _) => error.status_is(400),
                    (Family::RestJson, _) => error.status_is(403),
                    _ => error,
                }
            }
        }
    }

    /// A body's digest is the one promised.
    pub(crate) fn unless_same(given: [u8; 32], computed: &[u8]) -> Result<(), Self> {
        if computed == given {
            return Ok(());
        }
        Err(Refusal::PayloadMismatch { given, computed: computed.try_into().unwrap_or_default() })
    }

    fn of_common(self) -> Error {
        use Refusal as R;
        let (def, message) = match self {
            R::Missing => (&MISSING, "Missing Authentication Token".to_owned()),
            R::UnknownKey(_) | R::InvalidToken => {
                (&UNKNOWN, "The security token included in the request is invalid.".to_owned())
            }
            R::ExpiredToken => {
                (&EXPIRED_TOKEN, "The security token included in the request is expired".to_owned())
            }
            R::ScopeDate { scope, at } => (&MISMATCH, {
                let day = at.get(..8).unwrap_or_default();
                format!(
                    "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                     '{scope}' != '{day}', from '{at}'."
                )
            }),
            R::ScopeRegion(given) => {
                (&MISMATCH, format!("Credential should be scoped to a valid region, not '{given}'. "))
            }
            R::ScopeService { expected, .. } => {
                (&MISMATCH, format!("Credential should be scoped to correct service: '{expected}'. "))
            }
            R::ScopeTerminator(given) => (&MISMATCH, {
                format!(
                    "Credential should be scoped with a valid terminator: 'aws4_request', not '{given}'. "
                )
            }),
            R::HostNotSigned => {
                let message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
                (&MISMATCH, message.to_owned())
            }
            R::Expired { at, now, lasts, .. } => (&MISMATCH, expired(at, now, lasts)),
            R::NotYet { at, now, .. } => (&MISMATCH, not_yet(at, now)),
            R::Mismatch(_) | R::PayloadMismatch { .. } | R::HeadersNotSigned(_) => {
                (&MISMATCH, WRONG_SIGNATURE.to_owned())
            }
            other => (&INCOMPLETE, other.incomplete()),
        };
        Error::modeled(Kind::Denied, def, message)
    }

    /// What is wrong with the form of a signature.
    fn incomplete(self) -> String {
        match self {
            Refusal::TwoMechanisms => {
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' \
                                       as HTTP header."
                    .to_owned()
            }
            Refusal::NotSigV4 { header, dated } => header_incomplete([true, true, true, !dated], &header),
            Refusal::HeaderIncomplete { missing, header } => header_incomplete(missing, &header),
            Refusal::Algorithm(name) | Refusal::QueryAlgorithm(name) => {
                format!("Unsupported AWS 'algorithm': '{name}'. ")
            }
            Refusal::NoEqualSign { piece, header } => {
                format!(
                    "'{piece}' not a valid key=value pair (missing equal-sign) in Authorization header: '{header}'."
                )
            }
            Refusal::QueryIncomplete { missing } => {
                let names = ["X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"];
                let mut said = listed(missing, names, "AWS query-string parameters must include '", "'. ");
                if said.is_empty() {
                    said.push_str("AWS query-string parameters must include 'X-Amz-Expires'. ");
                }
                said + "Re-examine the query-string parameters."
            }
            Refusal::Credential(given) => format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, \
                 got '{given}'."
            ),
            Refusal::Date(given) => format!("Date must be in ISO-8601 'basic format'. Got '{given}'."),
            Refusal::ExpiresNotANumber => "X-Amz-Expires should be a number".to_owned(),
            Refusal::ExpiresNegative => "X-Amz-Expires must be non-negative".to_owned(),
            Refusal::ExpiresTooLong => EXPIRES_TOO_LONG.to_owned(),
            _ => "The request signature does not conform to AWS standards.".to_owned(),
        }
    }

    fn of_ec2(self) -> Error {
        use Refusal as R;
        match self {
            R::Missing => {
                let message = "The request must contain the parameter AWSAccessKeyId";
                Error::new(Kind::Denied, "MissingParameter", message).status_is(400)
            }
            R::Expired { .. } | R::NotYet { .. } | R::ExpiredToken => {
                Error::new(Kind::Denied, "RequestExpired", "Request has expired.").status_is(400)
            }
            R::UnknownKey(_)
            | R::InvalidToken
            | R::Mismatch(_)
            | R::PayloadMismatch { .. }
            | R::HeadersNotSigned(_)
            | R::HostNotSigned
            | R::ScopeDate { .. }
            | R::ScopeRegion(_)
            | R::ScopeService { .. }
            | R::ScopeTerminator(_) => {
                let message = "AWS was not able to validate the provided access credentials";
                Error::new(Kind::Denied, "AuthFailure", message).status_is(401)
            }
            other => other.of_common(),
        }
    }

    fn of_object_store(mut self) -> Error {
        let detail = self.detail();
        let (status, code, message) = self.object_store_words();
        let error = Error::new(Kind::Denied, code, message).status_is(status);
        match detail {
            Some(detail) => error.with_fields(detail),
            None => error,
        }
    }

    /// What object stores tell besides. What was calculated is taken out.
    fn detail(&mut self) -> Option<Detail> {
        let instants = |expires: i64, now: i64| Detail {
            expires: Some(extended_text(expires)),
            server_time: Some(extended_text(now)),
            ..Detail::default()
        };
        Some(match self {
            Refusal::Mismatch(calculated) => calculated.take()?.detail(),
            Refusal::UnknownKey(key) => Detail { access_key: Some(std::mem::take(key)), ..Detail::default() },
            Refusal::PayloadMismatch { given, computed } => Detail {
                sha256_given: Some(hex(given)),
                sha256_computed: Some(hex(computed)),
                ..Detail::default()
            },
            Refusal::ExpiredVersion2 { at, now } => instants(*at, *now),
            Refusal::Expired { at, now, lasts, presigned: true } => {
                Detail { lasts_seconds: Some(lasts.to_string()), ..instants(*at + *lasts, *now) }
            }
            Refusal::NotYet { at, now, lasts, presigned: true } => {
                Detail { signed_at_ms: Some((*at * 1_000).to_string()), ..instants(*at + *lasts, *now) }
            }
            Refusal::Expired { at, now, .. } | Refusal::NotYet { at, now, .. } => Detail {
                request_time: Some(basic_text(*at)),
                server_time: Some(extended_text(*now)),
                skew_ms_max: Some((SKEW_SECONDS_MAX * 1_000).to_string()),
                ..Detail::default()
            },
            _ => return None,
        })
    }

    fn object_store_words(self) -> (u16, &'static str, String) {
        use Refusal as R;
        const HEADER: &str = "AuthorizationHeaderMalformed";
        const QUERY: &str = "AuthorizationQueryParametersError";
        let (status, code, message) = match self {
            R::Missing => (403, "AccessDenied", "Access Denied"),
            R::TwoMechanisms => (400, "InvalidArgument", ONE_MECHANISM),
            R::NotSigV4 { .. } => (400, "InvalidArgument", "Unsupported Authorization Type"),
            R::Algorithm(_) => (400, "InvalidRequest", ALGORITHM_NEEDED),
            R::QueryAlgorithm(_) => (400, QUERY, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""),
            R::NoEqualSign { .. } | R::HeaderIncomplete { missing: [.., false], .. } => {
                (400, HEADER, THREE_COMPONENTS)
            }
            R::HeaderIncomplete { .. } | R::Date(_) => {
                (403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
            }
            R::QueryIncomplete { .. } => (400, QUERY, SIX_PARAMETERS),
            R::Credential(_) | R::ScopeTerminator(_) => (400, HEADER, CREDENTIAL_FORM),
            R::ExpiresNotANumber => (400, QUERY, "X-Amz-Expires should be a number"),
            R::ExpiresNegative => (400, QUERY, "X-Amz-Expires must be non-negative"),
            R::ExpiresTooLong => (400, QUERY, EXPIRES_TOO_LONG),
            R::HeadersNotSigned(_) | R::HostNotSigned => {
                (403, "AccessDenied", "There were headers present in the request which were not signed")
            }
            R::Expired { presigned: true, .. } | R::ExpiredVersion2 { .. } => {
                (403, "AccessDenied", "Request has expired")
            }
            R::NotYet { presigned: true, .. } => (403, "AccessDenied", "Request is not yet valid"),
            R::Expired { .. } | R::NotYet { .. } => (403, "RequestTimeTooSkewed", SKEWED),
            R::UnknownKey(_) => (403, "InvalidAccessKeyId", UNKNOWN_KEY),
            R::InvalidToken => (400, "InvalidToken", "The provided token is malformed or otherwise invalid."),
            R::ExpiredToken => (400, "ExpiredToken", "The provided token has expired."),
            R::Mismatch(_) => (403, "SignatureDoesNotMatch", MISMATCHED),
            R::PayloadHeaderMissing => (400, "InvalidRequest", DIGEST_MISSING),
            R::PayloadHeader => (400, "InvalidArgument", DIGEST_FORM),
            R::PayloadMismatch { .. } => (400, "XAmzContentSHA256Mismatch", DIGEST_MISMATCH),
            R::ScopeDate { scope, at } => {
                let day = at.get(..8).unwrap_or_default();
                let message = format!(
                    "The authorization header is malformed; Invalid credential date \"{scope}\". \
                     This date is not the same as X-Amz-Date: \"{day}\"."
                );
                return (400, HEADER, message);
            }
            R::ScopeRegion(given) => {
                return (
                    400,
                    HEADER,
                    format!("The authorization header is malformed; the region '{given}' is wrong"),
                );
            }
            R::ScopeService { expected, given } => {
                let message = format!(
                    "The authorization header is malformed; incorrect service \"{given}\". This endpoint belongs \
                     to \"{expected}\"."
                );
                return (400, HEADER, message);
            }
            R::Version2Incomplete => (403, "AccessDenied", THREE_PARAMETERS),
            R::ExpiresNoInstant(given) => {
                let message = format!("Invalid date (should be seconds since epoch): {given}");
                return (403, "AccessDenied", message);
            }
            R::Failed(_) => (500, "InternalError", "We encountered an internal error. Please try again."),
        };
        (status, code, message.to_owned())
    }
}

const ONE_MECHANISM: &str = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature \
    query string parameter or the Authorization header should be specified";
const ALGORITHM_NEEDED: &str =
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
const THREE_COMPONENTS: &str = "The authorization header is malformed; the authorization header requires three \
    components: Credential, SignedHeaders, and Signature.";
const SIX_PARAMETERS: &str = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, \
    X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
const THREE_PARAMETERS: &str =
    "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters";
const CREDENTIAL_FORM: &str = "The authorization header is malformed; the Credential is mal-formed; expecting \
    \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";
const EXPIRES_TOO_LONG: &str = "X-Amz-Expires must be less than a week (in seconds); that is, the given \
    X-Amz-Expires must be less than 604800 seconds";
const SKEWED: &str = "The difference between the request time and the current time is too large.";
const UNKNOWN_KEY: &str = "The AWS Access Key Id you provided does not exist in our records.";
const MISMATCHED: &str = "The request signature we calculated does not match the signature you provided. Check your \
    key and signing method.";
const DIGEST_MISSING: &str = "Missing required header for this request: x-amz-content-sha256";
const DIGEST_FORM: &str = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
    STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 value.";
const DIGEST_MISMATCH: &str = "The provided 'x-amz-content-sha256' header does not match what was computed.";

fn header_incomplete(missing: [bool; 4], header: &str) -> String {
    let names =
        ["'Credential' parameter", "'Signature' parameter", "'SignedHeaders' parameter", DATE_HEADERS];
    listed(missing, names, "Authorization header requires ", ". ") + "Authorization=" + header
}

const DATE_HEADERS: &str = "existence of either a 'X-Amz-Date' or a 'Date' header";

fn listed(missing: [bool; 4], names: [&str; 4], before: &str, after: &str) -> String {
    let said = missing.into_iter().zip(names).filter(|(missing, _)| *missing);
    said.map(|(_, name)| [before, name, after].concat()).collect()
}

fn expired(at: i64, now: i64, lasts: i64) -> String {
    format!(
        "Signature expired: {} is now earlier than {} ({} - {} min.)",
        basic_text(at),
        basic_text(now - lasts),
        basic_text(now),
        lasts / 60
    )
}

fn not_yet(at: i64, now: i64) -> String {
    format!(
        "Signature not yet current: {} is still later than {} ({} + {} min.)",
        basic_text(at),
        basic_text(now + SKEW_SECONDS_MAX),
        basic_text(now),
        SKEW_SECONDS_MAX / 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_signature_is_refused_in_aws_words() {
        let old = Refusal::Expired { at: 1_643_242_467, now: 1_643_248_768, lasts: 900, presigned: false };
        let error = old.into_error(Family::Query);
        let words = "Signature expired: 20220127T001427Z is now earlier than 20220127T014428Z \
                     (20220127T015928Z - 15 min.)";
        assert_eq!(
            (error.query_code(), error.status(), error.message()),
            ("SignatureDoesNotMatch", 403, words)
        );
    }

    #[test]
    fn every_family_has_its_own_code_for_an_unknown_key() {
        let said = |family| {
            let error = Refusal::UnknownKey("AKIA".to_owned()).into_error(family);
            (error.code(), error.query_code(), error.status())
        };
        assert_eq!(said(Family::Json), ("UnrecognizedClientException", "InvalidClientTokenId", 400));
        assert_eq!(said(Family::RestJson).2, 403);
        assert_eq!(said(Family::Query).2, 403);
        assert_eq!(said(Family::Ec2), ("AuthFailure", "AuthFailure", 401));
        assert_eq!(said(Family::ObjectStore).0, "InvalidAccessKeyId");
    }

    #[test]
    fn object_stores_tell_the_times_they_compared() {
        let told = |refusal: Refusal| {
            let error = refusal.into_error(Family::ObjectStore);
            let fields = error.fields().map(crate::codec::texts_of).unwrap_or_default();
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}: {}: {}", error.code(), error.message(), fields.join(" "))
        };
        let (at, now) = (1_643_242_467, 1_643_248_768);
        let server = "ServerTime=2022-01-27T01:59:28Z";
        assert_eq!(
            told(Refusal::Expired { at, now, lasts: 60, presigned: true }),
            format!(
                "AccessDenied: Request has expired: X-Amz-Expires=60 Expires=2022-01-27T00:15:27Z {server}"
            )
        );
        assert_eq!(
            told(Refusal::ExpiredVersion2 { at, now }),
            format!("AccessDenied: Request has expired: Expires=2022-01-27T00:14:27Z {server}")
        );
        assert_eq!(
            told(Refusal::NotYet { at, now: at - 1_000, lasts: 60, presigned: true }),
            "AccessDenied: Request is not yet valid: X-Amz-Date=1643242467000 Expires=2022-01-27T00:15:27Z \
             ServerTime=2022-01-26T23:57:47Z"
        );
        assert_eq!(
            told(Refusal::Expired { at, now, lasts: 900, presigned: false }),
            format!(
                "RequestTimeTooSkewed: {SKEWED}: RequestTime=20220127T001427Z {server} \
                 MaxAllowedSkewMilliseconds=900000"
            )
        );
        let key = Refusal::UnknownKey("AKIA".to_owned());
        assert_eq!(told(key), format!("InvalidAccessKeyId: {UNKNOWN_KEY}: AWSAccessKeyId=AKIA"));
        assert!(Refusal::unless_same([1; 32], &[1; 32]).is_ok());
        let (given, computed) = ("01".repeat(32), "02".repeat(32));
        assert_eq!(
            told(Refusal::unless_same([1; 32], &[2; 32]).unwrap_err()),
            format!(
                "XAmzContentSHA256Mismatch: {DIGEST_MISMATCH}: ClientComputedContentSHA256={given} \
                 S3ComputedContentSHA256={computed}"
            )
        );
    }

    #[test]
    fn what_is_missing_is_listed_in_order() {
        let header = "AWS KEY:sig".to_owned();
        let error = Refusal::NotSigV4 { header, dated: true }.into_error(Family::Query);
        assert_eq!(error.query_code(), "IncompleteSignature");
        assert_eq!(
            error.message(),
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' \
             parameter. Authorization header requires 'SignedHeaders' parameter. Authorization=AWS KEY:sig"
        );
    }
}
