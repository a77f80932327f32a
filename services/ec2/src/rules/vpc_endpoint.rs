//! Which services have endpoints, what those are called, and what a request for one may ask.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use kernel::{Error, Result};
use policy::{Document, Policy, Version};

use crate::errors;
use crate::state::id::{EndpointId, Id, PrefixListId, VpcId};
use crate::state::vpc_endpoint::{Kind, Records, Stack, VpcEndpoint};

/// AWS's default quotas: gateway endpoints per region, interface endpoints per VPC.
pub const GATEWAYS_MAX: usize = 20;
pub const INTERFACES_MAX: usize = 50;
/// Ports an endpoint listens on: HTTP and HTTPS.
pub const PORTS: [u16; 2] = [80, 443];
/// AWS's bound on an endpoint's policy, without white space.
const POLICY_CHARS_MAX: usize = 20_480;
/// What an endpoint lets through whose policy nobody wrote.
pub const OPEN: &str = r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#;
/// The zone AWS keeps the names of endpoints in.
pub const HOSTED_ZONE: &str = "Z7HUB22UULQXV";

/// A service that may have endpoints, where it is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointService {
    /// `s3` in `com.amazonaws.us-east-1.s3`, and in its names.
    pub word: &'static str,
    /// The service, by its definition's name.
    pub service: &'static str,
    /// What gateway endpoints lead to: the address its public names stand for inside of every VPC.
    pub gateway: Option<Ipv4Addr>,
    /// Names before its own are its as well (buckets).
    pub virtual_hosts: bool,
}

const fn plain(word: &'static str, service: &'static str) -> EndpointService {
    EndpointService { word, service, gateway: None, virtual_hosts: false }
}

/// Of the range for tests between networks (RFC 2544), outside of what instances get.
const fn behind(word: &'static str, host: u8, virtual_hosts: bool) -> EndpointService {
    let gateway = Some(Ipv4Addr::new(198, 19, 240, host));
    EndpointService { word, service: word, gateway, virtual_hosts }
}

const SERVICES: [EndpointService; 17] = [
    plain("autoscaling", "autoscaling"),
    behind("dynamodb", 2, false),
    plain("ec2", "ec2"),
    plain("ecs", "ecs"),
    plain("elasticloadbalancing", "elbv2"),
    plain("events", "events"),
    plain("kinesis-streams", "kinesis"),
    plain("kms", "kms"),
    plain("lambda", "lambda"),
    plain("logs", "logs"),
    plain("monitoring", "cloudwatch"),
    behind("s3", 1, true),
    plain("secretsmanager", "secretsmanager"),
    plain("sns", "sns"),
    plain("sqs", "sqs"),
    plain("ssm", "ssm"),
    plain("sts", "sts"),
];

/// Those of the services that are installed: `has` tells by name.
pub fn installed(has: impl Fn(&str) -> bool) -> impl Iterator<Item = EndpointService> {
    SERVICES.into_iter().filter(move |service| has(service.service))
}

/// The service whose names bear this word.
pub fn find(word: &str) -> Option<EndpointService> {
    SERVICES.into_iter().find(|service| service.word == word)
}

impl EndpointService {
    /// `com.amazonaws.us-east-1.s3`
    pub fn full_name(&self, region: &str) -> String {
        format!("com.amazonaws.{region}.{}", self.word)
    }

    /// Its public name: `sqs.us-east-1.amazonaws.com`.
    pub fn host(&self, region: &str) -> String {
        let word = if self.word == "kinesis-streams" { "kinesis" } else { self.word };
        format!("{word}.{region}.amazonaws.com")
    }

    /// The kinds of endpoints it has, in AWS's words.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.gateway.map(|_| GATEWAY).into_iter().chain([INTERFACE]).collect()
    }

    /// The addresses that routes to a gateway endpoint are for.
    pub fn range(&self) -> Option<Ipv4Net> {
        self.gateway.map(Ipv4Net::from)
    }

    /// The list of AWS's that names those addresses; the same for every account.
    pub fn prefix_list(&self, region: &str) -> Option<PrefixListId> {
        let name = self.gateway.map(|_| self.full_name(region))?;
        let hash = name
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        PrefixListId::parse(&format!("{}{hash:08x}", PrefixListId::PREFIX))
    }
}

pub const GATEWAY: &str = "Gateway";
pub const INTERFACE: &str = "Interface";

/// # Errors
/// When the text is no policy, or too long.
pub fn check_policy(text: Option<String>) -> Result<Option<String>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let fits = text.chars().filter(|c| !c.is_whitespace()).count() <= POLICY_CHARS_MAX;
    if fits && parsed(&text).is_some() { Ok(Some(text)) } else { Err(errors::policy_malformed()) }
}

fn parsed(text: &str) -> Option<Document> {
    Document::parse(policy::Kind::Resource, text, &[]).ok()
}

/// The endpoint's policy ready to decide. One that no longer reads lets nothing pass.
pub fn policy(endpoint: &VpcEndpoint) -> Policy {
    let text = endpoint.policy.as_deref().unwrap_or(OPEN);
    let silent = || Document {
        kind: policy::Kind::Resource,
        version: Version::V2012,
        id: None,
        statements: Vec::new(),
    };
    let document = parsed(text).unwrap_or_else(silent);
    Policy::compile(endpoint.id.as_str(), &document)
}

/// The kind of endpoint asked for.
///
/// # Errors
/// When the service has none of that kind.
pub fn check_kind(wanted: Option<&str>, service: EndpointService) -> Result<&'static str> {
    let kinds = service.kinds();
    let wanted = wanted.unwrap_or(GATEWAY);
    let found = kinds.iter().find(|kind| **kind == wanted).copied();
    found.ok_or_else(|| errors::endpoint_kind(wanted, &kinds))
}

/// What a name means inside a VPC that is about endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The public name of a service of the region.
    Service(EndpointService),
    /// An endpoint's own name, or that of one of its zones.
    Endpoint { id: EndpointId, suffix: String, zone: Option<String>, word: String },
}

/// Reads a host name, without its last dot and in lower case.
pub fn named(region: &str, name: &str) -> Option<Named> {
    let labels = name.strip_suffix(".amazonaws.com")?;
    if let Some(labels) = labels.strip_suffix(".vpce") {
        let (own, word) = labels.strip_suffix(&format!(".{region}"))?.rsplit_once('.')?;
        return endpoint_named(own.rsplit('.').next()?, word);
    }
    let is_named = |service: &EndpointService| {
        let host = service.host(region);
        let host = host.strip_suffix(".amazonaws.com").unwrap_or_default();
        let global = (service.virtual_hosts && region == "us-east-1").then_some(service.word);
        let wide = service.virtual_hosts.then(|| format!("{}.dualstack.{region}", service.word));
        let own = [Some(host), global, wide.as_deref()];
        own.into_iter().flatten().any(|own| {
            labels == own
                || service.virtual_hosts
                    && labels
                        .strip_suffix(own)
                        .is_some_and(|before| before.ends_with('.') && before.len() > 1)
        })
    };
    SERVICES.into_iter().find(is_named).map(Named::Service)
}

/// `vpce-0123456789abcdef0-a1b2c3d4` with or without `-us-east-1a`.
fn endpoint_named(label: &str, word: &str) -> Option<Named> {
    let (digits, rest) = label.strip_prefix(EndpointId::PREFIX)?.split_once('-')?;
    let id = EndpointId::parse(&format!("{}{digits}", EndpointId::PREFIX))?;
    let (suffix, zone) = rest.split_once('-').map_or((rest, None), |(suffix, zone)| (suffix, Some(zone)));
    let zone = zone.map(str::to_owned);
    Some(Named::Endpoint { id, suffix: suffix.to_owned(), zone, word: word.to_owned() })
}

/// The names of an interface endpoint: of all, of each zone, and the service's own where it answers to that.
pub fn dns_names(endpoint: &VpcEndpoint, zones: &[String], region: &str) -> Vec<String> {
    let Some(service) = find(&endpoint.word) else { return Vec::new() };
    let (id, word) = (&endpoint.id, service.word);
    let star = if service.virtual_hosts { "*." } else { "" };
    let own = |zone: &str| format!("{star}{id}-{}{zone}.{word}.{region}.vpce.amazonaws.com", endpoint.suffix);
    let mut names = vec![own("")];
    names.extend(zones.iter().map(|zone| own(&format!("-{zone}"))));
    if endpoint.has_private_dns() {
        let host = service.host(region);
        if service.virtual_hosts {
            names.push(format!("*.{host}"));
        }
        names.push(host);
    }
    names
}

pub fn kind(endpoint: &VpcEndpoint) -> &'static str {
    match endpoint.kind {
        Kind::Gateway { .. } => GATEWAY,
        Kind::Interface { .. } => INTERFACE,
    }
}

pub const STATE: &str = "available";
const IPV4: &str = "ipv4";
const DUALSTACK: &str = "dualstack";
const IPV6: &str = "ipv6";
/// The types of addresses that interface endpoints have.
pub const ADDRESS_TYPES: [&str; 2] = [IPV4, DUALSTACK];

/// The families that an endpoint shall have, of which some may be given: its type of addresses, and that of its records, which
/// follows the first.
///
/// # Errors
/// For types that the kind does not have, or that do not go together.
pub fn check_stack(
    kind: &str,
    before: Stack,
    addresses: Option<&str>,
    records: Option<&str>,
) -> Result<Stack> {
    let is_dual = match addresses {
        None => before.is_dual,
        Some(IPV4) => false,
        Some(DUALSTACK) if kind == INTERFACE => true,
        Some(IPV6) if kind == INTERFACE => {
            let why = "The IP address type ipv6 is for subnets without addresses of IPv4 only.";
            return Err(errors::endpoint_parameter(why));
        }
        Some(other @ (DUALSTACK | IPV6)) => {
            return Err(errors::unsupported(&format!("The IP address type {other} of gateway endpoints")));
        }
        Some(other) => return Err(errors::invalid_value(other, "IpAddressType")),
    };
    if records.is_some() && kind == GATEWAY {
        return Err(no_member("DnsOptions", kind));
    }
    let records = match records {
        None if is_dual == before.is_dual => before.records,
        None if is_dual => Records::Dualstack,
        None | Some(IPV4) => Records::Ipv4,
        Some(given @ (IPV6 | DUALSTACK)) if !is_dual => {
            let why = format!("The DNS record IP type {given} does not go with the IP address type ipv4.");
            return Err(errors::endpoint_parameter(why));
        }
        Some(IPV6) => Records::Ipv6,
        Some(DUALSTACK) => Records::Dualstack,
        Some("service-defined") => {
            return Err(errors::unsupported("The DNS record IP type service-defined"));
        }
        Some(other) => return Err(errors::invalid_value(other, "DnsRecordIpType")),
    };
    Ok(Stack { is_dual, records })
}

pub fn address_type(stack: Stack) -> &'static str {
    if stack.is_dual { DUALSTACK } else { IPV4 }
}

pub fn record_type(stack: Stack) -> &'static str {
    match stack.records {
        Records::Ipv4 => IPV4,
        Records::Ipv6 => IPV6,
        Records::Dualstack => DUALSTACK,
    }
}

/// # Errors
/// Names a member that endpoints of the kind do not have.
pub fn check_absent<T>(given: Option<&Vec<T>>, name: &str, kind: &str) -> Result<()> {
    match given.is_none_or(Vec::is_empty) {
        true => Ok(()),
        false => Err(no_member(name, kind)),
    }
}

pub fn no_member(name: &str, kind: &str) -> Error {
    errors::endpoint_parameter(format!("{name} cannot be given for an endpoint of type {kind}."))
}

pub const FILTERS: &[&str] = &[
    "ip-address-type",
    "service-name",
    "service-region",
    "vpc-endpoint-id",
    "vpc-endpoint-state",
    "vpc-endpoint-type",
    "vpc-id",
];

/// What an endpoint has under the name of a filter.
pub fn values(endpoint: &VpcEndpoint, region: &str, name: &str) -> Vec<String> {
    vec![match name {
        "ip-address-type" => address_type(endpoint.stack()).to_owned(),
        "service-name" => return find(&endpoint.word).iter().map(|it| it.full_name(region)).collect(),
        "service-region" => region.to_owned(),
        "vpc-endpoint-id" => endpoint.id.to_string(),
        "vpc-endpoint-state" => STATE.to_owned(),
        "vpc-endpoint-type" => kind(endpoint).to_owned(),
        "vpc-id" => endpoint.vpc.to_string(),
        _ => return Vec::new(),
    }]
}

/// What a service has under the name of a filter.
pub fn service_values(service: &EndpointService, region: &str, name: &str) -> Vec<String> {
    match name {
        "owner" => vec![OWNER.to_owned()],
        "service-name" => vec![service.full_name(region)],
        "service-region" => vec![region.to_owned()],
        "service-type" => service.kinds().into_iter().map(str::to_owned).collect(),
        "supported-ip-address-types" => ADDRESS_TYPES.map(str::to_owned).to_vec(),
        _ => Vec::new(),
    }
}

pub const SERVICE_FILTERS: &[&str] =
    &["owner", "service-name", "service-region", "service-type", "supported-ip-address-types"];
pub const OWNER: &str = "amazon";

/// # Errors
/// When another endpoint of the VPC answers to the service's own name already, or nothing answers to names there.
pub fn check_private_dns(
    endpoint: &VpcEndpoint,
    others: &[VpcEndpoint],
    vpc_has_names: bool,
    region: &str,
) -> Result<()> {
    if !endpoint.has_private_dns() {
        return Ok(());
    }
    if !vpc_has_names {
        return Err(errors::private_dns_without_names(&endpoint.vpc));
    }
    let taken = |other: &&VpcEndpoint| {
        other.id != endpoint.id && other.word == endpoint.word && other.has_private_dns()
    };
    match others.iter().filter(|other| other.vpc == endpoint.vpc).find(taken) {
        Some(_) => {
            let host = find(&endpoint.word).map(|service| service.host(region)).unwrap_or_default();
            Err(errors::private_dns_conflict(&host, &endpoint.vpc))
        }
        None => Ok(()),
    }
}

/// # Errors
/// When one more endpoint of the kind is too many.
pub fn check_count(all: &[VpcEndpoint], vpc: &VpcId, of_kind: &str) -> Result<()> {
    let same = all.iter().filter(|other| kind(other) == of_kind);
    let (count, max) = match of_kind {
        GATEWAY => (same.count(), GATEWAYS_MAX),
        _ => (same.filter(|other| other.vpc == *vpc).count(), INTERFACES_MAX),
    };
    if count < max { Ok(()) } else { Err(errors::endpoint_limit()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_services_and_endpoints() {
        let service = |name: &str| match named("us-east-1", name) {
            Some(Named::Service(service)) => Some(service.word),
            _ => None,
        };
        assert_eq!(service("sqs.us-east-1.amazonaws.com"), Some("sqs"));
        assert_eq!(service("kinesis.us-east-1.amazonaws.com"), Some("kinesis-streams"));
        for name in ["s3.amazonaws.com", "b.s3.amazonaws.com", "a.b.s3.us-east-1.amazonaws.com"] {
            assert_eq!(service(name), Some("s3"), "{name}");
        }
        for name in
            ["sqs.eu-west-1.amazonaws.com", "x.sqs.us-east-1.amazonaws.com", "xs3.amazonaws.com", "s3.com"]
        {
            assert_eq!(named("us-east-1", name), None, "{name}");
        }
        assert_eq!(named("eu-west-1", "s3.amazonaws.com"), None);
        let zone = named(
            "us-east-1",
            "b.vpce-0123456789abcdef0-0a1b2c3d-us-east-1a.s3.us-east-1.vpce.amazonaws.com",
        );
        let Some(Named::Endpoint { id, suffix, zone, word }) = zone else { panic!("{zone:?}") };
        assert_eq!(
            (id.as_str(), suffix.as_str(), zone.as_deref()),
            ("vpce-0123456789abcdef0", "0a1b2c3d", Some("us-east-1a"))
        );
        assert_eq!(word, "s3");
    }

    #[test]
    fn a_prefix_list_is_the_same_for_everybody_in_a_region() {
        let s3 = find("s3").unwrap();
        assert_eq!(s3.prefix_list("us-east-1"), s3.prefix_list("us-east-1"));
        assert_ne!(s3.prefix_list("us-east-1"), s3.prefix_list("eu-west-1"));
        assert_eq!(find("sqs").unwrap().prefix_list("us-east-1"), None);
        assert_eq!(check_kind(None, s3).unwrap(), GATEWAY);
        assert!(check_kind(None, find("sqs").unwrap()).is_err());
    }

    #[test]
    fn records_follow_addresses_and_go_with_them() {
        let stack = |before, addresses, records| check_stack(INTERFACE, before, addresses, records);
        let (four, both) = (Stack::default(), Stack { is_dual: true, records: Records::Dualstack });
        assert_eq!(stack(four, None, None).unwrap(), four);
        assert_eq!(stack(four, Some("dualstack"), None).unwrap(), both);
        assert_eq!(stack(both, Some("ipv4"), None).unwrap(), four);
        let six = stack(both, None, Some("ipv6")).unwrap();
        assert_eq!(six, Stack { is_dual: true, records: Records::Ipv6 });
        assert_eq!(stack(six, Some("dualstack"), None).unwrap(), six);
        assert_eq!((address_type(six), record_type(six)), ("dualstack", "ipv6"));
        for (addresses, records, code) in [
            (Some("ipv6"), None, "InvalidParameter"),
            (Some("ipv5"), None, "InvalidParameterValue"),
            (None, Some("ipv6"), "InvalidParameter"),
            (Some("dualstack"), Some("service-defined"), "UnsupportedOperation"),
        ] {
            assert_eq!(
                stack(four, addresses, records).unwrap_err().code(),
                code,
                "{addresses:?} {records:?}"
            );
        }
        assert_eq!(check_stack(GATEWAY, four, Some("ipv4"), None).unwrap(), four);
        assert!(check_stack(GATEWAY, four, Some("dualstack"), None).is_err());
        assert!(check_stack(GATEWAY, four, None, Some("ipv4")).is_err());
    }

    #[test]
    fn a_policy_must_read() {
        assert_eq!(check_policy(Some(OPEN.to_owned())).unwrap().as_deref(), Some(OPEN));
        assert!(check_policy(Some("{".to_owned())).is_err());
        assert!(check_policy(None).unwrap().is_none());
    }
}
