//! What a host name says: service, region, and what stands before them.

use http::request::Parts;
use kernel::Region;

use super::hints::looks_like_region;
use crate::headers::authority;

/// The domains under which services have names. Matched as suffixes, longest first.
#[derive(Clone, Debug)]
pub struct Domains(Vec<String>);

impl Domains {
    /// AWS's own, the conventions of emulators, and `more`.
    pub fn new(more: impl IntoIterator<Item = String>) -> Self {
        let known =
            ["amazonaws.com", "amazonaws.com.cn", "api.aws", "localhost.localstack.cloud", "localhost"];
        let mut all: Vec<String> = known.into_iter().map(str::to_owned).chain(more).collect();
        all.sort_by_key(|domain| std::cmp::Reverse(domain.len()));
        all.dedup();
        Self(all)
    }

    /// The labels before the domain.
    fn strip<'h>(&self, host: &'h str) -> Option<&'h str> {
        let before = |domain: &String| host.strip_suffix(domain.as_str())?.strip_suffix('.');
        self.0.iter().find_map(before)
    }
}

impl Default for Domains {
    fn default() -> Self {
        Self::new([])
    }
}

/// A host name taken apart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Host<'a> {
    pub(super) service: Option<&'a str>,
    pub(super) region: Option<Region>,
    /// Labels before the service's.
    pub(super) before: Option<&'a str>,
    /// The one label before the domain, where it names no service.
    pub(super) alone: Option<&'a str>,
}

impl<'a> Host<'a> {
    pub(super) fn of(parts: &'a Parts, domains: &Domains, known: impl Fn(&str) -> bool) -> Self {
        authority(parts).map_or_else(Self::default, |authority| Self::parse(authority, domains, known))
    }

    /// `before.service.region.domain`, with region and what comes before left out at will, or the region first.
    fn parse(authority: &'a str, domains: &Domains, known: impl Fn(&str) -> bool) -> Self {
        let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
        let Some(labels) = domains.strip(name) else { return Self::default() };
        let region = |label: &str| looks_like_region(label).then(|| label.parse().ok()).flatten();
        let mut found = Self { region: labels.split('.').rev().find_map(region), ..Self::default() };
        let mut rest = labels;
        loop {
            let (before, last) =
                rest.rsplit_once('.').map_or((None, rest), |(before, last)| (Some(before), last));
            if known(last) {
                found.service = Some(last);
                found.before = before.filter(|before| !looks_like_region(before));
                return found;
            }
            match before {
                Some(before) => rest = before,
                None => {
                    found.alone = Some(labels).filter(|labels| !labels.contains('.'));
                    return found;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_say_service_region_and_what_stands_before() {
        let domains = Domains::default();
        for (host, service, region, before) in [
            ("sqs.us-east-1.amazonaws.com", Some("sqs"), Some("us-east-1"), None),
            ("sqs.eu-west-1.localhost.localstack.cloud:4566", Some("sqs"), Some("eu-west-1"), None),
            ("eu-west-1.queue.amazonaws.com", Some("queue"), Some("eu-west-1"), None),
            ("my.bucket.s3.us-west-2.amazonaws.com", Some("s3"), Some("us-west-2"), Some("my.bucket")),
            ("bucket.s3.dualstack.us-west-2.amazonaws.com", Some("s3"), Some("us-west-2"), Some("bucket")),
            ("bucket.s3.localhost:4566", Some("s3"), None, Some("bucket")),
            ("s3.localhost", Some("s3"), None, None),
            ("files-000000000001.localhost:4566", None, None, None),
            ("localhost:4566", None, None, None),
            ("127.0.0.1:4566", None, None, None),
            ("example.org", None, None, None),
        ] {
            let found = Host::parse(host, &domains, |label| ["sqs", "queue", "s3"].contains(&label));
            assert_eq!(found.service, service, "{host}");
            assert_eq!(found.region.map(|region| region.to_string()).as_deref(), region, "{host}");
            assert_eq!(found.before, before, "{host}");
            let alone = host.strip_suffix(".localhost:4566").filter(|label| label.starts_with("files"));
            assert_eq!(found.alone, alone, "{host}");
        }
    }
}
