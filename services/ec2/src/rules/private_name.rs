//! How instances are named inside of their VPC: after their address, or after themselves (EC2 user guide, "EC2 instance
//! hostnames and domains").

use api_ec2 as api;
use kernel::Result;

use super::region::{private_dns_name, private_domain};
use crate::errors;
use crate::state::instance::Instance;
use crate::state::subnet::NameOptions;

const BY_ADDRESS: &str = "ip-name";
const BY_RESOURCE: &str = "resource-name";

/// What is to be otherwise than it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub by_resource: Option<bool>,
    pub a_record: Option<bool>,
    pub aaaa_record: Option<bool>,
}

impl Wish {
    /// The options after it: what is not given stays.
    pub fn over(self, options: NameOptions) -> NameOptions {
        NameOptions {
            by_resource: self.by_resource.unwrap_or(options.by_resource),
            a_record: self.a_record.unwrap_or(options.a_record),
            aaaa_record: self.aaaa_record.unwrap_or(options.aaaa_record),
        }
    }
}

/// # Errors
/// `InvalidParameterValue` for another type than AWS's two.
pub fn check(
    hostname_type: Option<&str>,
    a_record: Option<bool>,
    aaaa_record: Option<bool>,
    parameter: &str,
) -> Result<Wish> {
    let by_resource = match hostname_type {
        None => None,
        Some(BY_ADDRESS) => Some(false),
        Some(BY_RESOURCE) => Some(true),
        Some(other) => return Err(errors::invalid_value(other, parameter)),
    };
    Ok(Wish { by_resource, a_record, aaaa_record })
}

/// What a launch says of it.
///
/// # Errors
/// As [`check`].
pub fn at_launch(given: Option<api::PrivateDnsNameOptionsRequest>) -> Result<Wish> {
    let given = given.unwrap_or_default();
    let (a_record, aaaa_record) =
        (given.enable_resource_name_dns_a_record, given.enable_resource_name_dns_aaaa_record);
    check(given.hostname_type.as_deref(), a_record, aaaa_record, "HostnameType")
}

pub fn hostname_type(options: NameOptions) -> &'static str {
    if options.by_resource { BY_RESOURCE } else { BY_ADDRESS }
}

/// The name an instance bears: `ip-172-31-5-6.ec2.internal`, `i-0123456789abcdef0.ec2.internal`.
pub fn full_name(region: &str, instance: &Instance) -> String {
    if instance.names.by_resource {
        format!("{}.{}", instance.id, private_domain(region))
    } else {
        private_dns_name(region, instance.private_ip)
    }
}

/// As instances show them.
pub fn shown(options: NameOptions) -> api::PrivateDnsNameOptionsResponse {
    api::PrivateDnsNameOptionsResponse {
        hostname_type: Some(hostname_type(options).to_owned()),
        enable_resource_name_dns_a_record: Some(options.a_record),
        enable_resource_name_dns_aaaa_record: Some(options.aaaa_record),
    }
}

/// As a launch template has them.
pub fn of_template(options: NameOptions) -> api::LaunchTemplatePrivateDnsNameOptions {
    api::LaunchTemplatePrivateDnsNameOptions {
        hostname_type: Some(hostname_type(options).to_owned()),
        enable_resource_name_dns_a_record: Some(options.a_record),
        enable_resource_name_dns_aaaa_record: Some(options.aaaa_record),
    }
}

/// As subnets show them.
pub fn shown_on_launch(options: NameOptions) -> api::PrivateDnsNameOptionsOnLaunch {
    api::PrivateDnsNameOptionsOnLaunch {
        hostname_type: Some(hostname_type(options).to_owned()),
        enable_resource_name_dns_a_record: Some(options.a_record),
        enable_resource_name_dns_aaaa_record: Some(options.aaaa_record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_stays() {
        let subnet = NameOptions { by_resource: true, a_record: true, aaaa_record: false };
        assert_eq!(Wish::default().over(subnet), subnet);
        let wish = check(Some("ip-name"), None, Some(true), "x").unwrap();
        let is = wish.over(subnet);
        assert_eq!(is, NameOptions { by_resource: false, a_record: true, aaaa_record: true });
        assert_eq!((hostname_type(is), hostname_type(subnet)), ("ip-name", "resource-name"));
        assert_eq!(check(Some("name"), None, None, "x").unwrap_err().code(), "InvalidParameterValue");
    }
}
