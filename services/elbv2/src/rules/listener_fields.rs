//! Header fields that listeners of application load balancers add to answers, and rename on the way in (user guide of
//! ALB, "HTTP header modification").

use super::attribute::{Row, Value};

/// Values of header fields of answers; without one, answers are as targets word them.
pub(super) const ADDED: &[Row] = &[
    ("routing.http.response.access_control_allow_credentials.header_value", "", Value::Field),
    ("routing.http.response.access_control_allow_headers.header_value", "", Value::Field),
    ("routing.http.response.access_control_allow_methods.header_value", "", Value::Field),
    ("routing.http.response.access_control_allow_origin.header_value", "", Value::Field),
    ("routing.http.response.access_control_expose_headers.header_value", "", Value::Field),
    ("routing.http.response.access_control_max_age.header_value", "", Value::Field),
    ("routing.http.response.content_security_policy.header_value", "", Value::Field),
    ("routing.http.response.strict_transport_security.header_value", "", Value::Field),
    ("routing.http.response.x_content_type_options.header_value", "", Value::Field),
    ("routing.http.response.x_frame_options.header_value", "", Value::Field),
];

pub const TLS_VERSION: &str = "routing.http.request.x_amzn_tls_version.header_name";
pub const TLS_SUITE: &str = "routing.http.request.x_amzn_tls_cipher_suite.header_name";

/// Names under which targets are told of a client's TLS. Clients show no certificates here.
pub(super) const RENAMED: &[Row] = &[
    (TLS_VERSION, "X-Amzn-Tls-Version", Value::FieldName),
    (TLS_SUITE, "X-Amzn-Tls-Cipher-Suite", Value::FieldName),
    ("routing.http.request.x_amzn_mtls_clientcert.header_name", "X-Amzn-Mtls-Clientcert", Value::Fixed),
    (
        "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name",
        "X-Amzn-Mtls-Clientcert-Issuer",
        Value::Fixed,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name",
        "X-Amzn-Mtls-Clientcert-Leaf",
        Value::Fixed,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
        "X-Amzn-Mtls-Clientcert-Serial-Number",
        Value::Fixed,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
        "X-Amzn-Mtls-Clientcert-Subject",
        Value::Fixed,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
        "X-Amzn-Mtls-Clientcert-Validity",
        Value::Fixed,
    ),
];

const VALUE_CHARS_MAX: usize = 1_024;
const NAME_CHARS_MAX: usize = 40;
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
/// What carries a request itself cannot be a name for something else.
const TAKEN: [&str; 7] =
    ["connection", "content-length", "cookie", "host", "te", "transfer-encoding", "upgrade"];

/// The attributes for answers, and the header fields they are about.
pub fn added() -> impl Iterator<Item = (&'static str, String)> {
    ADDED.iter().filter_map(|(key, ..)| Some((*key, field_of(key)?)))
}

fn field_of(key: &str) -> Option<String> {
    let word = key.strip_prefix("routing.http.response.")?.strip_suffix(".header_value")?;
    Some(word.replace('_', "-"))
}

/// Whether answers may have this value.
pub(super) fn is_value(key: &str, value: &str) -> bool {
    let field = field_of(key);
    let all = |of: &[&str]| value.split(',').all(|one| of.contains(&one.trim()));
    if value.len() > VALUE_CHARS_MAX || !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return false;
    }
    value.is_empty()
        || match field.as_deref() {
            Some("access-control-allow-credentials") => value == "true",
            Some("access-control-allow-methods") => value == "*" || all(&METHODS),
            Some("access-control-max-age") => value.bytes().all(|byte| byte.is_ascii_digit()),
            Some("x-content-type-options") => value == "nosniff",
            Some("x-frame-options") => {
                matches!(value, "DENY" | "SAMEORIGIN") || value.starts_with("ALLOW-FROM ")
            }
            _ => true,
        }
}

/// Whether something about a request may be told to targets under this name.
pub(super) fn is_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let lower = name.to_ascii_lowercase();
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(word) && !TAKEN.contains(&&*lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_browsers_understand() {
        for (field, value, fits) in [
            ("access_control_allow_methods", "GET, POST", true),
            ("access_control_allow_methods", "GET,FETCH", false),
            ("access_control_allow_credentials", "true", true),
            ("access_control_allow_credentials", "false", false),
            ("access_control_max_age", "600", true),
            ("access_control_max_age", "-1", false),
            ("x_content_type_options", "sniff", false),
            ("x_frame_options", "ALLOW-FROM https://example.com", true),
            ("x_frame_options", "deny", false),
            ("content_security_policy", "default-src 'self'", true),
            ("content_security_policy", "a\r\nb", false),
            ("strict_transport_security", "", true),
        ] {
            let key = format!("routing.http.response.{field}.header_value");
            assert_eq!(is_value(&key, value), fits, "{field} {value}");
        }
        assert!(is_name("X_Version-1") && !is_name("") && !is_name("Host") && !is_name("a b"));
    }
}
