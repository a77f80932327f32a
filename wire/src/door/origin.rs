//! Which page a browser sends a request for. Any page may have it send one here, by a name of its own even that leads here.

use std::net::IpAddr;

use http::header::{ORIGIN, REFERER};
use http::request::Parts;

use crate::headers::{FETCH_SITE, authority};
use crate::sigv4::header_text;

/// Whether whoever sends this means this host.
pub(super) fn is_meant_for_here(parts: &Parts) -> bool {
    let by_address = |host: &str| name(host).parse::<IpAddr>().is_ok();
    page_of(parts) != Some(false) && authority(parts).is_none_or(|host| is_local(host) || by_address(host))
}

/// Whether a browser sends it for a page that is not of this host.
pub(super) fn is_of_foreign_page(parts: &Parts) -> bool {
    let is_by_browser = parts.headers.contains_key(ORIGIN) || parts.headers.contains_key(&FETCH_SITE);
    is_by_browser && (page_of(parts) == Some(false) || !authority(parts).is_none_or(is_local))
}

/// Whether the page is of this host; `None` where none is told of.
fn page_of(parts: &Parts) -> Option<bool> {
    let is_here = |page: &str| page.split_once("://").is_some_and(|(_, rest)| is_local(before(rest, '/')));
    if let Some(origin) = parts.headers.get(ORIGIN) {
        return Some(origin.to_str().is_ok_and(is_here));
    }
    let is_of_another = header_text(&parts.headers, &FETCH_SITE) == Some("cross-site");
    is_of_another.then(|| header_text(&parts.headers, REFERER).is_some_and(is_here))
}

/// Whether a host, with a port or without, can only be this one.
fn is_local(host: &str) -> bool {
    let name = name(host);
    let ends =
        |tail: &str| name.strip_suffix(tail).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let is_loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback || ends("localhost") || ends("localhost.localstack.cloud")
}

fn name(host: &str) -> &str {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    bracketed.map_or_else(|| before(host, ':'), |(address, _)| address)
}

fn before(text: &str, end: char) -> &str {
    text.split_once(end).map_or(text, |(head, _)| head)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// By its host and other headers: whether it is meant for here, and whether it is of a page of elsewhere.
    fn seen(host: &str, headers: &[(&str, &str)]) -> (bool, bool) {
        let mut request = Request::get("/").header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        (is_meant_for_here(&parts), is_of_foreign_page(&parts))
    }

    #[test]
    fn programs_are_no_pages_and_pages_tell_where_they_are_from() {
        for host in ["127.0.0.1:4566", "[::1]:4566", "localhost", "b.s3.localhost.localstack.cloud:4566"] {
            assert_eq!(seen(host, &[]), (true, false), "{host}");
            assert_eq!(seen(host, &[("origin", "http://localhost:3000")]), (true, false));
            assert_eq!(seen(host, &[("origin", "https://evil.example")]), (false, true));
            assert_eq!(seen(host, &[("origin", "null")]), (false, true));
            assert_eq!(seen(host, &[("sec-fetch-site", "none")]), (true, false));
            assert_eq!(seen(host, &[("sec-fetch-site", "cross-site")]), (false, true));
            let own = [("sec-fetch-site", "cross-site"), ("referer", "http://127.0.0.1:3000/page")];
            assert_eq!(seen(host, &own), (true, false));
        }
        assert_eq!(seen("evil.example", &[]), (false, false), "a program may name it as it likes");
        assert_eq!(seen("evil.example", &[("sec-fetch-site", "same-origin")]), (false, true));
        assert_eq!(seen("192.0.2.1:4566", &[]), (true, false), "by an address that leads here");
        assert_eq!(seen("evillocalhost", &[("sec-fetch-site", "same-origin")]), (false, true));
    }
}
