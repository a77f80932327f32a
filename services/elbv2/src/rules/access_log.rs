//! Lines of access logs, and what their files are called (user guide of ALB, "Access log entries").

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use balance::{Did, Entry};
use kernel::{Millis, Scope};

/// What entries name by place or id.
pub struct About<'a> {
    /// `app/web/50dc6c495c0c9188`
    pub balancer: &'a str,
    /// ARNs by id.
    pub groups: &'a BTreeMap<String, String>,
    /// By port: priorities of rules, in their order, and the default certificate.
    pub listeners: &'a BTreeMap<u16, (Vec<i32>, Option<String>)>,
}

/// A line without its end.
pub fn line(entry: &Entry, about: &About<'_>) -> String {
    let outcome = &entry.outcome;
    let listener = about.listeners.get(&entry.port);
    let priority = match (outcome.rule, &outcome.action) {
        (_, None) => "-1".to_owned(),
        (None, _) => "0".to_owned(),
        (Some(at), _) => {
            listener.and_then(|(rules, _)| rules.get(at)).map_or_else(|| "-".to_owned(), ToString::to_string)
        }
    };
    let [before, member, after] = times(entry);
    let target = outcome.member.map_or_else(|| "-".to_owned(), |member| member.to_string());
    let code = outcome.member_status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let group = outcome.pool.as_ref().and_then(|pool| about.groups.get(&*pool.0));
    let certificate =
        listener.and_then(|(_, certificate)| certificate.as_deref()).filter(|_| entry.tls.is_some());
    let (action, redirect) = match &outcome.action {
        None => ("-", "-"),
        Some(Did::Forward) => ("forward", "-"),
        Some(Did::Redirect(to)) => ("redirect", to.as_str()),
        Some(Did::Answer) => ("fixed-response", "-"),
    };
    let (suite, version) = match &entry.tls {
        Some((version, suite)) => (suite.as_str(), version.as_str()),
        None => ("-", "-"),
    };
    let domain = if entry.tls.is_some() { entry.domain() } else { "-" };
    let mut line = format!(
        "{} {} {} {} {target} {before} {member} {after} {} {code} {} {}",
        spoken(entry),
        instant(entry.ended),
        about.balancer,
        entry.client,
        entry.status,
        entry.received_bytes,
        entry.sent_bytes,
    );
    // Writing to a text does not fail.
    let _ = write!(
        line,
        " {} {} {suite} {version} {} {} {} {} {priority} {} {} {} {} {} {} {} {} -",
        quoted(&request(entry)),
        quoted(&entry.agent),
        group.map_or("-", String::as_str),
        quoted(&entry.trace),
        quoted(domain),
        quoted(certificate.unwrap_or_default()),
        instant(entry.begun),
        quoted(action),
        quoted(redirect),
        quoted("-"),
        quoted(&target),
        quoted(&code),
        quoted("-"),
        quoted("-"),
    );
    line
}

fn times(entry: &Entry) -> [String; 3] {
    match entry.outcome.took {
        Some(took) => took.map(|time| format!("{:.3}", time.as_secs_f64())),
        None => ["-1", "-1", "-1"].map(str::to_owned),
    }
}

fn spoken(entry: &Entry) -> &'static str {
    let outcome = &entry.outcome;
    match (outcome.is_websocket, outcome.is_grpc, entry.version, entry.secure) {
        (true, _, _, true) => "wss",
        (true, _, _, false) => "ws",
        (_, true, ..) => "grpcs",
        (_, _, "HTTP/2.0", _) => "h2",
        (.., true) => "https",
        (.., false) => "http",
    }
}

/// `GET http://www.example.com:80/ HTTP/1.1`
fn request(entry: &Entry) -> String {
    let scheme = if entry.secure { "https" } else { "http" };
    let domain = entry.domain();
    format!("{} {scheme}://{domain}:{}{} {}", entry.method, entry.port, entry.path, entry.version)
}

/// In quotes, with what would break them as `\x22`.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in if text.is_empty() { "-" } else { text }.chars() {
        match character {
            '"' | '\\' | '\0'..='\x1f' | '\x7f' => {
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
    let ([year, month, day], [hour, minute, second]) = parts(since_epoch(at));
    let micros = at.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_micros();
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Whole seconds since 1970.
pub(super) fn since_epoch(at: SystemTime) -> i64 {
    i64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()).unwrap_or_default()
}

pub(super) fn parts(seconds: i64) -> ([i32; 3], [u8; 3]) {
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
        "{}/elasticloadbalancing/{region}/{year}/{month:02}/{day:02}/{account}_elasticloadbalancing_{region}_{}_\
         {year}{month:02}{day:02}T{hour:02}{minute:02}Z_{address}_{random}.log.gz",
        folder(scope, prefix),
        balancer.replace('/', "."),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use balance::Outcome;

    use super::*;

    #[test]
    fn a_line_has_thirty_fields_in_order() {
        let outcome = Outcome {
            rule: Some(1),
            action: Some(Did::Forward),
            pool: Some("g".into()),
            member: Some("10.0.0.1:80".parse().unwrap()),
            member_status: Some(200),
            took: Some([1, 2, 37].map(Duration::from_millis)),
            ..Outcome::default()
        };
        let begun = UNIX_EPOCH + Duration::from_micros(1_530_570_180_144_000);
        let entry = Entry {
            begun,
            ended: begun + Duration::from_millis(42),
            client: "192.168.131.39:2817".parse().unwrap(),
            secure: true,
            version: "HTTP/1.1",
            method: "GET".into(),
            path: "/a?b=\"c".into(),
            host: "www.example.com:443".into(),
            port: 443,
            agent: "curl/7.46.0".into(),
            trace: "Root=1-58337281-1d84f3d73c47ec4e58577259".into(),
            hello: None,
            tls: Some(("TLSv1.2".into(), "ECDHE-RSA-AES128-GCM-SHA256".into())),
            status: 200,
            received_bytes: 34,
            sent_bytes: 366,
            outcome,
        };
        let groups = BTreeMap::from([("g".to_owned(), "arn:g".to_owned())]);
        let listeners = BTreeMap::from([(443, (vec![5, 10], Some("arn:c".to_owned())))]);
        let about = About { balancer: "app/my-lb/50dc6c495c0c9188", groups: &groups, listeners: &listeners };
        let wanted = "https 2018-07-02T22:23:00.186000Z app/my-lb/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 \
            0.001 0.002 0.037 200 200 34 366 \"GET https://www.example.com:443/a?b=\\x22c HTTP/1.1\" \"curl/7.46.0\" \
            ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:g \"Root=1-58337281-1d84f3d73c47ec4e58577259\" \
            \"www.example.com\" \"arn:c\" 10 2018-07-02T22:23:00.144000Z \"forward\" \"-\" \"-\" \"10.0.0.1:80\" \"200\" \
            \"-\" \"-\" -";
        assert_eq!(line(&entry, &about), wanted);
    }

    #[test]
    fn files_lie_by_account_region_and_day() {
        let scope = Scope { account: "111122223333".parse().unwrap(), region: "us-east-2".parse().unwrap() };
        assert_eq!(
            key(&scope, "p", "app/my-lb/12", 1_399_000_000_000, "172.160.001.192", "20sg8hgm"),
            "p/AWSLogs/111122223333/elasticloadbalancing/us-east-2/2014/05/02/111122223333_elasticloadbalancing_us-east-2_\
             app.my-lb.12_20140502T0306Z_172.160.001.192_20sg8hgm.log.gz"
        );
    }
}
