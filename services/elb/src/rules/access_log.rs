//! Lines of access logs, and what their files are called (user guide of classic load balancers, "Access log entries").

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use balance::Entry;
use kernel::{Millis, Scope};

/// A line without its end.
pub fn line(entry: &Entry, balancer: &str) -> String {
    let outcome = &entry.outcome;
    let is_stream = entry.method.is_empty();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let [before, member, after] = match outcome.took {
        Some(took) => took.map(|time| format!("{:.6}", time.as_secs_f64())),
        None => ["-1", "-1", "-1"].map(str::to_owned),
    };
    let request = if is_stream { "- - - ".to_owned() } else { request(entry) };
    let agent = if is_stream || entry.agent.is_empty() { "-" } else { &entry.agent };
    let (version, suite) = match &entry.tls {
        Some((version, suite)) => (version.as_str(), suite.as_str()),
        None => ("-", "-"),
    };
    format!(
        "{} {balancer} {} {} {before} {member} {after} {} {} {} {} {} {} {suite} {version}",
        instant(entry.begun),
        entry.client,
        or_dash(outcome.member.map(|member| member.to_string())),
        if is_stream { "-".to_owned() } else { entry.status.to_string() },
        or_dash(outcome.member_status.map(|status| status.to_string())),
        entry.received_bytes,
        entry.sent_bytes,
        quoted(&request),
        quoted(agent),
    )
}

/// `GET http://www.example.com:80/ HTTP/1.1`
fn request(entry: &Entry) -> String {
    let scheme = if entry.secure { "https" } else { "http" };
    format!("{} {scheme}://{}:{}{} {}", entry.method, entry.domain(), entry.port, entry.path, entry.version)
}

/// In quotes, with what would break them as `\x22`.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' | '\0'..='\x1f' | '\x7f' => {
                // Writing to a text does not fail.
                let _ = write!(out, "\\x{:02x}", u32::from(character));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

/// `2026-01-31T23:59:00.123456Z`
fn instant(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    let ([year, month, day], [hour, minute, second]) = parts(seconds);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", since.subsec_micros())
}

fn parts(seconds: i64) -> ([i32; 3], [u8; 3]) {
    let time = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (hour, minute, second) = time.to_hms();
    ([time.year(), i32::from(u8::from(time.month())), i32::from(time.day())], [hour, minute, second])
}

/// Where logs of an account lie in a bucket.
pub fn folder(scope: &Scope, prefix: &str) -> String {
    let slash = if prefix.is_empty() { "" } else { "/" };
    format!("{prefix}{slash}AWSLogs/{}", scope.account)
}

/// The file of what ended up to `at`.
pub fn key(scope: &Scope, prefix: &str, balancer: &str, at: Millis, address: &str, random: &str) -> String {
    let ([year, month, day], [hour, minute, _]) = parts(at.div_euclid(1_000));
    let (account, region) = (scope.account, scope.region);
    format!(
        "{}/elasticloadbalancing/{region}/{year}/{month:02}/{day:02}/{account}_elasticloadbalancing_{region}_\
         {balancer}_{year}{month:02}{day:02}T{hour:02}{minute:02}Z_{address}_{random}.log",
        folder(scope, prefix),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use balance::Outcome;

    use super::*;

    fn entry() -> Entry {
        let begun = UNIX_EPOCH + Duration::from_micros(1_431_560_383_945_958);
        Entry {
            begun,
            ended: begun,
            client: "192.168.131.39:2817".parse().unwrap(),
            secure: false,
            version: "HTTP/1.1",
            method: "GET".into(),
            path: "/".into(),
            host: "www.example.com".into(),
            port: 80,
            agent: "curl/7.38.0".into(),
            trace: String::new(),
            tls: None,
            hello: None,
            status: 200,
            received_bytes: 0,
            sent_bytes: 29,
            outcome: Outcome {
                member: Some("10.0.0.1:80".parse().unwrap()),
                member_status: Some(200),
                took: Some([73, 1_048, 57].map(Duration::from_micros)),
                ..Outcome::default()
            },
        }
    }

    #[test]
    fn a_line_is_as_the_user_guide_shows_it() {
        let wanted = "2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 \
            0.000057 200 200 0 29 \"GET http://www.example.com:80/ HTTP/1.1\" \"curl/7.38.0\" - -";
        assert_eq!(line(&entry(), "my-loadbalancer"), wanted);
        let outcome = Outcome { member_status: None, ..entry().outcome };
        let stream = Entry { method: String::new(), sent_bytes: 305, received_bytes: 82, outcome, ..entry() };
        let wanted = "2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 \
            0.000057 - - 82 305 \"- - - \" \"-\" - -";
        assert_eq!(line(&stream, "my-loadbalancer"), wanted);
    }
}
