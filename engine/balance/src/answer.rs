//! Answers of the balancer's own.

use http::header::{CONNECTION, CONTENT_TYPE, LOCATION, SERVER};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use crate::body::Outgoing;
use crate::spec::Redirect;

const NAME: HeaderValue = HeaderValue::from_static("awselb/2.0");

/// A page that says what is the matter.
pub(crate) fn page(status: u16) -> Response<Outgoing> {
    let reason = match status {
        460 => "Client Closed Connection",
        463 => "Too Many Forwarded Addresses",
        464 => "Incompatible Protocol Versions",
        other => {
            StatusCode::from_u16(other).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
        }
    };
    let title = format!("{status} {reason}");
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    let mut response = own(status, "text/html", body);
    if status == 400 || status == 408 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// An answer as a rule words it.
pub(crate) fn own(status: u16, content_type: &str, body: impl Into<bytes::Bytes>) -> Response<Outgoing> {
    let mut response = Response::new(Outgoing::own(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(SERVER, NAME);
    if let Ok(content_type) = HeaderValue::from_str(content_type)
        && !content_type.is_empty()
    {
        headers.insert(CONTENT_TYPE, content_type);
    }
    response
}

/// Sends the client elsewhere.
pub(crate) fn redirect(
    to: &Redirect,
    parts: &Parts,
    host: &str,
    secure: bool,
    port: u16,
) -> Response<Outgoing> {
    let protocol = if secure { "https" } else { "http" };
    let path = parts.uri.path();
    let fill = |text: &str| {
        text.replace("#{protocol}", protocol)
            .replace("#{host}", host)
            .replace("#{port}", &port.to_string())
            .replace("#{path}", path.strip_prefix('/').unwrap_or(path))
            .replace("#{query}", parts.uri.query().unwrap_or_default())
    };
    let scheme = fill(&to.protocol).to_ascii_lowercase();
    let query = fill(&to.query);
    let mark = if query.is_empty() { "" } else { "?" };
    let location = format!("{scheme}://{}:{}{}{mark}{query}", fill(&to.host), fill(&to.port), fill(&to.path));
    let status = if to.permanent { 301 } else { 302 };
    let mut response = page(status);
    match HeaderValue::try_from(location) {
        Ok(location) => drop(response.headers_mut().insert(LOCATION, location)),
        Err(_) => return page(500),
    }
    response
}
