//! Where a queue is: its names, URLs and ARNs, read in every accepted form and written in one.

use kernel::{Access, Arn, Caller, Result, Scope};

use crate::errors;

/// Characters of a queue name, `.fifo` included.
const NAME_MAX: usize = 80;
pub const FIFO_SUFFIX: &str = ".fifo";
/// The host under which wildcard names lead to this machine.
const LOCAL_HOST: &str = "localhost.localstack.cloud";

/// A queue's scope and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub scope: Scope,
    pub name: String,
}

impl Address {
    pub fn arn(&self) -> String {
        self.scope.arn("sqs", &self.name)
    }

    /// Reads a queue URL; what it does not say is taken from the caller's `scope`. A bare name will do.
    ///
    /// Known forms: `http://sqs.<region>.<host>/<account>/<name>`, `http://<region>.queue.<host>/<account>/<name>`,
    /// `http://<host>/queue/<region>/<account>/<name>`, `http://<host>/<account>/<name>`, `<account>/<name>`, `<name>`.
    pub fn of_url(scope: &Scope, url: &str) -> Self {
        let (host, path) = match url.split_once(':').and_then(|(_, rest)| rest.strip_prefix("//")) {
            Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
            None => ("", url),
        };
        let path = path.trim_matches('/');
        let mut parts = path.rsplit('/');
        let name = parts.next().unwrap_or_default().to_owned();
        let account = parts.next().and_then(|account| account.parse().ok()).unwrap_or(scope.account);
        let in_path = match (parts.next(), parts.next()) {
            (Some(region), Some("queue")) => Some(region),
            _ => None,
        };
        let region = in_path.or_else(|| region_of_host(host)).and_then(|region| region.parse().ok());
        Self { scope: Scope { account, region: region.unwrap_or(scope.region) }, name }
    }

    /// Reads the ARN of a queue.
    pub fn of_arn(text: &str) -> Option<Self> {
        let arn: Arn = text.parse().ok().filter(|arn: &Arn| arn.service == "sqs")?;
        Some(Self { scope: Scope::of_arn(&arn)?, name: arn.resource })
    }

    /// The URL handed to a client that reached us by `authority` (`host:port`).
    ///
    /// Who came by a plain local name or an AWS-like one gets the region in the host name; who came by another name,
    /// which may know no names below it, gets it in the path.
    pub fn url(&self, authority: &str, caller: &Caller) -> String {
        let Self { scope: Scope { account, region }, name } = self;
        let scheme = if caller.secure && !caller.is_internal() { "https" } else { "http" };
        let (host, port) = split_port(authority);
        let base = match host {
            "localhost" | "127.0.0.1" | "[::1]" | "0.0.0.0" => LOCAL_HOST,
            _ if region_of_host(host).is_some() => base_of_host(host),
            _ if host == LOCAL_HOST || host.ends_with(".localhost.localstack.cloud") => LOCAL_HOST,
            _ if host.ends_with(".amazonaws.com") => "amazonaws.com",
            _ => return format!("{scheme}://{authority}/queue/{region}/{account}/{name}"),
        };
        format!("{scheme}://sqs.{region}.{base}{port}/{account}/{name}")
    }
}

fn split_port(authority: &str) -> (&str, &str) {
    match authority.rfind(':') {
        Some(at) if !authority.ends_with(']') => authority.split_at(at),
        _ => (authority, ""),
    }
}

/// The region in `sqs.<region>.…` or `<region>.queue.…`; `queue.…` is the first region of all.
fn region_of_host(host: &str) -> Option<&str> {
    match host.split_once('.')? {
        ("sqs", rest) => rest.split_once('.').map(|(region, _)| region).filter(|region| region.contains('-')),
        (region, rest) if rest.starts_with("queue.") => Some(region),
        ("queue", _) => Some("us-east-1"),
        _ => None,
    }
}

fn base_of_host(host: &str) -> &str {
    let labels = if host.starts_with("queue.") { 2 } else { 3 };
    host.splitn(labels, '.').last().unwrap_or(host)
}

/// Refuses a name that no queue may have.
pub fn check_name(name: &str, fifo: bool) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let stem = name.strip_suffix(FIFO_SUFFIX);
    match (fifo, stem) {
        (true, Some(stem)) if name.len() <= NAME_MAX && !stem.is_empty() && stem.chars().all(allowed) => {
            Ok(())
        }
        (true, _) => Err(errors::invalid(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, \
             must end with .fifo suffix and be 1 to 80 in length",
        )),
        (false, None) if !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(allowed) => Ok(()),
        (false, _) => Err(errors::invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        )),
    }
}

/// Access to the queue behind a URL.
pub fn access(scope: &Scope, url: &str) -> Result<Access> {
    Ok(access_by_name(&Address::of_url(scope, url)))
}

/// Access to a queue; a name that no queue can have is refused by the handler.
pub fn access_by_name(address: &Address) -> Access {
    if address.name.is_empty() { Access::any() } else { Access::on(address.arn()) }
}

/// Access to the queue behind an ARN; what is no ARN is refused by the handler.
pub fn access_by_arn(arn: &str) -> Result<Access> {
    Ok(Address::of_arn(arn).map_or_else(Access::any, |address| Access::on(address.arn())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope { account: "000000000000".parse().unwrap(), region: "us-east-1".parse().unwrap() }
    }

    #[test]
    fn every_form_of_url_is_read() {
        for (url, account, region) in [
            (
                "http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000012/q",
                "000000000012",
                "eu-west-1",
            ),
            ("https://sqs.eu-west-1.amazonaws.com/000000000012/q", "000000000012", "eu-west-1"),
            (
                "http://eu-west-1.queue.localhost.localstack.cloud:4566/000000000012/q",
                "000000000012",
                "eu-west-1",
            ),
            ("http://queue.localhost.localstack.cloud:4566/000000000012/q", "000000000012", "us-east-1"),
            ("http://sqs.queue.any.host/000000000012/q", "000000000012", "us-east-1"),
            ("http://any.host:80/queue/eu-west-1/000000000012/q", "000000000012", "eu-west-1"),
            ("http://localhost:4566/000000000012/q", "000000000012", "us-east-1"),
            ("http://localhost:4566/000000000012/q/", "000000000012", "us-east-1"),
            ("000000000012/q", "000000000012", "us-east-1"),
            ("q", "000000000000", "us-east-1"),
        ] {
            let address = Address::of_url(&scope(), url);
            assert_eq!(address.name, "q", "{url}");
            assert_eq!(address.scope.account.to_string(), account, "{url}");
            assert_eq!(address.scope.region.as_str(), region, "{url}");
        }
    }

    #[test]
    fn the_url_handed_out_leads_back_by_the_way_the_client_came() {
        let address = Address { scope: scope(), name: "q".into() };
        let caller = Caller::service("test", scope().account);
        for (authority, url) in [
            ("localhost:4566", "http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/q"),
            ("127.0.0.1:80", "http://sqs.us-east-1.localhost.localstack.cloud:80/000000000000/q"),
            (
                "sqs.eu-west-1.localhost.localstack.cloud:1",
                "http://sqs.us-east-1.localhost.localstack.cloud:1/000000000000/q",
            ),
            ("sqs.us-east-1.amazonaws.com", "http://sqs.us-east-1.amazonaws.com/000000000000/q"),
            ("cloud.test:4566", "http://cloud.test:4566/queue/us-east-1/000000000000/q"),
            ("10.0.0.5:4566", "http://10.0.0.5:4566/queue/us-east-1/000000000000/q"),
        ] {
            assert_eq!(address.url(authority, &caller), url);
            assert_eq!(Address::of_url(&scope(), url), address);
        }
    }

    #[test]
    fn names_are_checked_by_kind() {
        for (name, fifo, good) in [
            ("a", false, true),
            ("a-b_C9", false, true),
            ("", false, false),
            ("a.fifo", false, false),
            ("a b", false, false),
            ("ü", false, false),
            ("a.fifo", true, true),
            ("a", true, false),
            (".fifo", true, false),
        ] {
            assert_eq!(check_name(name, fifo).is_ok(), good, "{name} {fifo}");
        }
        assert!(check_name(&"a".repeat(80), false).is_ok());
        assert!(check_name(&"a".repeat(81), false).is_err());
        assert!(check_name(&format!("{}.fifo", "a".repeat(76)), true).is_err());
    }
}
