//! Lines of access logs of network load balancers, and what their files are called (user guide of NLB, "Access logs").

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use balance::Entry;
use kernel::{Millis, Scope};

use super::access_log::{folder, parts, since_epoch};

/// What entries name by place.
pub struct About<'a> {
    /// `net/mail/c6e77e28c25b2234`
    pub balancer: &'a str,
    /// By port: the listener's id, and its certificate where it has only one.
    pub listeners: &'a BTreeMap<u16, (String, Option<String>)>,
}

/// A line without its end; only streams in TLS have one.
pub fn line(entry: &Entry, about: &About<'_>) -> Option<String> {
    let hello = entry.hello.as_ref()?;
    let (version, suite) = entry.tls.as_ref()?;
    let (listener, certificate) = about.listeners.get(&entry.port)?;
    let or_dash = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
    let target = entry.outcome.member.map_or_else(|| "-".to_owned(), |member| member.to_string());
    let lasted = entry.ended.duration_since(entry.begun).unwrap_or_default();
    // The stream begins when TLS is agreed upon.
    let came = entry.begun.checked_sub(hello.took).unwrap_or(entry.begun);
    Some(format!(
        "tls 2.0 {} {} {listener} {} {target} {} {} {} {} - {} - {} {} - {} {} - - {}",
        instant(entry.ended),
        about.balancer,
        entry.client,
        millis(lasted + hello.took),
        millis(hello.took),
        entry.received_bytes,
        entry.sent_bytes,
        or_dash(certificate.as_deref()),
        suite,
        version.to_ascii_lowercase().replace('.', ""),
        or_dash(hello.domain.as_deref()),
        or_dash(hello.alpn.as_deref()),
        instant(came),
    ))
}

fn millis(time: Duration) -> u128 {
    time.as_millis()
}

/// `2018-12-20T02:59:40`
fn instant(at: SystemTime) -> String {
    let ([year, month, day], [hour, minute, second]) = parts(since_epoch(at));
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// The file of what ended up to `at`.
pub fn key(scope: &Scope, prefix: &str, balancer: &str, at: Millis, random: &str) -> String {
    let ([year, month, day], [hour, minute, _]) = parts(at.div_euclid(1_000));
    let (account, region) = (scope.account, scope.region);
    format!(
        "{}/elasticloadbalancing/{region}/{year}/{month:02}/{day:02}/{account}_elasticloadbalancing_{region}_{}_\
         {year}{month:02}{day:02}T{hour:02}{minute:02}Z_{random}.log.gz",
        folder(scope, prefix),
        balancer.replace('/', "."),
    )
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use balance::{Hello, Outcome};

    use super::*;

    fn entry() -> Entry {
        let begun = UNIX_EPOCH + Duration::from_millis(1_545_274_780_002);
        let member = Some("172.100.100.185:443".parse().unwrap());
        Entry {
            begun,
            ended: begun + Duration::from_millis(3),
            client: "72.21.218.154:51341".parse().unwrap(),
            secure: true,
            version: "",
            method: String::new(),
            path: String::new(),
            host: "lb.example.com".into(),
            port: 443,
            agent: String::new(),
            trace: String::new(),
            tls: Some(("TLSv1.2".into(), "ECDHE-RSA-AES128-GCM-SHA256".into())),
            hello: Some(Hello {
                domain: Some("lb.example.com".into()),
                alpn: Some("h2".into()),
                took: Duration::from_millis(2),
            }),
            status: 0,
            received_bytes: 98,
            sent_bytes: 246,
            outcome: Outcome { member, ..Outcome::default() },
        }
    }

    #[test]
    fn a_line_has_twenty_two_fields_in_order_and_only_tls_has_one() {
        let listeners = BTreeMap::from([(443, ("g3d4b5e8bb8464cd".to_owned(), Some("arn:c".to_owned())))]);
        let about = About { balancer: "net/lb/c6e77e28c25b2234", listeners: &listeners };
        let wanted = "tls 2.0 2018-12-20T02:59:40 net/lb/c6e77e28c25b2234 g3d4b5e8bb8464cd 72.21.218.154:51341 \
            172.100.100.185:443 5 2 98 246 - arn:c - ECDHE-RSA-AES128-GCM-SHA256 tlsv12 - lb.example.com h2 - - \
            2018-12-20T02:59:40";
        assert_eq!(line(&entry(), &about).as_deref(), Some(wanted));
        assert_eq!(wanted.split(' ').count(), 22);
        assert_eq!(line(&Entry { hello: None, ..entry() }, &about), None);
    }
}
