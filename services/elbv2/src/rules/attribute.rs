//! Attributes of load balancers, target groups and listeners: what there is, what is assumed, and what may be set.

use kernel::Result;

use super::listener_fields as fields;
use crate::errors;
use crate::state::Pairs;
use crate::state::load_balancer::{Kind, LoadBalancer};
use crate::state::target_group::{TargetGroup, TargetType};

/// What an attribute may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    /// It is what it is: another value means something that is not served here.
    Fixed,
    Switch,
    Number(i64, i64),
    Word(&'static [&'static str]),
    Text,
    /// The value of a header field.
    Field,
    /// The name of one.
    FieldName,
}

/// An attribute: key, default, and what else it may be.
pub(super) type Row = (&'static str, &'static str, Value);

const SWITCH: Value = Value::Switch;

const COMMON: &[Row] = &[
    ("deletion_protection.enabled", "false", SWITCH),
    ("zonal_shift.config.enabled", "false", Value::Fixed),
];

const APPLICATION: &[Row] = &[
    ("access_logs.s3.bucket", "", Value::Text),
    ("access_logs.s3.enabled", "false", SWITCH),
    ("access_logs.s3.prefix", "", Value::Text),
    ("client_keep_alive.seconds", "3600", Value::Number(60, 604_800)),
    ("connection_logs.s3.bucket", "", Value::Fixed),
    ("connection_logs.s3.enabled", "false", Value::Fixed),
    ("connection_logs.s3.prefix", "", Value::Fixed),
    ("health_check_logs.s3.bucket", "", Value::Fixed),
    ("health_check_logs.s3.enabled", "false", Value::Fixed),
    ("health_check_logs.s3.prefix", "", Value::Fixed),
    ("idle_timeout.timeout_seconds", "60", Value::Number(1, 4_000)),
    ("load_balancing.cross_zone.enabled", "true", Value::Fixed),
    ("routing.http.desync_mitigation_mode", "defensive", Value::Word(&["monitor", "defensive", "strictest"])),
    ("routing.http.drop_invalid_header_fields.enabled", "false", SWITCH),
    ("routing.http.preserve_host_header.enabled", "false", SWITCH),
    ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", SWITCH),
    ("routing.http.xff_client_port.enabled", "false", SWITCH),
    ("routing.http.xff_header_processing.mode", "append", Value::Word(&["append", "preserve", "remove"])),
    ("routing.http2.enabled", "true", SWITCH),
    ("waf.fail_open.enabled", "false", Value::Fixed),
];

const NETWORK: &[Row] = &[
    ("access_logs.s3.bucket", "", Value::Text),
    ("access_logs.s3.enabled", "false", SWITCH),
    ("access_logs.s3.prefix", "", Value::Text),
    ("dns_record.client_routing_policy", "any_availability_zone", Value::Fixed),
    ("load_balancing.cross_zone.enabled", "false", SWITCH),
    ("secondary_ips.auto_assigned.per_subnet", "0", Value::Fixed),
];

const CROSS_ZONE: Value = Value::Word(&["true", "false", "use_load_balancer_configuration"]);

const GROUP: &[Row] = &[
    ("deregistration_delay.timeout_seconds", "300", Value::Number(0, 3_600)),
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration", CROSS_ZONE),
    ("stickiness.enabled", "false", SWITCH),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1", Value::Fixed),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off", Value::Fixed),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1", Value::Fixed),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off", Value::Fixed),
];

const ALGORITHMS: Value = Value::Word(&["round_robin", "least_outstanding_requests", "weighted_random"]);

const GROUP_OF_APPLICATION: &[Row] = &[
    ("load_balancing.algorithm.anomaly_mitigation", "off", Value::Fixed),
    ("load_balancing.algorithm.type", "round_robin", ALGORITHMS),
    ("slow_start.duration_seconds", "0", Value::Number(0, 900)),
    ("stickiness.app_cookie.cookie_name", "", Value::Text),
    ("stickiness.app_cookie.duration_seconds", "86400", Value::Number(1, 604_800)),
    ("stickiness.lb_cookie.duration_seconds", "86400", Value::Number(1, 604_800)),
    ("stickiness.type", "lb_cookie", Value::Word(&["lb_cookie", "app_cookie"])),
];

const GROUP_OF_NETWORK: &[Row] = &[
    ("proxy_protocol_v2.enabled", "false", SWITCH),
    ("stickiness.type", "source_ip", Value::Word(&["source_ip"])),
    ("target_health_state.unhealthy.draining_interval_seconds", "0", Value::Fixed),
];

/// Whether what is under way ends with its target: when it is gone, and when it becomes unhealthy (API reference,
/// TargetGroupAttribute).
const ENDS_GONE: &str = "deregistration_delay.connection_termination.enabled";
const ENDS_ILL: &str = "target_health_state.unhealthy.connection_termination.enabled";
const ENDS_OF_STREAMS: &[Row] = &[(ENDS_GONE, "false", SWITCH), (ENDS_ILL, "true", SWITCH)];
const ENDS_OF_DATAGRAMS: &[Row] = &[(ENDS_GONE, "true", SWITCH), (ENDS_ILL, "false", Value::Fixed)];

const LISTENER_HTTP: &[Row] = &[("routing.http.response.server.enabled", "true", SWITCH)];
const LISTENER_TCP: &[Row] = &[("tcp.idle_timeout.seconds", "350", Value::Number(60, 6_000))];

/// Whether internet gateways are kept from addresses of IPv6, which have no private kind.
const DENIES: &str = "ipv6.deny_all_igw_traffic";
const DENIES_UNLESS_SAID: &[Row] = &[(DENIES, "true", SWITCH)];
const DENIES_IF_SAID: &[Row] = &[(DENIES, "false", SWITCH)];

fn rows_of_load_balancer(of: &LoadBalancer) -> impl Iterator<Item = &'static Row> {
    let own = match of.kind {
        Kind::Application => APPLICATION,
        Kind::Network => NETWORK,
    };
    let denies = if of.internal { DENIES_UNLESS_SAID } else { DENIES_IF_SAID };
    denies.iter().chain(COMMON).chain(own)
}

/// Whether targets see clients' own addresses (user guide, "Client IP preservation"): always by UDP, and by TCP unless
/// something else is said where targets are instances.
const KEEPS: &str = "preserve_client_ip.enabled";
const ALWAYS_KEEPS: &[Row] = &[(KEEPS, "true", Value::Fixed)];
const KEEPS_UNLESS_SAID: &[Row] = &[(KEEPS, "true", SWITCH)];
const KEEPS_IF_SAID: &[Row] = &[(KEEPS, "false", SWITCH)];

fn rows_of_target_group(group: &TargetGroup) -> impl Iterator<Item = &'static Row> {
    let (own, ends, keeps): (&[Row], &[Row], &[Row]) = match (&*group.protocol, group.target_type) {
        ("HTTP" | "HTTPS", _) => (GROUP_OF_APPLICATION, &[], &[]),
        ("UDP" | "TCP_UDP", _) => (GROUP_OF_NETWORK, ENDS_OF_DATAGRAMS, ALWAYS_KEEPS),
        (_, TargetType::Instance) => (GROUP_OF_NETWORK, ENDS_OF_STREAMS, KEEPS_UNLESS_SAID),
        (_, TargetType::Ip) => (GROUP_OF_NETWORK, ENDS_OF_STREAMS, KEEPS_IF_SAID),
    };
    GROUP.iter().chain(own).chain(ends).chain(keeps)
}

fn rows_of_listener(protocol: &str) -> impl Iterator<Item = &'static Row> {
    let (rows, added, renamed): (&[Row], &[Row], &[Row]) = match protocol {
        "HTTP" => (LISTENER_HTTP, fields::ADDED, &[]),
        "HTTPS" => (LISTENER_HTTP, fields::ADDED, fields::RENAMED),
        "TCP" | "TLS" => (LISTENER_TCP, &[], &[]),
        _ => (&[], &[], &[]),
    };
    rows.iter().chain(added).chain(renamed)
}

fn default(mut rows: impl Iterator<Item = &'static Row>, key: &str) -> &'static str {
    rows.find(|(name, ..)| *name == key).map_or("", |(_, default, _)| default)
}

pub fn default_of_load_balancer(of: &LoadBalancer, key: &str) -> &'static str {
    default(rows_of_load_balancer(of), key)
}

pub fn default_of_target_group(group: &TargetGroup, key: &str) -> &'static str {
    default(rows_of_target_group(group), key)
}

pub fn default_of_listener(protocol: &str, key: &str) -> &'static str {
    default(rows_of_listener(protocol), key)
}

/// What was set, and the defaults of the rest.
fn whole(rows: impl Iterator<Item = &'static Row>, set: &Pairs) -> Vec<(String, String)> {
    let value = |key: &str, default: &str| set.get(key).cloned().unwrap_or_else(|| default.to_owned());
    rows.map(|(key, default, _)| ((*key).to_owned(), value(key, default))).collect()
}

pub fn all_of_load_balancer(of: &LoadBalancer) -> Vec<(String, String)> {
    whole(rows_of_load_balancer(of), &of.attributes)
}

pub fn all_of_target_group(group: &TargetGroup) -> Vec<(String, String)> {
    whole(rows_of_target_group(group), &group.attributes)
}

pub fn all_of_listener(protocol: &str, set: &Pairs) -> Vec<(String, String)> {
    whole(rows_of_listener(protocol), set)
}

type Given = Vec<(Option<String>, Option<String>)>;

/// # Errors
/// `InvalidConfigurationRequest` for what there is not, or is not served; `ValidationError` for a bad value.
pub fn set_of_load_balancer(of: &mut LoadBalancer, given: Given) -> Result<()> {
    let rows: Vec<Row> = rows_of_load_balancer(of).copied().collect();
    let set = &mut of.attributes;
    apply("Load balancer", &rows, set, given)?;
    let is = |key: &str| set.get(key).map_or("", String::as_str);
    if is("access_logs.s3.enabled") == "true" && is("access_logs.s3.bucket").is_empty() {
        return Err(errors::configuration(
            "The access logs S3 bucket must be specified when access logs are enabled",
        ));
    }
    let prefix = is("access_logs.s3.prefix");
    if prefix.contains("AWSLogs") || prefix.starts_with('/') || prefix.ends_with('/') {
        return Err(errors::configuration(
            "The access logs prefix must not contain 'AWSLogs' nor begin or end with '/'",
        ));
    }
    Ok(())
}

/// # Errors
/// As [`set_of_load_balancer`]; and where stickiness by the application's cookie lacks its name.
pub fn set_of_target_group(group: &mut TargetGroup, given: Given) -> Result<()> {
    let rows: Vec<Row> = rows_of_target_group(group).copied().collect();
    apply("Target group", &rows, &mut group.attributes, given)?;
    let name = group.attribute("stickiness.app_cookie.cookie_name");
    if name.starts_with("AWSALB") {
        return Err(errors::configuration("The app cookie name cannot start with AWSALB"));
    }
    if !name.is_empty() && http::HeaderName::try_from(name).is_err() {
        return Err(errors::configuration(format!("The app cookie name '{name}' is not valid")));
    }
    let by_application =
        group.attribute("stickiness.enabled") == "true" && group.attribute("stickiness.type") == "app_cookie";
    if by_application && name.is_empty() {
        return Err(errors::configuration(
            "You must specify an app cookie name when stickiness is app_cookie",
        ));
    }
    if !matches!(group.attribute("slow_start.duration_seconds").parse(), Ok(0 | 30..=900) | Err(_)) {
        return Err(errors::validation(
            "'slow_start.duration_seconds' must be 0 or between 30 and 900 inclusive",
        ));
    }
    let slow = group.attribute("slow_start.duration_seconds") != "0";
    if group.is_http() && slow && group.attribute("load_balancing.algorithm.type") != "round_robin" {
        return Err(errors::configuration("Slow start can only be used with the round_robin algorithm"));
    }
    Ok(())
}

/// # Errors
/// As [`set_of_load_balancer`].
pub fn set_of_listener(protocol: &str, set: &mut Pairs, given: Given) -> Result<()> {
    apply("Listener", &rows_of_listener(protocol).copied().collect::<Vec<_>>(), set, given)?;
    let name = |key| {
        let name = set.get(key).map_or_else(|| default_of_listener(protocol, key), String::as_str);
        name.to_ascii_lowercase()
    };
    if protocol == "HTTPS" && name(fields::TLS_VERSION) == name(fields::TLS_SUITE) {
        return Err(errors::configuration("Two listener attributes cannot name the same header"));
    }
    Ok(())
}

fn apply(what: &str, rows: &[Row], set: &mut Pairs, given: Given) -> Result<()> {
    for (key, value) in given {
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
        let Some((_, default, allowed)) = rows.iter().find(|(name, ..)| *name == key) else {
            return Err(errors::configuration(format!("{what} attribute key '{key}' is not recognized")));
        };
        let value = match allowed {
            Value::Switch => value.to_ascii_lowercase(),
            _ => value,
        };
        let fits = match allowed {
            Value::Fixed if value != *default => {
                return Err(errors::unsupported(format_args!("{what} attribute '{key}' = '{value}'")));
            }
            Value::Fixed => true,
            Value::Switch => matches!(&*value, "true" | "false"),
            Value::Number(least, most) => {
                value.parse().is_ok_and(|number| (*least..=*most).contains(&number))
            }
            Value::Word(words) => words.contains(&&*value),
            Value::Text => value.len() <= 512,
            Value::Field => fields::is_value(&key, &value),
            Value::FieldName => fields::is_name(&value),
        };
        if !fits {
            return Err(errors::validation(format!(
                "{what} attribute value '{value}' for key '{key}' is not valid"
            )));
        }
        set.insert(key, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn give(key: &str, value: &str) -> Given {
        vec![(Some(key.to_owned()), Some(value.to_owned()))]
    }

    fn balancer() -> LoadBalancer {
        LoadBalancer {
            id: String::new(),
            name: String::new(),
            kind: Kind::Application,
            internal: false,
            address_type: Default::default(),
            vpc: String::new(),
            zones: Vec::new(),
            security_groups: Vec::new(),
            dns_name: String::new(),
            created_at: 0,
            attributes: Pairs::new(),
            tags: Pairs::new(),
        }
    }

    #[test]
    fn what_is_not_served_is_refused_by_name() {
        let refused =
            |key: &str, value: &str| set_of_load_balancer(&mut balancer(), give(key, value)).unwrap_err();
        assert!(
            refused("connection_logs.s3.enabled", "true").message().contains("connection_logs.s3.enabled")
        );
        assert_eq!(refused("nonsense", "1").query_code(), "InvalidConfigurationRequest");
        assert_eq!(refused("idle_timeout.timeout_seconds", "0").query_code(), "ValidationError");
        let mut set = balancer();
        set_of_load_balancer(&mut set, give("idle_timeout.timeout_seconds", "7")).unwrap();
        let all = all_of_load_balancer(&set);
        assert!(all.contains(&("idle_timeout.timeout_seconds".into(), "7".into())));
        assert!(all.contains(&("deletion_protection.enabled".into(), "false".into())));
        assert_eq!(set.attribute(DENIES), "false");
        assert_eq!(LoadBalancer { internal: true, ..balancer() }.attribute(DENIES), "true");
    }

    fn group(protocol: &str) -> TargetGroup {
        TargetGroup {
            id: String::new(),
            name: String::new(),
            protocol: protocol.to_owned(),
            protocol_version: None,
            port: 80,
            vpc: String::new(),
            target_type: TargetType::Instance,
            address_type: Default::default(),
            check: crate::rules::health_check::usual(protocol, None),
            created_at: 0,
            attributes: Pairs::new(),
            tags: Pairs::new(),
        }
    }

    #[test]
    fn what_is_under_way_ends_with_its_target_by_protocol() {
        let ends = |protocol| {
            [group(protocol).attribute(ENDS_GONE) == "true", group(protocol).attribute(ENDS_ILL) == "true"]
        };
        assert_eq!((ends("TCP"), ends("TLS")), ([false, true], [false, true]));
        assert_eq!((ends("UDP"), ends("TCP_UDP")), ([true, false], [true, false]));
        let set = |protocol, key, value| set_of_target_group(&mut group(protocol), give(key, value));
        assert!(set("TCP", ENDS_ILL, "false").is_ok() && set("UDP", ENDS_GONE, "false").is_ok());
        assert!(set("UDP", ENDS_ILL, "true").is_err() && set("HTTP", ENDS_ILL, "true").is_err());
    }

    #[test]
    fn listeners_word_header_fields() {
        let set = |protocol, given: [(&str, &str); 2]| {
            let mut pairs = Pairs::new();
            let given = given.map(|(key, value)| (Some(key.to_owned()), Some(value.to_owned()))).to_vec();
            set_of_listener(protocol, &mut pairs, given).map(|()| pairs).map_err(|error| error.query_code())
        };
        let frame = "routing.http.response.x_frame_options.header_value";
        let server = ("routing.http.response.server.enabled", "false");
        assert_eq!(set("HTTP", [(frame, "DENY"), server]).unwrap()[frame], "DENY");
        assert_eq!(set("HTTP", [(frame, "deny"), server]), Err("ValidationError"));
        let renamed = (fields::TLS_VERSION, "X-Version");
        assert!(set("HTTPS", [renamed, server]).is_ok());
        assert_eq!(set("HTTP", [renamed, server]), Err("InvalidConfigurationRequest"));
        assert_eq!(
            set("HTTPS", [renamed, (fields::TLS_SUITE, "x-version")]),
            Err("InvalidConfigurationRequest")
        );
        let certificate = ("routing.http.request.x_amzn_mtls_clientcert.header_name", "X-Own");
        assert_eq!(set("HTTPS", [certificate, server]), Err("InvalidConfigurationRequest"));
    }
}
