//! Cookies by which clients come back to the same member or pool.

use std::time::Duration;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

/// Which pool served.
pub(crate) const POOL: &str = "AWSALBTG";
/// The same for requests from other sites.
const CORS: &str = "CORS";
/// A century: dates of headers end with the year 9999.
const LIFE_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

/// FNV-1a: what cookies say must not change when the process does.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The value of a cookie.
pub(crate) fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// What a cookie of ours says.
pub(crate) fn read(headers: &HeaderMap, name: &str) -> Option<u64> {
    let cors = || find(headers, &format!("{name}{CORS}"));
    u64::from_str_radix(find(headers, name).or_else(cors)?, 16).ok()
}

/// Sets a cookie of ours, and its twin for requests from other sites where `twin` says so.
pub(crate) fn set(
    headers: &mut HeaderMap,
    name: &str,
    value: u64,
    life: Option<Duration>,
    twin: Option<bool>,
) {
    let expires = life.map_or_else(String::new, |life| {
        format!("; Expires={}", httpdate(std::time::SystemTime::now() + life.min(LIFE_MAX)))
    });
    let mut put = |text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.append(SET_COOKIE, value);
        }
    };
    put(format!("{name}={value:016x}{expires}; Path=/"));
    if let Some(secure) = twin {
        let secure = if secure { "; Secure" } else { "" };
        put(format!("{name}{CORS}={value:016x}{expires}; Path=/; SameSite=None{secure}"));
    }
}

/// Whether an answer sets the cookie of this name.
pub(crate) fn is_set(headers: &HeaderMap, name: &str) -> bool {
    let lines = headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.filter_map(|line| line.split_once('=')).any(|(key, _)| key.trim() == name)
}

/// RFC 9110, section 5.6.7.
fn httpdate(at: std::time::SystemTime) -> String {
    httpdate::fmt_http_date(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_long_a_cookie_lives_it_has_a_date() {
        let mut headers = HeaderMap::new();
        set(&mut headers, "AWSELB", 1, Some(Duration::MAX), None);
        let line = headers.get(SET_COOKIE).unwrap().to_str().unwrap();
        assert!(
            line.starts_with("AWSELB=0000000000000001; Expires=") && line.ends_with(" GMT; Path=/"),
            "{line}"
        );
    }

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_static("a=b; AWSALB=00000000000000ff; c"));
        assert_eq!(read(&headers, "AWSALB"), Some(255));
        assert_eq!(read(&headers, POOL), None);
        headers.insert(COOKIE, HeaderValue::from_static("AWSALBTGCORS=10"));
        assert_eq!(read(&headers, POOL), Some(16));
    }
}
