//! Filters of DHCP options.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use kernel::{Result, Scope};

use crate::errors;
use crate::rules::region::private_domain;
use crate::state::dhcp_options::DhcpOptions;

/// The name server that AWS itself provides.
pub const AMAZON: &str = "AmazonProvidedDNS";

/// What stands for no options at all.
pub const NONE: &str = "default";

/// Options as a request gives them. What an instance here cannot be told is refused: more than one name server, and
/// another domain than the region's own.
///
/// # Errors
/// For an option that is unknown, not served, given twice, or without a fitting value.
pub fn check(
    region: &str,
    given: impl Iterator<Item = (Option<String>, Vec<String>)>,
) -> Result<BTreeMap<String, Vec<String>>> {
    let mut options = BTreeMap::new();
    for (key, values) in given {
        let key = key.ok_or_else(|| errors::missing("DhcpConfiguration.Key"))?;
        let fits = match (key.as_str(), values.as_slice()) {
            ("domain-name", [name]) if *name == private_domain(region) => true,
            ("domain-name", [name]) => return Err(errors::unsupported(&format!("The domain {name}"))),
            ("domain-name-servers", [server]) => server == AMAZON || server.parse::<Ipv4Addr>().is_ok(),
            ("domain-name-servers", [_, _, ..]) => {
                return Err(errors::unsupported("More than one name server"));
            }
            ("ntp-servers" | "netbios-name-servers" | "netbios-node-type", _) => {
                return Err(errors::unsupported(&format!("The DHCP option {key}")));
            }
            ("domain-name" | "domain-name-servers", _) => false,
            _ => return Err(errors::dhcp_option_unknown(&key)),
        };
        if !fits || options.insert(key.clone(), values.clone()).is_some() {
            return Err(errors::invalid_value(values.join(", "), &key));
        }
    }
    if options.is_empty() { Err(errors::missing("DhcpConfiguration")) } else { Ok(options) }
}

/// The name server that instances are told of, `amazon` where it is AWS's own.
pub fn name_server(options: &DhcpOptions, amazon: Ipv4Addr) -> Option<String> {
    let server = options.options.get("domain-name-servers")?.first()?;
    Some(if server == AMAZON { amazon.to_string() } else { server.clone() })
}

pub const FILTERS: &[&str] = &["dhcp-options-id", "key", "owner-id", "value"];

/// What options have under the name of a filter.
pub fn values(options: &DhcpOptions, scope: &Scope, name: &str) -> Vec<String> {
    match name {
        "dhcp-options-id" => vec![options.id.to_string()],
        "key" => options.options.keys().cloned().collect(),
        "owner-id" => vec![scope.account.to_string()],
        "value" => options.options.values().flatten().cloned().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_instance_is_told_is_taken() {
        let read = |key: &str, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            check("us-east-1", std::iter::once((Some(key.to_owned()), values)))
        };
        assert!(read("domain-name", &["ec2.internal"]).is_ok());
        assert!(read("domain-name-servers", &["10.0.0.2"]).is_ok());
        assert!(read("domain-name-servers", &[AMAZON]).is_ok());
        for (key, values) in [
            ("domain-name", &["example.com"][..]),
            ("domain-name-servers", &["10.0.0.2", "10.0.0.3"]),
            ("domain-name-servers", &["nonsense"]),
            ("domain-name-servers", &[]),
            ("ntp-servers", &["10.0.0.4"]),
            ("colour", &["red"]),
        ] {
            assert!(read(key, values).is_err(), "{key}");
        }
    }
}
